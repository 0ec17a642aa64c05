//! What a session does in time: keep-alive, stalls, streams that linger.

use std::time::Duration;

use plugwire_yamux::{Config, SessionError};
use support::yamux::{PING, RST, SYN};

use super::pair::{CLIENT, Pair, Read, SERVER};

const SECOND: Duration = Duration::from_secs(1);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn timed_out(pair: &Pair, side: usize) -> bool {
    matches!(
        pair.sides[side].ended(),
        Some(SessionError::KeepAliveTimeout)
    )
}

/// Runs until a side ended, and says when that was.
fn end_of(pair: &mut Pair, side: usize, within: Duration) -> Option<Duration> {
    pair.run_until(within, |pair| pair.sides[side].ended().is_some())
        .then(|| pair.elapsed())
}

#[test]
fn idle_sessions_ping_each_other_every_30_seconds_for_a_day() {
    let mut pair = Pair::with_latency(&Config::default(), millis(80));
    for link in &mut pair.links {
        link.record = true;
    }
    const DAY: u64 = 24 * 3600;
    // The last answer needs a moment more.
    pair.run_for(SECOND * (DAY as u32 + 1));
    for (side, link) in pair.sides.iter().zip(&pair.links) {
        assert!(side.ended().is_none());
        let asked = link.frames.iter().filter(|frame| frame.flags == SYN);
        assert_eq!(asked.count() as u64, DAY / 30);
        assert!(link.frames.iter().all(|frame| frame.kind == PING));
        // Questions and answers, and no other byte.
        assert_eq!(link.sent / 12, 2 * (DAY / 30));
    }
}

#[test]
fn a_peer_whose_answers_are_lost_is_dead_after_40_seconds() {
    for dead in [CLIENT, SERVER] {
        let mut pair = Pair::new(&Config::default());
        pair.links[dead].stopped = true;
        assert_eq!(
            end_of(&mut pair, 1 - dead, SECOND * 1000),
            Some(SECOND * 40)
        );
        assert!(timed_out(&pair, 1 - dead));
        // The dead side's own question arrived nowhere, either.
        assert!(timed_out(&pair, dead));
    }
}

#[test]
fn an_answer_may_take_as_long_as_the_timeout_and_no_longer() {
    // Both ways: just below 10 s, and just above.
    let mut pair = Pair::with_latency(&Config::default(), millis(4_999));
    pair.run_for(SECOND * 10_000);
    assert!(pair.sides.iter().all(|side| side.ended().is_none()));
    let mut pair = Pair::with_latency(&Config::default(), millis(5_001));
    assert_eq!(end_of(&mut pair, CLIENT, SECOND * 1000), Some(SECOND * 40));
    assert!(timed_out(&pair, CLIENT));
}

#[test]
fn a_peer_that_dies_after_hours_is_noticed_within_40_seconds() {
    for hours in [1, 5, 24] {
        let mut pair = Pair::with_latency(&Config::default(), millis(30));
        pair.run_for(SECOND * 3600 * hours + millis(17_321));
        let died = pair.elapsed();
        pair.links[SERVER].stopped = true;
        let end = end_of(&mut pair, CLIENT, SECOND * 1000).unwrap();
        let noticed = end - died;
        assert!(
            noticed <= SECOND * 40 && noticed >= SECOND * 10,
            "{noticed:?}"
        );
    }
}

#[test]
fn without_keep_alive_a_silent_connection_stays() {
    let mut pair = Pair::new(&Config::default().keep_alive(None));
    pair.links[SERVER].stopped = true;
    pair.run_for(SECOND * 1_000_000);
    assert!(pair.sides.iter().all(|side| side.ended().is_none()));
    assert!(pair.links.iter().all(|link| link.sent == 0));
}

/// A connection that takes no byte of what is written ends 10 s later, not 40.
#[test]
fn a_connection_that_stalls_under_load_is_noticed_early() {
    let mut pair = Pair::new(&Config::default());
    let keys = pair.stream(CLIENT);
    pair.links[CLIENT].capacity = 10_000;
    pair.links[CLIENT].stopped = true;
    let stalled = pair.elapsed();
    pair.write(CLIENT, keys[CLIENT], &[7; 200_000]);
    let end = end_of(&mut pair, CLIENT, SECOND * 1000).unwrap() - stalled;
    assert!(end >= SECOND * 10 && end <= millis(11_300), "{end:?}");
    assert!(timed_out(&pair, CLIENT));
}

/// However slow the link is, a session lives as long as it moves, and all bytes arrive.
#[test]
fn a_slow_link_that_moves_is_no_stall() {
    // The server asks no questions: the answers would wait behind the data for too long.
    let silent = Config::default().keep_alive(None);
    let mut pair = Pair::between(&Config::default(), &silent);
    let keys = pair.stream(CLIENT);
    // A megabyte at 400 bytes a second takes three quarters of an hour.
    let link = &mut pair.links[CLIENT];
    (link.bandwidth, link.capacity) = (Some(400), 1000);
    let data = vec![7; 1 << 20];
    let (mut written, mut read) = (0, 0);
    let done = pair.run_until(SECOND * 10_000, |pair| {
        written += pair.write(CLIENT, keys[CLIENT], &data[written..]);
        read += pair.read(SERVER, keys[SERVER], 1 << 20).0.len();
        read == data.len()
    });
    assert!(done, "{read} of {} bytes", data.len());
    let seconds = pair.elapsed().as_secs();
    assert!((2600..2700).contains(&seconds), "{seconds} s");
    assert!(pair.sides.iter().all(|side| side.ended().is_none()));
}

/// A stall that is shorter than the timeout does no harm, however often it happens.
#[test]
fn stalls_that_end_in_time_do_no_harm() {
    let mut pair = Pair::new(&Config::default());
    let keys = pair.stream(SERVER);
    pair.links[SERVER].capacity = 5_000;
    let data = vec![1; 100_000];
    let mut read = 0;
    for _ in 0..200 {
        pair.links[SERVER].stopped = true;
        let mut written = pair.write(SERVER, keys[SERVER], &data);
        pair.run_for(SECOND * 8);
        pair.links[SERVER].stopped = false;
        pair.run_until(SECOND, |pair| {
            written += pair.write(SERVER, keys[SERVER], &data[written..]);
            read += pair.read(CLIENT, keys[CLIENT], 1 << 20).0.len();
            written == data.len()
        });
        pair.settle();
    }
    read += pair.read(CLIENT, keys[CLIENT], 1 << 20).0.len();
    assert_eq!(read, 200 * data.len());
    assert!(pair.sides.iter().all(|side| side.ended().is_none()));
}

#[test]
fn a_dropped_stream_that_the_peer_never_ends_is_reset_after_five_minutes() {
    let mut pair = Pair::new(&Config::default());
    let keys = pair.stream(CLIENT);
    pair.links[CLIENT].record = true;
    pair.run_for(SECOND * 100);
    let now = pair.now;
    pair.sides[CLIENT].drop_stream(now, keys[CLIENT]);
    pair.run_for(SECOND * 300 - millis(1));
    assert_eq!([pair.sides[0].streams(), pair.sides[1].streams()], [1, 1]);
    assert_eq!(pair.read(SERVER, keys[SERVER], 10).1, Read::End);
    pair.run_for(millis(1));
    pair.settle();
    assert_eq!(pair.sides[CLIENT].streams(), 0);
    let resets = pair.links[CLIENT].frames.iter().filter(|f| f.flags == RST);
    assert_eq!(resets.count(), 1);
    let (_, read) = pair.read(SERVER, keys[SERVER], 10);
    assert!(matches!(read, Read::Failed(_)), "{read:?}");
}

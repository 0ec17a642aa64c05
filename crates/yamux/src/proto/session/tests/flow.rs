//! Windows, the queue, and how much is held.

use std::task::Poll;

use super::super::super::frame::{ACK, FIN, Kind, RST, SYN, WINDOW};
use super::super::super::{Event, StreamClosed, Warning};
use super::Side;
use crate::Config;
use crate::error::{Noise, SessionError};
use crate::tuning::{FRAME, HIGH_WATER, WIDE_STREAMS, WIDE_WINDOW};

const UPDATE: Kind = Kind::WindowUpdate;
const HALF: usize = WINDOW as usize / 2;

#[test]
fn a_writer_waits_for_the_window_and_is_woken_once() {
    let mut side = Side::new();
    let key = side.open();
    let data = vec![7; WINDOW as usize];
    let mut sent = 0;
    while let Poll::Ready(n) = side.session.write(key, &data[sent..]) {
        let n = n.unwrap();
        sent += n;
        assert!(n <= FRAME);
        assert_eq!(side.output(), [(Kind::Data, 0, 1, n as u32)]);
        if sent == data.len() {
            break;
        }
    }
    assert_eq!(sent, data.len());
    assert!(side.session.write(key, b"more").is_pending());
    side.update(0, 1, 0);
    assert_eq!(side.events(), []);
    side.update(0, 1, 3);
    assert_eq!(side.events(), [Event::Writable(key)]);
    side.update(0, 1, 3);
    assert_eq!(side.events(), []);
    assert_eq!(side.session.write(key, b"and more"), Poll::Ready(Ok(6)));
    side.output();
    assert_eq!(side.session.write(key, b""), Poll::Ready(Ok(0)));
    assert_eq!(side.output(), []);
}

#[test]
fn too_much_on_streams_that_wait_to_be_accepted_costs_no_other_stream() {
    let mut side = Side::with(Config::default().max_unaccepted(WINDOW as usize));
    let accepted = side.accept(2);
    side.data(0, 2, &[7; WINDOW as usize]);
    for (stream, held) in [(4, HALF), (6, HALF + 1)] {
        side.update(SYN, stream, 0);
        side.data(0, stream, &vec![7; held]);
    }
    assert_eq!(side.output(), [(UPDATE, RST, 6, 0)]);
    assert_eq!(side.read(accepted).0.len(), WINDOW as usize);
}

#[test]
fn a_writer_waits_for_room_in_the_queue() {
    let mut side = Side::new();
    let (one, other) = (side.open(), side.open());
    let block = [7; FRAME];
    let mut sent = 0;
    while let Poll::Ready(n) = side.session.write(one, &block) {
        sent += n.unwrap();
    }
    assert_eq!(sent, HIGH_WATER - FRAME);
    assert!(side.session.write(one, &block).is_pending());
    assert!(side.session.write(other, &block).is_pending());
    assert!(side.session.queued() <= HIGH_WATER);
    side.session.transmitted(side.now, 1);
    assert_eq!(side.events(), []);
    side.session.transmitted(side.now, FRAME);
    assert_eq!(
        side.events(),
        [Event::Writable(one), Event::Writable(other)]
    );
    assert!(side.session.write(one, &block).is_ready());
}

#[test]
fn a_window_update_waits_for_room_in_the_queue() {
    let mut side = Side::new();
    let (read, written) = (side.open(), side.open());
    side.data(0, 1, &[7; HALF]);
    assert_eq!(side.read(read).0.len(), HALF);
    assert!(side.session.has_window_updates() && side.session.has_output());
    side.session.queue_data(written, &[0; FRAME]);
    side.session.queue_data(written, &[0; FRAME]);
    assert!(side.session.poll_transmit().is_some());
    // It is above the limit by the headers.
    assert!(side.session.has_window_updates());
    side.session.transmitted(side.now, FRAME);
    assert!(side.session.poll_transmit().is_some());
    assert!(!side.session.has_window_updates());
}

#[test]
fn a_stream_that_was_dropped_and_a_session_that_ended_grant_no_window() {
    for ends in [false, true] {
        let mut side = Side::new();
        let key = side.open();
        side.data(0, 1, &[7; HALF]);
        assert_eq!(side.read(key).0.len(), HALF);
        assert!(side.session.has_window_updates());
        match ends {
            true => side.session.end(SessionError::Closed),
            false => side.session.drop_stream(side.now, key),
        }
        let granted = side
            .output()
            .into_iter()
            .any(|(kind, flags, ..)| kind == UPDATE && flags == 0);
        assert!(!granted);
    }
}

#[test]
fn a_window_beyond_four_gib_ends_the_session() {
    let mut side = Side::new();
    side.open();
    let error = side.frame(UPDATE, 0, 1, u32::MAX).unwrap_err();
    assert!(matches!(error, SessionError::Protocol(text)
        if text == "its window for stream 1 exceeds 4 GiB"));
    assert_eq!(side.output(), [(Kind::GoAway, 0, 0, 1)]);
}

#[test]
fn data_beyond_the_window_ends_the_session() {
    let mut side = Side::new();
    side.open();
    side.data(0, 1, &[0; HALF]);
    let error = side.frame(Kind::Data, 0, 1, WINDOW / 2 + 1).unwrap_err();
    assert!(matches!(error, SessionError::Protocol(text)
        if text == "it sent 131073 bytes on stream 1, of which it may send 131072"));
    assert_eq!(side.output(), [(Kind::GoAway, 0, 0, 1)]);
}

#[test]
fn a_window_grows_when_half_of_it_was_read() {
    let mut side = Side::new();
    let key = side.accept(2);
    side.data(0, 2, &[0; HALF]);
    let mut buffer = [0; HALF];
    assert_eq!(
        side.session.read(key, &mut buffer[..HALF - 1]),
        Poll::Ready(Ok(HALF - 1))
    );
    assert!(!side.session.has_window_updates());
    assert_eq!(side.output(), []);
    assert!(side.session.read(key, &mut buffer).is_ready());
    assert!(side.session.has_window_updates());
    let credit = WINDOW / 2 + WIDE_WINDOW - WINDOW;
    assert_eq!(side.output(), [(UPDATE, 0, 2, credit)]);
    assert!(!side.session.has_window_updates());
    assert_eq!(side.session.receive_window(key), WIDE_WINDOW);
}

#[test]
fn some_streams_have_a_wide_window_at_a_time() {
    let mut side = Side::new();
    let mut keys = Vec::new();
    for n in 0..=WIDE_STREAMS as u32 {
        let number = 2 * n + 2;
        keys.push(side.accept(number));
        side.data(0, number, &[0; HALF]);
        assert_eq!(side.read(keys[n as usize]).0.len(), HALF);
        side.output();
    }
    let last = keys.pop().unwrap();
    assert_eq!(side.session.receive_window(last), WINDOW);
    assert!(
        keys.iter()
            .all(|key| side.session.receive_window(*key) == WIDE_WINDOW)
    );
    // Another one's place becomes free.
    side.session.reset_stream(keys[0]);
    side.data(0, last.number(), &[0; HALF]);
    assert_eq!(side.read(last).0.len(), HALF);
    side.output();
    assert_eq!(side.session.receive_window(last), WIDE_WINDOW);
}

#[test]
fn no_window_update_is_sent_for_a_stream_that_the_peer_ends() {
    // The rest of the last frame is on its way, or here, or a reset is.
    for end in 0..3 {
        let mut side = Side::new();
        let key = side.accept(2);
        side.data(0, 2, &[0; HALF]);
        assert_eq!(side.read(key).0.len(), HALF);
        match end {
            0 => side.frame(Kind::Data, FIN, 2, 100).unwrap(),
            1 => side.update(FIN, 2, 0),
            _ => side.update(RST, 2, 0),
        }
        assert_eq!(side.output(), []);
    }
}

#[test]
fn the_stream_that_holds_most_is_reset_where_all_hold_too_much() {
    let limit = WINDOW as usize;
    let mut side = Side::with(Config::default().max_buffered(limit));
    let (small, large) = (side.accept(2), side.accept(4));
    side.data(0, 2, &[1; HALF]);
    side.data(0, 4, &vec![2; HALF + 10_000]);
    assert_eq!(side.output(), [(UPDATE, RST, 4, 0)]);
    let [
        Event::Warning(Warning::Unread {
            stream: 4,
            limit: warned,
            more: 0,
            held,
        }),
    ] = side.events()[..]
    else {
        panic!();
    };
    assert!(warned == limit && held > HALF);
    let unread = Poll::Ready(Err(StreamClosed::Unread { limit }));
    assert_eq!(side.read(large), (Vec::new(), unread));
    assert_eq!(side.session.write(large, b"x"), unread);
    // What the peer sends until it reads the RST is thrown away.
    side.data(0, 4, b"late");
    side.update(RST, 4, 0);
    assert_eq!(side.read(large), (Vec::new(), unread));
    assert_eq!(side.read(small).0.len(), HALF);
}

#[test]
fn noise_ends_the_session() {
    // What the peer sends again and again, on an open stream 2.
    let cases: [(Kind, u16, u32, u32, Noise); 5] = [
        (Kind::Ping, SYN, 0, 1, Noise::Pings),
        (Kind::Ping, 0, 0, 1, Noise::Pings),
        (Kind::Data, 0, 2, 0, Noise::EmptyFrames),
        (UPDATE, 0, 2, 0, Noise::EmptyFrames),
        (UPDATE, 0, 99, 1, Noise::UnknownStreams),
    ];
    for (kind, flags, stream, length, expected) in cases {
        let mut side = Side::with(Config::default().max_noise(10));
        side.accept(2);
        for n in 0..100 {
            side.frame(kind, flags, stream, length)
                .unwrap_or_else(|error| panic!("{expected}, {n}: {error}"));
        }
        side.output();
        let error = side.frame(kind, flags, stream, length).unwrap_err();
        assert!(
            matches!(error, SessionError::Noise { noise, per_second: 10 } if noise == expected)
        );
        assert_eq!(side.output().last(), Some(&(Kind::GoAway, 0, 0, 1)));
    }
}

#[test]
fn frames_that_say_something_are_no_noise() {
    let mut side = Side::with(Config::default().max_noise(1));
    for number in (1..401).step_by(2) {
        side.open();
        // Each is more than the 10 frames of noise that are allowed at once.
        side.update(ACK, number, 0);
        side.update(0, number, 1);
        // The peer may reset what this side opened.
        side.update(RST, number, 0);
    }
    for number in (2..202).step_by(2) {
        side.update(SYN, number, 0);
        side.update(FIN, number, 0);
    }
    assert!(side.session.ended().is_none());
}

#[test]
fn a_peer_resets_ten_times_as_many_of_its_streams_as_it_may_send_noise() {
    let mut side = Side::with(Config::default().max_noise(1));
    for number in (2..202).step_by(2) {
        side.accept(number);
        side.update(RST, number, 0);
    }
    side.accept(202);
    let error = side.frame(UPDATE, RST, 202, 0).unwrap_err();
    assert!(matches!(
        error,
        SessionError::Noise {
            noise: Noise::ResetStreams,
            per_second: 10
        }
    ));
}

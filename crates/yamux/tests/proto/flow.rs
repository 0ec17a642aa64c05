//! Windows to the byte, half-closed streams, closing under load.

use std::task::Poll;
use std::time::{Duration, Instant};

use plugwire_yamux::proto::{Event, Session, StreamClosed, StreamKey};
use plugwire_yamux::{Config, OpenError, SessionError};
use support::yamux::{DATA, FIN, PING, SYN, WINDOW, WINDOW_UPDATE, header};

use super::pair::{CLIENT, Pair, Read, SERVER, pattern};

const SECOND: Duration = Duration::from_secs(1);
const HALF: usize = WINDOW as usize / 2;

fn config() -> Config {
    Config::default().keep_alive(None)
}

/// What a stream's window grows to.
const WIDE: usize = 1 << 20;

#[test]
fn a_window_is_used_up_to_the_byte_and_granted_at_half() {
    let mut pair = Pair::new(&config());
    let keys = pair.stream(CLIENT);
    let data = pattern(1, 0..4 << 20);
    assert_eq!(pair.write(CLIENT, keys[CLIENT], &data), WINDOW as usize);
    assert!(pair.events(CLIENT).is_empty());
    // One byte below half: no update.
    pair.links[SERVER].record = true;
    let (mut read, _) = pair.read(SERVER, keys[SERVER], HALF - 1);
    pair.settle();
    assert!(pair.links[SERVER].frames.is_empty());
    assert_eq!(pair.sides[SERVER].receive_window(keys[SERVER]), 0);
    // The byte that makes it half. The window grows with it.
    read.extend(pair.read(SERVER, keys[SERVER], 1).0);
    pair.settle();
    let update = &pair.links[SERVER].frames[0];
    assert_eq!((update.kind, update.flags), (WINDOW_UPDATE, 0));
    assert_eq!(update.length as usize, HALF + WIDE - WINDOW as usize);
    assert_eq!(pair.events(CLIENT), [Event::Writable(keys[CLIENT])]);
    let sent = WINDOW as usize;
    let more = pair.write(CLIENT, keys[CLIENT], &data[sent..]);
    assert_eq!(more, HALF + WIDE - WINDOW as usize);
    // From now on half of the wide window is what matters.
    read.extend(pair.read(SERVER, keys[SERVER], WIDE / 2 - 1).0);
    pair.settle();
    assert_eq!(pair.links[SERVER].frames.len(), 1);
    read.extend(pair.read(SERVER, keys[SERVER], 1).0);
    pair.settle();
    assert_eq!(pair.links[SERVER].frames[1].length as usize, WIDE / 2);
    read.extend(pair.read(SERVER, keys[SERVER], 4 << 20).0);
    assert!(read == data[..sent + more]);
}

#[test]
fn the_first_64_streams_get_a_wide_window_and_others_when_these_end() {
    let mut pair = Pair::new(&config());
    let mut streams: Vec<_> = (0..66).map(|_| pair.stream(CLIENT)).collect();
    let granted = |pair: &mut Pair, keys: [StreamKey; 2]| {
        pair.write(CLIENT, keys[CLIENT], &[0; HALF]);
        pair.read(SERVER, keys[SERVER], HALF);
        pair.settle();
        pair.sides[SERVER].receive_window(keys[SERVER]) as usize
    };
    for (n, keys) in streams.iter().take(64).enumerate() {
        assert_eq!(granted(&mut pair, *keys), WIDE, "stream {n}");
    }
    assert_eq!(granted(&mut pair, streams[64]), WINDOW as usize);
    let [client, server] = streams.remove(0);
    let now = pair.now;
    pair.sides[CLIENT].drop_stream(now, client);
    pair.sides[SERVER].drop_stream(now, server);
    pair.settle();
    assert_eq!(granted(&mut pair, streams[64]), WIDE);
}

#[test]
fn a_half_closed_stream_carries_any_amount_the_other_way() {
    for opener in [CLIENT, SERVER] {
        let mut pair = Pair::with_latency(&config(), Duration::from_millis(5));
        let keys = pair.stream(opener);
        let closer = CLIENT;
        pair.sides[closer].finish(keys[closer]);
        assert!(pair.write(closer, keys[closer], b"").eq(&0));
        let data = pattern(7, 0..10 << 20);
        let (mut written, mut read) = (0, Vec::new());
        pair.run_until(SECOND * 1000, |pair| {
            written += pair.write(1 - closer, keys[1 - closer], &data[written..]);
            read.extend(pair.read(closer, keys[closer], 1 << 20).0);
            read.len() == data.len()
        });
        assert!(read == data, "{} bytes", read.len());
        assert_eq!(pair.read(1 - closer, keys[1 - closer], 1).1, Read::End);
        pair.sides[1 - closer].finish(keys[1 - closer]);
        pair.run_for(SECOND);
        assert_eq!(pair.read(closer, keys[closer], 1).1, Read::End);
        let now = pair.now;
        for side in [CLIENT, SERVER] {
            pair.sides[side].drop_stream(now, keys[side]);
            assert_eq!(pair.sides[side].streams(), 0);
        }
    }
}

/// What was written before the close arrives, and then the end of the session.
#[test]
fn closing_under_load_loses_no_byte_that_was_written() {
    const SIZE: usize = 10_000;
    let mut pair = Pair::new(&config());
    let streams: Vec<_> = (0..20).map(|n| pair.stream(n % 2)).collect();
    for link in &mut pair.links {
        link.bandwidth = Some(1_000_000);
        link.capacity = 3_000;
    }
    // More than the link and the queue hold, so that some writers wait.
    let mut written = Vec::new();
    for (n, keys) in streams.iter().enumerate() {
        let data = pattern(n as u32, 0..SIZE);
        written.push(pair.write(CLIENT, keys[CLIENT], &data));
    }
    let total: usize = written.iter().sum();
    assert!(total > 100_000 && written.contains(&0), "{written:?}");
    pair.sides[CLIENT].start_close(SessionError::Closed);
    let flushed = pair.run_until(SECOND * 10, |pair| !pair.sides[CLIENT].has_output());
    assert!(flushed);
    pair.sides[CLIENT].end(SessionError::Closed);
    pair.run_for(SECOND * 10);
    assert!(matches!(
        pair.sides[SERVER].ended(),
        Some(SessionError::PeerClosed)
    ));
    for (n, keys) in streams.iter().enumerate() {
        let (read, end) = pair.read(SERVER, keys[SERVER], 1 << 20);
        assert!(read == pattern(n as u32, 0..written[n]), "stream {n}");
        assert_eq!(end, Read::Failed(StreamClosed::SessionEnded));
    }
    // Those that waited are woken, once each.
    let waited = written.iter().filter(|n| **n < SIZE).count();
    let events = pair.events(CLIENT);
    let woken = events
        .iter()
        .filter(|event| matches!(event, Event::Writable(_)));
    assert_eq!(woken.count(), waited, "{events:?}");
}

#[test]
fn a_finished_stream_sends_one_fin_and_no_data_behind_it() {
    let mut pair = Pair::new(&config());
    let keys = pair.stream(CLIENT);
    pair.links[CLIENT].record = true;
    pair.write(CLIENT, keys[CLIENT], b"last");
    for _ in 0..3 {
        pair.sides[CLIENT].finish(keys[CLIENT]);
    }
    pair.settle();
    let now = pair.now;
    pair.sides[CLIENT].drop_stream(now, keys[CLIENT]);
    pair.settle();
    let kinds: Vec<_> = pair.links[CLIENT]
        .frames
        .iter()
        .map(|frame| (frame.kind, frame.flags))
        .collect();
    assert_eq!(kinds, [(DATA, 0), (WINDOW_UPDATE, FIN)]);
}

#[test]
fn a_peer_that_goes_away_gets_no_streams_and_keeps_those_it_has() {
    let mut pair = Pair::new(&config());
    let keys = pair.stream(CLIENT);
    pair.sides[SERVER].go_away();
    pair.settle();
    assert!(matches!(
        pair.sides[CLIENT].open(),
        Poll::Ready(Err(OpenError::GoAway))
    ));
    // The other way streams are opened as before.
    pair.stream(SERVER);
    pair.write(CLIENT, keys[CLIENT], b"on we go");
    assert_eq!(pair.read(SERVER, keys[SERVER], 100).0, b"on we go");
}

#[test]
fn streams_wait_for_acknowledgements_and_each_one_lets_another_be_opened() {
    let mut pair = Pair::new(&config().accept_backlog(1000));
    for _ in 0..256 {
        assert!(pair.sides[CLIENT].open().is_ready());
    }
    assert!(pair.sides[CLIENT].open().is_pending());
    pair.settle();
    assert!(pair.events(CLIENT).is_empty());
    assert!(pair.sides[SERVER].accept().is_ready());
    pair.settle();
    assert_eq!(pair.events(CLIENT), [Event::Openable]);
    assert!(pair.sides[CLIENT].open().is_ready());
    assert!(pair.sides[CLIENT].open().is_pending());
}

#[test]
fn a_dropped_stream_is_reset_when_its_window_is_used_up() {
    let mut pair = Pair::new(&config());
    let keys = pair.stream(CLIENT);
    let now = pair.now;
    pair.sides[CLIENT].drop_stream(now, keys[CLIENT]);
    let data = vec![1; WINDOW as usize];
    let less = WINDOW as usize - 1;
    assert_eq!(pair.write(SERVER, keys[SERVER], &data[..less]), less);
    assert_eq!(pair.sides[CLIENT].streams(), 1);
    assert_eq!(pair.write(SERVER, keys[SERVER], &data[..1]), 1);
    pair.settle();
    assert_eq!(pair.sides[CLIENT].streams(), 0);
    assert_eq!(
        pair.sides[SERVER].write(keys[SERVER], b"x"),
        Poll::Ready(Err(StreamClosed::Reset))
    );
}

#[test]
fn a_write_of_no_bytes_waits_for_no_window() {
    let mut pair = Pair::new(&config());
    let [key, _] = pair.stream(CLIENT);
    let window = vec![0; WINDOW as usize];
    pair.write(CLIENT, key, &window);
    let client = &mut pair.sides[CLIENT];
    assert_eq!(client.write(key, b""), Poll::Ready(Ok(0)));
    assert_eq!(client.poll_capacity(key, 0), Poll::Ready(Ok(0)));
    assert!(client.poll_capacity(key, 1).is_pending());
}

#[test]
fn a_connection_is_blocked_from_when_it_says_so_until_it_says_otherwise() {
    let mut pair = Pair::new(&config());
    let (client, now) = (&mut pair.sides[CLIENT], pair.now);
    assert!(!client.is_transmit_blocked());
    client.transmit_blocked(now);
    assert!(client.is_transmit_blocked());
    client.transmit_unblocked();
    assert!(!client.is_transmit_blocked());
}

/// No stream is opened or accepted above 256 KiB of frames that wait. Room is worth an event.
#[test]
fn streams_wait_for_room_in_the_queue() {
    let mut pair = Pair::new(&config().max_noise(u32::MAX));
    pair.links[CLIENT].stopped = true;
    pair.links[CLIENT].capacity = 0;
    let now = pair.now;
    let client = &mut pair.sides[CLIENT];
    const PINGS: usize = 256 * 1024 / 12;
    let pings = header(PING, SYN, 0, 1).repeat(PINGS);
    client.handle_input(now, &pings).unwrap();
    // Just below the limit.
    assert!(client.has_room_for_streams() && client.open().is_ready());
    assert!(client.open().is_pending());
    client
        .handle_input(now, &header(WINDOW_UPDATE, SYN, 2, 0))
        .unwrap();
    assert!(client.accept().is_pending());
    assert_eq!(client.poll_event(), None);
    // The peer takes one frame, and then another one.
    client.transmitted(now, 11);
    assert_eq!(client.poll_event(), Some(Event::Openable));
    assert_eq!(client.poll_event(), Some(Event::Acceptable));
    assert_eq!(client.poll_event(), None);
    assert!(client.accept().is_ready());
}

/// A peer that has finished a stream needs no window, and may know the stream no more.
#[test]
fn no_window_is_granted_on_a_stream_that_the_peer_has_finished() {
    // The end comes behind the data, or with the frame of which the rest is on its way.
    for with_data in [false, true] {
        let now = Instant::now();
        let mut session = Session::server(config(), now);
        let frame = header(WINDOW_UPDATE, SYN, 1, 0);
        session.handle_input(now, &frame).unwrap();
        let Poll::Ready(Ok(key)) = session.accept() else {
            panic!("no stream");
        };
        let half = vec![0; HALF];
        let take_output = |session: &mut Session| {
            let mut sent = Vec::new();
            while let Some(bytes) = session.poll_transmit() {
                sent.extend_from_slice(bytes);
                let n = bytes.len();
                session.transmitted(now, n);
            }
            sent
        };
        take_output(&mut session);
        match with_data {
            true => {
                let length = HALF as u32 + 1;
                let frame = [&header(DATA, FIN, 1, length)[..], &half].concat();
                session.handle_input(now, &frame).unwrap();
            }
            false => {
                let frame = [&header(DATA, 0, 1, HALF as u32)[..], &half].concat();
                session.handle_input(now, &frame).unwrap();
                let frame = header(WINDOW_UPDATE, FIN, 1, 0);
                session.handle_input(now, &frame).unwrap();
            }
        }
        let mut buffer = vec![0; HALF];
        assert_eq!(session.read(key, &mut buffer), Poll::Ready(Ok(HALF)));
        assert_eq!(take_output(&mut session), b"", "with data: {with_data}");
    }
}

//! A connection that is cut at any byte, or on which any byte is changed.

use std::task::Poll;
use std::time::Duration;

use plugwire_yamux::proto::{StreamClosed, StreamKey};
use plugwire_yamux::{Config, SessionError};

use super::pair::{CLIENT, Pair, Read, SERVER, pattern};

const SECOND: Duration = Duration::from_secs(1);

/// How many bytes the conversation carries on each stream.
const SIZES: [usize; 3] = [1, 40, 300];

/// What became of a conversation.
struct Outcome {
    pair: Pair,
    /// What the server read on each stream that it accepted, and how that ended.
    read: Vec<(Vec<u8>, Read)>,
    /// Whether the client's FIN of each stream was written.
    finished: bool,
}

/// The client opens streams, writes and finishes them. The server accepts and reads them, and
/// answers each with one byte.
fn converse(mut pair: Pair) -> Outcome {
    let mut opened = Vec::new();
    for (n, size) in SIZES.into_iter().enumerate() {
        if let Poll::Ready(Ok(key)) = pair.sides[CLIENT].open() {
            let _ = pair.sides[CLIENT].write(key, &pattern(n as u32, 0..size));
            pair.sides[CLIENT].finish(key);
            opened.push(key);
        }
        pair.settle();
    }
    let mut accepted: Vec<StreamKey> = Vec::new();
    let mut read: Vec<(Vec<u8>, Read)> = Vec::new();
    // Longer than keep-alive takes to notice anything.
    pair.run_until(SECOND * 100, |pair| {
        while let Poll::Ready(Ok(key)) = pair.sides[SERVER].accept() {
            accepted.push(key);
            read.push((Vec::new(), Read::Open));
            let _ = pair.sides[SERVER].write(key, b"!");
        }
        for (key, (data, end)) in accepted.iter().zip(&mut read) {
            if *end == Read::Open {
                let (more, now) = pair.read(SERVER, *key, 1 << 16);
                data.extend(more);
                *end = now;
            }
        }
        false
    });
    for (side, keys) in [(CLIENT, opened), (SERVER, accepted)] {
        for key in keys {
            let now = pair.now;
            pair.sides[side].drop_stream(now, key);
        }
    }
    // Longer than a stream lingers.
    pair.run_for(SECOND * 400);
    Outcome {
        pair,
        read,
        finished: true,
    }
}

#[test]
fn undisturbed_all_arrives() {
    let outcome = converse(Pair::with_latency(&Config::default(), SECOND));
    assert_eq!(outcome.read.len(), SIZES.len());
    assert!(outcome.finished);
    for (n, (data, end)) in outcome.read.iter().enumerate() {
        assert_eq!(*data, pattern(n as u32, 0..SIZES[n]));
        assert_eq!(*end, Read::End);
    }
    for side in &outcome.pair.sides {
        assert_eq!((side.streams(), side.queued()), (0, 0));
        assert!(side.ended().is_none());
    }
}

/// How many bytes the conversation takes, each way.
fn lengths() -> [u64; 2] {
    let mut pair = Pair::new(&Config::default());
    pair.run_for(Duration::ZERO);
    converse(pair).pair.links.map(|link| link.sent)
}

/// Whatever was lost, what was read is the beginning of what was sent, and an end of file is read
/// only where all of it was.
#[test]
fn a_connection_cut_at_any_byte_gives_a_beginning_and_an_error() {
    let lengths = lengths();
    for side in [CLIENT, SERVER] {
        for cut in 0..lengths[side] {
            let mut pair = Pair::new(&Config::default());
            pair.links[side].cut_at = Some(cut);
            if cut == 0 {
                let now = pair.now;
                pair.links[side].end(now);
            }
            let outcome = converse(pair);
            for (n, (data, end)) in outcome.read.iter().enumerate() {
                let whole = pattern(n as u32, 0..SIZES[n]);
                assert!(whole.starts_with(data), "cut at {cut}, stream {n}");
                match end {
                    Read::End => assert_eq!(*data, whole, "cut at {cut}, stream {n}"),
                    Read::Failed(StreamClosed::SessionEnded) => {}
                    other => panic!("cut at {cut}, stream {n}: {other:?}"),
                }
            }
            for (which, session) in outcome.pair.sides.iter().enumerate() {
                let ended = session.ended();
                let expected = [SessionError::PeerClosed, SessionError::KeepAliveTimeout];
                assert!(
                    ended.is_some_and(|ended| expected
                        .iter()
                        .any(|error| error.to_string() == ended.to_string())),
                    "cut at {cut}, side {which}: {ended:?}"
                );
                assert_eq!(session.streams(), 0, "cut at {cut}");
                assert_eq!(session.poll_timeout(), None);
            }
        }
    }
}

/// Any byte may change to any other: no panic, no work without end, and no stream is left over.
#[test]
fn a_changed_byte_ends_in_order() {
    let lengths = lengths();
    for side in [CLIENT, SERVER] {
        for place in 0..lengths[side] {
            for bits in [0x01, 0x02, 0x04, 0x08, 0x80, 0xff] {
                let mut pair = Pair::new(&Config::default());
                pair.links[side].flip = Some((place, bits));
                let outcome = converse(pair);
                let changed = format!("byte {place} of {side} changed by {bits:#x}");
                let whole_session = outcome.pair.sides.iter().all(|s| s.ended().is_none());
                for session in &outcome.pair.sides {
                    // A stream whose end was lost is reset, sooner or later, or its session is
                    // over.
                    assert!(session.streams() <= 1, "{changed}: {}", session.streams());
                    if !whole_session {
                        assert!(session.ended().is_some(), "{changed}");
                        assert_eq!(session.poll_timeout(), None, "{changed}");
                    }
                }
                for (data, _) in &outcome.read {
                    assert!(
                        data.len() <= 12 + SIZES.iter().sum::<usize>() + 600,
                        "{changed}"
                    );
                }
            }
        }
    }
}

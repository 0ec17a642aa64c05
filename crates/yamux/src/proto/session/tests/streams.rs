//! Streams come and go.

use std::task::Poll;
use std::time::Duration;

use super::super::super::frame::{ACK, FIN, Kind, RST, SYN, UNACKNOWLEDGED, WINDOW};
use super::super::super::{Event, StreamClosed, StreamKey, Warning};
use super::Side;
use crate::Config;
use crate::error::{OpenError, SessionError};

const UPDATE: Kind = Kind::WindowUpdate;
const FIVE_MINUTES: Duration = Duration::from_secs(300);

#[test]
fn opening_and_accepting_send_an_empty_window_update() {
    let mut side = Side::new();
    let Poll::Ready(Ok(opened)) = side.session.open() else {
        panic!();
    };
    assert_eq!(opened.number(), 1);
    assert!(side.session.has_new_streams());
    assert_eq!(side.output(), [(UPDATE, SYN, 1, 0)]);
    assert!(!side.session.has_new_streams());
    assert!(side.session.accept().is_pending());
    side.update(SYN, 2, 0);
    assert_eq!(side.events(), [Event::Acceptable]);
    let Poll::Ready(Ok(accepted)) = side.session.accept() else {
        panic!();
    };
    assert_eq!(side.output(), [(UPDATE, ACK, 2, 0)]);
    assert_eq!((accepted.number(), side.session.streams()), (2, 2));
}

#[test]
fn opening_waits_for_the_peers_ack() {
    for flags in [ACK, RST] {
        let mut side = Side::new();
        for _ in 0..UNACKNOWLEDGED {
            side.open();
        }
        assert!(side.session.open().is_pending());
        side.update(ACK, 99_999, 0);
        assert_eq!(side.events(), []);
        side.update(flags, 1, 0);
        assert_eq!(side.events(), [Event::Openable]);
        assert!(side.session.open().is_ready());
        assert!(side.session.open().is_pending());
        // An ACK counts once.
        side.update(ACK | SYN, 2, 0);
        side.events();
        side.frame(UPDATE, ACK, 1, 0).unwrap();
        assert_eq!(side.events(), []);
    }
}

#[test]
fn a_stream_that_is_given_up_needs_no_ack() {
    let mut side = Side::new();
    let keys: Vec<_> = (0..UNACKNOWLEDGED).map(|_| side.open()).collect();
    assert!(side.session.open().is_pending());
    side.session.reset_stream(keys[7]);
    assert_eq!(side.events(), [Event::Openable]);
    assert!(side.session.open().is_ready());
}

#[test]
fn opening_fails_where_no_stream_can_be() {
    let mut side = Side::with(Config::default().max_streams(4));
    for _ in 0..4 {
        side.open();
    }
    assert!(matches!(
        side.session.open(),
        Poll::Ready(Err(OpenError::TooManyStreams { open: 4 }))
    ));
    side.frame(Kind::GoAway, 0, 0, 0).unwrap();
    assert!(matches!(
        side.session.open(),
        Poll::Ready(Err(OpenError::GoAway))
    ));
    let mut side = Side::new();
    side.session.next_number = u32::MAX;
    assert!(matches!(
        side.session.open(),
        Poll::Ready(Err(OpenError::Exhausted))
    ));
    side.session.end(SessionError::Closed);
    assert!(matches!(
        side.session.open(),
        Poll::Ready(Err(OpenError::Session(SessionError::Closed)))
    ));
}

#[test]
fn a_full_queue_keeps_streams_from_being_opened_and_accepted() {
    let mut side = Side::new();
    let keys: Vec<_> = (0..5).map(|_| side.open()).collect();
    side.update(SYN, 2, 0);
    for key in keys {
        side.session.queue_data(key, &[0; 64 * 1024]);
    }
    assert!(side.session.open().is_pending());
    assert!(side.session.accept().is_pending());
    assert_eq!(side.events(), []);
    side.output();
    assert_eq!(side.events(), [Event::Openable, Event::Acceptable]);
    assert!(side.session.open().is_ready() && side.session.accept().is_ready());
}

#[test]
fn the_one_that_waits_for_room_is_woken_when_there_is_some() {
    for opens in [true, false] {
        let mut side = Side::new();
        let keys: Vec<_> = (0..5).map(|_| side.open()).collect();
        side.update(SYN, 2, 0);
        side.events();
        for key in keys {
            side.session.queue_data(key, &[0; 64 * 1024]);
        }
        let (waits, event) = match opens {
            true => (side.session.open().is_pending(), Event::Openable),
            false => (side.session.accept().is_pending(), Event::Acceptable),
        };
        assert!(waits);
        // The queue is still too full.
        side.session.transmitted(side.now, 1);
        assert_eq!(side.events(), []);
        let left = side.session.queued();
        side.session.transmitted(side.now, left);
        assert_eq!(side.events(), [event]);
    }
}

#[test]
fn output_that_is_discarded_makes_room() {
    let mut side = Side::new();
    assert!(!side.session.has_output());
    let keys: Vec<_> = (0..5).map(|_| side.open()).collect();
    for key in keys {
        side.session.queue_data(key, &[0; 64 * 1024]);
    }
    assert!(side.session.has_output());
    assert!(side.session.open().is_pending());
    side.session.discard_output();
    assert!(!side.session.has_output());
    assert_eq!(side.session.queued(), 0);
    assert_eq!(side.events(), [Event::Openable]);
    assert_eq!(side.output(), []);
}

#[test]
fn streams_too_many_are_refused() {
    for (config, why) in [
        (Config::default().max_streams(4), "too many streams"),
        (Config::default().accept_backlog(4), "backlog exceeded"),
    ] {
        let mut side = Side::with(config);
        for stream in [2, 4, 6, 8] {
            side.update(SYN, stream, 0);
        }
        assert_eq!(side.output(), []);
        side.data(SYN, 10, b"hello");
        side.update(SYN, 12, 0);
        assert_eq!(side.output(), [(UPDATE, RST, 10, 0), (UPDATE, RST, 12, 0)]);
        // The second one within ten seconds is not worth a warning.
        let refused = |stream, more| Event::Warning(Warning::Refused { stream, why, more });
        assert_eq!(side.events(), [refused(10, 0)]);
        side.now += Duration::from_secs(11);
        side.update(SYN, 14, 0);
        assert_eq!(side.events(), [refused(14, 1)]);
        assert_eq!(side.session.streams(), 4);
    }
}

#[test]
fn a_stream_that_the_peer_has_no_right_to_open_ends_the_session() {
    for (stream, text) in [
        (0, "it opened stream 0, which is not its to open"),
        (1, "it opened stream 1, which is not its to open"),
        (2, "it opened stream 2 twice"),
    ] {
        let mut side = Side::new();
        side.update(SYN, 2, 0);
        let error = side.frame(UPDATE, SYN, stream, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the peer does not speak yamux: {text}")
        );
        assert_eq!(side.output(), [(Kind::GoAway, 0, 0, 1)]);
        assert!(side.session.ended().is_some());
        assert!(side.frame(UPDATE, SYN, 4, 0).is_err());
    }
}

/// What becomes of a stream that was opened here and acknowledged, after the peer sent `flags`.
fn after(flags: u16) -> (Side, StreamKey) {
    let mut side = Side::new();
    let key = side.open();
    side.update(ACK | flags, 1, 0);
    (side, key)
}

#[test]
fn finishing_sends_fin_once_and_not_to_a_peer_that_reset() {
    for (flags, fin) in [(0, true), (FIN, true), (RST, false)] {
        let (mut side, key) = after(flags);
        side.session.finish(key);
        let expected: &[_] = if fin { &[(UPDATE, FIN, 1, 0)] } else { &[] };
        assert_eq!(side.output(), expected);
        side.session.finish(key);
        assert_eq!(side.output(), []);
    }
}

#[test]
fn resetting_sends_rst_unless_the_stream_is_over() {
    // What the peer sent, whether this side finished; whether RST goes out.
    for (flags, finished, rst) in [
        (0, false, true),
        (0, true, true),
        (FIN, false, true),
        (FIN, true, false),
        (RST, false, false),
        (RST, true, false),
    ] {
        let (mut side, key) = after(flags);
        if finished {
            side.session.finish(key);
            side.output();
        }
        side.session.reset_stream(key);
        let expected: &[_] = if rst { &[(UPDATE, RST, 1, 0)] } else { &[] };
        assert_eq!(side.output(), expected, "{flags} {finished}");
        assert_eq!(side.session.streams(), 0);
        side.session.reset_stream(key);
        side.session.drop_stream(side.now, key);
        side.session.finish(key);
        assert_eq!(side.output(), []);
    }
}

#[test]
fn a_reset_wakes_those_that_wait() {
    for by_peer in [false, true] {
        let mut side = Side::new();
        let key = side.open();
        assert!(side.session.read(key, &mut [0]).is_pending());
        side.session.watch_writer(key);
        match by_peer {
            true => side.update(RST, 1, 0),
            false => side.session.reset_stream(key),
        }
        assert_eq!(
            side.events(),
            [Event::Readable(key), Event::Writable(key)],
            "by the peer: {by_peer}"
        );
        let closed = match by_peer {
            true => StreamClosed::Reset,
            false => StreamClosed::SessionEnded,
        };
        assert_eq!(side.session.read(key, &mut [0]), Poll::Ready(Err(closed)));
        assert_eq!(side.session.write(key, b"x"), Poll::Ready(Err(closed)));
    }
}

#[test]
fn a_dropped_stream_lingers_until_the_peer_ends_it() {
    // What the peer sent before the stream was dropped, and what ends it afterwards.
    for (before, afterwards) in [(0, FIN), (0, RST), (FIN, 0), (RST, 0)] {
        let (mut side, key) = after(before);
        side.session.drop_stream(side.now, key);
        assert_eq!(side.output().len(), usize::from(before != RST));
        let lingers = afterwards != 0;
        assert_eq!(side.session.streams(), usize::from(lingers));
        if lingers {
            side.data(0, 1, b"thrown away");
            assert_eq!(side.session.streams(), 1);
            side.update(afterwards, 1, 0);
            assert_eq!(side.session.streams(), 0);
        }
        assert_eq!(side.output(), []);
        side.wait(FIVE_MINUTES);
        let pings_only = |(kind, ..): &(Kind, u16, u32, u32)| *kind == Kind::Ping;
        assert!(side.output().iter().all(pings_only));
    }
}

#[test]
fn a_dropped_stream_that_the_peer_does_not_end_is_reset_in_time() {
    let mut side = Side::with(Config::default().keep_alive(None));
    let key = side.open();
    side.session.drop_stream(side.now, key);
    assert_eq!(side.output(), [(UPDATE, FIN, 1, 0)]);
    assert_eq!(side.session.poll_timeout(), Some(side.now + FIVE_MINUTES));
    side.wait(FIVE_MINUTES - Duration::from_nanos(1));
    assert_eq!(side.output(), []);
    side.wait(Duration::from_nanos(1));
    assert_eq!(side.output(), [(UPDATE, RST, 1, 0)]);
    assert_eq!(side.session.streams(), 0);
    assert_eq!(side.session.poll_timeout(), None);
}

#[test]
fn a_dropped_stream_is_reset_when_its_window_is_used_up_and_all_input_was_seen() {
    for (used_up_before, finishes) in [(false, false), (false, true), (true, false)] {
        let mut side = Side::new();
        let key = side.open();
        let all = vec![0; WINDOW as usize];
        if used_up_before {
            side.data(0, 1, &all);
        }
        side.session.drop_stream(side.now, key);
        assert_eq!(side.output(), [(UPDATE, FIN, 1, 0)]);
        if !used_up_before {
            side.data(0, 1, &all);
        }
        // The peer's FIN may have come along with the last data.
        if finishes {
            side.update(FIN, 1, 0);
        }
        side.session.input_drained();
        let expected: &[_] = if finishes {
            &[]
        } else {
            &[(UPDATE, RST, 1, 0)]
        };
        assert_eq!(side.output(), expected);
        assert_eq!(side.session.streams(), 0);
    }
}

#[test]
fn a_stream_may_be_dropped_in_the_middle_of_a_frame() {
    for finish in [false, true] {
        let mut side = Side::new();
        let key = side.open();
        let flags = if finish { FIN } else { 0 };
        side.frame(Kind::Data, flags, 1, 10).unwrap();
        side.session.handle_input(side.now, b"12345").unwrap();
        side.session.drop_stream(side.now, key);
        assert_eq!(side.session.streams(), usize::from(!finish));
        // The rest is no header.
        side.session.handle_input(side.now, b"67890").unwrap();
        side.update(SYN, 2, 0);
        assert!(side.session.accept().is_ready());
    }
}

#[test]
fn the_end_of_file_comes_behind_the_data() {
    let mut side = Side::new();
    let key = side.accept(2);
    assert!(side.session.read(key, &mut [0]).is_pending());
    side.data(0, 2, b"hel");
    assert_eq!(side.events(), [Event::Readable(key)]);
    side.data(FIN, 2, b"lo");
    assert_eq!(side.read(key), (b"hello".to_vec(), Poll::Ready(Ok(0))));
    // No read was pending.
    assert_eq!(side.events(), []);
}

#[test]
fn a_reset_comes_behind_the_data() {
    let mut side = Side::new();
    let key = side.accept(2);
    side.data(0, 2, b"hello");
    side.update(RST, 2, 0);
    let reset = Poll::Ready(Err(StreamClosed::Reset));
    assert_eq!(side.read(key), (b"hello".to_vec(), reset));
}

#[test]
fn a_stream_that_was_reset_before_it_was_accepted_is_accepted_in_silence() {
    let mut side = Side::new();
    side.data(SYN, 2, b"bye");
    side.update(RST, 2, 0);
    let Poll::Ready(Ok(key)) = side.session.accept() else {
        panic!();
    };
    assert_eq!(side.output(), []);
    let reset = Poll::Ready(Err(StreamClosed::Reset));
    assert_eq!(side.read(key), (b"bye".to_vec(), reset));
}

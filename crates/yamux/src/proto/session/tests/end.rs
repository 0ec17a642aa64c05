//! Keep-alive, and the end of a session.

use std::task::Poll;
use std::time::Duration;

use super::super::super::frame::{ACK, GO_AWAY_NORMAL, Kind, SYN};
use super::super::super::{Event, StreamClosed};
use super::Side;
use crate::Config;
use crate::error::{OpenError, SessionError};

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);

#[test]
fn a_peer_that_answers_pings_is_alive() {
    let mut side = Side::new();
    for number in 0..10 {
        let due = side.session.poll_timeout().unwrap();
        side.now = due;
        side.session.handle_timeout(due);
        assert_eq!(side.output(), [(Kind::Ping, SYN, 0, number)]);
        assert_eq!(side.session.poll_timeout(), Some(due + TIMEOUT));
        side.frame(Kind::Ping, ACK, 0, number).unwrap();
        assert_eq!(side.session.poll_timeout(), Some(due + INTERVAL));
    }
    assert!(side.session.ended().is_none());
}

#[test]
fn a_peer_that_does_not_answer_is_dead_whatever_else_it_sends() {
    let mut side = Side::new();
    side.wait(INTERVAL);
    side.output();
    // Neither an answer to another ping nor data is a sign of life.
    side.frame(Kind::Ping, ACK, 0, 7).unwrap();
    side.data(SYN, 2, b"hello");
    side.wait(TIMEOUT);
    assert!(matches!(
        side.session.ended(),
        Some(SessionError::KeepAliveTimeout)
    ));
    assert_eq!(side.session.poll_timeout(), None);
    // It is the end of all that is tried later, but of no other reason.
    side.session.end(SessionError::PeerClosed);
    side.wait(TIMEOUT);
    assert!(matches!(
        side.session.ended(),
        Some(SessionError::KeepAliveTimeout)
    ));
}

#[test]
fn a_peer_has_more_time_while_input_is_unread() {
    let mut side = Side::new();
    side.wait(INTERVAL);
    side.output();
    side.session.set_unread_input(true);
    side.wait(TIMEOUT);
    assert!(side.session.ended().is_none());
    side.session.set_unread_input(false);
    side.wait(TIMEOUT);
    assert!(matches!(
        side.session.ended(),
        Some(SessionError::KeepAliveTimeout)
    ));
}

#[test]
fn the_peers_pings_are_answered() {
    let mut side = Side::new();
    for number in [0, 1, u32::MAX] {
        side.frame(Kind::Ping, SYN, 0, number).unwrap();
        assert_eq!(side.output(), [(Kind::Ping, ACK, 0, number)]);
    }
}

#[test]
fn a_connection_that_takes_no_bytes_ends_the_session() {
    let mut side = Side::new();
    let key = side.open();
    side.session.queue_data(key, b"hello");
    assert!(side.session.transmit_blocked(side.now));
    assert!(side.session.is_transmit_blocked());
    let mut waited = Duration::ZERO;
    while side.session.ended().is_none() {
        let due = side.session.poll_timeout().unwrap();
        waited += due - side.now;
        side.wait(due - side.now);
    }
    assert_eq!(waited, TIMEOUT);
}

#[test]
fn all_that_wait_are_woken_at_the_end() {
    let mut side = Side::new();
    let (reader, writer) = (side.open(), side.open());
    let lingering = side.open();
    side.data(0, 1, b"left");
    assert_eq!(side.read(reader), (b"left".to_vec(), Poll::Pending));
    side.session.watch_writer(writer);
    side.session.drop_stream(side.now, lingering);
    assert!(side.session.accept().is_pending());
    side.session.end(SessionError::PeerClosed);
    assert_eq!(
        side.events(),
        [
            Event::Readable(reader),
            Event::Writable(writer),
            Event::Acceptable
        ]
    );
    let ended = StreamClosed::SessionEnded;
    assert_eq!(side.session.read(reader, &mut [0]), Poll::Ready(Err(ended)));
    assert_eq!(side.session.write(writer, b"x"), Poll::Ready(Err(ended)));
    assert!(matches!(
        side.session.open(),
        Poll::Ready(Err(OpenError::Session(SessionError::PeerClosed)))
    ));
    assert!(matches!(
        side.session.accept(),
        Poll::Ready(Err(SessionError::PeerClosed))
    ));
    assert_eq!(side.session.streams(), 2);
    side.session.drop_stream(side.now, reader);
    side.session.reset_stream(writer);
    assert_eq!(side.session.streams(), 0);
}

#[test]
fn what_had_arrived_can_be_read_after_the_end() {
    let mut side = Side::new();
    side.data(SYN, 2, b"first");
    side.data(SYN | super::super::super::frame::FIN, 4, b"second");
    side.session.end(SessionError::PeerClosed);
    let ended = Poll::Ready(Err(StreamClosed::SessionEnded));
    for (text, end) in [("first", ended), ("second", Poll::Ready(Ok(0)))] {
        let Poll::Ready(Ok(key)) = side.session.accept() else {
            panic!();
        };
        assert_eq!(side.read(key), (text.as_bytes().to_vec(), end));
    }
}

#[test]
fn the_reason_for_closing_is_the_reason_of_the_end() {
    let mut side = Side::new();
    let reason = SessionError::ClientDropped {
        plugin: "plugin kv".into(),
    };
    side.session.start_close(reason);
    side.session.start_close(SessionError::Closed);
    assert!(side.session.ended().is_none());
    assert!(
        side.session
            .handle_input(side.now, b"HTTP/1.1 400")
            .is_err()
    );
    for said in [side.session.closing(), side.session.ended()] {
        assert!(matches!(said, Some(SessionError::ClientDropped { .. })));
    }
}

#[test]
fn a_session_that_goes_away_goes_on_with_what_it_has() {
    let mut side = Side::with(Config::default());
    let key = side.open();
    side.session.go_away();
    assert_eq!(side.output(), [(Kind::GoAway, 0, 0, GO_AWAY_NORMAL)]);
    side.data(0, 1, b"still here");
    assert_eq!(side.read(key).0, b"still here");
}

#[test]
fn bytes_that_are_no_frames_end_the_session() {
    for (bytes, text) in [
        (
            *b"HTTP/1.1 400",
            "protocol version 72, where 0 is the only one",
        ),
        (
            [0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "message type 4, where 3 is the last one",
        ),
    ] {
        let mut side = Side::new();
        // In single bytes.
        let mut taken = Ok(());
        for byte in bytes {
            taken = side.session.handle_input(side.now, &[byte]);
        }
        let text = format!("the peer does not speak yamux: {text}");
        assert_eq!(taken.unwrap_err().to_string(), text);
        assert_eq!(side.output(), []);
    }
}

//! Large frames, read by the reader of their stream straight from the connection.

use std::task::Poll;
use std::time::{Duration, Instant};

use plugwire_yamux::Config;
use plugwire_yamux::proto::{DirectRead, Event, NextRead, Session, StreamKey};
use support::yamux::{DATA, PING, SYN, WINDOW_UPDATE, header};

const LARGE: usize = 8 * 1024;
const BODY: usize = 20_000;

/// A server with an accepted stream of a raw client.
fn server() -> (Session, StreamKey, Instant) {
    let now = Instant::now();
    let mut session = Session::server(Config::default().keep_alive(None), now);
    session
        .handle_input(now, &header(WINDOW_UPDATE, SYN, 1, 0))
        .unwrap();
    let Poll::Ready(Ok(key)) = session.accept() else {
        panic!("no stream");
    };
    while session.poll_event().is_some() {}
    (session, key, now)
}

/// The header of a large frame has arrived, and its reader waits with a buffer of this size.
fn large_frame(buffer: usize) -> (Session, StreamKey, Instant) {
    let (mut session, key, now) = server();
    assert!(session.read(key, &mut vec![0; buffer]).is_pending());
    let bytes = header(DATA, 0, 1, BODY as u32);
    session.handle_input(now, &bytes).unwrap();
    (session, key, now)
}

#[test]
fn a_reader_that_waits_with_a_large_buffer_is_lent_the_connection() {
    let (mut session, key, now) = large_frame(LARGE);
    assert!(session.expects_large());
    assert_eq!(session.next_read(now), NextRead::Lent);
    assert_eq!(session.poll_event(), Some(Event::Readable(key)));
    assert_eq!(session.next_read(now), NextRead::Lent);
    assert!(session.reads_directly(key));
    // A part of the frame, all of it with the header behind it, too little room.
    for (room, expected) in [
        (
            LARGE,
            DirectRead::Body {
                len: LARGE,
                behind: 0,
            },
        ),
        (
            BODY,
            DirectRead::Body {
                len: BODY,
                behind: 512,
            },
        ),
        (
            2 * BODY,
            DirectRead::Body {
                len: BODY,
                behind: 512,
            },
        ),
        (LARGE - 1, DirectRead::NoRoom),
    ] {
        assert_eq!(session.direct_read(key, room), expected, "{room}");
    }
    let received = session.total_received();
    session.body_read(BODY);
    assert_eq!(session.total_received(), received + BODY as u64);
    // The next header is read by the same reader, if its buffer has room for another large frame.
    assert_eq!(session.direct_read(key, LARGE), DirectRead::Frames(512));
    assert_eq!(session.direct_read(key, LARGE - 1), DirectRead::NoRoom);
    // Another frame comes: it is the driver's.
    session.handle_input(now, &header(PING, SYN, 0, 1)).unwrap();
    assert!(!session.reads_directly(key));
    assert_eq!(session.direct_read(key, LARGE), DirectRead::Other);
    assert_eq!(session.next_read(now), NextRead::Frames(32 * 1024));
}

#[test]
fn other_readers_are_not_lent_the_connection() {
    // A small buffer.
    let (mut session, key, now) = large_frame(LARGE - 1);
    assert_eq!(session.next_read(now), NextRead::Body(BODY));
    assert!(!session.reads_directly(key));
    // No reader.
    let (mut session, _, now) = server();
    let bytes = header(DATA, 0, 1, BODY as u32);
    session.handle_input(now, &bytes).unwrap();
    assert_eq!(session.next_read(now), NextRead::Body(BODY));
    // A frame that is not large.
    let (mut session, key, now) = server();
    assert!(session.read(key, &mut [0; LARGE]).is_pending());
    let bytes = header(DATA, 0, 1, LARGE as u32 - 1);
    session.handle_input(now, &bytes).unwrap();
    assert!(!session.expects_large());
    assert_eq!(session.next_read(now), NextRead::Frames(32 * 1024));
}

#[test]
fn a_reader_that_has_not_read_what_arrived_is_lent_the_connection_once_it_reads() {
    let (mut session, key, now) = large_frame(LARGE);
    // The beginning of the body comes with the header. The reader is woken and has not run.
    session.handle_input(now, &[7; 100]).unwrap();
    assert_eq!(session.poll_event(), Some(Event::Readable(key)));
    assert_eq!(session.next_read(now), NextRead::Lent);
    let mut data = Vec::new();
    let n = session.take_received(key, LARGE, |bytes| data.extend_from_slice(bytes));
    assert_eq!((n, data), (100, vec![7; 100]));
    assert_eq!(
        session.direct_read(key, LARGE),
        DirectRead::Body {
            len: LARGE,
            behind: 0
        }
    );
}

#[test]
fn a_reader_that_does_not_come_loses_the_connection_and_gets_it_back_when_it_waits_again() {
    let (mut session, key, now) = large_frame(LARGE);
    assert_eq!(session.next_read(now), NextRead::Lent);
    let due = session.poll_timeout().unwrap();
    assert_eq!(due - now, Duration::from_millis(2));
    session.handle_timeout(due);
    assert!(!session.reads_directly(key));
    assert_eq!(session.next_read(due), NextRead::Body(BODY));
    let body = session.body_buffer(BODY).unwrap();
    body.fill(9);
    let received = session.total_received();
    session.body_filled(due, BODY - 1);
    assert_eq!(session.total_received(), received + BODY as u64 - 1);
    session.handle_input(due, &[9]).unwrap();
    let mut buffer = vec![0; 2 * BODY];
    assert_eq!(session.read(key, &mut buffer), Poll::Ready(Ok(BODY)));
    assert!(buffer[..BODY].iter().all(|byte| *byte == 9));
    assert!(session.read(key, &mut buffer).is_pending());
    let bytes = header(DATA, 0, 1, BODY as u32);
    session.handle_input(due, &bytes).unwrap();
    assert_eq!(session.next_read(due), NextRead::Lent);
}

/// A reader that gives the connection back expects more large frames, or none.
#[test]
fn the_driver_reads_small_pieces_where_another_large_frame_is_likely() {
    for (more, next) in [(true, 512), (false, 32 * 1024)] {
        let (mut session, key, now) = large_frame(LARGE);
        assert_eq!(session.next_read(now), NextRead::Lent);
        session.body_read(BODY);
        session.end_direct_read(more);
        assert!(!session.reads_directly(key));
        assert_eq!(session.next_read(now), NextRead::Frames(next));
    }
}

#[test]
fn a_session_that_closes_lends_no_reader_the_connection() {
    let (mut session, _, now) = large_frame(LARGE);
    session.start_close(plugwire_yamux::SessionError::Closed);
    assert_eq!(session.next_read(now), NextRead::Body(BODY));
    let (mut session, key, now) = large_frame(LARGE);
    assert_eq!(session.next_read(now), NextRead::Lent);
    session.start_close(plugwire_yamux::SessionError::Closed);
    assert!(!session.reads_directly(key));
}

#[test]
fn a_stream_that_is_given_up_gives_the_connection_back() {
    for reset in [false, true] {
        let (mut session, key, now) = large_frame(LARGE);
        assert_eq!(session.next_read(now), NextRead::Lent);
        match reset {
            true => session.reset_stream(key),
            false => session.drop_stream(now, key),
        }
        assert!(!session.reads_directly(key));
        // The rest of the body is skipped.
        session.handle_input(now, &[1; BODY]).unwrap();
        session.handle_input(now, &header(PING, SYN, 0, 1)).unwrap();
        assert!(session.ended().is_none());
    }
}

/// Answers that the peer does not read stop the reading.
#[test]
fn no_more_is_read_while_too_many_answers_wait() {
    let (mut session, _, now) = server();
    while session.poll_transmit().is_some() {
        let n = session.queued();
        session.transmitted(now, n);
    }
    const MOST: usize = 128 * 1024 / 12;
    let pings = header(PING, SYN, 0, 1).repeat(MOST);
    session.handle_input(now, &pings).unwrap();
    assert_eq!(session.next_read(now), NextRead::Frames(32 * 1024));
    session.handle_input(now, &header(PING, SYN, 0, 1)).unwrap();
    assert_eq!(session.next_read(now), NextRead::Full);
    session.transmitted(now, 12);
    assert_eq!(session.next_read(now), NextRead::Frames(32 * 1024));
}

//! What a session makes of frames that no session of ours would send. Where the specification is
//! silent, `hashicorp/yamux` v0.1.2 is the model.

use std::io::ErrorKind;
use std::time::Duration;

use plugwire_yamux::{Config, OpenError, Session, SessionError, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::raw::{
    ACK, DATA, FIN, Frame, GO_AWAY, PING, RST, Raw, SYN, WINDOW, WINDOW_UPDATE, header,
};
use support::within;

/// Larger than anything that a test sends before the session reads.
const ROOM: usize = 1 << 20;

fn config() -> Config {
    Config::default().keep_alive(None)
}

/// A raw client with a stream that the session has accepted.
async fn with_stream() -> (Raw, Session, Stream) {
    let (mut raw, session) = Raw::client(config(), ROOM);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let stream = within(session.accept()).await.unwrap();
    let frame = raw.receive().await;
    assert_eq!((frame.kind, frame.flags), (WINDOW_UPDATE, ACK));
    (raw, session, stream)
}

async fn protocol_error(session: &Session) -> String {
    match within(session.closed()).await {
        SessionError::Protocol(text) => text,
        other => panic!("{other:?}"),
    }
}

/// The peer that broke the rules gets a GoAway, as from Go.
async fn gets_go_away(raw: &mut Raw) {
    let frame = raw.receive().await;
    assert_eq!(
        (frame.kind, frame.flags, frame.stream, frame.length),
        (GO_AWAY, 0, 0, 1)
    );
    assert_eq!(within(raw.0.read(&mut [0])).await.unwrap(), 0);
}

/// The session understands what comes now, so what came before ended where it should.
async fn still_in_step(raw: &mut Raw) {
    raw.send(PING, SYN, 0, 0xdead_beef).await;
    let frame = raw.receive().await;
    assert_eq!(
        frame,
        Frame {
            kind: PING,
            flags: ACK,
            stream: 0,
            length: 0xdead_beef,
            body: Vec::new()
        }
    );
}

#[tokio::test]
async fn frames_for_unknown_streams_are_skipped_and_not_answered() {
    let (mut raw, session) = Raw::client(config(), ROOM);
    for flags in [0, ACK, FIN, RST] {
        raw.data(flags, 9, b"for no reader").await;
        raw.data(flags, 2, &vec![0xff; 100_000]).await;
        raw.data(flags, 0, b"").await;
        raw.send(WINDOW_UPDATE, flags, 9, u32::MAX).await;
    }
    still_in_step(&mut raw).await;
    assert!(!session.is_closed());
}

#[tokio::test]
async fn a_stream_opened_twice_ends_the_session() {
    let (mut raw, session, _stream) = with_stream().await;
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    assert_eq!(protocol_error(&session).await, "it opened stream 1 twice");
    gets_go_away(&mut raw).await;
}

#[tokio::test]
async fn a_stream_with_a_number_of_the_other_side_ends_the_session() {
    for id in [0, 2, u32::MAX - 1] {
        let (mut raw, session) = Raw::client(config(), ROOM);
        raw.send(WINDOW_UPDATE, SYN, id, 0).await;
        let text = format!("it opened stream {id}, which is not its to open");
        assert_eq!(protocol_error(&session).await, text);
        gets_go_away(&mut raw).await;
    }
    for id in [0, 1, u32::MAX] {
        let (mut raw, session) = Raw::server(config(), ROOM);
        raw.data(SYN, id, b"x").await;
        let text = format!("it opened stream {id}, which is not its to open");
        assert_eq!(protocol_error(&session).await, text);
        gets_go_away(&mut raw).await;
    }
}

#[tokio::test]
async fn one_frame_may_fill_the_window() {
    let (mut raw, _session, mut stream) = with_stream().await;
    let body: Vec<u8> = (0..WINDOW).map(|n| (n % 251) as u8).collect();
    raw.data(FIN, 1, &body).await;
    let mut received = Vec::new();
    within(stream.read_to_end(&mut received)).await.unwrap();
    assert!(received == body);
}

#[tokio::test]
async fn one_byte_more_than_the_window_ends_the_session() {
    let (mut raw, session, mut stream) = with_stream().await;
    raw.send(DATA, 0, 1, WINDOW + 1).await;
    assert_eq!(
        protocol_error(&session).await,
        "it sent 262145 bytes on stream 1, of which it may send 262144"
    );
    gets_go_away(&mut raw).await;
    let error = within(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn the_window_counts_what_came_before() {
    let (mut raw, session, mut stream) = with_stream().await;
    raw.data(0, 1, &vec![1; WINDOW as usize - 1]).await;
    raw.data(0, 1, b"2").await;
    raw.data(0, 1, b"").await;
    raw.data(0, 1, b"3").await;
    assert_eq!(
        protocol_error(&session).await,
        "it sent 1 bytes on stream 1, of which it may send 0"
    );
    // What had arrived lawfully is there.
    let mut received = Vec::new();
    let read = within(stream.read_to_end(&mut received)).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!(received.len(), WINDOW as usize);
    assert_eq!(received.last(), Some(&b'2'));
}

#[tokio::test]
async fn what_is_told_of_windows_is_what_may_be_sent() {
    let (mut raw, session, mut stream) = with_stream().await;
    let mut buffer = vec![0; 50_000];
    let mut allowed = u64::from(WINDOW);
    let (mut sent, mut read) = (0, 0);
    // As much as is allowed, three times over.
    for _ in 0..3 {
        while sent < allowed {
            let n = (allowed - sent).min(60_000) as usize;
            raw.data(0, 1, &vec![5; n]).await;
            sent += n as u64;
        }
        while read < sent {
            read += within(stream.read(&mut buffer)).await.unwrap() as u64;
        }
        raw.send(PING, SYN, 0, 0).await;
        loop {
            let frame = raw.receive().await;
            if frame.kind == PING {
                break;
            }
            assert_eq!((frame.kind, frame.flags), (WINDOW_UPDATE, 0));
            allowed += u64::from(frame.length);
        }
        assert!(allowed > sent, "all of it was read");
    }
    while sent < allowed {
        let n = (allowed - sent).min(60_000) as usize;
        raw.data(0, 1, &vec![5; n]).await;
        sent += n as u64;
    }
    still_in_step(&mut raw).await;
    raw.data(0, 1, b"!").await;
    assert_eq!(
        protocol_error(&session).await,
        "it sent 1 bytes on stream 1, of which it may send 0"
    );
}

#[tokio::test]
async fn a_window_may_be_4_gib_and_no_more() {
    let (mut raw, session, _stream) = with_stream().await;
    raw.send(WINDOW_UPDATE, 0, 1, u32::MAX - WINDOW).await;
    still_in_step(&mut raw).await;
    raw.send(WINDOW_UPDATE, 0, 1, 1).await;
    assert_eq!(
        protocol_error(&session).await,
        "its window for stream 1 exceeds 4 GiB"
    );
    gets_go_away(&mut raw).await;
}

#[tokio::test]
async fn a_peer_that_goes_away_gets_no_more_streams() {
    let (mut raw, session) = Raw::server(config(), ROOM);
    let mut stream = within(session.open()).await.unwrap();
    assert_eq!(raw.receive().await.flags, SYN);
    raw.send(GO_AWAY, 0, 0, 0).await;
    still_in_step(&mut raw).await;
    assert!(matches!(
        within(session.open()).await,
        Err(OpenError::GoAway)
    ));
    // Its own streams and those that there are go on.
    raw.data(0, 1, b"answer").await;
    let mut answer = [0; 6];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"answer");
    stream.write_all(b"more").await.unwrap();
    assert_eq!(raw.receive().await.body, b"more");
    raw.send(WINDOW_UPDATE, SYN, 2, 0).await;
    assert_eq!(within(session.accept()).await.unwrap().id(), 2);
    assert!(!session.is_closed());
}

#[tokio::test]
async fn a_peer_that_goes_away_for_an_error_ends_the_session() {
    for (code, text) in [
        (1, "it says that it was sent something that is not yamux"),
        (2, "it says that it went wrong"),
        (3, "it goes away with the unknown code 3"),
        (u32::MAX, "it goes away with the unknown code 4294967295"),
    ] {
        let (mut raw, session, _stream) = with_stream().await;
        raw.send(GO_AWAY, 0, 0, code).await;
        assert_eq!(protocol_error(&session).await, text);
        // It is not told that it is wrong: it said so itself.
        assert_eq!(within(raw.0.read(&mut [0])).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_end_told_twice_is_one_end() {
    let (mut raw, _session, mut stream) = with_stream().await;
    raw.data(0, 1, b"all").await;
    raw.send(WINDOW_UPDATE, FIN, 1, 0).await;
    raw.send(WINDOW_UPDATE, FIN, 1, 0).await;
    raw.send(DATA, FIN, 1, 0).await;
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "all");
    stream.write_all(b"reply").await.unwrap();
    assert_eq!(raw.receive().await.body, b"reply");
    still_in_step(&mut raw).await;
}

#[tokio::test]
async fn data_after_the_end_is_read_as_in_go() {
    let (mut raw, _session, mut stream) = with_stream().await;
    raw.send(WINDOW_UPDATE, FIN, 1, 0).await;
    raw.data(0, 1, b"late").await;
    still_in_step(&mut raw).await;
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "late");
}

#[tokio::test]
async fn a_whole_stream_may_be_one_frame() {
    let (mut raw, session) = Raw::client(config(), ROOM);
    raw.data(SYN | FIN, 1, b"hello").await;
    let mut stream = within(session.accept()).await.unwrap();
    let mut text = String::new();
    within(stream.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "hello");
    stream.write_all(b"back").await.unwrap();
    assert_eq!(raw.receive().await.flags, ACK);
    assert_eq!(raw.receive().await.body, b"back");
}

#[tokio::test]
async fn the_end_in_a_frame_with_data_comes_after_the_data() {
    // Below and above the size from which on a reader reads from the connection himself.
    for size in [1, 8 * 1024 - 1, 8 * 1024, 100_000] {
        let (mut raw, _session, mut stream) = with_stream().await;
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            let mut received = Vec::new();
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => return (stream, received),
                    n => received.extend_from_slice(&buffer[..n]),
                }
            }
        });
        // The reader waits by then.
        still_in_step(&mut raw).await;
        let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        raw.data(FIN, 1, &body).await;
        let (_stream, received) = within(reading).await.unwrap();
        assert!(received == body, "of {size} bytes");
        still_in_step(&mut raw).await;
    }
}

#[tokio::test]
async fn a_reset_may_have_a_body_which_is_skipped() {
    for size in [3, 100_000] {
        let (mut raw, _session, mut stream) = with_stream().await;
        raw.data(0, 1, b"half").await;
        raw.data(RST, 1, &vec![1; size]).await;
        still_in_step(&mut raw).await;
        let mut text = Vec::new();
        let error = within(stream.read_to_end(&mut text)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(text, b"half");
        let error = within(stream.write(b"x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        // Nothing more is said of a stream that the peer has given up.
        drop(stream);
        still_in_step(&mut raw).await;
    }
}

#[tokio::test]
async fn a_stream_refused_with_its_data_is_skipped_with_it() {
    let (mut raw, session) = Raw::client(config().accept_backlog(1), ROOM);
    raw.data(SYN, 1, b"first").await;
    raw.data(SYN, 3, &vec![9; 20_000]).await;
    raw.data(0, 3, b"more").await;
    let frame = raw.receive().await;
    assert_eq!((frame.flags, frame.stream), (RST, 3));
    still_in_step(&mut raw).await;
    assert_eq!(within(session.accept()).await.unwrap().id(), 1);
    // The number is free: the stream never was.
    let _ = raw.receive().await;
    raw.data(SYN, 3, b"again").await;
    assert_eq!(within(session.accept()).await.unwrap().id(), 3);
}

#[tokio::test]
async fn other_versions_and_types_end_the_session() {
    for (bytes, text) in [
        (
            [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "protocol version 1, where 0 is the only one",
        ),
        (
            [0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "message type 4, where 3 is the last one",
        ),
        (
            [0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "message type 255, where 3 is the last one",
        ),
    ] {
        let (mut raw, session, mut stream) = with_stream().await;
        raw.data(0, 1, b"good").await;
        within(raw.0.write_all(&bytes)).await.unwrap();
        assert_eq!(protocol_error(&session).await, text);
        let mut received = Vec::new();
        let read = within(stream.read_to_end(&mut received)).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(received, b"good");
    }
}

#[tokio::test]
async fn only_questions_are_answered() {
    let (mut raw, _session) = Raw::client(config(), ROOM);
    raw.send(PING, 0, 0, 7).await;
    raw.send(PING, ACK, 0, 8).await;
    raw.send(PING, SYN, 0, 9).await;
    let frame = raw.receive().await;
    assert_eq!((frame.kind, frame.flags, frame.length), (PING, ACK, 9));
    still_in_step(&mut raw).await;
}

#[tokio::test]
async fn frames_may_arrive_in_any_pieces() {
    let mut bytes = Vec::new();
    bytes.extend(header(WINDOW_UPDATE, SYN, 1, 0));
    bytes.extend(header(DATA, 0, 1, 5));
    bytes.extend(b"hello");
    bytes.extend(header(DATA, SYN, 3, 9_000));
    bytes.extend([3; 9_000]);
    bytes.extend(header(PING, SYN, 0, 1));
    bytes.extend(header(DATA, FIN, 1, 6));
    bytes.extend(b" world");
    bytes.extend(header(WINDOW_UPDATE, FIN, 3, 0));
    for piece in [1, 2, 3, 5, 7, 11, 12, 13, 8_191, 8_192, 8_193] {
        let (raw, session) = Raw::client(config(), piece);
        let (mut read, mut write) = tokio::io::split(raw.0);
        let answers = tokio::spawn(async move {
            let mut answers = Vec::new();
            let _ = read.read_to_end(&mut answers).await;
        });
        let bytes = bytes.clone();
        let writing = tokio::spawn(async move {
            write.write_all(&bytes).await.unwrap();
            write
        });
        let mut one = within(session.accept()).await.unwrap();
        let mut two = within(session.accept()).await.unwrap();
        let (mut text, mut threes) = (String::new(), Vec::new());
        let reading =
            async { tokio::try_join!(one.read_to_string(&mut text), two.read_to_end(&mut threes)) };
        within(reading).await.unwrap();
        assert_eq!(text, "hello world");
        assert!(threes == [3; 9_000]);
        drop(within(writing).await.unwrap());
        session.close().await;
        within(answers).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_ends_within_a_frame_ends_the_session() {
    for part in 1..12 {
        let (mut raw, session, mut stream) = with_stream().await;
        raw.data(0, 1, b"whole").await;
        let bytes = header(DATA, FIN, 1, 5);
        within(raw.0.write_all(&bytes[..part])).await.unwrap();
        drop(raw);
        let mut text = Vec::new();
        let error = within(stream.read_to_end(&mut text)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert_eq!(text, b"whole");
        assert!(matches!(
            within(session.closed()).await,
            SessionError::PeerClosed
        ));
    }
}

#[tokio::test]
async fn a_connection_that_ends_within_a_body_gives_what_there_was() {
    for size in [10, 8 * 1024, 200_000] {
        let (mut raw, session, mut stream) = with_stream().await;
        raw.send(DATA, FIN, 1, size as u32).await;
        within(raw.0.write_all(&vec![7; size - 1])).await.unwrap();
        drop(raw);
        let mut received = Vec::new();
        let read = within(stream.read_to_end(&mut received)).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(received.len(), size - 1);
        assert!(matches!(
            within(session.closed()).await,
            SessionError::PeerClosed
        ));
    }
}

#[tokio::test]
async fn a_reset_stream_does_not_count_as_unacknowledged() {
    let (mut raw, session) = Raw::server(config(), ROOM);
    let mut held = Vec::new();
    for _ in 0..256 {
        held.push(within(session.open()).await.unwrap());
        assert_eq!(raw.receive().await.flags, SYN);
    }
    for (flags, count) in [(RST, 257), (ACK, 258), (ACK | FIN, 259), (ACK | RST, 260)] {
        let next = tokio::spawn({
            let session = session.clone();
            async move { session.open().await }
        });
        still_in_step(&mut raw).await;
        assert!(!next.is_finished(), "before {flags}");
        let id = 2 * (count - 257) + 1;
        raw.send(WINDOW_UPDATE, flags, id, 0).await;
        // Said again, it counts once.
        raw.send(WINDOW_UPDATE, flags, id, 0).await;
        held.push(within(next).await.unwrap().unwrap());
        let frame = raw.receive().await;
        assert_eq!((frame.flags, frame.stream), (SYN, 2 * count - 1));
    }
}

#[tokio::test]
async fn a_window_may_come_with_the_stream() {
    let (mut raw, session) = Raw::client(config(), ROOM);
    raw.send(WINDOW_UPDATE, SYN, 1, 100_000).await;
    let mut stream = within(session.accept()).await.unwrap();
    let sent = vec![1; WINDOW as usize + 100_000];
    within(stream.write_all(&sent)).await.unwrap();
    let mut received = 0;
    while received < sent.len() {
        received += raw.receive().await.body.len();
    }
}

/// How many bytes of `frames` the session takes from a peer that reads nothing. Time is virtual: it
/// passes when nothing else happens.
async fn taken(raw: &mut Raw, mut frames: impl FnMut() -> Vec<u8>) -> usize {
    let mut taken = 0;
    loop {
        let bytes = frames();
        let mut written = 0;
        while written < bytes.len() {
            let write = raw.0.write(&bytes[written..]);
            match tokio::time::timeout(Duration::from_secs(1), write).await {
                Ok(n) => written += n.unwrap(),
                Err(_) => return taken + written,
            }
        }
        taken += written;
        assert!(taken < 8 << 20, "it goes on and on");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_to_pings_do_not_pile_up() {
    let (mut raw, session) = Raw::client(config(), 4096);
    let taken = taken(&mut raw, || header(PING, SYN, 0, 1).repeat(100)).await;
    // Little more than what the connection holds and what may wait for it.
    assert!(taken < 512 * 1024, "{taken}");
    assert!(!session.is_closed());
    // All of them are answered once the peer reads.
    let mut answers = vec![0; taken / 12 * 12];
    within(raw.0.read_exact(&mut answers)).await.unwrap();
    assert!(answers == header(PING, ACK, 0, 1).repeat(taken / 12));
}

#[tokio::test(start_paused = true)]
async fn refusals_of_streams_do_not_pile_up() {
    let (mut raw, session) = Raw::client(config().accept_backlog(1), 4096);
    let mut next = 1;
    let mut syns = || {
        let frames = (0..100).flat_map(|n| header(WINDOW_UPDATE, SYN, next + 2 * n, 0));
        let frames = frames.collect();
        next += 200;
        frames
    };
    let taken = taken(&mut raw, &mut syns).await;
    assert!(taken < 512 * 1024, "{taken}");
    assert!(!session.is_closed());
    let _ = raw.receive().await;
}

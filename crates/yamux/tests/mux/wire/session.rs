//! What a session promises its peer, frame by frame.

use std::io::ErrorKind;
use std::time::Duration;

use plugwire_yamux::{Config, SessionError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::raw::{ACK, FIN, PING, RST, Raw, SYN, WINDOW_UPDATE};
use support::within;

const ROOM: usize = 1 << 20;

/// The next frame that is not a ping: type, flags, stream, body.
async fn receive(raw: &mut Raw) -> (u8, u16, u32, Vec<u8>) {
    loop {
        let frame = raw.receive().await;
        if frame.kind != PING {
            return (frame.kind, frame.flags, frame.stream, frame.body);
        }
    }
}

#[tokio::test]
async fn accepting_acknowledges_before_anything_is_written() {
    let (mut raw, server) = Raw::client(Config::default(), ROOM);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let _stream = within(server.accept()).await.unwrap();
    let (_, flags, stream, body) = receive(&mut raw).await;
    assert_eq!((flags, stream, body.as_slice()), (ACK, 1, &b""[..]));
}

#[tokio::test]
async fn one_fin_is_sent_whatever_is_called() {
    let (mut raw, server) = Raw::client(Config::default(), ROOM);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let mut stream = within(server.accept()).await.unwrap();
    stream.shutdown().await.unwrap();
    stream.shutdown().await.unwrap();
    raw.send(WINDOW_UPDATE, FIN, 1, 0).await;
    let mut end = [0];
    assert_eq!(within(stream.read(&mut end)).await.unwrap(), 0);
    drop(stream);
    // Another stream's frames come after everything the first one sent.
    raw.send(WINDOW_UPDATE, SYN, 3, 0).await;
    let _next = within(server.accept()).await.unwrap();
    let mut fins = 0;
    loop {
        let (_, flags, stream, _) = receive(&mut raw).await;
        if stream == 3 {
            break;
        }
        fins += u32::from(flags & FIN != 0);
    }
    assert_eq!(fins, 1);
}

#[tokio::test]
async fn what_arrived_before_the_drop_does_not_reset_the_stream() {
    let (mut raw, server) = Raw::client(Config::default(), ROOM);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let mut stream = within(server.accept()).await.unwrap();
    raw.data(0, 1, b"unread").await;
    // Read one byte of it, so that the rest is certainly there.
    assert_eq!(within(stream.read_u8()).await.unwrap(), b'u');
    stream.write_all(b"reply").await.unwrap();
    drop(stream);
    let mut flags = 0;
    let mut body = Vec::new();
    while flags & FIN == 0 {
        let frame = receive(&mut raw).await;
        flags |= frame.1;
        body.extend(frame.3);
    }
    assert_eq!(body, b"reply");
    assert_eq!(flags & RST, 0);
    // What else it sends is thrown away for as long as it has a window.
    raw.data(0, 1, b"late").await;
    let rest = vec![0; 256 * 1024 - 10];
    raw.data(0, 1, &rest).await;
    let (kind, flags, stream, _) = receive(&mut raw).await;
    assert_eq!((kind, flags, stream), (WINDOW_UPDATE, RST, 1));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_closes_its_side_is_reset_after_the_close_timeout() {
    let config = Config::default()
        .keep_alive(None)
        .stream_close_timeout(Duration::from_secs(300));
    let (mut raw, server) = Raw::client(config, ROOM);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let stream = server.accept().await.unwrap();
    let start = tokio::time::Instant::now();
    drop(stream);
    loop {
        let mut header = [0; 12];
        raw.0.read_exact(&mut header).await.unwrap();
        if header[1] == WINDOW_UPDATE && header[3] & RST as u8 != 0 {
            break;
        }
    }
    assert!(start.elapsed() >= Duration::from_secs(300));
    assert!(start.elapsed() < Duration::from_secs(301));
}

#[tokio::test]
async fn a_reset_reads_as_an_error_and_not_as_an_end() {
    let (mut raw, server) = Raw::client(Config::default(), ROOM);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let mut stream = within(server.accept()).await.unwrap();
    raw.data(0, 1, b"half").await;
    raw.send(WINDOW_UPDATE, RST, 1, 0).await;
    let mut text = Vec::new();
    let error = within(stream.read_to_end(&mut text)).await.unwrap_err();
    assert_eq!(text, b"half");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn streams_beyond_the_backlog_are_reset() {
    let (mut raw, server) = Raw::client(Config::default().accept_backlog(2), ROOM);
    for stream in [1, 3, 5] {
        raw.send(WINDOW_UPDATE, SYN, stream, 0).await;
    }
    let (_, flags, stream, _) = receive(&mut raw).await;
    assert_eq!((flags & RST, stream), (RST, 5));
    assert_eq!(within(server.accept()).await.unwrap().id(), 1);
    assert_eq!(within(server.accept()).await.unwrap().id(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_ends_the_session() {
    let (raw, server) = Raw::client(Config::default(), ROOM);
    let start = tokio::time::Instant::now();
    let reason = server.closed().await;
    assert!(matches!(reason, SessionError::KeepAliveTimeout));
    assert_eq!(start.elapsed().as_secs(), 40);
    drop(raw);
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_says_is_no_answer() {
    let (mut raw, server) = Raw::client(Config::default(), ROOM);
    let start = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(29)).await;
    raw.0
        .write_all(&[0, 1, 0, SYN as u8, 0, 0, 0, 1, 0, 0, 0, 0])
        .await
        .unwrap();
    let reason = server.closed().await;
    assert!(matches!(reason, SessionError::KeepAliveTimeout));
    assert_eq!(start.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_peer_may_be_asked_more_often() {
    let config = Config::default()
        .keep_alive(Some(Duration::from_millis(100)))
        .keep_alive_timeout(Duration::from_millis(50));
    let (mut raw, server) = Raw::client(config, ROOM);
    let start = tokio::time::Instant::now();
    for number in 0..20u8 {
        let mut ping = [0; 12];
        raw.0.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, [0, 2, 0, SYN as u8, 0, 0, 0, 0, 0, 0, 0, number]);
        ping[3] = ACK as u8;
        raw.0.write_all(&ping).await.unwrap();
    }
    // Asked every 100 ms.
    assert!(start.elapsed() < Duration::from_secs(4));
    let reason = server.closed().await;
    assert!(matches!(reason, SessionError::KeepAliveTimeout));
}

#[tokio::test]
async fn bytes_that_are_no_frames_end_the_session_with_a_reason() {
    let (mut raw, server) = Raw::client(Config::default(), ROOM);
    raw.0
        .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    let reason = within(server.closed()).await;
    assert!(matches!(reason, SessionError::Protocol(_)), "{reason:?}");
}

//! What a session and its streams promise, between two sessions over an in-memory connection.

use std::io::ErrorKind;
use std::time::Duration;

use plugwire_yamux::{Config, OpenError, Session, SessionError, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

fn pair_with(client: Config, server: Config) -> (Session, Session) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    (
        Session::client(here, client),
        Session::server(there, server),
    )
}

fn pair() -> (Session, Session) {
    pair_with(Config::default(), Config::default())
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future)
        .await
        .expect("within the deadline")
}

async fn connected(client: &Session, server: &Session) -> (Stream, Stream) {
    let (opened, accepted) = within(async { tokio::join!(client.open(), server.accept()) }).await;
    (opened.unwrap(), accepted.unwrap())
}

/// The other end of a session, for frames of the test's own.
struct Raw(DuplexStream);

impl Raw {
    fn server(config: Config) -> (Raw, Session) {
        let (here, there) = tokio::io::duplex(1 << 20);
        (Raw(here), Session::server(there, config))
    }

    async fn send(&mut self, kind: u8, flags: u16, stream: u32, length: u32, body: &[u8]) {
        let mut bytes = vec![0, kind];
        bytes.extend_from_slice(&flags.to_be_bytes());
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(body);
        within(self.0.write_all(&bytes)).await.unwrap();
    }

    /// The next frame that is not a ping: type, flags, stream, body.
    async fn receive(&mut self) -> (u8, u16, u32, Vec<u8>) {
        loop {
            let mut header = [0; 12];
            within(self.0.read_exact(&mut header)).await.unwrap();
            let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
            let mut body = Vec::new();
            if header[1] == 0 {
                body.resize(number(8) as usize, 0);
                within(self.0.read_exact(&mut body)).await.unwrap();
            }
            if header[1] != 2 {
                let flags = u16::from_be_bytes([header[2], header[3]]);
                return (header[1], flags, number(4), body);
            }
        }
    }
}

const DATA: u8 = 0;
const WINDOW_UPDATE: u8 = 1;
const SYN: u16 = 1;
const ACK: u16 = 2;
const FIN: u16 = 4;
const RST: u16 = 8;

#[tokio::test]
async fn opening_tells_the_peer_before_anything_is_written() {
    let (client, server) = pair();
    let _opened = within(client.open()).await.unwrap();
    let accepted = within(server.accept()).await.unwrap();
    assert_eq!(accepted.id(), 1);
}

#[tokio::test]
async fn accepting_acknowledges_before_anything_is_written() {
    let (mut raw, server) = Raw::server(Config::default());
    raw.send(WINDOW_UPDATE, SYN, 1, 0, b"").await;
    let _stream = within(server.accept()).await.unwrap();
    let (_, flags, stream, body) = raw.receive().await;
    assert_eq!((flags, stream, body.as_slice()), (ACK, 1, &b""[..]));
}

#[tokio::test]
async fn dropping_a_stream_ends_it_as_a_file_ends() {
    let (client, server) = pair();
    let (mut opened, mut accepted) = connected(&client, &server).await;
    opened.write_all(b"all of it").await.unwrap();
    drop(opened);
    let mut text = String::new();
    within(accepted.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "all of it");
}

#[tokio::test]
async fn shutting_down_leaves_the_other_direction_open() {
    let (client, server) = pair();
    let (mut opened, mut accepted) = connected(&client, &server).await;
    opened.write_all(b"question").await.unwrap();
    opened.shutdown().await.unwrap();
    // A second FIN would end a Go peer's session.
    opened.shutdown().await.unwrap();
    assert_eq!(
        opened.write(b"more").await.unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
    let mut text = String::new();
    within(accepted.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "question");
    accepted.write_all(b"answer").await.unwrap();
    drop(accepted);
    text.clear();
    within(opened.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "answer");
}

#[tokio::test]
async fn one_fin_is_sent_whatever_is_called() {
    let (mut raw, server) = Raw::server(Config::default());
    raw.send(WINDOW_UPDATE, SYN, 1, 0, b"").await;
    let mut stream = within(server.accept()).await.unwrap();
    stream.shutdown().await.unwrap();
    stream.shutdown().await.unwrap();
    raw.send(WINDOW_UPDATE, FIN, 1, 0, b"").await;
    let mut end = [0];
    assert_eq!(within(stream.read(&mut end)).await.unwrap(), 0);
    drop(stream);
    // Another stream's frames come after everything the first one sent.
    raw.send(WINDOW_UPDATE, SYN, 3, 0, b"").await;
    let _next = within(server.accept()).await.unwrap();
    let mut fins = 0;
    loop {
        let (_, flags, stream, _) = raw.receive().await;
        if stream == 3 {
            break;
        }
        fins += u32::from(flags & FIN != 0);
    }
    assert_eq!(fins, 1);
}

#[tokio::test]
async fn a_writer_whose_reader_is_dropped_is_told() {
    let (client, server) = pair();
    let (mut opened, accepted) = connected(&client, &server).await;
    drop(accepted);
    let chunk = vec![7; 16 * 1024];
    let error = within(async {
        loop {
            if let Err(error) = opened.write_all(&chunk).await {
                return error;
            }
        }
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn what_arrived_before_the_drop_does_not_reset_the_stream() {
    let (mut raw, server) = Raw::server(Config::default());
    raw.send(WINDOW_UPDATE, SYN, 1, 0, b"").await;
    let mut stream = within(server.accept()).await.unwrap();
    raw.send(DATA, 0, 1, 6, b"unread").await;
    // Read one byte of it, so that the rest is certainly there.
    assert_eq!(within(stream.read_u8()).await.unwrap(), b'u');
    stream.write_all(b"reply").await.unwrap();
    drop(stream);
    let mut flags = 0;
    let mut body = Vec::new();
    while flags & FIN == 0 {
        let frame = raw.receive().await;
        flags |= frame.1;
        body.extend(frame.3);
    }
    assert_eq!(body, b"reply");
    assert_eq!(flags & RST, 0);
    // What else it sends is thrown away for as long as it has a window.
    raw.send(DATA, 0, 1, 4, b"late").await;
    let rest = vec![0; 256 * 1024 - 10];
    raw.send(DATA, 0, 1, rest.len() as u32, &rest).await;
    let (kind, flags, stream, _) = raw.receive().await;
    assert_eq!((kind, flags, stream), (WINDOW_UPDATE, RST, 1));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_closes_its_side_is_reset_after_the_close_timeout() {
    let config = Config::default()
        .keep_alive(None)
        .stream_close_timeout(Duration::from_secs(300));
    let (mut raw, server) = Raw::server(config);
    raw.send(WINDOW_UPDATE, SYN, 1, 0, b"").await;
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
    let (mut raw, server) = Raw::server(Config::default());
    raw.send(WINDOW_UPDATE, SYN, 1, 0, b"").await;
    let mut stream = within(server.accept()).await.unwrap();
    raw.send(DATA, 0, 1, 4, b"half").await;
    raw.send(WINDOW_UPDATE, RST, 1, 0, b"").await;
    let mut text = Vec::new();
    let error = within(stream.read_to_end(&mut text)).await.unwrap_err();
    assert_eq!(text, b"half");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_lost_session_reads_as_an_error_and_not_as_an_end() {
    let (client, server) = pair();
    let (mut opened, mut accepted) = connected(&client, &server).await;
    opened.write_all(b"half").await.unwrap();
    assert_eq!(within(accepted.read_u8()).await.unwrap(), b'h');
    client.close().await;
    let mut text = Vec::new();
    let error = within(accepted.read_to_end(&mut text)).await.unwrap_err();
    assert_eq!(text, b"alf");
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    assert!(matches!(
        within(server.closed()).await,
        SessionError::PeerClosed
    ));
    assert!(matches!(
        within(client.open()).await,
        Err(OpenError::Session(SessionError::Closed))
    ));
}

#[tokio::test]
async fn closing_writes_what_is_queued() {
    let (client, server) = pair();
    let (mut opened, mut accepted) = connected(&client, &server).await;
    let sent = vec![1; 200 * 1024];
    opened.write_all(&sent).await.unwrap();
    opened.shutdown().await.unwrap();
    let reader = tokio::spawn(async move {
        let mut received = Vec::new();
        accepted.read_to_end(&mut received).await.map(|_| received)
    });
    client.close().await;
    assert_eq!(within(reader).await.unwrap().unwrap().len(), sent.len());
}

#[tokio::test]
async fn closing_wakes_whoever_reads() {
    let (client, server) = pair();
    let (mut opened, mut accepted) = connected(&client, &server).await;
    let here = tokio::spawn(async move { opened.read_u8().await });
    let there = tokio::spawn(async move { accepted.read_u8().await });
    // Both are asleep once the runtime has nothing else to do.
    tokio::task::yield_now().await;
    client.close().await;
    for read in [here, there] {
        let error = within(read).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    }
}

#[tokio::test]
async fn a_stream_dropped_right_before_the_close_is_finished() {
    let (client, server) = pair();
    let (mut opened, mut accepted) = connected(&client, &server).await;
    opened.write_all(b"last words").await.unwrap();
    drop(opened);
    client.close().await;
    let mut text = String::new();
    within(accepted.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "last words");
}

#[tokio::test]
async fn the_last_handle_ends_the_session() {
    let (client, server) = pair();
    let also = client.clone();
    drop(client);
    let stream = within(also.open()).await.unwrap();
    drop(also);
    assert!(matches!(
        within(server.closed()).await,
        SessionError::PeerClosed
    ));
    drop(stream);
}

#[tokio::test]
async fn a_stream_too_many_is_refused_alone() {
    let few = Config::default().max_streams(4);
    let (client, server) = pair_with(Config::default(), few);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(connected(&client, &server).await);
    }
    let mut refused = within(client.open()).await.unwrap();
    let mut byte = [0];
    let error = within(refused.read(&mut byte)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(matches!(
        within(server.open()).await,
        Err(OpenError::TooManyStreams { open: 4 })
    ));
    let (mut opened, mut accepted) = held.pop().unwrap();
    opened.write_all(b"on we go").await.unwrap();
    drop(opened);
    let mut text = String::new();
    within(accepted.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "on we go");
}

#[tokio::test]
async fn streams_beyond_the_backlog_are_reset() {
    let (mut raw, server) = Raw::server(Config::default().accept_backlog(2));
    for stream in [1, 3, 5] {
        raw.send(WINDOW_UPDATE, SYN, stream, 0, b"").await;
    }
    let (_, flags, stream, _) = raw.receive().await;
    assert_eq!((flags & RST, stream), (RST, 5));
    assert_eq!(within(server.accept()).await.unwrap().id(), 1);
    assert_eq!(within(server.accept()).await.unwrap().id(), 3);
}

#[tokio::test]
async fn opening_waits_while_256_streams_are_unacknowledged() {
    let (client, server) = pair_with(Config::default(), Config::default().accept_backlog(1000));
    let mut opened = Vec::new();
    for _ in 0..256 {
        opened.push(within(client.open()).await.unwrap());
    }
    let mut next = Box::pin(client.open());
    assert!(
        timeout(Duration::from_millis(100), &mut next)
            .await
            .is_err(),
        "the 257th waits"
    );
    let _accepted = within(server.accept()).await.unwrap();
    within(next).await.unwrap();
}

#[tokio::test]
async fn both_halves_of_many_streams_move_at_once() {
    let (client, server) = pair();
    let echo = tokio::spawn(async move {
        let mut echoes = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let stream = server.accept().await.unwrap();
            echoes.spawn(async move {
                let (mut read, mut write) = tokio::io::split(stream);
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
        echoes.join_all().await;
        server
    });
    let mut talks = tokio::task::JoinSet::new();
    for n in 0..16u8 {
        let stream = within(client.open()).await.unwrap();
        talks.spawn(async move {
            let (mut read, mut write) = tokio::io::split(stream);
            let sent = vec![n; 1 << 20];
            let writing = tokio::spawn(async move {
                write.write_all(&sent).await.unwrap();
                write.shutdown().await.unwrap();
            });
            let mut received = Vec::new();
            read.read_to_end(&mut received).await.unwrap();
            writing.await.unwrap();
            assert_eq!(received.len(), 1 << 20);
            assert!(received.iter().all(|byte| *byte == n));
        });
    }
    within(talks.join_all()).await;
    within(echo).await.unwrap();
}

#[tokio::test]
async fn flushing_waits_for_the_connection_to_take_what_was_written() {
    let (client, server) = pair();
    let (mut opened, mut accepted) = connected(&client, &server).await;
    let reader = tokio::spawn(async move {
        let mut received = vec![0; 100 * 1024];
        accepted.read_exact(&mut received).await.unwrap();
        accepted
    });
    opened.write_all(&vec![1; 100 * 1024]).await.unwrap();
    within(client.flush()).await.unwrap();
    within(reader).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_ends_the_session() {
    let (raw, server) = Raw::server(Config::default());
    let start = tokio::time::Instant::now();
    let reason = server.closed().await;
    assert!(matches!(reason, SessionError::KeepAliveTimeout));
    assert_eq!(start.elapsed().as_secs(), 40);
    drop(raw);
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_says_is_no_answer() {
    let (mut raw, server) = Raw::server(Config::default());
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
    let (mut raw, server) = Raw::server(config);
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
    let (mut raw, server) = Raw::server(Config::default());
    raw.0
        .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    let reason = within(server.closed()).await;
    assert!(matches!(reason, SessionError::Protocol(_)), "{reason:?}");
}

#[tokio::test]
async fn the_halves_of_a_stream_are_the_stream() {
    let (client, server) = pair();
    let (stream, mut peer) = connected(&client, &server).await;
    let (mut read, mut write) = stream.into_split();
    let reading = tokio::spawn(async move {
        let mut text = String::new();
        read.read_to_string(&mut text).await.map(|_| text)
    });
    within(write.write_all(b"there")).await.unwrap();
    let mut there = [0; 5];
    within(peer.read_exact(&mut there)).await.unwrap();
    assert_eq!(&there, b"there");
    within(peer.write_all(b"and back")).await.unwrap();
    within(peer.shutdown()).await.unwrap();
    assert_eq!(within(reading).await.unwrap().unwrap(), "and back");
    // The half that reads is gone, and the stream is not.
    within(write.write_all(b"more")).await.unwrap();
    within(peer.read_exact(&mut there[..4])).await.unwrap();
    assert_eq!(&there[..4], b"more");
    within(write.shutdown()).await.unwrap();
    let error = within(write.write_all(b"late")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    drop(write);
    assert_eq!(within(peer.read(&mut there)).await.unwrap(), 0);
}

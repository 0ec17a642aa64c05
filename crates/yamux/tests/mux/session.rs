//! What a session and its streams promise, between two sessions over an in-memory connection.

use std::io::ErrorKind;
use std::time::Duration;

use plugwire_yamux::{Config, OpenError, Session, SessionError, Stream};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

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

async fn connected(client: &Session, server: &Session) -> (Stream, Stream) {
    let (opened, accepted) = within(async { tokio::join!(client.open(), server.accept()) }).await;
    (opened.unwrap(), accepted.unwrap())
}

#[tokio::test]
async fn opening_tells_the_peer_before_anything_is_written() {
    let (client, server) = pair();
    let _opened = within(client.open()).await.unwrap();
    let accepted = within(server.accept()).await.unwrap();
    assert_eq!(accepted.id(), 1);
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
async fn a_writer_whose_reader_is_dropped_gets_an_error() {
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
async fn closing_wakes_all_readers() {
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

#[tokio::test]
async fn a_half_resets_the_stream() {
    let (client, server) = pair();
    let (stream, mut peer) = connected(&client, &server).await;
    let (mut read, mut write) = stream.into_split();
    write.reset();
    let mut byte = [0];
    let error = within(read.read(&mut byte)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = within(peer.read(&mut byte)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

//! What a session holds for readers that do not read is bounded, and the streams that hold most
//! pay.

use std::io::ErrorKind;

use plugwire_yamux::{Config, Session, Stream, UnreadError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::raw::{ACK, PING, RST, Raw, SYN, WINDOW, WINDOW_UPDATE};
use support::within;

const KIB: usize = 1024;
const ROOM: usize = 1 << 20;

fn config() -> Config {
    Config::default().keep_alive(None)
}

async fn opened(raw: &mut Raw, session: &Session, id: u32) -> Stream {
    raw.send(WINDOW_UPDATE, SYN, id, 0).await;
    let stream = within(session.accept()).await.unwrap();
    assert_eq!(raw.receive().await.flags, ACK);
    stream
}

/// The streams that the session resets, once it has looked at all that it was sent.
async fn resets(raw: &mut Raw) -> Vec<u32> {
    let mut resets = Vec::new();
    for number in 0..2 {
        raw.send(PING, SYN, 0, number).await;
        loop {
            let frame = raw.receive().await;
            if frame.kind == PING {
                break;
            }
            if frame.flags & RST != 0 {
                resets.push(frame.stream);
            }
        }
    }
    resets
}

#[tokio::test]
async fn the_stream_that_holds_most_is_reset_alone() {
    let (mut raw, session) = Raw::client(config().max_buffered(512 * KIB), ROOM);
    let mut small = opened(&mut raw, &session, 1).await;
    let mut large = opened(&mut raw, &session, 3).await;
    let mut last = opened(&mut raw, &session, 5).await;
    raw.data(0, 1, &vec![1; 100 * KIB]).await;
    raw.data(0, 3, &vec![3; 250 * KIB]).await;
    raw.data(0, 5, &vec![5; 60 * KIB]).await;
    assert!(resets(&mut raw).await.is_empty());
    raw.data(0, 5, &vec![5; 140 * KIB]).await;
    assert_eq!(resets(&mut raw).await, [3]);
    let error = within(large.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    let unread = error.get_ref().unwrap().downcast_ref::<UnreadError>();
    assert_eq!(unread.unwrap().limit, 512 * KIB);
    let error = within(large.write(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    // What was on its way to it is thrown away; nothing more is said of it.
    raw.data(0, 3, &vec![3; 5 * KIB]).await;
    large.shutdown().await.unwrap();
    drop(large);
    raw.data(0, 3, &vec![3; KIB]).await;
    assert!(resets(&mut raw).await.is_empty());
    for (stream, size) in [(&mut small, 100), (&mut last, 200)] {
        let mut received = vec![0; size * KIB];
        within(stream.read_exact(&mut received)).await.unwrap();
        assert!(received.iter().all(|byte| *byte == received[0]));
    }
    small.write_all(b"on we go").await.unwrap();
    loop {
        let frame = raw.receive().await;
        if frame.stream == 1 && !frame.body.is_empty() {
            assert_eq!(frame.body, b"on we go");
            break;
        }
    }
}

#[tokio::test]
async fn a_reader_that_waits_in_the_middle_of_a_frame_hears_of_it() {
    let (mut raw, session) = Raw::client(config().max_buffered(512 * KIB), ROOM);
    let mut streams = Vec::new();
    for id in [1, 3] {
        streams.push(opened(&mut raw, &session, id).await);
    }
    raw.data(0, 1, &vec![1; WINDOW as usize - 1]).await;
    raw.data(0, 3, &vec![3; WINDOW as usize - 1]).await;
    let third = opened(&mut raw, &session, 5).await;
    // The frame that is one too many is the one of the stream that holds most.
    raw.data(0, 5, &vec![5; WINDOW as usize]).await;
    let resets = resets(&mut raw).await;
    assert_eq!(resets.len(), 1);
    streams.push(third);
    let mut whole = 0;
    for mut stream in streams {
        let mut received = vec![0; WINDOW as usize - 1];
        match within(stream.read_exact(&mut received)).await {
            Ok(_) => whole += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::QuotaExceeded),
        }
    }
    assert_eq!(whole, 2);
}

#[tokio::test]
async fn streams_that_are_not_accepted_have_a_limit_of_their_own() {
    let config = config().max_unaccepted(512 * KIB);
    let (mut raw, session) = Raw::client(config, ROOM);
    let mut accepted = opened(&mut raw, &session, 1).await;
    raw.data(0, 1, &vec![1; WINDOW as usize]).await;
    for id in [3, 5, 7] {
        raw.data(SYN, id, &vec![id as u8; 200 * KIB]).await;
    }
    let resets_of = resets(&mut raw).await;
    assert_eq!(resets_of.len(), 1);
    for id in [3, 5, 7] {
        let mut stream = within(session.accept()).await.unwrap();
        assert_eq!(stream.id(), id);
        let mut received = vec![0; 200 * KIB];
        let read = within(stream.read_exact(&mut received)).await;
        assert_eq!(
            read.is_ok(),
            !resets_of.contains(&id),
            "stream {id}: {read:?}"
        );
    }
    // Accepted streams do not count any more.
    for id in [9, 11] {
        raw.data(SYN, id, &vec![id as u8; 200 * KIB]).await;
    }
    assert!(resets(&mut raw).await.is_empty());
    within(accepted.read_exact(&mut vec![0; WINDOW as usize]))
        .await
        .unwrap();
}

/// What the window of a stream grows by, once it was read, while a given amount is held beside it.
async fn grant_beside(held: usize) -> u32 {
    let (mut raw, session) = Raw::client(config().max_buffered(512 * KIB), ROOM);
    let _other = opened(&mut raw, &session, 1).await;
    raw.data(0, 1, &vec![1; held]).await;
    let mut stream = opened(&mut raw, &session, 3).await;
    raw.data(0, 3, &vec![3; WINDOW as usize]).await;
    within(stream.read_exact(&mut vec![0; WINDOW as usize]))
        .await
        .unwrap();
    let frame = raw.receive().await;
    assert_eq!((frame.kind, frame.stream), (WINDOW_UPDATE, 3));
    frame.length
}

#[tokio::test]
async fn no_wide_windows_where_half_is_used() {
    assert!(grant_beside(KIB).await > WINDOW);
    assert!(grant_beside(256 * KIB).await <= WINDOW);
}

/// As many as a host and a plugin had in one of their tests, each with a full window that waits.
#[tokio::test]
async fn six_hundred_full_windows_are_kept() {
    const STREAMS: usize = 600;
    let (here, there) = tokio::net::UnixStream::pair().unwrap();
    let client = Session::client(here, config());
    let server = Session::server(there, config());
    let mut streams = Vec::new();
    let block = vec![7; WINDOW as usize];
    for _ in 0..STREAMS {
        let (opened, accepted) =
            within(async { tokio::join!(client.open(), server.accept()) }).await;
        let mut opened = opened.unwrap();
        within(opened.write_all(&block)).await.unwrap();
        streams.push((opened, accepted.unwrap()));
    }
    for (mut opened, mut accepted) in streams {
        opened.shutdown().await.unwrap();
        let mut received = Vec::new();
        within(accepted.read_to_end(&mut received)).await.unwrap();
        assert!(received == block);
    }
}

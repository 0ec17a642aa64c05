//! Tests that depend on exactly how many bytes the connection holds.

use std::io::ErrorKind;
use std::time::Duration;

use futures::FutureExt;
use plugwire_yamux::{Config, Session, SessionError, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::raw::{ACK, DATA, FIN, GO_AWAY, PING, Raw, SYN, WINDOW, WINDOW_UPDATE};
use support::within;

const LARGE: usize = 64 * 1024;

fn config() -> Config {
    Config::default().keep_alive(None)
}

/// A session with streams to a peer that reads only when the test says so, and that has granted
/// each a large window.
async fn with_streams(streams: u32, room: usize) -> (Raw, Session, Vec<Stream>) {
    let (mut raw, session) = Raw::server(config(), room);
    let mut opened = Vec::new();
    for n in 0..streams {
        opened.push(within(session.open()).await.unwrap());
        assert_eq!(raw.receive().await.flags, SYN);
        raw.send(WINDOW_UPDATE, ACK, 2 * n + 1, 1 << 30).await;
    }
    // All of it was looked at.
    raw.send(PING, SYN, 0, 0).await;
    assert_eq!(raw.receive().await.kind, PING);
    (raw, session, opened)
}

#[tokio::test]
async fn writes_that_are_given_up_write_no_byte_and_delay_no_other() {
    let (mut raw, session, mut streams) = with_streams(12, 1000).await;
    let last = streams.split_off(8);
    let mut written = [0; 8];
    // Each writes until the connection and the session have no more room, and gives up.
    for (n, stream) in streams.iter_mut().enumerate() {
        let block = vec![n as u8; if n % 2 == 0 { LARGE } else { 100 }];
        while let Some(n_written) = stream.write(&block).now_or_never() {
            written[n] += n_written.unwrap();
            assert!(written[n] < 1 << 20, "there is no end of room");
        }
    }
    // They wait as well, behind those that gave up.
    let mut tasks = JoinSet::new();
    for (n, mut stream) in last.into_iter().enumerate() {
        tasks.spawn(async move {
            stream
                .write_all(&vec![8 + n as u8; 5 * LARGE])
                .await
                .unwrap();
            stream
        });
    }
    tokio::task::yield_now().await;
    let mut received = [0; 12];
    while received[8..] != [5 * LARGE; 4] {
        let frame = raw.receive().await;
        assert_eq!((frame.kind, frame.flags), (DATA, 0));
        let n = (frame.stream / 2) as usize;
        assert!(frame.body.iter().all(|byte| *byte == n as u8));
        received[n] += frame.body.len();
    }
    within(tasks.join_all()).await;
    assert_eq!(received[..8], written);
    // Those that gave up may try again.
    for stream in &mut streams {
        let writing = stream.write_all(b"again");
        within(async { tokio::join!(writing, raw.receive()).0 })
            .await
            .unwrap();
    }
    drop(session);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_window_does_not_stop_others() {
    let (mut raw, session) = Raw::server(config(), 1 << 20);
    let mut full = within(session.open()).await.unwrap();
    let mut other = within(session.open()).await.unwrap();
    let more = vec![1; WINDOW as usize + 1];
    // Time passes when nothing else happens.
    assert!(
        timeout(Duration::from_secs(1), full.write_all(&more))
            .await
            .is_err()
    );
    within(other.write_all(b"on we go")).await.unwrap();
    let mut filled = 0;
    loop {
        let frame = raw.receive().await;
        match frame.stream {
            1 => filled += frame.body.len(),
            _ if frame.body.is_empty() => {}
            _ => {
                assert_eq!(frame.body, b"on we go");
                break;
            }
        }
    }
    assert_eq!(filled, WINDOW as usize);
    // One byte of window is one byte.
    raw.send(WINDOW_UPDATE, 0, 1, 1).await;
    assert_eq!(within(full.write(b"two")).await.unwrap(), 1);
    assert_eq!(raw.receive().await.body, b"t");
}

/// What has arrived, before another task gets a turn.
fn at_once(raw: &mut Raw) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(n) = raw.0.read_buf(&mut bytes).now_or_never() {
        assert!(n.unwrap() > 0);
    }
    bytes
}

#[tokio::test]
async fn flushing_a_stream_sends_at_once() {
    let (mut raw, _session, mut streams) = with_streams(1, 1 << 20).await;
    streams[0]
        .write_all(b"not yet")
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!(at_once(&mut raw), b"");
    streams[0].flush().now_or_never().unwrap().unwrap();
    assert_eq!(at_once(&mut raw)[12..], *b"not yet");
    // Without a flush it goes out with the session's next turn.
    streams[0]
        .write_all(b"soon")
        .now_or_never()
        .unwrap()
        .unwrap();
    assert_eq!(raw.receive().await.body, b"soon");
}

#[tokio::test]
async fn flushing_the_session_waits_for_the_connection() {
    let (mut raw, session, mut streams) = with_streams(2, 1000).await;
    within(session.flush()).await.unwrap();
    within(streams[0].write_all(&[1; 600])).await.unwrap();
    within(streams[1].write_all(&[2; 600])).await.unwrap();
    let flushing = session.clone();
    let flushing = tokio::spawn(async move { flushing.flush().await });
    assert_eq!(raw.receive().await.body, [1; 600]);
    // 612 of 1,224 bytes were read and 1,000 have room: all are with the connection.
    within(flushing).await.unwrap().unwrap();
    assert_eq!(at_once(&mut raw)[12..], [2; 600]);

    within(streams[0].write_all(&[3; 2000])).await.unwrap();
    let flushing = session.clone();
    let mut flushing = tokio::spawn(async move { flushing.flush().await });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!((&mut flushing).now_or_never().is_none(), "1,012 bytes wait");
    assert_eq!(raw.receive().await.body, [3; 2000]);
    within(flushing).await.unwrap().unwrap();
}

/// A plugin that writes its last output and exits, while its host writes to it.
#[tokio::test]
async fn what_the_peer_had_sent_is_read_though_it_takes_nothing_more() {
    const STREAMS: u32 = 20;
    const FRAME: usize = 16 * 1024;
    let (mut raw, session) = Raw::client(Config::default(), 8 << 20);
    let mut streams = Vec::new();
    for n in 0..STREAMS {
        raw.data(SYN, 2 * n + 1, b"").await;
        streams.push(within(session.accept()).await.unwrap());
    }
    // All of it before the session reads any.
    let sending = async {
        for n in 0..STREAMS {
            for _ in 0..WINDOW as usize / FRAME {
                raw.data(0, 2 * n + 1, &[n as u8; FRAME]).await;
            }
            raw.data(FIN, 2 * n + 1, b"").await;
        }
    };
    tokio::task::unconstrained(sending).await;
    drop(raw);
    // The session learns here that the peer is gone.
    let _ = streams[0].write_all(&[0; 100_000]).await;
    for (n, stream) in streams.iter_mut().enumerate() {
        let mut received = Vec::new();
        let read = within(stream.read_to_end(&mut received)).await;
        assert_eq!(received.len(), WINDOW as usize, "of stream {n}: {read:?}");
        read.unwrap();
    }
}

/// Without the deadline of [`Config::close_timeout`] it would wait for ever.
#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_peer_that_does_not_read() {
    let config = Config::default()
        .keep_alive(None)
        .close_timeout(Duration::from_secs(7));
    let (raw, session) = Raw::server(config, 100);
    let mut stream = within(session.open()).await.unwrap();
    stream.write_all(&[0; 1000]).await.unwrap();
    let start = Instant::now();
    session.close().await;
    assert_eq!(start.elapsed().as_secs(), 7);
    assert!(matches!(
        within(session.closed()).await,
        SessionError::Closed
    ));
    let error = stream.write(b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    drop(raw);
}

/// A peer that is behind with reading gets the GoAway, too, once it reads.
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_behind_gets_a_go_away() {
    let (mut raw, session) = Raw::client(config().max_noise(1), 64);
    // Nothing is read meanwhile, so that the answers fill the connection.
    for n in 0..11 {
        raw.send(PING, SYN, 0, n).await;
    }
    let reason = within(session.closed()).await;
    assert!(matches!(reason, SessionError::Noise { .. }), "{reason:?}");
    for n in 0..11 {
        let frame = raw.receive().await;
        assert_eq!((frame.kind, frame.length), (PING, n));
    }
    let frame = raw.receive().await;
    assert_eq!((frame.kind, frame.length), (GO_AWAY, 1));
    assert_eq!(within(raw.0.read(&mut [0])).await.unwrap(), 0);
}

/// One that goes on reading nothing is waited for no longer than for any other end.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_not_waited_for() {
    let (mut raw, session) = Raw::client(config().max_noise(1), 64);
    for n in 0..11 {
        raw.send(PING, SYN, 0, n).await;
    }
    within(session.closed()).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let mut rest = Vec::new();
    within(raw.0.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest.len(), 64);
}

//! A peer lives as long as it answers and takes what is written to it. What it sends is no sign of
//! that.

use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use plugwire_yamux::{Config, Session, SessionError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::raw::{ACK, DATA, PING, Raw, SYN, WINDOW_UPDATE, header};

/// How long a session with the default settings lasts, from now.
async fn lasts(session: &Session, start: Instant) -> Duration {
    let reason = session.closed().await;
    assert!(matches!(reason, SessionError::KeepAliveTimeout), "{reason}");
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_only_talks_is_cut_off_after_40_seconds() {
    let (mut raw, session) = Raw::client(Config::default(), 1 << 20);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let _stream = session.accept().await.unwrap();
    let start = Instant::now();
    let talking = tokio::spawn(async move {
        loop {
            raw.data(0, 1, b"I am here").await;
            sleep(Duration::from_secs(1)).await;
        }
    });
    assert_eq!(lasts(&session, start).await.as_secs(), 40);
    // Its connection is closed, so it panics.
    assert!(talking.await.unwrap_err().is_panic());
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_question_is_none() {
    let (mut raw, session) = Raw::client(Config::default(), 1 << 20);
    let start = Instant::now();
    let talking = tokio::spawn(async move {
        loop {
            raw.send(PING, ACK, 0, 7_000_000).await;
            sleep(Duration::from_secs(1)).await;
        }
    });
    assert_eq!(lasts(&session, start).await.as_secs(), 40);
    talking.abort();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_right_after_an_answer_is_noticed_40_seconds_later() {
    let (mut raw, session) = Raw::client(Config::default(), 1 << 20);
    let ping = raw.0.read_u8();
    let mut ping = pin!(ping);
    // Without a deadline of the test's own: the time that passes is the session's.
    ping.as_mut().await.unwrap();
    let mut rest = [0; 11];
    raw.0.read_exact(&mut rest).await.unwrap();
    let number = u32::from_be_bytes(rest[7..].try_into().unwrap());
    raw.0
        .write_all(&header(PING, ACK, 0, number))
        .await
        .unwrap();
    assert_eq!(lasts(&session, Instant::now()).await.as_secs(), 40);
}

/// A write that makes no progress is noticed within the timeout, and an eighth of it.
#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_unread_pings_and_reads_nothing_is_cut_off() {
    let (mut raw, session) = Raw::client(Config::default(), 64 * 1024);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let mut stream = session.accept().await.unwrap();
    let talking = tokio::spawn(async move {
        for number in (0..10).cycle() {
            // Whatever the session asks next.
            raw.send(PING, ACK, 0, number).await;
            raw.send(WINDOW_UPDATE, 0, 1, 100_000).await;
            sleep(Duration::from_millis(500)).await;
        }
    });
    sleep(Duration::from_secs(5)).await;
    let start = Instant::now();
    let writing = tokio::spawn(async move { stream.write_all(&vec![1; 8 << 20]).await });
    let lasted = lasts(&session, start).await;
    assert!(lasted >= Duration::from_secs(10), "{lasted:?}");
    assert!(lasted < Duration::from_millis(11_300), "{lasted:?}");
    let error = writing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    talking.abort();
}

/// Small frames gather and wait for the driver; large ones are written by their writer, outside of
/// the driver, which has to hear of it.
#[tokio::test(start_paused = true)]
async fn a_write_that_stands_still_is_noticed_whatever_its_size() {
    for size in [1, 100, 5_000, 64 * 1024, 200_000] {
        let (mut raw, session) = Raw::client(Config::default(), 300_000);
        raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
        raw.send(WINDOW_UPDATE, 0, 1, 10 << 20).await;
        let mut stream = session.accept().await.unwrap();
        let writing = tokio::spawn(async move {
            let block = vec![1; size];
            while stream.write_all(&block).await.is_ok() {}
        });
        let lasted = lasts(&session, Instant::now()).await;
        let limits = Duration::from_secs(10)..Duration::from_millis(11_300);
        assert!(limits.contains(&lasted), "{lasted:?} with blocks of {size}");
        writing.await.unwrap();
    }
}

/// Reads and answers as an honest peer does, at a limited number of bytes in 100 ms.
async fn read_slowly(mut raw: Raw, rate: usize) {
    let mut buffered: Vec<u8> = Vec::new();
    loop {
        let mut left = rate;
        while left > 0 {
            let mut piece = vec![0; left];
            let n = raw.0.read(&mut piece).await.unwrap_or(0);
            if n == 0 {
                return;
            }
            left -= n;
            buffered.extend_from_slice(&piece[..n]);
        }
        while buffered.len() >= 12 {
            let number = |at: usize| u32::from_be_bytes(buffered[at..at + 4].try_into().unwrap());
            let (kind, stream, length) = (buffered[1], number(4), number(8));
            let end = 12 + if kind == DATA { length as usize } else { 0 };
            if buffered.len() < end {
                break;
            }
            let answer = match kind {
                DATA => Some(header(WINDOW_UPDATE, 0, stream, length)),
                PING => Some(header(PING, ACK, 0, length)),
                _ => None,
            };
            if let Some(answer) = answer
                && raw.0.write_all(&answer).await.is_err()
            {
                return;
            }
            buffered.drain(..end);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// A ping waits behind 128 KiB and more, which takes this peer longer than the timeout.
#[tokio::test(start_paused = true)]
async fn a_slow_peer_under_load_is_not_cut_off() {
    for size in [1_000, 64 * 1024] {
        let (mut raw, session) = Raw::client(Config::default(), 64 * 1024);
        raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
        let mut stream = session.accept().await.unwrap();
        let reading = tokio::spawn(read_slowly(raw, 1_000));
        let writing = tokio::spawn(async move {
            let block = vec![1; size];
            while stream.write_all(&block).await.is_ok() {}
        });
        sleep(Duration::from_secs(600)).await;
        assert!(!session.is_closed(), "with blocks of {size}");
        session.close().await;
        writing.await.unwrap();
        reading.await.unwrap();
    }
}

/// What comes in faster than the session looks at it must not hide an answer that is there.
#[tokio::test(start_paused = true)]
async fn an_answer_that_waited_behind_much_data_counts() {
    let (mut raw, session) = Raw::client(Config::default(), 64 << 20);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let _stream = session.accept().await.unwrap();
    let mut ping = [0; 24];
    raw.0.read_exact(&mut ping).await.unwrap();
    assert_eq!(ping[13], PING, "after the acknowledgement");
    // All at once, and the clock stands at the deadline when the session sees the first of it.
    let mut bytes = Vec::new();
    for _ in 0..500_000 {
        bytes.extend_from_slice(&header(WINDOW_UPDATE, 0, 1, 1));
    }
    bytes.extend_from_slice(&header(PING, ACK, 0, 0));
    let mut writing = pin!(raw.0.write_all(&bytes));
    let mut no_task = Context::from_waker(Waker::noop());
    tokio::time::advance(Duration::from_millis(9_999)).await;
    let Poll::Ready(written) = tokio::task::unconstrained(async {
        std::future::poll_fn(|_| Poll::Ready(writing.as_mut().poll(&mut no_task))).await
    })
    .await
    else {
        panic!("there is room");
    };
    written.unwrap();
    tokio::time::advance(Duration::from_millis(2)).await;
    sleep(Duration::from_secs(20)).await;
    assert!(!session.is_closed());
}

#[tokio::test(start_paused = true)]
async fn without_keep_alive_no_peer_is_cut_off() {
    let (mut raw, session) = Raw::client(Config::default().keep_alive(None), 1_000);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let mut stream = session.accept().await.unwrap();
    let writing = tokio::spawn(async move { stream.write_all(&[1; 200_000]).await });
    sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert!(!session.is_closed());
    writing.abort();
}

//! What waits for a peer that does not read is bounded, whatever else the peer does.

use std::time::Duration;

use plugwire_yamux::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::raw::{ACK, FIN, RST, Raw, SYN, WINDOW, WINDOW_UPDATE, header};
use support::alloc::largest_block;
use support::within;

/// Far more than may be queued, in a second or so.
const ROUNDS: u32 = 30_000;

/// What a session asked for at most, in one block: its queue is one.
const MOST: usize = 1 << 20;

fn config() -> Config {
    Config::default().keep_alive(None)
}

/// The peer acknowledges and ends each stream unread, so that the next may be opened.
#[tokio::test(start_paused = true)]
async fn streams_opened_and_finished_for_a_peer_that_does_not_read() {
    let (mut raw, session) = Raw::server(config(), 4096);
    let opening = tokio::spawn(async move {
        let mut opened = 0;
        loop {
            let Ok(stream) = timeout(Duration::from_secs(5), session.open()).await else {
                return (session, opened);
            };
            let mut stream = stream.unwrap();
            stream.shutdown().await.unwrap();
            drop(stream);
            opened += 1;
        }
    });
    largest_block();
    for n in 0..ROUNDS {
        raw.send(WINDOW_UPDATE, ACK | FIN, 2 * n + 1, 0).await;
        if n % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let (session, opened) = opening.await.unwrap();
    assert!(opened < ROUNDS, "{opened} streams were opened");
    let largest = largest_block();
    assert!(largest < MOST, "a block of {largest} bytes");
    // Once the peer reads, it goes on.
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 1 << 16];
        while raw.0.read(&mut buffer).await.unwrap_or(0) > 0 {}
    });
    for _ in 0..100 {
        within(session.open()).await.unwrap();
    }
    reading.abort();
}

/// The peer opens and ends streams unread, which are accepted and dropped.
#[tokio::test(start_paused = true)]
async fn streams_accepted_and_finished_for_a_peer_that_does_not_read() {
    let (mut raw, session) = Raw::client(config().max_noise(u32::MAX), 4096);
    let accepting = tokio::spawn(async move {
        while let Ok(Ok(stream)) = timeout(Duration::from_secs(5), session.accept()).await {
            drop(stream);
        }
        session
    });
    largest_block();
    let mut sent = 0;
    for n in 0..ROUNDS {
        let mut frames = header(WINDOW_UPDATE, SYN, 2 * n + 1, 0).to_vec();
        frames.extend_from_slice(&header(WINDOW_UPDATE, FIN, 2 * n + 1, 0));
        // In the end the session stops reading: it would have to refuse them.
        let writing = timeout(Duration::from_secs(5), raw.0.write_all(&frames));
        if writing.await.is_err() {
            break;
        }
        sent += 1;
    }
    assert!(sent < ROUNDS, "{sent} streams were taken");
    let largest = largest_block();
    assert!(largest < MOST, "a block of {largest} bytes");
    drop(accepting);
}

/// Every half window that was read gives rise to a window update.
#[tokio::test(start_paused = true)]
async fn windows_granted_to_a_peer_that_does_not_read() {
    const STREAMS: u32 = 200;
    let (mut raw, session) = Raw::client(config(), 4096);
    let mut readers = JoinSet::new();
    for n in 0..STREAMS {
        raw.send(WINDOW_UPDATE, SYN, 2 * n + 1, 0).await;
        let mut stream = within(session.accept()).await.unwrap();
        readers.spawn(async move {
            let mut buffer = vec![0; WINDOW as usize];
            while stream.read(&mut buffer).await.unwrap_or(0) > 0 {}
        });
    }
    // The queue is full of data from now on.
    let mut full = within(session.open()).await.unwrap();
    let filling = tokio::spawn(async move { full.write_all(&[1; 200_000]).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    largest_block();
    let body = vec![7; WINDOW as usize];
    for n in 0..STREAMS {
        raw.data(0, 2 * n + 1, &body).await;
    }
    assert!(largest_block() < 2 * MOST);
    // All are granted once the peer reads.
    let mut granted = std::collections::HashSet::new();
    while granted.len() < STREAMS as usize {
        let frame = raw.receive().await;
        assert_eq!(frame.flags & RST, 0);
        if frame.kind == WINDOW_UPDATE && frame.length > 0 {
            granted.insert(frame.stream);
        }
    }
    filling.abort();
    readers.shutdown().await;
}

/// What waited for room is sent once there is room, though nothing else happens.
#[tokio::test(start_paused = true)]
async fn a_window_that_waited_for_room_is_granted() {
    let (mut raw, session) = Raw::server(config(), 1000);
    let mut into = within(session.open()).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(within(session.open()).await.unwrap());
    }
    // More than 128 KiB wait: small frames, and what is left of a large one.
    let mut writers = JoinSet::new();
    for (mut other, size) in others.into_iter().zip([60_000, 1_000, 1_000]) {
        raw.send(WINDOW_UPDATE, ACK, other.id(), 1 << 20).await;
        writers.spawn(async move {
            for _ in 0..100 {
                other.write_all(&vec![1; size]).await.unwrap();
            }
            other
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    raw.data(ACK, 1, &vec![7; WINDOW as usize]).await;
    within(into.read_exact(&mut vec![0; WINDOW as usize]))
        .await
        .unwrap();
    loop {
        let frame = raw.receive().await;
        if (frame.kind, frame.stream) == (WINDOW_UPDATE, 1) && frame.length > 0 {
            break;
        }
    }
    writers.shutdown().await;
}

//! A stream that was shut down and dropped goes on taking what the peer sends, as in Go.

use std::io;
use std::time::Duration;

use plugwire_yamux::{Config, Session, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::raw::{ACK, FIN, PING, RST, Raw, SYN, WINDOW, WINDOW_UPDATE};
use support::within;

const ROOM: usize = 1 << 20;

fn config() -> Config {
    Config::default().keep_alive(None)
}

async fn with_stream() -> (Raw, Session, Stream) {
    let (mut raw, session) = Raw::client(config(), ROOM);
    raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
    let stream = within(session.accept()).await.unwrap();
    assert_eq!(raw.receive().await.flags, ACK);
    (raw, session, stream)
}

/// Everything that the session said until it has looked at all that it was sent. What it makes of
/// that comes behind its answer, so it is asked twice.
async fn said(raw: &mut Raw) -> Vec<(u8, u16, u32)> {
    let mut frames = Vec::new();
    for number in 0..2 {
        raw.send(PING, SYN, 0, number).await;
        loop {
            let frame = raw.receive().await;
            if frame.kind == PING {
                break;
            }
            frames.push((frame.kind, frame.flags, frame.stream));
        }
    }
    frames
}

/// Reads as programs do that ask for each piece: a request before each read.
async fn pull(mut stream: Stream) -> io::Result<Vec<u8>> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        stream.write_all(&[1]).await?;
        match stream.read(&mut buffer).await? {
            0 => return Ok(received),
            n => received.extend_from_slice(&buffer[..n]),
        }
    }
}

#[tokio::test]
async fn a_peer_that_asks_for_each_piece_gets_all_of_a_dropped_stream() {
    let sent: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let (here, there) = tokio::net::UnixStream::pair().unwrap();
    let (client, server) = (
        Session::client(here, config()),
        Session::server(there, config()),
    );
    for round in 0..1_000 {
        let (opened, accepted) = tokio::join!(client.open(), server.accept());
        let (opened, accepted) = (opened.unwrap(), accepted.unwrap());
        let (mut from, to) = match round % 2 {
            0 => (opened, accepted),
            _ => (accepted, opened),
        };
        let giving = async {
            from.write_all(&sent).await.unwrap();
            from.shutdown().await.unwrap();
            drop(from);
        };
        let ((), received) = within(async { tokio::join!(giving, pull(to)) }).await;
        assert!(received.unwrap() == sent, "in round {round}");
    }
}

#[tokio::test]
async fn what_comes_within_the_window_is_taken_and_not_answered() {
    let (mut raw, _session, mut stream) = with_stream().await;
    stream.write_all(b"reply").await.unwrap();
    drop(stream);
    for _ in 0..4 {
        raw.data(0, 1, &vec![7; WINDOW as usize / 4 - 1]).await;
    }
    let said = said(&mut raw).await;
    assert!(said.iter().all(|frame| frame.1 & RST == 0), "{said:?}");
    assert!(said.iter().any(|frame| frame.1 & FIN != 0), "{said:?}");
}

#[tokio::test]
async fn a_peer_that_used_up_its_window_is_reset() {
    for drop_first in [true, false] {
        let (mut raw, _session, stream) = with_stream().await;
        let mut stream = Some(stream);
        if drop_first {
            stream = None;
        }
        raw.data(0, 1, &vec![7; WINDOW as usize]).await;
        let before = said(&mut raw).await;
        drop(stream);
        let after = said(&mut raw).await;
        let reset = |said: &[(u8, u16, u32)]| said.contains(&(WINDOW_UPDATE, RST, 1));
        assert_eq!(reset(&before), drop_first);
        assert_eq!(reset(&after), !drop_first);
    }
}

/// The last of it may come with the end, in one frame or two.
#[tokio::test]
async fn a_peer_that_used_up_its_window_and_finished_is_not_reset() {
    for one_frame in [true, false] {
        let (mut raw, _session, stream) = with_stream().await;
        drop(stream);
        raw.data(0, 1, &vec![7; WINDOW as usize - 10]).await;
        let mut bytes = super::raw::header(0, if one_frame { FIN } else { 0 }, 1, 10).to_vec();
        bytes.extend_from_slice(&[7; 10]);
        if !one_frame {
            bytes.extend_from_slice(&super::raw::header(WINDOW_UPDATE, FIN, 1, 0));
        }
        within(raw.0.write_all(&bytes)).await.unwrap();
        let said = said(&mut raw).await;
        assert!(said.iter().all(|frame| frame.1 & RST == 0), "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_close_timeout_counts_from_the_drop_whatever_comes() {
    let (mut raw, _session, stream) = with_stream().await;
    drop(stream);
    let start = Instant::now();
    assert_eq!(raw.receive().await.flags, FIN);
    // A byte a second is within the window for longer than the five minutes.
    let reset = loop {
        raw.data(0, 1, b"x").await;
        if let Ok(frame) = timeout(Duration::from_secs(1), raw.receive()).await {
            break frame;
        }
    };
    assert_eq!((reset.flags, reset.stream), (RST, 1));
    assert_eq!(start.elapsed().as_secs(), 300);
}

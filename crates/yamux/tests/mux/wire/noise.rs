//! A peer may send some frames that are of no use, and not without end.

use plugwire_yamux::{Config, Noise, Session, SessionError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::raw::{ACK, DATA, FIN, GO_AWAY, PING, RST, Raw, SYN, WINDOW_UPDATE, header};
use support::within;

/// Room for everything that a test sends.
const ROOM: usize = 32 << 20;

fn config() -> Config {
    Config::default().keep_alive(None)
}

/// Time stands still, so that nothing is allowed again.
///
/// `most` of the frames are borne at a time. One more ends the session with a GoAway.
async fn borne(noise: Noise, most: usize, frames: impl Fn(u32) -> Vec<u8>) {
    let config = config().accept_backlog(1).max_noise(100);
    for (times, ends) in [(most, false), (most + 1, true)] {
        let (mut raw, session) = Raw::client(config.clone(), ROOM);
        // The one that may wait to be accepted.
        raw.send(WINDOW_UPDATE, SYN, 1, 0).await;
        let mut bytes = Vec::new();
        for n in 0..times {
            bytes.extend(frames(n as u32));
        }
        raw.0.write_all(&bytes).await.unwrap();
        if !ends {
            within(session.accept()).await.unwrap();
            while raw.receive().await.flags != ACK {}
            assert!(!session.is_closed());
            continue;
        }
        let reason = within(session.closed()).await;
        let SessionError::Noise {
            noise: of,
            per_second,
            ..
        } = reason
        else {
            panic!("{reason:?}");
        };
        assert_eq!((of, per_second as usize), (noise, most / 10));
        let frame = loop {
            let frame = raw.receive().await;
            if frame.kind == GO_AWAY {
                break frame;
            }
        };
        assert_eq!(frame.length, 1);
        assert_eq!(within(raw.0.read(&mut [0])).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn pings() {
    borne(Noise::Pings, 1_000, |n| header(PING, SYN, 0, n).to_vec()).await;
}

#[tokio::test(start_paused = true)]
async fn answers_to_pings_that_were_not_sent() {
    borne(Noise::Pings, 1_000, |n| header(PING, ACK, 0, n).to_vec()).await;
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_refused() {
    borne(Noise::RefusedStreams, 1_000, |n| {
        header(WINDOW_UPDATE, SYN, 2 * n + 3, 0).to_vec()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_opened_and_reset() {
    // Where each finds its place, as it does where they are accepted at once.
    let config = config().accept_backlog(100_000).max_noise(100);
    let (mut raw, session) = Raw::client(config, ROOM);
    for n in 0..=10_000 {
        let mut frames = header(WINDOW_UPDATE, SYN, 2 * n + 1, 0).to_vec();
        frames.extend(header(WINDOW_UPDATE, RST, 2 * n + 1, 0));
        raw.0.write_all(&frames).await.unwrap();
    }
    let reason = within(session.closed()).await;
    let SessionError::Noise { noise, .. } = reason else {
        panic!("{reason:?}");
    };
    assert_eq!(noise, Noise::ResetStreams);
}

#[tokio::test(start_paused = true)]
async fn frames_that_carry_and_say_nothing() {
    for (kind, flags) in [
        (DATA, 0),
        (WINDOW_UPDATE, 0),
        (DATA, ACK),
        (WINDOW_UPDATE, ACK),
    ] {
        borne(Noise::EmptyFrames, 1_000, |_| {
            header(kind, flags, 1, 0).to_vec()
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_told_again_and_again() {
    borne(Noise::EmptyFrames, 1_000, |n| match n {
        0 => [
            header(WINDOW_UPDATE, FIN, 1, 0),
            header(WINDOW_UPDATE, FIN, 1, 0),
        ]
        .concat(),
        _ => header(WINDOW_UPDATE, FIN, 1, 0).to_vec(),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn frames_for_streams_that_there_are_not() {
    borne(Noise::UnknownStreams, 1_000, |n| {
        header(WINDOW_UPDATE, 0, 2 * n + 1_001, 9).to_vec()
    })
    .await;
    borne(Noise::UnknownStreams, 1_000, |n| {
        let mut frame = header(DATA, 0, 2 * n + 1_001, 5).to_vec();
        frame.extend(b"hello");
        frame
    })
    .await;
}

/// Hardly any noise is allowed, so that none of these makes any.
fn strict() -> Config {
    config().max_noise(1)
}

fn sessions() -> (Session, Session) {
    let (here, there) = tokio::net::UnixStream::pair().unwrap();
    (
        Session::client(here, strict()),
        Session::server(there, strict()),
    )
}

/// Says that a session ended, where it did.
fn assert_open(sessions: [&Session; 2]) {
    for session in sessions {
        assert!(!session.is_closed(), "{session:?}");
    }
}

#[tokio::test]
async fn ten_thousand_streams_opened_and_closed_at_once_are_no_noise() {
    let (client, server) = sessions();
    let accepting = server.clone();
    let serving = tokio::spawn(async move {
        let mut tasks = JoinSet::new();
        while let Ok(mut stream) = accepting.accept().await {
            tasks.spawn(async move {
                let mut text = Vec::new();
                let _ = stream.read_to_end(&mut text).await;
                let _ = stream.write_all(&text).await;
            });
        }
    });
    let mut tasks = JoinSet::new();
    for n in 0..10_000u32 {
        let client = client.clone();
        tasks.spawn(async move {
            let mut stream = client.open().await.unwrap();
            match n % 3 {
                0 => drop(stream),
                1 => {
                    stream.write_all(b"hello").await.unwrap();
                    stream.shutdown().await.unwrap();
                    let mut text = String::new();
                    stream.read_to_string(&mut text).await.unwrap();
                    assert_eq!(text, "hello");
                }
                _ => {
                    stream.write_all(b"never mind").await.unwrap();
                    drop(stream);
                }
            }
        });
    }
    while let Some(done) = within(tasks.join_next()).await {
        done.unwrap();
    }
    assert_open([&client, &server]);
    serving.abort();
}

/// Frames of a few bytes each: many are on their way when their reader is gone.
#[tokio::test]
async fn readers_that_go_in_the_middle_of_much_are_no_noise() {
    for (reset, size) in [(false, 10), (false, 60_000), (true, 1), (true, 60_000)] {
        let (client, server) = sessions();
        for _ in 0..30 {
            let (opened, accepted) = tokio::join!(client.open(), server.accept());
            let (mut from, mut to) = (opened.unwrap(), accepted.unwrap());
            let writing = tokio::spawn(async move {
                let block = vec![1; size];
                while from.write_all(&block).await.is_ok() {}
            });
            within(to.read_exact(&mut [0; 1000])).await.unwrap();
            if reset {
                to.reset();
            }
            drop(to);
            within(writing).await.unwrap();
        }
        assert_open([&client, &server]);
    }
}

//! A peer that keeps to the rules of hashicorp/yamux, and to which a frame for a stream that is
//! gone is an error: Go logs "frame for missing stream" for each.

use std::collections::HashMap;

use plugwire_yamux::{Config, Session, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::raw::{DATA, FIN, PING, RST, Raw, SYN, WINDOW, WINDOW_UPDATE};
use support::causes::assert_fails;
use support::rng::Rng;
use support::within;

const RESET: &str = "the stream was reset by the peer";

const ROOM: usize = 1 << 20;

fn config() -> Config {
    Config::default().keep_alive(None)
}

/// What the peer knows of a stream: it is gone once both sides have finished it, or one has reset
/// it.
#[derive(Default)]
struct Known {
    finished: bool,
    peer_finished: bool,
    /// How much may be sent.
    window: u32,
}

struct Strict {
    raw: Raw,
    streams: HashMap<u32, Known>,
}

impl Strict {
    fn new(config: Config) -> (Strict, Session) {
        let (raw, session) = Raw::client(config, ROOM);
        let streams = HashMap::new();
        (Strict { raw, streams }, session)
    }

    async fn open(&mut self, id: u32) {
        self.raw.send(WINDOW_UPDATE, SYN, id, 0).await;
        let known = Known {
            window: WINDOW,
            ..Known::default()
        };
        self.streams.insert(id, known);
    }

    async fn finish(&mut self, id: u32) {
        self.raw.send(WINDOW_UPDATE, FIN, id, 0).await;
        let known = self.streams.get_mut(&id).unwrap();
        known.finished = true;
        if known.peer_finished {
            self.streams.remove(&id);
        }
    }

    /// Takes a frame; true for the answer to a ping.
    async fn take(&mut self) -> bool {
        let frame = self.raw.receive().await;
        if frame.kind == PING {
            return true;
        }
        let Some(known) = self.streams.get_mut(&frame.stream) else {
            panic!("{frame:?} for a stream that is gone");
        };
        if frame.kind == WINDOW_UPDATE {
            known.window += frame.length;
        }
        if frame.flags & FIN != 0 {
            assert!(!known.peer_finished, "a second FIN ends a Go session");
            known.peer_finished = true;
        }
        if frame.flags & RST != 0 || known.peer_finished && known.finished {
            self.streams.remove(&frame.stream);
        }
        false
    }

    /// Takes all that the session has to say of what it was sent.
    async fn settle(&mut self) {
        for number in 0..2 {
            self.raw.send(PING, SYN, 0, number).await;
            while !self.take().await {}
        }
    }
}

/// Reads it all, in pieces of chance sizes, and writes some, before or after its own end.
async fn serve(mut stream: Stream, mut rng: Rng) {
    let reply = vec![1; rng.size(100_000)];
    let end_first = rng.below(2) == 0;
    if end_first {
        stream.write_all(&reply).await.unwrap();
        stream.shutdown().await.unwrap();
    }
    let mut buffer = vec![0; 100_000];
    loop {
        let size = rng.size(100_000);
        if stream.read(&mut buffer[..size]).await.unwrap() == 0 {
            break;
        }
        if rng.below(4) == 0 {
            tokio::task::yield_now().await;
        }
    }
    if !end_first {
        stream.write_all(&reply).await.unwrap();
    }
}

/// On each stream the peer sends some and ends, with FIN right behind the last of it, or later.
#[tokio::test]
async fn no_frame_is_sent_for_a_stream_that_is_gone() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let (mut strict, session) = Strict::new(config());
        let mut tasks = JoinSet::new();
        let mut left: HashMap<u32, usize> = HashMap::new();
        for n in 0..1 + rng.below(4) as u32 {
            let id = 2 * n + 1;
            strict.open(id).await;
            left.insert(id, rng.size(1 << 20));
            let stream = within(session.accept()).await.unwrap();
            tasks.spawn(serve(stream, Rng::new(seed * 100 + u64::from(n))));
        }
        while !left.is_empty() {
            let ids: Vec<u32> = left.keys().copied().collect();
            let id = ids[rng.below(ids.len())];
            let Some(known) = strict.streams.get_mut(&id) else {
                panic!("stream {id} ended early");
            };
            let todo = left.get_mut(&id).unwrap();
            let n = rng.size(60_000).min(*todo).min(known.window as usize);
            known.window -= n as u32;
            *todo -= n;
            // A peer whose window is used up has more to send, or waits whether it is to have.
            let done = *todo == 0 && known.window > 0;
            if *todo == 0 && !done {
                strict.settle().await;
                left.remove(&id);
                strict.finish(id).await;
                continue;
            }
            let flags = if done && rng.below(2) == 0 { FIN } else { 0 };
            if n > 0 {
                strict.raw.data(flags, id, &vec![7; n]).await;
            }
            if done {
                left.remove(&id);
                if n > 0 && flags == FIN {
                    let known = strict.streams.get_mut(&id).unwrap();
                    known.finished = true;
                    if known.peer_finished {
                        strict.streams.remove(&id);
                    }
                } else {
                    strict.finish(id).await;
                }
            }
            if n == 0 || rng.below(3) == 0 {
                strict.settle().await;
            }
        }
        within(async { while tasks.join_next().await.is_some_and(|done| done.is_ok()) {} }).await;
        strict.settle().await;
        assert!(strict.streams.is_empty(), "all are over");
    }
}

#[tokio::test]
async fn a_stream_that_was_reset_is_not_acknowledged() {
    let (mut strict, session) = Strict::new(config());
    strict.open(1).await;
    strict.settle().await;
    strict.raw.send(WINDOW_UPDATE, RST, 1, 0).await;
    strict.streams.remove(&1);
    strict.settle().await;
    let mut stream = within(session.accept()).await.unwrap();
    strict.settle().await;
    assert_fails(within(stream.read(&mut [0])).await, RESET);
    stream.shutdown().await.unwrap();
    drop(stream);
    strict.settle().await;
}

/// Whatever is done with a stream that the peer has reset.
#[tokio::test]
async fn nothing_is_said_of_a_stream_that_the_peer_has_reset() {
    for bytes in [0, 1, 200_000] {
        let (mut strict, session) = Strict::new(config());
        strict.open(1).await;
        let mut stream = within(session.accept()).await.unwrap();
        if bytes > 0 {
            strict.raw.data(0, 1, &vec![7; bytes]).await;
        }
        strict.settle().await;
        strict.raw.send(DATA, RST, 1, 0).await;
        strict.streams.remove(&1);
        strict.settle().await;
        let mut received = Vec::new();
        assert_fails(within(stream.read_to_end(&mut received)).await, RESET);
        assert_eq!(received.len(), bytes);
        strict.settle().await;
        assert_fails(stream.write_all(b"x").await, RESET);
        stream.shutdown().await.unwrap();
        strict.settle().await;
        drop(stream);
        strict.settle().await;
    }
}

/// A stream that was finished here still gets all that the peer has, however much.
#[tokio::test]
async fn a_finished_stream_is_granted_more_when_its_window_is_used_up() {
    const TOTAL: usize = 10 << 20;
    let (mut strict, session) = Strict::new(config());
    strict.open(1).await;
    let mut stream = within(session.accept()).await.unwrap();
    stream.shutdown().await.unwrap();
    let reading = tokio::spawn(async move {
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        received.len()
    });
    let mut left = TOTAL;
    while left > 0 {
        let window = strict.streams[&1].window as usize;
        let n = window.min(left).min(60_000);
        if n == 0 {
            assert!(!strict.take().await);
            continue;
        }
        strict.raw.data(0, 1, &vec![7; n]).await;
        strict.streams.get_mut(&1).unwrap().window -= n as u32;
        left -= n;
    }
    strict.finish(1).await;
    assert_eq!(within(reading).await.unwrap(), TOTAL);
}

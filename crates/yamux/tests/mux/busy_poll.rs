//! Whether a session lets its thread sleep, seen by how often it asks its connection for more.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use plugwire_yamux::{Config, Session, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::yield_now;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);
const NEVER: Option<Duration> = None;
const ALWAYS: Option<Duration> = Some(Duration::MAX);

/// A connection that counts how often it is asked for bytes.
struct Counted {
    io: DuplexStream,
    asked: Arc<AtomicUsize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Two sessions, of which the client's waits in the given way, and a stream between them.
struct Pair {
    client: Session,
    _server: Session,
    here: Stream,
    there: Stream,
    asked: Arc<AtomicUsize>,
}

impl Pair {
    async fn new(limit: Option<Duration>) -> Pair {
        let (here, there) = tokio::io::duplex(64 * 1024);
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Counted {
            io: here,
            asked: asked.clone(),
        };
        let config = || Config::default().keep_alive(None);
        let client = Session::client(counted, config().busy_poll(limit));
        let server = Session::server(there, config().busy_poll(NEVER));
        let (opened, accepted) = timeout(DEADLINE, async {
            tokio::join!(client.open(), server.accept())
        })
        .await
        .expect("within the deadline");
        Pair {
            client,
            _server: server,
            here: opened.unwrap(),
            there: accepted.unwrap(),
            asked,
        }
    }

    /// Some messages there and back.
    async fn talk(&mut self) {
        let talk = async {
            for _ in 0..20 {
                let mut text = [0; 4];
                self.here.write_all(b"ping").await.unwrap();
                self.there.read_exact(&mut text).await.unwrap();
                self.there.write_all(b"pong").await.unwrap();
                self.here.read_exact(&mut text).await.unwrap();
            }
        };
        timeout(DEADLINE, talk).await.expect("within the deadline");
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// How often the connection is asked in a number of turns of the runtime.
    async fn asked_in(&self, turns: usize) -> usize {
        let before = self.asked();
        for _ in 0..turns {
            yield_now().await;
        }
        self.asked() - before
    }
}

/// A session that may never stay awake is at rest as soon as everything was read.
#[tokio::test]
async fn without_busy_polling_nothing_is_asked_twice() {
    let mut pair = Pair::new(NEVER).await;
    pair.talk().await;
    pair.asked_in(100).await;
    assert_eq!(pair.asked_in(1000).await, 0);
}

/// Where it may, it asks in each turn, and all others have theirs: tasks, timers, the session's
/// end.
#[tokio::test]
async fn busy_polling_leaves_others_their_turns() {
    let mut pair = Pair::new(ALWAYS).await;
    let several = std::thread::available_parallelism().unwrap().get() > 1;
    let mut most = 0;
    // For a millisecond in each 50 it does the other thing, to see which is better. On a machine
    // with much else to do, that millisecond is all in which it stays awake.
    let end = Instant::now() + DEADLINE;
    while most <= 50 && Instant::now() < end {
        pair.talk().await;
        most = most.max(pair.asked_in(100).await);
        if !several {
            break;
        }
    }
    assert_eq!(most > 50, several, "asked {most} times");
    // A timer has its turn.
    tokio::time::sleep(Duration::from_millis(2)).await;
    pair.talk().await;
    timeout(DEADLINE, pair.client.close()).await.unwrap();
}

/// By default it is at rest soon after the last message.
#[tokio::test]
async fn a_peer_that_is_silent_lets_the_thread_sleep() {
    let mut pair = Pair::new(Some(Duration::from_micros(100))).await;
    pair.talk().await;
    let end = Instant::now() + DEADLINE;
    while pair.asked_in(100).await > 0 {
        assert!(Instant::now() < end, "the session is still awake");
    }
    assert_eq!(pair.asked_in(1000).await, 0);
    pair.talk().await;
}

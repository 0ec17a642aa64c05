//! Streams of chance content, written and read in pieces of chance sizes, over connections of all
//! kinds: what arrives is what was sent, byte for byte.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use plugwire_yamux::{Config, Session, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, ReadBuf};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use support::rng::Rng;
use support::within;

/// The largest piece that is written or read at once: more than a window.
const PIECE: usize = 300 * 1024;

/// A prime, so that no size of a buffer or a frame falls in step with it.
const PERIOD: usize = 1_048_583;

/// What all streams send, each from a place of its own.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut rng = Rng::new(1);
    let mut bytes: Vec<u8> = (0..PERIOD / 8 + 1)
        .flat_map(|_| rng.next_u64().to_le_bytes())
        .collect();
    bytes.truncate(PERIOD);
    bytes.extend_from_within(..PIECE);
    bytes
});

fn expected(start: usize, at: usize, n: usize) -> &'static [u8] {
    &PATTERN[(start + at) % PERIOD..][..n]
}

/// What goes one way on a stream.
#[derive(Clone, Copy)]
struct Content {
    seed: u64,
    len: usize,
}

impl Content {
    fn rng(self) -> (Rng, usize) {
        let mut rng = Rng::new(self.seed);
        let start = rng.below(PERIOD);
        (rng, start)
    }

    async fn send(self, mut write: impl AsyncWrite + Unpin) {
        let (mut rng, start) = self.rng();
        let mut sent = 0;
        while sent < self.len {
            let n = rng.size(PIECE).min(self.len - sent);
            let piece = expected(start, sent, n);
            match rng.below(8) {
                0 => tokio::task::yield_now().await,
                1 => write.flush().await.unwrap(),
                _ => {}
            }
            sent += write.write(piece).await.unwrap();
        }
        write.shutdown().await.unwrap();
    }

    async fn receive(self, mut read: impl AsyncRead + Unpin) {
        let (_, start) = self.rng();
        // Sizes of its own, whatever the sender's are.
        let mut rng = Rng::new(!self.seed);
        let mut buffer = vec![0; PIECE];
        let mut received = 0;
        loop {
            if rng.below(8) == 0 {
                tokio::task::yield_now().await;
            }
            let size = rng.size(PIECE);
            let n = read.read(&mut buffer[..size]).await.unwrap();
            if n == 0 {
                break;
            }
            assert!(
                buffer[..n] == *expected(start, received, n),
                "seed {}: other bytes from {received} on",
                self.seed
            );
            received += n;
        }
        assert_eq!(received, self.len, "seed {}", self.seed);
    }
}

/// The first that fails fails the test, without waiting for the others.
async fn finished(mut tasks: JoinSet<()>) {
    while let Some(done) = within(tasks.join_next()).await {
        done.unwrap();
    }
}

/// Streams of both sides, both ways at once, with `len` bytes each way.
async fn exchange<A, B>(here: A, there: B, seed: u64, streams: u64, len: usize)
where
    A: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let client = Session::client(here, Config::default());
    let server = Session::server(there, Config::default());
    exchange_between(client, server, seed, streams, len).await;
}

async fn exchange_between(client: Session, server: Session, seed: u64, streams: u64, len: usize) {
    let mut tasks = JoinSet::new();
    let mut talk = |stream: Stream, seed: u64, peer: u64| {
        let (read, write) = tokio::io::split(stream);
        tasks.spawn(Content { seed, len }.send(write));
        tasks.spawn(Content { seed: peer, len }.receive(read));
    };
    for n in 0..streams {
        // They come in any order of the two sides.
        let (from, to) = match n % 2 {
            0 => (&client, &server),
            _ => (&server, &client),
        };
        let (opened, accepted) = within(async { tokio::join!(from.open(), to.accept()) }).await;
        let (one, two) = (1000 * seed + 2 * n, 1000 * seed + 2 * n + 1);
        talk(opened.unwrap(), one, two);
        talk(accepted.unwrap(), two, one);
    }
    finished(tasks).await;
    within(client.close()).await;
    within(server.closed()).await;
}

async fn over_duplex(room: usize, seed: u64, streams: u64, len: usize) {
    let (here, there) = tokio::io::duplex(room);
    exchange(here, there, seed, streams, len).await;
}

#[tokio::test]
async fn over_a_connection_of_one_byte() {
    over_duplex(1, 1, 3, 6_000).await;
}

#[tokio::test]
async fn over_connections_that_hold_about_a_header() {
    for (room, seed) in [(11, 2), (12, 3), (13, 4), (25, 5)] {
        over_duplex(room, seed, 4, 15_000).await;
    }
}

#[tokio::test]
async fn over_small_connections() {
    over_duplex(100, 6, 4, 300_000).await;
    over_duplex(4096, 7, 6, 1_000_000).await;
}

#[tokio::test]
async fn over_a_large_connection() {
    for seed in 8..11 {
        over_duplex(1 << 20, seed, 8, 1_500_000).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_connections_in_memory_on_several_threads() {
    for (room, seed, len) in [
        (13, 11, 20_000),
        (4096, 12, 700_000),
        (100_000, 13, 1_500_000),
    ] {
        over_duplex(room, seed, 6, len).await;
    }
}

#[tokio::test]
async fn over_a_connection_that_waits_to_be_flushed() {
    for (room, buffer, seed) in [(1000, 100_000, 14), (100_000, 3000, 15)] {
        let (here, there) = tokio::io::duplex(room);
        let buffered = |io| BufStream::with_capacity(buffer, buffer, io);
        exchange(buffered(here), buffered(there), seed, 4, 500_000).await;
    }
}

/// TLS does both.
#[tokio::test]
async fn over_a_connection_that_waits_to_be_flushed_and_takes_one_buffer_at_a_time() {
    for (room, buffer, seed) in [(1000, 100_000, 16), (100_000, 3000, 17)] {
        let (here, there) = tokio::io::duplex(room);
        let buffered = |io| Unvectored(BufStream::with_capacity(buffer, buffer, io));
        exchange(buffered(here), buffered(there), seed, 4, 500_000).await;
    }
}

/// A connection without vectored writes.
struct Unvectored<T>(T);

impl<T: AsyncRead + Unpin> AsyncRead for Unvectored<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Unvectored<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Over tokio's unix sockets, and over those that read into two buffers at once.
#[cfg(unix)]
async fn over_unix_sockets(seed: u64) {
    let (here, there) = tokio::net::UnixStream::pair().unwrap();
    exchange(here, there, seed, 8, 1_500_000).await;
    let (client, server) = super::transport::sessions(&Config::default());
    exchange_between(client, server, seed + 100, 8, 1_500_000).await;
}

#[cfg(unix)]
#[tokio::test]
async fn over_unix_sockets_on_one_thread() {
    for seed in 20..23 {
        over_unix_sockets(seed).await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_unix_sockets_on_several_threads() {
    for seed in 23..26 {
        over_unix_sockets(seed).await;
    }
}

async fn over_tcp(seed: u64) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (here, there) =
        within(async { tokio::join!(tokio::net::TcpStream::connect(address), listener.accept()) })
            .await;
    exchange(here.unwrap(), there.unwrap().0, seed, 8, 1_500_000).await;
}

#[tokio::test]
async fn over_tcp_on_one_thread() {
    for seed in 26..28 {
        over_tcp(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_on_several_threads() {
    for seed in 28..30 {
        over_tcp(seed).await;
    }
}

/// Two runtimes in two threads, as a host and a plugin are two processes.
#[cfg(unix)]
#[test]
fn over_unix_sockets_between_two_runtimes() {
    let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    let done = Arc::new(Barrier::new(2));
    let side = |socket: std::os::unix::net::UnixStream, client: bool| {
        let done = done.clone();
        let run = async move {
            socket.set_nonblocking(true).unwrap();
            let socket = tokio::net::UnixStream::from_std(socket).unwrap();
            let socket = plugwire_yamux::transport::UnixStream::new(socket).unwrap();
            let session = match client {
                true => Session::client_over(socket, Config::default()),
                false => Session::server_over(socket, Config::default()),
            };
            let mut tasks = JoinSet::new();
            for n in 0..6 {
                let stream = match client {
                    true => within(session.open()).await.unwrap(),
                    false => within(session.accept()).await.unwrap(),
                };
                let content = |of_client| Content {
                    seed: 30_000 + 2 * n + u64::from(of_client),
                    len: 1_500_000,
                };
                let (read, write) = tokio::io::split(stream);
                tasks.spawn(content(client).send(write));
                tasks.spawn(content(!client).receive(read));
            }
            finished(tasks).await;
            within(done.wait()).await;
        };
        std::thread::spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(run);
        })
    };
    for side in [side(here, true), side(there, false)] {
        side.join().unwrap();
    }
}

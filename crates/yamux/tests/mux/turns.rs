//! Streams share a connection: none stands in another's way, and each gets its turn.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use futures::FutureExt;
use plugwire_yamux::{Config, Session, SessionError, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use support::within;

const LARGE: usize = 64 * 1024;

fn config() -> Config {
    Config::default().keep_alive(None)
}

async fn connected(from: &Session, to: &Session) -> (Stream, Stream) {
    let (opened, accepted) = within(async { tokio::join!(from.open(), to.accept()) }).await;
    (opened.unwrap(), accepted.unwrap())
}

/// Over the transport of most plugins, where there is one.
#[cfg(unix)]
fn sessions() -> (Session, Session) {
    super::transport::sessions(&config())
}

#[cfg(not(unix))]
fn sessions() -> (Session, Session) {
    let (here, there) = tokio::io::duplex(200_000);
    (
        Session::client(here, config()),
        Session::server(there, config()),
    )
}

/// What a reader of large blocks may do in the middle of one.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// It asked once, then drops what it asked with.
    DropsTheRead,
    /// It asked once and is busy when it is woken.
    IsBusy,
    /// It reads a part of a frame, and then no more.
    ReadsAPart,
    /// It reads a few bytes of a frame with a buffer that is too small to be worth it.
    ReadsALittle,
    /// It reads whole frames for a while.
    ReadsAFew,
}

impl Stop {
    /// Reads that far, and says how much that was.
    async fn read(self, stream: &mut Stream, asked: oneshot::Sender<()>) -> usize {
        let mut buffer = vec![0; 4 * LARGE];
        // Asks before anything has arrived.
        let ask = async |n: usize| {
            let mut read = pin!(stream.read(&mut buffer[..n]));
            assert!(
                poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx)))
                    .await
                    .is_pending()
            );
            let _ = asked.send(());
            match self {
                Stop::DropsTheRead | Stop::IsBusy => 0,
                _ => within(read).await.unwrap(),
            }
        };
        match self {
            Stop::DropsTheRead | Stop::IsBusy => ask(LARGE).await,
            Stop::ReadsAPart => ask(LARGE / 4).await,
            Stop::ReadsALittle => {
                let first = ask(LARGE / 4).await;
                first + within(stream.read(&mut [0; 10])).await.unwrap()
            }
            Stop::ReadsAFew => {
                let mut read = ask(LARGE).await;
                while read < 2 * LARGE {
                    read += within(stream.read(&mut [0; LARGE])).await.unwrap();
                }
                read
            }
        }
    }
}

async fn calls_go_on_beside(stop: Stop) {
    let (client, server) = sessions();
    let (mut bulk_in, mut bulk_out) = connected(&client, &server).await;
    let (mut caller, mut callee) = connected(&client, &server).await;
    let echo = tokio::spawn(async move {
        let mut byte = [0];
        while callee.read(&mut byte).await.unwrap() > 0 {
            callee.write_all(&byte).await.unwrap();
        }
    });
    // Frames of this stream are large, the session learns, and to be left to their reader.
    within(bulk_out.write_all(&[0; LARGE])).await.unwrap();
    within(bulk_in.read_exact(&mut [0; LARGE])).await.unwrap();
    let (asked, ready) = oneshot::channel();
    let (calls_done, go_on) = oneshot::channel();
    let sent: Vec<u8> = (0..10 * LARGE).map(|n| (n % 251) as u8).collect();
    let expected = sent.clone();
    let reader = tokio::spawn(async move {
        let read = match stop {
            Stop::IsBusy => {
                // The read is there, and its waker with it, but no task polls.
                let mut buffer = vec![0; LARGE];
                let mut read = pin!(bulk_in.read(&mut buffer));
                assert!(
                    poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx)))
                        .await
                        .is_pending()
                );
                asked.send(()).unwrap();
                go_on.await.unwrap();
                0
            }
            _ => {
                let read = stop.read(&mut bulk_in, asked).await;
                go_on.await.unwrap();
                read
            }
        };
        let mut rest = Vec::new();
        within(bulk_in.read_to_end(&mut rest)).await.unwrap();
        assert!(rest == expected[read..], "{stop:?} after {read}");
    });
    within(ready).await.unwrap();
    let writer = tokio::spawn(async move {
        bulk_out.write_all(&sent).await.unwrap();
    });
    for n in 0..50 {
        within(caller.write_all(&[n])).await.unwrap();
        assert_eq!(within(caller.read_u8()).await.unwrap(), n, "{stop:?}");
    }
    calls_done.send(()).unwrap();
    within(reader).await.unwrap();
    within(writer).await.unwrap();
    drop(caller);
    within(echo).await.unwrap();
}

const STOPS: [Stop; 5] = [
    Stop::DropsTheRead,
    Stop::IsBusy,
    Stop::ReadsAPart,
    Stop::ReadsALittle,
    Stop::ReadsAFew,
];

#[tokio::test]
async fn calls_go_on_beside_a_reader_that_stops() {
    for stop in STOPS {
        calls_go_on_beside(stop).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_beside_a_reader_that_stops_on_several_threads() {
    for stop in STOPS {
        calls_go_on_beside(stop).await;
    }
}

/// The other side of the same: the reader's own session is over while it could read.
#[tokio::test]
async fn a_reader_that_stops_does_not_keep_the_session_from_ending() {
    let (client, server) = sessions();
    let (mut bulk_in, mut bulk_out) = connected(&client, &server).await;
    within(bulk_out.write_all(&[0; LARGE])).await.unwrap();
    within(bulk_in.read_exact(&mut [0; LARGE])).await.unwrap();
    assert!(bulk_in.read(&mut [0; LARGE]).now_or_never().is_none());
    within(bulk_out.write_all(&[1; 2 * LARGE])).await.unwrap();
    within(server.flush()).await.unwrap();
    within(server.close()).await;
    assert!(matches!(
        within(client.closed()).await,
        SessionError::PeerClosed
    ));
    let mut received = Vec::new();
    let read = within(bulk_in.read_to_end(&mut received)).await;
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    assert_eq!(received.len(), 2 * LARGE);
}

/// Reads are given up again and again, in the middle of frames too, and lose nothing.
#[tokio::test]
async fn reads_that_are_given_up_lose_nothing() {
    let (client, server) = sessions();
    let (mut bulk_in, mut bulk_out) = connected(&client, &server).await;
    let sent: Vec<u8> = (0..3_000_000).map(|n| (n % 251) as u8).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        for piece in sent.chunks(100_000) {
            bulk_out.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut buffer = vec![0; LARGE];
    let mut received = 0;
    within(async {
        while received < expected.len() {
            tokio::select! {
                biased;
                n = bulk_in.read(&mut buffer) => {
                    let n = n.unwrap();
                    assert!(n > 0);
                    assert!(buffer[..n] == expected[received..][..n]);
                    received += n;
                }
                () = tokio::task::yield_now() => {}
            }
        }
    })
    .await;
    within(writer).await.unwrap();
}

/// How much each of 16 writers wrote when one had written `most`.
async fn shares(block: usize, most: usize) -> [usize; 16] {
    let (client, server) = sessions();
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(connected(&client, &server).await);
    }
    let written: Arc<[AtomicUsize; 16]> = Default::default();
    let done = Arc::new(Notify::new());
    let mut tasks = JoinSet::new();
    for (n, (mut out, mut into)) in streams.into_iter().enumerate() {
        let (written, done) = (written.clone(), done.clone());
        tasks.spawn(async move {
            let block = vec![n as u8; block];
            while written[n].load(Relaxed) < most {
                out.write_all(&block).await.unwrap();
                written[n].fetch_add(block.len(), Relaxed);
            }
            done.notify_one();
        });
        tasks.spawn(async move {
            let mut buffer = vec![0; LARGE];
            while into.read(&mut buffer).await.unwrap() > 0 {}
        });
    }
    within(done.notified()).await;
    let shares = std::array::from_fn(|n| written[n].load(Relaxed));
    within(tasks.shutdown()).await;
    shares
}

/// The first to write has the empty connection to himself for a while; then all share it.
#[tokio::test]
async fn writers_share_a_connection() {
    for (block, most) in [
        (1000, 2_000_000),
        (LARGE, 60 * LARGE),
        (4 * LARGE, 60 * LARGE),
    ] {
        let shares = shares(block, most).await;
        let least = *shares.iter().min().unwrap();
        assert!(least >= most / 2, "{shares:?}");
    }
}

/// A call beside writers that keep the connection full comes to its turn.
#[tokio::test]
async fn calls_go_on_beside_writers_of_large_blocks() {
    let (client, server) = sessions();
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (mut out, mut into) = connected(&client, &server).await;
        tasks.spawn(async move {
            let block = vec![1; 4 * LARGE];
            loop {
                out.write_all(&block).await.unwrap();
            }
        });
        tasks.spawn(async move {
            let mut buffer = vec![0; LARGE];
            while into.read(&mut buffer).await.unwrap() > 0 {}
        });
    }
    let (mut caller, mut callee) = connected(&client, &server).await;
    tasks.spawn(async move {
        loop {
            let byte = callee.read_u8().await.unwrap();
            callee.write_all(&[byte]).await.unwrap();
        }
    });
    for n in 0..50 {
        within(caller.write_all(&[n])).await.unwrap();
        assert_eq!(within(caller.read_u8()).await.unwrap(), n);
    }
    within(tasks.shutdown()).await;
}

/// Reads once, into a buffer that is thrown away.
fn poll_read(stream: &mut Stream, cx: &mut Context<'_>, room: usize) -> Poll<usize> {
    let mut space = vec![0; room];
    let mut buffer = ReadBuf::new(&mut space);
    Pin::new(stream)
        .poll_read(cx, &mut buffer)
        .map(|read| read.map(|()| buffer.filled().len()).unwrap())
}

/// A reader may be moved from task to task, and from large buffers to small ones: the task that
/// asked last is woken.
#[tokio::test]
async fn the_task_that_asked_last_is_woken() {
    let (client, server) = sessions();
    let (mut into, mut out) = connected(&client, &server).await;
    for (first, second) in [(LARGE, 10), (10, LARGE), (LARGE, LARGE)] {
        let mut no_task = Context::from_waker(std::task::Waker::noop());
        assert!(poll_read(&mut into, &mut no_task, first).is_pending());
        let reader = tokio::spawn(async move {
            let mut left = 3 * LARGE;
            while left > 0 {
                left -= poll_fn(|cx| poll_read(&mut into, cx, second.min(left))).await;
            }
            into
        });
        within(out.write_all(&[1; 3 * LARGE])).await.unwrap();
        into = within(reader).await.unwrap();
    }
}

/// As many streams each way as `streams`, on which blocks of `size` bytes go both ways at once,
/// `total` bytes on each.
async fn both_ways(room: usize, streams: usize, size: usize, total: usize) {
    let (here, there) = tokio::io::duplex(room);
    let client = Session::client(here, config());
    let server = Session::server(there, config());
    let mut tasks = JoinSet::new();
    for _ in 0..streams {
        let (opened, accepted) = connected(&client, &server).await;
        for stream in [opened, accepted] {
            let (mut read, mut write) = tokio::io::split(stream);
            tasks.spawn(async move {
                let block = vec![1; size];
                for _ in 0..total / size {
                    write.write_all(&block).await.unwrap();
                    write.flush().await.unwrap();
                }
                write.shutdown().await.unwrap();
            });
            tasks.spawn(async move {
                let mut received = Vec::new();
                read.read_to_end(&mut received).await.unwrap();
                assert_eq!(received.len(), total / size * size);
            });
        }
    }
    while let Some(done) = within(tasks.join_next()).await {
        done.unwrap();
    }
}

/// Neither side may stop reading because the other does not read.
#[tokio::test(start_paused = true)]
async fn two_sides_that_both_have_much_to_say_do_not_wait_for_each_other() {
    for (size, total) in [(1, 4000), (10, 40_000), (1000, 400_000), (5000, 400_000)] {
        both_ways(4096, 8, size, total).await;
    }
}

/// Writes until there is no more room, flushes, and again. Says how much that was.
fn fill(stream: &mut Stream) -> usize {
    let mut written = 0;
    for _ in 0..2 {
        while let Some(n) = stream.write(b"x").now_or_never() {
            written += n.unwrap();
        }
        stream.flush().now_or_never().unwrap().unwrap();
    }
    written
}

#[tokio::test(start_paused = true)]
async fn two_sides_whose_queues_are_full_go_on() {
    let (here, there) = tokio::io::duplex(100);
    let client = Session::client(here, config());
    let server = Session::server(there, config());
    let (mut opened, mut accepted) = connected(&client, &server).await;
    opened.write_all(b"settled").await.unwrap();
    within(accepted.read_exact(&mut [0; 7])).await.unwrap();
    let (there, here) = (fill(&mut opened), fill(&mut accepted));
    within(accepted.read_exact(&mut vec![0; there]))
        .await
        .unwrap();
    within(opened.read_exact(&mut vec![0; here])).await.unwrap();
}

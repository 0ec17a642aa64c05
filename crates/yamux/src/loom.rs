//! The session's locks and the hand-over of wakers, in all orders in which threads may run.
//!
//!     RUSTFLAGS="--cfg plugwire_loom" cargo test -p plugwire-yamux --lib --release loom
//!
//! A wake-up that is lost leaves a thread waiting for ever, which loom reports as a deadlock.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use ::loom::model::Builder;
use ::loom::sync::atomic::{AtomicBool, Ordering};
use ::loom::sync::{Condvar, Mutex};
use ::loom::thread;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Config;
use crate::connection::{Connection, Shared};
use crate::proto::{self, StreamKey};
use crate::readiness::Readiness;
use crate::transport::{Io, Transport};
use crate::wakers::Ticket;

/// A thread that waits as a task does: it polls again once it was woken, and not before.
#[derive(Default)]
struct Task {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.wake.notify_one();
    }
}

impl Task {
    fn new() -> Arc<Task> {
        Arc::new(Task::default())
    }

    /// Polls until it is ready. A wake-up during a poll leads to another one.
    fn block_on<T>(self: &Arc<Self>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        let waker = Waker::from(Arc::clone(self));
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(done) = poll(&mut cx) {
                return done;
            }
            let mut woken = self.woken.lock().unwrap();
            while !std::mem::take(&mut *woken) {
                woken = self.wake.wait(woken).unwrap();
            }
        }
    }
}

/// Explores all orders with up to this many switches that no wait makes necessary.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// A connection that becomes ready while the driver leaves its waker wakes the driver.
#[test]
fn the_connection_wakes_the_driver_that_waits() {
    explore(5, || {
        let readiness = Arc::new(Readiness::default());
        let connection = Arc::clone(&readiness);
        let peer = thread::spawn(move || Waker::from(connection).wake());
        let driver = Task::new();
        driver.block_on(|cx| {
            readiness.set_driver(cx.waker());
            match readiness.take() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        peer.join().unwrap();
    });
}

/// So does one that becomes ready while the driver moves from a task to another one.
#[test]
fn the_connection_wakes_the_task_that_took_over() {
    explore(5, || {
        let readiness = Arc::new(Readiness::default());
        readiness.set_driver(&Waker::from(Task::new()));
        let connection = Arc::clone(&readiness);
        let peer = thread::spawn(move || Waker::from(connection).wake_by_ref());
        Task::new().block_on(|cx| {
            readiness.set_driver(cx.waker());
            match readiness.take() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        peer.join().unwrap();
    });
}

/// What arrives on a connection, and the waker of the task that waits for it.
#[derive(Default)]
struct Pipe(Mutex<(VecDeque<u8>, Option<Waker>)>);

impl Pipe {
    fn send(&self, bytes: &[u8]) {
        let mut pipe = self.0.lock().unwrap();
        pipe.0.extend(bytes);
        let waiting = pipe.1.take();
        drop(pipe);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The session's end of a connection. What is written to it is thrown away.
struct End(Arc<Pipe>);

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.0.0.lock().unwrap();
        if pipe.0.is_empty() {
            pipe.1 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        while buffer.remaining() > 0
            && let Some(byte) = pipe.0.pop_front()
        {
            buffer.put_slice(&[byte]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for End {}

const WINDOW_UPDATE: u8 = 1;
const SYN: u8 = 1;

/// A frame of stream 1.
fn frame(kind: u8, flags: u8, length: u8) -> [u8; 12] {
    [0, kind, 0, flags, 0, 0, 0, 1, 0, 0, 0, length]
}

/// A server's session, its connection, and a thread that drives it until `stop`.
struct Driven {
    shared: Arc<Shared>,
    pipe: Arc<Pipe>,
    stop: Arc<AtomicBool>,
    driver: Arc<Task>,
    thread: thread::JoinHandle<()>,
}

impl Driven {
    fn start(arrived: &[u8]) -> Driven {
        let pipe = Arc::new(Pipe::default());
        pipe.send(arrived);
        let session = proto::Session::server(Config::default().keep_alive(None), Instant::now());
        let io = Io::new(End(Arc::clone(&pipe)));
        let shared = Arc::new(Shared::new(Connection::new(io, session)));
        let (stop, driver) = (Arc::new(AtomicBool::new(false)), Task::new());
        let thread = thread::spawn({
            let (shared, stop, driver) = (shared.clone(), stop.clone(), driver.clone());
            move || {
                driver.block_on(|cx| {
                    shared.with(|connection| connection.drive(cx));
                    match stop.load(Ordering::SeqCst) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    }
                });
            }
        });
        Driven {
            shared,
            pipe,
            stop,
            driver,
            thread,
        }
    }

    fn accept(&self, task: &Arc<Task>) -> StreamKey {
        let mut ticket = Ticket::default();
        task.block_on(|cx| {
            self.shared
                .with(|connection| connection.poll_accept(&mut ticket, cx))
        })
        .unwrap()
    }

    fn read(&self, task: &Arc<Task>, key: StreamKey) -> usize {
        let mut space = [0; 16];
        let mut buffer = ReadBuf::new(&mut space);
        task.block_on(|cx| {
            self.shared
                .with(|connection| connection.poll_read(key, &mut buffer, cx))
        })
        .unwrap();
        buffer.filled().len()
    }

    fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.driver.clone().wake();
        self.thread.join().unwrap();
    }
}

/// The peer sends, the driver reads, and another task waits for a stream and then for its data.
#[test]
fn what_arrives_wakes_the_task_that_waits_for_it() {
    explore(2, || {
        let driven = Driven::start(&[]);
        let pipe = Arc::clone(&driven.pipe);
        let peer = thread::spawn(move || {
            pipe.send(&frame(WINDOW_UPDATE, SYN, 0));
            pipe.send(&[&frame(0, 0, 5)[..], b"hello"].concat());
        });
        let task = Task::new();
        let key = driven.accept(&task);
        assert_eq!(driven.read(&task, key), 5);
        peer.join().unwrap();
        driven.stop();
    });
}

/// A writer that waits for a window is woken by the update, whichever thread is first.
#[test]
fn a_window_update_wakes_the_writer() {
    explore(2, || {
        let driven = Driven::start(&frame(WINDOW_UPDATE, SYN, 0));
        let task = Task::new();
        let key = driven.accept(&task);
        let mut left = 256 * 1024 + 1;
        let pipe = Arc::clone(&driven.pipe);
        let peer = thread::spawn(move || pipe.send(&frame(WINDOW_UPDATE, 0, 1)));
        while left > 0 {
            let data = vec![7; left];
            left -= task
                .block_on(|cx| {
                    driven
                        .shared
                        .with(|connection| connection.poll_send(key, &data, cx))
                })
                .unwrap();
        }
        peer.join().unwrap();
        driven.stop();
    });
}

/// The end of a session wakes the tasks that wait, whichever comes first.
#[test]
fn the_end_of_a_session_wakes_all_that_wait() {
    explore(2, || {
        let driven = Driven::start(&frame(WINDOW_UPDATE, SYN, 0));
        let task = Task::new();
        let key = driven.accept(&task);
        let ending = thread::spawn({
            let shared = Arc::clone(&driven.shared);
            move || shared.with(|connection| connection.end(crate::SessionError::Closed))
        });
        let mut space = [0; 16];
        let mut buffer = ReadBuf::new(&mut space);
        let read = task.block_on(|cx| {
            driven
                .shared
                .with(|connection| connection.poll_read(key, &mut buffer, cx))
        });
        assert!(read.is_err());
        ending.join().unwrap();
        driven.stop();
    });
}

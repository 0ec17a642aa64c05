//! A session whose owner and whose peer do what the input says, step by step.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use plugwire::mux::{Session, SessionError, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep;

use super::super::session::{no_keep_alive, within};
use super::super::source::Source;
use super::peer::{self, ACK, FIN, Peer, RST, Way, check, fill};
use super::wire::{UNBOUNDED, Wire, wire};

/// Of reads, writes and bodies: around the sizes at which the session goes another way.
const SIZES: [usize; 16] = [
    0, 1, 7, 100, 512, 2000, 8191, 8192, 8204, 20_000, 65_535, 65_536, 65_548, 131_072, 262_144,
    300_000,
];

/// An input can ask for no more steps.
const STEPS: usize = 400;

/// Nor for more bytes on the way there, and as many back.
const BYTES: usize = 2 * 1024 * 1024;

/// How long a dropped stream may linger.
const LINGER: Duration = Duration::from_secs(10);

/// Longer than every stream's reader in turn may keep the session from reading, and shorter than
/// `LINGER`.
const SETTLED: Duration = Duration::from_millis(200);

/// Turns of the runtime after which a session has nothing more to do.
const TURNS: usize = 16;

/// Whether a task would have been woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The task that uses one half of a stream: what it last waited with.
#[derive(Default)]
struct Waiting {
    /// How many bytes it wanted to read or write.
    size: Option<usize>,
    woken: Arc<Woken>,
}

impl Waiting {
    fn poll<T>(&mut self, size: usize, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let waker = Waker::from(self.woken.clone());
        let polled = poll(&mut Context::from_waker(&waker));
        self.size = polled.is_pending().then_some(size);
        if polled.is_pending() {
            self.woken.0.store(false, Ordering::SeqCst);
        }
        polled
    }

    /// What it waits for, unless it was woken since.
    fn unaware(&self) -> Option<usize> {
        self.size.filter(|_| !self.woken.0.load(Ordering::SeqCst))
    }
}

/// A stream in use.
struct Held {
    stream: Stream,
    read: u64,
    written: u64,
    shut: bool,
    reading: Waiting,
    writing: Waiting,
}

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Some,
    End,
    Reset,
    Aborted,
    Pending,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Some,
    Refused,
    Pending,
}

/// A stream that is not in use any more: how much was written to it.
struct Dropped {
    id: u32,
    written: u64,
}

struct Play {
    wire: Wire,
    peer: Peer,
    held: Vec<Held>,
    dropped: Vec<Dropped>,
    buffer: Vec<u8>,
    /// Bytes that may still be sent, either way.
    sendable: [usize; 2],
    broken: bool,
}

pub async fn play(mode: u8, source: &mut Source<'_>) {
    let (wire, end) = wire(mode & 2 == 0);
    let config = no_keep_alive()
        .accept_backlog(4)
        .max_streams(12)
        .stream_close_timeout(LINGER);
    let client = mode & 1 != 0;
    let session = match client {
        true => Session::client(end, config),
        false => Session::server(end, config),
    };
    let mut play = Play {
        wire,
        peer: Peer::new(!client),
        held: Vec::new(),
        dropped: Vec::new(),
        buffer: vec![0; SIZES[15]],
        sendable: [BYTES; 2],
        broken: false,
    };
    for _ in 0..STEPS {
        if source.is_empty() {
            break;
        }
        play.step(&session, source).await;
    }
    play.end(session, mode >> 2 & 3).await;
}

/// Polls a future that can be given up.
async fn once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

async fn turns(n: usize) {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
}

impl Play {
    async fn step(&mut self, session: &Session, source: &mut Source<'_>) {
        let (step, which) = (source.byte(), source.byte());
        let size = SIZES[usize::from(step >> 4)];
        match step & 15 {
            0 => {
                if let Poll::Ready(Ok(stream)) = once(session.accept()).await {
                    self.hold(stream);
                }
            }
            1 => {
                if let Poll::Ready(Ok(stream)) = once(session.open()).await {
                    self.hold(stream);
                }
            }
            2 => self.with(which, |play, held| _ = play.read(held, size)),
            3 => {
                // A reader that reads again when it is woken.
                for _ in 0..usize::from(which >> 4) {
                    self.with(which & 15, |play, held| _ = play.read(held, size));
                    turns(1).await;
                }
            }
            4 => self.with(which, |play, held| _ = play.write(held, size)),
            5 => self.with(which, |play, held| play.finish(held, step >> 4)),
            6 => {
                if !self.held.is_empty() {
                    let held = self.held.remove(usize::from(which) % self.held.len());
                    let (id, written) = (held.stream.id(), held.written);
                    self.dropped.push(Dropped { id, written });
                }
            }
            7 => {
                let n = size.min(self.sendable[0]);
                self.sendable[0] -= n;
                let flags = u16::from(which >> 4) & FIN;
                self.peer.open((which & 1 == 0).then_some(n), flags);
                self.feed(which);
            }
            8 => {
                let n = size.min(self.sendable[0]);
                self.sendable[0] -= n;
                let flags = match which >> 5 & 3 {
                    0 => FIN,
                    1 => ACK,
                    _ => 0,
                };
                if let Some(id) = self.peer.pick(which & 31) {
                    self.peer.data(id, n, flags);
                }
                self.feed(which);
            }
            9 => {
                let flags = [0, ACK, FIN, RST][usize::from(which >> 5 & 3)];
                if let Some(id) = self.peer.pick(which & 31) {
                    self.peer.update(id, size as u32, flags);
                }
                self.feed(which);
            }
            10 => match which & 3 {
                0 => self.peer.ping(u32::from(which), peer::SYN),
                1 => self.peer.ping(u32::from(which), ACK),
                2 => self.wire.cut(1 + size),
                _ => self.wire.hold_flush(which & 4 == 0),
            },
            11 => {
                let n = match which {
                    0 => self.peer.outbox.len(),
                    n => size + usize::from(n) - 1,
                };
                let n = n.min(self.peer.outbox.len());
                self.wire.feed(&self.peer.outbox[..n]);
                self.peer.outbox.drain(..n);
            }
            12 => self.wire.room(match which & 3 {
                0 => UNBOUNDED,
                _ => size,
            }),
            13 => turns(usize::from(step >> 4)).await,
            14 => match step >> 4 {
                0 => sleep(LINGER + SETTLED).await,
                1..=4 => sleep(Duration::from_millis(u64::from(which & 7))).await,
                5 => _ = once(session.flush()).await,
                _ => self.settle().await,
            },
            _ => self.mischief(step >> 4, which, source),
        }
        self.hear();
    }

    /// What no peer should do, and what cannot be helped.
    fn mischief(&mut self, kind: u8, which: u8, source: &mut Source<'_>) {
        let number = source.number() as u32;
        match kind {
            0..=7 => {
                let id = match which & 0x40 {
                    0 => self.peer.pick(which & 31).unwrap_or(0),
                    _ => u32::from(which & 31),
                };
                let flags = u16::from(source.byte() & 15);
                self.peer.frame(kind & 3, flags, id, number);
                self.feed(which);
            }
            8 => {
                let bytes = source.take(usize::from(which & 31));
                self.peer.bytes(bytes);
                self.feed(0);
            }
            9 => {
                self.broken = true;
                self.wire.break_off();
            }
            10 => {
                self.peer.go_away(u32::from(which & 3));
                self.feed(which);
            }
            // A reset in the middle of a body, so to say: data goes on.
            _ => {
                if let Some(id) = self.peer.pick(which & 31) {
                    self.peer.data(id, number as usize % 1000, RST);
                }
                self.feed(which);
            }
        }
    }

    /// Has the session see what the peer said, unless that is to be later or in parts.
    fn feed(&mut self, which: u8) {
        if which & 0x80 == 0 {
            self.wire.feed(&self.peer.outbox);
            self.peer.outbox.clear();
        }
    }

    fn hear(&mut self) {
        let heard = self.wire.heard();
        self.peer.hear(&heard);
    }

    fn hold(&mut self, stream: Stream) {
        self.held.push(Held {
            stream,
            read: 0,
            written: 0,
            shut: false,
            reading: Waiting::default(),
            writing: Waiting::default(),
        });
    }

    fn with(&mut self, which: u8, work: impl FnOnce(&mut Play, &mut Held)) {
        if self.held.is_empty() {
            return;
        }
        let at = usize::from(which) % self.held.len();
        let mut held = self.held.remove(at);
        work(self, &mut held);
        self.held.insert(at, held);
    }

    fn read(&mut self, held: &mut Held, size: usize) -> Read {
        // Nothing is read into nothing, which would pass for the end.
        let size = size.max(1);
        let mut buffer = ReadBuf::new(&mut self.buffer[..size]);
        let stream = Pin::new(&mut held.stream);
        let polled = held
            .reading
            .poll(size, |cx| stream.poll_read(cx, &mut buffer));
        let bytes = buffer.filled();
        let id = held.stream.id();
        if let Some(told) = self.peer.knows(id) {
            check(Way::ToSession, id, held.read, bytes);
            held.read += bytes.len() as u64;
            assert!(held.read <= told.sent, "stream {id}: more than was sent");
        }
        match polled {
            Poll::Pending => {
                assert!(bytes.is_empty(), "bytes of a read that goes on");
                Read::Pending
            }
            Poll::Ready(Ok(())) if bytes.is_empty() => {
                if let Some(told) = self.peer.knows(id) {
                    assert!(told.finished, "stream {id}: an end that was not said");
                }
                Read::End
            }
            Poll::Ready(Ok(())) => Read::Some,
            Poll::Ready(Err(error)) => {
                assert!(bytes.is_empty(), "bytes with an error");
                match error.kind() {
                    std::io::ErrorKind::ConnectionReset => Read::Reset,
                    std::io::ErrorKind::ConnectionAborted => Read::Aborted,
                    other => panic!("a read failed with {other}"),
                }
            }
        }
    }

    fn write(&mut self, held: &mut Held, size: usize) -> Write {
        let size = size.min(self.sendable[1]);
        let mut bytes = Vec::with_capacity(size);
        let id = held.stream.id();
        fill(Way::FromSession, id, held.written, size, &mut bytes);
        let stream = Pin::new(&mut held.stream);
        let polled = held.writing.poll(size, |cx| stream.poll_write(cx, &bytes));
        match polled {
            Poll::Pending => Write::Pending,
            Poll::Ready(Ok(n)) => {
                assert!(!held.shut, "a write behind the end");
                assert!(n <= size && (n > 0 || size == 0), "{n} of {size} bytes");
                self.sendable[1] -= n;
                held.written += n as u64;
                Write::Some
            }
            Poll::Ready(Err(_)) => Write::Refused,
        }
    }

    fn finish(&mut self, held: &mut Held, how: u8) {
        let stream = Pin::new(&mut held.stream);
        let mut cx = Context::from_waker(Waker::noop());
        let polled = match how & 1 {
            0 => stream.poll_flush(&mut cx),
            _ => {
                held.shut = true;
                held.writing = Waiting::default();
                stream.poll_shutdown(&mut cx)
            }
        };
        assert!(polled.is_ready(), "flush and shutdown do not wait");
    }

    /// Waits until the session has nothing to do, and checks that it woke every waiting task.
    async fn settle(&mut self) {
        sleep(SETTLED).await;
        turns(TURNS).await;
        self.hear();
        for which in 0..self.held.len() as u8 {
            self.with(which, |play, held| {
                if let Some(size) = held.reading.unaware() {
                    let read = play.read(held, size);
                    assert_eq!(read, Read::Pending, "a reader was not woken");
                }
                // A writer that waits for the connection is woken once that takes more.
                if play.wire.takes_all()
                    && let Some(size) = held.writing.unaware()
                    && size <= play.sendable[1]
                {
                    let write = play.write(held, size);
                    assert_eq!(write, Write::Pending, "a writer was not woken");
                }
            });
        }
    }

    async fn end(mut self, session: Session, how: u8) {
        self.wire.feed(&self.peer.outbox);
        self.peer.outbox.clear();
        let orderly = how != 3 && !self.broken && !self.peer.broke_rules;
        if orderly {
            self.all_arrives(&session).await;
        }
        // A connection that neither takes anything nor breaks is what the pings are for.
        self.wire.room(UNBOUNDED);
        match how {
            0 | 3 => self.wire.hang_up(),
            1 => within(session.close()).await,
            // What was dropped is closed within a second.
            _ => {
                drop(session);
                sleep(Duration::from_secs(2)).await;
                return self.over();
            }
        }
        let reason = within(session.closed()).await;
        if orderly {
            let said = matches!(
                (how, &reason),
                (0, SessionError::PeerClosed) | (1, SessionError::Closed)
            );
            assert!(said, "it ended with {reason:?}");
        }
        // Not at the first poll: the runtime may have no turn left for it.
        assert!(within(session.open()).await.is_err());
        self.over();
    }

    /// No task waits for anything of a session that is over.
    fn over(&mut self) {
        self.hear();
        for which in 0..self.held.len() as u8 {
            self.with(which, |play, held| {
                let unaware = held.reading.unaware().or(held.writing.unaware());
                assert_eq!(unaware, None, "a task was not woken by the end");
                while let read @ (Read::Some | Read::Pending) = play.read(held, SIZES[9]) {
                    assert_ne!(read, Read::Pending, "a read outlived its session");
                }
                let mut cx = Context::from_waker(Waker::noop());
                let write = Pin::new(&mut held.stream).poll_write(&mut cx, b"late");
                assert!(matches!(write, Poll::Ready(Err(_))), "a write succeeded");
            });
        }
    }

    /// With nothing in the way, everything that was sent is there, in both directions.
    async fn all_arrives(&mut self, session: &Session) {
        self.wire.hold_flush(false);
        self.wire.room(UNBOUNDED);
        self.wire.cut(UNBOUNDED);
        self.settle().await;
        assert!(!session.is_closed(), "it ended for no reason");
        assert!(self.wire.all_read(), "what the peer sends is not read");
        assert!(self.peer.has_answers(), "a ping without an answer");
        while let Poll::Ready(accepted) = once(session.accept()).await {
            self.hold(accepted.expect("a stream"));
        }
        for which in 0..self.held.len() as u8 {
            // What is read may have the session read on.
            let mut last = Read::Some;
            while last == Read::Some {
                self.with(which, |play, held| {
                    while last == Read::Some {
                        last = play.read(held, SIZES[5 + usize::from(which) % 11]);
                    }
                });
                if last == Read::Pending {
                    self.settle().await;
                    self.with(which, |play, held| last = play.read(held, SIZES[15]));
                }
            }
            let held = &self.held[usize::from(which)];
            let id = held.stream.id();
            let told = &self.peer.streams[&id];
            assert_eq!(held.read, told.sent, "stream {id}: all that was sent");
            let end = match (told.reset, told.finished) {
                (true, _) => Read::Reset,
                (false, true) => Read::End,
                (false, false) => Read::Pending,
            };
            assert_eq!(last, end, "stream {id}: its end");
        }
        let flushed = within(session.flush()).await;
        flushed.expect("a session that goes on");
        self.settle().await;
        self.peer.heard_all();
        for held in &self.held {
            let told = &self.peer.streams[&held.stream.id()];
            let id = held.stream.id();
            assert_eq!(told.got, held.written, "stream {id}: all that was written");
            // Behind a reset there is no need to say so.
            let finished = told.session_finished || told.reset;
            assert!(!held.shut || finished, "stream {id}: its end was not said");
            assert!(held.shut || !told.session_finished, "stream {id}: an end");
            assert!(told.may_go_on(), "stream {id}: its window stays small");
        }
        for Dropped { id, written } in &self.dropped {
            let told = &self.peer.streams[id];
            assert_eq!(told.got, *written, "stream {id}: all that was written");
            let over = told.session_finished || told.session_reset || told.reset;
            assert!(over, "stream {id} was dropped and the peer not told");
        }
    }
}

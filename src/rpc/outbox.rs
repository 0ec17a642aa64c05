//! The sending side of a connection, shared by all its senders.
//!
//! A sender encodes its value first, without a lock, then numbers it under a short lock. The first
//! sender takes the stream and writes to it at once, so that a lone call needs no other task than
//! the session's. The lock is free while it writes. Senders that come before the connection's task
//! has run leave their messages in the buffer. So does the first sender where messages came several
//! at a time before, and every sender once the stream takes no more: the task then writes them all
//! as one.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWrite;
use tokio::sync::Notify;

use super::io::BoxWrite;
use crate::codec::{BodyEncoder, CallConfig, Encode, EncodeError, Header, MessageEncoder};
use crate::event::Tally;
use crate::tuning::rpc::{HIGH_WATER, KEEP_BUFFER};

/// Room in front of a value for its message's header, length and type. The header of a call has
/// some 10 bytes more than its method's name; only first messages, with definitions, have more.
const FRONT: usize = 96;

pub(super) struct Outbox {
    bodies: BodyEncoder,
    /// Innermost: no other lock is taken under it, no code of a user runs, and no system call.
    queue: Mutex<Queue>,
    /// Whether senders have to wait. Set and cleared under the lock.
    full: AtomicBool,
    /// What is sent is counted under the lock.
    tally: Arc<Tally>,
    room: Notify,
}

struct Queue {
    encoder: MessageEncoder,
    /// Messages that wait to be written, but for those that are being written.
    buffer: BytesMut,
    stream: Sink,
    /// The connection's task.
    waker: Waker,
    /// Whether the task is to be woken once the stream is back.
    wanted: bool,
    /// Whether the stream holds bytes back that a flush has yet to send.
    unflushed: bool,
    /// How many messages were sent since the task last ran.
    sent: u32,
    /// Whether messages come several at a time.
    many: bool,
    /// Whether the task was just woken to write the buffer, and more senders may follow.
    gathering: bool,
    /// Whether the task runs, and will write the buffer at its end.
    held: bool,
}

/// Where the stream is.
enum Sink {
    Here(BoxWrite),
    /// A sender or the task writes to it.
    Taken,
    Closed,
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("connection is shut down")]
    Closed,
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl Outbox {
    pub(super) fn new(stream: BoxWrite, config: CallConfig, tally: Arc<Tally>) -> Self {
        Outbox {
            bodies: BodyEncoder::new(config),
            queue: Mutex::new(Queue {
                encoder: MessageEncoder::new(config),
                buffer: BytesMut::new(),
                stream: Sink::Here(stream),
                waker: Waker::noop().clone(),
                wanted: false,
                unflushed: false,
                sent: 0,
                many: false,
                gathering: false,
                held: false,
            }),
            tally,
            full: AtomicBool::new(false),
            room: Notify::new(),
        }
    }

    /// Where messages are counted.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the peer reads so slowly that senders wait.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Waits until there is room for another message, for a peer that reads slowly.
    pub(super) async fn ready(&self) {
        while self.full.load(Ordering::SeqCst) {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            // Room that came before `enable` is not notified of.
            if !self.full.load(Ordering::SeqCst) {
                return;
            }
            room.await;
        }
    }

    /// Encodes a message and starts sending it. A message that does not encode is not sent. Gives
    /// the body's length in bytes.
    pub(super) fn send<H, B>(&self, header: &H, body: &B) -> Result<usize, SendError>
    where
        H: Header + ?Sized,
        B: Encode + ?Sized,
    {
        let mut scratch = Scratch::take();
        let body = self.bodies.encode(body, &mut scratch.bytes)?;
        let bytes = &scratch.bytes[FRONT..];

        let mut queue = self.lock();
        if let Sink::Closed = queue.stream {
            return Err(SendError::Closed);
        }
        let was_empty = queue.buffer.is_empty();
        let Queue {
            encoder, buffer, ..
        } = &mut *queue;
        let before = buffer.len();
        let other = encoder.begin(header, &body, bytes, buffer)?;
        let length = other.as_ref().map_or(bytes.len(), |other| other.len());
        let front = buffer.len().saturating_sub(before);
        self.tally.sent.add(1);
        self.tally.sent_bytes.add(front.saturating_add(length));
        queue.sent = queue.sent.saturating_add(1);
        let mut wake = None;
        if !was_empty || queue.held {
            // The task will write it.
        } else if queue.many || queue.sent > 1 {
            queue.gathering = true;
            wake = Some(queue.waker.clone());
        } else if let Some(stream) = queue.take_stream() {
            let chunk = match other {
                None => scratch.join_front(&mut queue.buffer),
                Some(other) => {
                    queue.buffer.extend_from_slice(&other);
                    std::mem::take(&mut queue.buffer)
                }
            };
            let waker = queue.waker.clone();
            drop(queue);
            let cx = &mut Context::from_waker(&waker);
            if let Poll::Ready(Err(_)) = self.write(stream, chunk, Some(&mut scratch), cx) {
                // The connection's task meets the error too and ends the connection with it.
                waker.wake();
            }
            return Ok(length);
        }
        queue
            .buffer
            .extend_from_slice(other.as_deref().unwrap_or(bytes));
        self.tally.outbox.set(queue.buffer.len());
        if queue.buffer.len() >= HIGH_WATER {
            self.full.store(true, Ordering::SeqCst);
        }
        drop(queue);
        if let Some(waker) = wake {
            waker.wake();
        }
        Ok(length)
    }

    /// Keeps what is sent until the connection's task calls [`poll_write`](Self::poll_write).
    pub(super) fn hold(&self) {
        self.lock().held = true;
    }

    /// Writes on, for the connection's task. Ready with an error when the stream failed.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut queue = self.lock();
        queue.set_waker(cx);
        queue.held = false;
        if std::mem::take(&mut queue.gathering) {
            drop(queue);
            // The task may have been woken right after the sender that did it: at the end of the
            // run queue it lets the others send first.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match std::mem::take(&mut queue.sent) {
            0 => {}
            sent => queue.many = sent > 1,
        }
        let is_taken = matches!(queue.stream, Sink::Taken);
        if queue.buffer.is_empty() && !queue.unflushed && !is_taken {
            return Poll::Pending;
        }
        // Taken, the stream may have woken this task for what its user left unwritten.
        let Some(stream) = queue.take_stream() else {
            return Poll::Pending;
        };
        let chunk = std::mem::take(&mut queue.buffer);
        drop(queue);
        match self.write(stream, chunk, None, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(error),
            _ => Poll::Pending,
        }
    }

    /// Sends what is left and finishes this side of the stream.
    pub(super) fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut queue = self.lock();
        queue.set_waker(cx);
        let Some(mut stream) = queue.take_stream() else {
            return match queue.stream {
                Sink::Closed => Poll::Ready(Ok(())),
                Sink::Here(_) | Sink::Taken => Poll::Pending,
            };
        };
        let mut chunk = std::mem::take(&mut queue.buffer);
        drop(queue);
        let mut finished = write_all(&mut stream, &mut chunk, cx);
        if let Poll::Ready(Ok(())) = finished {
            finished = Pin::new(&mut stream).poll_shutdown(cx);
        }
        let unflushed = !is_done(&finished) && chunk.is_empty();
        self.give_back(stream, chunk, unflushed);
        finished
    }

    /// Tells senders, and the peer, that no more is sent.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        let stream = std::mem::replace(&mut queue.stream, Sink::Closed);
        queue.buffer = BytesMut::new();
        self.tally.outbox.set(0);
        self.full.store(false, Ordering::SeqCst);
        drop(queue);
        // A sender that has taken it shuts it down on giving it back.
        if let Sink::Here(stream) = stream {
            shut_down(stream);
        }
        self.room.notify_waiters();
    }

    /// Writes a chunk to the stream, and gives both back. No lock is held meanwhile.
    fn write(
        &self,
        mut stream: BoxWrite,
        mut chunk: BytesMut,
        scratch: Option<&mut Scratch>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let large = chunk.capacity() > KEEP_BUFFER;
        let written = write_all(&mut stream, &mut chunk, cx);
        // The task flushes again, and meets an error of this flush too.
        let unflushed = !is_done(&written) && chunk.is_empty();
        if chunk.is_empty() {
            match scratch {
                _ if large => chunk = BytesMut::new(),
                Some(scratch) => scratch.bytes = std::mem::take(&mut chunk),
                None => {}
            }
        }
        self.give_back(stream, chunk, unflushed);
        written
    }

    /// Puts the stream back, and what is left of the bytes that were to be written, in front of
    /// what was sent meanwhile.
    fn give_back(&self, stream: BoxWrite, mut rest: BytesMut, unflushed: bool) {
        let mut queue = self.lock();
        if let Sink::Closed = queue.stream {
            drop(queue);
            return shut_down(stream);
        }
        queue.stream = Sink::Here(stream);
        queue.unflushed = unflushed;
        // Their senders have left them to the task.
        let mut wake = std::mem::take(&mut queue.wanted) || !queue.buffer.is_empty();
        if queue.buffer.is_empty() {
            if !rest.is_empty() || queue.buffer.capacity() == 0 {
                queue.buffer = rest;
            }
        } else if !rest.is_empty() {
            rest.extend_from_slice(&queue.buffer);
            queue.buffer = rest;
        }
        self.tally.outbox.set(queue.buffer.len());
        let full = queue.buffer.len() >= HIGH_WATER;
        let was_full = self.full.swap(full, Ordering::SeqCst);
        // A server reads no requests while the outbox is full.
        let room = was_full && !full;
        wake |= room;
        let waker = wake.then(|| queue.waker.clone());
        drop(queue);
        if room {
            self.room.notify_waiters();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Queue {
    /// The stream, if it is there; otherwise the task is woken once it is back.
    fn take_stream(&mut self) -> Option<BoxWrite> {
        match std::mem::replace(&mut self.stream, Sink::Taken) {
            Sink::Here(stream) => Some(stream),
            Sink::Taken => {
                self.wanted = true;
                None
            }
            Sink::Closed => {
                self.stream = Sink::Closed;
                None
            }
        }
    }

    fn set_waker(&mut self, cx: &Context<'_>) {
        if !self.waker.will_wake(cx.waker()) {
            self.waker = cx.waker().clone();
        }
    }
}

fn write_all(
    stream: &mut BoxWrite,
    chunk: &mut BytesMut,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !chunk.is_empty() {
        let n = ready!(Pin::new(&mut *stream).poll_write(cx, chunk))?;
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        chunk.advance(n);
    }
    // Streams that buffer, such as TLS, hold bytes back until a flush.
    Pin::new(stream).poll_flush(cx)
}

fn is_done(written: &Poll<io::Result<()>>) -> bool {
    matches!(written, Poll::Ready(Ok(())))
}

/// Finishes a stream of a session, so that what is sent next on it takes the news along. Others are
/// finished when they are dropped, at the latest.
fn shut_down(mut stream: BoxWrite) {
    let cx = &mut Context::from_waker(Waker::noop());
    let _ = Pin::new(&mut stream).poll_shutdown(cx);
}

thread_local! {
    static SCRATCH: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// Room for a value, kept by the thread from one call to the next.
struct Scratch {
    /// [`FRONT`] bytes of room, then the value.
    bytes: BytesMut,
}

impl Scratch {
    #[inline]
    fn take() -> Self {
        let kept = SCRATCH.try_with(Cell::take).ok().flatten();
        let mut bytes = kept.unwrap_or_default();
        // Most have it already.
        if bytes.len() != FRONT {
            bytes.clear();
            bytes.resize(FRONT, 0);
        }
        Scratch { bytes }
    }

    /// A whole message, of its front, which is taken out, and the value.
    fn join_front(&mut self, front: &mut BytesMut) -> BytesMut {
        let Some(unused) = FRONT.checked_sub(front.len()) else {
            front.extend_from_slice(&self.bytes[FRONT..]);
            return std::mem::take(front);
        };
        self.bytes[unused..FRONT].copy_from_slice(front);
        front.clear();
        self.bytes.advance(unused);
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.len() >= FRONT {
            bytes.truncate(FRONT);
        } else {
            bytes.clear();
            // What was written is at the front of the allocation, which this makes room of again.
            bytes.reserve(FRONT);
        }
        if bytes.capacity() <= KEEP_BUFFER {
            let _ = SCRATCH.try_with(|scratch| scratch.set(Some(bytes)));
        }
    }
}

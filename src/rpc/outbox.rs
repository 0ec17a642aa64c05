//! The sending side of a connection, shared by everybody who has something to send.
//!
//! A sender encodes straight into the connection's buffer under a short lock. The first one writes it
//! on at once, without waking anybody, so that a call by itself waits for no task but the session's.
//! Those that follow it before the connection's task has run leave their messages in the buffer; so
//! does the first where messages came several at a time before, and every sender once the stream
//! takes no more: the task writes them all as one.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, WriteHalf};
use tokio::sync::Notify;
use tokio_util::codec::Encoder;

use super::BoxIo;
use crate::codec::{Config, Encode, EncodeError, MessageEncoder};

/// Above this many waiting bytes senders wait for the peer to read.
const HIGH_WATER: usize = 256 * 1024;

/// A buffer that grew past this is given back once it is empty.
const KEEP: usize = 64 * 1024;

pub(super) struct Outbox {
    state: Mutex<State>,
    /// Whether senders have to wait. Set and cleared with the state locked.
    full: AtomicBool,
    room: Notify,
}

struct State {
    encoder: MessageEncoder,
    buffer: BytesMut,
    /// `None` once closed: dropping it lets go of the stream.
    io: Option<WriteHalf<BoxIo>>,
    /// The connection's task.
    waker: Waker,
    /// How many messages were sent since the task last ran.
    sent: u32,
    /// Whether messages come several at a time.
    many: bool,
    /// Whether the task was just woken for what is in the buffer, and senders may follow.
    gathering: bool,
    /// Whether the task runs, and will write what is in the buffer at its end.
    held: bool,
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
    pub(super) fn new(io: WriteHalf<BoxIo>, config: Config) -> Self {
        Outbox {
            state: Mutex::new(State {
                encoder: MessageEncoder::new(config),
                buffer: BytesMut::new(),
                io: Some(io),
                waker: Waker::noop().clone(),
                sent: 0,
                many: false,
                gathering: false,
                held: false,
            }),
            full: AtomicBool::new(false),
            room: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the peer has yet to read so much that senders wait.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Waits until there is room for another message, for a peer that reads slowly.
    pub(super) async fn ready(&self) {
        while self.full.load(Ordering::SeqCst) {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            // There may have come room before anybody would have been told of it.
            if !self.full.load(Ordering::SeqCst) {
                return;
            }
            room.await;
        }
    }

    /// Encodes a message and starts sending it. Nothing of it is sent when it does not encode.
    pub(super) fn send<H, B>(&self, header: &H, body: &B) -> Result<(), SendError>
    where
        H: Encode + ?Sized,
        B: Encode + ?Sized,
    {
        let mut state = self.lock();
        let state = &mut *state;
        if state.io.is_none() {
            return Err(SendError::Closed);
        }
        let idle = state.buffer.is_empty();
        state.encoder.encode((header, body), &mut state.buffer)?;
        state.sent = state.sent.saturating_add(1);
        if !idle || state.held {
            // The task will write it.
        } else if state.many || state.sent > 1 {
            state.gathering = true;
            state.waker.wake_by_ref();
        } else {
            let waker = state.waker.clone();
            if let Poll::Ready(Err(_)) = state.write(&mut Context::from_waker(&waker)) {
                // The connection's task meets the error too and ends the connection with it.
                waker.wake();
            }
        }
        if state.buffer.len() >= HIGH_WATER {
            self.full.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Keeps what is sent until the connection's task calls [`poll_write`](Self::poll_write).
    pub(super) fn hold(&self) {
        self.lock().held = true;
    }

    /// Writes on, for the connection's task. Ready with an error when the stream failed.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut state = self.lock();
        if !state.waker.will_wake(cx.waker()) {
            state.waker = cx.waker().clone();
        }
        state.held = false;
        if std::mem::take(&mut state.gathering) {
            // The task may have been woken right after the sender that did it: by going to the end
            // of the queue it lets the others send first.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match std::mem::take(&mut state.sent) {
            0 => {}
            sent => state.many = sent > 1,
        }
        if state.buffer.is_empty() {
            return Poll::Pending;
        }
        let written = state.write(cx);
        if state.buffer.len() < HIGH_WATER && self.full.swap(false, Ordering::SeqCst) {
            drop(state);
            self.room.notify_waiters();
        }
        match written {
            Poll::Ready(Err(error)) => Poll::Ready(error),
            _ => Poll::Pending,
        }
    }

    /// Tells senders, and the peer, that nothing is sent any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        let io = state.io.take();
        self.full.store(false, Ordering::SeqCst);
        drop(state);
        if let Some(mut io) = io {
            // A stream of a session is finished by this, so that whatever is sent next takes the
            // news along; others do it when they are dropped, at the latest.
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut io).poll_shutdown(&mut cx);
        }
        self.room.notify_waiters();
    }

    /// Sends what is left and finishes this side of the stream.
    pub(super) fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        ready!(state.write(cx))?;
        match &mut state.io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl State {
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else {
            return Poll::Ready(Ok(()));
        };
        while !self.buffer.is_empty() {
            let n = ready!(Pin::new(&mut *io).poll_write(cx, &self.buffer))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(n);
        }
        if self.buffer.capacity() > KEEP {
            self.buffer = BytesMut::new();
        }
        // Streams that buffer, such as TLS, hold bytes back until they are told.
        Pin::new(io).poll_flush(cx)
    }
}

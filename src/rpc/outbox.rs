//! The sending side of a connection, shared by everybody who has something to send.
//!
//! A sender encodes straight into the connection's buffer under a short lock and tries to write it
//! on at once, without waking anybody. What the stream does not take is left to the connection's
//! task, whose waker every write is tried with; so one write carries what many senders left there.

use std::io;
use std::pin::Pin;
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
    room: Notify,
}

struct State {
    encoder: MessageEncoder,
    buffer: BytesMut,
    /// `None` once closed: dropping it lets go of the stream.
    io: Option<WriteHalf<BoxIo>>,
    /// The connection's task.
    waker: Waker,
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
            }),
            room: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for another message, for a peer that reads slowly.
    pub(super) async fn ready(&self) {
        while !self.has_room() {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            // There may have come room before anybody would have been told of it.
            if self.has_room() {
                return;
            }
            room.await;
        }
    }

    fn has_room(&self) -> bool {
        let state = self.lock();
        state.buffer.len() < HIGH_WATER || state.io.is_none()
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
        if idle {
            let waker = state.waker.clone();
            if let Poll::Ready(Err(_)) = state.write(&mut Context::from_waker(&waker)) {
                // The connection's task meets the error too and ends the connection with it.
                waker.wake();
            }
        }
        Ok(())
    }

    /// Writes on, for the connection's task. Ready with an error when the stream failed.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let mut state = self.lock();
        if !state.waker.will_wake(cx.waker()) {
            state.waker = cx.waker().clone();
        }
        if state.buffer.is_empty() {
            return Poll::Pending;
        }
        let written = state.write(cx);
        let room = state.buffer.len() < HIGH_WATER;
        drop(state);
        if room {
            self.room.notify_waiters();
        }
        match written {
            Poll::Ready(Err(error)) => Poll::Ready(error),
            _ => Poll::Pending,
        }
    }

    /// Tells senders that nothing is sent any more.
    pub(super) fn close(&self) {
        let io = self.lock().io.take();
        drop(io);
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

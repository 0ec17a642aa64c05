//! Frames come in, by the driver or by the reader of a stream.

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;

use super::{Connection, closed_error, now};
use crate::error::SessionError;
use crate::proto::{DirectRead, NextRead, StreamClosed, StreamKey};
use crate::tuning::{INPUT, READS};

/// How far the driver came with what the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// No more has arrived.
    Empty,
    /// There may be more.
    Left,
}

pub(super) fn buffer() -> Box<[u8]> {
    vec![0; INPUT].into_boxed_slice()
}

impl Connection {
    /// Reads and acts on what the peer sent, until no more has arrived or a large frame comes that
    /// may be left to its reader.
    pub(super) fn take_input(&mut self) -> Result<Input, SessionError> {
        for _ in 0..READS {
            let mut next = self.session.next_read(now);
            if next == NextRead::Full {
                // Answers that the peer does not read must not pile up.
                if !self.session.is_transmit_blocked() {
                    self.flush();
                }
                next = self.session.next_read(now);
            }
            let read = match next {
                NextRead::Full | NextRead::Lent => return Ok(Input::Left),
                NextRead::Frames(max) => self.read_frames(max),
                NextRead::Body(max) => self.read_body(max),
            };
            match read {
                Poll::Ready(read) => read?,
                Poll::Pending => return Ok(Input::Empty),
            }
        }
        self.wakers.wake_driver();
        Ok(Input::Left)
    }

    /// Reads a piece with as many frames as there are.
    fn read_frames(&mut self, max: usize) -> Poll<Result<(), SessionError>> {
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let mut cx = Context::from_waker(&self.io_waker);
        let n =
            ready!(io.poll_read(&mut cx, &mut self.input[..max])).map_err(SessionError::from_io)?;
        Poll::Ready(match n {
            0 => Err(SessionError::PeerClosed),
            n => self.session.handle_input(now, &self.input[..n]),
        })
    }

    /// Reads more of a large frame into the stream's own buffer.
    fn read_body(&mut self, max: usize) -> Poll<Result<(), SessionError>> {
        let (Some(io), Some(buffer)) = (&mut self.io, self.session.body_buffer(max)) else {
            return Poll::Pending;
        };
        let mut cx = Context::from_waker(&self.io_waker);
        let n = ready!(io.poll_read(&mut cx, buffer)).map_err(SessionError::from_io)?;
        if n == 0 {
            return Poll::Ready(Err(SessionError::PeerClosed));
        }
        self.session.body_filled(now, n);
        Poll::Ready(Ok(()))
    }

    /// Moves what arrived on a stream into `buffer`, and reads from the connection straight into it
    /// what else of a large frame is there.
    pub(crate) fn poll_read(
        &mut self,
        key: StreamKey,
        buffer: &mut ReadBuf<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let is_done = self.session.reads_directly(key) && self.read_directly(key, buffer);
        let read = match is_done {
            true => Poll::Ready(Ok(())),
            false => self.read_received(key, buffer),
        };
        if read.is_pending() {
            self.wakers.set_reader(key, cx);
        }
        if self.session.has_window_updates() && !self.session.is_transmit_blocked() {
            // The peer may be waiting for this window.
            self.flush();
        }
        read.map_err(|closed| closed_error(closed, self.session.ended()))
    }

    fn read_received(
        &mut self,
        key: StreamKey,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), StreamClosed>> {
        let room = buffer.remaining();
        let read = self
            .session
            .read_with(key, room, |bytes| buffer.put_slice(bytes));
        read.map_ok(drop)
    }

    /// Reads for a stream's reader that is lent the connection. Returns whether there was
    /// something.
    fn read_directly(&mut self, key: StreamKey, buffer: &mut ReadBuf<'_>) -> bool {
        let before = buffer.filled().len();
        self.session.note_buffer(key, buffer.remaining());
        self.take_received(key, buffer);
        let end = self.read_large(key, buffer);
        let has_read = buffer.filled().len() > before;
        match end {
            // The driver is woken for what comes next.
            Poll::Pending => self.end_direct_read(true, self.output.broken.is_some()),
            Poll::Ready(Ok(DirectRead::NoRoom)) if has_read => {}
            Poll::Ready(Ok(DirectRead::NoRoom)) => self.end_direct_read(true, true),
            Poll::Ready(Ok(_)) => self.end_direct_read(false, true),
            Poll::Ready(Err(reason)) => self.end(reason),
        }
        has_read
    }

    /// Gives the connection back to the driver, and has it read at once where it has to.
    fn end_direct_read(&mut self, more: bool, wake_driver: bool) {
        self.session.end_direct_read(more);
        if wake_driver {
            self.wakers.wake_driver();
        }
    }

    fn take_received(&mut self, key: StreamKey, buffer: &mut ReadBuf<'_>) {
        let room = buffer.remaining();
        self.session
            .take_received(key, room, |bytes| buffer.put_slice(bytes));
    }

    /// Reads the stream's large frames into `buffer`, as far as there is room and they are what
    /// comes. Returns why it stopped, or `Pending` when no more has arrived.
    fn read_large(
        &mut self,
        key: StreamKey,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<DirectRead, SessionError>> {
        loop {
            let next = self.session.direct_read(key, buffer.remaining());
            match next {
                DirectRead::Body { len, behind } => {
                    ready!(self.read_large_body(len, behind, buffer))?;
                }
                DirectRead::Frames(max) => ready!(self.read_frames(max))?,
                DirectRead::Other | DirectRead::NoRoom => return Poll::Ready(Ok(next)),
            }
            // What came along with a header goes before what is read behind it.
            self.take_received(key, buffer);
        }
    }

    fn read_large_body(
        &mut self,
        len: usize,
        behind: usize,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), SessionError>> {
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let mut cx = Context::from_waker(&self.io_waker);
        let body = buffer.initialize_unfilled_to(len);
        let n = ready!(io.poll_read_both(&mut cx, body, &mut self.input[..behind]))
            .map_err(SessionError::from_io)?;
        if n == 0 {
            return Poll::Ready(Err(SessionError::PeerClosed));
        }
        let of_body = n.min(len);
        buffer.advance(of_body);
        self.session.body_read(of_body);
        Poll::Ready(self.session.handle_input(now, &self.input[..n - of_body]))
    }
}

//! Frames go out.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::{Broken, LARGE, Link, OUTSIDE};
use crate::error::SessionError;
use crate::frame::HEADER;
use crate::outgoing::HIGH_WATER;
use crate::state::{CutOff, data_header};

/// The longest frame sent, in bytes.
pub(super) const FRAME: usize = 64 * 1024;

/// How many waiting writers are told of room at once.
const TOLD: usize = 4;

impl Link {
    /// Has the driver write what has gathered.
    pub(crate) fn flush_soon(&mut self) {
        if !std::mem::replace(&mut self.due, true) {
            self.wake_driver();
        }
    }

    /// Writes what has gathered, or has the driver do it when it is about to run anyway, so that one
    /// write carries what several streams have to say.
    pub(crate) fn flush_now(&mut self) {
        if self.state.out.is_empty() || self.blocked {
            return;
        }
        if self.state.fresh || std::mem::replace(&mut self.flushed, true) {
            self.flush_soon();
        } else {
            self.flush();
        }
    }

    /// Writes until nothing is left or the connection takes no more.
    pub(super) fn flush(&mut self) {
        loop {
            // Here, too, since there may have been no room for them before.
            self.state.grant_windows();
            if self.state.out.is_empty() {
                break;
            }
            let Some(io) = &mut self.io else {
                return;
            };
            let mut cx = Context::from_waker(&self.io_waker);
            match io.poll_write(&mut cx, self.state.out.unwritten()) {
                Poll::Ready(Ok(n)) => {
                    self.state.out.took(n);
                    self.total_written += n as u64;
                }
                Poll::Ready(Err(error)) => return self.fail(error),
                Poll::Pending => {
                    self.set_blocked();
                    return self.state.out.forget_written();
                }
            }
        }
        self.flush_connection();
    }

    /// What follows when everything was written: connections that buffer, such as TLS, hold bytes
    /// back until they are told.
    fn flush_connection(&mut self) {
        let Some(io) = &mut self.io else {
            return;
        };
        self.state.out.clear();
        self.state.fresh = false;
        self.fresh_turns = 0;
        let mut cx = Context::from_waker(&self.io_waker);
        let flushed = io.poll_flush(&mut cx);
        self.unflushed = flushed.is_pending();
        match flushed {
            Poll::Ready(Ok(())) => {
                let total = self.total_written;
                for (_, reply) in self.flushing.extract_if(.., |(end, _)| *end <= total) {
                    let _ = reply.send(());
                }
            }
            Poll::Ready(Err(error)) => self.fail(error),
            Poll::Pending => self.set_blocked(),
        }
    }

    /// The connection takes nothing more.
    fn fail(&mut self, error: io::Error) {
        self.broken.get_or_insert(Broken {
            reason: SessionError::from_io(error),
            received: None,
        });
        self.state.out.clear();
        self.unflushed = false;
        self.flushing.clear();
        self.wake_driver();
    }

    /// Tells `reply` when everything that was sent before is with the operating system.
    pub(crate) fn when_flushed(&mut self, reply: oneshot::Sender<()>) {
        if self.state.ended.is_some() || self.broken.is_some() {
            return;
        }
        self.flushing.push((self.queue_end(), reply));
        self.due = true;
        self.wake_driver();
    }

    /// Sends a frame with the beginning of `data`, as much as the peer and the connection have room
    /// for.
    pub(crate) fn poll_send(
        &mut self,
        id: u32,
        data: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let window = ready!(self.state.poll_window(id, data.len(), cx));
        let n = window
            .map_err(|cut| cut.error(self.state.ended.as_ref()))?
            .min(FRAME);
        let vectored = self.io.as_ref().is_some_and(|io| io.is_write_vectored());
        let sent = match n >= LARGE && vectored {
            true => self.send_large(id, &data[..n]),
            false => self.send_small(id, &data[..n]),
        };
        if let Some(broken) = &self.broken {
            return Poll::Ready(Err(CutOff::SessionEnded.error(Some(&broken.reason))));
        }
        if sent {
            return Poll::Ready(Ok(n));
        }
        let since = self.state.last_sent(id);
        self.waiting.insert((since, id), cx.waker().clone());
        self.state.wait_to_write(id, cx);
        if !self.blocked {
            self.wake_driver();
        }
        Poll::Pending
    }

    /// Whether the stream has to wait, be it for others who wait: those who are told of room would
    /// find that the first of them has used it up.
    fn must_wait(&self, id: u32) -> bool {
        self.blocked || self.contended && self.state.last_sent(id) == self.turn
    }

    /// A frame comes to be, and goes out or waits to do so.
    fn data_sent(&mut self, id: u32, n: usize) {
        self.waiting.remove(&(self.state.last_sent(id), id));
        self.state.data_sent(id, n, self.turn);
    }

    /// Has a frame gather with others. False when there is no room.
    fn send_small(&mut self, id: u32, data: &[u8]) -> bool {
        if self.state.out.len() + data.len() > HIGH_WATER {
            if self.must_wait(id) {
                return false;
            }
            self.flush();
            if self.state.out.len() + data.len() > HIGH_WATER {
                return false;
            }
        }
        self.data_sent(id, data.len());
        self.sent_large = false;
        self.outside = match tokio::task::try_id() {
            Some(_) => self.outside.saturating_sub(1),
            None => OUTSIDE,
        };
        let header = data_header(id, data.len());
        self.state.out.push_frame(&header, data);
        self.flush_soon();
        true
    }

    /// Writes a frame straight from its writer's buffer, behind what has gathered. False when the
    /// connection did not take even its beginning, so that there is no such frame yet.
    fn send_large(&mut self, id: u32, data: &[u8]) -> bool {
        if self.must_wait(id) {
            return false;
        }
        let Some(io) = &mut self.io else {
            return false;
        };
        let header = data_header(id, data.len());
        let gathered = self.state.out.len();
        let slices = [
            IoSlice::new(self.state.out.unwritten()),
            IoSlice::new(&header),
            IoSlice::new(data),
        ];
        // An empty slice is left out: not everybody skips it.
        let slices = &slices[usize::from(gathered == 0)..];
        let mut cx = Context::from_waker(&self.io_waker);
        let written = match io.poll_write_vectored(&mut cx, slices) {
            Poll::Ready(written) => written,
            Poll::Pending => {
                self.set_blocked();
                return false;
            }
        };
        let n = match written {
            Ok(n) => n,
            Err(error) => {
                self.fail(error);
                return false;
            }
        };
        self.total_written += n as u64;
        if n <= gathered {
            self.state.out.took(n);
            self.state.out.forget_written();
            return false;
        }
        self.data_sent(id, data.len());
        self.sent_large = true;
        let n = n - gathered;
        if n == HEADER + data.len() {
            self.flush_connection();
            return true;
        }
        self.state.out.clear();
        self.state
            .out
            .push_frame(&header[n.min(HEADER)..], &data[n.saturating_sub(HEADER)..]);
        self.flush_soon();
        true
    }

    /// Tells some of those who wait that there is room.
    pub(super) fn tell_writers(&mut self) {
        self.contended = self.waiting.len() > 1;
        if self.blocked {
            return;
        }
        for _ in 0..TOLD {
            match self.waiting.pop_first() {
                Some((_, waker)) => self.state.wakes.add(Some(waker)),
                None => return,
            }
        }
        if !self.waiting.is_empty() {
            self.wake_driver();
        }
    }
}

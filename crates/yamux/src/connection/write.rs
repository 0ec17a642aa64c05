//! Frames go out.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::{Connection, closed_error, now};
use crate::error::SessionError;
use crate::proto::{StreamClosed, StreamKey};
use crate::tuning::{FROM_TASKS, LARGE, NEW_STREAM_TURNS};

/// What a connection has to know to write.
#[derive(Default)]
pub(super) struct Output {
    pub(super) broken: Option<Broken>,
    /// Whether the connection may hold bytes back until it is flushed.
    unflushed: bool,
    /// Whether a caller flushed since the driver last ran.
    flushed_in_turn: bool,
    /// Whether the driver was woken to flush.
    flush_due: bool,
    /// How many turns of the driver were left to the users of new streams before a flush.
    new_stream_turns: u8,
    /// Whether several writers waited for the connection at the driver's last run.
    contended: bool,
    /// Whether the frame sent last was a large one.
    pub(super) sent_large: bool,
    /// Above zero when a caller outside of any task sent lately.
    outside: u8,
    /// What to notify when the connection has taken this many bytes in all.
    flushing: Vec<(u64, oneshot::Sender<()>)>,
}

/// The connection takes no more. What the peer had sent before is still read.
pub(super) struct Broken {
    pub(super) reason: SessionError,
    /// How much had been received when there seemed to be no more.
    pub(super) received: Option<u64>,
}

impl Output {
    pub(super) fn begin_turn(&mut self) {
        self.flushed_in_turn = false;
        self.flush_due = false;
    }

    pub(super) fn forget_flushes(&mut self) {
        self.flushing.clear();
    }

    /// Notes whether the sender of a small frame is a task, or a caller outside of any: `block_on`
    /// of a multi-threaded runtime, for instance. That caller sleeps in a thread of its own,
    /// which has to be woken for the answer and needs a core: a driver that stays awake only takes
    /// it away (71 µs a call from `main` became 47 µs). tokio gives no other way to tell the two
    /// apart.
    fn note_sender(&mut self) {
        self.outside = match tokio::task::try_id() {
            Some(_) => self.outside.saturating_sub(1),
            None => FROM_TASKS,
        };
    }
}

impl Connection {
    /// Has the driver write what has gathered.
    ///
    /// After a `write`, the driver is woken although most callers flush next and then find no more
    /// for it to write. Whether a caller will flush cannot be known, and what was written has to go
    /// out without.
    pub(crate) fn flush_soon(&mut self) {
        if !std::mem::replace(&mut self.output.flush_due, true) {
            self.wakers.wake_driver();
        }
    }

    /// Writes what has gathered, or has the driver do it when it is about to run anyway, so that
    /// one write carries what several streams have to say.
    pub(crate) fn flush_now(&mut self) {
        if self.session.queued() == 0 || self.session.is_transmit_blocked() {
            return;
        }
        if self.session.has_new_streams()
            || std::mem::replace(&mut self.output.flushed_in_turn, true)
        {
            self.flush_soon();
        } else {
            self.flush();
        }
    }

    /// Writes what has gathered, but not before the users of new streams had their turns.
    pub(super) fn flush_in_turn(&mut self) {
        if self.is_flushed() && self.output.flushing.is_empty() {
            return;
        }
        if self.session.has_new_streams()
            && self.output.new_stream_turns < NEW_STREAM_TURNS
            && self.session.closing().is_none()
        {
            self.output.new_stream_turns += 1;
            self.wakers.wake_driver();
        } else if !self.session.is_transmit_blocked() {
            self.flush();
        }
    }

    /// Whether all was written that the session was given.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.session.has_output() && !self.output.unflushed
    }

    /// Writes until all is written or the connection takes no more.
    pub(super) fn flush(&mut self) {
        loop {
            let Some(io) = &mut self.io else {
                return;
            };
            let Some(bytes) = self.session.poll_transmit() else {
                break;
            };
            let mut cx = Context::from_waker(&self.io_waker);
            match io.poll_write(&mut cx, bytes) {
                Poll::Ready(Ok(n)) => self.session.transmitted(now, n),
                Poll::Ready(Err(error)) => return self.fail(error),
                Poll::Pending => return self.block(),
            }
        }
        self.flush_connection();
    }

    /// What follows when all was written: connections that buffer, such as TLS, hold bytes back
    /// until they are flushed.
    fn flush_connection(&mut self) {
        let Some(io) = &mut self.io else {
            return;
        };
        self.output.new_stream_turns = 0;
        let mut cx = Context::from_waker(&self.io_waker);
        let flushed = io.poll_flush(&mut cx);
        self.output.unflushed = flushed.is_pending();
        match flushed {
            Poll::Ready(Ok(())) => {
                let total = self.session.total_transmitted();
                let flushing = &mut self.output.flushing;
                for (_, reply) in flushing.extract_if(.., |(end, _)| *end <= total) {
                    let _ = reply.send(());
                }
            }
            Poll::Ready(Err(error)) => self.fail(error),
            Poll::Pending => self.block(),
        }
    }

    /// The connection takes no more at the moment. Where that sets a deadline, the driver has to
    /// know.
    fn block(&mut self) {
        if self.session.transmit_blocked(now) {
            self.wakers.wake_driver();
        }
    }

    /// The connection takes no more, for good.
    fn fail(&mut self, error: io::Error) {
        self.output.broken.get_or_insert(Broken {
            reason: SessionError::from_io(error),
            received: None,
        });
        self.session.discard_output();
        self.output.unflushed = false;
        self.output.flushing.clear();
        self.wakers.wake_driver();
    }

    /// Notifies `reply` when all that was sent before is with the operating system.
    pub(crate) fn when_flushed(&mut self, reply: oneshot::Sender<()>) {
        if self.session.ended().is_some() || self.output.broken.is_some() {
            return;
        }
        let end = self.session.total_transmitted() + self.session.queued() as u64;
        self.output.flushing.push((end, reply));
        self.output.flush_due = true;
        self.wakers.wake_driver();
    }

    /// Sends a frame with the beginning of `data`, as much as the peer and the connection have room
    /// for.
    pub(crate) fn poll_send(
        &mut self,
        key: StreamKey,
        data: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let n = match self.session.poll_capacity(key, data.len()) {
            Poll::Ready(Ok(n)) => n,
            Poll::Ready(Err(closed)) => {
                self.wakers.leave_writers(key);
                return Poll::Ready(Err(closed_error(closed, self.session.ended())));
            }
            Poll::Pending => {
                self.wakers.set_writer(key, cx);
                return Poll::Pending;
            }
        };
        let is_vectored = self.io.as_ref().is_some_and(|io| io.is_write_vectored());
        let sent = match n >= LARGE && is_vectored {
            true => self.send_large(key, &data[..n]),
            false => self.send_small(key, &data[..n]),
        };
        if let Some(broken) = &self.output.broken {
            let error = closed_error(StreamClosed::SessionEnded, Some(&broken.reason));
            return Poll::Ready(Err(error));
        }
        if sent {
            return Poll::Ready(Ok(n));
        }
        self.wakers.join_writers(key, cx);
        // A reset has to wake the writer, too.
        self.session.watch_writer(key);
        if !self.session.is_transmit_blocked() {
            self.wakers.wake_driver();
        }
        Poll::Pending
    }

    /// Whether the stream has to wait: for the connection, or for other streams, whose writers
    /// would find that the first of them has used up the room that they were woken for.
    fn must_wait(&self, key: StreamKey) -> bool {
        self.session.is_transmit_blocked()
            || self.output.contended && self.wakers.last_sent(key) == self.turn
    }

    /// Has a frame gather with others. False when there is no room.
    fn send_small(&mut self, key: StreamKey, data: &[u8]) -> bool {
        if !self.session.has_room_for(data.len()) {
            if self.must_wait(key) {
                return false;
            }
            self.flush();
            if !self.session.has_room_for(data.len()) {
                return false;
            }
        }
        self.wakers.sent(key, self.turn);
        self.output.sent_large = false;
        self.output.note_sender();
        self.session.queue_data(key, data);
        self.flush_soon();
        true
    }

    /// Writes a frame straight from its writer's buffer, behind what has gathered. False when the
    /// connection did not take even its beginning, so that there is no such frame yet.
    fn send_large(&mut self, key: StreamKey, data: &[u8]) -> bool {
        if self.must_wait(key) {
            return false;
        }
        let Some(io) = &mut self.io else {
            return false;
        };
        let (queued, header) = self.session.before_data(key, data.len());
        let slices = [
            IoSlice::new(queued),
            IoSlice::new(&header),
            IoSlice::new(data),
        ];
        // An empty slice is left out: not every connection skips it.
        let slices = &slices[usize::from(queued.is_empty())..];
        let mut cx = Context::from_waker(&self.io_waker);
        let n = match io.poll_write_vectored(&mut cx, slices) {
            Poll::Ready(Ok(n)) => n,
            Poll::Ready(Err(error)) => {
                self.fail(error);
                return false;
            }
            Poll::Pending => {
                self.block();
                return false;
            }
        };
        if !self.session.data_transmitted(now, key, data, n) {
            return false;
        }
        self.wakers.sent(key, self.turn);
        self.output.sent_large = true;
        match self.session.queued() {
            0 => self.flush_connection(),
            _ => self.flush_soon(),
        }
        true
    }

    /// Wakes some of the writers that wait for the connection, where it takes more.
    pub(super) fn offer_turns(&mut self) {
        self.output.contended = self.wakers.writers() > 1;
        if self.session.is_transmit_blocked() {
            return;
        }
        self.wakers.wake_writers();
        if self.wakers.writers() > 0 {
            self.wakers.wake_driver();
        }
    }

    /// Whether a caller outside of any task, in `block_on`, sends and waits for answers.
    pub(crate) fn is_used_outside(&self) -> bool {
        self.output.outside > 0
    }
}

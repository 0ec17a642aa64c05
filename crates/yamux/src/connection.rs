//! A session's connection and the rules that it follows, behind one lock.
//!
//! Callers queue frames here directly, without a task hop: small frames gather, and go out together
//! when a caller flushes or, at the latest, when the driver runs. A large frame goes from its
//! writer's buffer to the connection in one vectored write. The driver reads, in pieces that hold
//! many small frames. Where large frames come for a reader that waits with a large buffer, the
//! driver lends that reader the connection, so the body is read into its buffer.
//!
//! Only the driver waits for I/O. A caller that finds the connection not ready leaves
//! [`Readiness`] with it, which wakes the driver, and its own waker with [`Wakers`].
//!
//! # Locks
//!
//! A session has two locks, taken in this order:
//!
//! 1. the **session lock** ([`Shared`]), for everything in [`Connection`]. [`Shared::with`] is the
//!    only place that takes it. Under it run the rules of [`proto`](crate::proto), which only move
//!    bytes, and the polls of the transport. Those are system calls (or another program's code,
//!    such as TLS) under a lock on purpose: a caller that writes its own frame saves the switch to
//!    the driver (a dispense 24.5 µs with the switch, 17.4 µs without), and frames have to be
//!    written one after the other anyway. No task is woken and no log is written under it: both are
//!    done after it is released.
//! 2. the **readiness lock** ([`Readiness`]), for the driver's waker. It is held for a clone of
//!    that waker. Transports take it alone when they become ready, or under the session lock of the
//!    peer where both sides of a connection are in one process (`tokio::io::duplex`).
//!
//! No other lock of the crate exists, and no code that holds the readiness lock takes another.

mod read;
mod write;

use std::io;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use plugwire_base::rescue;

use self::read::Input;
use self::write::Output;
use super::error::{OpenError, SessionError, UnreadError};
use super::observer::{Observer, Stats};
use super::proto::{self, Event, StreamClosed, StreamKey};
use super::readiness::Readiness;
use super::sync::Mutex;
use super::transport::Io;
use super::wakers::{Due, Ticket, Wakers};

/// The time, on a clock that tests can stop.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What a session's handles, streams and driver share.
pub(crate) struct Shared {
    connection: Mutex<Connection>,
    observer: Option<Arc<dyn Observer>>,
}

impl Shared {
    pub(crate) fn new(connection: Connection) -> Self {
        Shared {
            observer: connection.session.observer().cloned(),
            connection: Mutex::new(connection),
        }
    }

    /// Runs `work` under the session lock, and wakes the tasks that it concerns after unlocking.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Connection) -> R) -> R {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut connection);
        let due = connection.take_due();
        drop(connection);
        due.run(self.observer.as_deref());
        result
    }
}

/// A session and its connection.
pub(crate) struct Connection {
    session: proto::Session,
    /// `None` once the session is over.
    io: Option<Io>,
    /// Whether the end of the session was seen to.
    is_over: bool,
    wakers: Wakers,
    readiness: Arc<Readiness>,
    /// `readiness`, as what is left with the connection.
    io_waker: Waker,
    /// Where small frames are read.
    input: Box<[u8]>,
    /// Whether the driver's last turn left something unread.
    input_left: bool,
    output: Output,
    /// How often the driver ran.
    turn: u64,
}

impl Connection {
    pub(crate) fn new(io: Io, session: proto::Session) -> Self {
        let readiness = Arc::new(Readiness::default());
        Connection {
            session,
            io: Some(io),
            is_over: false,
            wakers: Wakers::default(),
            io_waker: readiness.clone().into(),
            readiness,
            input: read::buffer(),
            input_left: false,
            output: Output::default(),
            turn: 0,
        }
    }

    /// What is to be done once the session is unlocked.
    fn take_due(&mut self) -> Due {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Readable(key) => self.wakers.wake_reader(key),
                Event::Writable(key) => self.wakers.wake_writer(key),
                Event::Openable => self.wakers.wake_opener(),
                Event::Acceptable => self.wakers.wake_accepter(),
                Event::Warning(warning) => self.wakers.warn(warning),
                Event::Observed(observation) => self.wakers.observed(observation),
            }
        }
        self.wakers.take_due()
    }

    // The driver's part.

    /// The driver's turn: reads what has arrived, writes what has gathered.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if self.wakers.set_driver(cx.waker()) {
            self.readiness.set_driver(cx.waker());
        }
        self.turn += 1;
        self.output.begin_turn();
        self.note_readiness();
        let taken = self.take_input();
        self.session.input_drained();
        match taken {
            Ok(input) => {
                self.input_left = input == Input::Left;
                self.session.set_unread_input(self.input_left);
                self.flush_in_turn();
                if input == Input::Empty {
                    self.end_if_broken();
                }
            }
            Err(reason) => self.end(reason),
        }
        self.offer_turns();
    }

    /// Notes whether the connection may take more. While no thread of the runtime looks for that,
    /// it has to be tried.
    fn note_readiness(&mut self) {
        if self.readiness.take() || rescue::is_rescuing() {
            self.session.transmit_unblocked();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    pub(crate) fn handle_timeout(&mut self) {
        self.session.handle_timeout(now());
        if let Some(reason) = self.session.ended() {
            let reason = reason.clone();
            self.end(reason);
        }
        // Also where a reader lost the connection to the driver.
        self.flush_soon();
    }

    /// Whether small messages come and go. Where large ones do, both sides are busy with these.
    pub(crate) fn is_conversing(&self) -> bool {
        !self.session.expects_large() && !self.output.sent_large
    }

    pub(crate) fn total_received(&self) -> u64 {
        self.session.total_received()
    }

    // Streams.

    /// Opens a stream in the caller's turn.
    pub(crate) fn poll_open(
        &mut self,
        ticket: &mut Ticket,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamKey, OpenError>> {
        // No task waits for another one's turn once the session is over.
        if (self.ended().is_some() || self.wakers.openers.is_first(ticket))
            && let Poll::Ready(opened) = self.session.open()
        {
            self.wakers.leave_openers(ticket);
            self.flush_soon();
            return Poll::Ready(opened);
        }
        self.wakers.openers.wait(ticket, cx);
        self.make_room_for_streams();
        Poll::Pending
    }

    /// Accepts a stream in the caller's turn.
    pub(crate) fn poll_accept(
        &mut self,
        ticket: &mut Ticket,
        cx: &mut Context<'_>,
    ) -> Poll<Result<StreamKey, SessionError>> {
        if (self.ended().is_some() || self.wakers.accepters.is_first(ticket))
            && let Poll::Ready(accepted) = self.session.accept()
        {
            self.wakers.leave_accepters(ticket);
            self.flush_soon();
            return Poll::Ready(accepted);
        }
        self.wakers.accepters.wait(ticket, cx);
        self.make_room_for_streams();
        Poll::Pending
    }

    /// The caller of [`poll_open`](Self::poll_open) gave up.
    pub(crate) fn stop_opening(&mut self, ticket: &mut Ticket) {
        self.wakers.leave_openers(ticket);
    }

    /// The caller of [`poll_accept`](Self::poll_accept) gave up.
    pub(crate) fn stop_accepting(&mut self, ticket: &mut Ticket) {
        self.wakers.leave_accepters(ticket);
    }

    /// Has the driver write, where a stream waits for room in the queue and the connection for no
    /// one.
    fn make_room_for_streams(&mut self) {
        if !self.session.has_room_for_streams() && !self.session.is_transmit_blocked() {
            self.wakers.wake_driver();
        }
    }

    /// Ends this side of a stream.
    pub(crate) fn finish(&mut self, key: StreamKey) {
        self.session.finish(key);
        self.flush_soon();
    }

    /// Gives up a stream.
    pub(crate) fn drop_stream(&mut self, key: StreamKey) {
        self.wake_driver_if_lent(key);
        self.session.drop_stream(now, key);
        self.wakers.forget(key);
        // Also for the driver to learn of the deadline that there may be now.
        self.flush_soon();
    }

    /// Ends a stream as one that failed. Its key is of no more use.
    pub(crate) fn reset_stream(&mut self, key: StreamKey) {
        self.wake_driver_if_lent(key);
        self.session.reset_stream(key);
        // A task that waits for the stream learns of the reset.
        self.wakers.wake_reader(key);
        self.wakers.wake_writer(key);
        self.wakers.forget(key);
        self.flush_soon();
    }

    fn wake_driver_if_lent(&mut self, key: StreamKey) {
        if self.session.reads_directly(key) {
            self.wakers.wake_driver();
        }
    }

    // The end.

    /// Begins to close the session, for a reason that is then the reason of its end.
    pub(crate) fn start_close(&mut self, reason: SessionError) {
        self.session.start_close(reason);
        self.wakers.wake_driver();
    }

    /// Why this side closes the session, once it does.
    pub(crate) fn closing(&self) -> Option<&SessionError> {
        self.session.closing()
    }

    /// Why the session is over, once it is.
    pub(crate) fn ended(&self) -> Option<&SessionError> {
        self.session.ended()
    }

    /// The session in numbers.
    pub(crate) fn stats(&self) -> Stats {
        self.session.stats()
    }

    /// How many streams there are.
    pub(crate) fn streams(&self) -> usize {
        self.session.streams()
    }

    /// Ends the session; a reason that it ended for before stays.
    pub(crate) fn end(&mut self, reason: SessionError) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        // What the peer is to know of the reason.
        let has_last_words = matches!(
            reason,
            SessionError::Protocol(_) | SessionError::Noise { .. }
        );
        if has_last_words {
            self.flush();
        }
        self.session.end(reason);
        if !has_last_words || self.has_said_all() {
            self.hang_up();
        }
        self.output.forget_flushes();
        self.wakers.end_lines();
        self.wakers.wake_driver();
    }

    /// Closes the connection of a session that is over.
    pub(crate) fn hang_up(&mut self) {
        self.io = None;
    }

    /// Whether no more can be written: all was, or the connection broke.
    fn has_said_all(&self) -> bool {
        self.is_flushed() || self.output.broken.is_some()
    }

    /// Writes what the peer is still to know of the end of the session. No more is read.
    pub(crate) fn poll_last_words(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.io.is_none() {
            return Poll::Ready(());
        }
        self.readiness.set_driver(cx.waker());
        self.note_readiness();
        if !self.session.is_transmit_blocked() {
            self.flush();
        }
        match self.has_said_all() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Ends a session whose connection takes no more and has no more: not before that was seen in
    /// two turns, since something may have come while the first one wrote, and since the runtime
    /// may have kept this task from reading more in one turn.
    fn end_if_broken(&mut self) {
        let received = self.session.total_received();
        if let Some(broken) = &mut self.output.broken {
            if broken.received == Some(received) {
                let reason = broken.reason.clone();
                self.end(reason);
            } else {
                broken.received = Some(received);
                self.wakers.wake_driver();
            }
        }
    }
}

/// What a reader or writer of a closed stream gets. Why the session ended is the error's source.
fn closed_error(closed: StreamClosed, ended: Option<&SessionError>) -> io::Error {
    match closed {
        StreamClosed::Reset => io::Error::new(io::ErrorKind::ConnectionReset, closed),
        StreamClosed::Unread { limit } => {
            io::Error::new(io::ErrorKind::QuotaExceeded, UnreadError { limit })
        }
        StreamClosed::SessionEnded => io::Error::new(
            io::ErrorKind::ConnectionAborted,
            ended.cloned().unwrap_or(SessionError::Closed),
        ),
    }
}

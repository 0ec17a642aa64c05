//! A session's connection and the rules it follows, behind one lock.
//!
//! Whoever has something to say says it here, without a task in between: small frames gather, and go
//! out together when somebody flushes or, at the latest, when the driver runs; a large one goes
//! from its writer's buffer to the connection in one vectored write. The driver reads, in pieces
//! that hold many small frames; where large ones come for somebody who waits with a large buffer,
//! he is given the reading (a `Lease`), so that they get straight to where they are wanted.
//!
//! All waiting is the driver's: whoever finds the connection not ready leaves `readiness` with it,
//! which wakes the driver, and his own waker with the stream or in `waiting`.

mod read;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::{Notify, oneshot};

use self::read::{Input, Lease};
use super::Config;
use super::error::SessionError;
use super::readiness::Readiness;
use super::state::State;
use super::transport::Io;
use super::wakes::Wakes;
use plugwire_base::rescue;

/// From here on a frame is large: worth a system call of its own.
const LARGE: usize = 8 * 1024;

/// Whoever gets a fresh stream usually writes to it at once, be it after a few hops from task to
/// task: its number, its confirmation, a call, a reply. Whoever ends one often goes on with the next.
/// This many turns are left to them before the frame that opens, accepts or ends the stream goes
/// out, which would else be a system call of its own and wake the peer for nothing.
const TURNS: u8 = 2;

/// The connection takes nothing more. What the peer had sent before is still read.
struct Broken {
    reason: SessionError,
    /// How much had been received when there seemed to be nothing more.
    received: Option<u64>,
}

/// After a message from outside of any task so many of tasks have to follow, for the session to count
/// as used by tasks alone.
const OUTSIDE: u8 = 16;

pub(super) struct Link {
    /// `None` once the session is over.
    io: Option<Io>,
    pub(super) state: State,

    // Reading.
    input: Box<[u8]>,
    /// How many bytes the peer has sent so far: its sign of life.
    received: u64,
    /// The stream whose large frame came last.
    bulk: Option<u32>,
    lease: Option<Lease>,
    /// Whether the driver's last turn left something unread.
    input_left: bool,

    // Writing.
    /// All that the connection has taken.
    total_written: u64,
    broken: Option<Broken>,
    /// Whether the connection may hold bytes back until it is flushed.
    unflushed: bool,
    /// Whether the connection took no more, and will wake the driver when it does.
    blocked: bool,
    /// Whether the driver needs no call to look whether a blocked connection moves.
    stall_watched: bool,
    /// Whether somebody flushed since the driver last ran.
    flushed: bool,
    /// Whether the driver was told that there is something to flush.
    due: bool,
    /// How many turns of the driver were left to other tasks before a flush.
    fresh_turns: u8,
    /// How often the driver ran.
    turn: u64,
    /// Those with a frame that the connection has no room for, by the turn in which they last sent
    /// one and their stream: who waits longest goes first.
    waiting: BTreeMap<(u64, u32), Waker>,
    /// Whether several writers waited at the driver's last run.
    contended: bool,
    /// Whether the frame sent last was a large one.
    sent_large: bool,
    /// Above zero when lately somebody sent from outside of any task.
    outside: u8,
    /// Whom to tell when the connection has taken so much.
    flushing: Vec<(u64, oneshot::Sender<()>)>,
    /// Wakes those that wait to open or to accept a stream.
    pub(super) room: Arc<Notify>,
    /// Whether there are any.
    room_wanted: bool,

    // The driver.
    driver: Waker,
    readiness: Arc<Readiness>,
    /// `readiness`, as what is left with the connection.
    io_waker: Waker,
    /// Whether the driver is to be woken.
    driver_due: bool,
    /// Why this side closes the session, once its handles are gone or one closed it.
    pub(super) closing: Option<SessionError>,
}

impl Link {
    pub(super) fn new(io: Io, config: Config, client: bool) -> Self {
        let readiness = Arc::new(Readiness::default());
        Link {
            io: Some(io),
            state: State::new(config, client),
            input: read::buffer(),
            received: 0,
            bulk: None,
            lease: None,
            input_left: false,
            total_written: 0,
            broken: None,
            unflushed: false,
            blocked: false,
            stall_watched: false,
            flushed: false,
            due: false,
            fresh_turns: 0,
            turn: 0,
            waiting: BTreeMap::new(),
            contended: false,
            sent_large: false,
            outside: 0,
            flushing: Vec::new(),
            room: Arc::new(Notify::new()),
            room_wanted: false,
            driver: Waker::noop().clone(),
            io_waker: readiness.clone().into(),
            readiness,
            driver_due: false,
            closing: None,
        }
    }

    pub(super) fn total_written(&self) -> u64 {
        self.total_written
    }

    /// How much the connection will have taken when all that is queued now is with it.
    pub(super) fn queue_end(&self) -> u64 {
        self.total_written + self.state.out.len() as u64
    }

    /// Whether the connection takes no more at the moment.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Says whether the driver has to be called when the connection becomes blocked.
    pub(super) fn set_stall_watched(&mut self, watched: bool) {
        self.stall_watched = watched;
    }

    fn set_blocked(&mut self) {
        self.blocked = true;
        if !self.stall_watched {
            self.wake_driver();
        }
    }

    /// Whether the peer may have sent something that was not looked at.
    pub(super) fn has_input_left(&self) -> bool {
        self.input_left
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Whether small messages come and go. Where large ones do, both sides are busy with these.
    pub(super) fn is_conversing(&self) -> bool {
        self.lease.is_none() && self.bulk.is_none() && !self.sent_large
    }

    /// Whether somebody outside of any task, in `block_on`, sends and waits for answers.
    pub(super) fn is_used_outside(&self) -> bool {
        self.outside > 0
    }

    /// Ends the session; a reason that it ended for before stays.
    pub(super) fn end(&mut self, reason: SessionError) {
        if self.state.ended.is_some() {
            return;
        }
        // What the peer is to know of the reason.
        let is_told = matches!(
            reason,
            SessionError::Protocol(_) | SessionError::Noise { .. }
        );
        if is_told {
            self.flush();
        }
        // What the peer does once this side goes is not why.
        self.state.end(self.closing.clone().unwrap_or(reason));
        if !is_told || self.is_told() {
            self.hang_up();
        }
        self.lease = None;
        self.flushing.clear();
        self.tell_openers();
        for waker in std::mem::take(&mut self.waiting).into_values() {
            self.state.wakes.add(Some(waker));
        }
        self.wake_driver();
    }

    /// Closes the connection of a session that is over.
    pub(super) fn hang_up(&mut self) {
        self.io = None;
    }

    /// Whether nothing more can be written: everything was, or the connection broke.
    fn is_told(&self) -> bool {
        self.is_flushed() || self.broken.is_some()
    }

    /// Writes what the peer is still to know of the end of the session. Nothing is read any more.
    pub(super) fn poll_last_words(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.io.is_none() {
            return Poll::Ready(());
        }
        self.readiness.set_driver(cx.waker());
        if self.readiness.take() || rescue::is_rescuing() {
            self.blocked = false;
        }
        if !self.blocked {
            self.flush();
        }
        match self.is_told() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    pub(super) fn wake_driver(&mut self) {
        self.driver_due = true;
    }

    /// Whom to wake once the session is unlocked.
    pub(super) fn take_wakes(&mut self) -> Wakes {
        let mut wakes = std::mem::take(&mut self.state.wakes);
        if std::mem::take(&mut self.driver_due) {
            wakes.add(Some(self.driver.clone()));
        }
        wakes
    }

    /// The driver's turn: reads what has arrived, writes what has gathered.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.driver.will_wake(cx.waker()) {
            self.driver = cx.waker().clone();
            self.readiness.set_driver(cx.waker());
        }
        self.turn += 1;
        self.flushed = false;
        self.due = false;
        // Nobody tells of room while no thread of the runtime looks for it.
        if self.readiness.take() || rescue::is_rescuing() {
            self.blocked = false;
        }
        if self.closing.is_some() {
            // There is little time, and nobody minds it.
            self.lease = None;
        }
        let taken = self.take_input();
        self.state.reset_exhausted();
        match taken {
            Ok(input) => {
                self.input_left = input == Input::Left;
                self.flush_in_turn();
                if input == Input::Empty {
                    self.end_if_broken();
                }
            }
            Err(reason) => self.end(reason),
        }
        self.tell_writers();
        self.tell_openers();
    }

    /// Ends a session whose connection takes nothing more and has nothing more: not before that was
    /// seen in two turns, since something may have come while the first one wrote, and since it may
    /// be the runtime that lets nobody read more in one turn.
    fn end_if_broken(&mut self) {
        if let Some(broken) = &mut self.broken {
            if broken.received == Some(self.received) {
                let reason = broken.reason.clone();
                self.end(reason);
            } else {
                broken.received = Some(self.received);
                self.wake_driver();
            }
        }
    }

    /// Writes what has gathered, but not before those who have fresh streams had their turns.
    fn flush_in_turn(&mut self) {
        if self.is_flushed() && self.flushing.is_empty() {
            return;
        }
        if self.state.fresh && self.fresh_turns < TURNS && self.closing.is_none() {
            self.fresh_turns += 1;
            self.wake_driver();
        } else if !self.blocked {
            self.flush();
        }
    }

    /// Whether everything was written that the session was given.
    pub(super) fn is_flushed(&self) -> bool {
        self.state.out.is_empty() && !self.state.owes_windows() && !self.unflushed
    }

    /// Whether a stream may be opened or accepted. Where not, `room` is told when that may be so.
    pub(super) fn has_room_for_streams(&mut self) -> bool {
        let room = self.state.has_room_for_streams();
        if !room {
            self.room_wanted = true;
            if !self.blocked {
                self.wake_driver();
            }
        }
        room
    }

    /// Wakes those that wait to open or to accept a stream, once there is room.
    fn tell_openers(&mut self) {
        if self.room_wanted && self.state.has_room_for_streams() {
            self.room_wanted = false;
            self.room.notify_waiters();
        }
    }

    /// Gives up a stream.
    pub(super) fn drop_stream(&mut self, id: u32) {
        self.state.drop_stream(id);
        if self.lease.as_ref().is_some_and(|lease| lease.stream == id) {
            self.end_lease(true);
        }
        // Also for the driver to learn of the deadline that there may be now.
        self.flush_soon();
    }

    /// Ends a stream as one that failed.
    pub(super) fn reset_stream(&mut self, id: u32) {
        self.state.reset_stream(id);
        if self.lease.as_ref().is_some_and(|lease| lease.stream == id) {
            self.end_lease(true);
        }
        self.flush_soon();
    }
}

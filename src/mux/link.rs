//! A session's connection and the rules it follows, behind one lock.
//!
//! Whoever has something to say says it here, without a task in between: small frames gather, and go
//! out together when somebody flushes or, at the latest, when the driver runs; a large one goes
//! from its writer's buffer to the connection in one vectored write. The driver reads, in pieces
//! that hold many small frames; the body of a large one is left to whoever reads the stream, for
//! one turn, to be read straight into his buffer.
//!
//! All waiting is the driver's: whoever finds the connection not ready leaves the driver's waker
//! with it, and his own with the stream or in `waiting`.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Config;
use super::frame::HEADER;
use super::io::Io;
use super::readiness::Readiness;
use super::session::SessionError;
use super::state::{CutOff, Next, State, Wakes, data_header};
use crate::instant;

/// Bytes read at once where frames are small.
const INPUT: usize = 32 * 1024;

/// Bytes read at once where a large frame's header is expected: little of its body comes along, to
/// be copied.
const HEADER_INPUT: usize = 512;

/// From here on a frame is large: worth a system call of its own.
const LARGE: usize = 8 * 1024;

/// The longest frame sent, in bytes.
const FRAME: usize = 64 * 1024;

/// Above this many bytes that wait for the connection, writers wait too, and nothing is read that
/// may need an answer.
const HIGH_WATER: usize = 128 * 1024;

/// Whoever gets a fresh stream usually writes to it at once, be it after a few hops from task to
/// task: its number, its confirmation, a call, a reply. This many turns are left to them before the
/// frame that opens or accepts the stream goes out, which would else be a system call of its own and
/// wake the peer for nothing.
const TURNS: u8 = 2;

/// How many waiting writers are told of room at once.
const TOLD: usize = 4;

/// The reader of a stream of large frames reads from the connection himself, until nothing more has
/// arrived or something else comes.
struct Lease {
    stream: u32,
    /// A reader who has not read anything by then is not there any more, or busy.
    until: Instant,
    /// How much had been received when that was last looked at.
    received: u64,
}

/// How long a reader with a lease may keep others waiting.
const LEASE: Duration = Duration::from_millis(2);

/// How far the driver came with what the peer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// Nothing more has arrived.
    Empty,
    /// There may be more.
    Left,
}

pub(super) struct Link {
    /// `None` once the session is over.
    io: Option<Io>,
    pub(super) state: State,
    input: Box<[u8]>,
    /// How many bytes the peer has sent so far: its sign of life.
    received: u64,
    /// The stream whose large frame came last.
    bulk: Option<u32>,
    lease: Option<Lease>,
    /// How much of `state.out` the connection has taken.
    written: usize,
    /// All that the connection has taken.
    total_written: u64,
    /// Why the connection takes nothing more. What the peer had sent before is still read.
    broken: Option<SessionError>,
    /// Whether the connection may hold bytes back until it is flushed.
    unflushed: bool,
    /// Whether the connection took no more, and will wake the driver when it does.
    blocked: bool,
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
    flushing: Vec<(u64, oneshot::Sender<()>)>,
    driver: Waker,
    readiness: Arc<Readiness>,
    /// `readiness`, as what is left with the connection.
    io_waker: Waker,
    /// Whether the driver is to be woken.
    driver_due: bool,
    /// Whether the session's handles are gone or closed it.
    pub(super) closing: bool,
}

impl Link {
    pub(super) fn new(io: Io, config: Config, client: bool) -> Self {
        let readiness = Arc::new(Readiness::default());
        Link {
            io: Some(io),
            state: State::new(config, client),
            input: vec![0; INPUT].into_boxed_slice(),
            received: 0,
            bulk: None,
            lease: None,
            written: 0,
            total_written: 0,
            broken: None,
            unflushed: false,
            blocked: false,
            flushed: false,
            due: false,
            fresh_turns: 0,
            turn: 0,
            waiting: BTreeMap::new(),
            contended: false,
            flushing: Vec::new(),
            driver: Waker::noop().clone(),
            io_waker: readiness.clone().into(),
            readiness,
            driver_due: false,
            closing: false,
        }
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Ends the session; a reason that it ended for before stays.
    pub(super) fn end(&mut self, reason: SessionError) {
        if self.state.ended.is_some() {
            return;
        }
        // What the peer is to know of the reason.
        if let SessionError::Protocol(_) = reason {
            self.flush();
        }
        self.state.end(reason);
        self.io = None;
        self.lease = None;
        self.flushing.clear();
        for waker in std::mem::take(&mut self.waiting).into_values() {
            self.state.wakes.add(Some(waker));
        }
        self.wake_driver();
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
        if self.readiness.take() {
            self.blocked = false;
        }
        let taken = self.take_input();
        self.state.reset_unwanted();
        match taken {
            Ok(input) => {
                self.flush_in_turn();
                if input == Input::Empty
                    && let Some(reason) = self.broken.take()
                {
                    self.end(reason);
                }
            }
            Err(reason) => self.end(reason),
        }
        self.tell_writers();
    }

    /// Writes what has gathered, but not before those who have fresh streams had their turns.
    fn flush_in_turn(&mut self) {
        if self.is_flushed() && self.flushing.is_empty() {
            return;
        }
        if self.state.fresh && self.fresh_turns < TURNS && !self.closing {
            self.fresh_turns += 1;
            self.wake_driver();
        } else if !self.blocked {
            self.flush();
        }
    }

    /// Whether everything was written that the session was given.
    pub(super) fn is_flushed(&self) -> bool {
        self.unwritten() == 0 && !self.unflushed
    }

    // Writing.

    fn unwritten(&self) -> usize {
        self.state.out.len() - self.written
    }

    /// Has the driver write what has gathered.
    pub(super) fn flush_soon(&mut self) {
        if !std::mem::replace(&mut self.due, true) {
            self.wake_driver();
        }
    }

    /// Writes what has gathered, or has the driver do it when it is about to run anyway, so that one
    /// write carries what several streams have to say.
    pub(super) fn flush_now(&mut self) {
        if self.unwritten() == 0 || self.blocked {
            return;
        }
        if self.state.fresh || std::mem::replace(&mut self.flushed, true) {
            self.flush_soon();
        } else {
            self.flush();
        }
    }

    /// Writes until nothing is left or the connection takes no more.
    fn flush(&mut self) {
        let Some(io) = &mut self.io else {
            return;
        };
        let mut cx = Context::from_waker(&self.io_waker);
        while self.written < self.state.out.len() {
            match io.poll_write(&mut cx, &self.state.out[self.written..]) {
                Poll::Ready(Ok(n)) => {
                    self.written += n;
                    self.total_written += n as u64;
                }
                Poll::Ready(Err(error)) => return self.fail(error),
                Poll::Pending => {
                    self.blocked = true;
                    return;
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
        self.state.out.shrink_to(HIGH_WATER);
        self.written = 0;
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
            Poll::Pending => self.blocked = true,
        }
    }

    /// The connection takes nothing more.
    fn fail(&mut self, error: io::Error) {
        self.broken = Some(SessionError::from_io(error));
        self.state.out.clear();
        self.written = 0;
        self.unflushed = false;
        self.wake_driver();
    }

    /// Tells `reply` when everything that was sent before is with the operating system.
    pub(super) fn when_flushed(&mut self, reply: oneshot::Sender<()>) {
        if self.state.ended.is_some() {
            return;
        }
        let end = self.total_written + self.unwritten() as u64;
        self.flushing.push((end, reply));
        self.due = true;
        self.wake_driver();
    }

    /// Sends a frame with the beginning of `data`, as much as the peer and the connection have room
    /// for.
    pub(super) fn poll_send(
        &mut self,
        id: u32,
        data: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let window = ready!(self.state.poll_window(id, data.len(), cx));
        let n = window.map_err(CutOff::error)?.min(FRAME);
        let vectored = self.io.as_ref().is_some_and(|io| io.is_write_vectored());
        let sent = match n >= LARGE && vectored {
            true => self.send_large(id, &data[..n]),
            false => self.send_small(id, &data[..n]),
        };
        if self.broken.is_some() {
            return Poll::Ready(Err(CutOff::SessionEnded.error()));
        }
        if sent {
            return Poll::Ready(Ok(n));
        }
        let since = self.state.last_sent(id);
        self.waiting.insert((since, id), cx.waker().clone());
        if !self.blocked {
            self.wake_driver();
        }
        Poll::Pending
    }

    /// Whether the stream has to let others send first.
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
        if self.unwritten() + data.len() > HIGH_WATER {
            if self.must_wait(id) {
                return false;
            }
            self.flush();
            if self.unwritten() + data.len() > HIGH_WATER {
                return false;
            }
        }
        self.data_sent(id, data.len());
        self.state
            .out
            .extend_from_slice(&data_header(id, data.len()));
        self.state.out.extend_from_slice(data);
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
        let gathered = self.state.out.len() - self.written;
        let slices = [
            IoSlice::new(&self.state.out[self.written..]),
            IoSlice::new(&header),
            IoSlice::new(data),
        ];
        // An empty slice is left out: not everybody skips it.
        let slices = &slices[usize::from(gathered == 0)..];
        let mut cx = Context::from_waker(&self.io_waker);
        let written = match io.poll_write_vectored(&mut cx, slices) {
            Poll::Ready(written) => written,
            Poll::Pending => {
                self.blocked = true;
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
            self.written += n;
            return false;
        }
        self.data_sent(id, data.len());
        let n = n - gathered;
        if n == HEADER + data.len() {
            self.flush_connection();
            return true;
        }
        self.state.out.clear();
        self.written = 0;
        self.state.out.extend_from_slice(&header[n.min(HEADER)..]);
        self.state
            .out
            .extend_from_slice(&data[n.saturating_sub(HEADER)..]);
        self.flush_soon();
        true
    }

    /// Tells some of those who wait that there is room.
    fn tell_writers(&mut self) {
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

    // Reading.

    /// Reads and acts on what the peer sent, until nothing more has arrived or a large frame comes
    /// that may be left to its reader.
    fn take_input(&mut self) -> Result<Input, SessionError> {
        if self.lease.is_some() {
            return Ok(Input::Left);
        }
        loop {
            // Answers that the peer does not read must not pile up.
            if self.unwritten() > HIGH_WATER {
                if !self.blocked {
                    self.flush();
                }
                if self.unwritten() > HIGH_WATER {
                    return Ok(Input::Left);
                }
            }
            let next = self.state.next();
            let bulk = match next {
                Next::Body { stream, left, .. } if left as usize >= LARGE => Some(stream),
                Next::Header => self.bulk,
                _ => None,
            };
            if let Some(stream) = bulk
                && self.state.wake_reader(stream)
            {
                self.bulk = bulk;
                self.lease = Some(Lease {
                    stream,
                    until: instant::after(LEASE),
                    received: self.received,
                });
                return Ok(Input::Left);
            }
            let read = match next {
                Next::Body { left, .. } if bulk.is_some() => self.read_body(left),
                _ => self.read_frames(),
            };
            match read {
                Poll::Ready(read) => read?,
                Poll::Pending => return Ok(Input::Empty),
            }
        }
    }

    /// Moves what arrived on a stream into `buffer`, and reads from the connection straight into it
    /// what else of a large frame is there.
    pub(super) fn poll_read(
        &mut self,
        id: u32,
        buffer: &mut ReadBuf<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), CutOff>> {
        let before = buffer.filled().len();
        let gathered = self.state.out.len();
        let straight = buffer.remaining() >= LARGE;
        let mut read = self.state.poll_read(id, buffer, straight, cx);
        if self.lease.as_ref().is_some_and(|lease| lease.stream == id) {
            match self.read_straight(id, buffer) {
                // The driver will hear of what comes next.
                Poll::Pending => self.end_lease(self.broken.is_some()),
                Poll::Ready(Ok(())) if self.bulk == Some(id) && buffer.filled().len() > before => {}
                Poll::Ready(Ok(())) => self.end_lease(true),
                Poll::Ready(Err(reason)) => self.end(reason),
            }
            read = match buffer.filled().len() > before {
                true => Poll::Ready(Ok(())),
                false => self.state.poll_read(id, buffer, straight, cx),
            };
        }
        if self.state.out.len() > gathered && !self.blocked {
            // The peer may be waiting for this window.
            self.flush();
        }
        read
    }

    fn end_lease(&mut self, drive: bool) {
        self.lease = None;
        if drive {
            self.wake_driver();
        }
    }

    /// When [`check_lease`](Self::check_lease) has something to do.
    pub(super) fn lease_end(&self) -> Option<Instant> {
        self.lease.as_ref().map(|lease| lease.until)
    }

    /// Ends the lease of a reader who does not read.
    pub(super) fn check_lease(&mut self, now: Instant) {
        match &mut self.lease {
            Some(lease) if lease.until > now => {}
            Some(lease) if lease.received < self.received => {
                lease.received = self.received;
                lease.until = now + LEASE;
            }
            Some(_) => self.end_lease(true),
            None => {}
        }
    }

    /// Lets go of a stream.
    pub(super) fn drop_stream(&mut self, id: u32) {
        self.state.drop_stream(id);
        if self.lease.as_ref().is_some_and(|lease| lease.stream == id) {
            self.end_lease(true);
        }
        self.flush_soon();
    }

    /// Reads the stream's large frames into `buffer`, as far as there is room and they are what
    /// comes. Pending when nothing more has arrived.
    fn read_straight(
        &mut self,
        id: u32,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), SessionError>> {
        while self.unwritten() <= HIGH_WATER && self.bulk == Some(id) {
            match self.state.next() {
                Next::Body { stream, left, .. } if stream == id => {
                    let n = buffer.remaining().min(left as usize);
                    if n < LARGE.min(left as usize) {
                        return Poll::Ready(Ok(()));
                    }
                    let Some(io) = &mut self.io else {
                        break;
                    };
                    // With the end of a body comes the next header.
                    let behind = if n == left as usize { HEADER_INPUT } else { 0 };
                    let mut cx = Context::from_waker(&self.io_waker);
                    let body = buffer.initialize_unfilled_to(n);
                    let got = ready!(io.poll_read_both(&mut cx, body, &mut self.input[..behind]))
                        .map_err(SessionError::from_io)?;
                    buffer.advance(got.min(n));
                    self.state.body_read(got.min(n));
                    self.take_frames(got, got.saturating_sub(n))?;
                    self.read_rest(id, buffer);
                }
                Next::Header if buffer.remaining() >= LARGE => {
                    ready!(self.read_frames())?;
                    self.read_rest(id, buffer);
                }
                Next::Header => return Poll::Ready(Ok(())),
                _ => break,
            }
        }
        self.bulk = None;
        Poll::Ready(Ok(()))
    }

    /// Moves what came along with a header, before anything else is read behind it.
    fn read_rest(&mut self, id: u32, buffer: &mut ReadBuf<'_>) {
        let mut cx = Context::from_waker(Waker::noop());
        if buffer.remaining() > 0 {
            let _ = self.state.poll_read(id, buffer, true, &mut cx);
        }
    }

    /// Reads a piece with as many frames as there are.
    fn read_frames(&mut self) -> Poll<Result<(), SessionError>> {
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let size = match (self.bulk, self.state.next()) {
            (Some(_), Next::Header) => HEADER_INPUT,
            _ => INPUT,
        };
        let mut cx = Context::from_waker(&self.io_waker);
        let n = ready!(io.poll_read(&mut cx, &mut self.input[..size]))
            .map_err(SessionError::from_io)?;
        Poll::Ready(self.take_frames(n, n))
    }

    /// Of `got` bytes that were read, the last `n` are frames in `input`.
    fn take_frames(&mut self, got: usize, n: usize) -> Result<(), SessionError> {
        if got == 0 {
            return Err(SessionError::PeerClosed);
        }
        self.received += got as u64;
        if n > 0 {
            let received = self.state.receive(&self.input[..n]);
            self.bulk = match self.state.next() {
                Next::Body { stream, left, .. } if left as usize >= LARGE => Some(stream),
                _ => None,
            };
            received?;
        }
        Ok(())
    }

    /// Reads the rest of a large frame into the stream's own buffer.
    fn read_body(&mut self, left: u32) -> Poll<Result<(), SessionError>> {
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let Some(room) = self.state.body_room((left as usize).min(FRAME)) else {
            return Poll::Ready(Ok(()));
        };
        let mut cx = Context::from_waker(&self.io_waker);
        let n = ready!(io.poll_read(&mut cx, room)).map_err(SessionError::from_io)?;
        self.take_frames(n, 0)?;
        self.state.body_filled(n);
        Poll::Ready(Ok(()))
    }
}

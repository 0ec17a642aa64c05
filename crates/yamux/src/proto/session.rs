//! A session: its state, its output, its events and its time.

mod input;
mod lifecycle;
mod transfer;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::budget::Budget;
use super::direct_read::{Overdue, ReadOwner};
use super::event::Event;
use super::frame::{GO_AWAY_NORMAL, HEADER, Header, Kind, SYN, UNACKNOWLEDGED, WINDOW};
use super::keep_alive::{Due, KeepAlive};
use super::noise::NoiseMeter;
use super::send_queue::SendQueue;
use super::store::{StreamKey, Streams};
use super::time::Now;
use crate::Config;
use crate::error::SessionError;
use crate::observer::{Counts, Observation, Observer, Stats};
use crate::tuning::{FRAME, WIDE_STREAMS};

/// One side of a yamux session, without its connection, its clock and its tasks.
///
/// See the [module](super) for how its methods belong together, and for an example.
#[derive(Debug)]
pub struct Session {
    config: Config,
    streams: Streams,
    /// The number of the next stream that is opened here.
    next_number: u32,

    // Input.
    recv: RecvState,
    /// A header of which the rest has not arrived.
    header: [u8; HEADER],
    header_len: usize,
    /// How many bytes have arrived in all.
    received: u64,
    /// Which task reads the connection.
    owner: ReadOwner,
    /// Whether the peer may have sent something that the session was not given.
    unread: bool,
    budget: Budget,
    noise: NoiseMeter,
    /// A buffer that no stream uses at the moment.
    spare: Vec<u8>,

    // Streams.
    /// Streams of the peer that were not accepted yet.
    accepting: VecDeque<StreamKey>,
    /// How many streams that were opened here wait for the peer's ACK.
    unacknowledged: usize,
    /// The dropped streams, by the time at which they are reset.
    lingering: BTreeSet<(Instant, StreamKey)>,
    /// Dropped streams on which the peer may send no more, and which it has not finished.
    exhausted: Vec<StreamKey>,
    /// Streams for which a window update is to be sent.
    window_updates: Vec<StreamKey>,
    /// How many streams have a wide window.
    wide: usize,

    // Output.
    queue: SendQueue,
    /// How many bytes the connection has taken in all.
    transmitted: u64,
    /// Whether streams were opened or ended since all output was last written.
    newly_opened: bool,
    /// Streams whose writers wait for room in the queue.
    queue_blocked: Vec<StreamKey>,

    // The caller.
    events: VecDeque<Event>,
    counts: Counts,
    open_blocked: bool,
    accept_blocked: bool,

    // Life and end.
    keep_alive: KeepAlive,
    /// Whether the peer accepts no more streams.
    gone_away: bool,
    /// Why this side closes the session, once it does.
    closing: Option<SessionError>,
    ended: Option<SessionError>,
}

/// What the peer's next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecvState {
    /// A header, or the rest of one.
    Header,
    /// Data of a stream, with which the peer finishes its side where `finish` is set.
    Body {
        key: StreamKey,
        left: u32,
        finish: bool,
    },
    /// Data of a stream that is gone.
    Skip { left: u32 },
}

impl Session {
    /// The client's side, which opens streams with odd numbers.
    #[must_use]
    pub fn client(config: Config, now: Instant) -> Self {
        Self::new(config, 1, now)
    }

    /// The server's side, which opens streams with even numbers.
    #[must_use]
    pub fn server(config: Config, now: Instant) -> Self {
        Self::new(config, 2, now)
    }

    fn new(config: Config, next_number: u32, now: Instant) -> Self {
        let config = config.clamped();
        Session {
            budget: Budget::new(&config),
            noise: NoiseMeter::new(config.max_noise),
            keep_alive: KeepAlive::new(&config, now),
            config,
            streams: Streams::default(),
            next_number,
            recv: RecvState::Header,
            header: [0; HEADER],
            header_len: 0,
            received: 0,
            owner: ReadOwner::DRIVER,
            unread: false,
            spare: Vec::new(),
            accepting: VecDeque::new(),
            unacknowledged: 0,
            lingering: BTreeSet::new(),
            exhausted: Vec::new(),
            window_updates: Vec::new(),
            wide: 0,
            queue: SendQueue::default(),
            transmitted: 0,
            newly_opened: false,
            queue_blocked: Vec::new(),
            events: VecDeque::new(),
            counts: Counts::default(),
            open_blocked: false,
            accept_blocked: false,
            gone_away: false,
            closing: None,
            ended: None,
        }
    }

    // Output.

    fn push(&mut self, kind: Kind, flags: u16, stream: u32, length: u32) {
        self.queue.push(Header {
            kind,
            flags,
            stream,
            length,
        });
    }

    /// Queues a frame that answers one of the peer.
    fn push_answer(&mut self, kind: Kind, flags: u16, stream: u32, length: u32) {
        self.queue.push_answer(Header {
            kind,
            flags,
            stream,
            length,
        });
    }

    /// The bytes to write to the connection next, or `None` when all were written.
    ///
    /// Say with [`transmitted`](Self::transmitted) how many of them were, and with
    /// [`transmit_blocked`](Self::transmit_blocked) that the connection takes no more.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        // Here, since there may have been no room for them before.
        self.grant_windows();
        if self.queue.is_empty() {
            self.all_transmitted();
            return None;
        }
        Some(self.queue.unwritten())
    }

    /// The connection has taken the first `n` bytes that [`poll_transmit`](Self::poll_transmit)
    /// gave.
    pub fn transmitted(&mut self, now: impl Now, n: usize) {
        self.queue.took(n);
        self.count_transmitted(now, n);
    }

    fn count_transmitted(&mut self, now: impl Now, n: usize) {
        self.transmitted += n as u64;
        self.keep_alive.written(self.transmitted, now);
        self.offer_room();
    }

    /// The connection takes no more bytes at the moment. Returns whether
    /// [`poll_timeout`](Self::poll_timeout) is earlier for it.
    pub fn transmit_blocked(&mut self, now: impl Now) -> bool {
        self.keep_alive.block(self.transmitted, now)
    }

    /// The connection may take bytes again.
    pub fn transmit_unblocked(&mut self) {
        self.keep_alive.unblock();
    }

    /// Whether the connection took no more bytes when it was last tried.
    #[must_use]
    pub fn is_transmit_blocked(&self) -> bool {
        self.keep_alive.is_blocked()
    }

    fn all_transmitted(&mut self) {
        self.queue.clear();
        self.newly_opened = false;
    }

    /// Forgets all output: the connection takes no more, for good.
    pub fn discard_output(&mut self) {
        self.queue.clear();
        self.offer_room();
    }

    /// How many bytes wait to be written, without the window updates that go along.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) may have bytes.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.queue.is_empty() || self.has_window_updates()
    }

    /// Whether readers made room that no window update has granted to the peer.
    #[must_use]
    pub fn has_window_updates(&self) -> bool {
        !self.window_updates.is_empty()
    }

    /// Whether streams were opened, accepted or ended since all output was last written. What they
    /// are used for usually follows at once, so that it is worth a short wait before the output is
    /// written.
    #[must_use]
    pub fn has_new_streams(&self) -> bool {
        self.newly_opened
    }

    /// How many bytes the connection has taken in all.
    #[must_use]
    pub fn total_transmitted(&self) -> u64 {
        self.transmitted
    }

    /// How many bytes have arrived in all.
    #[must_use]
    pub fn total_received(&self) -> u64 {
        self.received
    }

    /// Queues the window updates. They wait until something is written: a stream that the peer has
    /// finished by then needs none.
    fn grant_windows(&mut self) {
        if self.window_updates.is_empty() || !self.queue.has_room_for_windows() {
            return;
        }
        let mut keys = std::mem::take(&mut self.window_updates);
        for key in keys.drain(..) {
            self.grant_window(key);
        }
        self.window_updates = keys;
    }

    fn grant_window(&mut self, key: StreamKey) {
        // The rest of the last frame is on its way.
        let ends =
            matches!(self.recv, RecvState::Body { key: next, finish: true, .. } if next == key);
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let is_due = stream.receive_window.take_update(stream.is_finished());
        if !is_due || ends || !stream.is_peer_open() || stream.is_dropped() || self.ended.is_some()
        {
            return;
        }
        let may_widen = self.wide < WIDE_STREAMS && self.budget.allows_wide();
        let (credit, widened) = stream.receive_window.grant(may_widen);
        self.wide += usize::from(widened);
        self.push(Kind::WindowUpdate, 0, key.number(), credit);
    }

    /// Announces that this side accepts no more streams. The session goes on with those that exist.
    pub fn go_away(&mut self) {
        if self.ended.is_none() {
            self.push(Kind::GoAway, 0, 0, GO_AWAY_NORMAL);
        }
    }

    // Events.

    /// Counts what has happened, and has the observer learn of it.
    fn observe(&mut self, observation: Observation) {
        self.counts.count(observation);
        if self.config.observer.is_some() {
            self.events.push_back(Event::Observed(observation));
        }
    }

    pub(crate) fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.config.observer.as_ref()
    }

    /// The session in numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            streams: self.streams.len(),
            opened: self.counts.opened,
            opened_by_peer: self.counts.opened_by_peer,
            window_stalls: self.counts.window_stalls,
            limits_met: self.counts.limits_met,
            accept_backlog: self.accepting.len(),
            unread: self.budget.held(),
            unwritten: self.queue.len(),
            sent: self.transmitted,
            received: self.received,
        }
    }

    /// The next event, or `None` when there is none at the moment. Ask again after each call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Wakes a stream's reader, where one waits.
    fn wake_reader(&mut self, key: StreamKey) {
        if let Some(stream) = self.streams.get_mut(key)
            && std::mem::take(&mut stream.read_blocked)
        {
            self.events.push_back(Event::Readable(key));
        }
    }

    /// Wakes a stream's writer, where one waits.
    fn wake_writer(&mut self, key: StreamKey) {
        if let Some(stream) = self.streams.get_mut(key)
            && std::mem::take(&mut stream.write_blocked)
        {
            self.events.push_back(Event::Writable(key));
        }
    }

    fn wake_opener(&mut self) {
        if std::mem::take(&mut self.open_blocked) {
            self.events.push_back(Event::Openable);
        }
    }

    fn wake_accepter(&mut self) {
        if std::mem::take(&mut self.accept_blocked) {
            self.events.push_back(Event::Acceptable);
        }
    }

    /// Wakes those that wait for room in the queue, where there is some.
    fn offer_room(&mut self) {
        if (self.open_blocked || self.accept_blocked) && self.queue.has_room_for_streams() {
            if self.unacknowledged < UNACKNOWLEDGED {
                self.wake_opener();
            }
            if !self.accepting.is_empty() {
                self.wake_accepter();
            }
        }
        if !self.queue_blocked.is_empty() && self.queue.has_room_for(FRAME) {
            for key in std::mem::take(&mut self.queue_blocked) {
                self.wake_writer(key);
            }
        }
    }

    // Time.

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, or `None` for never. Each
    /// call of another method may change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.ended.is_some() {
            return None;
        }
        let lingering = self.lingering.first().map(|(until, _)| *until);
        let deadlines = [self.keep_alive.deadline(), lingering, self.owner.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Does what is due: pings, the end of a session whose peer is dead, the reset of dropped
    /// streams that the peer does not end.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ended.is_some() {
            return;
        }
        self.reset_expired(now);
        if let Overdue::Reader(key) = self.owner.handle_timeout(now, self.received)
            && let Some(stream) = self.streams.get_mut(key)
        {
            stream.responsive = false;
        }
        let due = self
            .keep_alive
            .handle_timeout(now, self.transmitted, self.unread);
        match due {
            Due::None => {}
            Due::Ping(number) => {
                self.push(Kind::Ping, SYN, 0, number);
                let end = self.transmitted + self.queue.len() as u64;
                self.keep_alive.ping_queued(end, now);
            }
            Due::Timeout => self.end(SessionError::KeepAliveTimeout),
        }
    }

    /// Says whether the peer may have sent something that the session was not given. The answer to
    /// a ping may be behind it, and is given more time.
    pub fn set_unread_input(&mut self, unread: bool) {
        self.unread = unread;
    }

    // The end.

    /// Begins to close the session for a reason, which is then the reason of its end, whatever else
    /// ends it. The caller writes what is queued, and then [ends](Self::end) it.
    pub fn start_close(&mut self, reason: SessionError) {
        self.closing.get_or_insert(reason);
        // There is little time, and no need for speed.
        self.owner.give_back();
    }

    /// Why this side closes the session, once it does.
    #[must_use]
    pub fn closing(&self) -> Option<&SessionError> {
        self.closing.as_ref()
    }

    /// Ends the session. Where it has ended already, the first reason stays.
    ///
    /// What has arrived can still be read. What is queued, such as a GoAway, can still be written.
    pub fn end(&mut self, reason: SessionError) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(self.closing.clone().unwrap_or(reason));
        self.owner = ReadOwner::DRIVER;
        for (_, key) in std::mem::take(&mut self.lingering) {
            if self.streams.remove(key).is_some() {
                self.observe(Observation::StreamClosed {
                    stream: key.number(),
                });
            }
        }
        for (key, stream) in self.streams.iter_mut() {
            if std::mem::take(&mut stream.read_blocked) {
                self.events.push_back(Event::Readable(key));
            }
            if std::mem::take(&mut stream.write_blocked) {
                self.events.push_back(Event::Writable(key));
            }
        }
        self.wake_opener();
        self.wake_accepter();
    }

    /// Why the session ended, once it did.
    #[must_use]
    pub fn ended(&self) -> Option<&SessionError> {
        self.ended.as_ref()
    }

    /// How many streams there are, those that were dropped and that the peer has not ended
    /// included.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// How many bytes the peer may send on a stream before it gets a window update.
    #[must_use]
    pub fn receive_window(&self, key: StreamKey) -> u32 {
        let stream = self.streams.get(key);
        stream.map_or(0, |stream| stream.receive_window.available())
    }
}

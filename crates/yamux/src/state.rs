//! The rules of a session, without its connection: what frames do to streams, and which frames
//! streams give rise to.

mod budget;
mod ending;
mod entry;
mod incoming;
mod noise;
mod using;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::budget::Budget;
pub(super) use self::entry::CutOff;
use self::entry::Entry;
use self::noise::Meter;
use super::Config;
use super::error::{OpenError, SessionError};
use super::frame::{ACK, FIN, HEADER, Header, Kind, SYN};
use super::outgoing::Outgoing;
use super::wakes::Wakes;
use crate::error::Noise;

/// How much of a stream a side may send before the other has read any of it. The protocol's.
pub(super) const WINDOW: u32 = 256 * 1024;

/// What a stream's window grows to once half of it was read: fewer words about windows, and fewer
/// wake-ups for them.
pub(super) const WIDE: u32 = 1024 * 1024;

/// So many streams of a session have a wide window at a time.
const WIDE_STREAMS: usize = 64;

/// How many streams may wait for the peer's ACK, as in Go, where it is the accept backlog of both.
pub(super) const UNACKNOWLEDGED: usize = 256;

pub(super) struct State {
    config: Config,
    streams: HashMap<u32, Entry>,
    /// The number of the next stream opened here.
    next_id: u32,
    next: Next,
    /// A header of which the rest has not arrived.
    header: [u8; HEADER],
    header_have: usize,
    /// Streams of the peer that nobody has accepted yet; `arrived` has a permit for each.
    accepting: VecDeque<u32>,
    pub(super) arrived: Arc<Semaphore>,
    /// A permit for each stream that may still be opened before the peer acknowledges one.
    pub(super) openable: Arc<Semaphore>,
    /// The dropped streams, by when they are reset.
    lingering: BTreeSet<(Instant, u32)>,
    /// Dropped streams on which the peer may send no more, and has not finished.
    exhausted: Vec<u32>,
    /// Streams whose readers made room that the peer is to hear of.
    owed: Vec<u32>,
    /// Frames for the peer.
    pub(super) out: Outgoing,
    /// The number of the ping that the peer has not answered.
    asked: Option<u32>,
    /// How many pings were sent.
    pings: u32,
    /// Whether streams came to be or ended that nothing was flushed of since.
    pub(super) fresh: bool,
    /// How much the streams hold.
    budget: Budget,
    /// How much the peer sends in vain.
    meter: Meter,
    /// How many streams have a wide window.
    wide: usize,
    /// Whether the peer accepts no more streams.
    gone_away: bool,
    pub(super) ended: Option<SessionError>,
    pub(super) wakes: Wakes,
    spare: Vec<u8>,
}

/// What the peer's next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Header,
    /// Of a stream's data, and whether the peer finishes its side with them.
    Body {
        stream: u32,
        left: u32,
        finish: bool,
    },
    /// Of a stream that nobody reads.
    Skip {
        left: u32,
    },
}

impl State {
    pub(super) fn new(config: Config, client: bool) -> Self {
        State {
            budget: Budget::new(&config),
            meter: Meter::new(config.max_noise),
            config,
            streams: HashMap::new(),
            next_id: if client { 1 } else { 2 },
            next: Next::Header,
            header: [0; HEADER],
            header_have: 0,
            accepting: VecDeque::new(),
            arrived: Arc::new(Semaphore::new(0)),
            openable: Arc::new(Semaphore::new(UNACKNOWLEDGED)),
            lingering: BTreeSet::new(),
            exhausted: Vec::new(),
            owed: Vec::new(),
            out: Outgoing::default(),
            asked: None,
            pings: 0,
            fresh: false,
            wide: 0,
            gone_away: false,
            ended: None,
            wakes: Wakes::default(),
            spare: Vec::new(),
        }
    }

    fn queue(&mut self, kind: Kind, flags: u16, stream: u32, length: u32) {
        self.out.push(Header {
            kind,
            flags,
            stream,
            length,
        });
    }

    fn answer(&mut self, kind: Kind, flags: u16, stream: u32, length: u32) {
        self.out.push_answer(Header {
            kind,
            flags,
            stream,
            length,
        });
    }

    /// Asks the peer for a sign of life: the number of the question in its answer.
    pub(super) fn ping(&mut self) {
        let number = self.pings;
        self.pings = number.wrapping_add(1);
        self.asked = Some(number);
        self.queue(Kind::Ping, SYN, 0, number);
    }

    /// Whether the peer answered the last [`ping`](Self::ping).
    pub(super) fn is_answered(&self) -> bool {
        self.asked.is_none()
    }

    // Streams come and go.

    /// Whether a stream may be opened or accepted now: the peer may acknowledge and open streams without
    /// reading what it is sent, and that must not pile up.
    pub(super) fn has_room_for_streams(&self) -> bool {
        self.ended.is_some() || self.out.has_room_for_streams()
    }

    /// Opens a stream, for a caller that has a permit of [`openable`](Self::openable) and leaves it.
    pub(super) fn open(&mut self) -> Result<u32, OpenError> {
        if let Some(reason) = &self.ended {
            return Err(reason.clone().into());
        }
        if self.gone_away {
            return Err(OpenError::GoAway);
        }
        let open = self.streams.len();
        if open >= self.config.max_streams {
            return Err(OpenError::TooManyStreams { open });
        }
        let id = self.next_id;
        self.next_id = id.checked_add(2).ok_or(OpenError::Exhausted)?;
        self.streams.insert(id, Entry::new(true));
        self.queue(Kind::WindowUpdate, SYN, id, 0);
        self.fresh = true;
        Ok(id)
    }

    /// The next stream of the peer, for a caller that took a permit of [`arrived`](Self::arrived).
    pub(super) fn accept(&mut self) -> Option<u32> {
        let id = self.accepting.pop_front()?;
        let entry = self.streams.get_mut(&id)?;
        entry.accepted = true;
        self.budget.accept(entry.received.size());
        // Where the stream was reset the peer knows it no more.
        if self.ended.is_none() && !entry.peer.is_reset() {
            self.queue(Kind::WindowUpdate, ACK, id, 0);
            self.fresh = true;
        }
        Some(id)
    }

    /// Sends FIN, the first time.
    pub(super) fn finish(&mut self, id: u32) {
        if let Some(entry) = self.streams.get_mut(&id)
            && !std::mem::replace(&mut entry.finished, true)
            && !entry.peer.is_reset()
            && self.ended.is_none()
        {
            self.queue(Kind::WindowUpdate, FIN, id, 0);
            self.fresh = true;
        }
    }

    /// Nothing comes or goes any more.
    pub(super) fn end(&mut self, reason: SessionError) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(reason);
        self.lingering.clear();
        self.arrived.close();
        self.openable.close();
        self.streams.retain(|_, entry| entry.dropped.is_none());
        for entry in self.streams.values_mut() {
            self.wakes.add(entry.reader.take());
            self.wakes.add(entry.writer.take());
        }
    }
}

pub(super) fn data_header(stream: u32, n: usize) -> [u8; HEADER] {
    let header = Header {
        kind: Kind::Data,
        flags: 0,
        stream,
        length: n as u32,
    };
    header.encode()
}

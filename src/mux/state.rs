//! The rules of a session, without its connection: what frames do to streams, and which frames
//! streams give rise to.

mod entry;
mod incoming;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(super) use self::entry::CutOff;
use self::entry::{Entry, Peer};
use super::Config;
use super::frame::{ACK, FIN, HEADER, Header, Kind, RST, SYN};
use super::session::{OpenError, SessionError};
use super::wakes::{Wakes, set_waker};
use crate::instant;

/// How much of a stream a side may send before the other has read any of it. The protocol's.
const WINDOW: u32 = 256 * 1024;

/// What a stream's window grows to once half of it was read: fewer words about windows, and fewer
/// wake-ups for them.
const WIDE: u32 = 1024 * 1024;

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
    /// Dropped streams that the peer sent more on.
    unwanted: Vec<u32>,
    /// Frames for the peer.
    pub(super) out: Vec<u8>,
    /// How many bytes of `out` are answers to what was read. Nobody answers these, so that two sides
    /// that stop reading for them do not wait for each other.
    pub(super) answers: usize,
    /// Whether streams came to be or ended that nothing was flushed of since.
    pub(super) fresh: bool,
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
            unwanted: Vec::new(),
            out: Vec::new(),
            answers: 0,
            fresh: false,
            wide: 0,
            gone_away: false,
            ended: None,
            wakes: Wakes::default(),
            spare: Vec::new(),
        }
    }

    fn queue(&mut self, kind: Kind, flags: u16, stream: u32, length: u32) {
        let header = Header {
            kind,
            flags,
            stream,
            length,
        };
        self.out.extend_from_slice(&header.encode());
    }

    fn answer(&mut self, kind: Kind, flags: u16, stream: u32, length: u32) {
        self.queue(kind, flags, stream, length);
        self.answers += HEADER;
    }

    /// Asks the peer for a sign of life.
    pub(super) fn ping(&mut self, number: u32) {
        self.queue(Kind::Ping, SYN, 0, number);
    }

    // Streams come and go.

    /// Opens a stream, for somebody who has a permit of [`openable`](Self::openable) and leaves it.
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

    /// The next stream of the peer, for somebody who took a permit of [`arrived`](Self::arrived).
    pub(super) fn accept(&mut self) -> Option<u32> {
        let id = self.accepting.pop_front()?;
        if self.ended.is_none() {
            self.queue(Kind::WindowUpdate, ACK, id, 0);
            self.fresh = true;
        }
        Some(id)
    }

    /// Sends FIN, the first time.
    pub(super) fn finish(&mut self, id: u32) {
        if let Some(entry) = self.streams.get_mut(&id)
            && !std::mem::replace(&mut entry.finished, true)
            && entry.peer != Peer::Reset
            && self.ended.is_none()
        {
            self.queue(Kind::WindowUpdate, FIN, id, 0);
            self.fresh = true;
        }
    }

    /// Lets go of a stream as a socket does: the peer is told that nothing more comes (FIN); what it
    /// had already sent is thrown away; if it sends more, or never ends its side, it is told that
    /// nobody reads (RST), so that its copy ends instead of waiting for a window that never opens.
    pub(super) fn drop_stream(&mut self, id: u32) {
        self.finish(id);
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.received.release(&mut self.spare);
        if entry.peer != Peer::Open || self.ended.is_some() {
            self.remove(id);
            return;
        }
        entry.reader = None;
        entry.writer = None;
        let deadline = instant::after(self.config.stream_close_timeout);
        entry.dropped = Some(deadline);
        self.lingering.insert((deadline, id));
        if let Next::Body {
            stream,
            left,
            finish,
        } = self.next
            && stream == id
        {
            // Begun before the drop, so no reason for a reset.
            self.next = Next::Skip { left };
            if finish {
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: u32) {
        let Some(mut entry) = self.streams.remove(&id) else {
            return;
        };
        if let Some(deadline) = entry.dropped {
            self.lingering.remove(&(deadline, id));
        }
        entry.acknowledge(&self.openable);
        self.wide -= usize::from(entry.wide);
        if let Next::Body { stream, left, .. } = self.next
            && stream == id
        {
            self.next = Next::Skip { left };
        }
    }

    /// Ends a stream whose owner gives it up (RST), unless it has ended already.
    pub(super) fn reset_stream(&mut self, id: u32) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.received.release(&mut self.spare);
        self.wakes.add(entry.reader.take());
        self.wakes.add(entry.writer.take());
        let over = match entry.peer {
            Peer::Open => false,
            Peer::Finished => entry.finished,
            Peer::Reset => true,
        };
        if !over && self.ended.is_none() {
            self.queue(Kind::WindowUpdate, RST, id, 0);
            self.fresh = true;
        }
        self.remove(id);
    }

    fn reset(&mut self, id: u32) {
        self.answer(Kind::WindowUpdate, RST, id, 0);
        self.remove(id);
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.lingering.first().map(|(deadline, _)| *deadline)
    }

    /// Resets the dropped streams that the peer goes on writing to. Not before all that came with
    /// it was looked at: it may have finished them.
    pub(super) fn reset_unwanted(&mut self) {
        for id in std::mem::take(&mut self.unwanted) {
            let dropped = |entry: &Entry| entry.dropped.is_some();
            if self.streams.get(&id).is_some_and(dropped) {
                self.reset(id);
            }
        }
    }

    /// Resets the dropped streams whose peer took too long.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((deadline, id)) = self.lingering.first().copied()
            && deadline <= now
        {
            self.reset(id);
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

    // Streams are used.

    /// Moves what has arrived into `buffer`, which its owner is to give again, if it is large, to be
    /// read into straight. Ready also at the end, with nothing moved.
    pub(super) fn poll_read(
        &mut self,
        id: u32,
        buffer: &mut ReadBuf<'_>,
        straight: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), CutOff>> {
        let Some(entry) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(CutOff::SessionEnded));
        };
        entry.straight = straight;
        if !entry.received.is_empty() {
            self.read(id, buffer);
            return Poll::Ready(Ok(()));
        }
        match entry.peer {
            Peer::Finished => Poll::Ready(Ok(())),
            Peer::Reset => Poll::Ready(Err(CutOff::Reset)),
            Peer::Open if self.ended.is_some() => Poll::Ready(Err(CutOff::SessionEnded)),
            Peer::Open => {
                entry.prompt = true;
                set_waker(&mut entry.reader, cx);
                Poll::Pending
            }
        }
    }

    /// Moves what has arrived into `buffer`, as far as there is room.
    pub(super) fn read(&mut self, id: u32, buffer: &mut ReadBuf<'_>) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        let n = entry.received.len().min(buffer.remaining());
        if n > 0 {
            buffer.put_slice(&entry.received.bytes()[..n]);
            entry.received.consume(n, &mut self.spare);
            self.consumed(id, n);
        }
    }

    /// So much of a stream was read: the peer is told so from time to time.
    fn consumed(&mut self, id: u32, n: usize) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.consumed += n as u32;
        let window = if entry.wide { WIDE } else { WINDOW };
        if entry.consumed >= window / 2 && entry.peer == Peer::Open && self.ended.is_none() {
            let mut credit = std::mem::take(&mut entry.consumed);
            if !entry.wide && self.wide < WIDE_STREAMS {
                entry.wide = true;
                self.wide += 1;
                credit += WIDE - WINDOW;
            }
            entry.receive_window += credit;
            self.queue(Kind::WindowUpdate, 0, id, credit);
        }
    }

    /// So much of the body that comes went straight to its reader.
    pub(super) fn body_read(&mut self, n: usize) {
        if let Next::Body { stream, .. } = self.next {
            if let Some(entry) = self.streams.get_mut(&stream) {
                // He is here.
                entry.reader = None;
            }
            self.body_arrived(n);
            self.consumed(stream, n);
        }
    }

    /// How much of `wanted` bytes the peer has room for now: at least one.
    pub(super) fn poll_window(
        &mut self,
        id: u32,
        wanted: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, CutOff>> {
        let Some(entry) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(CutOff::SessionEnded));
        };
        if entry.peer == Peer::Reset {
            return Poll::Ready(Err(CutOff::Reset));
        }
        if self.ended.is_some() {
            return Poll::Ready(Err(CutOff::SessionEnded));
        }
        if entry.send_window == 0 {
            set_waker(&mut entry.writer, cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(wanted.min(entry.send_window as usize)))
    }

    /// Somebody waits to write, to whom a reset is news.
    pub(super) fn wait_to_write(&mut self, id: u32, cx: &mut Context<'_>) {
        if let Some(entry) = self.streams.get_mut(&id) {
            set_waker(&mut entry.writer, cx);
        }
    }

    /// A data frame of `n` bytes is sent, in the driver's `turn`.
    pub(super) fn data_sent(&mut self, id: u32, n: usize, turn: u64) {
        if let Some(entry) = self.streams.get_mut(&id) {
            entry.send_window -= n as u32;
            entry.sent = turn;
        }
    }

    /// The driver's turn in which the stream last sent something.
    pub(super) fn last_sent(&self, id: u32) -> u64 {
        self.streams.get(&id).map_or(0, |entry| entry.sent)
    }

    /// Whether somebody reads this stream with large buffers, and waits or has something to read
    /// before he does. Who waits is woken.
    pub(super) fn call_reader(&mut self, id: u32) -> bool {
        let Some(entry) = self.streams.get_mut(&id) else {
            return false;
        };
        let here = entry.reader.is_some() || !entry.received.is_empty();
        if !entry.straight || !entry.prompt || !here {
            return false;
        }
        self.wakes.add(entry.reader.take());
        true
    }

    /// The reader of this stream was called and did not come: he has to be found waiting first.
    pub(super) fn reader_missing(&mut self, id: u32) {
        if let Some(entry) = self.streams.get_mut(&id) {
            entry.prompt = false;
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

//! The rules of a session, without its connection: what frames do to streams, and which frames
//! streams give rise to.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::ReadBuf;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Config;
use super::frame::{ACK, FIN, HEADER, Header, Kind, RST, SYN};
use super::received::Received;
use super::session::{OpenError, SessionError};
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

/// Of the largest emptied buffer that is kept for the next stream in need.
const SPARE: usize = WINDOW as usize;

/// Why a peer says that it goes.
const GO_AWAY_NORMAL: u32 = 0;
const GO_AWAY_PROTOCOL_ERROR: u32 = 1;
const GO_AWAY_INTERNAL_ERROR: u32 = 2;

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
    /// Whether streams came to be that nothing was flushed of since.
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

/// One stream.
struct Entry {
    received: Received,
    /// How much more the peer may send.
    receive_window: u32,
    /// How much was read that the peer was not told of.
    consumed: u32,
    /// Whether the reader's last buffer was a large one.
    straight: bool,
    /// Whether the window is a wide one.
    wide: bool,
    /// How much more may be sent.
    send_window: u32,
    reader: Option<Waker>,
    writer: Option<Waker>,
    peer: Peer,
    /// Whether FIN was sent.
    finished: bool,
    /// Whether the stream was opened here and holds a permit until the peer acknowledges it.
    unacknowledged: bool,
    /// Set once the stream was dropped: when the peer is told so by a reset.
    dropped: Option<Instant>,
    /// The driver's turn in which something large was sent last.
    sent: u64,
}

/// What the peer last said of its side of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// It may still write.
    Open,
    /// It wrote everything it wanted to.
    Finished,
    /// It gave the stream up.
    Reset,
}

/// Tasks to be woken as soon as the session is unlocked.
#[derive(Default)]
pub(super) struct Wakes {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakes {
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        match self.first {
            None => self.first = waker,
            Some(_) => self.more.extend(waker),
        }
    }

    pub(super) fn wake(self) {
        self.first
            .into_iter()
            .chain(self.more)
            .for_each(Waker::wake);
    }
}

/// Why nothing can be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CutOff {
    Reset,
    SessionEnded,
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
        self.acknowledge(&mut entry);
        self.wide -= usize::from(entry.wide);
        if self.spare.len() > SPARE {
            self.spare = Vec::new();
        }
    }

    fn acknowledge(&self, entry: &mut Entry) {
        if std::mem::take(&mut entry.unacknowledged) {
            self.openable.add_permits(1);
        }
    }

    fn reset(&mut self, id: u32) {
        self.queue(Kind::WindowUpdate, RST, id, 0);
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

    // Frames come in.

    pub(super) fn next(&self) -> Next {
        self.next
    }

    /// Takes the peer's next bytes, cut anywhere.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) -> Result<(), SessionError> {
        while !bytes.is_empty() {
            match self.next {
                Next::Header => {
                    let n = bytes.len().min(HEADER - self.header_have);
                    self.header[self.header_have..][..n].copy_from_slice(&bytes[..n]);
                    self.header_have += n;
                    bytes = &bytes[n..];
                    if self.header_have == HEADER {
                        self.header_have = 0;
                        let header = Header::decode(self.header)
                            .map_err(|error| SessionError::Protocol(error.to_string()))?;
                        self.take_header(header)?;
                    }
                }
                Next::Body { stream, left, .. } => {
                    let n = bytes.len().min(left as usize);
                    if let Some(entry) = self.streams.get_mut(&stream) {
                        entry.received.extend(&bytes[..n], &mut self.spare);
                    }
                    self.body_arrived(n);
                    bytes = &bytes[n..];
                }
                Next::Skip { left } => {
                    let n = bytes.len().min(left as usize);
                    self.skipped(n);
                    bytes = &bytes[n..];
                }
            }
        }
        Ok(())
    }

    fn take_header(&mut self, header: Header) -> Result<(), SessionError> {
        match header.kind {
            Kind::Ping if header.has(SYN) => self.queue(Kind::Ping, ACK, 0, header.length),
            // Any byte is a sign of life.
            Kind::Ping => {}
            Kind::GoAway => match header.length {
                GO_AWAY_NORMAL => self.gone_away = true,
                GO_AWAY_PROTOCOL_ERROR => {
                    let text = "it says that it was told something that is no yamux";
                    return Err(SessionError::Protocol(text.to_owned()));
                }
                GO_AWAY_INTERNAL_ERROR => {
                    let text = "it says that it went wrong";
                    return Err(SessionError::Protocol(text.to_owned()));
                }
                code => {
                    let text = format!("it goes away with the unknown code {code}");
                    return Err(SessionError::Protocol(text));
                }
            },
            Kind::Data | Kind::WindowUpdate => self.take_stream_frame(header)?,
        }
        Ok(())
    }

    fn take_stream_frame(&mut self, header: Header) -> Result<(), SessionError> {
        let id = header.stream;
        let body = match header.kind {
            Kind::Data => header.length,
            _ => 0,
        };
        self.next = match body {
            0 => Next::Header,
            left => Next::Skip { left },
        };
        if header.has(SYN) {
            self.take_syn(id)?;
        }
        // Go, too, ignores what comes for a stream that is no more.
        let Some(entry) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        if header.has(ACK) && std::mem::take(&mut entry.unacknowledged) {
            self.openable.add_permits(1);
        }
        if header.has(RST) {
            self.take_reset(id);
            return Ok(());
        }
        if header.kind == Kind::WindowUpdate {
            let Some(window) = entry.send_window.checked_add(header.length) else {
                return Err(self.breach(format!("its window for stream {id} exceeds 4 GiB")));
            };
            entry.send_window = window;
            if header.length > 0 {
                self.wakes.add(entry.writer.take());
            }
        } else if body > entry.receive_window {
            let window = entry.receive_window;
            return Err(self.breach(format!(
                "it sent {body} bytes on stream {id}, of which it may send {window}"
            )));
        } else if body > 0 {
            entry.receive_window -= body;
            if entry.dropped.is_some() {
                if self.unwanted.last() != Some(&id) {
                    self.unwanted.push(id);
                }
            } else {
                self.next = Next::Body {
                    stream: id,
                    left: body,
                    finish: header.has(FIN),
                };
                return Ok(());
            }
        }
        if header.has(FIN) {
            self.take_finish(id);
        }
        Ok(())
    }

    /// The peer opens a stream. One that is too many is refused and does not come to be.
    fn take_syn(&mut self, id: u32) -> Result<(), SessionError> {
        if id == 0 || id % 2 == self.next_id % 2 {
            return Err(self.breach(format!("it opened stream {id}, which is not its to open")));
        }
        if self.streams.contains_key(&id) {
            return Err(self.breach(format!("it opened stream {id} twice")));
        }
        if self.streams.len() >= self.config.max_streams {
            tracing::warn!(stream = id, "too many streams, resetting a new one");
            self.queue(Kind::WindowUpdate, RST, id, 0);
        } else if self.accepting.len() >= self.config.accept_backlog {
            tracing::warn!(stream = id, "backlog exceeded, resetting a new stream");
            self.queue(Kind::WindowUpdate, RST, id, 0);
        } else {
            self.streams.insert(id, Entry::new(false));
            self.accepting.push_back(id);
            self.arrived.add_permits(1);
            self.fresh = true;
        }
        Ok(())
    }

    fn take_finish(&mut self, id: u32) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        if entry.peer == Peer::Open {
            entry.peer = Peer::Finished;
            self.wakes.add(entry.reader.take());
        }
        if entry.dropped.is_some() {
            self.remove(id);
        }
    }

    fn take_reset(&mut self, id: u32) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.peer = Peer::Reset;
        self.wakes.add(entry.reader.take());
        self.wakes.add(entry.writer.take());
        if std::mem::take(&mut entry.unacknowledged) {
            self.openable.add_permits(1);
        }
        if entry.dropped.is_some() {
            self.remove(id);
        }
    }

    /// The peer broke the rules, of which it is told as in Go.
    fn breach(&mut self, text: String) -> SessionError {
        self.queue(Kind::GoAway, 0, 0, GO_AWAY_PROTOCOL_ERROR);
        SessionError::Protocol(text)
    }

    /// Where the next `n` bytes of the body that comes are to be put. They count once they have
    /// [arrived](Self::body_arrived).
    pub(super) fn body_room(&mut self, n: usize) -> Option<&mut [u8]> {
        match self.next {
            Next::Body { stream, .. } => {
                let entry = self.streams.get_mut(&stream)?;
                Some(entry.received.room(n, &mut self.spare))
            }
            Next::Header | Next::Skip { .. } => None,
        }
    }

    /// So much of a body got into its [room](Self::body_room).
    pub(super) fn body_filled(&mut self, n: usize) {
        if let Next::Body { stream, .. } = self.next
            && let Some(entry) = self.streams.get_mut(&stream)
        {
            entry.received.filled(n);
        }
        self.body_arrived(n);
    }

    /// So much of a body has arrived, wherever it was put.
    fn body_arrived(&mut self, n: usize) {
        let Next::Body {
            stream,
            left,
            finish,
        } = self.next
        else {
            return;
        };
        if let Some(entry) = self.streams.get_mut(&stream) {
            self.wakes.add(entry.reader.take());
        }
        let left = left - n as u32;
        if left > 0 {
            self.next = Next::Body {
                stream,
                left,
                finish,
            };
            return;
        }
        self.next = Next::Header;
        if finish {
            self.take_finish(stream);
        }
    }

    /// So much was read and thrown away.
    fn skipped(&mut self, n: usize) {
        if let Next::Skip { left } = self.next {
            self.next = match left - n as u32 {
                0 => Next::Header,
                left => Next::Skip { left },
            };
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
            let n = entry.received.len().min(buffer.remaining());
            buffer.put_slice(&entry.received.bytes()[..n]);
            entry.received.consume(n, &mut self.spare);
            self.consumed(id, n);
            return Poll::Ready(Ok(()));
        }
        match entry.peer {
            Peer::Finished => Poll::Ready(Ok(())),
            Peer::Reset => Poll::Ready(Err(CutOff::Reset)),
            Peer::Open if self.ended.is_some() => Poll::Ready(Err(CutOff::SessionEnded)),
            Peer::Open => {
                set_waker(&mut entry.reader, cx);
                Poll::Pending
            }
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

    /// Wakes whoever waits for large frames of this stream with a large buffer. False if nobody does.
    pub(super) fn wake_reader(&mut self, id: u32) -> bool {
        let reader = match self.streams.get_mut(&id) {
            Some(entry) if entry.straight => entry.reader.take(),
            _ => None,
        };
        let waits = reader.is_some();
        self.wakes.add(reader);
        waits
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

pub(super) fn set_waker(place: &mut Option<Waker>, cx: &mut Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *place = Some(cx.waker().clone()),
    }
}

impl Entry {
    fn new(opened_here: bool) -> Self {
        Entry {
            received: Received::default(),
            receive_window: WINDOW,
            consumed: 0,
            straight: false,
            wide: false,
            send_window: WINDOW,
            reader: None,
            writer: None,
            peer: Peer::Open,
            finished: false,
            unacknowledged: opened_here,
            dropped: None,
            sent: 0,
        }
    }
}

impl CutOff {
    pub(super) fn error(self) -> io::Error {
        match self {
            CutOff::Reset => io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the stream was reset by the peer",
            ),
            CutOff::SessionEnded => io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the stream's session is closed",
            ),
        }
    }
}

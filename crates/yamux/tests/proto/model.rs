//! Two sessions whose every step a test decides, beside a model of what they have to do.
//!
//! The model knows little: for each stream, what was written, read, finished, dropped and reset.
//! With that, each call on a session is checked:
//!
//! - What is read is what was written, in its order, and an end is read only behind all of it.
//! - A stream fails only where one side gave it up, or a limit was exceeded.
//! - On the wire, no side sends more than it was granted, anything behind its own end, or an end
//!   twice.
//! - A call that was pending is followed by one event once it is worth another try, and by none
//!   where no call was pending.

mod wind_up;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::Poll;
use std::time::{Duration, Instant};

use plugwire_yamux::proto::{DirectRead, Event, NextRead, Session, StreamClosed, StreamKey};
use plugwire_yamux::{Config, OpenError, SessionError};
use support::yamux::{ACK, DATA, FIN, Frame, RST, SYN, WINDOW, WINDOW_UPDATE};

use super::pair::pattern;

/// What a stream's window grows to.
const WIDE: u32 = 1 << 20;

/// From this size on, a reader's buffer is large: the session may lend it the connection.
const LARGE: usize = 8 * 1024;

/// What the two sides did with a stream.
#[derive(Default, Debug)]
struct Facts {
    written: [usize; 2],
    read: [usize; 2],
    finished: [bool; 2],
    dropped: [bool; 2],
    reset: [bool; 2],
}

/// A stream as one side uses it.
#[derive(Debug)]
struct Handle {
    key: StreamKey,
    reader_waits: bool,
    writer_waits: bool,
}

/// One direction of a stream on the wire.
struct Direction {
    /// How much more may be sent.
    window: u64,
    acknowledged: bool,
    finished: bool,
    reset: bool,
}

impl Default for Direction {
    fn default() -> Self {
        Direction {
            window: WINDOW.into(),
            acknowledged: false,
            finished: false,
            reset: false,
        }
    }
}

/// What one side sent, and its peer has not received.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<u8>,
    sent: Vec<u8>,
    delivered: Vec<u8>,
    delivered_bytes: u64,
    streams: BTreeMap<u32, Direction>,
    opened: u32,
}

struct Side {
    session: Session,
    handles: Vec<Handle>,
    opener_waits: bool,
    accepter_waits: bool,
}

pub struct World {
    now: Instant,
    sides: [Side; 2],
    wires: [Wire; 2],
    facts: BTreeMap<u32, Facts>,
    /// Whether streams may be refused, or reset since the session holds too much.
    tight: bool,
    went_away: [bool; 2],
    ended: bool,
}

impl World {
    /// With `tight` limits, streams are refused and reset because of them.
    pub fn new(tight: bool) -> World {
        let now = Instant::now();
        let mut config = Config::default()
            .keep_alive(None)
            .stream_close_timeout(Duration::from_secs(10))
            .max_noise(u32::MAX);
        if tight {
            config = config
                .accept_backlog(2)
                .max_streams(6)
                .max_buffered(256 * 1024)
                .max_unaccepted(256 * 1024);
        }
        let side = |session| Side {
            session,
            handles: Vec::new(),
            opener_waits: false,
            accepter_waits: false,
        };
        World {
            now,
            sides: [
                side(Session::client(config.clone(), now)),
                side(Session::server(config, now)),
            ],
            wires: Default::default(),
            facts: BTreeMap::new(),
            tight,
            went_away: [false; 2],
            ended: false,
        }
    }

    // What a side does.

    pub fn open(&mut self, side: usize) {
        let this = &mut self.sides[side];
        match this.session.open() {
            Poll::Pending => this.opener_waits = true,
            Poll::Ready(Ok(key)) => {
                self.facts.insert(key.number(), Facts::default());
                self.add_handle(side, key);
            }
            Poll::Ready(Err(OpenError::GoAway)) => assert!(self.went_away[1 - side]),
            Poll::Ready(Err(OpenError::TooManyStreams { open: 6 })) => assert!(self.tight),
            Poll::Ready(Err(OpenError::Session(_))) => assert!(self.ended),
            Poll::Ready(other) => panic!("{other:?}"),
        }
        self.drain_events();
    }

    pub fn accept(&mut self, side: usize) {
        let this = &mut self.sides[side];
        match this.session.accept() {
            Poll::Pending => this.accepter_waits = true,
            Poll::Ready(Ok(key)) => self.add_handle(side, key),
            Poll::Ready(Err(_)) => assert!(self.ended),
        }
        self.drain_events();
    }

    fn add_handle(&mut self, side: usize, key: StreamKey) {
        self.sides[side].handles.push(Handle {
            key,
            reader_waits: false,
            writer_waits: false,
        });
    }

    /// The side's stream for a number of any size.
    fn pick(&self, side: usize, which: usize) -> Option<usize> {
        let handles = self.sides[side].handles.len();
        (handles > 0).then(|| which % handles)
    }

    pub fn write(&mut self, side: usize, which: usize, size: usize) {
        let Some(at) = self.pick(side, which) else {
            return;
        };
        let key = self.sides[side].handles[at].key;
        let facts = self.facts.get_mut(&key.number()).unwrap();
        if facts.finished[side] {
            return;
        }
        let from = facts.written[side];
        let data = pattern(seed(key, side), from..from + size);
        match self.sides[side].session.write(key, &data) {
            Poll::Pending => self.sides[side].handles[at].writer_waits = true,
            Poll::Ready(Ok(n)) => {
                assert!(n > 0 && n <= size, "{n} of {size} bytes");
                facts.written[side] += n;
            }
            Poll::Ready(Err(error)) => self.check_failure(side, key, error),
        }
        self.drain_events();
    }

    pub fn read(&mut self, side: usize, which: usize, size: usize) {
        let Some(at) = self.pick(side, which) else {
            return;
        };
        let key = self.sides[side].handles[at].key;
        if self.sides[side].session.reads_directly(key) && self.read_directly(side, key, size) {
            self.drain_events();
            return;
        }
        self.read_received(side, at, size);
        self.drain_events();
    }

    /// Whether there was something other than to wait.
    fn read_received(&mut self, side: usize, at: usize, size: usize) -> bool {
        let key = self.sides[side].handles[at].key;
        let mut buffer = vec![0; size];
        match self.sides[side].session.read(key, &mut buffer) {
            Poll::Pending => {
                self.sides[side].handles[at].reader_waits = true;
                return false;
            }
            Poll::Ready(Ok(0)) => {
                let facts = &self.facts[&key.number()];
                assert!(facts.finished[1 - side], "an end of {key:?}: {facts:?}");
                assert_eq!(facts.read[side], facts.written[1 - side], "{key:?}");
                return false;
            }
            Poll::Ready(Ok(n)) => self.check_read(side, key, &buffer[..n]),
            Poll::Ready(Err(error)) => {
                self.check_failure(side, key, error);
                return false;
            }
        }
        true
    }

    fn check_read(&mut self, side: usize, key: StreamKey, data: &[u8]) {
        let facts = self.facts.get_mut(&key.number()).unwrap();
        let from = facts.read[side];
        facts.read[side] += data.len();
        assert!(facts.read[side] <= facts.written[1 - side]);
        let expected = pattern(seed(key, 1 - side), from..facts.read[side]);
        assert!(data == expected, "other bytes on {key:?} from {from} on");
    }

    fn check_failure(&self, side: usize, key: StreamKey, error: StreamClosed) {
        let facts = &self.facts[&key.number()];
        let allowed = match error {
            StreamClosed::Reset => facts.reset[1 - side] || facts.dropped[1 - side] || self.tight,
            StreamClosed::Unread { limit } => self.tight && limit == 256 * 1024,
            StreamClosed::SessionEnded => self.ended,
            _ => false,
        };
        assert!(allowed, "{error:?} on {key:?}: {facts:?}");
    }

    /// Reads from the connection into the reader's own buffer. Whether there was something.
    fn read_directly(&mut self, side: usize, key: StreamKey, size: usize) -> bool {
        let mut data = Vec::new();
        let this = &mut self.sides[side].session;
        let more = loop {
            let room = size - data.len();
            this.take_received(key, room, |bytes| data.extend_from_slice(bytes));
            let wire = &mut self.wires[1 - side];
            match this.direct_read(key, size - data.len()) {
                DirectRead::Body { len, behind } => {
                    let bytes = wire.take(len + behind);
                    if bytes.is_empty() {
                        break Some(true);
                    }
                    let n = bytes.len().min(len);
                    data.extend_from_slice(&bytes[..n]);
                    this.body_read(n);
                    this.handle_input(self.now, &bytes[n..]).unwrap();
                }
                DirectRead::Frames(max) => {
                    let bytes = wire.take(max);
                    if bytes.is_empty() {
                        break Some(true);
                    }
                    this.handle_input(self.now, &bytes).unwrap();
                }
                DirectRead::NoRoom if !data.is_empty() => break None,
                DirectRead::NoRoom => break Some(true),
                _ => break Some(false),
            }
        };
        if let Some(more) = more {
            this.end_direct_read(more);
        }
        self.note_deliveries(1 - side);
        self.check_read(side, key, &data);
        !data.is_empty()
    }

    pub fn finish(&mut self, side: usize, which: usize) {
        if let Some(at) = self.pick(side, which) {
            let key = self.sides[side].handles[at].key;
            self.sides[side].session.finish(key);
            self.facts.get_mut(&key.number()).unwrap().finished[side] = true;
            self.drain_events();
        }
    }

    pub fn reset(&mut self, side: usize, which: usize) {
        if let Some(at) = self.pick(side, which) {
            let handle = &self.sides[side].handles[at];
            let key = handle.key;
            let waited = [handle.reader_waits, handle.writer_waits];
            self.sides[side].session.reset_stream(key);
            self.facts.get_mut(&key.number()).unwrap().reset[side] = true;
            self.drain_events();
            let handle = self.sides[side].handles.remove(at);
            let waits = [handle.reader_waits, handle.writer_waits];
            assert_eq!(waits, [false; 2], "{waited:?} of a stream that was reset");
            let read = self.sides[side].session.read(key, &mut [0]);
            assert_eq!(read, Poll::Ready(Err(StreamClosed::SessionEnded)));
        }
    }

    pub fn drop(&mut self, side: usize, which: usize) {
        if let Some(at) = self.pick(side, which) {
            let key = self.sides[side].handles.remove(at).key;
            self.sides[side].session.drop_stream(self.now, key);
            let facts = self.facts.get_mut(&key.number()).unwrap();
            facts.dropped[side] = true;
            facts.finished[side] = true;
            self.drain_events();
        }
    }

    pub fn go_away(&mut self, side: usize) {
        self.sides[side].session.go_away();
        self.went_away[side] = true;
    }

    /// Ends a session, as the loss of its connection does.
    pub fn end(&mut self) {
        self.ended = true;
        for side in &mut self.sides {
            side.session.end(SessionError::PeerClosed);
            assert!(side.session.poll_timeout().is_none());
        }
        self.drain_events();
    }

    // What goes over the wire.

    /// The connection takes up to `max` bytes of a side.
    pub fn transmit(&mut self, side: usize, max: usize) -> bool {
        let session = &mut self.sides[side].session;
        let mut left = max;
        let mut sent = Vec::new();
        while let Some(bytes) = session.poll_transmit() {
            let n = bytes.len().min(left);
            if n == 0 {
                session.transmit_blocked(self.now);
                break;
            }
            sent.extend_from_slice(&bytes[..n]);
            session.transmitted(self.now, n);
            left -= n;
        }
        if left > 0 {
            session.transmit_unblocked();
        }
        self.note_sent(side, &sent);
        self.drain_events();
        !sent.is_empty()
    }

    /// Writes a large frame from the writer's own buffer, of which the connection takes `taken`
    /// bytes with all that is queued before.
    pub fn transmit_directly(&mut self, side: usize, which: usize, size: usize, taken: usize) {
        let Some(at) = self.pick(side, which) else {
            return;
        };
        let key = self.sides[side].handles[at].key;
        let facts = self.facts.get_mut(&key.number()).unwrap();
        if facts.finished[side] {
            return;
        }
        let session = &mut self.sides[side].session;
        let n = match session.poll_capacity(key, size) {
            Poll::Pending => {
                self.sides[side].handles[at].writer_waits = true;
                return self.drain_events();
            }
            Poll::Ready(Ok(n)) => n,
            Poll::Ready(Err(error)) => return self.check_failure(side, key, error),
        };
        let from = facts.written[side];
        let data = pattern(seed(key, side), from..from + n);
        let (queued, header) = session.before_data(key, n);
        let all = [queued, &header, &data].concat();
        let queued = queued.len();
        let taken = taken.min(all.len());
        let began = session.data_transmitted(self.now, key, &data, taken);
        assert_eq!(began, taken > queued);
        if began {
            facts.written[side] += n;
        }
        self.note_sent(side, &all[..taken]);
        self.drain_events();
    }

    /// Up to `max` of the bytes that were sent arrive, in one piece.
    pub fn deliver(&mut self, from: usize, max: usize) -> bool {
        let bytes = self.wires[from].take(max);
        let to = &mut self.sides[1 - from].session;
        if !self.ended {
            to.handle_input(self.now, &bytes).unwrap();
            if self.wires[from].bytes.is_empty() {
                to.input_drained();
            }
        }
        self.note_deliveries(from);
        self.drain_events();
        !bytes.is_empty()
    }

    /// As [`deliver`](Self::deliver), as the driver of the session over tokio reads: large frames
    /// into the buffers of their streams, or by their readers.
    pub fn deliver_to_driver(&mut self, from: usize, max: usize) {
        if self.ended {
            return;
        }
        let mut left = max;
        let to = &mut self.sides[1 - from].session;
        loop {
            let next = to.next_read(self.now);
            let n = match next {
                NextRead::Frames(n) | NextRead::Body(n) => n.min(left),
                _ => break,
            };
            let bytes = self.wires[from].take(n);
            left -= bytes.len();
            if bytes.is_empty() {
                if self.wires[from].bytes.is_empty() {
                    to.input_drained();
                }
                break;
            }
            match next {
                NextRead::Body(n) => {
                    let room = to.body_buffer(n).expect("a stream for the body");
                    room[..bytes.len()].copy_from_slice(&bytes);
                    to.body_filled(self.now, bytes.len());
                }
                _ => to.handle_input(self.now, &bytes).unwrap(),
            }
        }
        self.note_deliveries(from);
        self.drain_events();
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        for side in &mut self.sides {
            if side
                .session
                .poll_timeout()
                .is_some_and(|due| due <= self.now)
            {
                side.session.handle_timeout(self.now);
                let next = side.session.poll_timeout();
                assert!(next.is_none_or(|next| next > self.now));
            }
        }
        self.drain_events();
    }

    /// Each frame that a side sends has to keep to the rules.
    fn note_sent(&mut self, side: usize, bytes: &[u8]) {
        let wire = &mut self.wires[side];
        wire.bytes.extend(bytes);
        wire.sent.extend_from_slice(bytes);
        for frame in Frame::take_from(&mut wire.sent) {
            if frame.stream == 0 {
                continue;
            }
            let has = |flag| frame.flags & flag != 0;
            let is_own = frame.stream % 2 == if side == 0 { 1 } else { 0 };
            if has(SYN) {
                assert!(is_own && frame.stream > wire.opened, "{frame:?}");
                wire.opened = frame.stream;
            }
            let stream = wire.streams.entry(frame.stream).or_default();
            assert!(!stream.reset, "a frame behind a reset: {frame:?}");
            if has(ACK) {
                assert!(!is_own && !std::mem::replace(&mut stream.acknowledged, true));
            }
            if frame.kind == DATA {
                assert!(!stream.finished, "data behind the end: {frame:?}");
                assert!(frame.length > 0 && frame.length <= 64 * 1024);
                let left = stream.window.checked_sub(frame.length.into());
                stream.window = left.expect("no more than the window");
            }
            if has(FIN) {
                assert!(!std::mem::replace(&mut stream.finished, true));
            }
            stream.reset |= has(RST);
        }
    }

    /// Window updates count once they have arrived.
    fn note_deliveries(&mut self, from: usize) {
        let mut delivered = std::mem::take(&mut self.wires[from].delivered);
        for frame in Frame::take_from(&mut delivered) {
            if frame.kind == WINDOW_UPDATE {
                let other = &mut self.wires[1 - from];
                let stream = other.streams.entry(frame.stream).or_default();
                stream.window += u64::from(frame.length);
                assert!(stream.window <= WIDE.into(), "{frame:?}");
            }
        }
        let wire = &mut self.wires[from];
        wire.delivered = delivered;
        if !self.ended {
            let received = self.sides[1 - from].session.total_received();
            assert_eq!(received, wire.delivered_bytes);
        }
    }

    /// Each event belongs to a call that was pending.
    fn drain_events(&mut self) {
        for side in &mut self.sides {
            while let Some(event) = side.session.poll_event() {
                let mut handles = side.handles.iter_mut();
                let waited = match event {
                    Event::Readable(key) => handles
                        .find(|handle| handle.key == key)
                        .map(|handle| std::mem::take(&mut handle.reader_waits)),
                    Event::Writable(key) => handles
                        .find(|handle| handle.key == key)
                        .map(|handle| std::mem::take(&mut handle.writer_waits)),
                    Event::Openable => Some(std::mem::take(&mut side.opener_waits)),
                    Event::Acceptable => Some(std::mem::take(&mut side.accepter_waits)),
                    Event::Warning(_) => Some(self.tight),
                    _ => None,
                };
                assert_eq!(waited, Some(true), "{event:?}");
            }
        }
    }
}

/// The content of a stream's direction.
fn seed(key: StreamKey, from: usize) -> u32 {
    2 * key.number() + from as u32
}

impl Wire {
    fn take(&mut self, max: usize) -> Vec<u8> {
        let n = max.min(self.bytes.len());
        let bytes: Vec<u8> = self.bytes.drain(..n).collect();
        self.delivered.extend_from_slice(&bytes);
        self.delivered_bytes += n as u64;
        bytes
    }
}

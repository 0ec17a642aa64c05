//! A peer that knows what it said: it sends frames and looks at those that come back.

use std::collections::BTreeMap;
use std::sync::OnceLock;

const DATA: u8 = 0;
const WINDOW_UPDATE: u8 = 1;
const PING: u8 = 2;
const GO_AWAY: u8 = 3;

pub const SYN: u16 = 1;
pub const ACK: u16 = 2;
pub const FIN: u16 = 4;
pub const RST: u16 = 8;

const HEADER: usize = 12;
const WINDOW: u64 = 256 * 1024;

/// The widest window that the session is known to give.
const WIDEST: u64 = 1024 * 1024;

/// Which bytes a stream carries, so that a byte in the wrong place is seen. Of either direction.
#[derive(Clone, Copy)]
pub enum Way {
    ToSession,
    FromSession,
}

/// A prime, so that frames' lengths are no multiples of it.
const PERIOD: usize = 65_521;

/// The bytes of a stream from `offset` on: `n` of them, in parts.
fn expected(way: Way, id: u32, offset: u64, n: usize) -> impl Iterator<Item = &'static [u8]> {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..PERIOD).map(|_| next()).collect()
    });
    let way = match way {
        Way::ToSession => 0,
        Way::FromSession => 7919,
    };
    let mut at = ((u64::from(id) * 1009 + way + offset) % PERIOD as u64) as usize;
    let mut left = n;
    std::iter::from_fn(move || {
        let part = &table[at..PERIOD.min(at + left)];
        at = 0;
        left -= part.len();
        (!part.is_empty()).then_some(part)
    })
}

pub fn fill(way: Way, id: u32, offset: u64, n: usize, into: &mut Vec<u8>) {
    expected(way, id, offset, n).for_each(|part| into.extend_from_slice(part));
}

pub fn check(way: Way, id: u32, offset: u64, mut bytes: &[u8]) {
    for part in expected(way, id, offset, bytes.len()) {
        let (head, rest) = bytes.split_at(part.len());
        assert!(head == part, "stream {id} has other bytes after {offset}");
        bytes = rest;
    }
}

/// What the peer knows of a stream.
pub struct Told {
    /// Bytes sent to the session that it has to hand over.
    pub sent: u64,
    /// How much more may be sent.
    window: u64,
    /// How much that was at most.
    widest: u64,
    /// Bytes that came from the session.
    pub got: u64,
    /// How much more the session may send.
    granted: u64,
    pub finished: bool,
    pub reset: bool,
    pub session_finished: bool,
    pub session_reset: bool,
    accepted: bool,
    /// Whether nothing was said of it that a peer must not say.
    pub proper: bool,
}

impl Told {
    fn new(accepted: bool) -> Self {
        Told {
            sent: 0,
            window: WINDOW,
            widest: WINDOW,
            got: 0,
            granted: WINDOW,
            finished: false,
            reset: false,
            session_finished: false,
            session_reset: false,
            accepted,
            proper: true,
        }
    }

    /// Whether there is room for more, unless it was said that nothing more comes. To be asked
    /// when everything was read.
    pub fn may_go_on(&self) -> bool {
        // Where the session has finished its side, an update waits until the window is used up.
        let enough = match self.session_finished {
            true => 0,
            false => self.widest / 2,
        };
        self.finished || self.reset || self.window > enough
    }
}

pub struct Peer {
    client: bool,
    next_id: u32,
    sessions_next_id: u32,
    pub streams: BTreeMap<u32, Told>,
    /// What was said and has not been fed to the session.
    pub outbox: Vec<u8>,
    /// Of the session's bytes those that are no whole frame yet.
    inbox: Vec<u8>,
    pings: usize,
    /// Whether the session may end for what was said.
    pub broke_rules: bool,
    /// Whether what was said makes no sense from here on.
    pub garbled: bool,
    pub gone_away: bool,
}

impl Peer {
    pub fn new(client: bool) -> Self {
        Peer {
            client,
            next_id: if client { 1 } else { 2 },
            sessions_next_id: if client { 2 } else { 1 },
            streams: BTreeMap::new(),
            outbox: Vec::new(),
            inbox: Vec::new(),
            pings: 0,
            broke_rules: false,
            garbled: false,
            gone_away: false,
        }
    }

    /// Whether what the session does on the stream can be foretold.
    pub fn knows(&self, id: u32) -> Option<&Told> {
        let told = self.streams.get(&id)?;
        (told.proper && !self.garbled).then_some(told)
    }

    // What the peer says.

    fn header(&mut self, kind: u8, flags: u16, id: u32, length: u32) {
        self.outbox.extend_from_slice(&[0, kind]);
        self.outbox.extend_from_slice(&flags.to_be_bytes());
        self.outbox.extend_from_slice(&id.to_be_bytes());
        self.outbox.extend_from_slice(&length.to_be_bytes());
    }

    /// The stream that a byte of the script names, of those that there are.
    pub fn pick(&self, byte: u8) -> Option<u32> {
        let n = self.streams.len().max(1);
        self.streams.keys().nth(usize::from(byte) % n).copied()
    }

    pub fn open(&mut self, body: Option<usize>, flags: u16) {
        let id = self.next_id;
        self.next_id += 2;
        let mut told = Told::new(false);
        // Unless something was said of it before it was there.
        told.proper = !self.streams.contains_key(&id);
        self.streams.insert(id, told);
        match body {
            Some(n) => self.data(id, n, flags | SYN),
            None => self.update(id, 0, flags | SYN),
        }
    }

    /// Sends as much of `n` bytes as the session gave room for.
    pub fn data(&mut self, id: u32, n: usize, flags: u16) {
        let Some(told) = self.streams.get_mut(&id) else {
            return;
        };
        let n = n.min(told.window as usize);
        told.window -= n as u64;
        let offset = told.sent;
        // What comes with a reset is thrown away.
        if flags & RST == 0 {
            told.sent += n as u64;
        }
        self.header(DATA, flags, id, n as u32);
        fill(Way::ToSession, id, offset, n, &mut self.outbox);
        self.ends(id, flags);
    }

    pub fn update(&mut self, id: u32, n: u32, flags: u16) {
        let Some(told) = self.streams.get_mut(&id) else {
            return;
        };
        let n = u64::from(n).min(u64::from(u32::MAX) - told.granted);
        told.granted += n;
        self.header(WINDOW_UPDATE, flags, id, n as u32);
        self.ends(id, flags);
    }

    fn ends(&mut self, id: u32, flags: u16) {
        let told = self.streams.get_mut(&id).expect("a stream");
        // Of both the reset is what counts.
        told.finished |= flags & (FIN | RST) == FIN;
        told.reset |= flags & RST != 0;
    }

    pub fn ping(&mut self, number: u32, flags: u16) {
        self.pings += usize::from(flags & SYN != 0);
        self.header(PING, flags, 0, number);
    }

    pub fn go_away(&mut self, code: u32) {
        self.header(GO_AWAY, 0, 0, code);
        self.gone_away = true;
        self.broke_rules |= code != 0;
    }

    /// A frame of any kind, with a body that has its length, unless that is a very long one.
    pub fn frame(&mut self, kind: u8, flags: u16, id: u32, length: u32) {
        self.broke_rules = true;
        self.streams
            .entry(id)
            .or_insert_with(|| Told::new(true))
            .proper = false;
        self.gone_away |= kind == GO_AWAY;
        self.pings += usize::from(kind == PING);
        self.header(kind, flags, id, length);
        if kind == DATA {
            let n = (length as usize).min(70_000);
            self.outbox.resize(self.outbox.len() + n, b'x');
            self.garbled |= n < length as usize;
        }
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.broke_rules = true;
        self.garbled = true;
        self.outbox.extend_from_slice(bytes);
    }

    // What the peer hears.

    pub fn hear(&mut self, bytes: &[u8]) {
        let mut inbox = std::mem::take(&mut self.inbox);
        inbox.extend_from_slice(bytes);
        let mut rest = &inbox[..];
        while let Some((header, behind)) = rest.split_first_chunk::<HEADER>() {
            let [version, kind, f0, f1, s0, s1, s2, s3, l0, l1, l2, l3] = *header;
            assert_eq!(version, 0, "a frame's version");
            let flags = u16::from_be_bytes([f0, f1]);
            let id = u32::from_be_bytes([s0, s1, s2, s3]);
            let length = u32::from_be_bytes([l0, l1, l2, l3]);
            let body = if kind == DATA { length as usize } else { 0 };
            let Some((body, behind)) = behind.split_at_checked(body) else {
                break;
            };
            match kind {
                DATA | WINDOW_UPDATE => self.hear_stream(kind, flags, id, length, body),
                PING => {
                    assert_eq!((flags, id), (ACK, 0), "no ping of its own");
                    assert!(self.pings > 0 || self.garbled, "an answer to nothing");
                    self.pings = self.pings.saturating_sub(1);
                }
                GO_AWAY => {
                    assert_eq!((flags, id, length), (0, 0, 1), "a breach and nothing else");
                    assert!(self.broke_rules, "a breach of nothing");
                }
                kind => panic!("a frame of kind {kind}"),
            }
            rest = behind;
        }
        let left = rest.len();
        inbox.drain(..inbox.len() - left);
        self.inbox = inbox;
    }

    /// The end of what the session says, which is no part of a frame.
    pub fn heard_all(&self) {
        assert!(self.inbox.is_empty(), "the session sent half a frame");
    }

    /// Whether every ping was answered.
    pub fn has_answers(&self) -> bool {
        self.pings == 0
    }

    fn hear_stream(&mut self, kind: u8, flags: u16, id: u32, length: u32, body: &[u8]) {
        if flags & SYN != 0 {
            assert_eq!(id, self.sessions_next_id, "the session's next stream");
            self.sessions_next_id += 2;
            // Improper frames may have been sent for it before it was there.
            self.streams.entry(id).or_insert_with(|| Told::new(true));
        }
        if self.garbled {
            return;
        }
        let peers = (id % 2 == 1) == self.client;
        let told = self.streams.get_mut(&id).expect("a stream that there is");
        if !told.proper {
            return;
        }
        if flags & ACK != 0 {
            assert!(peers, "stream {id} accepted by its owner");
            assert!(!told.accepted, "stream {id} accepted twice");
            told.accepted = true;
        }
        assert!(!told.session_reset, "stream {id} was reset");
        if kind == DATA {
            assert!(told.accepted, "data before stream {id} is accepted");
            assert!(!told.session_finished, "data behind the end of stream {id}");
            assert!(length > 0, "no data");
            assert!(told.granted >= u64::from(length), "stream {id}: no window");
            told.granted -= u64::from(length);
            check(Way::FromSession, id, told.got, body);
            told.got += u64::from(length);
        } else {
            told.window += u64::from(length);
            told.widest = told.widest.max(told.window);
            assert!(told.window <= WIDEST, "stream {id}: a wider window");
        }
        if flags & FIN != 0 {
            assert!(!told.session_finished, "stream {id} ended twice");
            told.session_finished = true;
        }
        told.session_reset |= flags & RST != 0;
    }
}

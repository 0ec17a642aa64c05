//! Two sessions, joined by a simulated link in virtual time.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::{Duration, Instant};

use plugwire_yamux::proto::{Event, Session, StreamClosed, StreamKey};
use plugwire_yamux::{Config, SessionError};
use support::yamux::Frame;

/// The side that opened the connection, and its place in a [`Pair`].
pub const CLIENT: usize = 0;
pub const SERVER: usize = 1;

/// One direction of a connection.
pub struct Link {
    /// How long each byte is on its way.
    pub latency: Duration,
    /// How many bytes a second it carries. `None` for any number.
    pub bandwidth: Option<u64>,
    /// How many bytes it holds. A sender whose link is full is blocked.
    pub capacity: usize,
    /// Whether it delivers no byte at the moment.
    pub stopped: bool,
    /// After this many bytes the connection ends. What is sent behind them is lost.
    pub cut_at: Option<u64>,
    /// The byte at this place arrives with other bits.
    pub flip: Option<(u64, u8)>,

    /// Pieces and when they arrive. An empty piece is the end.
    in_flight: VecDeque<(Instant, Vec<u8>)>,
    held: usize,
    free_at: Option<Instant>,
    ended: bool,
    /// All that was sent, in bytes.
    pub sent: u64,
    /// All that was delivered, in bytes.
    pub delivered: u64,
    /// The frames that were sent, where they are recorded.
    pub frames: Vec<Frame>,
    pub record: bool,
    partial: Vec<u8>,
}

impl Default for Link {
    fn default() -> Self {
        Link {
            latency: Duration::ZERO,
            bandwidth: None,
            capacity: usize::MAX,
            stopped: false,
            cut_at: None,
            flip: None,
            in_flight: VecDeque::new(),
            held: 0,
            free_at: None,
            ended: false,
            sent: 0,
            delivered: 0,
            frames: Vec::new(),
            record: false,
            partial: Vec::new(),
        }
    }
}

impl Link {
    /// The largest piece that arrives at once, so that a slow link delivers bit by bit.
    const PIECE: usize = 4096;

    pub fn room(&self) -> usize {
        self.capacity - self.held
    }

    fn send(&mut self, now: Instant, bytes: &[u8]) {
        if self.record {
            self.partial.extend_from_slice(bytes);
            self.frames.extend(Frame::take_from(&mut self.partial));
        }
        let mut rest = bytes;
        if let Some(cut) = self.cut_at {
            let left = cut.saturating_sub(self.sent) as usize;
            rest = &rest[..rest.len().min(left)];
        }
        let flip = self.flip.filter(|(at, _)| *at >= self.sent);
        let mut at = self.sent;
        self.sent += bytes.len() as u64;
        while !rest.is_empty() {
            let n = rest.len().min(Self::PIECE);
            let mut piece = rest[..n].to_vec();
            if let Some((place, bits)) = flip
                && let Some(byte) = piece.get_mut((place - at.min(place)) as usize)
                && place >= at
            {
                *byte ^= bits;
            }
            self.held += n;
            let begin = self.free_at.map_or(now, |free| free.max(now));
            let end = match self.bandwidth {
                None => begin,
                Some(bandwidth) => {
                    begin + Duration::from_nanos(n as u64 * 1_000_000_000 / bandwidth)
                }
            };
            self.free_at = Some(end);
            self.in_flight.push_back((end + self.latency, piece));
            at += n as u64;
            rest = &rest[n..];
        }
        if self.cut_at.is_some_and(|cut| self.sent >= cut) {
            self.end(now);
        }
    }

    /// No more is sent. The other side reads the end behind what is on its way.
    pub fn end(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.ended, true) {
            let last = self.in_flight.back().map(|(arrives, _)| *arrives);
            let arrives = last.unwrap_or(now + self.latency);
            self.in_flight.push_back((arrives, Vec::new()));
        }
    }

    fn next_arrival(&self) -> Option<Instant> {
        match self.stopped {
            true => None,
            false => self.in_flight.front().map(|(arrives, _)| *arrives),
        }
    }

    fn take_arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next_arrival()? > now {
            return None;
        }
        let (_, piece) = self.in_flight.pop_front()?;
        self.held -= piece.len();
        self.delivered += piece.len() as u64;
        Some(piece)
    }
}

/// Two sessions and the link between them.
pub struct Pair {
    pub start: Instant,
    pub now: Instant,
    pub sides: [Session; 2],
    /// `links[i]` carries what side `i` sends.
    pub links: [Link; 2],
    events: [VecDeque<Event>; 2],
}

impl Pair {
    pub fn new(config: &Config) -> Pair {
        Pair::between(config, config)
    }

    /// A client and a server with settings of their own.
    pub fn between(client: &Config, server: &Config) -> Pair {
        let now = Instant::now();
        Pair {
            start: now,
            now,
            sides: [
                Session::client(client.clone(), now),
                Session::server(server.clone(), now),
            ],
            links: Default::default(),
            events: Default::default(),
        }
    }

    /// A pair whose links both have this latency.
    pub fn with_latency(config: &Config, latency: Duration) -> Pair {
        let mut pair = Pair::new(config);
        for link in &mut pair.links {
            link.latency = latency;
        }
        pair
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Sends and delivers all that can be at this time.
    pub fn settle(&mut self) {
        loop {
            let mut busy = false;
            for side in [CLIENT, SERVER] {
                busy |= self.transmit(side);
                busy |= self.deliver(side);
                self.drain_events(side);
            }
            if !busy {
                return;
            }
        }
    }

    fn transmit(&mut self, side: usize) -> bool {
        let (session, link) = (&mut self.sides[side], &mut self.links[side]);
        if link.ended {
            session.discard_output();
            return false;
        }
        let mut busy = false;
        if link.room() > 0 && session.is_transmit_blocked() {
            session.transmit_unblocked();
        }
        while let Some(bytes) = session.poll_transmit() {
            let n = bytes.len().min(link.room());
            if n == 0 {
                session.transmit_blocked(self.now);
                return busy;
            }
            link.send(self.now, &bytes[..n]);
            session.transmitted(self.now, n);
            busy = true;
        }
        // Nothing is left to say.
        if session.ended().is_some() {
            link.end(self.now);
            busy = true;
        }
        busy
    }

    fn deliver(&mut self, from: usize) -> bool {
        let mut busy = false;
        while let Some(piece) = self.links[from].take_arrived(self.now) {
            busy = true;
            let to = &mut self.sides[1 - from];
            match piece.is_empty() {
                true => to.end(SessionError::PeerClosed),
                // A session that has ended reads no more.
                false => drop(to.handle_input(self.now, &piece)),
            }
        }
        if busy {
            self.sides[1 - from].input_drained();
        }
        busy
    }

    fn drain_events(&mut self, side: usize) {
        while let Some(event) = self.sides[side].poll_event() {
            self.events[side].push_back(event);
        }
    }

    /// The events of a side since this was last called.
    pub fn events(&mut self, side: usize) -> Vec<Event> {
        self.drain_events(side);
        self.events[side].drain(..).collect()
    }

    /// Lets time pass, in which both sides do what is due.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Lets time pass until something is true, or for this long. Whether it was true.
    pub fn run_until(&mut self, time: Duration, mut done: impl FnMut(&mut Pair) -> bool) -> bool {
        let end = self.now + time;
        let mut stands = 0;
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            // What `done` did may have given rise to more.
            self.settle();
            let timeouts = self.sides.iter().filter_map(Session::poll_timeout);
            let arrivals = self.links.iter().filter_map(Link::next_arrival);
            let next = timeouts.chain(arrivals).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return false;
            };
            // A time that has passed is due now. Each is to be dealt with at once.
            stands = if next > self.now { 0 } else { stands + 1 };
            assert!(stands < 10, "time stands still at {:?}", self.elapsed());
            self.now = next.max(self.now);
            for side in &mut self.sides {
                if side.poll_timeout().is_some_and(|due| due <= self.now) {
                    side.handle_timeout(self.now);
                }
            }
        }
    }

    /// A stream that one side opened and the other accepted: the keys of client and server.
    pub fn stream(&mut self, opener: usize) -> [StreamKey; 2] {
        let Poll::Ready(Ok(opened)) = self.sides[opener].open() else {
            panic!("no stream can be opened");
        };
        let mut accepted = None;
        self.run_until(Duration::from_secs(60), |pair| {
            match pair.sides[1 - opener].accept() {
                Poll::Ready(done) => accepted = Some(done.unwrap()),
                Poll::Pending => {}
            }
            accepted.is_some()
        });
        let accepted = accepted.expect("a stream to accept");
        assert_eq!(opened.number(), accepted.number());
        match opener {
            CLIENT => [opened, accepted],
            _ => [accepted, opened],
        }
    }

    /// Writes as much as goes without waiting. Returns how much that was.
    pub fn write(&mut self, side: usize, key: StreamKey, data: &[u8]) -> usize {
        let mut written = 0;
        while written < data.len() {
            match self.sides[side].write(key, &data[written..]) {
                Poll::Ready(n) => written += n.unwrap(),
                Poll::Pending => break,
            }
            self.settle();
        }
        written
    }

    /// Reads up to `max` bytes that have arrived, and says how the stream ended where it did.
    pub fn read(&mut self, side: usize, key: StreamKey, max: usize) -> (Vec<u8>, Read) {
        let mut data = vec![0; max];
        let mut n = 0;
        while n < max {
            match self.sides[side].read(key, &mut data[n..]) {
                Poll::Ready(Ok(0)) => {
                    data.truncate(n);
                    return (data, Read::End);
                }
                Poll::Ready(Ok(read)) => n += read,
                Poll::Ready(Err(error)) => {
                    data.truncate(n);
                    return (data, Read::Failed(error));
                }
                Poll::Pending => break,
            }
        }
        data.truncate(n);
        (data, Read::Open)
    }
}

/// How a stream that was read goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Open,
    End,
    Failed(StreamClosed),
}

/// Bytes that tell where they belong.
pub fn pattern(seed: u32, range: std::ops::Range<usize>) -> Vec<u8> {
    range.map(|at| pattern_byte(seed, at)).collect()
}

pub fn pattern_byte(seed: u32, at: usize) -> u8 {
    (at.wrapping_mul(31).wrapping_add(at >> 11) as u32 ^ seed.wrapping_mul(0x9e37)) as u8
}

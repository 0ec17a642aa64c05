//! A session against the `yamux` crate, another implementation of the protocol.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::io::{AsyncRead, AsyncWrite};
use plugwire_yamux::Config;
use plugwire_yamux::proto::{Session, StreamKey};

use super::super::source::Source;

const STREAMS: usize = 8;
const STEPS: usize = 300;
const ENOUGH: usize = 10_000;

/// The crate's end of the connection, and both directions of it.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Directions>>);

#[derive(Default)]
struct Directions {
    to_crate: VecDeque<u8>,
    from_crate: VecDeque<u8>,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, Directions> {
        self.0.lock().expect("no panic under the lock")
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match io::Read::read(&mut self.lock().to_crate, buffer) {
            Ok(0) => Poll::Pending,
            read => Poll::Ready(read),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.lock().from_crate.extend(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// One side's end of a stream.
struct End<S> {
    stream: S,
    written: usize,
    read: usize,
    finished: bool,
}

impl<S> End<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            written: 0,
            read: 0,
            finished: false,
        }
    }
}

struct Pair {
    pipe: Pipe,
    theirs: yamux::Connection<Pipe>,
    ours: Session,
    now: Instant,
    their_ends: BTreeMap<u32, End<yamux::Stream>>,
    our_ends: BTreeMap<u32, End<StreamKey>>,
}

/// The byte at a place of a stream, in one of its directions.
fn byte(stream: u32, at: usize, ours: bool) -> u8 {
    (at.wrapping_mul(31) + stream as usize * 7 + usize::from(ours)) as u8
}

fn body(stream: u32, from: usize, len: usize, ours: bool) -> Vec<u8> {
    (from..from + len)
        .map(|at| byte(stream, at, ours))
        .collect()
}

fn check(bytes: &[u8], stream: u32, from: usize, ours: bool) {
    assert_eq!(
        bytes,
        body(stream, from, bytes.len(), ours),
        "stream {stream} at {from}"
    );
}

/// Both sides open, write, read and finish streams as the input says; the connection cuts what
/// crosses it anywhere. All that was written arrives, and neither side ends the connection.
pub fn yamux_crate(data: &[u8]) {
    let mut source = Source(data);
    let we_are_client = source.below(2) == 0;
    let (pipe, now) = (Pipe::default(), Instant::now());
    let config = Config::default().keep_alive(None);
    let (mode, ours) = match we_are_client {
        true => (yamux::Mode::Server, Session::client(config, now)),
        false => (yamux::Mode::Client, Session::server(config, now)),
    };
    let mut pair = Pair {
        theirs: yamux::Connection::new(pipe.clone(), yamux::Config::default(), mode),
        pipe,
        ours,
        now,
        their_ends: BTreeMap::new(),
        our_ends: BTreeMap::new(),
    };
    for _ in 0..STEPS {
        if source.is_empty() {
            break;
        }
        pair.step(&mut source);
    }
    pair.finish();
}

impl Pair {
    fn step(&mut self, source: &mut Source<'_>) {
        match source.below(8) {
            0 => self.open(source.below(2) == 0),
            1 | 2 => {
                let (at, len) = (source.byte(), source.number() as u16);
                self.write_ours(at, len.into());
            }
            3 | 4 => {
                let (at, len) = (source.byte(), source.number() as u16);
                self.write_theirs(at, len.into());
            }
            5 => {
                let number = nth(&self.our_ends, source.byte());
                if let Some(end) = self.our_ends.get_mut(&number) {
                    self.ours.finish(end.stream);
                    end.finished = true;
                }
            }
            6 => {
                self.carry(1 + usize::from(source.byte()) * 16);
            }
            _ => {
                self.carry(usize::MAX);
                self.read_all();
            }
        }
    }

    fn open(&mut self, by_us: bool) {
        let streams = self.our_ends.len().max(self.their_ends.len());
        if streams >= STREAMS {
            return;
        }
        let cx = &mut Context::from_waker(Waker::noop());
        if by_us {
            if let Poll::Ready(opened) = self.ours.open() {
                let key = opened.expect("a stream");
                self.our_ends.insert(key.number(), End::new(key));
            }
        } else if let Poll::Ready(opened) = self.theirs.poll_new_outbound(cx) {
            let stream = opened.expect("a stream");
            self.their_ends.insert(number(&stream), End::new(stream));
        }
    }

    fn write_ours(&mut self, at: u8, len: usize) {
        let number = nth(&self.our_ends, at);
        let Some(end) = self.our_ends.get_mut(&number) else {
            return;
        };
        if !end.finished {
            let body = body(number, end.written, len, true);
            if let Poll::Ready(written) = self.ours.write(end.stream, &body) {
                end.written += written.expect("an open stream");
            }
        }
    }

    fn write_theirs(&mut self, at: u8, len: usize) {
        let number = nth(&self.their_ends, at);
        let Some(end) = self.their_ends.get_mut(&number) else {
            return;
        };
        let body = body(number, end.written, len, false);
        let cx = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(written) = Pin::new(&mut end.stream).poll_write(cx, &body) {
            end.written += written.expect("an open stream");
        }
        let _ = Pin::new(&mut end.stream).poll_flush(cx);
    }

    /// Takes bytes across in both directions. Returns whether there were any.
    fn carry(&mut self, most: usize) -> bool {
        self.now += Duration::from_millis(1);
        let cx = &mut Context::from_waker(Waker::noop());
        while let Poll::Ready(inbound) = self.theirs.poll_next_inbound(cx) {
            let stream = inbound.expect("an open connection").expect("no error");
            self.their_ends.insert(number(&stream), End::new(stream));
        }
        let mut directions = self.pipe.lock();
        let n = directions.from_crate.len().min(most);
        let bytes: Vec<u8> = directions.from_crate.drain(..n).collect();
        let mut left = most;
        let mut moved = n > 0;
        while let Some(bytes) = self.ours.poll_transmit().filter(|_| left > 0) {
            let n = bytes.len().min(left);
            directions.to_crate.extend(&bytes[..n]);
            self.ours.transmitted(self.now, n);
            (left, moved) = (left - n, true);
        }
        drop(directions);
        let taken = self.ours.handle_input(self.now, &bytes);
        taken.expect("a peer that keeps the rules");
        if n < most {
            self.ours.input_drained();
        }
        while self.ours.poll_event().is_some() {}
        while let Poll::Ready(accepted) = self.ours.accept() {
            let key = accepted.expect("an open session");
            self.our_ends.insert(key.number(), End::new(key));
        }
        moved
    }

    /// Reads all that has arrived. Returns whether that was anything.
    fn read_all(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut buffer = vec![0; 20_000];
        let mut any = false;
        for (&number, end) in &mut self.our_ends {
            while let Poll::Ready(Ok(n @ 1..)) = self.ours.read(end.stream, &mut buffer) {
                check(&buffer[..n], number, end.read, false);
                (end.read, any) = (end.read + n, true);
            }
        }
        for (&number, end) in &mut self.their_ends {
            while let Poll::Ready(Ok(n @ 1..)) =
                Pin::new(&mut end.stream).poll_read(cx, &mut buffer)
            {
                check(&buffer[..n], number, end.read, true);
                (end.read, any) = (end.read + n, true);
            }
        }
        any
    }

    /// All that was written arrives.
    fn finish(&mut self) {
        for _ in 0..ENOUGH {
            let (carried, read) = (self.carry(usize::MAX), self.read_all());
            if !carried && !read {
                break;
            }
        }
        for (number, ours) in &self.our_ends {
            // The crate tells of a stream with its first bytes.
            let theirs = self.their_ends.get(number);
            let (sent, got) = theirs.map_or((0, 0), |theirs| (theirs.written, theirs.read));
            assert_eq!(ours.read, sent, "stream {number}, to us");
            assert_eq!(got, ours.written, "stream {number}, from us");
        }
        assert!(self.ours.ended().is_none());
    }
}

fn nth<T>(from: &BTreeMap<u32, T>, at: u8) -> u32 {
    let at = usize::from(at) % from.len().max(1);
    from.keys().nth(at).copied().unwrap_or_default()
}

fn number(stream: &yamux::Stream) -> u32 {
    stream.id().to_string().parse().expect("a number")
}

//! A session of `proto` beside another implementation of the protocol: the `yamux` crate.
//!
//! Both are driven by hand, a piece of bytes at a time. No task waits, so no runtime is needed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures::io::{AsyncRead, AsyncWrite};
use plugwire_yamux::Config;
use plugwire_yamux::proto::{Session, StreamKey};
use support::rng::Rng;

use super::pair::pattern;

/// Both directions of a connection in memory.
#[derive(Clone, Default)]
struct Wire {
    to_peer: Rc<RefCell<VecDeque<u8>>>,
    to_session: Rc<RefCell<VecDeque<u8>>>,
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match io::Read::read(&mut *self.to_peer.borrow_mut(), buffer)? {
            0 => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.to_session.borrow_mut().extend(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A session and the connection of the other implementation.
struct Both {
    session: Session,
    peer: yamux::Connection<Wire>,
    wire: Wire,
    now: Instant,
    inbound: Vec<yamux::Stream>,
}

impl Both {
    fn new(client: bool) -> Both {
        let (wire, now) = (Wire::default(), Instant::now());
        let config = Config::default().keep_alive(None);
        let (session, mode) = match client {
            true => (Session::client(config, now), yamux::Mode::Server),
            false => (Session::server(config, now), yamux::Mode::Client),
        };
        let peer = yamux::Connection::new(wire.clone(), yamux::Config::default(), mode);
        Both {
            session,
            peer,
            wire,
            now,
            inbound: Vec::new(),
        }
    }

    /// Carries bytes both ways, in pieces of chance sizes, until no more come.
    fn exchange(&mut self, rng: &mut Rng) {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut busy = false;
            while let Some(bytes) = self.session.poll_transmit() {
                let n = rng.size(bytes.len());
                self.wire.to_peer.borrow_mut().extend(&bytes[..n]);
                self.session.transmitted(self.now, n);
                busy = true;
            }
            while let Poll::Ready(inbound) = self.peer.poll_next_inbound(&mut cx) {
                let stream = inbound.expect("the connection goes on").unwrap();
                self.inbound.push(stream);
                busy = true;
            }
            let arrived: Vec<u8> = self.wire.to_session.borrow_mut().drain(..).collect();
            let mut rest = &arrived[..];
            while !rest.is_empty() {
                let n = rng.size(rest.len());
                self.session.handle_input(self.now, &rest[..n]).unwrap();
                rest = &rest[n..];
                busy = true;
            }
            self.session.input_drained();
            while self.session.poll_event().is_some() {}
            if !busy {
                return;
            }
        }
    }

    fn open_here(&mut self, rng: &mut Rng) -> (StreamKey, yamux::Stream) {
        let Poll::Ready(Ok(key)) = self.session.open() else {
            panic!("no stream can be opened");
        };
        // The other implementation acknowledges a stream with its first frame.
        self.exchange(rng);
        (key, self.inbound.pop().expect("the stream arrives"))
    }

    fn open_there(&mut self, rng: &mut Rng) -> (StreamKey, yamux::Stream) {
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(mut stream)) = self.peer.poll_new_outbound(&mut cx) else {
            panic!("no stream can be opened");
        };
        // It opens a stream with its first frame.
        let written = Pin::new(&mut stream).poll_write(&mut cx, b"?");
        assert!(matches!(written, Poll::Ready(Ok(1))));
        self.exchange(rng);
        let Poll::Ready(Ok(key)) = self.session.accept() else {
            panic!("no stream arrived");
        };
        let mut byte = [0];
        assert_eq!(self.session.read(key, &mut byte), Poll::Ready(Ok(1)));
        assert_eq!(&byte, b"?");
        (key, stream)
    }
}

/// A stream between the two, and how far each direction is.
struct Talk {
    key: StreamKey,
    stream: yamux::Stream,
    seed: u32,
    len: usize,
    /// Written here, read there, written there, read here.
    done: [usize; 4],
    closed: [bool; 2],
    ends: [bool; 2],
}

impl Talk {
    fn is_done(&self) -> bool {
        self.done == [self.len; 4] && self.ends == [true; 2]
    }

    /// Does a bit of one of the four things.
    fn step(&mut self, both: &mut Both, rng: &mut Rng) {
        let mut cx = Context::from_waker(Waker::noop());
        let size = rng.size(100_000);
        let (from_here, from_there) = (self.seed, self.seed + 1);
        match rng.below(4) {
            0 if self.done[0] < self.len => {
                let end = self.len.min(self.done[0] + size);
                let data = pattern(from_here, self.done[0]..end);
                if let Poll::Ready(n) = both.session.write(self.key, &data) {
                    self.done[0] += n.unwrap();
                }
            }
            0 if !self.closed[0] => {
                both.session.finish(self.key);
                self.closed[0] = true;
            }
            1 if !self.ends[1] => {
                let mut buffer = vec![0; size];
                if let Poll::Ready(n) = Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
                    let n = n.unwrap();
                    self.ends[1] = n == 0;
                    assert!(buffer[..n] == pattern(from_here, self.done[1]..self.done[1] + n));
                    self.done[1] += n;
                }
            }
            2 if self.done[2] < self.len => {
                let end = self.len.min(self.done[2] + size);
                let data = pattern(from_there, self.done[2]..end);
                if let Poll::Ready(n) = Pin::new(&mut self.stream).poll_write(&mut cx, &data) {
                    self.done[2] += n.unwrap();
                }
            }
            2 if !self.closed[1] => {
                self.closed[1] = Pin::new(&mut self.stream).poll_close(&mut cx).is_ready();
            }
            3 if !self.ends[0] => {
                let mut buffer = vec![0; size];
                if let Poll::Ready(n) = both.session.read(self.key, &mut buffer) {
                    let n = n.unwrap();
                    self.ends[0] = n == 0;
                    assert!(buffer[..n] == pattern(from_there, self.done[3]..self.done[3] + n));
                    self.done[3] += n;
                }
            }
            _ => {}
        }
    }
}

/// Many streams of both sides at once, both ways, in steps of chance.
#[test]
fn streams_of_both_sides_carry_all_both_ways() {
    for seed in 0..12 {
        let mut rng = Rng::new(seed);
        let mut both = Both::new(seed % 2 == 0);
        let mut talks: Vec<_> = (0..6)
            .map(|n| {
                let (key, stream) = match n % 2 {
                    0 => both.open_here(&mut rng),
                    _ => both.open_there(&mut rng),
                };
                Talk {
                    key,
                    stream,
                    seed: 2 * n,
                    len: rng.size(1 << 20),
                    done: [0; 4],
                    closed: [false; 2],
                    ends: [false; 2],
                }
            })
            .collect();
        let mut steps = 0;
        while !talks.iter().all(Talk::is_done) {
            let talk = rng.below(talks.len());
            talks[talk].step(&mut both, &mut rng);
            both.exchange(&mut rng);
            steps += 1;
            assert!(steps < 500_000, "seed {seed} comes to no end");
        }
        for talk in talks.drain(..) {
            both.session.drop_stream(both.now, talk.key);
        }
        both.exchange(&mut rng);
        assert_eq!(both.session.streams(), 0, "seed {seed}");
        assert!(both.session.ended().is_none());
    }
}

/// A stream that this side resets fails at the other, and one that the other drops ends here.
#[test]
fn ends_of_one_side_reach_the_other() {
    let mut rng = Rng::new(1);
    let mut cx = Context::from_waker(Waker::noop());
    let mut both = Both::new(true);
    let (key, mut stream) = both.open_here(&mut rng);
    both.session.reset_stream(key);
    both.exchange(&mut rng);
    let read = Pin::new(&mut stream).poll_read(&mut cx, &mut [0; 8]);
    assert!(
        matches!(read, Poll::Ready(Ok(0) | Err(_))),
        "it ended: {read:?}"
    );
    assert_eq!(both.session.streams(), 0);

    let (key, stream) = both.open_here(&mut rng);
    drop(stream);
    both.exchange(&mut rng);
    let read = both.session.read(key, &mut [0; 8]);
    assert!(matches!(read, Poll::Ready(Ok(0) | Err(_))), "{read:?}");
    both.session.drop_stream(both.now, key);
    both.exchange(&mut rng);
    assert_eq!(both.session.streams(), 0);
}

//! Each transition of a session, by frames that a test writes and reads itself.

mod end;
mod flow;
mod large;
mod streams;

use std::task::Poll;
use std::time::{Duration, Instant};

use super::super::frame::{HEADER, Header, Kind, SYN};
use super::super::{Event, StreamKey};
use super::Session;
use crate::Config;
use crate::error::SessionError;

/// A client's session, whose peer is the test.
struct Side {
    session: Session,
    now: Instant,
}

impl Side {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let now = Instant::now();
        Side {
            session: Session::client(config, now),
            now,
        }
    }

    /// The peer sends a frame without a body.
    fn frame(
        &mut self,
        kind: Kind,
        flags: u16,
        stream: u32,
        length: u32,
    ) -> Result<(), SessionError> {
        let header = Header {
            kind,
            flags,
            stream,
            length,
        };
        self.session.handle_input(self.now, &header.encode())
    }

    fn update(&mut self, flags: u16, stream: u32, length: u32) {
        self.frame(Kind::WindowUpdate, flags, stream, length)
            .unwrap();
    }

    /// The peer sends data.
    fn data(&mut self, flags: u16, stream: u32, body: &[u8]) {
        self.frame(Kind::Data, flags, stream, body.len() as u32)
            .unwrap();
        self.session.handle_input(self.now, body).unwrap();
    }

    /// What goes to the peer: each frame's kind, flags, stream and length.
    fn output(&mut self) -> Vec<(Kind, u16, u32, u32)> {
        let mut bytes = Vec::new();
        while let Some(more) = self.session.poll_transmit() {
            let n = more.len();
            bytes.extend_from_slice(more);
            self.session.transmitted(self.now, n);
        }
        let mut rest = bytes.as_slice();
        let mut frames = Vec::new();
        while let Some((header, behind)) = rest.split_first_chunk::<HEADER>() {
            let header = Header::decode(*header).unwrap();
            let body = if header.kind == Kind::Data {
                header.length as usize
            } else {
                0
            };
            frames.push((header.kind, header.flags, header.stream, header.length));
            rest = &behind[body..];
        }
        assert!(rest.is_empty());
        frames
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn open(&mut self) -> StreamKey {
        let Poll::Ready(Ok(key)) = self.session.open() else {
            panic!("no stream was opened");
        };
        self.output();
        key
    }

    /// The peer opens a stream, which is accepted.
    fn accept(&mut self, stream: u32) -> StreamKey {
        self.update(SYN, stream, 0);
        let Poll::Ready(Ok(key)) = self.session.accept() else {
            panic!("no stream was accepted");
        };
        assert_eq!(key.number(), stream);
        self.output();
        self.events();
        key
    }

    /// All that has arrived on a stream, and how reading it ended.
    fn read(
        &mut self,
        key: StreamKey,
    ) -> (Vec<u8>, Poll<Result<usize, super::super::StreamClosed>>) {
        let mut read = Vec::new();
        let mut buffer = [0; 1000];
        loop {
            match self.session.read(key, &mut buffer) {
                Poll::Ready(Ok(n)) if n > 0 => read.extend_from_slice(&buffer[..n]),
                end => return (read, end),
            }
        }
    }

    fn wait(&mut self, wait: Duration) {
        self.now += wait;
        self.session.handle_timeout(self.now);
    }
}

//! A conversation as text, from the bytes that go over a connection.

mod calls;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use bytes::{Buf, BytesMut};

use self::calls::Exchange;
use super::wire::Side;
use crate::mux::proto::frame::{FIN, HEADER, Header, Kind, RST, SYN};

/// Follows the streams of one connection.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    from_host: Frames,
    from_plugin: Frames,
    /// In the order in which they were opened.
    streams: Vec<Stream>,
    /// Where in `streams` a stream's number is.
    numbers: BTreeMap<u32, usize>,
}

/// The frames of one direction.
#[derive(Debug, Default)]
struct Frames {
    bytes: BytesMut,
    /// Bytes that are no frames: all that follow are none either.
    noise: bool,
}

impl Frames {
    fn next(&mut self) -> Option<(Header, BytesMut)> {
        let header = *self.bytes.first_chunk::<HEADER>()?;
        let Ok(header) = Header::decode(header) else {
            self.noise = true;
            return None;
        };
        let length = match header.kind {
            Kind::Data => header.length as usize,
            _ => 0,
        };
        if self.bytes.len() - HEADER < length {
            return None;
        }
        self.bytes.advance(HEADER);
        Some((header, self.bytes.split_to(length)))
    }
}

#[derive(Debug)]
struct Stream {
    opener: Side,
    what: What,
    /// What its opener sends.
    asked: Half,
    /// What the other side sends.
    answered: Half,
    exchange: Exchange,
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Control,
    Stdout,
    Stderr,
    Brokered,
}

/// One direction of a stream.
#[derive(Debug, Default)]
struct Half {
    /// The broker's four bytes, until they are complete.
    preface: Vec<u8>,
    end: Option<&'static str>,
}

impl Recorder {
    /// Takes note of bytes that a side sends. Returns the methods that are called by them.
    pub(super) fn note(&mut self, from: Side, bytes: &[u8]) -> Vec<String> {
        let frames = match from {
            Side::Host => &mut self.from_host,
            Side::Plugin => &mut self.from_plugin,
        };
        if frames.noise {
            return Vec::new();
        }
        frames.bytes.extend_from_slice(bytes);
        let mut called = Vec::new();
        loop {
            let frames = match from {
                Side::Host => &mut self.from_host,
                Side::Plugin => &mut self.from_plugin,
            };
            let Some((header, body)) = frames.next() else {
                return called;
            };
            called.extend(self.frame(from, header, &body));
        }
    }

    fn frame(&mut self, from: Side, header: Header, body: &[u8]) -> Vec<String> {
        if header.stream == 0 {
            return Vec::new();
        }
        if header.has(SYN) {
            let what = match (from, self.of_host()) {
                (Side::Host, 0) => What::Control,
                (Side::Host, 1) => What::Stdout,
                (Side::Host, 2) => What::Stderr,
                _ => What::Brokered,
            };
            self.numbers.insert(header.stream, self.streams.len());
            self.streams.push(Stream {
                opener: from,
                what,
                asked: Half::default(),
                answered: Half::default(),
                exchange: Exchange::default(),
            });
        }
        let at = self.numbers.get(&header.stream);
        match at.and_then(|&at| self.streams.get_mut(at)) {
            Some(stream) => stream.frame(from, header, body),
            None => Vec::new(),
        }
    }

    fn of_host(&self) -> usize {
        let of_host = |stream: &&Stream| stream.opener == Side::Host;
        self.streams.iter().filter(of_host).count()
    }
}

impl Stream {
    fn frame(&mut self, from: Side, header: Header, mut body: &[u8]) -> Vec<String> {
        let asks = from == self.opener;
        let half = match asks {
            true => &mut self.asked,
            false => &mut self.answered,
        };
        if self.what == What::Brokered {
            let missing = body.len().min(4 - half.preface.len());
            half.preface.extend_from_slice(&body[..missing]);
            body = &body[missing..];
        }
        if half.end.is_none() {
            half.end = match (header.has(RST), header.has(FIN)) {
                (true, _) => Some("reset"),
                (_, true) => Some("end"),
                _ => None,
            };
        }
        match asks {
            true => self.exchange.asked(body),
            false => {
                self.exchange.answered(body);
                Vec::new()
            }
        }
    }
}

impl fmt::Display for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stream in &self.streams {
            let name = match (stream.what, stream.opener) {
                (What::Control, _) => "control".to_owned(),
                (What::Stdout, _) => "stdout".to_owned(),
                (What::Stderr, _) => "stderr".to_owned(),
                (What::Brokered, opener) => {
                    let opener = match opener {
                        Side::Host => "host",
                        Side::Plugin => "plugin",
                    };
                    match <[u8; 4]>::try_from(&stream.asked.preface[..]) {
                        Ok(id) => format!("{opener} dials {}", u32::from_le_bytes(id)),
                        Err(_) => format!("{opener} opens a stream"),
                    }
                }
            };
            if stream.what != What::Brokered && stream.exchange.is_empty() {
                continue;
            }
            writeln!(f, "{name}")?;
            stream
                .exchange
                .fmt(f, stream.asked.end, stream.answered.end)?;
        }
        for (side, frames) in [("host", &self.from_host), ("plugin", &self.from_plugin)] {
            if frames.noise {
                writeln!(f, "the {side} sends bytes that are no frames")?;
            }
        }
        Ok(())
    }
}

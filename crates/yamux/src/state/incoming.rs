//! Frames come in.

use super::entry::{Entry, Peer};
use super::{Next, State};
use crate::error::Noise;
use crate::error::SessionError;
use crate::frame::{
    ACK, FIN, GO_AWAY_INTERNAL_ERROR, GO_AWAY_NORMAL, GO_AWAY_PROTOCOL_ERROR, HEADER, Header, Kind,
    RST, SYN,
};

impl State {
    pub(crate) fn next(&self) -> Next {
        self.next
    }

    /// Takes the peer's next bytes, cut anywhere.
    pub(crate) fn receive(&mut self, mut bytes: &[u8]) -> Result<(), SessionError> {
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
                        let size = entry.received.size();
                        entry.received.extend(&bytes[..n], &mut self.spare);
                        self.budget
                            .change(entry.accepted, size, entry.received.size());
                    }
                    self.body_arrived(n);
                    if self.budget.is_over() {
                        self.relieve();
                    }
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
            Kind::Ping if header.has(SYN) => {
                self.answer(Kind::Ping, ACK, 0, header.length);
                self.noise(Noise::Pings)?;
            }
            // Only the answer to the question is a sign of life.
            Kind::Ping if self.asked == Some(header.length) => self.asked = None,
            Kind::Ping => self.noise(Noise::Pings)?,
            Kind::GoAway => match header.length {
                GO_AWAY_NORMAL => {
                    if std::mem::replace(&mut self.gone_away, true) {
                        self.noise(Noise::EmptyFrames)?;
                    }
                }
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
            return match header.has(SYN) {
                true => Ok(()),
                false => self.unknown_stream(body),
            };
        };
        let is_news = header.length > 0
            || header.has(SYN | RST)
            || header.has(ACK) && entry.unacknowledged
            || header.has(FIN) && entry.peer == Peer::Open;
        if header.has(ACK) {
            entry.acknowledge(&self.openable);
        }
        if header.has(RST) {
            self.take_reset(id);
            return match id % 2 == self.next_id % 2 {
                true => Ok(()),
                false => self.noise(Noise::ResetStreams),
            };
        }
        if header.kind == Kind::WindowUpdate {
            let Some(window) = entry.send_window.checked_add(header.length) else {
                return Err(self.breach(format!("its window for stream {id} exceeds 4 GiB")));
            };
            // A writer that waits with a window waits for the connection.
            if entry.send_window == 0 && window > 0 {
                self.wakes.add(entry.writer.take());
            }
            entry.send_window = window;
        } else if body > entry.receive_window {
            let window = entry.receive_window;
            return Err(self.breach(format!(
                "it sent {body} bytes on stream {id}, of which it may send {window}"
            )));
        } else if body > 0 {
            entry.receive_window -= body;
            if entry.dropped.is_some() {
                if entry.receive_window == 0 {
                    self.exhausted.push(id);
                }
            } else if !matches!(entry.peer, Peer::Cut { .. }) {
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
        match is_news {
            true => Ok(()),
            false => self.noise(Noise::EmptyFrames),
        }
    }

    /// The peer opens a stream. One that is too many is refused with RST.
    fn take_syn(&mut self, id: u32) -> Result<(), SessionError> {
        if id == 0 || id % 2 == self.next_id % 2 {
            return Err(self.breach(format!("it opened stream {id}, which is not its to open")));
        }
        if self.streams.contains_key(&id) {
            return Err(self.breach(format!("it opened stream {id} twice")));
        }
        if self.streams.len() >= self.config.max_streams {
            self.answer(Kind::WindowUpdate, RST, id, 0);
            return self.refused(id, "too many streams");
        }
        if self.accepting.len() >= self.config.accept_backlog {
            self.answer(Kind::WindowUpdate, RST, id, 0);
            return self.refused(id, "backlog exceeded");
        }
        self.streams.insert(id, Entry::new(false));
        self.accepting.push_back(id);
        self.arrived.add_permits(1);
        self.fresh = true;
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
        if !entry.peer.is_reset() {
            entry.peer = Peer::Reset;
        }
        self.wakes.add(entry.reader.take());
        self.wakes.add(entry.writer.take());
        entry.acknowledge(&self.openable);
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
    pub(crate) fn body_room(&mut self, n: usize) -> Option<&mut [u8]> {
        match self.next {
            Next::Body { stream, .. } => {
                let entry = self.streams.get_mut(&stream)?;
                let size = entry.received.size();
                entry.received.reserve(n, &mut self.spare);
                self.budget
                    .change(entry.accepted, size, entry.received.size());
                Some(entry.received.room(n))
            }
            Next::Header | Next::Skip { .. } => None,
        }
    }

    /// So much of a body got into its [room](Self::body_room).
    pub(crate) fn body_filled(&mut self, n: usize) {
        if let Next::Body { stream, .. } = self.next
            && let Some(entry) = self.streams.get_mut(&stream)
        {
            entry.received.filled(n);
        }
        self.body_arrived(n);
        if self.budget.is_over() {
            self.relieve();
        }
    }

    /// So much of a body has arrived, wherever it was put.
    pub(super) fn body_arrived(&mut self, n: usize) {
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
}

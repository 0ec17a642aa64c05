//! Frames come in.

use std::time::Instant;

use super::super::direct_read::{DirectRead, NextRead, ReadOwner};
use super::super::event::{Event, Warning};
use super::super::frame::{
    ACK, FIN, GO_AWAY_INTERNAL_ERROR, GO_AWAY_NORMAL, GO_AWAY_PROTOCOL_ERROR, HEADER, Header, Kind,
    RST, SYN,
};
use super::super::store::StreamKey;
use super::super::stream::{PeerSide, StreamState};
use super::super::time::Now;
use super::{RecvState, Session, WINDOW};
use crate::error::{Noise, SessionError};
use crate::observer::Observation;
use crate::tuning::{FRAME, HEADER_INPUT, INPUT, LARGE};

impl Session {
    /// Takes the peer's next bytes, cut anywhere.
    ///
    /// Once no more has arrived, call [`input_drained`](Self::input_drained).
    ///
    /// # Errors
    ///
    /// Where the peer breaks the protocol's rules, and where the session has ended. The session is
    /// over then. A GoAway may be queued, which tells the peer: write it before the connection is
    /// closed.
    pub fn handle_input(&mut self, now: impl Now, bytes: &[u8]) -> Result<(), SessionError> {
        if let Some(reason) = &self.ended {
            return Err(reason.clone());
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.received += bytes.len() as u64;
        let taken = self.take_bytes(now, bytes);
        self.owner.frames_came(self.large_body());
        if let Err(reason) = &taken {
            self.end(reason.clone());
        }
        taken
    }

    /// No more has arrived: resets the dropped streams on which the peer can send no more. Not
    /// before, since the peer may have finished them in what came last.
    pub fn input_drained(&mut self) {
        for key in std::mem::take(&mut self.exhausted) {
            if self.streams.get(key).is_some_and(StreamState::is_dropped) {
                self.reset_at_peer(key);
            }
        }
    }

    /// The stream of which the rest of a large frame comes next.
    fn large_body(&self) -> Option<StreamKey> {
        match self.recv {
            RecvState::Body { key, left, .. } if left as usize >= LARGE => Some(key),
            _ => None,
        }
    }

    fn take_bytes(&mut self, now: impl Now, mut bytes: &[u8]) -> Result<(), SessionError> {
        while !bytes.is_empty() {
            match self.recv {
                RecvState::Header => {
                    let n = bytes.len().min(HEADER - self.header_len);
                    self.header[self.header_len..][..n].copy_from_slice(&bytes[..n]);
                    self.header_len += n;
                    bytes = &bytes[n..];
                    if self.header_len == HEADER {
                        self.header_len = 0;
                        let header = Header::decode(self.header)
                            .map_err(|error| SessionError::Protocol(error.to_string()))?;
                        self.take_header(now, header)?;
                    }
                }
                RecvState::Body { key, left, .. } => {
                    let n = bytes.len().min(left as usize);
                    if let Some(stream) = self.streams.get_mut(key) {
                        let size = stream.buffer.size();
                        stream.buffer.extend(&bytes[..n], &mut self.spare);
                        self.budget
                            .change(stream.accepted, size, stream.buffer.size());
                    }
                    self.body_arrived(n);
                    self.relieve(now);
                    bytes = &bytes[n..];
                }
                RecvState::Skip { left } => {
                    let n = bytes.len().min(left as usize);
                    self.recv = match left - n as u32 {
                        0 => RecvState::Header,
                        left => RecvState::Skip { left },
                    };
                    bytes = &bytes[n..];
                }
            }
        }
        Ok(())
    }

    fn take_header(&mut self, now: impl Now, header: Header) -> Result<(), SessionError> {
        match header.kind {
            Kind::Ping if header.has(SYN) => {
                self.push_answer(Kind::Ping, ACK, 0, header.length);
                self.count_noise(now, Noise::Pings)?;
            }
            // Only the answer to the last ping is a sign of life.
            Kind::Ping => {
                if !self.keep_alive.answered(header.length) {
                    self.count_noise(now, Noise::Pings)?;
                }
            }
            Kind::GoAway => self.take_go_away(now, header.length)?,
            Kind::Data | Kind::WindowUpdate => self.take_stream_frame(now, header)?,
        }
        Ok(())
    }

    fn take_go_away(&mut self, now: impl Now, code: u32) -> Result<(), SessionError> {
        let text = match code {
            GO_AWAY_NORMAL => {
                if std::mem::replace(&mut self.gone_away, true) {
                    self.count_noise(now, Noise::EmptyFrames)?;
                }
                return Ok(());
            }
            GO_AWAY_PROTOCOL_ERROR => "it says that it was sent something that is not yamux".into(),
            GO_AWAY_INTERNAL_ERROR => "it says that it went wrong".into(),
            code => format!("it goes away with the unknown code {code}"),
        };
        Err(SessionError::Protocol(text))
    }

    fn take_stream_frame(&mut self, now: impl Now, header: Header) -> Result<(), SessionError> {
        let number = header.stream;
        let body = match header.kind {
            Kind::Data => header.length,
            _ => 0,
        };
        self.recv = match body {
            0 => RecvState::Header,
            left => RecvState::Skip { left },
        };
        if header.has(SYN) {
            self.take_syn(now, number)?;
        }
        // Go, too, ignores what comes for a stream that is gone.
        let Some(key) = self.streams.find(number) else {
            return match header.has(SYN) {
                true => Ok(()),
                false => self.take_unknown(now, body),
            };
        };
        let acknowledges = header.has(ACK) && self.acknowledge(key);
        let Some(stream) = self.streams.get_mut(key) else {
            return Ok(());
        };
        let is_news = header.length > 0
            || header.has(SYN | RST)
            || acknowledges
            || header.has(FIN) && stream.is_peer_open();
        if header.has(RST) {
            self.take_reset(key);
            return match number % 2 == self.next_number % 2 {
                true => Ok(()),
                false => self.count_noise(now, Noise::ResetStreams),
            };
        }
        if header.kind == Kind::WindowUpdate {
            let Some(opened) = stream.send_window.grant(header.length) else {
                let text = format!("its window for stream {number} exceeds 4 GiB");
                return Err(self.breach(text));
            };
            // A writer that waits although there is a window waits for the connection.
            if opened {
                self.wake_writer(key);
            }
        } else {
            if let Err(window) = stream.receive_window.receive(body) {
                return Err(self.breach(format!(
                    "it sent {body} bytes on stream {number}, of which it may send {window}"
                )));
            }
            if body > 0 {
                if stream.is_dropped() {
                    if stream.receive_window.is_used_up() {
                        self.exhausted.push(key);
                    }
                } else if !matches!(stream.peer, PeerSide::Cut { .. }) {
                    self.recv = RecvState::Body {
                        key,
                        left: body,
                        finish: header.has(FIN),
                    };
                    return Ok(());
                }
            }
        }
        if header.has(FIN) {
            self.take_finish(key);
        }
        match is_news {
            true => Ok(()),
            false => self.count_noise(now, Noise::EmptyFrames),
        }
    }

    /// The peer opens a stream. One that is too many is refused with RST.
    fn take_syn(&mut self, now: impl Now, number: u32) -> Result<(), SessionError> {
        if number == 0 || number % 2 == self.next_number % 2 {
            let text = format!("it opened stream {number}, which is not its to open");
            return Err(self.breach(text));
        }
        if self.streams.find(number).is_some() {
            return Err(self.breach(format!("it opened stream {number} twice")));
        }
        if self.streams.len() >= self.config.max_streams {
            return self.refuse(now, number, "max_streams", "too many streams");
        }
        if self.accepting.len() >= self.config.accept_backlog {
            return self.refuse(now, number, "accept_backlog", "backlog exceeded");
        }
        let key = self.streams.insert(number, StreamState::new(false));
        self.accepting.push_back(key);
        self.newly_opened = true;
        self.wake_accepter();
        self.observe(Observation::StreamOpened {
            stream: number,
            by_peer: true,
        });
        Ok(())
    }

    fn refuse(
        &mut self,
        now: impl Now,
        number: u32,
        limit: &'static str,
        why: &'static str,
    ) -> Result<(), SessionError> {
        self.observe(Observation::LimitMet { limit });
        self.push_answer(Kind::WindowUpdate, RST, number, 0);
        if let Some(refused) = self.noise.note_refusal(now.now()) {
            self.events.push_back(Event::Warning(Warning::Refused {
                stream: number,
                why,
                more: refused - 1,
            }));
        }
        // The peer sends data with the stream and behind it, until it reads the RST.
        self.noise.stream_gone(WINDOW);
        self.count_noise(now, Noise::RefusedStreams)
    }

    /// A frame came for a stream that does not exist.
    fn take_unknown(&mut self, now: impl Now, body: u32) -> Result<(), SessionError> {
        match self.noise.was_in_flight(body) {
            true => Ok(()),
            false => self.count_noise(now, Noise::UnknownStreams),
        }
    }

    /// The peer sent something of no use: an error once that is too much.
    fn count_noise(&mut self, now: impl Now, noise: Noise) -> Result<(), SessionError> {
        let Err(per_second) = self.noise.count(noise, now) else {
            return Ok(());
        };
        self.observe(Observation::LimitMet { limit: "max_noise" });
        self.push(Kind::GoAway, 0, 0, GO_AWAY_PROTOCOL_ERROR);
        Err(SessionError::Noise { noise, per_second })
    }

    /// The peer broke the rules, and gets a GoAway as from Go.
    fn breach(&mut self, text: String) -> SessionError {
        self.push(Kind::GoAway, 0, 0, GO_AWAY_PROTOCOL_ERROR);
        SessionError::Protocol(text)
    }

    fn take_finish(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let is_dropped = stream.is_dropped();
        if stream.peer_finished() {
            self.wake_reader(key);
        }
        if is_dropped {
            self.remove(key);
        }
    }

    fn take_reset(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let is_dropped = stream.is_dropped();
        stream.peer_reset();
        self.wake_reader(key);
        self.wake_writer(key);
        self.acknowledge(key);
        if is_dropped {
            self.remove(key);
        }
    }

    /// `n` bytes of a body have arrived, wherever they were put.
    fn body_arrived(&mut self, n: usize) {
        let RecvState::Body { key, left, finish } = self.recv else {
            return;
        };
        self.wake_reader(key);
        let left = left - n as u32;
        if left > 0 {
            self.recv = RecvState::Body { key, left, finish };
            return;
        }
        self.recv = RecvState::Header;
        if finish {
            self.take_finish(key);
        }
    }

    // Large frames, read from the connection to where they are wanted.

    /// What the session's driver is to read next: for callers that read large frames without
    /// copying them through a buffer of their own. Others give [`handle_input`](Self::handle_input)
    /// what they read, and need none of the methods below.
    ///
    /// Where the large frame of a stream comes next whose reader waits with a large buffer, the
    /// reader is lent the connection: it gets an [`Event::Readable`], and reads by
    /// [`direct_read`](Self::direct_read). The driver gets [`NextRead::Lent`] until then.
    pub fn next_read(&mut self, now: impl Now) -> NextRead {
        if !self.owner.is_driver() {
            return NextRead::Lent;
        }
        if self.queue.is_full_of_answers() {
            return NextRead::Full;
        }
        let large = match self.recv {
            RecvState::Header => self.owner.large(),
            _ => self.large_body(),
        };
        if let Some(key) = large
            && self.closing.is_none()
            && self.call_reader(key)
        {
            self.owner = ReadOwner::lend(key, now.now(), self.received);
            return NextRead::Lent;
        }
        match self.recv {
            RecvState::Body { left, .. } if large.is_some() => {
                NextRead::Body(FRAME.min(left as usize))
            }
            RecvState::Header if large.is_some() => NextRead::Frames(HEADER_INPUT),
            _ => NextRead::Frames(INPUT),
        }
    }

    /// Whether a reader with large buffers waits for this stream, or has something to read before
    /// it does. One that waits is woken.
    fn call_reader(&mut self, key: StreamKey) -> bool {
        let Some(stream) = self.streams.get(key) else {
            return false;
        };
        let is_here = stream.read_blocked || !stream.buffer.is_empty();
        if !stream.wants_direct || !stream.responsive || !is_here {
            return false;
        }
        self.wake_reader(key);
        true
    }

    /// Whether large frames come, or the last one that came was large.
    #[must_use]
    pub fn expects_large(&self) -> bool {
        self.owner.large().is_some()
    }

    /// Where the next `n` bytes of a large frame are to be put, after [`NextRead::Body`]. They
    /// count once they are [`body_filled`](Self::body_filled).
    pub fn body_buffer(&mut self, n: usize) -> Option<&mut [u8]> {
        let RecvState::Body { key, .. } = self.recv else {
            return None;
        };
        let stream = self.streams.get_mut(key)?;
        let size = stream.buffer.size();
        stream.buffer.reserve(n, &mut self.spare);
        self.budget
            .change(stream.accepted, size, stream.buffer.size());
        Some(stream.buffer.room(n))
    }

    /// `n` bytes were read into the [`body_buffer`](Self::body_buffer).
    pub fn body_filled(&mut self, now: impl Now, n: usize) {
        if let RecvState::Body { key, .. } = self.recv
            && let Some(stream) = self.streams.get_mut(key)
        {
            stream.buffer.filled(n);
        }
        self.received += n as u64;
        self.body_arrived(n);
        self.relieve(now);
    }

    /// Whether the stream's reader is lent the connection.
    #[must_use]
    pub fn reads_directly(&self, key: StreamKey) -> bool {
        self.owner.is_stream(key)
    }

    /// What the reader of a stream is to read next, with a buffer that has room for `room` bytes,
    /// while it is [lent](Self::reads_directly) the connection.
    #[must_use]
    pub fn direct_read(&self, key: StreamKey, room: usize) -> DirectRead {
        if self.queue.is_full_of_answers() || !self.owner.is_stream(key) {
            return DirectRead::Other;
        }
        match self.recv {
            RecvState::Body {
                key: next, left, ..
            } if next == key => {
                let left = left as usize;
                let len = room.min(left);
                if len < LARGE.min(left) {
                    return DirectRead::NoRoom;
                }
                // With the end of a body comes the next header.
                let behind = if len == left { HEADER_INPUT } else { 0 };
                DirectRead::Body { len, behind }
            }
            RecvState::Header if room >= LARGE => DirectRead::Frames(HEADER_INPUT),
            RecvState::Header => DirectRead::NoRoom,
            _ => DirectRead::Other,
        }
    }

    /// `n` bytes of a large frame were read into its reader's buffer.
    pub fn body_read(&mut self, n: usize) {
        let RecvState::Body { key, .. } = self.recv else {
            return;
        };
        if let Some(stream) = self.streams.get_mut(key) {
            // The reader is here, and needs no event.
            stream.read_blocked = false;
        }
        self.received += n as u64;
        self.body_arrived(n);
        self.consumed(key, n);
    }

    /// Gives the connection back to the driver. `more` is whether the next frame of the stream is
    /// expected to be a large one, too.
    pub fn end_direct_read(&mut self, more: bool) {
        match more {
            true => self.owner.give_back(),
            false => self.owner = ReadOwner::DRIVER,
        }
    }

    /// Resets dropped streams whose peer took too long.
    pub(super) fn reset_expired(&mut self, now: Instant) {
        while let Some((until, key)) = self.lingering.first().copied()
            && until <= now
        {
            self.reset_at_peer(key);
        }
    }
}

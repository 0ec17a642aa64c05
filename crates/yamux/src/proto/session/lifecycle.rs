//! Streams come and go.

use std::task::Poll;
use std::time::Instant;

use super::super::event::{Event, Warning};
use super::super::frame::{ACK, FIN, Kind, RST, SYN, UNACKNOWLEDGED};
use super::super::store::StreamKey;
use super::super::stream::{LocalSide, StreamState};
use super::super::time::{Now, later};
use super::{RecvState, Session};
use crate::error::{OpenError, SessionError};
use crate::observer::Observation;

impl Session {
    /// Whether a stream may be opened or accepted now. The peer may acknowledge and open streams
    /// without reading what it is sent, and that must not pile up.
    #[must_use]
    pub fn has_room_for_streams(&self) -> bool {
        self.ended.is_some() || self.queue.has_room_for_streams()
    }

    /// Opens a stream.
    ///
    /// Pending while 256 streams wait for the peer's ACK, and while 256 KiB are queued: an
    /// [`Event::Openable`] follows.
    ///
    /// # Errors
    ///
    /// Where the session has ended, the peer accepts no streams, as many are open as
    /// [`Config::max_streams`](crate::Config::max_streams) allows, or all numbers were used.
    pub fn open(&mut self) -> Poll<Result<StreamKey, OpenError>> {
        if let Some(reason) = &self.ended {
            return Poll::Ready(Err(reason.clone().into()));
        }
        if self.unacknowledged >= UNACKNOWLEDGED || !self.has_room_for_streams() {
            self.open_blocked = true;
            return Poll::Pending;
        }
        Poll::Ready(self.open_now())
    }

    fn open_now(&mut self) -> Result<StreamKey, OpenError> {
        if self.gone_away {
            return Err(OpenError::GoAway);
        }
        let open = self.streams.len();
        if open >= self.config.max_streams {
            self.observe(Observation::LimitMet {
                limit: "max_streams",
            });
            return Err(OpenError::TooManyStreams { open });
        }
        let number = self.next_number;
        self.next_number = number.checked_add(2).ok_or(OpenError::Exhausted)?;
        let key = self.streams.insert(number, StreamState::new(true));
        self.unacknowledged += 1;
        self.push(Kind::WindowUpdate, SYN, number, 0);
        self.newly_opened = true;
        self.observe(Observation::StreamOpened {
            stream: number,
            by_peer: false,
        });
        Ok(key)
    }

    /// Accepts the next stream that the peer opened.
    ///
    /// Pending while there is none, and while 256 KiB are queued: an [`Event::Acceptable`] follows.
    ///
    /// # Errors
    ///
    /// Where the session has ended, and all streams of the peer were accepted.
    pub fn accept(&mut self) -> Poll<Result<StreamKey, SessionError>> {
        if !self.has_room_for_streams() {
            self.accept_blocked = true;
            return Poll::Pending;
        }
        let Some(key) = self.accepting.pop_front() else {
            if let Some(reason) = &self.ended {
                return Poll::Ready(Err(reason.clone()));
            }
            self.accept_blocked = true;
            return Poll::Pending;
        };
        if let Some(stream) = self.streams.get_mut(key) {
            stream.accepted = true;
            self.budget.accept(stream.buffer.size());
            // A peer that has reset the stream knows it no more.
            if self.ended.is_none() && !stream.peer.is_reset() {
                self.push(Kind::WindowUpdate, ACK, key.number(), 0);
                self.newly_opened = true;
            }
        }
        Poll::Ready(Ok(key))
    }

    /// Ends this side of a stream with FIN, the first time.
    pub fn finish(&mut self, key: StreamKey) {
        if let Some(stream) = self.streams.get_mut(key)
            && stream.finish()
            && self.ended.is_none()
        {
            self.push(Kind::WindowUpdate, FIN, key.number(), 0);
            self.newly_opened = true;
        }
    }

    /// Gives up a stream, as `Close` does in Go: FIN tells the peer that no more comes. What the
    /// peer had sent is thrown away, and so is what it sends within the window that it was granted.
    ///
    /// A reset waits as long as it can: a Go peer that reads it loses what it had not read yet. The
    /// peer gets it once its window is used up, when it would wait for ever, or when it does not
    /// end its side within [`Config::stream_close_timeout`](crate::Config::stream_close_timeout).
    pub fn drop_stream(&mut self, now: impl Now, key: StreamKey) {
        self.finish(key);
        if self.reads_directly(key) {
            self.owner.give_back();
        }
        self.discard(key);
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        stream.read_blocked = false;
        stream.write_blocked = false;
        if self.ended.is_some() || !stream.is_peer_open() {
            self.remove(key);
            return;
        }
        let until = later(now.now(), self.config.stream_close_timeout);
        stream.linger(until);
        if stream.receive_window.is_used_up() {
            self.exhausted.push(key);
        }
        self.lingering.insert((until, key));
        if self.skip_body(key) {
            self.remove(key);
        }
    }

    /// Ends a stream as one that failed: with RST, unless both sides have ended it already.
    pub fn reset_stream(&mut self, key: StreamKey) {
        self.wake_reader(key);
        self.wake_writer(key);
        if self.reads_directly(key) {
            self.owner.give_back();
        }
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        if !stream.is_over() && self.ended.is_none() {
            self.push(Kind::WindowUpdate, RST, key.number(), 0);
            self.newly_opened = true;
        }
        self.remove(key);
    }

    /// Throws away what has arrived on a stream.
    fn discard(&mut self, key: StreamKey) {
        if let Some(stream) = self.streams.get_mut(key) {
            self.budget.change(stream.accepted, stream.buffer.size(), 0);
            stream.buffer.release(&mut self.spare);
        }
    }

    /// Has the rest of a body of this stream skipped. True where the peer finishes its side with
    /// it.
    fn skip_body(&mut self, key: StreamKey) -> bool {
        match self.recv {
            RecvState::Body {
                key: next,
                left,
                finish,
            } if next == key => {
                self.recv = RecvState::Skip { left };
                finish
            }
            _ => false,
        }
    }

    /// The peer knows a stream that was opened here, or it is gone. Whether that is new.
    pub(super) fn acknowledge(&mut self, key: StreamKey) -> bool {
        let is_new = match self.streams.get_mut(key) {
            Some(stream) => std::mem::take(&mut stream.unacknowledged),
            None => false,
        };
        if is_new {
            self.unacknowledged -= 1;
            self.wake_opener();
        }
        is_new
    }

    pub(super) fn remove(&mut self, key: StreamKey) {
        self.discard(key);
        self.acknowledge(key);
        self.skip_body(key);
        let Some(stream) = self.streams.remove(key) else {
            return;
        };
        if let LocalSide::Dropped { until } = stream.local {
            self.lingering.remove(&(until, key));
        }
        self.wide -= usize::from(stream.receive_window.is_wide());
        let window = match stream.peer_may_send() {
            true => stream.receive_window.available(),
            false => 0,
        };
        self.noise.stream_gone(window);
        self.observe(Observation::StreamClosed {
            stream: key.number(),
        });
    }

    /// Resets a stream that was dropped here.
    pub(super) fn reset_at_peer(&mut self, key: StreamKey) {
        self.push_answer(Kind::WindowUpdate, RST, key.number(), 0);
        self.remove(key);
    }

    /// Resets the streams that hold most, where all hold too much together.
    pub(super) fn relieve(&mut self, now: impl Now) {
        while let Some(exceeded) = self.budget.exceeded() {
            let limit = match exceeded.unaccepted {
                true => "max_unaccepted",
                false => "max_buffered",
            };
            self.observe(Observation::LimitMet { limit });
            let mut holders: Vec<_> = self
                .streams
                .iter()
                .filter(|(_, stream)| !exceeded.unaccepted || !stream.accepted)
                .map(|(key, stream)| (stream.buffer.size(), stream.buffer.len(), key))
                .filter(|(size, ..)| *size > 0)
                .collect();
            holders.sort_unstable();
            while !self.budget.is_relieved(exceeded) {
                let Some((size, _, key)) = holders.pop() else {
                    return;
                };
                self.cut(now.now(), key, size, exceeded.limit);
            }
        }
    }

    fn cut(&mut self, now: Instant, key: StreamKey, held: usize, limit: usize) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        stream.cut(limit);
        self.discard(key);
        self.acknowledge(key);
        self.wake_reader(key);
        self.wake_writer(key);
        self.skip_body(key);
        self.push_answer(Kind::WindowUpdate, RST, key.number(), 0);
        if let Some(resets) = self.budget.note_reset(now) {
            self.events.push_back(Event::Warning(Warning::Unread {
                stream: key.number(),
                held,
                limit,
                more: resets - 1,
            }));
        }
    }
}

//! Streams are read and written.

use std::task::Poll;

use super::super::frame::{HEADER, Header};
use super::super::store::StreamKey;
use super::super::stream::{PeerSide, StreamClosed};
use super::super::time::Now;
use super::Session;
use crate::observer::Observation;
use crate::tuning::{FRAME, LARGE};

impl Session {
    /// Moves what has arrived on a stream into `buffer`. `Ready(Ok(0))` is the end: the peer
    /// finished its side.
    ///
    /// Pending while no data is there: an [`Event::Readable`](super::super::Event::Readable)
    /// follows.
    ///
    /// # Errors
    ///
    /// Where the stream was reset or the session has ended, after all that had arrived was read.
    pub fn read(&mut self, key: StreamKey, buffer: &mut [u8]) -> Poll<Result<usize, StreamClosed>> {
        self.read_with(key, buffer.len(), |bytes| {
            buffer[..bytes.len()].copy_from_slice(bytes);
        })
    }

    /// As [`read`](Self::read), for buffers that are no slices: `take` gets the bytes, `max` at
    /// most. It is not called where there are none.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_with(
        &mut self,
        key: StreamKey,
        max: usize,
        take: impl FnOnce(&[u8]),
    ) -> Poll<Result<usize, StreamClosed>> {
        self.note_buffer(key, max);
        let n = self.take_received(key, max, take);
        if n > 0 {
            return Poll::Ready(Ok(n));
        }
        let Some(stream) = self.streams.get_mut(key) else {
            return Poll::Ready(Err(StreamClosed::SessionEnded));
        };
        match (stream.peer, stream.peer.closed()) {
            (_, Some(closed)) => Poll::Ready(Err(closed)),
            (PeerSide::Finished, _) => Poll::Ready(Ok(0)),
            _ if self.ended.is_some() => Poll::Ready(Err(StreamClosed::SessionEnded)),
            _ => {
                stream.responsive = true;
                stream.read_blocked = true;
                Poll::Pending
            }
        }
    }

    /// As [`read_with`](Self::read_with), for a reader that does not wait: 0 where no data is
    /// there.
    pub fn take_received(&mut self, key: StreamKey, max: usize, take: impl FnOnce(&[u8])) -> usize {
        let Some(stream) = self.streams.get_mut(key) else {
            return 0;
        };
        let n = stream.buffer.len().min(max);
        if n == 0 {
            return 0;
        }
        take(&stream.buffer.bytes()[..n]);
        let size = stream.buffer.size();
        stream.buffer.consume(n, &mut self.spare);
        self.budget
            .change(stream.accepted, size, stream.buffer.size());
        self.consumed(key, n);
        n
    }

    /// Says that the reader of a stream has come with a buffer for `room` bytes. Where that is
    /// large, the reader may be [lent](Self::next_read) the connection. [`read`](Self::read) does
    /// this itself.
    pub fn note_buffer(&mut self, key: StreamKey, room: usize) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.wants_direct = room >= LARGE;
        }
    }

    /// `n` bytes of a stream were read: the peer gets a window update from time to time.
    pub(super) fn consumed(&mut self, key: StreamKey, n: usize) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let finished = stream.is_finished();
        if stream.receive_window.consume(n, finished) && stream.is_peer_open() {
            self.window_updates.push(key);
        }
    }

    /// Queues a frame with the beginning of `data`, and says how much of it that is: as much as the
    /// peer's window, the queue and the length of a frame allow.
    ///
    /// Pending where that is no byte: an [`Event::Writable`](super::super::Event::Writable)
    /// follows.
    ///
    /// # Errors
    ///
    /// Where the stream was reset or the session has ended.
    pub fn write(&mut self, key: StreamKey, data: &[u8]) -> Poll<Result<usize, StreamClosed>> {
        let n = match self.poll_capacity(key, data.len()) {
            Poll::Ready(Ok(n)) if n > 0 => n,
            other => return other,
        };
        if !self.has_room_for(n) {
            if self.watch_writer(key) {
                self.queue_blocked.push(key);
            }
            return Poll::Pending;
        }
        self.queue_data(key, &data[..n]);
        Poll::Ready(Ok(n))
    }

    /// How many of `wanted` bytes may be sent in the next frame of a stream: at least one.
    ///
    /// Pending where the peer's window is used up: an
    /// [`Event::Writable`](super::super::Event::Writable) follows.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn poll_capacity(
        &mut self,
        key: StreamKey,
        wanted: usize,
    ) -> Poll<Result<usize, StreamClosed>> {
        let Some(stream) = self.streams.get_mut(key) else {
            return Poll::Ready(Err(StreamClosed::SessionEnded));
        };
        if let Some(closed) = stream.peer.closed() {
            return Poll::Ready(Err(closed));
        }
        if self.ended.is_some() {
            return Poll::Ready(Err(StreamClosed::SessionEnded));
        }
        match stream.send_window.limit(wanted.min(FRAME)) {
            0 if wanted > 0 => {
                // A writer that is polled again has not met another.
                if !std::mem::replace(&mut stream.write_blocked, true) {
                    self.stalled(key);
                }
                Poll::Pending
            }
            n => Poll::Ready(Ok(n)),
        }
    }

    /// Out of the way of the writers that do not wait.
    #[cold]
    fn stalled(&mut self, key: StreamKey) {
        let stream = key.number();
        self.observe(Observation::WindowStalled { stream });
    }

    /// Whether `n` bytes of data may be queued.
    #[must_use]
    pub fn has_room_for(&self, n: usize) -> bool {
        self.queue.has_room_for(n)
    }

    /// Has an [`Event::Writable`](super::super::Event::Writable) say when the stream is reset or
    /// its session ends: for writers that wait for the connection. Returns whether none would have.
    pub fn watch_writer(&mut self, key: StreamKey) -> bool {
        let stream = self.streams.get_mut(key);
        stream.is_some_and(|stream| !std::mem::replace(&mut stream.write_blocked, true))
    }

    /// Queues a frame with `data`, no more than [`poll_capacity`](Self::poll_capacity) allows.
    pub fn queue_data(&mut self, key: StreamKey, data: &[u8]) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.send_window.take(data.len());
            let header = Header::data(key.number(), data.len());
            self.queue.push_bytes(&header, data);
        }
    }

    /// What goes before `data_len` bytes of a stream that are to be written to the connection from
    /// their writer's own buffer: what is queued, and the header of their frame.
    ///
    /// After the write, [`data_transmitted`](Self::data_transmitted) has to be called.
    #[must_use]
    pub fn before_data(&self, key: StreamKey, data_len: usize) -> (&[u8], [u8; HEADER]) {
        let header = Header::data(key.number(), data_len);
        (self.queue.unwritten(), header)
    }

    /// The connection has taken the first `n` bytes of what is queued, the frame's header, and
    /// `data`.
    ///
    /// Returns whether the frame has begun: the rest of it is queued then. Otherwise there is no
    /// such frame, and `data` is still the writer's.
    pub fn data_transmitted(
        &mut self,
        now: impl Now,
        key: StreamKey,
        data: &[u8],
        n: usize,
    ) -> bool {
        let queued = self.queue.len();
        if n <= queued {
            self.transmitted(now, n);
            return false;
        }
        if let Some(stream) = self.streams.get_mut(key) {
            stream.send_window.take(data.len());
        }
        let header = Header::data(key.number(), data.len());
        let of_frame = n - queued;
        self.queue.clear();
        if of_frame == HEADER + data.len() {
            self.all_transmitted();
        } else {
            let header = &header[of_frame.min(HEADER)..];
            let data = &data[of_frame.saturating_sub(HEADER)..];
            self.queue.push_bytes(header, data);
        }
        self.count_transmitted(now, n);
        true
    }
}

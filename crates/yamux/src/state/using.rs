//! Streams are read and written.

use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::entry::{CutOff, Peer};
use super::{Next, State, WIDE, WIDE_STREAMS, WINDOW};
use crate::frame::Kind;
use crate::wakes::set_waker;

impl State {
    /// Moves what has arrived into `buffer`, which the reader is to give again, if it is large, to be
    /// read into straight. Ready also at the end, with nothing moved.
    pub(crate) fn poll_read(
        &mut self,
        id: u32,
        buffer: &mut ReadBuf<'_>,
        straight: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), CutOff>> {
        let Some(entry) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(CutOff::SessionEnded));
        };
        entry.straight = straight;
        if !entry.received.is_empty() {
            self.read(id, buffer);
            return Poll::Ready(Ok(()));
        }
        match entry.peer {
            Peer::Finished => Poll::Ready(Ok(())),
            Peer::Reset => Poll::Ready(Err(CutOff::Reset)),
            Peer::Cut { limit } => Poll::Ready(Err(CutOff::Unread { limit })),
            Peer::Open if self.ended.is_some() => Poll::Ready(Err(CutOff::SessionEnded)),
            Peer::Open => {
                entry.prompt = true;
                set_waker(&mut entry.reader, cx);
                Poll::Pending
            }
        }
    }

    /// Moves what has arrived into `buffer`, as far as there is room.
    pub(crate) fn read(&mut self, id: u32, buffer: &mut ReadBuf<'_>) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        let n = entry.received.len().min(buffer.remaining());
        if n > 0 {
            buffer.put_slice(&entry.received.bytes()[..n]);
            let size = entry.received.size();
            entry.received.consume(n, &mut self.spare);
            self.budget
                .change(entry.accepted, size, entry.received.size());
            self.consumed(id, n);
        }
    }

    /// So much of a stream was read: the peer hears of it from time to time.
    fn consumed(&mut self, id: u32, n: usize) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.consumed += n as u32;
        if !entry.owed && entry.is_due() {
            entry.owed = true;
            self.owed.push(id);
        }
    }

    /// Whether a window update is to be sent.
    pub(crate) fn owes_windows(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Queues the window updates. They are left until something is written: a stream that the peer has
    /// finished by then needs none.
    pub(crate) fn grant_windows(&mut self) {
        if self.owed.is_empty() || !self.out.has_room_for_windows() {
            return;
        }
        let mut owed = std::mem::take(&mut self.owed);
        for id in owed.drain(..) {
            self.grant_window(id);
        }
        self.owed = owed;
    }

    fn grant_window(&mut self, id: u32) {
        // The rest of the last frame is on its way.
        let ends = matches!(self.next, Next::Body { stream, finish: true, .. } if stream == id);
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.owed = false;
        if ends || !entry.is_due() || entry.dropped.is_some() || self.ended.is_some() {
            return;
        }
        let mut credit = std::mem::take(&mut entry.consumed);
        if !entry.wide && self.wide < WIDE_STREAMS && self.budget.allows_wide() {
            entry.wide = true;
            self.wide += 1;
            credit += WIDE - WINDOW;
        }
        entry.receive_window += credit;
        self.queue(Kind::WindowUpdate, 0, id, credit);
    }

    /// So much of the body that comes went straight to its reader.
    pub(crate) fn body_read(&mut self, n: usize) {
        if let Next::Body { stream, .. } = self.next {
            if let Some(entry) = self.streams.get_mut(&stream) {
                // It is here, and needs no call.
                entry.reader = None;
            }
            self.body_arrived(n);
            self.consumed(stream, n);
        }
    }

    /// How much of `wanted` bytes the peer has room for now: at least one.
    pub(crate) fn poll_window(
        &mut self,
        id: u32,
        wanted: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, CutOff>> {
        let Some(entry) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(CutOff::SessionEnded));
        };
        match entry.peer {
            Peer::Reset => return Poll::Ready(Err(CutOff::Reset)),
            Peer::Cut { limit } => return Poll::Ready(Err(CutOff::Unread { limit })),
            Peer::Open | Peer::Finished => {}
        }
        if self.ended.is_some() {
            return Poll::Ready(Err(CutOff::SessionEnded));
        }
        if entry.send_window == 0 {
            set_waker(&mut entry.writer, cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(wanted.min(entry.send_window as usize)))
    }

    /// A writer waits, which a reset has to wake.
    pub(crate) fn wait_to_write(&mut self, id: u32, cx: &mut Context<'_>) {
        if let Some(entry) = self.streams.get_mut(&id) {
            set_waker(&mut entry.writer, cx);
        }
    }

    /// A data frame of `n` bytes is sent, in the driver's `turn`.
    pub(crate) fn data_sent(&mut self, id: u32, n: usize, turn: u64) {
        if let Some(entry) = self.streams.get_mut(&id) {
            entry.send_window -= n as u32;
            entry.sent = turn;
        }
    }

    /// The driver's turn in which the stream last sent something.
    pub(crate) fn last_sent(&self, id: u32) -> u64 {
        self.streams.get(&id).map_or(0, |entry| entry.sent)
    }

    /// Whether a reader with large buffers waits for this stream, or has something to read before it
    /// does. One that waits is woken.
    pub(crate) fn call_reader(&mut self, id: u32) -> bool {
        let Some(entry) = self.streams.get_mut(&id) else {
            return false;
        };
        let here = entry.reader.is_some() || !entry.received.is_empty();
        if !entry.straight || !entry.prompt || !here {
            return false;
        }
        self.wakes.add(entry.reader.take());
        true
    }

    /// The reader of this stream was called and did not come: it has to be found waiting first.
    pub(crate) fn reader_missing(&mut self, id: u32) {
        if let Some(entry) = self.streams.get_mut(&id) {
            entry.prompt = false;
        }
    }
}

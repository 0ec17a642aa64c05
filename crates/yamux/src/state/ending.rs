//! Streams end here.

use tokio::time::Instant;

use super::entry::{Entry, Peer};
use super::{Next, State};
use crate::frame::{Kind, RST};
use plugwire_base::instant;

impl State {
    /// Gives up a stream, as `Close` does in Go: FIN tells the peer that nothing more comes. What the
    /// peer had sent is thrown away, and so is what it sends within the window that it was granted.
    ///
    /// A reset waits for as long as it can: a Go peer that reads it loses what it had not read yet.
    /// The peer gets it once its window is used up, when it would wait for ever, or when it does not
    /// end its side in time.
    pub(crate) fn drop_stream(&mut self, id: u32) {
        self.finish(id);
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.discard(&mut self.budget, &mut self.spare);
        if entry.peer != Peer::Open || self.ended.is_some() {
            self.remove(id);
            return;
        }
        entry.reader = None;
        entry.writer = None;
        let deadline = instant::after(self.config.stream_close_timeout);
        entry.dropped = Some(deadline);
        self.lingering.insert((deadline, id));
        if entry.receive_window == 0 {
            self.exhausted.push(id);
        }
        if self.skip_body(id) {
            self.remove(id);
        }
    }

    /// Has the rest of a body of this stream skipped. True where the peer finishes its side with it.
    pub(super) fn skip_body(&mut self, id: u32) -> bool {
        match self.next {
            Next::Body {
                stream,
                left,
                finish,
            } if stream == id => {
                self.next = Next::Skip { left };
                finish
            }
            _ => false,
        }
    }

    /// Ends a stream whose owner gives it up (RST), unless it has ended already.
    pub(crate) fn reset_stream(&mut self, id: u32) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.discard(&mut self.budget, &mut self.spare);
        self.wakes.add(entry.reader.take());
        self.wakes.add(entry.writer.take());
        let over = match entry.peer {
            Peer::Open => false,
            Peer::Finished => entry.finished,
            Peer::Reset | Peer::Cut { .. } => true,
        };
        if !over && self.ended.is_none() {
            self.queue(Kind::WindowUpdate, RST, id, 0);
            self.fresh = true;
        }
        self.remove(id);
    }

    pub(super) fn remove(&mut self, id: u32) {
        let Some(mut entry) = self.streams.remove(&id) else {
            return;
        };
        if let Some(deadline) = entry.dropped {
            self.lingering.remove(&(deadline, id));
        }
        entry.acknowledge(&self.openable);
        self.wide -= usize::from(entry.wide);
        self.budget.change(entry.accepted, entry.received.size(), 0);
        self.skip_body(id);
        let may_send = matches!(entry.peer, Peer::Open | Peer::Cut { .. });
        self.meter
            .stream_gone(if may_send { entry.receive_window } else { 0 });
    }

    fn reset(&mut self, id: u32) {
        self.answer(Kind::WindowUpdate, RST, id, 0);
        self.remove(id);
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.lingering.first().map(|(deadline, _)| *deadline)
    }

    /// Resets the dropped streams on which the peer can send no more. Not before all that came with the
    /// last of it was looked at: the peer may have finished them.
    pub(crate) fn reset_exhausted(&mut self) {
        for id in std::mem::take(&mut self.exhausted) {
            let dropped = |entry: &Entry| entry.dropped.is_some();
            if self.streams.get(&id).is_some_and(dropped) {
                self.reset(id);
            }
        }
    }

    /// Resets the dropped streams whose peer took too long.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some((deadline, id)) = self.lingering.first().copied()
            && deadline <= now
        {
            self.reset(id);
        }
    }
}

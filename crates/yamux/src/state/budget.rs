//! How much a session holds for readers that do not read.

use super::State;
use super::entry::Peer;
use crate::Config;
use crate::frame::{Kind, RST};
use plugwire_base::seldom::Seldom;

/// This part of a limit is free again after streams were reset for it, so that a peer has to send as
/// much before all streams are looked at another time.
const FREED: usize = 64;

/// What the streams of a session hold, in bytes of memory.
pub(super) struct Budget {
    /// Of all streams.
    held: Held,
    /// Of those that were not accepted yet.
    unaccepted: Held,
    /// Says when streams are reset.
    warnings: Seldom,
}

struct Held {
    bytes: usize,
    limit: usize,
}

impl Held {
    fn new(limit: usize) -> Self {
        Held { bytes: 0, limit }
    }

    fn change(&mut self, before: usize, after: usize) {
        self.bytes = self.bytes + after - before;
    }

    fn is_over(&self) -> bool {
        self.bytes > self.limit
    }

    fn is_relieved(&self) -> bool {
        self.bytes <= self.limit - self.limit / FREED
    }
}

impl Budget {
    pub(super) fn new(config: &Config) -> Self {
        Budget {
            held: Held::new(config.max_buffered),
            unaccepted: Held::new(config.max_unaccepted),
            warnings: Seldom::default(),
        }
    }

    /// What a stream holds has changed.
    pub(super) fn change(&mut self, accepted: bool, before: usize, after: usize) {
        self.held.change(before, after);
        if !accepted {
            self.unaccepted.change(before, after);
        }
    }

    /// A stream that holds so much was accepted.
    pub(super) fn accept(&mut self, size: usize) {
        self.unaccepted.change(size, 0);
    }

    /// Whether another stream may have a wide window: not where little is left.
    pub(super) fn allows_wide(&self) -> bool {
        self.held.bytes < self.held.limit / 2
    }

    pub(super) fn is_over(&self) -> bool {
        self.held.is_over() || self.unaccepted.is_over()
    }

    /// The limit that a session must get below, and whether it is that of streams not accepted yet.
    fn exceeded(&self) -> (&Held, bool) {
        match self.unaccepted.is_over() {
            true => (&self.unaccepted, true),
            false => (&self.held, false),
        }
    }
}

impl State {
    /// Resets the streams that hold most, where all hold too much together.
    pub(super) fn relieve(&mut self) {
        while self.budget.is_over() {
            let (exceeded, unaccepted) = self.budget.exceeded();
            let limit = exceeded.limit;
            let mut holders: Vec<_> = self
                .streams
                .iter()
                .filter(|(_, entry)| !unaccepted || !entry.accepted)
                .map(|(id, entry)| (entry.received.size(), entry.received.len(), *id))
                .filter(|(size, ..)| *size > 0)
                .collect();
            holders.sort_unstable();
            loop {
                let held = match unaccepted {
                    true => &self.budget.unaccepted,
                    false => &self.budget.held,
                };
                if held.is_relieved() {
                    break;
                }
                let Some((size, _, id)) = holders.pop() else {
                    return;
                };
                self.cut(id, size, limit);
            }
        }
    }

    fn cut(&mut self, id: u32, size: usize, limit: usize) {
        let Some(entry) = self.streams.get_mut(&id) else {
            return;
        };
        entry.peer = Peer::Cut { limit };
        entry.discard(&mut self.budget, &mut self.spare);
        entry.acknowledge(&self.openable);
        self.wakes.add(entry.reader.take());
        self.wakes.add(entry.writer.take());
        self.skip_body(id);
        self.answer(Kind::WindowUpdate, RST, id, 0);
        if let Some(resets) = self.budget.warnings.say() {
            tracing::warn!(
                stream = id,
                holds = size,
                limit,
                more_resets = resets - 1,
                "what has arrived and is not read exceeds the limit, resetting the stream that holds most"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_not_accepted_count_twice_and_then_once() {
        let mut budget = Budget::new(&Config::default().max_buffered(1000).max_unaccepted(100));
        budget.change(false, 0, 100);
        assert!(!budget.is_over());
        budget.change(false, 100, 101);
        assert!(budget.is_over());
        budget.accept(101);
        assert!(!budget.is_over());
        budget.change(true, 101, 1001);
        assert!(budget.is_over());
        budget.change(true, 1001, 900);
        assert!(budget.held.is_relieved());
        assert!(!budget.allows_wide());
        budget.change(true, 900, 400);
        assert!(budget.allows_wide());
    }
}

//! How much a session holds for readers that do not read.

use std::time::Instant;

use plugwire_base::rate_limited_log::RateLimitedLog;

use crate::Config;
use crate::tuning::FREED_PART;

/// What the streams of a session hold, in bytes of memory.
#[derive(Debug)]
pub(super) struct Budget {
    /// Of all streams.
    held: Held,
    /// Of those that were not accepted yet.
    unaccepted: Held,
    resets: RateLimitedLog,
}

/// A limit that the streams hold too much for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    pub(super) limit: usize,
    /// Whether it is the limit of the streams that were not accepted yet.
    pub(super) unaccepted: bool,
}

#[derive(Debug)]
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
        self.bytes <= self.limit - self.limit / FREED_PART
    }
}

impl Budget {
    pub(super) fn new(config: &Config) -> Self {
        Budget {
            held: Held::new(config.max_buffered),
            unaccepted: Held::new(config.max_unaccepted),
            resets: RateLimitedLog::default(),
        }
    }

    /// What a stream holds has changed.
    pub(super) fn change(&mut self, accepted: bool, before: usize, after: usize) {
        self.held.change(before, after);
        if !accepted {
            self.unaccepted.change(before, after);
        }
    }

    /// A stream that holds `size` bytes was accepted.
    pub(super) fn accept(&mut self, size: usize) {
        self.unaccepted.change(size, 0);
    }

    /// Whether another stream may have a wide window: only while half of the limit is free.
    pub(super) fn allows_wide(&self) -> bool {
        self.held.bytes < self.held.limit / 2
    }

    /// The limit that the session has to get below.
    pub(super) fn exceeded(&self) -> Option<Exceeded> {
        let exceeded = |held: &Held, unaccepted| {
            let limit = held.limit;
            held.is_over().then_some(Exceeded { limit, unaccepted })
        };
        exceeded(&self.unaccepted, true).or_else(|| exceeded(&self.held, false))
    }

    /// How much the session's streams hold, in bytes.
    pub(super) fn held(&self) -> usize {
        self.held.bytes
    }

    /// Whether enough streams were reset for a limit that was exceeded.
    pub(super) fn is_relieved(&self, exceeded: Exceeded) -> bool {
        match exceeded.unaccepted {
            true => self.unaccepted.is_relieved(),
            false => self.held.is_relieved(),
        }
    }

    /// A stream was reset. How many were since the last warning, if it is time for another.
    pub(super) fn note_reset(&mut self, now: Instant) -> Option<u64> {
        self.resets.note(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn streams_not_accepted_count_twice_and_then_once() {
        let mut budget = Budget::new(&Config::default().max_buffered(1000).max_unaccepted(100));
        let limits = |limit, unaccepted| Some(Exceeded { limit, unaccepted });
        budget.change(false, 0, 100);
        assert_eq!(budget.exceeded(), None);
        budget.change(false, 100, 101);
        assert_eq!(budget.exceeded(), limits(100, true));
        budget.accept(101);
        assert_eq!(budget.exceeded(), None);
        budget.change(true, 101, 1001);
        let exceeded = budget.exceeded();
        assert_eq!(exceeded, limits(1000, false));
        budget.change(true, 1001, 986);
        assert!(!budget.is_relieved(exceeded.unwrap()));
        budget.change(true, 986, 985);
        assert!(budget.is_relieved(exceeded.unwrap()));
        assert!(!budget.allows_wide());
        budget.change(true, 985, 500);
        assert!(!budget.allows_wide());
        budget.change(true, 500, 499);
        assert!(budget.allows_wide());
    }

    #[test]
    fn resets_are_counted_from_one_warning_to_the_next() {
        let mut budget = Budget::new(&Config::default());
        let now = Instant::now();
        assert_eq!(budget.note_reset(now), Some(1));
        assert_eq!(budget.note_reset(now), None);
        assert_eq!(budget.note_reset(now + Duration::from_secs(10)), Some(2));
    }
}

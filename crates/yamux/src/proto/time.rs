//! Points in time, as the caller of a session reads them.

use std::time::{Duration, Instant};

/// The time, for calls which need it only in rare cases.
///
/// An [`Instant`] is its own answer: tests and simulations pass it. A function, such as
/// `Instant::now`, is called only where the session needs the time: frames that come and go as they
/// should cost no look at a clock.
pub trait Now: Copy {
    /// The time of this call.
    fn now(self) -> Instant;
}

impl Now for Instant {
    fn now(self) -> Instant {
        self
    }
}

impl<F: Fn() -> Instant + Copy> Now for F {
    fn now(self) -> Instant {
        self()
    }
}

/// The time after `wait`. A wait that no clock can count ends so late that it never does.
pub(super) fn later(now: Instant, wait: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    let never = || now.checked_add(THIRTY_YEARS).unwrap_or(now);
    now.checked_add(wait).unwrap_or_else(never)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn no_wait_is_too_long() {
        let now = Instant::now();
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        assert!(later(now, Duration::MAX) > now + year * 29);
        assert_eq!(
            later(now, Duration::from_secs(1)),
            now + Duration::from_secs(1)
        );
    }

    #[test]
    fn a_clock_is_read_when_it_is_asked() {
        let reads = Cell::new(0);
        let start = Instant::now();
        let clock = || {
            reads.set(reads.get() + 1);
            start
        };
        let _unused = clock;
        assert_eq!(reads.get(), 0);
        assert_eq!(Now::now(clock), start);
        assert_eq!(reads.get(), 1);
        assert_eq!(Now::now(start), start);
    }
}

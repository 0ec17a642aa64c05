//! Points in time, for waits of any length.

use std::time::Duration;

use tokio::time::Instant;

/// The time after `wait` from now. A wait that no clock can count ends so late that it never does.
#[must_use]
pub fn after(wait: Duration) -> Instant {
    later(Instant::now(), wait)
}

/// The same, counted from another time.
#[must_use]
pub fn later(time: Instant, wait: Duration) -> Instant {
    /// What tokio itself uses for never.
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    // A time so late that thirty years have no room behind it is itself never.
    let never = || time.checked_add(THIRTY_YEARS).unwrap_or(time);
    time.checked_add(wait).unwrap_or_else(never)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_is_too_long() {
        let now = Instant::now();
        assert!(after(Duration::MAX) > now + Duration::from_secs(1_000_000));
        let soon = after(Duration::from_secs(1));
        assert!(soon > now && soon < now + Duration::from_secs(60));
    }
}

//! Log lines that a peer could otherwise cause without end.

use std::time::{Duration, Instant};

/// The shortest time between two log lines.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Counts events, and says when one is to be logged: the first, and then at most one every ten
/// seconds.
#[derive(Debug, Default)]
pub struct RateLimitedLog {
    logged: Option<Instant>,
    since: u64,
}

impl RateLimitedLog {
    /// How often it happened since it was logged last, this time included, if it is to be logged
    /// again.
    pub fn note_now(&mut self) -> Option<u64> {
        self.note(tokio::time::Instant::now().into_std())
    }

    /// The same, for code that gets the time from its caller.
    pub fn note(&mut self, now: Instant) -> Option<u64> {
        self.since += 1;
        if self
            .logged
            .is_some_and(|logged| now.saturating_duration_since(logged) < LOG_EVERY)
        {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_event_is_logged_at_once_and_then_every_ten_seconds() {
        let mut log = RateLimitedLog::default();
        assert_eq!(log.note_now(), Some(1));
        for _ in 0..7 {
            assert_eq!(log.note_now(), None);
        }
        tokio::time::advance(LOG_EVERY).await;
        assert_eq!(log.note_now(), Some(8));
        assert_eq!(log.note_now(), None);
    }
}

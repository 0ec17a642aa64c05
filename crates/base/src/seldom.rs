//! What peers can bring about as often as they like, logged now and then.

use std::time::{Duration, Instant};

/// How often the log says the same.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Counts what happens often and is to be logged seldom.
#[derive(Debug, Default)]
pub struct Seldom {
    said: Option<Instant>,
    since: u64,
}

impl Seldom {
    /// How often it happened since it was logged last, this time included, if it is to be logged
    /// again.
    pub fn say(&mut self) -> Option<u64> {
        self.note(tokio::time::Instant::now().into_std())
    }

    /// The same, for code that gets the time from its caller.
    pub fn note(&mut self, now: Instant) -> Option<u64> {
        self.since += 1;
        if self
            .said
            .is_some_and(|said| now.saturating_duration_since(said) < LOG_EVERY)
        {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_said_at_once_and_then_every_ten_seconds() {
        let mut seldom = Seldom::default();
        assert_eq!(seldom.say(), Some(1));
        for _ in 0..7 {
            assert_eq!(seldom.say(), None);
        }
        tokio::time::advance(LOG_EVERY).await;
        assert_eq!(seldom.say(), Some(8));
        assert_eq!(seldom.say(), None);
    }
}

//! When, how fast and how often a plugin is started again. Values only: no clock and no task.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::InvalidOption;
use crate::tuning::supervisor as tuning;

/// Which ends of a plugin make its supervisor start it again.
///
/// What the host asks for, such as a stop, is none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Every end.
    #[default]
    Always,
    /// Every end but an exit with the status 0: a crash, a lost connection, a plugin that is not
    /// healthy or does not start.
    OnFailure,
    /// None. A plugin that does not start stays down, too.
    Never,
}

/// When, how fast and how often a plugin is started again.
///
/// ```
/// use std::time::Duration;
/// use plugwire::host::{Restart, RestartPolicy};
///
/// let policy = RestartPolicy::new(Restart::OnFailure)
///     .delays(Duration::from_millis(50), Duration::from_secs(10))
///     .limit(5, Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RestartPolicy {
    pub(super) restart: Restart,
    first: Duration,
    longest: Duration,
    factor: f64,
    jitter: f64,
    stable_after: Duration,
    pub(super) limit: Option<Limit>,
    seed: Option<u64>,
}

/// How many restarts there may be in a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    pub(super) restarts: u32,
    pub(super) window: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self::new(Restart::default())
    }
}

impl RestartPolicy {
    /// A policy with the default delays and limit.
    #[must_use]
    pub fn new(restart: Restart) -> Self {
        Self {
            restart,
            first: tuning::FIRST_DELAY,
            longest: tuning::LONGEST_DELAY,
            factor: 2.0,
            jitter: tuning::JITTER,
            stable_after: tuning::STABLE_AFTER,
            limit: Some(Limit {
                restarts: tuning::RESTARTS,
                window: tuning::WINDOW,
            }),
            seed: None,
        }
    }

    /// How long the plugin is down before it is started again: `first` after the first failure,
    /// then [`factor`](Self::factor) times as long after each failure that follows, up to
    /// `longest`. Default 100 ms and 30 s. Not zero, and `longest` is at least `first`.
    #[must_use]
    pub fn delays(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest;
        self
    }

    /// How many times as long as the one before a delay is. Default 2; at least 1.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// By how much of itself a delay may be shorter, at random, so that plugins that failed
    /// together do not start together. Default 0.2; from 0 to 1.
    #[must_use]
    pub fn jitter(mut self, part: f64) -> Self {
        self.jitter = part;
        self
    }

    /// After this time without a failure, the next one counts as the first: its delay is the
    /// first, and earlier restarts do not count towards the limit. Default 1 minute; not zero.
    #[must_use]
    pub fn stable_after(mut self, time: Duration) -> Self {
        self.stable_after = time;
        self
    }

    /// The most restarts within a time. At the next failure the plugin stays down, as
    /// [`State::Failed`](super::State::Failed), until it is
    /// [reloaded](super::Supervisor::reload). Default 10 in 5 minutes; the time is not zero. With 0
    /// the first failure is the last.
    #[must_use]
    pub fn limit(mut self, restarts: u32, window: Duration) -> Self {
        self.limit = Some(Limit { restarts, window });
        self
    }

    /// Takes the [limit](Self::limit) away: the plugin is started again for ever.
    #[must_use]
    pub fn unlimited(mut self) -> Self {
        self.limit = None;
        self
    }

    /// Where the random part of the delays begins, so that a test can repeat them. Default: at
    /// random.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Finds the first part that is invalid.
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("RestartPolicy::delays", self.first)?;
        if self.longest < self.first {
            let expected = "a longest delay that is not shorter than the first";
            let given = (self.first, self.longest);
            return Err(InvalidOption::new("RestartPolicy::delays", given, expected));
        }
        if !(self.factor >= 1.0 && self.factor.is_finite()) {
            let expected = "a number that is 1 or more";
            return Err(InvalidOption::new(
                "RestartPolicy::factor",
                self.factor,
                expected,
            ));
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            let expected = "a number from 0 to 1";
            return Err(InvalidOption::new(
                "RestartPolicy::jitter",
                self.jitter,
                expected,
            ));
        }
        InvalidOption::check_duration("RestartPolicy::stable_after", self.stable_after)?;
        match self.limit {
            Some(limit) => InvalidOption::check_duration("RestartPolicy::limit", limit.window),
            None => Ok(()),
        }
    }

    /// How long to wait after a number of failures in a row, from 1. `random` is from 0 to 1.
    pub(super) fn delay(&self, failures: u32, random: f64) -> Duration {
        let exponent = failures.saturating_sub(1).min(i32::MAX as u32);
        let exponent = i32::try_from(exponent).unwrap_or(i32::MAX);
        let seconds = self.first.as_secs_f64() * self.factor.powi(exponent);
        let seconds = seconds.min(self.longest.as_secs_f64());
        let seconds = seconds * (1.0 - self.jitter * random);
        Duration::try_from_secs_f64(seconds).unwrap_or(self.longest)
    }

    /// Whether a plugin that has run so long is stable.
    pub(super) fn is_stable(&self, ran: Duration) -> bool {
        ran >= self.stable_after
    }

    pub(super) fn random(&self) -> Random {
        Random(self.seed.unwrap_or_else(|| RandomState::new().hash_one(0)))
    }
}

/// Numbers for the jitter: splitmix64.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The next number, from 0 to 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The upper 53 bits are what a float holds exactly.
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RestartPolicy {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        RestartPolicy::default().delays(first, longest)
    }

    #[test]
    fn delays_grow_to_the_longest() {
        let delays: Vec<u128> = (1..=6)
            .map(|failures| policy().delay(failures, 0.0).as_millis())
            .collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(policy().delay(u32::MAX, 0.0), Duration::from_secs(1));
        let steady = policy().factor(1.0);
        assert_eq!(steady.delay(9, 0.0), Duration::from_millis(100));
        let huge = policy().delays(Duration::MAX, Duration::MAX).factor(1e300);
        assert_eq!(huge.delay(u32::MAX, 0.0), Duration::MAX);
    }

    #[test]
    fn jitter_makes_delays_shorter_by_a_part() {
        let policy = policy().jitter(0.5);
        assert_eq!(policy.delay(1, 1.0), Duration::from_millis(50));
        assert_eq!(policy.delay(1, 0.5), Duration::from_millis(75));
        let mut random = policy.clone().seed(7).random();
        let mut again = policy.seed(7).random();
        for _ in 0..1000 {
            let number = random.next();
            assert!((0.0..1.0).contains(&number), "{number}");
            assert_eq!(number, again.next());
        }
        assert_ne!(
            random.next(),
            RestartPolicy::default().seed(8).random().next()
        );
    }

    #[test]
    fn a_policy_that_cannot_be_is_refused() {
        let second = Duration::from_secs(1);
        for (policy, option) in [
            (
                policy().delays(Duration::ZERO, second),
                "RestartPolicy::delays",
            ),
            (policy().delays(2 * second, second), "RestartPolicy::delays"),
            (policy().factor(0.5), "RestartPolicy::factor"),
            (policy().factor(f64::NAN), "RestartPolicy::factor"),
            (policy().factor(f64::INFINITY), "RestartPolicy::factor"),
            (policy().jitter(-0.1), "RestartPolicy::jitter"),
            (policy().jitter(1.1), "RestartPolicy::jitter"),
            (policy().jitter(f64::NAN), "RestartPolicy::jitter"),
            (
                policy().stable_after(Duration::ZERO),
                "RestartPolicy::stable_after",
            ),
            (policy().limit(3, Duration::ZERO), "RestartPolicy::limit"),
        ] {
            assert_eq!(policy.check().unwrap_err().option, option);
        }
        policy().check().unwrap();
        policy().limit(0, second).check().unwrap();
        policy().unlimited().check().unwrap();
    }
}

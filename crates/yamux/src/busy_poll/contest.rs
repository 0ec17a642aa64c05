//! Measures which way of waiting is better here and now: staying awake or sleeping.
//!
//! Staying awake saves the time that it takes to wake a core that sleeps. Where no core is free it
//! does the opposite: the peer, whose message is waited for, cannot run while this side keeps the
//! core. A process cannot see which of the two is the case. Other programs come and go, a
//! container's cores may be shared, and the peer may be of another kind. So both ways are tried,
//! one after the other, for a millisecond each, and the better one is used until the next try.
//!
//! The two sides of a conversation wait for each other, so they have to try the same way at the
//! same time: a side that sleeps alone still waits for a peer that keeps the core. They do so
//! without an exchange, since the tries begin at multiples of [`PERIOD`] on the system's clock.
//!
//! What counts is how many bytes arrive in a time. Where the peer sends at a pace of its own, both
//! ways bring the same, and sleeping is better, since it costs less.

use std::time::Duration;

use crate::tuning::{ARRIVALS, CLEAR, DOUBTFUL, GAIN, NO_GAIN, PAUSE, PERIOD, TRY, TWICE};

/// How a session waits for its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Awake,
    Asleep,
}

/// What a way was tried for.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// Bytes a second.
    rate: f64,
    arrivals: u32,
}

/// A try that goes on.
#[derive(Clone, Copy, Debug)]
struct Try {
    way: Way,
    start: Duration,
    received: u64,
    arrivals: u32,
}

/// The two ways in contest. Times are since an epoch that all processes of the machine share.
#[derive(Debug)]
pub(super) struct Contest {
    better: Way,
    trying: Option<Try>,
    /// How sleeping did in this period's try.
    asleep: Option<Outcome>,
    /// The logarithm to base 2 of what staying awake gains: the mean of the tries, of which later
    /// ones count for more.
    gain: f64,
}

impl Contest {
    pub(super) fn new(better: Way) -> Self {
        Contest {
            better,
            trying: None,
            asleep: None,
            gain: match better {
                Way::Awake => CLEAR / 4.0,
                Way::Asleep => -CLEAR / 4.0,
            },
        }
    }

    /// The way that was found better.
    pub(super) fn better(&self) -> Way {
        self.better
    }

    /// How to wait at a time.
    pub(super) fn way(&self, now: Duration) -> Way {
        tried(now).unwrap_or(self.better)
    }

    /// Notes that something arrived; `received` is all that has arrived by now.
    pub(super) fn arrival(&mut self, now: Duration, received: u64) {
        if let Some(going) = &mut self.trying {
            going.arrivals += 1;
        }
        let way = tried(now);
        if self.trying.map(|going| going.way) == way {
            return;
        }
        if let Some(going) = self.trying.take() {
            self.finish(going, now, received);
        }
        self.trying = way.map(|way| Try {
            way,
            start: now,
            received,
            arrivals: 0,
        });
    }

    fn finish(&mut self, done: Try, now: Duration, received: u64) {
        let took = now.saturating_sub(done.start);
        if took.is_zero() || took > PAUSE {
            self.asleep = None;
            return;
        }
        let outcome = Outcome {
            rate: (received - done.received) as f64 / took.as_secs_f64(),
            arrivals: done.arrivals,
        };
        match done.way {
            Way::Asleep => self.asleep = Some(outcome),
            Way::Awake => {
                if let Some(asleep) = self.asleep.take()
                    && asleep.arrivals + outcome.arrivals >= ARRIVALS
                {
                    self.judge(outcome.rate / asleep.rate);
                }
            }
        }
    }

    /// Takes note of how many times as much arrived while this side stayed awake.
    fn judge(&mut self, gain: f64) {
        let gain = gain.log2().clamp(-CLEAR, CLEAR);
        let weight = if gain.abs() < TWICE { DOUBTFUL } else { 0.5 };
        self.gain += weight * (gain - self.gain);
        match self.better {
            Way::Awake if self.gain < NO_GAIN => self.better = Way::Asleep,
            Way::Asleep if self.gain > GAIN => self.better = Way::Awake,
            _ => {}
        }
    }
}

/// What all sessions try at a time, if anything.
fn tried(now: Duration) -> Option<Way> {
    let into = now.as_nanos() % PERIOD.as_nanos();
    match into / TRY.as_nanos() {
        0 => Some(Way::Asleep),
        1 => Some(Way::Awake),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A conversation in which each exchange takes as long as the way of waiting makes it.
    struct Talk {
        contest: Contest,
        now: Duration,
        received: u64,
    }

    impl Talk {
        fn new(better: Way) -> Self {
            Talk {
                contest: Contest::new(better),
                // Anywhere in a period.
                now: Duration::from_micros(1_700_000_017_300),
                received: 0,
            }
        }

        /// Talks for `millis` with exchanges of `awake` or `asleep` microseconds each. Returns how
        /// many there were.
        fn go_on(&mut self, millis: u64, awake: u64, asleep: u64) -> u64 {
            let end = self.now + Duration::from_millis(millis);
            let before = self.received;
            while self.now < end {
                let takes = match self.contest.way(self.now) {
                    Way::Awake => awake,
                    Way::Asleep => asleep,
                };
                self.now += Duration::from_micros(takes);
                self.received += 64;
                self.contest.arrival(self.now, self.received);
            }
            (self.received - before) / 64
        }
    }

    #[test]
    fn the_better_way_is_found_within_100_ms_of_a_change() {
        for (awake, asleep, found) in [(9, 70, Way::Awake), (90, 6, Way::Asleep)] {
            for first in [Way::Awake, Way::Asleep] {
                let mut talk = Talk::new(first);
                talk.go_on(100, awake, asleep);
                assert_eq!(talk.contest.better(), found);
                talk.go_on(100, asleep, awake);
                assert_ne!(talk.contest.better(), found);
            }
        }
    }

    #[test]
    fn trying_costs_little() {
        for (awake, asleep) in [(9, 70), (90, 6), (12, 12)] {
            let mut talk = Talk::new(Way::Awake);
            talk.go_on(200, awake, asleep);
            let exchanges = talk.go_on(1000, awake, asleep);
            let best = 1_000_000 / awake.min(asleep);
            assert!(
                exchanges as f64 > 0.97 * best as f64,
                "{exchanges} of {best}"
            );
        }
    }

    #[test]
    fn a_peer_with_a_pace_of_its_own_lets_this_side_sleep() {
        let mut talk = Talk::new(Way::Awake);
        talk.go_on(500, 60, 60);
        assert_eq!(talk.contest.better(), Way::Asleep);
        talk.go_on(5000, 60, 60);
        assert_eq!(talk.contest.better(), Way::Asleep);
    }

    #[test]
    fn a_good_moment_of_sleeping_does_not_decide() {
        let mut talk = Talk::new(Way::Awake);
        for _ in 0..10 {
            talk.go_on(200, 9, 9);
            talk.go_on(100, 9, 70);
            assert_eq!(talk.contest.better(), Way::Awake);
        }
    }

    #[test]
    fn a_pause_in_a_try_is_not_held_against_it() {
        let mut talk = Talk::new(Way::Awake);
        for _ in 0..20 {
            talk.go_on(37, 9, 70);
            talk.now += Duration::from_millis(90);
        }
        assert_eq!(talk.contest.better(), Way::Awake);
    }

    #[test]
    fn few_arrivals_decide_nothing() {
        let mut talk = Talk::new(Way::Awake);
        talk.go_on(1000, 2000, 400);
        assert_eq!(talk.contest.better(), Way::Awake);
    }
}

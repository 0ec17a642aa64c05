//! Staying awake for what comes next.

mod contest;

use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::{Duration, Instant, SystemTime};

use self::contest::{Contest, Way};
use crate::tuning::BEGINNING;

/// Keeps the thread that the driver runs on from sleeping while the peer is quick.
///
/// Putting a core to sleep and waking it takes longer than most calls do. So a driver that has read
/// all asks again for some time, once in each turn of the runtime: all other tasks run in between.
/// That is worth it where something does come soon. The driver assumes so until a wait was too
/// long, and again once one was short. It also has to be what the [contest](Contest) found faster.
pub(super) struct BusyPoll {
    /// How soon something has to come. `None` where the thread always sleeps.
    limit: Option<Duration>,
    /// How many arrivals are left of the session's beginning.
    beginning: u8,
    /// How much had been received when that was last looked at.
    received: u64,
    /// Since when there has been no work.
    idle: Option<Instant>,
    /// Whether what arrived last had been waited for no longer than the limit.
    quick: bool,
    contest: Contest,
}

/// What the last contest of this process found, for the next session to begin with.
static SLEEP_IS_BETTER: AtomicBool = AtomicBool::new(false);

impl BusyPoll {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        let way = match SLEEP_IS_BETTER.load(Ordering::Relaxed) {
            true => Way::Asleep,
            false => Way::Awake,
        };
        BusyPoll {
            limit,
            beginning: BEGINNING,
            received: 0,
            idle: None,
            quick: false,
            contest: Contest::new(way),
        }
    }

    /// Has the driver run again soon, if that is worth it. `received` is all that has arrived.
    pub(super) fn poll(&mut self, received: u64, cx: &mut Context<'_>) {
        let Some(limit) = self.limit else {
            return;
        };
        if self.begins(received) || !several_cores() {
            return;
        }
        let now = Instant::now();
        if self.stays_awake(limit, received, now, since_epoch(now)) {
            // Of all ways to be woken this one comes last: the runtime looks at its other tasks,
            // its timers and its connections before.
            let _ = pin!(tokio::task::yield_now()).poll(cx);
        }
    }

    fn begins(&mut self, received: u64) -> bool {
        if self.beginning > 0 && received != self.received {
            self.received = received;
            self.beginning -= 1;
        }
        self.beginning > 0
    }

    fn stays_awake(
        &mut self,
        limit: Duration,
        received: u64,
        now: Instant,
        clock: Duration,
    ) -> bool {
        let arrived = received != self.received;
        if arrived {
            self.received = received;
            self.note_arrival(clock);
        }
        if self.contest.way(clock) == Way::Asleep {
            // A side that sleeps does not see how soon something came, so staying awake begins
            // anew.
            self.idle = None;
            self.quick = true;
            return false;
        }
        if arrived {
            self.quick = self
                .idle
                .is_none_or(|idle| now.saturating_duration_since(idle) < limit);
            // What arrived is worked on first. In the turn after that, this side is idle.
            self.idle = None;
            return true;
        }
        let idle = *self.idle.get_or_insert(now);
        self.quick && now.saturating_duration_since(idle) < limit
    }

    fn note_arrival(&mut self, clock: Duration) {
        let before = self.contest.better();
        self.contest.arrival(clock, self.received);
        let better = self.contest.better();
        if better != before {
            SLEEP_IS_BETTER.store(better == Way::Asleep, Ordering::Relaxed);
        }
    }
}

/// The time on a clock that the peer shares, if it is on this machine. The system's clock is read
/// once: where it is set to another time later on, this one goes on as before.
fn since_epoch(now: Instant) -> Duration {
    static START: OnceLock<(Instant, Duration)> = OnceLock::new();
    let (start, epoch) = START.get_or_init(|| {
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        (Instant::now(), epoch.unwrap_or_default())
    });
    epoch.saturating_add(now.saturating_duration_since(*start))
}

/// With a single core to run on, the peer cannot do anything before this side sleeps.
fn several_cores() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_micros(100);

    struct Driver {
        busy: BusyPoll,
        limit: Duration,
        received: u64,
        now: Instant,
    }

    impl Driver {
        fn new(limit: Duration) -> Self {
            Driver {
                busy: BusyPoll::new(Some(limit)),
                limit,
                received: 0,
                now: Instant::now(),
            }
        }

        /// Something arrives after `after` microseconds.
        fn arrival(&mut self, after: u64) -> bool {
            self.received += 1;
            self.turn(after)
        }

        /// The driver runs after `after` microseconds.
        fn turn(&mut self, after: u64) -> bool {
            self.now += Duration::from_micros(after);
            // A moment between two tries.
            let clock = Duration::from_millis(25);
            self.busy
                .stays_awake(self.limit, self.received, self.now, clock)
        }
    }

    #[test]
    fn it_stays_awake_for_the_limit() {
        let mut driver = Driver::new(LIMIT);
        assert!(driver.arrival(0));
        assert!(driver.turn(1));
        assert!(driver.turn(99));
        assert!(!driver.turn(1));
    }

    #[test]
    fn after_a_slow_arrival_it_sleeps_until_there_was_a_quick_one() {
        let mut driver = Driver::new(LIMIT);
        driver.arrival(0);
        driver.turn(1);
        for _ in 0..3 {
            // It is awake once more, to see when it is idle.
            assert!(driver.arrival(100));
            assert!(!driver.turn(1));
        }
        driver.arrival(99);
        assert!(driver.turn(1));
    }

    #[test]
    fn the_beginning_is_left_alone() {
        let mut busy = BusyPoll::new(Some(LIMIT));
        let begins: Vec<_> = (1..=20).map(|received| busy.begins(received)).collect();
        assert_eq!(begins, [[true; 15].as_slice(), &[false; 5]].concat());
        let mut silent = BusyPoll::new(Some(LIMIT));
        assert!((0..20).all(|_| silent.begins(1)));
    }

    #[test]
    fn what_this_side_takes_is_not_waited_for() {
        let mut driver = Driver::new(LIMIT);
        driver.arrival(0);
        for _ in 0..3 {
            // Busy with what arrived for a millisecond.
            assert!(driver.turn(1000));
            assert!(driver.turn(50));
            assert!(driver.arrival(40));
        }
    }

    #[test]
    fn the_limit_may_be_of_any_length() {
        let mut driver = Driver::new(Duration::MAX);
        driver.arrival(0);
        assert!(driver.turn(1));
        assert!(driver.turn(u64::MAX >> 20));
    }
}

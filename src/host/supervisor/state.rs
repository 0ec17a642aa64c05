//! What a supervisor does next: from what has happened, and when, to what is to be done. Values
//! only: no clock, no process and no task.

use std::collections::VecDeque;
use std::time::Duration;

use super::policy::{Limit, Random, Restart, RestartPolicy};

/// A point in time, from when the supervisor began.
pub(super) type At = Duration;

/// What has happened to the plugin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Happened {
    /// It is in service.
    Started,
    /// It is in service in place of another process, which its author asked for.
    Reloaded,
    /// It could not be started.
    NotStarted,
    /// It has ended by itself, or had to be ended.
    Ended {
        /// Whether that is a failure.
        failure: bool,
    },
    /// The wait before the next start is over.
    Waited,
    /// It was stopped because it had nothing to do.
    Idled,
    /// It is wanted again.
    Wanted,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    Start {
        /// Which attempt it is since the last success, from 1.
        attempt: u32,
    },
    Serve,
    WaitUntil {
        until: At,
        /// How many failures there were in a row.
        failures: u32,
    },
    /// Wait until it is wanted.
    Idle,
    /// Nothing: the policy does not start it again.
    Stop,
    /// Nothing: the limit is reached.
    GiveUp(Limit),
}

/// The memory of a supervisor: when its plugin failed.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    policy: RestartPolicy,
    random: Random,
    /// Those in a row.
    failures: u32,
    /// When it was started again, no more than the limit.
    restarts: VecDeque<At>,
    serving_since: Option<At>,
}

impl Machine {
    /// A plugin that was not started yet.
    pub(super) fn new(policy: RestartPolicy) -> Self {
        Self {
            random: policy.random(),
            policy,
            failures: 0,
            restarts: VecDeque::new(),
            serving_since: None,
        }
    }

    /// The first thing to do.
    pub(super) fn begin(&self) -> Next {
        self.start()
    }

    /// Takes what has happened.
    pub(super) fn on(&mut self, happened: Happened, now: At) -> Next {
        match happened {
            Happened::Started => {
                self.serving_since = Some(now);
                Next::Serve
            }
            Happened::Reloaded => {
                self.forget();
                self.serving_since = Some(now);
                Next::Serve
            }
            Happened::Waited | Happened::Wanted => self.start(),
            Happened::Idled => {
                self.note_stability(now);
                Next::Idle
            }
            Happened::NotStarted => self.failed(now),
            Happened::Ended { failure } => {
                self.note_stability(now);
                match self.policy.restart {
                    Restart::OnFailure if !failure => Next::Stop,
                    _ => self.failed(now),
                }
            }
        }
    }

    fn start(&self) -> Next {
        Next::Start {
            attempt: self.failures.saturating_add(1),
        }
    }

    /// What is remembered ends with a time of stability.
    fn note_stability(&mut self, now: At) {
        if let Some(since) = self.serving_since.take()
            && self.policy.is_stable(now.saturating_sub(since))
        {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.failures = 0;
        self.restarts.clear();
    }

    fn failed(&mut self, now: At) -> Next {
        if self.policy.restart == Restart::Never {
            return Next::Stop;
        }
        if let Some(limit) = self.policy.limit {
            while let Some(&first) = self.restarts.front()
                && now.saturating_sub(first) >= limit.window
            {
                self.restarts.pop_front();
            }
            let restarts = u32::try_from(self.restarts.len()).unwrap_or(u32::MAX);
            if restarts >= limit.restarts {
                return Next::GiveUp(limit);
            }
            self.restarts.push_back(now);
        }
        self.failures = self.failures.saturating_add(1);
        let delay = self.policy.delay(self.failures, self.random.next());
        Next::WaitUntil {
            until: now.saturating_add(delay),
            failures: self.failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> At {
        Duration::from_secs(seconds)
    }

    /// Delays of 1, 2, 4 and 4 seconds, without jitter.
    fn policy(restart: Restart) -> RestartPolicy {
        RestartPolicy::new(restart)
            .delays(seconds(1), seconds(4))
            .jitter(0.0)
            .stable_after(seconds(60))
            .limit(4, seconds(30))
    }

    const FAILED: Happened = Happened::Ended { failure: true };
    const EXITED: Happened = Happened::Ended { failure: false };

    fn wait(until: u64, failures: u32) -> Next {
        let until = seconds(until);
        Next::WaitUntil { until, failures }
    }

    #[test]
    fn a_plugin_that_never_starts_is_given_up() {
        let mut machine = Machine::new(policy(Restart::Always));
        assert_eq!(machine.begin(), Next::Start { attempt: 1 });
        let mut now = seconds(0);
        for (failures, until) in [(1, 1), (2, 3), (3, 7), (4, 11)] {
            assert_eq!(machine.on(Happened::NotStarted, now), wait(until, failures));
            now = seconds(until);
            let attempt = failures + 1;
            assert_eq!(machine.on(Happened::Waited, now), Next::Start { attempt });
        }
        let Next::GiveUp(limit) = machine.on(Happened::NotStarted, now) else {
            panic!("a fifth restart within 30 s");
        };
        assert_eq!((limit.restarts, limit.window), (4, seconds(30)));
        // Its author has repaired it.
        assert_eq!(machine.on(Happened::Reloaded, now), Next::Serve);
        assert_eq!(machine.on(FAILED, now), wait(12, 1));
    }

    #[test]
    fn the_limit_is_of_a_window() {
        let mut machine = Machine::new(policy(Restart::Always).limit(2, seconds(10)));
        for (failures, now) in [0, 5, 10, 15, 20].into_iter().enumerate() {
            machine.on(Happened::Started, seconds(now));
            let next = machine.on(FAILED, seconds(now));
            let failures = u32::try_from(failures).unwrap() + 1;
            assert!(
                matches!(next, Next::WaitUntil { failures: f, .. } if f == failures),
                "{now}"
            );
        }
        assert!(matches!(machine.on(FAILED, seconds(24)), Next::GiveUp(_)));
    }

    #[test]
    fn with_a_limit_of_0_the_first_failure_is_the_last() {
        let mut machine = Machine::new(policy(Restart::Always).limit(0, seconds(10)));
        assert!(matches!(machine.on(FAILED, seconds(0)), Next::GiveUp(_)));
    }

    #[test]
    fn without_a_limit_it_is_never_given_up() {
        let mut machine = Machine::new(policy(Restart::Always).unlimited());
        for failures in 1..10_000 {
            let next = machine.on(Happened::NotStarted, seconds(0));
            assert!(matches!(next, Next::WaitUntil { failures: f, .. } if f == failures));
        }
        assert!(machine.restarts.is_empty());
    }

    #[test]
    fn a_time_of_stability_forgets_the_failures() {
        let mut machine = Machine::new(policy(Restart::Always));
        assert_eq!(machine.on(FAILED, seconds(0)), wait(1, 1));
        assert_eq!(machine.on(FAILED, seconds(1)), wait(3, 2));
        machine.on(Happened::Started, seconds(3));
        // 59 s are not enough.
        assert_eq!(machine.on(FAILED, seconds(62)), wait(66, 3));
        machine.on(Happened::Started, seconds(66));
        assert_eq!(machine.on(FAILED, seconds(126)), wait(127, 1));
        // Starting takes time, too, and is no stability.
        assert_eq!(machine.on(Happened::NotStarted, seconds(200)), wait(202, 2));
    }

    #[test]
    fn an_end_by_itself_is_no_failure() {
        for (restart, after_exit, after_failure) in [
            (Restart::Always, wait(1, 1), wait(1, 1)),
            (Restart::OnFailure, Next::Stop, wait(1, 1)),
            (Restart::Never, Next::Stop, Next::Stop),
        ] {
            let machine = Machine::new(policy(restart));
            assert_eq!(machine.clone().on(EXITED, seconds(0)), after_exit);
            assert_eq!(machine.clone().on(FAILED, seconds(0)), after_failure);
            let not_started = machine.clone().on(Happened::NotStarted, seconds(0));
            assert_eq!(not_started, after_failure);
        }
    }

    #[test]
    fn an_idle_plugin_is_started_when_it_is_wanted() {
        let mut machine = Machine::new(policy(Restart::Never));
        machine.on(Happened::Started, seconds(0));
        assert_eq!(machine.on(Happened::Idled, seconds(9)), Next::Idle);
        let wanted = machine.on(Happened::Wanted, seconds(99));
        assert_eq!(wanted, Next::Start { attempt: 1 });
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm() {
        let mut machine = Machine::new(policy(Restart::Always));
        machine.on(Happened::Started, seconds(100));
        assert_eq!(machine.on(FAILED, seconds(50)), wait(51, 1));
        assert_eq!(machine.on(FAILED, Duration::MAX), {
            let (until, failures) = (Duration::MAX, 2);
            Next::WaitUntil { until, failures }
        });
    }
}

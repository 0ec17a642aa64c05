//! Whether the peer is alive: pings that it has to answer, and a connection that has to move.

use std::time::{Duration, Instant};

use super::time::{Now, later};
use crate::Config;
use crate::tuning::LOOKS;

/// The rules of keep-alive.
///
/// What arrives is no sign of life: a peer that is stuck may have sent it long ago, and one that
/// only talks is of no use. The peer is alive as long as it answers a ping in each interval and
/// takes what is written to it, as in Go.
#[derive(Debug)]
pub(super) struct KeepAlive {
    /// `None` where keep-alive is off: no ping, no timeout.
    interval: Option<Duration>,
    timeout: Duration,
    /// When the next ping is sent.
    next_ping: Option<Instant>,
    /// The number of the next ping.
    number: u32,
    ping: Option<Ping>,
    stall: Option<Stall>,
    /// Whether the connection takes no more at the moment.
    blocked: bool,
}

/// A ping without an answer.
#[derive(Debug)]
struct Ping {
    number: u32,
    /// How much the connection has taken once the ping is written.
    end: u64,
    /// Whether it is written. Until then only [`Stall`] counts the time.
    written: bool,
    until: Instant,
    /// How often the deadline may still be moved because there was input that had not been read:
    /// the answer may be behind it, where this process did not run for a while.
    chances: u32,
}

/// A connection that took no more.
#[derive(Debug)]
struct Stall {
    /// How much it had taken at the last look.
    written: u64,
    /// Since when it has not taken any more.
    since: Instant,
    look: Instant,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// No action.
    None,
    /// A ping with this number is to be queued; [`KeepAlive::ping_queued`] follows.
    Ping(u32),
    /// The peer is dead.
    Timeout,
}

impl KeepAlive {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        KeepAlive {
            interval: config.keep_alive,
            timeout: config.keep_alive_timeout,
            next_ping: config.keep_alive.map(|interval| later(now, interval)),
            number: 0,
            ping: None,
            stall: None,
            blocked: false,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let ping = self.ping.as_ref().map(|ping| ping.until);
        let stall = self.stall.as_ref().map(|stall| stall.look);
        ping.or(self.next_ping).into_iter().chain(stall).min()
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The connection takes no more, after `written` bytes in all. Whether there is a new deadline.
    pub(super) fn block(&mut self, written: u64, now: impl Now) -> bool {
        self.blocked = true;
        if self.interval.is_none() || self.stall.is_some() {
            return false;
        }
        let since = now.now();
        self.stall = Some(Stall {
            written,
            since,
            look: self.next_look(since),
        });
        true
    }

    /// The connection may take more. A stall is over once it is looked at, so that a connection
    /// that is blocked in each turn costs no look at the clock each time.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// The connection has taken `written` bytes in all.
    pub(super) fn written(&mut self, written: u64, now: impl Now) {
        if let Some(ping) = &mut self.ping
            && !ping.written
            && written >= ping.end
        {
            ping.written = true;
            ping.until = later(now.now(), self.timeout);
        }
    }

    /// The peer answered a ping with this number. False where that is no answer to the last one.
    pub(super) fn answered(&mut self, number: u32) -> bool {
        let answered = self.ping.as_ref().is_some_and(|ping| ping.number == number);
        if answered {
            self.ping = None;
        }
        answered
    }

    /// The ping that was due is queued. It is written once the connection has taken `end` bytes.
    pub(super) fn ping_queued(&mut self, end: u64, now: Instant) {
        self.ping = Some(Ping {
            number: self.number,
            end,
            written: false,
            until: later(now, self.timeout),
            chances: LOOKS,
        });
        self.number = self.number.wrapping_add(1);
        self.next_ping = self.interval.map(|interval| later(now, interval));
    }

    /// Says what is due. `unread` is whether the peer may have sent something that was not looked
    /// at.
    pub(super) fn handle_timeout(&mut self, now: Instant, written: u64, unread: bool) -> Due {
        if self.is_ping_late(now, unread) || self.is_stalled(now, written) {
            return Due::Timeout;
        }
        match self.ping.is_none() && self.next_ping.is_some_and(|due| due <= now) {
            true => Due::Ping(self.number),
            false => Due::None,
        }
    }

    fn is_ping_late(&mut self, now: Instant, unread: bool) -> bool {
        let again = self.next_look(now);
        let Some(ping) = self.ping.as_mut().filter(|ping| ping.until <= now) else {
            return false;
        };
        if ping.written {
            if !unread || ping.chances == 0 {
                return true;
            }
            ping.chances -= 1;
        }
        ping.until = again;
        false
    }

    fn is_stalled(&mut self, now: Instant, written: u64) -> bool {
        let again = self.next_look(now);
        let Some(stall) = self.stall.as_mut().filter(|stall| stall.look <= now) else {
            return false;
        };
        if !self.blocked {
            self.stall = None;
            return false;
        }
        if stall.written != written {
            stall.written = written;
            stall.since = now;
        } else if now.saturating_duration_since(stall.since) >= self.timeout {
            return true;
        }
        stall.look = again;
        false
    }

    fn next_look(&self, now: Instant) -> Instant {
        let wait = self.timeout.checked_div(LOOKS).unwrap_or(self.timeout);
        later(now, wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const INTERVAL: Duration = Duration::from_secs(30);
    const TIMEOUT: Duration = Duration::from_secs(8);

    struct Timeline {
        keep_alive: KeepAlive,
        start: Instant,
        written: u64,
        unread: bool,
    }

    impl Timeline {
        fn new(interval: Option<Duration>) -> Self {
            let start = Instant::now();
            let config = Config::default()
                .keep_alive(interval)
                .keep_alive_timeout(TIMEOUT);
            Timeline {
                keep_alive: KeepAlive::new(&config, start),
                start,
                written: 0,
                unread: false,
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + SECOND * seconds as u32
        }

        /// The deadline in whole seconds since the start.
        fn deadline(&self) -> Option<u64> {
            let deadline = self.keep_alive.deadline()?;
            Some((deadline - self.start).as_secs())
        }

        fn handle(&mut self, seconds: u64) -> Due {
            let now = self.at(seconds);
            self.keep_alive
                .handle_timeout(now, self.written, self.unread)
        }

        /// Queues a ping that was due, twelve bytes behind what is written.
        fn queue_ping(&mut self, seconds: u64) {
            let now = self.at(seconds);
            self.keep_alive.ping_queued(self.written + 12, now);
        }

        fn write(&mut self, seconds: u64, n: u64) {
            self.written += n;
            let now = self.at(seconds);
            self.keep_alive.written(self.written, now);
        }

        fn block(&mut self, seconds: u64) -> bool {
            let now = self.at(seconds);
            self.keep_alive.block(self.written, now)
        }
    }

    #[test]
    fn a_ping_is_due_in_each_interval_and_its_answer_within_the_timeout() {
        let mut line = Timeline::new(Some(INTERVAL));
        assert_eq!(line.deadline(), Some(30));
        assert_eq!(line.handle(29), Due::None);
        assert_eq!(line.handle(30), Due::Ping(0));
        line.queue_ping(30);
        line.write(31, 12);
        // The time counts from when the ping is written.
        assert_eq!(line.deadline(), Some(39));
        assert!(!line.keep_alive.answered(1));
        assert_eq!(line.handle(38), Due::None);
        assert!(line.keep_alive.answered(0));
        assert!(!line.keep_alive.answered(0));
        // The next one is an interval after the last one was sent.
        assert_eq!(line.deadline(), Some(60));
        assert_eq!(line.handle(60), Due::Ping(1));
    }

    #[test]
    fn a_ping_without_an_answer_is_the_end() {
        let mut line = Timeline::new(Some(INTERVAL));
        line.queue_ping(30);
        line.write(30, 12);
        assert_eq!(line.handle(37), Due::None);
        assert_eq!(line.handle(38), Due::Timeout);
    }

    #[test]
    fn a_ping_that_is_not_written_yet_does_not_end_the_session() {
        let mut line = Timeline::new(Some(INTERVAL));
        line.queue_ping(30);
        line.write(30, 11);
        for seconds in 38..60 {
            assert_eq!(line.handle(seconds), Due::None, "at {seconds} s");
        }
        line.write(60, 1);
        assert_eq!(line.deadline(), Some(68));
        assert_eq!(line.handle(68), Due::Timeout);
    }

    #[test]
    fn an_answer_may_be_behind_input_that_was_not_read_but_not_for_ever() {
        let mut line = Timeline::new(Some(INTERVAL));
        line.queue_ping(30);
        line.write(30, 12);
        line.unread = true;
        // Once a second for another timeout.
        for seconds in 38..46 {
            assert_eq!(line.deadline(), Some(seconds));
            assert_eq!(line.handle(seconds), Due::None);
        }
        assert_eq!(line.handle(46), Due::Timeout);
        // All was read, and the answer was not there.
        let mut line = Timeline::new(Some(INTERVAL));
        line.queue_ping(30);
        line.write(30, 12);
        line.unread = true;
        assert_eq!(line.handle(38), Due::None);
        line.unread = false;
        assert_eq!(line.handle(39), Due::Timeout);
    }

    #[test]
    fn a_connection_that_takes_no_byte_for_the_timeout_is_the_end() {
        let mut line = Timeline::new(Some(INTERVAL));
        assert!(line.block(5));
        // The second time is no new deadline.
        assert!(!line.block(6));
        for seconds in 6..13 {
            assert_eq!(line.deadline(), Some(seconds));
            assert_eq!(line.handle(seconds), Due::None);
        }
        assert_eq!(line.handle(13), Due::Timeout);
    }

    #[test]
    fn a_connection_that_moves_is_given_time() {
        let mut line = Timeline::new(Some(INTERVAL));
        line.block(5);
        line.write(9, 1);
        assert_eq!(line.handle(10), Due::None);
        // Counted from the look that saw it move.
        assert_eq!(line.handle(17), Due::None);
        assert_eq!(line.handle(18), Due::Timeout);
    }

    #[test]
    fn a_stall_is_over_when_the_connection_is_not_blocked_at_a_look() {
        let mut line = Timeline::new(Some(INTERVAL));
        line.block(5);
        line.keep_alive.unblock();
        assert!(!line.keep_alive.is_blocked());
        assert_eq!(line.deadline(), Some(6));
        assert_eq!(line.handle(6), Due::None);
        assert_eq!(line.deadline(), Some(30));
        assert!(line.block(20));
    }

    #[test]
    fn without_keep_alive_there_is_no_deadline() {
        let mut line = Timeline::new(None);
        assert_eq!(line.deadline(), None);
        assert!(!line.block(5));
        assert!(line.keep_alive.is_blocked());
        assert_eq!(line.deadline(), None);
        assert_eq!(line.handle(1_000_000), Due::None);
    }

    #[test]
    fn a_clock_is_read_only_for_a_new_deadline() {
        let mut line = Timeline::new(Some(INTERVAL));
        let clock = || -> Instant { panic!("the clock was read") };
        line.keep_alive.written(100, clock);
        line.block(1);
        line.keep_alive.block(100, clock);
        line.queue_ping(30);
        line.keep_alive.written(11, clock);
    }

    #[test]
    fn numbers_of_pings_wrap() {
        let mut line = Timeline::new(Some(INTERVAL));
        line.keep_alive.number = u32::MAX;
        line.queue_ping(30);
        assert!(line.keep_alive.answered(u32::MAX));
        assert_eq!(line.handle(60), Due::Ping(0));
    }
}

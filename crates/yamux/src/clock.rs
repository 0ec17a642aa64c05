//! The time of a session: whether the peer lives, and which dropped streams it does not end.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::Config;
use super::error::SessionError;
use super::link::Link;
use plugwire_base::instant;
use plugwire_base::rescue;

/// How often within the timeout something late is looked at again.
const LOOKS: u32 = 8;

/// The deadlines of a session.
///
/// What arrives is no sign of life: a peer that is stuck may have said it long ago, and one that only
/// talks is of no use. The peer lives as long as it answers a ping in each interval and takes what is
/// written to it, as in Go.
pub(super) struct Clock {
    interval: Option<Duration>,
    timeout: Duration,
    /// When the peer is asked again.
    ask: Option<Instant>,
    asked: Option<Asked>,
    stall: Option<Stall>,
    /// Set for the earliest of all deadlines, or for one that was.
    timer: Option<Pin<Box<Sleep>>>,
}

/// A ping without an answer.
struct Asked {
    /// How much the connection has taken once the ping is out.
    end: u64,
    /// Whether it is out. Until then the time is that of [`Stall`].
    out: bool,
    until: Instant,
    /// How often the deadline may be moved since there was something that had not been read yet: the
    /// answer may be behind it, where this process did not run for a while.
    chances: u32,
}

/// A connection that took no more.
struct Stall {
    /// How much it had taken at the last look.
    written: u64,
    /// Since when it has not taken anything.
    since: Instant,
    look: Instant,
}

impl Clock {
    /// How long until something late is looked at again.
    fn look_every(&self) -> Duration {
        self.timeout.checked_div(LOOKS).unwrap_or(self.timeout)
    }

    pub(super) fn new(config: &Config) -> Self {
        Clock {
            interval: config.keep_alive,
            timeout: config.keep_alive_timeout,
            ask: config.keep_alive.map(instant::after),
            asked: None,
            stall: None,
            timer: None,
        }
    }

    pub(super) fn poll(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        while link.state.ended.is_none() {
            self.follow(link);
            let Some(next) = self.next(link) else {
                return;
            };
            let timer = match &mut self.timer {
                Some(timer) => timer,
                none => none.insert(Box::pin(tokio::time::sleep_until(next))),
            };
            if next < timer.deadline() {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() && !rescue::is_due(next) {
                return;
            }
            self.act(link);
            self.timer = None;
        }
    }

    /// The earliest deadline.
    fn next(&self, link: &Link) -> Option<Instant> {
        let life = match &self.asked {
            Some(asked) => Some(asked.until),
            None => self.ask,
        };
        let stall = self.stall.as_ref().map(|stall| stall.look);
        let others = [stall, link.state.next_deadline(), link.lease_end()];
        others.into_iter().flatten().chain(life).min()
    }

    /// Notes what has happened.
    fn follow(&mut self, link: &mut Link) {
        if let Some(asked) = &mut self.asked {
            if link.state.is_answered() {
                self.asked = None;
            } else if !asked.out && link.total_written() >= asked.end {
                asked.out = true;
                asked.until = instant::after(self.timeout);
            }
        }
        if self.interval.is_none() {
            link.set_stall_watched(true);
        } else if self.stall.is_none() && link.is_blocked() {
            let since = Instant::now();
            self.stall = Some(Stall {
                written: link.total_written(),
                since,
                look: instant::after(self.look_every()),
            });
            link.set_stall_watched(true);
        }
    }

    /// Does what is due.
    fn act(&mut self, link: &mut Link) {
        let now = Instant::now();
        link.state.expire(now);
        link.check_lease(now);
        if self.is_dead(link, now) {
            link.end(SessionError::KeepAliveTimeout);
            return;
        }
        if let Some(interval) = self.interval
            && self.asked.is_none()
            && self.ask.is_some_and(|ask| ask <= now)
        {
            link.state.ping();
            self.ask = Some(instant::after(interval));
            self.asked = Some(Asked {
                end: link.queue_end(),
                out: false,
                until: instant::after(self.timeout),
                chances: LOOKS,
            });
        }
        link.flush_soon();
    }

    fn is_dead(&mut self, link: &mut Link, now: Instant) -> bool {
        let again = instant::after(self.look_every());
        if let Some(asked) = &mut self.asked
            && asked.until <= now
        {
            if !asked.out {
                asked.until = again;
            } else if link.has_input_left() && asked.chances > 0 {
                asked.chances -= 1;
                asked.until = again;
            } else {
                return true;
            }
        }
        if let Some(stall) = &mut self.stall
            && stall.look <= now
        {
            if !link.is_blocked() {
                self.stall = None;
                link.set_stall_watched(false);
            } else if stall.written != link.total_written() {
                stall.written = link.total_written();
                stall.since = now;
                stall.look = again;
            } else if now.saturating_duration_since(stall.since) >= self.timeout {
                return true;
            } else {
                stall.look = again;
            }
        }
        false
    }
}

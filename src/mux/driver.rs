//! The task behind a session: it reads, writes what has gathered, and keeps the time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::Config;
use super::busy_poll::BusyPoll;
use super::link::Link;
use super::session::SessionError;
use super::shared::Shared;
use crate::instant;
use crate::rescue;

/// Runs a session until it ends, and leaves the reason in `end`.
pub(super) async fn run(session: Ending, config: Config, end: watch::Sender<Option<SessionError>>) {
    let mut clock = Clock::new(&config);
    let mut busy = BusyPoll::new(config.busy_poll);
    // Where `block_on` has a thread of its own, that has to be woken, and needs a core.
    let several_threads = Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread;
    let mut closing = false;
    let reason = poll_fn(|cx| {
        session.0.with(|link| {
            link.drive(cx);
            clock.poll(link, cx);
            closing = link.closing;
            if !rescue::is_rescuing()
                && link.is_conversing()
                && !(several_threads && link.is_used_outside())
            {
                busy.poll(link.received(), cx);
            }
            match &link.state.ended {
                Some(reason) => Poll::Ready(Some(reason.clone())),
                None if closing => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
    })
    .await;
    let reason = match reason {
        Some(reason) => reason,
        None => close(&session.0, config.close_timeout).await,
    };
    drop(session);
    end.send_replace(Some(reason));
}

/// Writes what is queued: it is still to arrive. A peer that does not read must not hold it up.
async fn close(shared: &Shared, timeout: Duration) -> SessionError {
    let written = poll_fn(|cx| {
        shared.with(|link| {
            link.drive(cx);
            match link.is_flushed() || link.state.ended.is_some() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
    });
    let _ = rescue::timeout(timeout, written).await;
    SessionError::Closed
}

/// Ends the session with its driver, be it that the runtime drops it before it ever ran.
pub(super) struct Ending(pub(super) Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.with(|link| link.end(SessionError::Closed));
    }
}

/// What happens when nothing happens: the peer is asked whether it is there, and dropped streams
/// that it does not end are reset.
struct Clock {
    interval: Option<Duration>,
    timeout: Duration,
    /// When the peer's silence is looked at.
    look: Option<Instant>,
    /// How much had been received at the last look.
    received: u64,
    asked: bool,
    pings: u32,
    /// Set for the earliest of all deadlines, or for one that was.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    fn new(config: &Config) -> Self {
        Clock {
            interval: config.keep_alive,
            timeout: config.keep_alive_timeout,
            look: config.keep_alive.map(instant::after),
            received: 0,
            asked: false,
            pings: 0,
            timer: None,
        }
    }

    fn poll(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        while link.state.ended.is_none() {
            let deadlines = [self.look, link.state.next_deadline(), link.lease_end()];
            let Some(next) = deadlines.into_iter().flatten().min() else {
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

    /// Does what is due.
    fn act(&mut self, link: &mut Link) {
        let now = Instant::now();
        link.state.expire(now);
        link.check_lease(now);
        if let Some(interval) = self.interval
            && self.look.is_some_and(|look| look <= now)
        {
            let silent = link.received() == self.received;
            if silent && self.asked {
                link.end(SessionError::KeepAliveTimeout);
                return;
            }
            self.received = link.received();
            self.asked = silent;
            let wait = if silent { self.timeout } else { interval };
            if silent {
                link.state.ping(self.pings);
                self.pings = self.pings.wrapping_add(1);
            }
            self.look = Some(instant::after(wait));
        }
        link.flush_soon();
    }
}

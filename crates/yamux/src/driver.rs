//! The task behind a session: it reads, writes what has gathered, and keeps the time.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;

use super::Config;
use super::busy_poll::BusyPoll;
use super::clock::Clock;
use super::error::SessionError;
use super::shared::Shared;
use plugwire_base::chain::logged;
use plugwire_base::rescue;

/// Runs a session until it ends, and leaves the reason in `end`.
pub(super) async fn run(
    session: Ending,
    config: Config,
    client: bool,
    end: watch::Sender<Option<SessionError>>,
) {
    let mut clock = Clock::new(&config);
    let mut busy = BusyPoll::new(config.busy_poll);
    // Where `block_on` has a thread of its own, that has to be woken, and needs a core.
    let several_threads = Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread;
    let (reason, is_open) = poll_fn(|cx| {
        session.0.with(|link| {
            link.drive(cx);
            clock.poll(link, cx);
            if !rescue::is_rescuing()
                && link.is_conversing()
                && !(several_threads && link.is_used_outside())
            {
                busy.poll(link.received(), cx);
            }
            match (&link.state.ended, &link.closing) {
                (Some(reason), _) => Poll::Ready((reason.clone(), false)),
                (None, Some(reason)) => Poll::Ready((reason.clone(), true)),
                (None, None) => Poll::Pending,
            }
        })
    })
    .await;
    if is_open {
        close(&session.0, config.close_timeout).await;
        session.0.with(|link| link.end(SessionError::Closed));
    }
    log_end(&reason, client);
    end.send_replace(Some(reason));
    let told = poll_fn(|cx| session.0.with(|link| link.poll_last_words(cx)));
    let _ = rescue::timeout(config.close_timeout, told).await;
}

/// A session that one of the sides ends is a matter of course. So are, for a server, clients that break the
/// rules: there can be any number, and it depends on what is served how many are worth a warning.
fn log_end(reason: &SessionError, client: bool) {
    match reason {
        SessionError::Closed | SessionError::PeerClosed => {
            tracing::debug!(%reason, "session ended");
        }
        _ if client => tracing::warn!(reason = %logged(reason), "session ended"),
        _ => tracing::debug!(reason = %logged(reason), "session ended"),
    }
}

/// Writes what is queued: it is still to arrive. A peer that does not read must not hold it up.
async fn close(shared: &Shared, timeout: Duration) {
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
}

/// Ends the session with its driver, also where the runtime drops it before it ever ran.
pub(super) struct Ending(pub(super) Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.with(|link| {
            link.end(SessionError::Closed);
            link.hang_up();
        });
    }
}

//! The task behind a session: it reads, writes what has gathered, and keeps the time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use plugwire_base::chain::logged;
use plugwire_base::rescue;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::Config;
use super::busy_poll::BusyPoll;
use super::connection::{Connection, Shared};
use super::error::SessionError;

/// Runs a session until it ends, and leaves the reason in `end`.
pub(super) async fn run(
    session: CloseOnDrop,
    config: Config,
    client: bool,
    end: watch::Sender<Option<SessionError>>,
) {
    let mut timer = Timer::default();
    let mut busy = BusyPoll::new(config.busy_poll);
    // Where `block_on` has a thread of its own, that has to be woken, and needs a core.
    let several_threads = Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread;
    let (reason, is_open) = poll_fn(|cx| {
        session.0.with(|connection| {
            connection.drive(cx);
            timer.poll(connection, cx);
            if !rescue::is_rescuing()
                && connection.is_conversing()
                && !(several_threads && connection.is_used_outside())
            {
                busy.poll(connection.total_received(), cx);
            }
            match (connection.ended(), connection.closing()) {
                (Some(reason), _) => Poll::Ready((reason.clone(), false)),
                (None, Some(reason)) => Poll::Ready((reason.clone(), true)),
                (None, None) => Poll::Pending,
            }
        })
    })
    .await;
    if is_open {
        close(&session.0, config.close_timeout).await;
        session
            .0
            .with(|connection| connection.end(SessionError::Closed));
    }
    log_end(&reason, client);
    if let Some(observer) = &config.observer {
        observer.ended(&reason);
    }
    end.send_replace(Some(reason));
    let said = poll_fn(|cx| session.0.with(|connection| connection.poll_last_words(cx)));
    let _ = rescue::timeout(config.close_timeout, said).await;
}

/// A session that one of the sides ends is a matter of course. So are, for a server, clients that
/// break the rules: there can be any number, and it depends on what is served how many are worth a
/// warning.
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
        shared.with(|connection| {
            connection.drive(cx);
            match connection.is_flushed() || connection.ended().is_some() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
    });
    let _ = rescue::timeout(timeout, written).await;
}

/// Ends the session when the driver is dropped, even unpolled.
pub(super) struct CloseOnDrop(pub(super) Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.with(|connection| {
            connection.end(SessionError::Closed);
            connection.hang_up();
        });
    }
}

/// The one timer of a session, for the earliest of its deadlines or for one before that.
#[derive(Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Does what is due, and has the driver woken for what is due next.
    fn poll(&mut self, connection: &mut Connection, cx: &mut Context<'_>) {
        while let Some(next) = connection.poll_timeout() {
            let next = Instant::from_std(next);
            let sleep = self
                .0
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            // A deadline that moved back leaves the timer as it is: keep-alive moves its own often,
            // and a timer is dear to set. What is not due then waits for the next one.
            if next < sleep.deadline() || sleep.is_elapsed() {
                sleep.as_mut().reset(next);
            }
            if sleep.as_mut().poll(cx).is_pending() && !rescue::is_due(next) {
                return;
            }
            connection.handle_timeout();
        }
    }
}

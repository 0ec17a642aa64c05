//! Accepting connections: which failures pass, and how many connections may be pending at once.

mod cure;
mod pending;

use std::io;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use self::cure::{Cure, cure};
use self::pending::Pending;
pub(super) use self::pending::Place;
use crate::tuning::plugin as tuning;
use plugwire_base::instant;
use plugwire_base::rate_limited_log::RateLimitedLog;

/// A source of connections.
pub(super) trait Listen {
    type Connection;

    /// The next connection. Cancel safe.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send;
}

/// A listener that tries again after failures that can pass, and bounds the number of connections
/// that have not yet proved to be a host's.
pub(super) struct Door<L> {
    listener: L,
    pending: Pending,
    /// The pause after the next failure.
    pause: Duration,
    /// No connection is accepted before.
    closed_until: Option<Instant>,
    failures: RateLimitedLog,
}

impl<L: Listen> Door<L> {
    /// `max_pending` bounds the connections that are pending at once.
    pub(super) fn new(listener: L, max_pending: usize) -> Self {
        Self {
            listener,
            pending: Pending::new(max_pending),
            pause: tuning::FIRST_PAUSE,
            closed_until: None,
            failures: RateLimitedLog::default(),
        }
    }

    /// The next connection, for [`admit`](Self::admit). Cancel safe.
    ///
    /// # Errors
    ///
    /// If the listener can never accept again.
    pub(super) async fn accept(&mut self) -> io::Result<L::Connection> {
        loop {
            if let Some(until) = self.closed_until {
                sleep_until(until).await;
                self.closed_until = None;
            }
            self.pending.room().await;
            let error = match self.listener.accept().await {
                Ok(connection) => {
                    self.pause = tuning::FIRST_PAUSE;
                    return Ok(connection);
                }
                Err(error) => error,
            };
            let dropped = match cure(&error) {
                Cure::None => return Err(error),
                // Only that connection is lost. A pause would let its peer delay the others.
                Cure::Another => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                    tokio::task::yield_now().await;
                    continue;
                }
                Cure::Time => 0,
                Cure::Resources => self.pending.drop_half(),
            };
            self.closed_until = Some(instant::after(self.pause));
            if let Some(times) = self.failures.note_now() {
                let pause = self.pause;
                tracing::warn!(%error, times, dropped, ?pause, "cannot accept connections for now");
            }
            self.pause = tuning::LONGEST_PAUSE.min(self.pause.saturating_mul(2));
        }
    }

    /// Serves a connection in a task of its own. It is pending until [`Place::give_up`]. If too
    /// many connections are pending, the oldest one is dropped.
    pub(super) fn admit<T, F>(&self, tasks: &mut JoinSet<T>, serve: impl FnOnce(Place) -> F)
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.pending.admit(tasks, serve);
    }
}

#[cfg(all(test, unix))]
mod tests;

//! Letting connections in: which failures to accept one pass, and how many connections may be in the
//! making at once.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::accept_error::{Cure, cure};
use plugwire_base::instant;
use plugwire_base::seldom::Seldom;

/// The first pause after a failure that passes, and the longest; each is twice the one before. Go's
/// `http.Server` has the same.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long a connection is served before a newer one can take its place. An honest host needs a few
/// milliseconds to show that it is one, and more on a machine that does other things.
const GRACE: Duration = Duration::from_millis(100);

/// What connections come from.
pub(super) trait Listen {
    type Connection;

    /// The next connection. Cancel safe.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Connection>> + Send;
}

/// A listener whose failures do not end serving as long as they can pass, and which lets in only so
/// many connections that have not shown to be a host's.
pub(super) struct Door<L> {
    listener: L,
    pending: Pending,
    pause: Duration,
    /// Not to be accepted from before.
    closed_until: Option<Instant>,
    failures: Seldom,
}

impl<L: Listen> Door<L> {
    /// `most` is how many connections may be in the making at once.
    pub(super) fn new(listener: L, most: usize) -> Self {
        Self {
            listener,
            pending: Pending(Arc::new(Shared {
                most,
                queue: Mutex::default(),
                changed: Notify::new(),
            })),
            pause: FIRST_PAUSE,
            closed_until: None,
            failures: Seldom::default(),
        }
    }

    /// The next connection, for [`admit`](Self::admit). Cancel safe.
    ///
    /// # Errors
    ///
    /// Fails when the listener can never accept again.
    pub(super) async fn accept(&mut self) -> io::Result<L::Connection> {
        loop {
            if let Some(until) = self.closed_until {
                sleep_until(until).await;
                self.closed_until = None;
            }
            self.pending.room().await;
            let error = match self.listener.accept().await {
                Ok(connection) => {
                    self.pause = FIRST_PAUSE;
                    return Ok(connection);
                }
                Err(error) => error,
            };
            let dropped = match cure(&error) {
                Cure::None => return Err(error),
                // Of one connection only, which is gone. A pause would let its peer delay the others.
                Cure::Another => {
                    tracing::debug!(%error, "a connection ended before it was accepted");
                    tokio::task::yield_now().await;
                    continue;
                }
                Cure::Time => 0,
                Cure::Resources => self.pending.drop_half(),
            };
            self.closed_until = Some(instant::after(self.pause));
            if let Some(times) = self.failures.say() {
                let pause = self.pause;
                tracing::warn!(%error, times, dropped, ?pause, "cannot accept connections for now");
            }
            self.pause = LONGEST_PAUSE.min(self.pause.saturating_mul(2));
        }
    }

    /// Has a connection served in a task of its own. It counts as one in the making until
    /// [`Place::give_up`], and the oldest such is dropped for it where there are too many.
    pub(super) fn admit<T, F>(&self, tasks: &mut JoinSet<T>, serve: impl FnOnce(Place) -> F)
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let mut queue = self.pending.0.lock();
        while queue.places.len() >= self.pending.0.most {
            queue.drop_oldest();
        }
        queue.last += 1;
        let number = queue.last;
        let serving = serve(Place {
            pending: self.pending.clone(),
            number,
        });
        let pending = self.pending.clone();
        let task = tasks.spawn(async move {
            pending.begin(number);
            serving.await
        });
        // The lock is held from before the task begins, so it leaves only after it has entered.
        queue.places.push_back(Entry {
            number,
            begun: None,
            task,
        });
    }
}

/// The connections in the making, the oldest first. A clone is the same.
#[derive(Clone)]
struct Pending(Arc<Shared>);

struct Shared {
    most: usize,
    queue: Mutex<Queue>,
    /// A place became free, or the wait for one has another end.
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    places: VecDeque<Entry>,
    /// The number given last.
    last: u64,
    drops: Seldom,
}

struct Entry {
    number: u64,
    /// When its task ran first. In a flood that can be long after it was accepted, and not its peer's
    /// fault.
    begun: Option<Instant>,
    task: AbortHandle,
}

impl Entry {
    /// When a newer connection may take the place.
    fn had_its_time(&self) -> Option<Instant> {
        Some(instant::later(self.begun?, GRACE))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// Waits until there is a place, or one that the next connection may take.
    ///
    /// Newcomers wait in the system's queue meanwhile, so that the flood of a hostile peer does not
    /// carry away an honest host that has just been accepted.
    async fn room(&self) {
        loop {
            let until = {
                let queue = self.0.lock();
                match queue.places.front() {
                    Some(oldest) if queue.places.len() >= self.0.most => oldest.had_its_time(),
                    _ => return,
                }
            };
            let changed = self.0.changed.notified();
            match until {
                None => changed.await,
                Some(until) => {
                    if timeout_at(until, changed).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// The task of a connection runs.
    fn begin(&self, number: u64) {
        let mut queue = self.0.lock();
        if let Some(entry) = queue
            .places
            .iter_mut()
            .rfind(|entry| entry.number == number)
        {
            entry.begun = Some(Instant::now());
            self.0.changed.notify_one();
        }
    }

    /// Drops the older half of the connections in the making, if they have had their time. Gives how
    /// many.
    fn drop_half(&self) -> usize {
        let mut queue = self.0.lock();
        let half = queue.places.len().div_ceil(2);
        let now = Instant::now();
        let may_go = |entry: &&Entry| entry.had_its_time().is_some_and(|time| time <= now);
        let dropped = queue.places.iter().take(half).take_while(may_go).count();
        for _ in 0..dropped {
            queue.drop_oldest();
        }
        dropped
    }
}

impl Queue {
    fn drop_oldest(&mut self) {
        let Some(oldest) = self.places.pop_front() else {
            return;
        };
        oldest.task.abort();
        if let Some(dropped) = self.drops.say() {
            tracing::warn!(
                dropped,
                "dropped connections that had not opened their streams, for newer ones"
            );
        }
    }
}

/// That a connection is in the making, held by the task that serves it.
pub(super) struct Place {
    pending: Pending,
    number: u64,
}

impl Place {
    /// The connection is a host's: it is dropped for no other from here on.
    pub(super) fn give_up(self) {}
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.pending.0.lock();
        let own = |entry: &Entry| entry.number == self.number;
        // Honest hosts take moments, so theirs is one of the last.
        if let Some(index) = queue.places.iter().rposition(own) {
            queue.places.remove(index);
            self.pending.0.changed.notify_one();
        }
    }
}

#[cfg(all(test, unix))]
mod tests;

//! Connections that have not yet proved to be a host's.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::tuning::plugin as tuning;
use plugwire_base::instant;
use plugwire_base::rate_limited_log::RateLimitedLog;

/// The pending connections, the oldest first. Clones share them.
#[derive(Clone)]
pub(super) struct Pending(Arc<Shared>);

struct Shared {
    /// The most pending connections.
    limit: usize,
    /// Held for moments, while a connection's task is spawned or aborted too: neither runs the
    /// task. No other lock of this crate is taken while it is held.
    queue: Mutex<Queue>,
    /// A place became free, or the wait for one ends at another time.
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    places: VecDeque<Entry>,
    /// The number of the newest connection.
    last: u64,
    drops: RateLimitedLog,
}

struct Entry {
    number: u64,
    /// When its task first ran. In a flood that can be long after the connection was accepted,
    /// which is not its peer's fault.
    begun: Option<Instant>,
    task: AbortHandle,
}

impl Entry {
    /// From when on a newer connection may take its place.
    fn replaceable_from(&self) -> Option<Instant> {
        Some(instant::later(self.begun?, tuning::GRACE))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    pub(super) fn new(limit: usize) -> Self {
        Self(Arc::new(Shared {
            limit,
            queue: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Spawns the task of a connection, which is pending from now on. Drops the oldest pending one
    /// if there is no free place.
    pub(super) fn admit<T, F>(&self, tasks: &mut JoinSet<T>, serve: impl FnOnce(Place) -> F)
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let mut queue = self.0.lock();
        while queue.places.len() >= self.0.limit {
            queue.drop_oldest();
        }
        queue.last += 1;
        let number = queue.last;
        let serving = serve(Place {
            pending: self.clone(),
            number,
        });
        let pending = self.clone();
        let task = tasks.spawn(async move {
            pending.begin(number);
            serving.await
        });
        // The lock is held since before the task was spawned, so the task's entry is in the queue
        // before the task looks for it.
        queue.places.push_back(Entry {
            number,
            begun: None,
            task,
        });
    }

    /// Waits until a place is free, or until the next connection may take one.
    ///
    /// New connections wait in the system's queue meanwhile, so the flood of a hostile peer does
    /// not displace an honest host that was just accepted.
    pub(super) async fn room(&self) {
        loop {
            let until = {
                let queue = self.0.lock();
                match queue.places.front() {
                    Some(oldest) if queue.places.len() >= self.0.limit => oldest.replaceable_from(),
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

    /// Notes that the task of a connection runs.
    pub(super) fn begin(&self, number: u64) {
        let mut queue = self.0.lock();
        let own = |entry: &&mut Entry| entry.number == number;
        if let Some(entry) = queue.places.iter_mut().rfind(own) {
            entry.begun = Some(Instant::now());
            self.0.changed.notify_one();
        }
    }

    /// Drops the older half of the pending connections, as far as they may be replaced. Returns
    /// their number.
    pub(super) fn drop_half(&self) -> usize {
        let mut queue = self.0.lock();
        let half = queue.places.len().div_ceil(2);
        let now = Instant::now();
        let may_go = |entry: &&Entry| entry.replaceable_from().is_some_and(|time| time <= now);
        let dropped = queue.places.iter().take(half).take_while(may_go).count();
        for _ in 0..dropped {
            queue.drop_oldest();
        }
        dropped
    }
}

#[cfg(test)]
impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().places.is_empty()
    }

    /// As if the task of the oldest connection had not run yet.
    pub(super) fn unbegin(&self) {
        self.0.lock().places[0].begun = None;
    }
}

impl Queue {
    fn drop_oldest(&mut self) {
        let Some(oldest) = self.places.pop_front() else {
            return;
        };
        oldest.task.abort();
        if let Some(dropped) = self.drops.note_now() {
            tracing::warn!(
                dropped,
                "dropped connections that had not opened their streams, for newer ones"
            );
        }
    }
}

/// The place of a pending connection. Its task holds it.
pub(in crate::plugin) struct Place {
    pending: Pending,
    number: u64,
}

impl Place {
    /// The connection is a host's: from now on no other replaces it.
    pub(in crate::plugin) fn give_up(self) {}
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.pending.0.lock();
        let own = |entry: &Entry| entry.number == self.number;
        // Honest hosts need moments, so their entry is one of the last.
        if let Some(index) = queue.places.iter().rposition(own) {
            queue.places.remove(index);
            self.pending.0.changed.notify_one();
        }
    }
}

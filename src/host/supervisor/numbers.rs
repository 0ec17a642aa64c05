//! What all processes of a supervised plugin did, in numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::event::EventKind;
use crate::event::{self, Reloaded, Restarting, Snapshot};
use crate::host::Client;

/// The numbers of the processes that there are, and of those that there were.
#[derive(Debug)]
pub(super) struct Numbers {
    events: event::Options,
    restarts: AtomicU64,
    reloads: AtomicU64,
    /// Taken when a process begins or ends, and for a snapshot, which takes locks of the
    /// connections meanwhile.
    processes: Mutex<Processes>,
}

#[derive(Debug, Default)]
struct Processes {
    running: HashMap<u64, Weak<Client>>,
    ended: Snapshot,
}

impl Numbers {
    pub(super) fn new(events: event::Options) -> Self {
        Numbers {
            events,
            restarts: AtomicU64::new(0),
            reloads: AtomicU64::new(0),
            processes: Mutex::default(),
        }
    }

    /// Counts what has happened to a process, and has subscribers learn of it.
    pub(super) fn count(&self, kind: &EventKind) {
        match *kind {
            EventKind::BackingOff { delay, failures } => {
                self.restarts.fetch_add(1, Ordering::Relaxed);
                self.events.emit(&Restarting { delay, failures });
            }
            EventKind::Reloaded { pid } => {
                self.reloads.fetch_add(1, Ordering::Relaxed);
                self.events.emit(&Reloaded { pid });
            }
            _ => {}
        }
    }

    /// A process has begun.
    pub(super) fn add(&self, process: u64, client: &Arc<Client>) {
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.running.insert(process, Arc::downgrade(client));
    }

    /// A process is over.
    pub(super) fn remove(&self, process: u64, client: &Client) {
        let ended = client.snapshot().ended();
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.running.remove(&process);
        processes.ended.add(&ended);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        // A client that is the last of its process must not be dropped under the lock.
        let (mut sum, running) = {
            let processes = self
                .processes
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let running: Vec<_> = processes
                .running
                .values()
                .filter_map(Weak::upgrade)
                .collect();
            (processes.ended.clone(), running)
        };
        running
            .iter()
            .for_each(|client| sum.add(&client.snapshot()));
        sum.plugin = self.events.name().to_string();
        sum.restarts = self.restarts.load(Ordering::Relaxed);
        sum.reloads = self.reloads.load(Ordering::Relaxed);
        sum
    }
}

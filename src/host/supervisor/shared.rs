//! What the handle of a supervisor and its tasks share: the routes, the states, the events.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{broadcast, watch};

use super::config::SupervisorConfig;
use super::error::Cause;
use super::event::{Event, EventKind, State};
use super::numbers::Numbers;
use super::saved::SupervisorState;
use crate::host::survivor::Survivor;
use crate::interface::supervised::{Outlook, Route};
use crate::tuning::supervisor as tuning;

/// Whether a supervisor ends, and what becomes of its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    No,
    /// They are left to the next host.
    Detach,
    /// They are ended.
    Shutdown,
}

pub(super) struct Shared {
    pub(super) config: SupervisorConfig,
    pub(super) state: watch::Sender<State>,
    pub(super) events: broadcast::Sender<Event>,
    /// Counts how often a call has asked for an idle plugin.
    pub(super) wake: Arc<watch::Sender<u64>>,
    /// Set when the supervisor ends.
    pub(super) stop: watch::Sender<Stop>,
    processes: AtomicU64,
    pub(super) numbers: Arc<Numbers>,
    /// The instance name.
    name: Arc<str>,
    /// Taken a few times each restart. The state and the outlooks are sent under it, which wakes
    /// tasks, so that they are sent in the order in which they came about.
    inner: Mutex<Inner>,
}

struct Inner {
    /// One for each process of a pool.
    states: Vec<State>,
    /// What the next host has to know of those in service.
    survivors: Vec<Option<Survivor>>,
    /// Those that were dispensed and are still in use.
    routes: Vec<Weak<Route>>,
}

impl Shared {
    pub(super) fn new(config: SupervisorConfig) -> Self {
        let events = config.client.observed();
        let starting = State::Starting { attempt: 1 };
        let states = vec![starting.clone(); config.instances];
        let survivors = vec![None; config.instances];
        Self {
            config,
            state: watch::Sender::new(starting),
            events: broadcast::Sender::new(tuning::EVENTS),
            wake: Arc::new(watch::Sender::new(0)),
            stop: watch::Sender::new(Stop::No),
            processes: AtomicU64::new(0),
            name: events.name(),
            numbers: Arc::new(Numbers::new(events)),
            inner: Mutex::new(Inner {
                states,
                survivors,
                routes: Vec::new(),
            }),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next process.
    pub(super) fn next_process(&self) -> u64 {
        self.processes.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn states(&self) -> Vec<State> {
        self.inner().states.clone()
    }

    /// A route to the name, which leads nowhere yet.
    pub(super) fn new_route(&self, name: &str) -> Arc<Route> {
        let inner = self.inner();
        let outlook = outlook(nearest(&inner.states));
        let (patience, wake) = (self.config.patience(), Arc::clone(&self.wake));
        Arc::new(Route::new(name.to_owned(), outlook, patience, wake))
    }

    /// From now on every process has to serve it before it comes into service.
    pub(super) fn keep_route(&self, route: &Arc<Route>) {
        let mut inner = self.inner();
        inner.routes.retain(|known| known.strong_count() > 0);
        let is_known = |known: &Weak<Route>| std::ptr::eq(known.as_ptr(), Arc::as_ptr(route));
        if !inner.routes.iter().any(is_known) {
            inner.routes.push(Arc::downgrade(route));
            // It may have changed since the route was made.
            let outlook = outlook(nearest(&inner.states));
            route.change(|service| service.outlook = outlook);
        }
    }

    /// What every process has to serve.
    pub(super) fn routes(&self) -> Vec<Arc<Route>> {
        self.inner()
            .routes
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }

    /// The state of one process has changed.
    pub(super) fn set_state(&self, instance: usize, state: State) {
        let mut inner = self.inner();
        if !state.is_ready()
            && let Some(survivor) = inner.survivors.get_mut(instance)
        {
            *survivor = None;
        }
        if let Some(known) = inner.states.get_mut(instance) {
            *known = state;
        }
        let nearest = nearest(&inner.states);
        let outlook = outlook(nearest);
        for route in inner.routes.iter().filter_map(Weak::upgrade) {
            route.change(|service| service.outlook = outlook.clone());
        }
        self.state.send_replace(nearest.clone());
    }

    /// Notes what the next host has to know of a process.
    pub(super) fn set_survivor(&self, instance: usize, mut left: Survivor) {
        left.instance = instance;
        if let Some(survivor) = self.inner().survivors.get_mut(instance) {
            *survivor = Some(left);
        }
    }

    /// What the next host has to know now.
    pub(super) fn saved_state(&self) -> SupervisorState {
        let survivors = self.inner().survivors.iter().flatten().cloned().collect();
        SupervisorState::new(survivors)
    }

    /// Has the tasks end. A shutdown is not taken back.
    pub(super) fn stop(&self, how: Stop) {
        self.stop.send_if_modified(|stop| {
            let changes = how > *stop;
            *stop = how.max(*stop);
            changes
        });
    }

    pub(super) fn tell(&self, instance: usize, kind: EventKind) {
        self.numbers.count(&kind);
        // Without a reader it is not wanted.
        let _ = self.events.send(Event { instance, kind });
    }
}

/// Of several processes, the one nearest to service speaks for all.
fn nearest(states: &[State]) -> &State {
    const NONE: &State = &State::Stopped {
        cause: Cause::Shutdown,
    };
    states
        .iter()
        .min_by_key(|state| state.rank())
        .unwrap_or(NONE)
}

/// What becomes of a call that finds no process in service.
fn outlook(state: &State) -> Outlook {
    let cause = |cause: &Cause| Some(Arc::new(cause.clone()) as _);
    match state {
        State::Starting { .. } | State::Ready { .. } => Outlook::Coming(None),
        State::BackingOff { cause: why, .. } => Outlook::Coming(cause(why)),
        State::Idle => Outlook::Idle,
        State::Stopped { cause: why } | State::Failed { cause: why } => Outlook::Down(cause(why)),
    }
}

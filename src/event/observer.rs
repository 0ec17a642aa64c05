//! What a session's calls and streams report to.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};

use super::list::{
    Connected, Disconnected, LimitMet, StreamClosed, StreamOpened, Subscriber, WindowStalled,
};
use super::meta::{Direction, Event, Meta, Side};
use super::options::Options;
use super::propagator::Propagator;
use super::snapshot::Snapshot;
use super::tally::{Tallied, Tally, Totals};
use crate::mux::{self, Observation, SessionError};

/// One for each session, which all its clients and servers share. By default none: connections that
/// are made by hand have no session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer {
    /// Whether events are wanted in any case: kept here, since each call asks.
    has_subscribers: bool,
    shared: Option<Arc<Shared>>,
}

pub(super) struct Shared {
    name: Arc<str>,
    side: Side,
    subscribers: Arc<[Guarded]>,
    propagator: Option<Arc<dyn Propagator>>,
    /// The session's, while it lasts.
    span: Mutex<Option<Span>>,
    /// Taken when a connection begins or ends, and for a snapshot.
    tallies: Mutex<Tallies>,
    limits_met: AtomicU64,
}

#[derive(Default)]
struct Tallies {
    /// Those of connections that exist, by their addresses.
    live: HashMap<usize, Arc<Tally>>,
    ended: Totals,
}

/// A subscriber, and whether it panicked.
#[derive(Debug)]
pub(super) struct Guarded {
    subscriber: Arc<dyn Subscriber>,
    panicked: AtomicBool,
}

impl Guarded {
    pub(super) fn new(subscriber: Arc<dyn Subscriber>) -> Self {
        Guarded {
            subscriber,
            panicked: AtomicBool::new(false),
        }
    }

    fn tell(&self, meta: &Meta<'_>, event: &impl Event) {
        if self.panicked.load(Ordering::Relaxed) {
            return;
        }
        // A panic would end the connection's task.
        let told = AssertUnwindSafe(|| event.tell(meta, &*self.subscriber));
        if catch_unwind(told).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
            let plugin = meta.plugin;
            tracing::error!(
                plugin,
                "a subscriber of events panicked and is called no more"
            );
        }
    }
}

/// Has subscribers and `tracing` learn of an event.
pub(super) fn emit(meta: &Meta<'_>, subscribers: &[Guarded], event: &impl Event) {
    for subscriber in subscribers {
        subscriber.tell(meta, event);
    }
    event.trace(meta);
}

impl Observer {
    /// That of a session.
    pub(crate) fn new(options: &Options, side: Side) -> Self {
        let name = options.name();
        let span = tracing::info_span!(
            target: "plugwire::connection",
            "connection",
            plugin = &*name,
            side = side.as_str(),
        );
        Observer {
            has_subscribers: !options.subscribers.is_empty(),
            shared: Some(Arc::new(Shared {
                name,
                side,
                subscribers: Arc::clone(&options.subscribers),
                propagator: options.propagator.clone(),
                span: Mutex::new(Some(span)),
                tallies: Mutex::default(),
                limits_met: AtomicU64::new(0),
            })),
        }
    }

    /// The same, as the session's own observer.
    pub(crate) fn of_session(&self, config: &mux::Config) -> mux::Config {
        match &self.shared {
            Some(shared) => config.clone().observer(Arc::clone(shared) as _),
            None => config.clone(),
        }
    }

    /// Whether the events of calls are wanted. Each call asks, so with none that wants them this is
    /// two comparisons: of a flag, and of the level of `tracing`.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.has_subscribers || (LevelFilter::current() >= Level::DEBUG && self.is_traced())
    }

    /// Asks the subscribers of `tracing`, which remember it for each of these places.
    #[cold]
    fn is_traced(&self) -> bool {
        self.shared.is_some()
            && (tracing::span_enabled!(target: "plugwire::call", Level::DEBUG)
                || tracing::span_enabled!(target: "plugwire::callback", Level::DEBUG))
    }

    pub(super) fn shared(&self) -> Option<&Shared> {
        self.shared.as_deref()
    }

    /// The instance name; empty where there is none.
    pub(crate) fn name(&self) -> &str {
        self.shared().map_or("", |shared| &shared.name)
    }

    pub(crate) fn emit(&self, event: &impl Event) {
        if let Some(shared) = self.shared() {
            shared.emit(event);
        }
    }

    /// The session has begun.
    pub(crate) fn connected(&self) {
        self.emit(&Connected {});
    }

    pub(crate) fn limit_met(&self, limit: &'static str) {
        if let Some(shared) = self.shared() {
            shared.limits_met.fetch_add(1, Ordering::Relaxed);
            shared.emit(&LimitMet { limit });
        }
    }

    /// Where a new connection counts its calls.
    pub(crate) fn tally(&self, direction: Direction) -> Tallied {
        let tally = Arc::new(Tally::new(direction));
        if let Some(shared) = self.shared() {
            let mut tallies = shared.tallies();
            tallies.live.insert(address(&tally), Arc::clone(&tally));
        }
        Tallied::new(tally, self.clone())
    }

    /// A connection has ended.
    pub(super) fn fold(&self, tally: &Arc<Tally>) {
        if let Some(shared) = self.shared() {
            let mut tallies = shared.tallies();
            if tallies.live.remove(&address(tally)).is_some() {
                tallies.ended.add_ended(tally);
            }
        }
    }

    /// The session in numbers, without those of its streams.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let Some(shared) = self.shared() else {
            return Snapshot::default();
        };
        let totals = {
            let tallies = shared.tallies();
            let mut totals = tallies.ended;
            tallies.live.values().for_each(|tally| totals.add(tally));
            totals
        };
        let mut snapshot = Snapshot {
            plugin: shared.name.to_string(),
            side: shared.side,
            limits_met: shared.limits_met.load(Ordering::Relaxed),
            ..Snapshot::default()
        };
        totals.fill(&mut snapshot);
        snapshot
    }

    /// A span of what runs on a stream, under the one that is current.
    pub(crate) fn stream_span(&self, id: u32) -> Span {
        tracing::debug_span!(target: "plugwire::stream", "stream", plugin = self.name(), id)
    }
}

impl Shared {
    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn side(&self) -> Side {
        self.side
    }

    pub(super) fn propagator(&self) -> Option<&dyn Propagator> {
        self.propagator.as_deref()
    }

    /// The session's span, while it lasts.
    pub(super) fn span(&self) -> Option<tracing::Id> {
        let span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        span.as_ref().and_then(Span::id)
    }

    pub(super) fn emit(&self, event: &impl Event) {
        let meta = Meta {
            plugin: &self.name,
            side: self.side,
        };
        emit(&meta, &self.subscribers, event);
    }
}

impl mux::Observer for Shared {
    fn observed(&self, observation: Observation) {
        match observation {
            Observation::StreamOpened { stream, by_peer } => {
                self.emit(&StreamOpened { stream, by_peer });
            }
            Observation::StreamClosed { stream } => self.emit(&StreamClosed { stream }),
            Observation::WindowStalled { stream } => self.emit(&WindowStalled { stream }),
            Observation::LimitMet { limit } => self.emit(&LimitMet { limit }),
            _ => {}
        }
    }

    fn ended(&self, reason: &SessionError) {
        let span = {
            let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
            span.take()
        };
        let reason = plugwire_base::chain::logged(reason).to_string();
        match span {
            Some(span) => span.in_scope(|| self.emit(&Disconnected { reason: &reason })),
            None => self.emit(&Disconnected { reason: &reason }),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer")
            .field("plugin", &self.name)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

/// What no other tally has while this one exists.
fn address(tally: &Arc<Tally>) -> usize {
    Arc::as_ptr(tally).addr()
}

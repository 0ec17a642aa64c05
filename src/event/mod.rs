//! What happens on a connection: events, metrics, spans, and a snapshot in numbers.
//!
//! The events are on one list, from which all else is derived: the structs and the
//! [`Subscriber`] here, events of `tracing`, and the metrics of `MetricsSubscriber` (feature
//! `metrics`). [`CATALOG`] is that list. `docs/observability.md` has it as a table, with the spans
//! and the targets that an `EnvFilter` chooses by.
//!
//! [`ConnectionConfig::subscriber`] sets a subscriber. `tracing` needs no setting. Where neither is
//! subscribed to, a call costs two comparisons more, and a few additions for the [`Snapshot`].
//!
//! [`ConnectionConfig::subscriber`]: crate::connection::ConnectionConfig::subscriber

mod declare;
#[cfg(feature = "metrics")]
mod labels;
mod list;
mod meta;
#[cfg(feature = "metrics")]
mod metrics;
mod observer;
mod options;
mod propagator;
mod snapshot;
mod tally;
mod watch;

pub use list::*;
pub use meta::{Direction, Entry, Meta, MetricEntry, Outcome, Side};
#[cfg(feature = "metrics")]
pub use metrics::MetricsSubscriber;
pub(crate) use observer::Observer;
pub(crate) use options::Options;
pub use propagator::Propagator;
pub use snapshot::{Calls, Queues, Snapshot, Streams, Traffic};
pub(crate) use tally::{Tallied, Tally};
pub(crate) use watch::{UNKNOWN, Watch};

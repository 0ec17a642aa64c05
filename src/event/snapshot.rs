//! A connection in numbers.

use serde::Serialize;

use super::meta::Side;
use crate::mux;

/// A connection, or all that a supervisor had, in numbers, now: from
/// [`Client::snapshot`](crate::host::Client::snapshot),
/// [`Supervisor::snapshot`](crate::host::Supervisor::snapshot),
/// [`MuxBroker::snapshot`](crate::broker::MuxBroker::snapshot) or
/// [`RpcClient::snapshot`](crate::connection::RpcClient::snapshot).
///
/// It is counted in any case, without a clock and without an atomic addition for each call. The
/// numbers are read one after the other, while calls go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The instance name.
    pub plugin: String,
    /// Which side this process is.
    pub side: Side,
    /// The calls that this process makes, those of the control stream included.
    pub made: Calls,
    /// The calls of the peer: a host's are callbacks.
    pub served: Calls,
    /// The messages of calls that were sent.
    pub sent: Traffic,
    /// The messages of calls that have arrived.
    pub received: Traffic,
    /// The connection itself, by its streams.
    pub streams: Streams,
    /// What waits.
    pub queues: Queues,
    /// How often a limit was met: see [`LimitMet`](super::LimitMet).
    pub limits_met: u64,
    /// How often a supervisor had to start the plugin again.
    pub restarts: u64,
    /// How often a supervisor put another process in the plugin's place.
    pub reloads: u64,
}

/// Calls by their end: see [`Outcome`](super::Outcome).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Calls {
    /// All that have begun.
    pub begun: u64,
    /// Under way.
    pub in_flight: u64,
    /// Ended with a reply.
    pub answered: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Ended by the deadline. A call that is served counts as cancelled then.
    pub timed_out: u64,
    /// Ended by the caller's drop.
    pub cancelled: u64,
    /// Ended by the end of the connection.
    pub lost: u64,
}

/// Messages of calls, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Traffic {
    /// Requests and replies.
    pub messages: u64,
    /// Their bytes, with headers, without those of frames.
    pub bytes: u64,
}

/// The streams of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Streams {
    /// Open now.
    pub open: u64,
    /// Opened by this side.
    pub opened: u64,
    /// Opened by the peer.
    pub opened_by_peer: u64,
    /// How often a writer had to wait for the peer to read.
    pub window_stalls: u64,
    /// All bytes that were sent, frames included.
    pub sent_bytes: u64,
    /// All bytes that have arrived, frames included.
    pub received_bytes: u64,
}

/// What waits, now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Queues {
    /// Bytes of messages that wait for their streams.
    pub outbox_bytes: u64,
    /// Bytes of frames that wait for the connection.
    pub unwritten_bytes: u64,
    /// Bytes that have arrived and are not read.
    pub unread_bytes: u64,
    /// Streams of the peer that wait to be accepted.
    pub accept_backlog: u64,
}

impl Calls {
    /// All that have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        [
            self.answered,
            self.failed,
            self.timed_out,
            self.cancelled,
            self.lost,
        ]
        .into_iter()
        .fold(0, u64::wrapping_add)
    }
}

/// Makes sums, field by field.
macro_rules! sums {
    ($($type:ty { $($field:ident)* })*) => {$(
        impl $type {
            pub(super) fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.wrapping_add(other.$field);)*
            }
        }
    )*};
}

sums! {
    Calls { begun in_flight answered failed timed_out cancelled lost }
    Traffic { messages bytes }
    Streams { open opened opened_by_peer window_stalls sent_bytes received_bytes }
    Queues { outbox_bytes unwritten_bytes unread_bytes accept_backlog }
}

impl Snapshot {
    /// The same, with the numbers of the session below.
    pub(crate) fn of_session(mut self, stats: &mux::Stats) -> Self {
        self.streams = Streams {
            open: stats.streams as u64,
            opened: stats.opened,
            opened_by_peer: stats.opened_by_peer,
            window_stalls: stats.window_stalls,
            sent_bytes: stats.sent,
            received_bytes: stats.received,
        };
        self.queues.unwritten_bytes = stats.unwritten as u64;
        self.queues.unread_bytes = stats.unread as u64;
        self.queues.accept_backlog = stats.accept_backlog as u64;
        self.limits_met = self.limits_met.wrapping_add(stats.limits_met);
        self
    }

    /// The sums of both, of one plugin.
    #[cfg(feature = "host")]
    pub(crate) fn add(&mut self, other: &Snapshot) {
        self.made.add(&other.made);
        self.served.add(&other.served);
        self.sent.add(&other.sent);
        self.received.add(&other.received);
        self.streams.add(&other.streams);
        self.queues.add(&other.queues);
        self.limits_met = self.limits_met.wrapping_add(other.limits_met);
        self.restarts = self.restarts.wrapping_add(other.restarts);
        self.reloads = self.reloads.wrapping_add(other.reloads);
    }

    /// The same of a connection that is over: nothing of it waits, or is under way.
    #[cfg(feature = "host")]
    pub(crate) fn ended(mut self) -> Self {
        for calls in [&mut self.made, &mut self.served] {
            calls.lost = calls
                .lost
                .wrapping_add(std::mem::take(&mut calls.in_flight));
        }
        self.streams.open = 0;
        self.queues = Queues::default();
        self
    }

    /// Sets the gauges of what waits, by the facade [`metrics`](::metrics):
    /// `plugwire_queue_bytes` by `queue` (`outbox`, `unwritten`, `unread`) and
    /// `plugwire_accept_backlog`. No event says these, so call this when the metrics are read.
    #[cfg(feature = "metrics")]
    pub fn record(&self) {
        let Queues {
            outbox_bytes,
            unwritten_bytes,
            unread_bytes,
            accept_backlog,
        } = self.queues;
        let side = self.side.as_str();
        let labels = || {
            vec![
                metrics::Label::new("plugin", self.plugin.clone()),
                metrics::Label::new("side", side),
            ]
        };
        for (queue, bytes) in [
            ("outbox", outbox_bytes),
            ("unwritten", unwritten_bytes),
            ("unread", unread_bytes),
        ] {
            let mut labels = labels();
            labels.push(metrics::Label::new("queue", queue));
            metrics::gauge!("plugwire_queue_bytes", labels).set(bytes as f64);
        }
        metrics::gauge!("plugwire_accept_backlog", labels()).set(accept_backlog as f64);
    }
}

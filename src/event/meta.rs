//! What events are made of.

use std::time::Duration;

use serde::Serialize;

#[cfg(feature = "metrics")]
use super::labels::Bounds;
use super::list::Subscriber;

/// What is known with every event.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Meta<'a> {
    /// The instance name: see [`ClientConfig::name`](crate::host::ClientConfig::name).
    pub plugin: &'a str,
    /// Which side this process is.
    pub side: Side,
}

/// Which side of a connection a process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The one that starts the other.
    #[default]
    Host,
    /// The one that is started.
    Plugin,
}

/// Which side of a connection calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// This process calls.
    Made,
    /// The peer calls.
    Served,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// With a reply.
    Answered,
    /// With an error: the peer's, or that of a value that does not encode or decode.
    Failed,
    /// The caller's deadline passed.
    TimedOut,
    /// The caller dropped it.
    Cancelled,
    /// The connection ended before.
    Lost,
}

impl Side {
    /// `host` or `plugin`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Host => "host",
            Side::Plugin => "plugin",
        }
    }
}

impl Direction {
    /// `made` or `served`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Made => "made",
            Direction::Served => "served",
        }
    }
}

impl Outcome {
    /// In one word, such as `answered` or `timed_out`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed_out",
            Outcome::Cancelled => "cancelled",
            Outcome::Lost => "lost",
        }
    }
}

/// An event of the [`CATALOG`](super::CATALOG).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The name of its type.
    pub event: &'static str,
    /// The level of its `tracing` event.
    pub level: &'static str,
    /// The target of its `tracing` event.
    pub target: &'static str,
    /// What it says.
    pub about: &'static str,
    /// Its fields, and what they are.
    pub fields: &'static [(&'static str, &'static str)],
    /// The metrics that it changes.
    pub metrics: &'static [MetricEntry],
}

/// A metric of an [`Entry`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MetricEntry {
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub about: &'static str,
}

/// What is derived of each declaration.
pub(crate) trait Event {
    fn tell(&self, meta: &Meta<'_>, subscriber: &dyn Subscriber);
    fn trace(&self, meta: &Meta<'_>);
    #[cfg(feature = "metrics")]
    fn measure(&self, meta: &Meta<'_>, bounds: &Bounds);
}

/// The message of an event: what its documentation says first.
pub(super) fn said(about: &str) -> &str {
    about.trim_start().trim_end_matches('.')
}

/// A field as `tracing` gets it.
pub(super) trait Shown {
    type Shown<'s>: tracing::Value
    where
        Self: 's;
    fn shown(&self) -> Self::Shown<'_>;
}

macro_rules! shown {
    ($($type:ty, $shown:ty, |$value:ident| $how:expr;)*) => {$(
        impl Shown for $type {
            type Shown<'s> = $shown where Self: 's;
            fn shown(&self) -> $shown {
                let $value = *self;
                $how
            }
        }
    )*};
}

shown! {
    u32, u32, |value| value;
    u64, u64, |value| value;
    bool, bool, |value| value;
    Option<u32>, Option<u32>, |value| value;
    Option<u64>, Option<u64>, |value| value;
    // In seconds, as the metrics.
    Duration, f64, |value| value.as_secs_f64();
    Direction, &'static str, |value| value.as_str();
    Outcome, &'static str, |value| value.as_str();
}

impl Shown for &str {
    type Shown<'s>
        = &'s str
    where
        Self: 's;
    fn shown(&self) -> &str {
        self
    }
}

impl Shown for Option<&str> {
    type Shown<'s>
        = Option<&'s str>
    where
        Self: 's;
    fn shown(&self) -> Option<&str> {
        *self
    }
}

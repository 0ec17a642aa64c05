//! What a session says of itself: to an observer while it happens, and in numbers when it is asked.

use std::fmt;
use std::sync::Arc;

use super::SessionError;

/// What has happened on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// A stream was opened.
    StreamOpened {
        /// Its number on the wire.
        stream: u32,
        /// Whether the peer has opened it.
        by_peer: bool,
    },
    /// A stream is gone: both sides have ended it, or it was reset.
    StreamClosed {
        /// Its number on the wire.
        stream: u32,
    },
    /// A writer has used up the window of its stream, and waits for the peer to read.
    WindowStalled {
        /// The stream's number on the wire.
        stream: u32,
    },
    /// The peer or this side met a limit of the session's [`Config`](super::Config).
    LimitMet {
        /// The option's name, such as `accept_backlog`.
        limit: &'static str,
    },
}

/// Learns what happens on a session, for metrics and logs.
///
/// It is called without the session's lock, on the thread of the call that brought it about, so it
/// should not block. It may use the session.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Something has happened.
    fn observed(&self, observation: Observation);

    /// The session is over.
    fn ended(&self, reason: &SessionError);
}

/// Two observers, as one.
#[derive(Debug)]
pub(crate) struct Both(pub(crate) Arc<dyn Observer>, pub(crate) Arc<dyn Observer>);

impl Observer for Both {
    fn observed(&self, observation: Observation) {
        self.0.observed(observation);
        self.1.observed(observation);
    }

    fn ended(&self, reason: &SessionError) {
        self.0.ended(reason);
        self.1.ended(reason);
    }
}

/// A session in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Streams that there are, as [`Session::streams`](super::Session::streams) counts them.
    pub streams: usize,
    /// Streams that this side has opened.
    pub opened: u64,
    /// Streams that the peer has opened, without those that were refused.
    pub opened_by_peer: u64,
    /// How often a writer has used up the window of its stream and had to wait for the peer.
    pub window_stalls: u64,
    /// How often a limit of the session's [`Config`](super::Config) was met.
    pub limits_met: u64,
    /// Streams of the peer that wait to be accepted.
    pub accept_backlog: usize,
    /// Bytes that have arrived and are not read.
    pub unread: usize,
    /// Bytes that wait to be written to the connection.
    pub unwritten: usize,
    /// Bytes that the connection has taken.
    pub sent: u64,
    /// Bytes that have arrived.
    pub received: u64,
}

/// What a session has counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) opened: u64,
    pub(crate) opened_by_peer: u64,
    pub(crate) window_stalls: u64,
    pub(crate) limits_met: u64,
}

impl Counts {
    pub(crate) fn count(&mut self, observation: Observation) {
        let count = match observation {
            Observation::StreamOpened { by_peer: false, .. } => &mut self.opened,
            Observation::StreamOpened { by_peer: true, .. } => &mut self.opened_by_peer,
            Observation::WindowStalled { .. } => &mut self.window_stalls,
            Observation::LimitMet { .. } => &mut self.limits_met,
            Observation::StreamClosed { .. } => return,
        };
        *count = count.wrapping_add(1);
    }
}

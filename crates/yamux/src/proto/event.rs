//! What a session has to say to its caller.

use super::store::StreamKey;
use crate::observer::Observation;

/// Something that a caller waits for, or has to log.
///
/// Each follows a call that was pending, once: see the methods of [`Session`](super::Session).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A stream for which [`read`](super::Session::read) was pending has data, or has ended.
    Readable(StreamKey),
    /// A stream for which [`write`](super::Session::write) was pending can be written to, or has
    /// ended.
    Writable(StreamKey),
    /// [`open`](super::Session::open) was pending, and may not be now.
    Openable,
    /// [`accept`](super::Session::accept) was pending, and may not be now.
    Acceptable,
    /// The peer does what it should not. This comes at most every ten seconds for each kind.
    Warning(Warning),
    /// For the [observer](crate::Config::observer). Without one there are none.
    Observed(Observation),
}

/// What a session's log should say of its peer, now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A stream that the peer opened was refused with RST.
    Refused {
        /// The stream's number.
        stream: u32,
        /// Which limit was reached.
        why: &'static str,
        /// How many streams more were refused since the last warning.
        more: u64,
    },
    /// A stream was reset: the session's streams held more than the limit, and this one held most.
    Unread {
        /// The stream's number.
        stream: u32,
        /// How much it held, in bytes.
        held: usize,
        /// The limit, in bytes.
        limit: usize,
        /// How many streams more were reset since the last warning.
        more: u64,
    },
}

//! Which task reads the connection: the session's driver, or the reader of one stream.
//!
//! A driver that reads in large pieces has to copy what it read to streams, and readers copy it
//! once more. For large frames it is better that their reader reads the connection, straight into
//! its own buffer. So the driver lends the connection to the reader of a stream whose large frame
//! comes next, if that reader waits with a large buffer. The reader gives it back when no more has
//! arrived or another frame comes, and loses it when it does not read for [`DIRECT_READ`].

use std::time::Instant;

use super::store::StreamKey;
use super::time::later;
use crate::tuning::DIRECT_READ;

/// The task that reads the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadOwner {
    /// The driver. `large` is the stream whose large frame came last: another one is likely to
    /// follow.
    Driver { large: Option<StreamKey> },
    /// The reader of a stream of large frames.
    Stream {
        key: StreamKey,
        /// A reader that has not read anything by then is gone, or busy.
        until: Instant,
        /// How much the session had received when that was last looked at.
        received: u64,
    },
}

/// Whether the reader of a stream still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    No,
    /// This reader lost the connection to the driver.
    Reader(StreamKey),
}

/// What the driver is to read next: see [`Session::next_read`](super::Session::next_read).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextRead {
    /// No byte: too many answers wait to be written. The peer has to read some first.
    Full,
    /// No byte: the reader of a stream reads.
    Lent,
    /// Up to this many bytes, for [`handle_input`](super::Session::handle_input).
    Frames(usize),
    /// Up to this many bytes of a large frame, into
    /// [`body_buffer`](super::Session::body_buffer).
    Body(usize),
}

/// What the reader of a stream is to read next: see
/// [`Session::direct_read`](super::Session::direct_read).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectRead {
    /// Bytes of the stream's data into the reader's buffer, and what comes behind them for
    /// [`handle_input`](super::Session::handle_input).
    Body {
        /// How many bytes belong to the reader.
        len: usize,
        /// How many may be read behind them, at most.
        behind: usize,
    },
    /// Up to this many bytes, for [`handle_input`](super::Session::handle_input): a header comes
    /// next.
    Frames(usize),
    /// No byte: what comes is no large frame of this stream. The driver reads again.
    Other,
    /// No byte: the buffer has too little room to be worth a read.
    NoRoom,
}

impl ReadOwner {
    pub(super) const DRIVER: ReadOwner = ReadOwner::Driver { large: None };

    /// The stream whose large frame came last.
    pub(super) fn large(&self) -> Option<StreamKey> {
        match *self {
            ReadOwner::Driver { large } => large,
            ReadOwner::Stream { key, .. } => Some(key),
        }
    }

    pub(super) fn is_driver(&self) -> bool {
        matches!(self, ReadOwner::Driver { .. })
    }

    pub(super) fn is_stream(&self, stream: StreamKey) -> bool {
        matches!(self, ReadOwner::Stream { key, .. } if *key == stream)
    }

    /// Lends the connection to a stream's reader.
    pub(super) fn lend(key: StreamKey, now: Instant, received: u64) -> Self {
        ReadOwner::Stream {
            key,
            until: later(now, DIRECT_READ),
            received,
        }
    }

    /// Frames came, after which the rest of a large frame of this stream comes, or of none.
    pub(super) fn frames_came(&mut self, large: Option<StreamKey>) {
        match large {
            Some(key) if self.is_stream(key) => {}
            large => *self = ReadOwner::Driver { large },
        }
    }

    /// Gives the connection back to the driver, which expects more large frames of the stream.
    pub(super) fn give_back(&mut self) {
        *self = ReadOwner::Driver {
            large: self.large(),
        };
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match *self {
            ReadOwner::Driver { .. } => None,
            ReadOwner::Stream { until, .. } => Some(until),
        }
    }

    /// Takes the connection from a reader that did not read, of `total` bytes received by now.
    pub(super) fn handle_timeout(&mut self, now: Instant, total: u64) -> Overdue {
        let ReadOwner::Stream {
            key,
            until,
            received,
        } = self
        else {
            return Overdue::No;
        };
        if *until > now {
            return Overdue::No;
        }
        if *received < total {
            *received = total;
            *until = later(now, DIRECT_READ);
            return Overdue::No;
        }
        let key = *key;
        self.give_back();
        Overdue::Reader(key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::Streams;
    use super::super::stream::StreamState;
    use super::*;

    fn keys() -> (StreamKey, StreamKey) {
        let mut streams = Streams::default();
        let mut key = |number| streams.insert(number, StreamState::new(true));
        (key(1), key(3))
    }

    #[test]
    fn the_driver_remembers_whose_large_frame_came_last() {
        let (one, other) = keys();
        let now = Instant::now();
        let lent = ReadOwner::lend(one, now, 0);
        let driver = |large| ReadOwner::Driver { large };
        // Before; the large frame that came; after.
        for (before, large, after) in [
            (driver(None), None, driver(None)),
            (driver(None), Some(one), driver(Some(one))),
            (driver(Some(one)), None, driver(None)),
            (driver(Some(one)), Some(other), driver(Some(other))),
            // A reader keeps the connection while its own large frames come.
            (lent, Some(one), lent),
            (lent, Some(other), driver(Some(other))),
            (lent, None, driver(None)),
        ] {
            let mut owner = before;
            owner.frames_came(large);
            assert_eq!(owner, after, "{before:?} {large:?}");
        }
        let mut owner = lent;
        owner.give_back();
        assert_eq!(owner, driver(Some(one)));
    }

    #[test]
    fn a_reader_that_reads_keeps_the_connection_and_one_that_does_not_loses_it() {
        let (one, _) = keys();
        let start = Instant::now();
        let at = |n: u32| later(start, DIRECT_READ * n);
        let mut owner = ReadOwner::lend(one, start, 10);
        assert_eq!(owner.deadline(), Some(at(1)));
        assert_eq!(owner.handle_timeout(start, 10), Overdue::No);
        assert!(owner.is_stream(one));
        // It has read something by then.
        assert_eq!(owner.handle_timeout(at(1), 11), Overdue::No);
        assert_eq!(owner.deadline(), Some(at(2)));
        assert_eq!(owner.handle_timeout(at(2), 11), Overdue::Reader(one));
        assert_eq!(owner, ReadOwner::Driver { large: Some(one) });
        assert_eq!(owner.deadline(), None);
        assert_eq!(owner.handle_timeout(at(9), 11), Overdue::No);
    }
}

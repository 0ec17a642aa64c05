//! What a session knows of one stream.

use std::io;
use std::task::Waker;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::budget::Budget;
use super::{WIDE, WINDOW};
use crate::error::{SessionError, UnreadError};
use crate::received::Received;

/// One stream.
pub(super) struct Entry {
    pub(super) received: Received,
    /// How much more the peer may send.
    pub(super) receive_window: u32,
    /// How much was read that the peer has not heard of.
    pub(super) consumed: u32,
    /// Whether the stream is among those that are owed a window update.
    pub(super) owed: bool,
    /// Whether the reader's last buffer was a large one.
    pub(super) straight: bool,
    /// Whether the reader came when it was called last, or waits.
    pub(super) prompt: bool,
    /// Whether the window is a wide one.
    pub(super) wide: bool,
    /// How much more may be sent.
    pub(super) send_window: u32,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    pub(super) peer: Peer,
    /// Whether FIN was sent.
    pub(super) finished: bool,
    /// Whether the stream was opened here and holds a permit until the peer acknowledges it.
    pub(super) unacknowledged: bool,
    /// Whether it was opened here, or accepted.
    pub(super) accepted: bool,
    /// Set once the stream was dropped: when the peer is told so by a reset.
    pub(super) dropped: Option<Instant>,
    /// The driver's turn in which something large was sent last.
    pub(super) sent: u64,
}

/// What the peer last said of its side of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// It may still write.
    Open,
    /// It wrote everything it wanted to.
    Finished,
    /// It gave the stream up.
    Reset,
    /// It was sent a reset: the session's streams held more than the limit, and this one most of it.
    Cut { limit: usize },
}

impl Peer {
    /// Whether the stream is gone at the peer, or will be once it hears.
    pub(super) fn is_reset(self) -> bool {
        matches!(self, Peer::Reset | Peer::Cut { .. })
    }
}

/// Why nothing can be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CutOff {
    Reset,
    /// The session holds too much.
    Unread {
        limit: usize,
    },
    SessionEnded,
}

impl Entry {
    pub(super) fn new(opened_here: bool) -> Self {
        Entry {
            received: Received::default(),
            receive_window: WINDOW,
            consumed: 0,
            owed: false,
            straight: false,
            prompt: true,
            wide: false,
            send_window: WINDOW,
            reader: None,
            writer: None,
            peer: Peer::Open,
            finished: false,
            unacknowledged: opened_here,
            accepted: opened_here,
            dropped: None,
            sent: 0,
        }
    }

    /// Whether the peer is to hear of what was read: once that is half of the window, as in Go.
    ///
    /// A stream that was finished here is gone from the peer's table as soon as the peer ends its own
    /// side, which may already be on the way, and a Go peer logs every frame for a stream that is gone.
    /// So such a stream waits until its window is used up: a peer that goes on needs more by then.
    pub(super) fn is_due(&self) -> bool {
        let window = if self.wide { WIDE } else { WINDOW };
        self.peer == Peer::Open
            && self.consumed >= window / 2
            && (!self.finished || self.receive_window == 0)
    }

    /// Throws away what has arrived.
    pub(super) fn discard(&mut self, budget: &mut Budget, spare: &mut Vec<u8>) {
        budget.change(self.accepted, self.received.size(), 0);
        self.received.release(spare);
    }

    /// Gives back the permit of a stream that was opened here, the first time.
    pub(super) fn acknowledge(&mut self, openable: &Semaphore) {
        if std::mem::take(&mut self.unacknowledged) {
            openable.add_permits(1);
        }
    }
}

impl CutOff {
    /// What a reader or writer gets. The end of a session is the error's inner one.
    pub(crate) fn error(self, ended: Option<&SessionError>) -> io::Error {
        match self {
            CutOff::Reset => io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the stream was reset by the peer",
            ),
            CutOff::Unread { limit } => {
                io::Error::new(io::ErrorKind::QuotaExceeded, UnreadError { limit })
            }
            CutOff::SessionEnded => io::Error::new(
                io::ErrorKind::ConnectionAborted,
                ended.cloned().unwrap_or(SessionError::Closed),
            ),
        }
    }
}

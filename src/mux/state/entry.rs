//! What a session knows of one stream.

use std::io;
use std::task::Waker;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::WINDOW;
use crate::mux::received::Received;

/// One stream.
pub(super) struct Entry {
    pub(super) received: Received,
    /// How much more the peer may send.
    pub(super) receive_window: u32,
    /// How much was read that the peer was not told of.
    pub(super) consumed: u32,
    /// Whether the reader's last buffer was a large one.
    pub(super) straight: bool,
    /// Whether the reader came when he was called last, or waits.
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
}

/// Why nothing can be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mux) enum CutOff {
    Reset,
    SessionEnded,
}

impl Entry {
    pub(super) fn new(opened_here: bool) -> Self {
        Entry {
            received: Received::default(),
            receive_window: WINDOW,
            consumed: 0,
            straight: false,
            prompt: true,
            wide: false,
            send_window: WINDOW,
            reader: None,
            writer: None,
            peer: Peer::Open,
            finished: false,
            unacknowledged: opened_here,
            dropped: None,
            sent: 0,
        }
    }

    /// Gives back the permit of a stream that was opened here, the first time.
    pub(super) fn acknowledge(&mut self, openable: &Semaphore) {
        if std::mem::take(&mut self.unacknowledged) {
            openable.add_permits(1);
        }
    }
}

impl CutOff {
    pub(in crate::mux) fn error(self) -> io::Error {
        match self {
            CutOff::Reset => io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the stream was reset by the peer",
            ),
            CutOff::SessionEnded => io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the stream's session is closed",
            ),
        }
    }
}

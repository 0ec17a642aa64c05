//! What a session knows of one stream.

use std::time::Instant;

use super::flow_control::{ReceiveWindow, SendWindow};
use super::recv_buffer::RecvBuffer;

/// The state of one stream.
///
/// Each side of a stream ends on its own, so the state is a pair: what this side did, and what the
/// peer did.
///
/// ```text
///      this side                                the peer's side
///
///        Open                                        Open ───────────────┐
///          │ finish: FIN                               │ FIN   │ RST     │ cut: RST
///          ▼                                           ▼       │         │ (it holds too much)
///      Finished                                    Finished    │         │
///          │ drop, while the peer is open              │ RST   │         │
///          ▼                                           ▼       ▼         ▼
///   Dropped { until }                                   Reset          Cut { limit }
/// ```
///
/// - [`finish`](Self::finish) sends FIN once, unless the peer knows the stream no more.
/// - A stream that is dropped is finished, too. While its peer is open it lingers: what arrives
///   within its window is thrown away. It is removed when the peer finishes or resets it, when the
///   peer used up the window, or at `until`; in the latter two cases with RST.
/// - A stream that is dropped while the peer's side is not open is removed at once.
/// - A stream that this side resets is removed at once, with RST unless it was over.
/// - A stream that was opened here is `unacknowledged` until the peer acknowledges, resets or this
///   side removes it. A stream that the peer opened is not `accepted` until the caller accepts it.
#[derive(Debug)]
pub(super) struct StreamState {
    pub(super) local: LocalSide,
    pub(super) peer: PeerSide,
    /// Whether the stream was opened here, and the peer has not acknowledged it.
    pub(super) unacknowledged: bool,
    /// Whether the stream was opened here, or accepted.
    pub(super) accepted: bool,

    // Reading.
    pub(super) buffer: RecvBuffer,
    pub(super) receive_window: ReceiveWindow,
    /// Whether a reader found no data, so that an event has to say when there is some.
    pub(super) read_blocked: bool,
    /// Whether the reader's last buffer was a large one.
    pub(super) wants_direct: bool,
    /// Whether the reader came when it was last lent the connection, or waits.
    pub(super) responsive: bool,

    // Writing.
    pub(super) send_window: SendWindow,
    /// Whether a writer waits, so that an event has to say when the stream ends or its window
    /// opens.
    pub(super) write_blocked: bool,
}

/// What this side did with its direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LocalSide {
    /// It may write.
    Open,
    /// It sent FIN.
    Finished,
    /// It sent FIN and reads no more. The stream is reset at `until`.
    Dropped { until: Instant },
}

/// What the peer did with its direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerSide {
    /// It may write.
    Open,
    /// It sent FIN: all that it had to say has arrived.
    Finished,
    /// It sent RST.
    Reset,
    /// This side sent RST: the session's streams held more than the limit, and this one most of it.
    Cut { limit: usize },
}

/// Why a stream can be read or written no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamClosed {
    /// The peer reset the stream.
    #[error("the stream was reset by the peer")]
    Reset,
    /// The session reset the stream, because its streams held more than `limit` bytes that were not
    /// read, and this one held most of them.
    #[error("the stream was reset: its session held more than {limit} bytes that were not read")]
    Unread {
        /// The limit that was exceeded, in bytes.
        limit: usize,
    },
    /// The session is over, or has no such stream.
    #[error("the stream's session is over")]
    SessionEnded,
}

impl PeerSide {
    /// Whether the stream is gone at the peer, or will be once the peer reads what it was sent.
    pub(super) fn is_reset(self) -> bool {
        self.closed().is_some()
    }

    /// Why no more can be written, and no more read than what has arrived.
    pub(super) fn closed(self) -> Option<StreamClosed> {
        match self {
            PeerSide::Open | PeerSide::Finished => None,
            PeerSide::Reset => Some(StreamClosed::Reset),
            PeerSide::Cut { limit } => Some(StreamClosed::Unread { limit }),
        }
    }
}

impl StreamState {
    pub(super) fn new(opened_here: bool) -> Self {
        StreamState {
            local: LocalSide::Open,
            peer: PeerSide::Open,
            unacknowledged: opened_here,
            accepted: opened_here,
            buffer: RecvBuffer::default(),
            receive_window: ReceiveWindow::default(),
            read_blocked: false,
            wants_direct: false,
            responsive: true,
            send_window: SendWindow::default(),
            write_blocked: false,
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.local != LocalSide::Open
    }

    pub(super) fn is_dropped(&self) -> bool {
        matches!(self.local, LocalSide::Dropped { .. })
    }

    /// Whether the peer's side has not ended.
    pub(super) fn is_peer_open(&self) -> bool {
        self.peer == PeerSide::Open
    }

    /// Whether the peer may still send data, as far as it knows.
    pub(super) fn peer_may_send(&self) -> bool {
        matches!(self.peer, PeerSide::Open | PeerSide::Cut { .. })
    }

    /// Whether both sides know that the stream is over.
    pub(super) fn is_over(&self) -> bool {
        match self.peer {
            PeerSide::Open => false,
            PeerSide::Finished => self.is_finished(),
            PeerSide::Reset | PeerSide::Cut { .. } => true,
        }
    }

    /// This side writes no more. Whether the peer is to get a FIN.
    pub(super) fn finish(&mut self) -> bool {
        if self.is_finished() {
            return false;
        }
        self.local = LocalSide::Finished;
        !self.peer.is_reset()
    }

    /// This side reads no more, either, of a stream whose peer is open.
    pub(super) fn linger(&mut self, until: Instant) {
        debug_assert!(self.is_peer_open());
        self.local = LocalSide::Dropped { until };
    }

    /// The peer writes no more. Whether that is new.
    pub(super) fn peer_finished(&mut self) -> bool {
        let is_new = self.peer == PeerSide::Open;
        if is_new {
            self.peer = PeerSide::Finished;
        }
        is_new
    }

    /// The peer reset the stream. Where this side reset it first, that stays the reason.
    pub(super) fn peer_reset(&mut self) {
        if !self.peer.is_reset() {
            self.peer = PeerSide::Reset;
        }
    }

    /// This side resets the stream because too much is held that is not read.
    pub(super) fn cut(&mut self, limit: usize) {
        self.peer = PeerSide::Cut { limit };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1000;
    const CUT: PeerSide = PeerSide::Cut { limit: LIMIT };

    fn in_state(local: LocalSide, peer: PeerSide) -> StreamState {
        StreamState {
            local,
            peer,
            ..StreamState::new(true)
        }
    }

    fn locals() -> [LocalSide; 3] {
        let until = Instant::now();
        [
            LocalSide::Open,
            LocalSide::Finished,
            LocalSide::Dropped { until },
        ]
    }

    const PEERS: [PeerSide; 4] = [PeerSide::Open, PeerSide::Finished, PeerSide::Reset, CUT];

    #[test]
    fn finishing_sends_one_fin_to_a_peer_that_knows_the_stream() {
        for local in locals() {
            for peer in PEERS {
                let mut stream = in_state(local, peer);
                let fin = stream.finish();
                let knows = matches!(peer, PeerSide::Open | PeerSide::Finished);
                assert_eq!(fin, local == LocalSide::Open && knows, "{local:?} {peer:?}");
                let expected = match local {
                    LocalSide::Open => LocalSide::Finished,
                    other => other,
                };
                assert_eq!((stream.local, stream.peer), (expected, peer));
                assert!(!stream.finish());
            }
        }
    }

    #[test]
    fn a_stream_that_lingers_is_finished_and_dropped() {
        let until = Instant::now();
        for local in [LocalSide::Open, LocalSide::Finished] {
            let mut stream = in_state(local, PeerSide::Open);
            assert!(!stream.is_dropped());
            stream.linger(until);
            assert_eq!(stream.local, LocalSide::Dropped { until });
            assert!(stream.is_dropped() && stream.is_finished());
            assert!(stream.is_peer_open());
        }
    }

    #[test]
    fn what_the_peer_does_leaves_this_side_as_it_is() {
        // The peer's side before; after its FIN and whether that was new; after its RST; after a
        // cut.
        for (before, fin, is_new, rst) in [
            (PeerSide::Open, PeerSide::Finished, true, PeerSide::Reset),
            (
                PeerSide::Finished,
                PeerSide::Finished,
                false,
                PeerSide::Reset,
            ),
            (PeerSide::Reset, PeerSide::Reset, false, PeerSide::Reset),
            (CUT, CUT, false, CUT),
        ] {
            for local in locals() {
                let mut stream = in_state(local, before);
                assert_eq!(stream.peer_finished(), is_new);
                assert_eq!((stream.local, stream.peer), (local, fin));
                let mut stream = in_state(local, before);
                stream.peer_reset();
                assert_eq!((stream.local, stream.peer), (local, rst));
                let mut stream = in_state(local, before);
                stream.cut(LIMIT);
                assert_eq!((stream.local, stream.peer), (local, CUT));
            }
        }
    }

    #[test]
    fn a_stream_is_over_when_both_sides_ended_it_or_one_reset_it() {
        for local in locals() {
            for peer in PEERS {
                let stream = in_state(local, peer);
                let over = match peer {
                    PeerSide::Open => false,
                    PeerSide::Finished => local != LocalSide::Open,
                    PeerSide::Reset | PeerSide::Cut { .. } => true,
                };
                assert_eq!(stream.is_over(), over, "{local:?} {peer:?}");
                let may_send = matches!(peer, PeerSide::Open | PeerSide::Cut { .. });
                assert_eq!(stream.peer_may_send(), may_send);
            }
        }
    }

    #[test]
    fn the_reason_says_which_side_reset_the_stream() {
        let reasons = PEERS.map(PeerSide::closed);
        let cut = StreamClosed::Unread { limit: LIMIT };
        assert_eq!(reasons, [None, None, Some(StreamClosed::Reset), Some(cut)]);
    }
}

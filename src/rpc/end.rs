//! Why a connection carries no more calls.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::inbox::ReceiveError;
use crate::codec::DecodeError;

/// Why a connection carries no more calls: the source of each call's error that it fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EndReason {
    /// [`Client::close`](super::Client::close) was called.
    Closed,
    /// The peer ended the stream of this connection.
    PeerClosed,
    /// The byte stream failed. Over a session that has ended the error holds the
    /// [`SessionError`](crate::mux::SessionError), which [`Error::source`] gives.
    Failed(Arc<io::Error>),
    /// The peer's bytes are no messages of net/rpc.
    Malformed(Arc<DecodeError>),
}

impl EndReason {
    /// The end of the byte stream, from the error that reading or writing it gave.
    pub(super) fn from_io(error: io::Error) -> Self {
        EndReason::Failed(Arc::new(error))
    }

    /// An error of decoding, or of the stream that was decoded.
    pub(super) fn from_decode(error: DecodeError) -> Self {
        match error {
            DecodeError::Io(error) => Self::from_io(error),
            error => EndReason::Malformed(Arc::new(error)),
        }
    }
}

impl From<ReceiveError> for EndReason {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Eof(None) => EndReason::PeerClosed,
            ReceiveError::Eof(Some(error)) => Self::from_io(error),
            ReceiveError::Decode(error) => Self::from_decode(error),
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EndReason::Closed => "it was closed on this side",
            EndReason::PeerClosed => "the peer closed its stream",
            EndReason::Failed(_) => "its stream failed",
            EndReason::Malformed(_) => "the peer's messages cannot be read",
        })
    }
}

impl Error for EndReason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            EndReason::Closed | EndReason::PeerClosed => None,
            // The inner error, whose type a caller can look for.
            EndReason::Failed(error) => match error.get_ref() {
                Some(inner) => Some(inner),
                None => Some(&**error),
            },
            EndReason::Malformed(error) => Some(&**error),
        }
    }
}

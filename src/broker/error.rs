//! Why a stream could not be accepted or dialed.

use std::io;
use std::time::Duration;

use crate::mux::{OpenError, SessionError};

/// Why a stream could not be accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The peer did not dial the id in time.
    #[error("timeout waiting for accept")]
    Timeout {
        /// The id that the peer did not dial.
        id: u32,
        /// How long the call waited.
        waited: Duration,
    },
    /// Another accept waits for the same id.
    #[error("broker id {id} is being accepted already")]
    Busy {
        /// The id.
        id: u32,
    },
    /// The session ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The stream broke before the id was confirmed.
    #[error("cannot confirm broker id {id}")]
    Io {
        /// The id.
        id: u32,
        /// What went wrong.
        source: io::Error,
    },
}

/// Why a stream could not be dialed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No stream could be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The peer did not accept the id in time.
    #[error("the peer did not accept broker id {id} within {waited:?}")]
    Timeout {
        /// The id that the peer did not accept.
        id: u32,
        /// How long the call waited.
        waited: Duration,
    },
    /// The peer confirmed another id.
    #[error("bad ack: {got} (expected {expected})")]
    BadAck {
        /// The id it confirmed.
        got: u32,
        /// The id that was dialed.
        expected: u32,
    },
    /// The peer closed the stream instead of confirming the id, as it does with an id that is not
    /// accepted there.
    #[error("cannot dial broker id {id}")]
    Io {
        /// The id.
        id: u32,
        /// What went wrong.
        source: io::Error,
    },
}

impl DialError {
    /// Whether the connection has ended.
    pub(crate) fn is_disconnected(&self) -> bool {
        match self {
            DialError::Open(_) => true,
            DialError::Io { source, .. } => source.kind() == io::ErrorKind::ConnectionAborted,
            DialError::Timeout { .. } | DialError::BadAck { .. } => false,
        }
    }

    /// Whether the peer closed the stream in place of a confirmation, as one does that is about to
    /// end, too.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            DialError::Io { source, .. } => source.kind() == io::ErrorKind::UnexpectedEof,
            _ => false,
        }
    }
}

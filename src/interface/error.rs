//! What a method of an interface fails with.

use std::io;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::{ItemError, SendError};
use crate::broker::{AcceptError, DialError};
use crate::rpc::{CallError, Crash, Failure, PeerError, boxed_failure};

/// What a method of an interface returns, unless the trait names an error of its own.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a method of an interface failed: the implementation returned an error, or the call failed.
///
/// An implementation fails with any text or error: `Err("no such key".into())`, `?` on an
/// [`io::Error`], `.map_err(Error::other)` on all others. The text crosses the wire, with the texts
/// of the error's causes, and a remote caller finds it in [`Error::Call`].
///
/// A trait may have its own error type. It implements `Display`, which gives the text that crosses,
/// and `From<plugwire::Error>`, for the failures of calls. If it is `Serialize` and `Deserialize`,
/// its values cross as they are: see [the attribute](macro@crate::interface#errors).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The call gave no reply, or the reply was an error.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An interface, reader or writer was announced by the peer and could not be connected to.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// An interface, reader, writer or stream within the peer's reply could not be connected to.
    #[error("{place}")]
    Connect {
        /// Where in the reply it is, as the codec says it.
        place: String,
        /// Why it could not be connected to.
        source: DialError,
    },
    /// A reader that was handed to the call could not be read, or a writer could not be written to.
    /// The peer's stream was reset.
    #[error("a stream handed to {method} failed")]
    Stream {
        /// The service and method called.
        method: String,
        /// The error of the reader or writer.
        source: io::Error,
    },
    /// A [`Stream`](super::Stream) was cut off, or has an item that does not decode.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// An implementation's own error.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An implementation's own error.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Other(error.into())
    }

    /// What crosses the wire when an implementation fails with this.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Error::Call(error) => error.failure(),
            Error::Other(error) => boxed_failure(&**error),
            error => Failure::chained(error),
        }
    }

    /// What a peer answered in place of a reply, if that is why the call failed: its text, the
    /// texts of the causes, and whether the value came with it.
    #[must_use]
    pub fn peer_error(&self) -> Option<&PeerError> {
        match self {
            Error::Call(error) => error.peer_error(),
            Error::Other(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// Whether the peer does not have the method: see [`CallError::is_method_not_found`].
    #[must_use]
    pub fn is_method_not_found(&self) -> bool {
        matches!(self, Error::Call(error) if error.is_method_not_found())
    }

    /// Whether a deadline passed.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Error::Call(error) => error.is_timeout(),
            Error::Dial(error) | Error::Connect { source: error, .. } => {
                matches!(error, DialError::Timeout { .. })
            }
            _ => false,
        }
    }

    /// Whether the plugin's process ended and its host had not asked it to: see
    /// [`CallError::Crashed`].
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.crash().is_some()
    }

    /// Whether the plugin's process ended by a panic, Go's or Rust's.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self, Error::Call(error) if error.is_panic())
    }

    /// How the plugin's process ended, if that is why the call failed.
    #[must_use]
    pub fn crash(&self) -> Option<&Crash> {
        match self {
            Error::Call(error) => error.crash(),
            _ => None,
        }
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        match self {
            Error::Call(error) => error.is_disconnected(),
            Error::Dial(error) | Error::Connect { source: error, .. } => error.is_disconnected(),
            Error::Item(error) => error.is_disconnected(),
            _ => false,
        }
    }
}

impl From<String> for Error {
    fn from(text: String) -> Error {
        Error::other(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Error {
        Error::other(text)
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
        Error::Other(error)
    }
}

/// For traits whose methods return `Result<T, String>`: the text with those of its causes, and a
/// peer's text as it came.
impl From<Error> for String {
    fn from(error: Error) -> String {
        error.failure().text
    }
}

/// So that a method that sends items can use `?`.
impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        Error::other(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::other(error)
    }
}

/// For an implementation that encodes by hand, such as [`Any::named`](crate::gob::Any::named).
impl From<crate::gob::EncodeError> for Error {
    fn from(error: crate::gob::EncodeError) -> Error {
        Error::other(error)
    }
}

/// For an implementation that encodes messages by hand.
impl From<crate::codec::EncodeError> for Error {
    fn from(error: crate::codec::EncodeError) -> Error {
        Error::other(error)
    }
}

/// For an implementation that decodes by hand, such as [`Any::decode`](crate::gob::Any::decode).
impl From<crate::gob::DecodeError> for Error {
    fn from(error: crate::gob::DecodeError) -> Error {
        Error::other(error)
    }
}

/// For an implementation that accepts streams by hand.
impl From<AcceptError> for Error {
    fn from(error: AcceptError) -> Error {
        Error::other(error)
    }
}

/// As text, causes and the value that a peer's error came with. So a type of error of your own may
/// have a variant for the failures of calls, and cross with it.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.failure().serialize(serializer)
    }
}

/// As the error of a peer: [`Error::Call`].
impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PeerError::deserialize(deserializer).map(|error| CallError::Server(error).into())
    }
}

//! Why a call gave no reply.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::crash::Crash;
use super::detail::Failure;
use super::end::EndReason;
use super::peer_error::PeerError;
use crate::codec::{DecodeError, EncodeError};

/// Why a call gave no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The peer answered with an error.
    #[error(transparent)]
    Server(PeerError),
    /// The connection was closed before the call, or on this side during it.
    #[error("connection is shut down")]
    Shutdown(#[source] EndReason),
    /// The peer, or the session under the connection, ended it before the answer came.
    #[error("unexpected EOF")]
    UnexpectedEof(#[source] EndReason),
    /// The connection broke before the answer came.
    #[error("the connection failed")]
    Connection(#[source] EndReason),
    /// The plugin's process ended before the answer came, or had ended before the call, and its
    /// host had not asked it to.
    ///
    /// Only a host's calls fail so. Calls to interfaces that the plugin handed out are among them.
    /// When one does, [`exited`](crate::host::Client::exited) is true.
    #[error("no answer of {method}: {crash}")]
    Crashed {
        /// The service and method called.
        method: String,
        /// How the process ended.
        crash: Arc<Crash>,
        /// How the connection ended.
        source: EndReason,
    },
    /// The plugin is not there to be called: its supervisor is starting it, has stopped it, or has
    /// given it up. The call was not sent.
    #[error("no plugin to call {method}{}", after(*waited))]
    Down {
        /// The service and method called.
        method: String,
        /// How long the call waited for the plugin. `None` if it did not wait to its end.
        waited: Option<Duration>,
        /// Why the plugin is down, where that is known.
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// No answer came within the deadline of [`Client::with_timeout`](super::Client::with_timeout).
    #[error("{method} gave no answer within {timeout:?}")]
    Timeout {
        /// The service and method called.
        method: String,
        /// How long the call waited.
        timeout: Duration,
    },
    /// The argument cannot be written; nothing was sent.
    #[error("cannot encode the argument of {method}")]
    Encode {
        /// The service and method called.
        method: String,
        /// What is wrong with it.
        source: EncodeError,
    },
    /// The reply is not of the type expected.
    #[error("cannot decode the reply of {method}")]
    Decode {
        /// The service and method called.
        method: String,
        /// What is wrong with it.
        source: DecodeError,
    },
}

/// How long was waited, for an error's text.
fn after(waited: Option<Duration>) -> String {
    waited.map_or_else(String::new, |waited| format!(" within {waited:?}"))
}

impl CallError {
    /// What a call gets that waits when the connection ends. To a call, a session that ended under
    /// the stream is the peer's end too, as in Go.
    pub(super) fn of_pending(reason: &EndReason) -> Self {
        use io::ErrorKind::{ConnectionAborted, UnexpectedEof};
        let reason = reason.clone();
        match &reason {
            EndReason::Closed => CallError::Shutdown(reason),
            EndReason::PeerClosed => CallError::UnexpectedEof(reason),
            EndReason::Failed(error)
                if matches!(error.kind(), ConnectionAborted | UnexpectedEof) =>
            {
                CallError::UnexpectedEof(reason)
            }
            EndReason::Failed(_) | EndReason::Malformed(_) => CallError::Connection(reason),
        }
    }

    /// What crosses the wire when a method fails with this error: a peer's error as it came; for a
    /// lost connection Go's words, which Go programs compare with; every other error with its
    /// causes.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            CallError::Server(error) => error.failure(),
            CallError::Shutdown(_) | CallError::UnexpectedEof(_) => self.to_string().into(),
            error => Failure::chained(error),
        }
    }

    /// What the peer answered, if it answered with an error.
    #[must_use]
    pub fn peer_error(&self) -> Option<&PeerError> {
        match self {
            CallError::Server(error) => Some(error),
            _ => None,
        }
    }

    /// The peer's text as it came, if it answered with an error.
    #[must_use]
    pub fn peer_text(&self) -> Option<&str> {
        self.peer_error().map(PeerError::text)
    }

    /// Whether the peer has the service but not the method: it is older than the caller, or
    /// another plugin.
    #[must_use]
    pub fn is_method_not_found(&self) -> bool {
        self.peer_text()
            .is_some_and(|text| text.starts_with("rpc: can't find method "))
    }

    /// Whether the peer does not have the service.
    #[must_use]
    pub fn is_service_not_found(&self) -> bool {
        self.peer_text()
            .is_some_and(|text| text.starts_with("rpc: can't find service "))
    }

    /// Whether the deadline passed: for an answer, or for a plugin that is down.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            CallError::Timeout { .. }
                | CallError::Down {
                    waited: Some(_),
                    ..
                }
        )
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        matches!(
            self,
            CallError::Shutdown(_)
                | CallError::UnexpectedEof(_)
                | CallError::Connection(_)
                | CallError::Crashed { .. }
        )
    }

    /// Whether the plugin was down, and the call was not sent.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self, CallError::Down { .. })
    }

    /// Whether the plugin's process ended and its host had not asked it to.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.crash().is_some()
    }

    /// Whether the plugin's process ended by a panic, Go's or Rust's.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.crash().is_some_and(|crash| crash.panic.is_some())
    }

    /// How the plugin's process ended, if that is why the call failed.
    #[must_use]
    pub fn crash(&self) -> Option<&Crash> {
        match self {
            CallError::Crashed { crash, .. } => Some(crash),
            _ => None,
        }
    }

    /// Why the connection carries no more calls, if that is why the call failed.
    #[must_use]
    pub fn end_reason(&self) -> Option<&EndReason> {
        match self {
            CallError::Shutdown(reason)
            | CallError::UnexpectedEof(reason)
            | CallError::Connection(reason)
            | CallError::Crashed { source: reason, .. } => Some(reason),
            _ => None,
        }
    }
}

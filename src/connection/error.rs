//! Why a connection could not be set up or ended early.

use std::time::Duration;

use crate::InvalidOption;
use crate::mux::{OpenError, SessionError};
use crate::rpc::RequestError;

/// Why a connection could not be set up or ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// An option has a value that it cannot have.
    #[error(transparent)]
    Option(#[from] InvalidOption),
    /// A stream could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The session ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The peer sent something other than calls on the control stream.
    #[error("the control stream failed")]
    Control(#[from] RequestError),
    /// The peer connected, but did not open its streams in time.
    #[error("the host did not open its control, stdout and stderr streams within {0:?}")]
    Incomplete(Duration),
}

//! Why serving a connection ended before the peer finished.

use crate::codec::DecodeError;

/// Why serving a connection ended before the peer finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The peer's bytes are no messages of net/rpc, or the stream failed.
    #[error("rpc: the peer's messages cannot be read")]
    Connection(#[from] DecodeError),
}

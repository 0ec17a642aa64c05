//! Why a value could not be read or written, in any codec.

use super::rich::RichError;
use super::scan::MalformedError;
#[cfg(feature = "msgpack")]
use plugwire_base::escape::Escaped;

/// Why bytes are no message, or a message's value is not what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The gob is malformed, or holds another type.
    #[error(transparent)]
    Gob(#[from] crate::gob::DecodeError),
    /// The MessagePack holds another type.
    #[cfg(feature = "msgpack")]
    #[error("msgpack: {}", Escaped(.0))]
    MsgPack(Box<rmp_serde::decode::Error>),
    /// The bytes are not what the rich codec writes, or the value is of another type.
    #[error(transparent)]
    Rich(#[from] RichError),
    /// The bytes are no MessagePack, or exceed the limits.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// The stream failed or ended within a message.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Why a value could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value has no form in gob.
    #[error(transparent)]
    Gob(#[from] crate::gob::EncodeError),
    /// The value has no form in MessagePack.
    #[cfg(feature = "msgpack")]
    #[error("msgpack: {0}")]
    MsgPack(Box<rmp_serde::encode::Error>),
    /// The value could not be written by the rich codec.
    #[error(transparent)]
    Rich(#[from] RichError),
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

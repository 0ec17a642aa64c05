//! Why items do not arrive, and why they are not sent.

use std::io;
use std::sync::Arc;

use crate::codec::{DecodeError, ItemEncodeError};

/// Why no further item of a [`Stream`](super::Stream) comes, apart from an error of its sender.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// An item is not of the type expected, its bytes are malformed, or it is longer than the
    /// connection's [`Limits`](crate::codec::Limits) allow.
    #[error("cannot decode item {item} of the stream")]
    Decode {
        /// Which item it is, counted from 1.
        item: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The stream ended before its sender had finished it: the sender failed, was aborted, or is
    /// gone.
    #[error("the stream was cut off behind {items} items")]
    CutOff {
        /// How many items came before.
        items: u64,
        /// What the byte stream failed with. `None` where it ended within an item, or where the
        /// sender in this process was aborted.
        source: Option<io::Error>,
    },
}

impl ItemError {
    /// Whether the connection has ended.
    pub(in crate::interface) fn is_disconnected(&self) -> bool {
        match self {
            ItemError::CutOff {
                source: Some(error),
                ..
            } => error.kind() == io::ErrorKind::ConnectionAborted,
            _ => false,
        }
    }
}

/// Why an item was not sent, nor can a further one be: the receiver has dropped the stream or is
/// gone. If an earlier item could not be encoded, that is the error's source.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the stream is closed")]
pub struct SendError(#[source] pub(super) Option<Arc<EncodeItemError>>);

/// An item that has no form in the connection's codec.
#[derive(Debug, thiserror::Error)]
#[error("cannot encode item {item} of the stream")]
pub(super) struct EncodeItemError {
    /// Counted from 1.
    pub(super) item: u64,
    pub(super) source: ItemEncodeError,
}

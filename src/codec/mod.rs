//! One call's bytes: how the messages of net/rpc are cut out of a stream and put onto one.
//!
//! A message is two values, a header and a body. [`MessageDecoder`] and [`MessageEncoder`] are the
//! [`tokio_util::codec`] pair for a stream of them: pure, synchronous, fed with bytes in any
//! chunks. Each holds the state of one direction of one connection, since gob defines a type once
//! and refers to it from then on.

mod config;
mod error;
mod gob;
mod items;
#[cfg(feature = "msgpack")]
mod lenient;
mod message;
#[cfg(feature = "msgpack")]
mod msgpack;
pub(crate) mod rich;
mod scan;

#[cfg(feature = "msgpack")]
pub use self::config::TimeFormat;
pub use self::config::{CallConfig, Codec};
pub use self::error::{DecodeError, EncodeError};
pub(crate) use self::items::{ItemDecoder, ItemEncodeError, ItemEncoder, Next, StreamFailure};
pub(crate) use self::message::{BodyEncoder, Header};
pub use self::message::{Message, MessageDecoder, MessageEncoder, Undecoded};
pub use self::rich::RichError;
pub use self::scan::MalformedError;
pub(crate) use crate::gob::__private::FlatField;
pub(crate) use crate::gob::Any;
pub use crate::gob::{Encode, Limits};

//! What can go wrong: the errors of decoding and of encoding, with the place in the value.

mod decode;
mod encode;
mod path;

pub use self::decode::{DecodeError, DecodeErrorKind};
pub(crate) use self::encode::Signal;
pub use self::encode::{EncodeError, EncodeErrorKind};

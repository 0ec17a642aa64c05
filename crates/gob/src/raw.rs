//! Streams and values without serde: messages, values that are not decoded yet, and the types that
//! a stream has defined.

mod decoder;
mod front;
pub(crate) mod interner;
mod limits;
pub(crate) mod transcode;
mod value;
pub(crate) mod walk;

pub use self::decoder::Decoder;
pub use self::front::Front;
pub(crate) use self::interner::Interner;
pub(crate) use self::limits::Bounds;
pub use self::limits::Limits;
pub use self::value::RawValue;

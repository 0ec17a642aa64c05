//! [`Time`]: Go's `time.Time`.

mod civil;
mod convert;
mod moment;
mod text;
mod wire;

pub use self::convert::TimeRangeError;
pub use self::moment::Time;
pub use self::text::ParseTimeError;
pub use self::wire::TIMESTAMP;

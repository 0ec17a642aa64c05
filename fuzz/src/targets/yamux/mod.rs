//! The pure yamux session: no runtime, no connection, no clock but the input's.

mod differential;
mod hostile;

pub use differential::yamux_crate;
pub use hostile::yamux_frames;

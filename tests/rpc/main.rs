//! What a client and a server promise, in each codec.

mod batches;
mod bounds;
mod cases;
mod gob;
mod locks;
#[cfg(feature = "msgpack")]
mod msgpack;
mod session_ends;
mod wrong;

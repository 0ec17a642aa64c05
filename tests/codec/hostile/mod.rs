//! Input that no honest peer sends: an error or a wait for more, at once, in little memory and
//! little stack.

mod bytes;
mod definitions;
mod gobs;
mod growth;
mod msgpack;
mod take;
mod vectors;

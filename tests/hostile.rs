//! Input that nobody honest sends: an error or a wait for more, at once, in little memory and little stack.

#[path = "hostile/allocator.rs"]
mod allocator;
#[path = "hostile/bytes.rs"]
mod bytes;
#[path = "hostile/definitions.rs"]
mod definitions;
#[path = "hostile/gobs.rs"]
mod gobs;
#[path = "hostile/growth.rs"]
mod growth;
#[path = "hostile/msgpack.rs"]
mod msgpack;
#[path = "hostile/take.rs"]
mod take;
#[path = "hostile/vectors.rs"]
mod vectors;

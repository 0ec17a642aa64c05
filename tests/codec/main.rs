//! The message codecs: messages, MessagePack's types and times, the rich codec, and hostile bytes.

mod hostile;
mod messages;
mod msgpack_times;
mod msgpack_types;
mod rich_gob;
mod unknown_fields;

#[global_allocator]
static ALLOCATOR: support::alloc::Counting = support::alloc::Counting;

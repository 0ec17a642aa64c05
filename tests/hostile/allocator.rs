//! Counts what each thread allocates.

pub use support::alloc::{kept, peak};

#[global_allocator]
static ALLOCATOR: support::alloc::Counting = support::alloc::Counting;

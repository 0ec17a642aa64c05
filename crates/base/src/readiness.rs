//! Descriptors that are waited for other than by tokio's own types.

use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a descriptor with the runtime. Unlike tokio's own types, this does not make it
/// non-blocking, which would affect every process that shares the open file.
///
/// # Errors
///
/// If the system cannot watch the descriptor.
#[allow(
    deprecated,
    reason = "what took its place is unsafe, for types whose descriptor may change; those used here keep theirs"
)]
pub fn register<T: AsRawFd>(descriptor: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(descriptor, interest)
}

//! Descriptors that are waited for, and neither read nor written.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a descriptor with the runtime. Unlike tokio's own types it does not make it
/// non-blocking, which everyone who shares what is behind it would notice.
#[allow(
    deprecated,
    reason = "what took its place is unsafe, for types whose descriptor may change; an OwnedFd's does not"
)]
pub(crate) fn register(descriptor: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, interest)
}

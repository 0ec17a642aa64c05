//! What a session's handles, streams and driver have in common.

use std::sync::{Mutex, PoisonError};

use super::link::Link;

/// The one lock of a session.
pub(super) struct Shared(Mutex<Link>);

impl Shared {
    pub(super) fn new(link: Link) -> Self {
        Shared(Mutex::new(link))
    }

    /// Works on the session, and wakes whom that concerns once it is unlocked.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Link) -> R) -> R {
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut link);
        let wakes = link.take_wakes();
        drop(link);
        wakes.wake();
        result
    }
}

//! Calls and replies that are given up: the peer learns of it.

use super::Shared;

/// A call that waits. Dropped without an answer, it is forgotten here and ended at the peer.
pub(super) struct Waiting<'a> {
    pub(super) shared: &'a Shared,
    pub(super) seq: u64,
    /// Whether the peer has the call.
    pub(super) is_sent: bool,
    /// Whether it has answered, or cannot answer any more.
    pub(super) is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // Not under the lock.
        let waiter = self.shared.calls().remove(self.seq);
        drop(waiter);
        // Also when the reply has come and was not looked at: it may have lent something.
        if self.is_sent {
            self.shared.cancel(self.seq);
        }
    }
}

/// What a reply has lent, until it is taken. Dropped before, it is taken back by a peer that
/// understands that.
pub(crate) struct Untaken<'a> {
    pub(super) shared: Option<&'a Shared>,
    pub(super) seq: u64,
}

impl Untaken<'_> {
    pub(crate) fn taken(mut self) {
        self.shared = None;
    }
}

impl Drop for Untaken<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared {
            shared.cancel(self.seq);
        }
    }
}

//! A broker that may be gone.

use std::sync::{Arc, Weak};

use super::{Acceptor, MuxBroker, Shared};

/// A broker that may be gone.
#[derive(Debug)]
pub(crate) struct WeakBroker {
    shared: Weak<Shared>,
    acceptor: Weak<Acceptor>,
}

impl WeakBroker {
    /// None at all.
    pub(crate) const fn new() -> Self {
        WeakBroker {
            shared: Weak::new(),
            acceptor: Weak::new(),
        }
    }

    pub(crate) fn upgrade(&self) -> Option<MuxBroker> {
        Some(MuxBroker {
            shared: self.shared.upgrade()?,
            _acceptor: self.acceptor.upgrade()?,
        })
    }
}

impl MuxBroker {
    /// What no other broker has while a weak reference to this one exists.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }

    pub(crate) fn downgrade(&self) -> WeakBroker {
        WeakBroker {
            shared: Arc::downgrade(&self.shared),
            acceptor: Arc::downgrade(&self._acceptor),
        }
    }
}

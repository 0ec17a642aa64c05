//! A broker that may be gone.

use std::sync::{Arc, Weak};

use super::{Acceptor, MuxBroker, Shared};

/// A broker that may be gone. Comparing it with a broker costs no more than two addresses do, which
/// a clone of the broker costs a call.
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

    /// Whether it is this broker. No other broker has its address as long as this exists.
    pub(crate) fn is(&self, broker: &MuxBroker) -> bool {
        std::ptr::eq(self.shared.as_ptr(), Arc::as_ptr(&broker.shared))
    }

    pub(crate) fn upgrade(&self) -> Option<MuxBroker> {
        Some(MuxBroker {
            shared: self.shared.upgrade()?,
            _acceptor: self.acceptor.upgrade()?,
        })
    }
}

impl MuxBroker {
    pub(crate) fn downgrade(&self) -> WeakBroker {
        WeakBroker {
            shared: Arc::downgrade(&self.shared),
            acceptor: Arc::downgrade(&self._acceptor),
        }
    }
}

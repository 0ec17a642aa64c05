//! Distinguishes wake-ups by the connection from all others.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use super::sync::{AtomicBool, Mutex};

/// The waker that is left with a connection that is not ready: it notes when the connection is, and
/// wakes the driver.
pub(super) struct Readiness {
    ready: AtomicBool,
    driver: Mutex<Waker>,
}

impl Default for Readiness {
    fn default() -> Self {
        Readiness {
            ready: AtomicBool::new(false),
            driver: Mutex::new(Waker::noop().clone()),
        }
    }
}

impl Readiness {
    /// From now on, this task is woken.
    pub(super) fn set_driver(&self, waker: &Waker) {
        let mut driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        driver.clone_from(waker);
    }

    /// Whether the connection woke the driver since the last call.
    pub(super) fn take(&self) -> bool {
        self.ready.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Readiness {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A swap, as in `take`: loom knows the order of two swaps, but not that of a swap and a
        // store. On x86 both are the same instruction.
        self.ready.swap(true, Ordering::SeqCst);
        let driver = {
            let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
            driver.clone()
        };
        driver.wake();
    }
}

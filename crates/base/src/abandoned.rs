//! Work that is given up, as its destructors see it.
//!
//! A destructor cannot distinguish the end of a function from its cancellation. For one that says
//! to a peer that all was sent, that is the difference between a whole file and a truncated one.

use std::cell::Cell;

thread_local! {
    static ABANDONING: Cell<bool> = const { Cell::new(false) };
}

/// Drops a future that has not ended, so that destructors see it: [`is_abandoned`].
pub fn abandon<T>(unfinished: T) {
    let _restore = Restore(ABANDONING.replace(true));
    drop(unfinished);
}

/// Whether the current thread drops what work that did not end has left: its thread panics, or its
/// future was [abandoned](abandon).
pub fn is_abandoned() -> bool {
    // During the end of a thread there may be no flag any more.
    std::thread::panicking() || ABANDONING.try_with(Cell::get).unwrap_or(false)
}

struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        ABANDONING.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    struct Seen<'a>(&'a Cell<bool>);

    impl Drop for Seen<'_> {
        fn drop(&mut self) {
            self.0.set(is_abandoned());
        }
    }

    #[test]
    fn a_destructor_tells_an_end_from_a_cancellation() {
        let seen = Cell::new(true);
        drop(Seen(&seen));
        assert!(!seen.get());
        abandon(Seen(&seen));
        assert!(seen.get());
        drop(Seen(&seen));
        assert!(!seen.get());
    }

    #[test]
    fn a_panic_is_a_cancellation() {
        let seen = Cell::new(false);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _seen = Seen(&seen);
            panic!("not a failure of the test");
        }));
        assert!(panicked.is_err());
        assert!(seen.get());
        assert!(!is_abandoned());
    }

    struct Panics;

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("not a failure of the test");
        }
    }

    #[test]
    fn a_destructor_that_panics_leaves_no_mark() {
        assert!(catch_unwind(|| abandon(Panics)).is_err());
        assert!(!is_abandoned());
    }
}

//! What replies have lent, until their callers take it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::tuning::rpc::UNTAKEN;

/// Something that a reply lends to the caller. Dropping it takes back what the caller has not
/// taken.
pub(crate) trait Lent: Send {
    /// Whether the caller has taken it all, or cannot take it any more.
    fn is_settled(&self) -> bool;

    /// Leaves it offered for as long as it would be without a caller that cancels.
    fn keep(self: Box<Self>);
}

/// What was lent by the replies of one connection, by the numbers of their calls. A caller that
/// does not want a reply any more cancels the call, also after the reply was sent. At the end of
/// the connection all is left offered: the caller may have dialed just before.
#[derive(Default)]
pub(super) struct Untaken(Mutex<Replies>);

#[derive(Default)]
struct Replies {
    by_number: HashMap<u64, Vec<Box<dyn Lent>>>,
    /// With how many replies the settled ones are removed.
    most: usize,
}

impl Untaken {
    /// A reply was sent.
    pub(super) fn replied(&self, seq: u64, lent: Vec<Box<dyn Lent>>) {
        let mut replies = self.lock();
        let settled = replies.settled();
        // A peer may give two calls one number.
        let before = replies.by_number.insert(seq, lent);
        drop(replies);
        drop(settled);
        before.into_iter().flatten().for_each(Lent::keep);
    }

    /// The caller does not want the reply of a call any more.
    pub(super) fn take_back(&self, seq: u64) {
        let lent = self.lock().by_number.remove(&seq);
        // Not under the lock.
        drop(lent);
    }

    /// Innermost. Nothing that was lent is dropped under it.
    fn lock(&self) -> MutexGuard<'_, Replies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replies {
    /// Removes what is settled, once there are twice as many as were left the last time.
    fn settled(&mut self) -> Vec<Vec<Box<dyn Lent>>> {
        if self.by_number.len() < self.most.max(UNTAKEN) {
            return Vec::new();
        }
        let is_settled = |lent: &[Box<dyn Lent>]| lent.iter().all(|lent| lent.is_settled());
        let settled = self.by_number.extract_if(|_, lent| is_settled(lent));
        let settled = settled.map(|(_, lent)| lent).collect();
        self.most = self.by_number.len().saturating_mul(2);
        settled
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        let replies = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let lent = std::mem::take(&mut replies.by_number);
        lent.into_values().flatten().for_each(Lent::keep);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Clone, Default)]
    struct Thing {
        settled: Arc<AtomicBool>,
        kept: Arc<AtomicBool>,
    }

    impl Lent for Thing {
        fn is_settled(&self) -> bool {
            self.settled.load(Ordering::Relaxed)
        }

        fn keep(self: Box<Self>) {
            self.kept.store(true, Ordering::Relaxed);
        }
    }

    fn thing() -> (Vec<Box<dyn Lent>>, Thing) {
        let thing = Thing::default();
        (vec![Box::new(thing.clone())], thing)
    }

    fn count(untaken: &Untaken) -> usize {
        untaken.lock().by_number.len()
    }

    #[test]
    fn what_is_cancelled_is_taken_back_and_the_rest_is_kept_at_the_end() {
        let untaken = Untaken::default();
        let (one, first) = thing();
        let (two, second) = thing();
        let (again, third) = thing();
        untaken.replied(1, one);
        untaken.replied(2, two);
        untaken.take_back(1);
        untaken.take_back(3);
        assert_eq!(count(&untaken), 1);
        assert!(!first.kept.load(Ordering::Relaxed));
        assert_eq!(Arc::strong_count(&first.kept), 1);
        untaken.replied(2, again);
        assert!(second.kept.load(Ordering::Relaxed));
        drop(untaken);
        assert!(third.kept.load(Ordering::Relaxed));
    }

    #[test]
    fn what_is_settled_is_forgotten() {
        let untaken = Untaken::default();
        for seq in 0..100_000 {
            let (lent, held) = thing();
            held.settled.store(seq % 100 > 0, Ordering::Relaxed);
            untaken.replied(seq, lent);
        }
        // One in a hundred is left, and as many are looked at later.
        let left = count(&untaken);
        assert!((1_000..2_100).contains(&left), "{left}");
    }
}

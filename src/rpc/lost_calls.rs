//! The calls that a plugin's end leaves without an answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tuning::rpc::LOST_METHODS;

/// The calls that a plugin's end leaves without an answer. Each call adds itself as it fails, so
/// that a call which succeeds has no part in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LostCalls(Arc<Mutex<Lost>>);

#[derive(Debug, Default)]
struct Lost {
    by_method: BTreeMap<String, usize>,
    /// Those of methods for which there was no room.
    others: usize,
}

impl LostCalls {
    fn lock(&self) -> MutexGuard<'_, Lost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, method: &str) {
        let mut lost = self.lock();
        if let Some(calls) = lost.by_method.get_mut(method) {
            *calls += 1;
        } else if lost.by_method.len() < LOST_METHODS {
            lost.by_method.insert(method.to_owned(), 1);
        } else {
            lost.others += 1;
        }
    }

    /// The call was lost, but not to a crash.
    pub(super) fn subtract(&self, method: &str) {
        let mut lost = self.lock();
        match lost.by_method.get_mut(method) {
            Some(calls) if *calls > 1 => *calls -= 1,
            Some(_) => drop(lost.by_method.remove(method)),
            None => lost.others = lost.others.saturating_sub(1),
        }
    }

    /// How many calls of each method, and how many of methods beyond a bound.
    pub(super) fn by_method(&self) -> (Vec<(String, usize)>, usize) {
        let lost = self.lock();
        let calls = lost.by_method.iter();
        (
            calls.map(|(method, &n)| (method.clone(), n)).collect(),
            lost.others,
        )
    }
}

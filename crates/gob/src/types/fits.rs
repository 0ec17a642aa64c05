//! What is known about a sender's struct and the receivers that read it by the names of its fields.

use std::any::TypeId;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::unknown::Unknown;

/// How a sender's struct fits a receiver's: a note of `de::fit`.
#[derive(Clone, Debug)]
pub(crate) struct Fit {
    pub(crate) visitor: TypeId,
    /// Whether they have a field in common, or either has none.
    pub(crate) shares: bool,
    /// Fields that the receiver does not have.
    pub(crate) unknown: Option<Arc<Unknown>>,
}

impl Fit {
    /// Whether there is no more to do.
    #[inline]
    pub(crate) fn is_good(&self) -> bool {
        self.shares && self.unknown.is_none()
    }
}

/// The fits of one sender's type, by the visitors of the receivers. There is mostly one, and never
/// more than the program has types.
#[derive(Debug, Default)]
pub(crate) struct Fits {
    first: OnceLock<Fit>,
    others: RwLock<Vec<Fit>>,
}

impl Fits {
    /// Whether the first receiver was this one, and fits.
    #[inline]
    pub(crate) fn is_good(&self, visitor: TypeId) -> bool {
        let first = self.first.get();
        first.is_some_and(|first| first.visitor == visitor && first.is_good())
    }

    /// The fit for a visitor, found out once.
    pub(crate) fn get(&self, visitor: TypeId, find: impl FnOnce() -> Fit) -> Fit {
        if let Some(first) = self.first.get()
            && first.visitor == visitor
        {
            return first.clone();
        }
        let is_its = |fit: &&Fit| fit.visitor == visitor;
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(fit) = others.iter().find(is_its) {
            return fit.clone();
        }
        drop(others);
        let fit = find();
        if self.first.set(fit.clone()).is_err() {
            let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
            if !others.iter().any(|other| other.visitor == visitor) {
                others.push(fit.clone());
            }
        }
        fit
    }
}

/// A copy of a type begins without notes.
impl Clone for Fits {
    fn clone(&self) -> Self {
        Self::default()
    }
}

//! What structs have taught about themselves: facts that serde does not tell beforehand.
//!
//! gob leaves zero values out, so a decoder hands a struct the zeros that its sender left out. Two kinds of structs do
//! not take them all. Where a field's type has no zero value (an enum without an empty name, a `NonZeroU8`), not
//! mentioning the field lets its `#[serde(default)]` speak. And where a field has aliases, serde lists the aliases as
//! if they were fields, so handing out a zero for each is a duplicate. Either is found by trying: the failure is noted
//! here, for the visitor's type and for the life of the process, and the value is decoded again.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::types::IdHasher;

/// Facts about one struct.
#[derive(Clone, Debug, Default)]
pub(super) struct Lessons {
    /// Fields that refuse a zero, and what they said.
    pub(super) refused: HashMap<String, String>,
    /// Which field a name leads to, once the struct is known to have aliases.
    pub(super) groups: Option<HashMap<String, u64>>,
}

static COUNT: AtomicUsize = AtomicUsize::new(0);
/// A bit for each type that something is known about, shared by many types: it spares the others the lock.
static MASK: AtomicU64 = AtomicU64::new(0);
static ALL: RwLock<Option<HashMap<TypeId, Arc<Lessons>>>> = RwLock::new(None);

/// How many lessons there were: changes exactly when trying again may help.
pub(super) fn count() -> usize {
    COUNT.load(Ordering::Acquire)
}

fn bit(visitor: TypeId) -> u64 {
    let mut hasher = IdHasher::default();
    visitor.hash(&mut hasher);
    1 << (hasher.finish() % 64)
}

/// What is known about the struct that the visitor builds. Nearly always nothing, and then this is one load.
#[inline]
pub(super) fn about(visitor: fn() -> TypeId) -> Option<Arc<Lessons>> {
    let mask = MASK.load(Ordering::Acquire);
    if mask == 0 || mask & bit(visitor()) == 0 {
        return None;
    }
    recall(visitor)
}

#[inline(never)]
fn recall(visitor: fn() -> TypeId) -> Option<Arc<Lessons>> {
    ALL.read()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()?
        .get(&visitor())
        .cloned()
}

/// Notes a lesson; false when it was known.
pub(super) fn teach(visitor: fn() -> TypeId, lesson: impl FnOnce(&mut Lessons) -> bool) -> bool {
    let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
    let lessons = all.get_or_insert_default().entry(visitor()).or_default();
    let new = lesson(Arc::make_mut(lessons));
    if new {
        MASK.fetch_or(bit(visitor()), Ordering::AcqRel);
        COUNT.fetch_add(1, Ordering::AcqRel);
    }
    new
}

//! What structs have taught about themselves: which of their fields want a zero when none is sent.
//!
//! serde tells nobody beforehand which fields have a default. But a struct says that a field is
//! missing only after its default, or `Option`'s `None`, was asked for. So the failure is noted
//! here, for the visitor's type and for the life of the process, the value is read again, and this
//! time the struct is handed a zero for the field when all fields that were sent are through. Each
//! field of each type is learnt at most once, whatever peers send.
//!
//! gob has lessons of its own: there every field that is not sent is a zero, and what is learnt is
//! which fields do not take one.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Facts about one struct.
#[derive(Clone, Debug, Default)]
pub(super) struct Lessons {
    /// Fields that want a zero, each with what its key is told by, once that is known. A field may
    /// have been sent under an alias, which has another name and the same key.
    pub(super) fields: Vec<(&'static str, Option<u64>)>,
}

impl Lessons {
    /// Notes that a field wants a zero; false when that was known.
    pub(super) fn misses(&mut self, name: &'static str) -> bool {
        let new = self.fields.iter().all(|(known, _)| *known != name);
        if new {
            self.fields.push((name, None));
        }
        new
    }

    /// Notes a field's key; false when that was known.
    pub(super) fn belongs(&mut self, name: &'static str, group: u64) -> bool {
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known @ None)) => {
                *known = Some(group);
                true
            }
            _ => false,
        }
    }
}

static COUNT: AtomicUsize = AtomicUsize::new(0);
/// A bit for each type that something is known about, shared by many types: it spares the others
/// the lock.
static MASK: AtomicU64 = AtomicU64::new(0);
static ALL: RwLock<Option<HashMap<TypeId, Arc<Lessons>>>> = RwLock::new(None);

/// How many lessons there were: changes exactly when reading a value again may help.
pub(in crate::codec) fn count() -> usize {
    COUNT.load(Ordering::Acquire)
}

fn bit(visitor: TypeId) -> u64 {
    1 << (hash(&visitor) % 64)
}

fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What is known about the struct that a visitor builds.
pub(super) fn about(visitor: fn() -> TypeId) -> Option<Arc<Lessons>> {
    let mask = MASK.load(Ordering::Acquire);
    if mask == 0 || mask & bit(visitor()) == 0 {
        return None;
    }
    let all = ALL.read().unwrap_or_else(PoisonError::into_inner);
    all.as_ref()?.get(&visitor()).cloned()
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

/// Tells the fields of a struct apart by the key that a name was turned into.
///
/// Derived keys are enums with a variant per field. For other kinds of keys the answer means
/// nothing, and then a field that is missing may stay so.
pub(super) fn group<K>(key: &K) -> u64 {
    hash(&std::mem::discriminant(key))
}

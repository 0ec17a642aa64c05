//! What a deserializer learns about a struct only from a failed attempt to read it.
//!
//! serde does not tell which fields of a struct have a default, refuse a zero or have aliases. A
//! format that adds zeros for absent fields finds out from the error, notes the fact here under the
//! type of the struct's visitor, and reads the value again. Facts hold for the life of the process.
//!
//! Memory: one entry for each visitor type that a note was made about, and visitor types are part
//! of the program. What an entry holds is up to the format, which bounds all that a peer can name.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::attempt;

/// How often one value is read at most: once, and again for each fact that an attempt adds. More
/// than any struct has fields that need a note.
const MAX_ATTEMPTS: usize = 1000;

/// Facts of the type `F` about structs, by the types of their visitors.
///
/// A visitor's type is passed as `typeid::of::<V>`, so that it is computed only when needed.
#[derive(Debug, Default)]
pub struct FieldQuirks<F> {
    /// One bit for each visitor type with an entry, shared by many types. It spares all others the
    /// lock.
    mask: AtomicU64,
    /// How many notes were new.
    notes: AtomicUsize,
    entries: RwLock<BTreeMap<TypeId, Arc<F>>>,
}

impl<F: Clone + Default> FieldQuirks<F> {
    /// A table without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            mask: AtomicU64::new(0),
            notes: AtomicUsize::new(0),
            entries: RwLock::new(BTreeMap::new()),
        }
    }

    /// The facts about a visitor's struct. There are nearly always none, and then this is one load.
    #[inline]
    pub fn about(&self, visitor: fn() -> TypeId) -> Option<Arc<F>> {
        let mask = self.mask.load(Ordering::Acquire);
        if mask == 0 || mask & bit(visitor()) == 0 {
            return None;
        }
        self.look_up(visitor())
    }

    #[inline(never)]
    fn look_up(&self, visitor: TypeId) -> Option<Arc<F>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(&visitor).cloned()
    }

    /// Notes a fact. `add` returns false when it was known, and so does this.
    pub fn note(&self, visitor: fn() -> TypeId, add: impl FnOnce(&mut F) -> bool) -> bool {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(visitor()).or_default();
        let new = add(Arc::make_mut(entry));
        if new {
            self.mask.fetch_or(bit(visitor()), Ordering::AcqRel);
            self.notes.fetch_add(1, Ordering::AcqRel);
        }
        new
    }

    /// Reads a value, and again after each failed attempt during which a fact was noted.
    ///
    /// # Errors
    ///
    /// The error of the last attempt.
    #[inline]
    pub fn read<T, E>(&self, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        let (before, deeds) = (self.notes.load(Ordering::Acquire), attempt::deeds());
        match attempt() {
            Err(_) if self.notes.load(Ordering::Acquire) != before => {
                self.read_again(deeds, attempt)
            }
            result => result,
        }
    }

    #[cold]
    fn read_again<T, E>(
        &self,
        deeds: usize,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 2..MAX_ATTEMPTS {
            let before = self.notes.load(Ordering::Acquire);
            attempt::set_deeds(deeds);
            let result = attempt();
            if result.is_ok() || self.notes.load(Ordering::Acquire) == before {
                return result;
            }
        }
        attempt::set_deeds(deeds);
        attempt()
    }
}

fn bit(visitor: TypeId) -> u64 {
    let mut hasher = Id::default();
    visitor.hash(&mut hasher);
    1 << (hasher.finish() % 64)
}

/// A type's id is a hash already.
#[derive(Default)]
struct Id(u64);

impl Hasher for Id {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 ^= value;
    }
}

/// Identifies a field by the key that its name, or an alias, deserializes to.
///
/// The keys of derived structs are enums with a variant for each field. For keys of other kinds the
/// number has no meaning.
pub fn field_of_key<K>(key: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(key).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: 'static>() -> TypeId {
        TypeId::of::<T>()
    }

    #[test]
    fn a_fact_belongs_to_one_visitor() {
        let quirks = FieldQuirks::<Vec<&str>>::new();
        assert_eq!(quirks.about(of::<u8>), None);
        let add = |facts: &mut Vec<&'static str>| {
            facts.push("fact");
            true
        };
        assert!(quirks.note(of::<u8>, add));
        assert!(!quirks.note(of::<u8>, |_| false));
        assert_eq!(quirks.about(of::<u8>).as_deref(), Some(&vec!["fact"]));
        assert_eq!(quirks.about(of::<u16>), None);
    }

    #[test]
    fn a_value_is_read_again_while_facts_are_new() {
        let quirks = FieldQuirks::<usize>::new();
        let mut attempts = 0;
        let result = quirks.read(|| {
            attempts += 1;
            quirks.note(of::<u8>, |facts| {
                *facts += 1;
                *facts <= 5
            });
            Err::<(), _>(attempts)
        });
        assert_eq!(result, Err(6));
        assert_eq!(quirks.read(|| Ok::<_, ()>(7)), Ok(7));
    }

    #[test]
    fn attempts_are_bounded() {
        let quirks = FieldQuirks::<()>::new();
        let mut attempts = 0;
        let result = quirks.read(|| {
            attempts += 1;
            // A fact that is new each time, as other threads can make it look.
            quirks.note(of::<u8>, |()| true);
            Err::<(), _>(attempts)
        });
        assert_eq!(result, Err(MAX_ATTEMPTS));
    }
}

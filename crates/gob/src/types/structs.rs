//! Struct types and their fields.

use std::any::TypeId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::Id;

/// The names are shared with the values that have them: see [`Value`](super::Value).
#[derive(Clone, Debug)]
pub(crate) struct StructType {
    pub(crate) name: Arc<str>,
    pub(crate) fields: Box<[Field]>,
    /// The fields' places by their names, once one of many fields was looked for.
    by_name: OnceLock<Box<[u32]>>,
    /// A receiver's list of fields with which this one begins: the first that was met.
    begins_with: OnceLock<&'static [&'static str]>,
    /// A visitor that takes just these fields in order, or that the first one met is none.
    in_order: OnceLock<Option<TypeId>>,
    /// Set once a value was met.
    met: OnceLock<()>,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) id: Id,
    /// Where the name is that a sender was first seen to call this field by, or 0.
    called: AtomicUsize,
}

impl Field {
    pub(crate) fn new(name: impl Into<Arc<str>>, id: Id) -> Self {
        Self {
            name: name.into(),
            id,
            called: AtomicUsize::new(0),
        }
    }

    /// Whether this is the field's name. As static names stay what they are, one that was right before is told by where it
    /// is: to read it takes a tenth of the time that a struct of numbers takes.
    #[inline]
    pub(crate) fn is_called(&self, name: &'static str) -> bool {
        self.name.len() == name.len()
            && (self.called.load(Ordering::Relaxed) == name.as_ptr().addr() || self.meet(name))
    }

    /// Not inlined, so that the usual can be.
    #[inline(never)]
    fn meet(&self, name: &'static str) -> bool {
        let same = *self.name == *name;
        if same && self.called.load(Ordering::Relaxed) == 0 {
            self.called.store(name.as_ptr().addr(), Ordering::Relaxed);
        }
        same
    }
}

impl Clone for Field {
    fn clone(&self) -> Self {
        Self::new(self.name.clone(), self.id)
    }
}

impl StructType {
    /// So few fields are looked through as they stand.
    const FEW: usize = 16;

    pub(crate) fn new(name: Arc<str>, fields: impl Into<Box<[Field]>>) -> Self {
        Self {
            name,
            fields: fields.into(),
            by_name: OnceLock::new(),
            begins_with: OnceLock::new(),
            in_order: OnceLock::new(),
            met: OnceLock::new(),
        }
    }

    /// Whether a receiver's fields are the first ones here, in the same order, as they mostly are. False is no answer.
    #[inline]
    pub(crate) fn begins_with(&self, names: &'static [&'static str]) -> bool {
        match self.begins_with.get() {
            Some(known) => std::ptr::eq(*known, names),
            None => self.meet(names),
        }
    }

    #[cold]
    fn meet(&self, names: &'static [&'static str]) -> bool {
        let begins = self.fields.len() >= names.len()
            && self
                .fields
                .iter()
                .zip(names)
                .all(|(field, name)| *field.name == **name);
        begins && self.begins_with.set(names).is_ok()
    }

    /// Whether a visitor that takes these fields in order is worth looking for. Not for a value that may be the only one.
    #[inline]
    pub(crate) fn asks_for_order(&self) -> bool {
        self.in_order.get().is_none() && self.met.set(()).is_err()
    }

    /// The visitor that takes just these fields in order, if one is known.
    #[inline]
    pub(crate) fn in_order(&self) -> Option<TypeId> {
        self.in_order.get().copied().flatten()
    }

    pub(crate) fn set_in_order(&self, visitor: Option<TypeId>) {
        // Whoever was first stays.
        let _ = self.in_order.set(visitor);
    }

    /// The place of a field, which is looked for at `guess` first: both sides mostly list their fields in one order.
    ///
    /// A sender can have any number of fields, and values of a byte each, so this must not take long for many.
    #[inline]
    pub(crate) fn place(&self, guess: usize, name: &str) -> Option<usize> {
        match self.fields.get(guess) {
            Some(field) if *field.name == *name => Some(guess),
            _ => self.search(name),
        }
    }

    fn search(&self, name: &str) -> Option<usize> {
        if self.fields.len() <= Self::FEW {
            return self.fields.iter().position(|field| *field.name == *name);
        }
        let named = |place: u32| &*self.fields[place as usize].name;
        let by_name = self.by_name.get_or_init(|| {
            let mut places: Box<[u32]> = (0..self.fields.len() as u32).collect();
            places.sort_unstable_by_key(|&place| (named(place), place));
            places
        });
        let at = by_name.partition_point(|&place| named(place) < name);
        let place = *by_name.get(at)?;
        (named(place) == name).then_some(place as usize)
    }
}

//! Type ids, struct types and their fields.

use std::any::TypeId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::fits::Fits;

/// A type's number. Below [`Id::FIRST_USER`] the format gives the meaning, above it a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(pub(crate) u32);

impl Id {
    pub(crate) const BOOL: Id = Id(1);
    pub(crate) const INT: Id = Id(2);
    pub(crate) const UINT: Id = Id(3);
    pub(crate) const FLOAT: Id = Id(4);
    pub(crate) const BYTES: Id = Id(5);
    pub(crate) const STRING: Id = Id(6);
    pub(crate) const COMPLEX: Id = Id(7);
    pub(crate) const INTERFACE: Id = Id(8);
    pub(crate) const FIRST_USER: Id = Id(64);

    pub(crate) fn is_basic(self) -> bool {
        (Self::BOOL.0..=Self::INTERFACE.0).contains(&self.0)
    }
}

/// Names are shared with the values that carry them: see [`Value`](crate::Value).
#[derive(Clone, Debug)]
pub(crate) struct StructType {
    pub(crate) name: Arc<str>,
    pub(crate) fields: Box<[Field]>,
    /// The fields' places by their names, once one of many fields was looked for.
    by_name: OnceLock<Box<[u32]>>,
    pub(crate) positional: PositionalVisitor,
    pub(crate) fits: Fits,
}

/// The visitor that takes the fields of a type by position: a note of `de::fast::positional`.
#[derive(Clone, Debug, Default)]
pub(crate) struct PositionalVisitor {
    /// Set when the first value is read.
    first: OnceLock<()>,
    /// The visitor, or `None` if the one that was probed takes names only.
    settled: OnceLock<Option<TypeId>>,
}

impl PositionalVisitor {
    #[inline]
    pub(crate) fn visitor(&self) -> Option<TypeId> {
        self.settled.get().copied().flatten()
    }

    /// Whether a visitor is to be probed: with the second value, as the first may be the only one.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.settled.get().is_none() && self.first.set(()).is_err()
    }

    /// The first visitor that was probed stays.
    pub(crate) fn settle(&self, visitor: Option<TypeId>) {
        let _ = self.settled.set(visitor);
    }
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) id: Id,
    /// The address of the static name that first matched this field, or 0.
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

    /// Whether this is the field's name. Matches by address first: a static name that matched once
    /// matches again. Comparing the text takes a tenth of the time of a struct of numbers.
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
    /// Up to this many fields are searched one by one.
    const FEW: usize = 16;

    pub(crate) fn new(name: Arc<str>, fields: impl Into<Box<[Field]>>) -> Self {
        Self {
            name,
            fields: fields.into(),
            by_name: OnceLock::new(),
            positional: PositionalVisitor::default(),
            fits: Fits::default(),
        }
    }

    /// The place of a field, which is looked for at `guess` first: both sides mostly list their
    /// fields in one order.
    ///
    /// A sender can define any number of fields and send values of a byte each, so this is a binary
    /// search where there are many.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_at_any_address() {
        let field = Field::new("Name", Id::INT);
        // Two of them begin at the same place.
        let longer: &'static str = String::from("Names").leak();
        let elsewhere: &'static str = String::from("Name").leak();
        let (here, other) = (&longer[..4], "Mane");
        for _ in 0..2 {
            for (name, same) in [
                (other, false),
                (here, true),
                (elsewhere, true),
                (longer, false),
                (&longer[..3], false),
                (&longer[1..], false),
                ("", false),
            ] {
                assert_eq!(field.is_called(name), same, "{name}");
                assert_eq!(field.clone().is_called(name), same, "{name}");
            }
        }
    }
}

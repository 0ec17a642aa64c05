//! Tables of types.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::kinds::Type;
use super::loss::Loss;
use super::structs::Id;

/// Ids are numbers: a stronger hash would cost more than the look-up.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }
}

pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Definitions by id. They are added and never changed, so values share the table of their stream
/// while it grows.
#[derive(Debug, Default)]
pub(crate) struct Types {
    /// Places for the lowest ids, which are nearly always all.
    near: OnceLock<Box<[OnceLock<Type>]>>,
    far: Far,
    count: AtomicUsize,
    /// One more than the highest id's distance from the first.
    span: AtomicU32,
    /// Of the Rust type that the table was made for.
    losses: OnceLock<Box<[Loss]>>,
}

fn places(ids: usize) -> Box<[OnceLock<Type>]> {
    std::iter::repeat_with(OnceLock::new).take(ids).collect()
}

/// The other definitions: a tree that branches by the bits of a hash, from the highest on.
type Far = OnceLock<Box<Node>>;

#[derive(Debug)]
struct Node {
    id: u32,
    ty: Type,
    branches: [Far; 2],
}

/// Spreads ids over the tree. The hash is one-to-one, so the tree is at most 32 levels deep.
fn spread(id: Id) -> u32 {
    id.0.wrapping_mul(0x9e37_79b9)
}

impl Types {
    /// How many ids have a place of their own in a table that is made for no number of them.
    const NEAR: usize = 32;

    /// A table with places for this many ids.
    pub(crate) fn with_span(ids: usize) -> Self {
        let types = Self::default();
        types.near.get_or_init(|| places(ids));
        types
    }

    /// What the Rust type loses on the wire, if the table was made for one.
    pub(crate) fn losses(&self) -> &[Loss] {
        self.losses.get().map_or(&[], |losses| losses)
    }

    pub(crate) fn set_losses(&self, losses: Vec<Loss>) {
        let _ = self.losses.set(losses.into());
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// One more than the highest id's distance from the first: ids from there on are free.
    pub(crate) fn span(&self) -> u32 {
        self.span.load(Ordering::Relaxed)
    }

    /// All definitions, those with places of their own by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &Type)> {
        let near = self.near.get().into_iter().flatten().enumerate();
        let near = near
            .filter_map(|(index, place)| Some((Id(Id::FIRST_USER.0 + index as u32), place.get()?)));
        let mut found: Vec<&Node> = self.far.get().map(|node| &**node).into_iter().collect();
        let far = std::iter::from_fn(move || {
            let node = found.pop()?;
            found.extend(
                node.branches
                    .iter()
                    .filter_map(|far| far.get().map(|far| &**far)),
            );
            Some((Id(node.id), &node.ty))
        });
        near.chain(far)
    }

    #[inline]
    pub(crate) fn get(&self, id: Id) -> Option<&Type> {
        let index = (id.0 as usize).wrapping_sub(Id::FIRST_USER.0 as usize);
        match self.near.get()?.get(index) {
            Some(place) => place.get(),
            None => self.distant(id),
        }
    }

    #[inline(never)]
    fn distant(&self, id: Id) -> Option<&Type> {
        let (mut far, mut hash) = (&self.far, spread(id));
        loop {
            let node = far.get()?;
            if node.id == id.0 {
                return Some(&node.ty);
            }
            far = &node.branches[(hash >> 31) as usize];
            hash <<= 1;
        }
    }

    /// Adds a type to a table that is built here; its id.
    pub(crate) fn add(&self, ty: Type) -> Id {
        let id = Id(Id::FIRST_USER.0 + self.span());
        self.insert(id, ty);
        id
    }

    /// False when the id has a definition already.
    pub(crate) fn insert(&self, id: Id, ty: Type) -> bool {
        let index = (id.0 - Id::FIRST_USER.0) as usize;
        let near = self.near.get_or_init(|| places(Self::NEAR));
        let new = match near.get(index) {
            Some(place) => place.set(ty).is_ok(),
            None => self.insert_distant(id, ty),
        };
        if new {
            self.count.fetch_add(1, Ordering::Relaxed);
            self.span.fetch_max(index as u32 + 1, Ordering::Relaxed);
        }
        new
    }

    fn insert_distant(&self, id: Id, ty: Type) -> bool {
        let mut node = Box::new(Node {
            id: id.0,
            ty,
            branches: Default::default(),
        });
        let (mut far, mut hash) = (&self.far, spread(id));
        loop {
            node = match far.set(node) {
                Ok(()) => return true,
                Err(node) => node,
            };
            let Some(taken) = far.get().filter(|taken| taken.id != id.0) else {
                return false;
            };
            far = &taken.branches[(hash >> 31) as usize];
            hash <<= 1;
        }
    }

    #[inline]
    pub(crate) fn is_struct(&self, id: Id) -> bool {
        matches!(self.get(id), Some(Type::Struct(_)))
    }

    /// Whether a value of the type can have an interface value in it; an undefined id is an error.
    ///
    /// The answer for every type on the way goes into `known`, so a table is walked once in all.
    pub(crate) fn holds_interface(&self, id: Id, known: &mut IdMap<u32, bool>) -> Result<bool, Id> {
        if id.is_basic() {
            return Ok(id == Id::INTERFACE);
        }
        if let Some(&holds) = known.get(&id.0) {
            return Ok(holds);
        }
        let mut parents: IdMap<u32, Vec<Id>> = IdMap::default();
        let mut holding = Vec::new();
        let mut seen = vec![id];
        parents.insert(id.0, Vec::new());
        let mut next = 0;
        while let Some(&id) = seen.get(next) {
            next += 1;
            let part = |part: Id| {
                if part == Id::INTERFACE || known.get(&part.0) == Some(&true) {
                    holding.push(id);
                } else if !part.is_basic() && !known.contains_key(&part.0) {
                    let parents = parents.entry(part.0).or_insert_with(|| {
                        seen.push(part);
                        Vec::new()
                    });
                    parents.push(id);
                }
            };
            self.get(id).ok_or(id)?.parts().for_each(part);
        }
        known.extend(seen.iter().map(|id| (id.0, false)));
        while let Some(id) = holding.pop() {
            if known.insert(id.0, true) == Some(false) {
                holding.extend(parents.get(&id.0).into_iter().flatten());
            }
        }
        Ok(known[&id.0])
    }
}

impl Clone for Types {
    fn clone(&self) -> Self {
        let near = self.near.get().map_or(0, |near| near.len());
        let clone = Self::with_span(near);
        for (id, ty) in self.iter() {
            clone.insert(id, ty.clone());
        }
        clone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(elem: Id) -> Type {
        Type::Slice { elem }
    }

    #[test]
    fn distant_ids_cost_no_memory() {
        let types = Types::default();
        assert!(types.insert(Id(64), slice(Id::INT)));
        assert!(types.insert(Id(i32::MAX as u32), slice(Id::INT)));
        assert!(!types.insert(Id(i32::MAX as u32), slice(Id::INT)));
        assert!(types.get(Id(i32::MAX as u32)).is_some());
        assert!(types.get(Id(65)).is_none());
        assert!(types.get(Id(0)).is_none());
        assert_eq!(types.len(), 2);
    }

    #[test]
    fn interfaces_are_found_through_any_number_of_types() {
        let types = Types::default();
        // 64 -> 65 -> 66 -> interface, 67 -> 65, 68 -> 68, 69 -> 70, which is undefined.
        for (id, elem) in [(64, 65), (65, 66), (66, 8), (67, 65), (68, 68), (69, 70)] {
            types.insert(Id(id), slice(Id(elem)));
        }
        let mut known = IdMap::default();
        assert_eq!(types.holds_interface(Id(65), &mut known), Ok(true));
        assert_eq!(known.len(), 2);
        assert_eq!(types.holds_interface(Id(64), &mut known), Ok(true));
        assert_eq!(types.holds_interface(Id(67), &mut known), Ok(true));
        assert_eq!(types.holds_interface(Id(68), &mut known), Ok(false));
        assert_eq!(types.holds_interface(Id(69), &mut known), Err(Id(70)));
        assert_eq!(types.holds_interface(Id::INTERFACE, &mut known), Ok(true));
        assert_eq!(types.holds_interface(Id::INT, &mut known), Ok(false));
        assert!(!known.contains_key(&69));
    }
}

//! Types as the wire knows them, and tables of them.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// A type's number. Below [`Id::FIRST_USER`] the format gives the meaning, above it a definition does.
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

/// A type that needs a definition.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Array {
        elem: Id,
        len: u64,
    },
    Slice {
        elem: Id,
    },
    Map {
        key: Id,
        elem: Id,
    },
    /// Boxed: there are places for types that are never defined.
    Struct(Box<StructType>),
    Opaque {
        name: Arc<str>,
        kind: OpaqueKind,
    },
}

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

/// Which of Go's interfaces made the bytes of an opaque value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpaqueKind {
    /// `GobEncoder`.
    Gob,
    /// `BinaryMarshaler`.
    Binary,
    /// `TextMarshaler`.
    Text,
}

/// Ids are numbers already: hashing them again would cost more than the look-up.
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

/// Definitions by id. They are added and never changed, so that values share the table of their stream while it grows.
#[derive(Debug, Default)]
pub(crate) struct Types {
    /// Places for the lowest ids, which are nearly always all that there are.
    near: OnceLock<Box<[OnceLock<Type>]>>,
    far: Far,
    count: AtomicUsize,
    /// One more than the highest id's distance from the first.
    span: AtomicU32,
}

fn places(ids: usize) -> Box<[OnceLock<Type>]> {
    std::iter::repeat_with(OnceLock::new).take(ids).collect()
}

/// The other definitions: a tree whose branches are told apart by the bits of a hash, from the highest on.
type Far = OnceLock<Box<Node>>;

#[derive(Debug)]
struct Node {
    id: u32,
    ty: Type,
    branches: [Far; 2],
}

/// Spreads ids over the tree. No two have the same, so it is never deeper than 32 levels.
fn spread(id: Id) -> u32 {
    id.0.wrapping_mul(0x9e37_79b9)
}

impl Types {
    /// How many ids have a place of their own, unless a table is made for more.
    const NEAR: usize = 32;
    /// Descriptions that are longer than this end soon.
    const MAX_TEXT: usize = 1024;
    /// The same where a description is part of a message, which can be made for every value of a list.
    const MAX_BRIEF: usize = 200;

    /// A table for so many ids from the first one on.
    pub(crate) fn with_span(ids: usize) -> Self {
        let types = Self::default();
        types.near.get_or_init(|| places(ids));
        types
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Where a table that is built here grows: all ids from there on are free.
    pub(crate) fn span(&self) -> u32 {
        self.span.load(Ordering::Relaxed)
    }

    /// All definitions, by id but for the distant ones.
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

    /// Whether a value of the type can have an interface value in it; an undefined id as an error.
    ///
    /// The answer for every type on the way goes into `known`, so that a table is gone through once, whatever the order
    /// in which its types come up.
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
            let mut part = |part: Id| {
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
            match self.get(id).ok_or(id)? {
                Type::Array { elem, .. } | Type::Slice { elem, .. } => part(*elem),
                Type::Map { key, elem, .. } => {
                    part(*key);
                    part(*elem);
                }
                Type::Struct(ty) => ty.fields.iter().for_each(|field| part(field.id)),
                Type::Opaque { .. } => {}
            }
        }
        known.extend(seen.iter().map(|id| (id.0, false)));
        while let Some(id) = holding.pop() {
            if known.insert(id.0, true) == Some(false) {
                holding.extend(parents.get(&id.0).into_iter().flatten());
            }
        }
        Ok(known[&id.0])
    }

    /// The type as Go would write it, and the name that Go gives to an unnamed field type.
    pub(crate) fn describe(&self, id: Id) -> String {
        self.text(id, Self::MAX_TEXT, usize::MAX)
    }

    /// The same for messages: what is long is cut.
    #[cold]
    pub(crate) fn brief(&self, id: Id) -> String {
        self.text(id, Self::MAX_BRIEF, Self::MAX_BRIEF)
    }

    fn text(&self, id: Id, max: usize, max_name: usize) -> String {
        let mut description = Description {
            types: self,
            text: String::new(),
            max,
            max_name,
        };
        description.add(id, 8);
        description.text
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

struct Description<'a> {
    types: &'a Types,
    text: String,
    max: usize,
    max_name: usize,
}

impl Description<'_> {
    fn name(&mut self, name: &str) {
        match name.char_indices().nth(self.max_name) {
            None => self.text.push_str(name),
            Some((end, _)) => {
                self.text.push_str(&name[..end]);
                self.text.push('…');
            }
        }
    }

    fn add(&mut self, id: Id, depth: usize) {
        let basic = match id {
            Id::BOOL => "bool",
            Id::INT => "int",
            Id::UINT => "uint",
            Id::FLOAT => "float64",
            Id::BYTES => "[]uint8",
            Id::STRING => "string",
            Id::COMPLEX => "complex128",
            Id::INTERFACE => "interface {}",
            _ => "",
        };
        if !basic.is_empty() {
            self.text.push_str(basic);
            return;
        }
        // A few hundred bytes of definitions can describe a type whose text would fill all memory.
        if depth == 0 || self.text.len() > self.max {
            self.text.push('…');
            return;
        }
        match self.types.get(id) {
            None => self.text.push_str(&format!("undefined type {}", id.0)),
            Some(Type::Array { elem, len }) => {
                self.text.push_str(&format!("[{len}]"));
                self.add(*elem, depth - 1);
            }
            Some(Type::Slice { elem }) => {
                self.text.push_str("[]");
                self.add(*elem, depth - 1);
            }
            Some(Type::Map { key, elem }) => {
                self.text.push_str("map[");
                self.add(*key, depth - 1);
                self.text.push(']');
                self.add(*elem, depth - 1);
            }
            Some(Type::Struct(ty)) if !ty.name.is_empty() => self.name(&ty.name),
            Some(Type::Struct(ty)) => {
                self.text.push_str("struct {");
                for (i, field) in ty.fields.iter().enumerate() {
                    self.text.push_str(if i == 0 { " " } else { "; " });
                    if self.text.len() > self.max {
                        self.text.push('…');
                        break;
                    }
                    self.name(&field.name);
                    self.text.push(' ');
                    self.add(field.id, depth - 1);
                }
                self.text
                    .push_str(if ty.fields.is_empty() { "}" } else { " }" });
            }
            Some(Type::Opaque { name, .. }) if name.is_empty() => {
                self.text.push_str("opaque type");
            }
            Some(Type::Opaque { name, .. }) => self.name(name),
        }
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
    fn descriptions_end_even_for_recursive_types() {
        let types = Types::default();
        types.insert(Id(64), slice(Id(64)));
        assert!(types.describe(Id(64)).starts_with("[][][]"));
    }

    #[test]
    fn a_name_is_the_same_wherever_it_is() {
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

    #[test]
    fn descriptions_of_types_within_types_stay_short() {
        let types = Types::default();
        for id in 64..74 {
            let fields = (0..50).map(|_| Field::new("F", Id(id + 1)));
            let ty = StructType::new("".into(), fields.collect::<Vec<_>>());
            types.insert(Id(id), Type::Struct(ty.into()));
        }
        types.insert(Id(74), slice(Id::INT));
        assert!(types.describe(Id(64)).len() < 10_000);
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

//! Types as the wire knows them, and tables of them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

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
    Array { elem: Id, len: u64 },
    Slice { elem: Id },
    Map { key: Id, elem: Id },
    Struct(StructType),
    Opaque { name: Box<str>, kind: OpaqueKind },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct StructType {
    pub(crate) name: Box<str>,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    pub(crate) id: Id,
}

/// Which of Go's interfaces made the bytes of an opaque value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpaqueKind {
    Gob,
    Binary,
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

/// Definitions by id. Ids nearly always come in sequence, so most live in a vector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types {
    dense: Vec<Option<Arc<Type>>>,
    sparse: IdMap<u32, Arc<Type>>,
    count: usize,
}

impl Types {
    /// A sender may skip this many ids before the rest goes to the map: memory follows what was received.
    const GAP: usize = 64;
    /// Descriptions that are longer than this end soon.
    const MAX_TEXT: usize = 4096;

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// One more than the highest place in the vector: where a table that is built here grows.
    pub(crate) fn span(&self) -> u32 {
        self.dense.len() as u32
    }

    /// All definitions, by id but for the distant ones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &Type)> {
        let dense = self.dense.iter().enumerate().filter_map(|(index, ty)| {
            let ty = ty.as_deref()?;
            Some((Id(Id::FIRST_USER.0 + index as u32), ty))
        });
        dense.chain(self.sparse.iter().map(|(&id, ty)| (Id(id), &**ty)))
    }

    #[inline]
    pub(crate) fn get(&self, id: Id) -> Option<&Type> {
        let index = (id.0 as usize).wrapping_sub(Id::FIRST_USER.0 as usize);
        match self.dense.get(index) {
            Some(Some(ty)) => Some(ty),
            _ if self.sparse.is_empty() => None,
            _ => self.sparse.get(&id.0).map(|ty| &**ty),
        }
    }

    /// False when the id has a definition already.
    pub(crate) fn insert(&mut self, id: Id, ty: Type) -> bool {
        if self.get(id).is_some() {
            return false;
        }
        let index = (id.0 - Id::FIRST_USER.0) as usize;
        if index < self.dense.len() + Self::GAP {
            if index >= self.dense.len() {
                self.dense.resize(index + 1, None);
            }
            self.dense[index] = Some(Arc::new(ty));
        } else {
            self.sparse.insert(id.0, Arc::new(ty));
        }
        self.count += 1;
        true
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

    /// The type as Go would write it, for messages and for the names that Go gives to unnamed field types.
    pub(crate) fn describe(&self, id: Id) -> String {
        let mut text = String::new();
        self.describe_to(id, &mut text, 8);
        text
    }

    fn describe_to(&self, id: Id, text: &mut String, depth: usize) {
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
            text.push_str(basic);
            return;
        }
        // A few hundred bytes of definitions can describe a type whose text would fill all memory.
        if depth == 0 || text.len() > Self::MAX_TEXT {
            text.push('…');
            return;
        }
        match self.get(id) {
            None => text.push_str(&format!("undefined type {}", id.0)),
            Some(Type::Array { elem, len, .. }) => {
                text.push_str(&format!("[{len}]"));
                self.describe_to(*elem, text, depth - 1);
            }
            Some(Type::Slice { elem, .. }) => {
                text.push_str("[]");
                self.describe_to(*elem, text, depth - 1);
            }
            Some(Type::Map { key, elem, .. }) => {
                text.push_str("map[");
                self.describe_to(*key, text, depth - 1);
                text.push(']');
                self.describe_to(*elem, text, depth - 1);
            }
            Some(Type::Struct(ty)) if !ty.name.is_empty() => text.push_str(&ty.name),
            Some(Type::Struct(ty)) => {
                text.push_str("struct {");
                for (i, field) in ty.fields.iter().enumerate() {
                    text.push_str(if i == 0 { " " } else { "; " });
                    text.push_str(&field.name);
                    text.push(' ');
                    self.describe_to(field.id, text, depth - 1);
                }
                text.push_str(if ty.fields.is_empty() { "}" } else { " }" });
            }
            Some(Type::Opaque { name, .. }) => {
                text.push_str(if name.is_empty() { "opaque type" } else { name });
            }
        }
    }
}

/// Types with more parts than this are taken for different: they are then defined once more, and that is all.
const MAX_COMPARED: usize = 400;

/// Whether two types are of the same kind, with the same names.
fn alike(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Array { len: n, .. }, Type::Array { len: m, .. }) => n == m,
        (Type::Slice { .. }, Type::Slice { .. }) | (Type::Map { .. }, Type::Map { .. }) => true,
        (Type::Struct(a), Type::Struct(b)) => {
            a.name == b.name
                && a.fields.len() == b.fields.len()
                && a.fields
                    .iter()
                    .zip(&b.fields)
                    .all(|(a, b)| a.name == b.name)
        }
        (Type::Opaque { name: a, kind: x }, Type::Opaque { name: b, kind: y }) => a == b && x == y,
        _ => false,
    }
}

/// Whether two types, each in its own table, are the same type to a receiver.
///
/// Pairs that are being compared further up count as equal, which is what equality of recursive types means.
pub(crate) fn same_type(a: (&Types, Id), b: (&Types, Id)) -> bool {
    fn same(a: (&Types, Id), b: (&Types, Id), assumed: &mut HashSet<(Id, Id)>) -> bool {
        if a.1.is_basic() || b.1.is_basic() {
            return a.1 == b.1;
        }
        let (Some(x), Some(y)) = (a.0.get(a.1), b.0.get(b.1)) else {
            return false;
        };
        // Different types nearly always differ at first sight.
        if !alike(x, y) {
            return false;
        }
        if !assumed.insert((a.1, b.1)) {
            return true;
        }
        // Only types of a received value can be nested so deep.
        if assumed.len() > MAX_COMPARED {
            return false;
        }
        let mut inner = |x: Id, y: Id| same((a.0, x), (b.0, y), assumed);
        match (x, y) {
            (Type::Array { elem: x, .. }, Type::Array { elem: y, .. }) => inner(*x, *y),
            (Type::Slice { elem: x, .. }, Type::Slice { elem: y, .. }) => inner(*x, *y),
            (
                Type::Map {
                    key: k, elem: x, ..
                },
                Type::Map {
                    key: l, elem: y, ..
                },
            ) => inner(*k, *l) && inner(*x, *y),
            (Type::Struct(x), Type::Struct(y)) => x
                .fields
                .iter()
                .zip(&y.fields)
                .all(|(x, y)| inner(x.id, y.id)),
            _ => true,
        }
    }
    same(a, b, &mut HashSet::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(elem: Id) -> Type {
        Type::Slice { elem }
    }

    #[test]
    fn distant_ids_cost_no_memory() {
        let mut types = Types::default();
        assert!(types.insert(Id(64), slice(Id::INT)));
        assert!(types.insert(Id(i32::MAX as u32), slice(Id::INT)));
        assert!(!types.insert(Id(i32::MAX as u32), slice(Id::INT)));
        assert!(types.dense.len() < 100);
        assert!(types.get(Id(i32::MAX as u32)).is_some());
        assert!(types.get(Id(65)).is_none());
        assert!(types.get(Id(0)).is_none());
        assert_eq!(types.len(), 2);
    }

    #[test]
    fn recursive_types_compare() {
        // type T []T, written once with one definition and once with two.
        let mut one = Types::default();
        one.insert(Id(64), slice(Id(64)));
        let mut two = Types::default();
        two.insert(Id(70), slice(Id(71)));
        two.insert(Id(71), slice(Id(70)));
        assert!(same_type((&one, Id(64)), (&two, Id(70))));
        let mut other = Types::default();
        other.insert(Id(64), slice(Id::INT));
        assert!(!same_type((&one, Id(64)), (&other, Id(64))));
    }

    #[test]
    fn descriptions_end_even_for_recursive_types() {
        let mut types = Types::default();
        types.insert(Id(64), slice(Id(64)));
        assert!(types.describe(Id(64)).starts_with("[][][]"));
    }

    #[test]
    fn descriptions_of_types_within_types_stay_short() {
        let mut types = Types::default();
        for id in 64..74 {
            let fields = (0..50).map(|_| Field {
                name: "F".into(),
                id: Id(id + 1),
            });
            let ty = StructType {
                fields: fields.collect(),
                name: Box::default(),
            };
            types.insert(Id(id), Type::Struct(ty));
        }
        types.insert(Id(74), slice(Id::INT));
        assert!(types.describe(Id(64)).len() < 10_000);
    }

    #[test]
    fn interfaces_are_found_through_any_number_of_types() {
        let mut types = Types::default();
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

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

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// One more than the highest place in the vector: where a table that is built here grows.
    pub(crate) fn span(&self) -> u32 {
        self.dense.len() as u32
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

    /// Whether a value of the type can have an interface value in it; the first undefined id as an error.
    pub(crate) fn holds_interface(&self, id: Id) -> Result<bool, Id> {
        let mut found = false;
        let mut seen = HashSet::new();
        let mut queue = vec![id];
        while let Some(id) = queue.pop() {
            if id == Id::INTERFACE {
                found = true;
            }
            if id.is_basic() || !seen.insert(id) {
                continue;
            }
            match self.get(id).ok_or(id)? {
                Type::Array { elem, .. } | Type::Slice { elem, .. } => queue.push(*elem),
                Type::Map { key, elem, .. } => queue.extend([*key, *elem]),
                Type::Struct(ty) => queue.extend(ty.fields.iter().map(|field| field.id)),
                Type::Opaque { .. } => {}
            }
        }
        Ok(found)
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
        if depth == 0 {
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

/// Whether two types, each in its own table, are the same type to a receiver.
///
/// Pairs that are being compared further up count as equal, which is what equality of recursive types means.
pub(crate) fn same_type(a: (&Types, Id), b: (&Types, Id)) -> bool {
    fn same(a: (&Types, Id), b: (&Types, Id), assumed: &mut HashSet<(Id, Id)>) -> bool {
        if a.1.is_basic() || b.1.is_basic() {
            return a.1 == b.1;
        }
        if !assumed.insert((a.1, b.1)) {
            return true;
        }
        let mut inner = |x: Id, y: Id| same((a.0, x), (b.0, y), assumed);
        match (a.0.get(a.1), b.0.get(b.1)) {
            (
                Some(Type::Array {
                    elem: x, len: n, ..
                }),
                Some(Type::Array {
                    elem: y, len: m, ..
                }),
            ) => n == m && inner(*x, *y),
            (Some(Type::Slice { elem: x, .. }), Some(Type::Slice { elem: y, .. })) => inner(*x, *y),
            (
                Some(Type::Map {
                    key: k, elem: x, ..
                }),
                Some(Type::Map {
                    key: l, elem: y, ..
                }),
            ) => inner(*k, *l) && inner(*x, *y),
            (Some(Type::Struct(x)), Some(Type::Struct(y))) => {
                x.name == y.name
                    && x.fields.len() == y.fields.len()
                    && x.fields
                        .iter()
                        .zip(&y.fields)
                        .all(|(x, y)| x.name == y.name && inner(x.id, y.id))
            }
            (Some(Type::Opaque { name: n, kind: x }), Some(Type::Opaque { name: m, kind: y })) => {
                n == m && x == y
            }
            _ => false,
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
        assert_eq!(types.holds_interface(Id(64)), Ok(false));
        assert_eq!(types.holds_interface(Id(65)), Err(Id(65)));
    }
}

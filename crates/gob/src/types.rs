//! Types as the wire knows them, tables of them, and their definitions.

pub(crate) mod definition;
mod describe;
mod letters;
mod schema;
mod structs;
mod table;
pub(crate) mod type_eq;

use std::sync::Arc;

pub(crate) use self::letters::{letters, tuple_field};
pub use self::schema::Schema;
pub(crate) use self::structs::{Field, StructType};
pub(crate) use self::table::{IdHasher, IdMap, Types};

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
        kind: Marshaler,
    },
}

/// Which of Go's interfaces a Go type implements, which gob tells the receiver. The receiver must have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Marshaler {
    /// `gob.GobEncoder` and `gob.GobDecoder`: `time.Time`, `big.Int`. It goes before the others where a type has both.
    Gob,
    /// `encoding.BinaryMarshaler` and `encoding.BinaryUnmarshaler`: `netip.Addr`, `url.URL`, `uuid.UUID`.
    Binary,
    /// `encoding.TextMarshaler` and `encoding.TextUnmarshaler`.
    ///
    /// The format has a place for it that Go leaves unused: its encoder sends a type that has only these methods, as
    /// `net.IP` does, as what the type is made of, and its decoder takes nothing else. Such a Go type is best met with
    /// that: `Vec<u8>` for `net.IP`, a `String` for a string type.
    Text,
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

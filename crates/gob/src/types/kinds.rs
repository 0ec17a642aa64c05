//! The kinds of types that have definitions.

use std::sync::Arc;

use super::structs::{Field, Id, StructType};

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
    /// A type with an encoding of its own.
    Opaque {
        name: Arc<str>,
        kind: Marshaler,
    },
}

impl Type {
    /// The types that it is made of, in the order of its definition.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Id> {
        let (key, elem, fields): (_, _, &[Field]) = match self {
            Self::Array { elem, .. } | Self::Slice { elem } => (None, Some(*elem), &[]),
            Self::Map { key, elem } => (Some(*key), Some(*elem), &[]),
            Self::Struct(ty) => (None, None, &ty.fields),
            Self::Opaque { .. } => (None, None, &[]),
        };
        let fields = fields.iter().map(|field| field.id);
        key.into_iter().chain(elem).chain(fields)
    }

    /// The same type made of parts that have other ids.
    pub(crate) fn with_parts(&self, mut part: impl FnMut(Id) -> Id) -> Self {
        let mut ty = self.clone();
        match &mut ty {
            Self::Array { elem, .. } | Self::Slice { elem } => *elem = part(*elem),
            Self::Map { key, elem } => {
                *key = part(*key);
                *elem = part(*elem);
            }
            Self::Struct(ty) => {
                for field in &mut ty.fields {
                    field.id = part(field.id);
                }
            }
            Self::Opaque { .. } => {}
        }
        ty
    }
}

/// Which of Go's interfaces a Go type implements. The receiver's type must have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Marshaler {
    /// `gob.GobEncoder` and `gob.GobDecoder`: `time.Time`, `big.Int`. Where a type has several,
    /// this one is used.
    Gob,
    /// `encoding.BinaryMarshaler` and `encoding.BinaryUnmarshaler`: `netip.Addr`, `url.URL`,
    /// `uuid.UUID`.
    Binary,
    /// `encoding.TextMarshaler` and `encoding.TextUnmarshaler`.
    ///
    /// The format has a place for it that Go leaves unused. Its encoder sends a type that has only
    /// these methods, such as `net.IP`, as what the type is made of, and its decoder takes nothing
    /// else. In Rust, use that: `Vec<u8>` for `net.IP`, a `String` for a string type.
    Text,
}

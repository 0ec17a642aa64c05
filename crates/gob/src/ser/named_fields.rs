//! A struct that serde serializes as a map, as it does where a field is flattened.

use serde::ser::{self, Serialize};

use super::compound::{Fields, Items};
use super::{Ser, Slot};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::Id;
use crate::wire::Cursor;

/// What serde's maps are on the wire.
pub(crate) enum Entries<'a, 's> {
    Map(Items<'a, 's>),
    Struct(NamedFields<'a, 's>),
}

pub(crate) struct NamedFields<'a, 's> {
    pub(super) fields: Fields<'a, 's>,
    /// The field whose value comes next.
    pub(super) index: usize,
}

impl NamedFields<'_, '_> {
    /// Finds the field with the name that the key is.
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        // Written as a string and taken back, a key needs no serializer of its own.
        let start = self.fields.st.out.len();
        key.serialize(Ser {
            st: &mut *self.fields.st,
            id: Id::STRING,
            slot: Slot::Elem,
        })?;
        let all = &self.fields.ty.fields;
        let mut cursor = Cursor::new(&self.fields.st.out[start..]);
        let name = cursor.bytes().unwrap_or_default();
        let expected = all.get(self.fields.next);
        let found = match expected.is_some_and(|field| field.name.as_bytes() == name) {
            true => Some(self.fields.next),
            false => all.iter().position(|field| field.name.as_bytes() == name),
        };
        let Some(index) = found else {
            let name = String::from_utf8_lossy(name);
            let what = format!("the type {} has no field `{name}`", self.fields.ty.name);
            return Err(EncodeErrorKind::Custom(what).into());
        };
        self.index = index;
        self.fields.st.out.truncate(start);
        Ok(())
    }
}

impl ser::SerializeMap for Entries<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        match self {
            Self::Map(map) => map.serialize_key(key),
            Self::Struct(fields) => fields.key(key),
        }
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        match self {
            Self::Map(map) => map.serialize_value(value),
            Self::Struct(fields) => fields.fields.push(fields.index, value),
        }
    }

    fn end(self) -> Result<bool, EncodeError> {
        match self {
            Self::Map(mut map) => map.close(),
            Self::Struct(fields) => fields.fields.close(),
        }
    }
}

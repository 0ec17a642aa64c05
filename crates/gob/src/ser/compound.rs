//! Values with parts, where what they are on the wire is known only by their type.

use serde::ser::{self, Impossible, Serialize};

use super::fields::{Fields, FieldsByKey};
use super::items::Items;
use crate::error::EncodeError;

type Result<T> = std::result::Result<T, EncodeError>;

/// What enum variants with data would be.
pub(crate) type Refused = Impossible<bool, EncodeError>;

/// A sequence or a tuple, which can be a struct.
pub(crate) enum SeqOrTuple<'a, 's> {
    Items(Items<'a, 's>),
    Fields(Fields<'a, 's>),
}

macro_rules! parts {
    ($($trait:ident $method:ident;)*) => {$(
        impl ser::$trait for SeqOrTuple<'_, '_> {
            type Ok = bool;
            type Error = EncodeError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                match self {
                    Self::Items(items) => items.element(value),
                    Self::Fields(fields) => fields.element(value),
                }
            }

            fn end(self) -> Result<bool> {
                match self {
                    Self::Items(mut items) => items.close(),
                    Self::Fields(fields) => fields.close(),
                }
            }
        }
    )*};
}

parts! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
}

/// A map, which can be a struct.
pub(crate) enum MapOrStruct<'a, 's> {
    Map(Items<'a, 's>),
    Struct(FieldsByKey<'a, 's>),
}

impl ser::SerializeMap for MapOrStruct<'_, '_> {
    type Ok = bool;
    type Error = EncodeError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        match self {
            Self::Map(map) => map.serialize_key(key),
            Self::Struct(fields) => fields.serialize_key(key),
        }
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self {
            Self::Map(map) => map.serialize_value(value),
            Self::Struct(fields) => fields.serialize_value(value),
        }
    }

    fn end(self) -> Result<bool> {
        match self {
            Self::Map(map) => map.end(),
            Self::Struct(fields) => fields.end(),
        }
    }
}

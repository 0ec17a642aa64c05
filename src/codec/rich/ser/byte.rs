//! What a `u8` is, behind serde.

use std::fmt::Display;

use serde::ser::{Error, Impossible, Serialize, Serializer};

use crate::codec::rich::RichError;

/// Whether `T` is `u8` or a reference to one, as the items of collections are.
pub(super) fn is_byte<T>() -> bool {
    let id = typeid::of::<T>();
    id == typeid::of::<u8>() || id == typeid::of::<&u8>()
}

/// Gives a `u8` back as it is, and refuses every other value.
pub(super) struct Byte;

macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self $(, _: $type)*) -> Result<$ok, RichError> {
            Err(no_byte())
        }
    )*};
}

fn no_byte() -> RichError {
    RichError::custom("not a byte")
}

impl Serializer for Byte {
    type Ok = u8;
    type Error = RichError;
    type SerializeSeq = Impossible<u8, RichError>;
    type SerializeTuple = Impossible<u8, RichError>;
    type SerializeTupleStruct = Impossible<u8, RichError>;
    type SerializeTupleVariant = Impossible<u8, RichError>;
    type SerializeMap = Impossible<u8, RichError>;
    type SerializeStruct = Impossible<u8, RichError>;
    type SerializeStructVariant = Impossible<u8, RichError>;

    fn serialize_u8(self, value: u8) -> Result<u8, RichError> {
        Ok(value)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u8, RichError> {
        Err(no_byte())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<u8, RichError> {
        Err(no_byte())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u8, RichError> {
        Err(no_byte())
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<u8, RichError> {
        Err(no_byte())
    }

    refuse! {
        serialize_bool(bool) -> u8;
        serialize_i8(i8) -> u8;
        serialize_i16(i16) -> u8;
        serialize_i32(i32) -> u8;
        serialize_i64(i64) -> u8;
        serialize_u16(u16) -> u8;
        serialize_u32(u32) -> u8;
        serialize_u64(u64) -> u8;
        serialize_f32(f32) -> u8;
        serialize_f64(f64) -> u8;
        serialize_char(char) -> u8;
        serialize_str(&str) -> u8;
        serialize_bytes(&[u8]) -> u8;
        serialize_none() -> u8;
        serialize_unit() -> u8;
        serialize_unit_struct(&'static str) -> u8;
        serialize_unit_variant(&'static str, u32, &'static str) -> u8;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize)
            -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize)
            -> Self::SerializeStructVariant;
    }
}

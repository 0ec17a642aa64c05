//! Writing times as Go's codecs read them.

use std::fmt::Display;

use serde::ser::{Error, Impossible, Serialize, Serializer};

use crate::codec::TimeFormat;
use crate::gob::Time;

/// Writes the bytes that gob has for a time in another form, and refuses every other value.
pub(super) struct Moment<S>(pub(super) S, pub(super) TimeFormat);

impl<S: Serializer> Moment<S> {
    fn put(self, time: Result<Time, impl Display>) -> Result<S::Ok, S::Error> {
        let time = time.map_err(S::Error::custom)?;
        match self.1 {
            TimeFormat::Timestamp => self.0.serialize_bytes(&time.to_timestamp()),
            TimeFormat::MarshalBinary => {
                let (bytes, len) = time.encode();
                self.0.serialize_bytes(&bytes[..len])
            }
        }
    }
}

macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self $(, _: $type)*) -> Result<$ok, S::Error> {
            Err(S::Error::custom("not a time"))
        }
    )*};
}

impl<S: Serializer> Serializer for Moment<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = Impossible<S::Ok, S::Error>;
    type SerializeStructVariant = Impossible<S::Ok, S::Error>;

    fn serialize_bytes(self, bytes: &[u8]) -> Result<S::Ok, S::Error> {
        self.put(Time::decode(bytes))
    }

    /// What serde has kept of a time, where it writes it later.
    fn serialize_str(self, text: &str) -> Result<S::Ok, S::Error> {
        self.put(text.parse())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<S::Ok, S::Error> {
        self.serialize_none()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        self.serialize_none()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        self.serialize_none()
    }

    refuse! {
        serialize_bool(bool) -> S::Ok;
        serialize_i8(i8) -> S::Ok;
        serialize_i16(i16) -> S::Ok;
        serialize_i32(i32) -> S::Ok;
        serialize_i64(i64) -> S::Ok;
        serialize_u8(u8) -> S::Ok;
        serialize_u16(u16) -> S::Ok;
        serialize_u32(u32) -> S::Ok;
        serialize_u64(u64) -> S::Ok;
        serialize_f32(f32) -> S::Ok;
        serialize_f64(f64) -> S::Ok;
        serialize_char(char) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(&'static str) -> S::Ok;
        serialize_unit_variant(&'static str, u32, &'static str) -> S::Ok;
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

    /// So that a time gives its bytes.
    fn is_human_readable(&self) -> bool {
        false
    }
}

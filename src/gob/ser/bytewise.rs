//! Sequences of bytes that serde hands over one by one.
//!
//! A `Vec<u8>` is to serde what any other `Vec` is. Here its elements are gathered in a loop without branches on what
//! they are, which compilers turn into copying blocks.

use std::fmt;

use bytes::BytesMut;
use serde::ser::{self, Impossible, Serialize, Serializer};

/// Not a `u8`. Whoever gets this asks again with the serializer that has more to say.
#[derive(Debug)]
struct NotByte;

impl fmt::Display for NotByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a byte")
    }
}

impl std::error::Error for NotByte {}

impl ser::Error for NotByte {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Appends the bytes that the items are, `room` at most. Returns how many there were, and an item that is no byte,
/// where there was one.
///
/// They are written where they belong, in room that is cleared before: that is less than to copy them once more.
#[inline]
pub(super) fn append<I: Iterator<Item: Serialize>>(
    items: &mut I,
    out: &mut BytesMut,
    room: usize,
) -> (usize, Option<I::Item>) {
    let start = out.len();
    out.resize(start + room, 0);
    let (mut taken, mut odd) = (0, None);
    for (slot, item) in out[start..].iter_mut().zip(items) {
        match item.serialize(ByteSer) {
            Ok(byte) => *slot = byte,
            Err(NotByte) => {
                odd = Some(item);
                break;
            }
        }
        taken += 1;
    }
    out.truncate(start + taken);
    (taken, odd)
}

/// Takes a `u8` and nothing else.
struct ByteSer;

macro_rules! refuse {
    ($($method:ident($($ty:ty),*);)*) => {$(
        #[inline]
        fn $method(self, $(_: $ty),*) -> Result<u8, NotByte> {
            Err(NotByte)
        }
    )*};
}

macro_rules! refuse_parts {
    ($($method:ident($($ty:ty),*) -> $compound:ident;)*) => {$(
        #[inline]
        fn $method(self, $(_: $ty),*) -> Result<Self::$compound, NotByte> {
            Err(NotByte)
        }
    )*};
}

impl Serializer for ByteSer {
    type Ok = u8;
    type Error = NotByte;
    type SerializeSeq = Impossible<u8, NotByte>;
    type SerializeTuple = Impossible<u8, NotByte>;
    type SerializeTupleStruct = Impossible<u8, NotByte>;
    type SerializeTupleVariant = Impossible<u8, NotByte>;
    type SerializeMap = Impossible<u8, NotByte>;
    type SerializeStruct = Impossible<u8, NotByte>;
    type SerializeStructVariant = Impossible<u8, NotByte>;

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<u8, NotByte> {
        Ok(value)
    }

    refuse! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    refuse_parts! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<u8, NotByte> {
        Err(NotByte)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<u8, NotByte> {
        // Some names mean something to the serializer that knows them.
        Err(NotByte)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u8, NotByte> {
        Err(NotByte)
    }
}

//! Numbers and strings in lists and maps, which serde hands over one by one.
//!
//! The list's type says what each of them will be, so they are asked for by a serializer that takes a number or a string and
//! nothing else, and has no more to decide. Numbers are written block by block; for a `Vec<u8>`, which is to serde what any
//! other `Vec` is, compilers turn that into copying.

use std::fmt;

use bytes::BytesMut;
use serde::ser::{self, Impossible, Serialize, Serializer};

use super::plain::{self, Number};
use super::{BYTE, put_display};
use crate::passthrough;
use crate::types::Id;
use crate::wire::{MAX_UINT, float_bits, put_bytes, put_uint, uint_bytes};

/// Not what was wanted. Whoever gets this asks again with the serializer that has more to say.
#[derive(Debug)]
pub(super) struct NotBare;

impl fmt::Display for NotBare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither a number nor a string")
    }
}

impl std::error::Error for NotBare {}

impl ser::Error for NotBare {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Appends a value as an element of a basic type, when it is one. Otherwise nothing is appended.
#[inline]
pub(super) fn put<T: Serialize + ?Sized>(out: &mut BytesMut, id: Id, value: &T) -> bool {
    match id {
        Id::STRING => {
            let start = out.len();
            let put = value.serialize(Bare(Some(out))).is_ok_and(|put| put.is(id));
            if !put {
                out.truncate(start);
            }
            put
        }
        Id::BOOL | Id::INT | Id::UINT | Id::FLOAT => match value.serialize(Bare(None)) {
            Ok(number) if number.is(id) => {
                put_uint(out, number.bits);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// Appends the bytes that the items are, `room` at most. Returns how many there were, and an item that is no byte,
/// where there was one.
///
/// They are written where they belong, in room that is cleared before: that is less than to copy them once more.
#[inline]
pub(super) fn put_block_of_bytes<I: Iterator<Item: Serialize>>(
    items: &mut I,
    out: &mut BytesMut,
    room: usize,
) -> (usize, Option<I::Item>) {
    let start = out.len();
    out.resize(start + room, 0);
    let (mut taken, mut odd) = (0, None);
    for (slot, item) in out[start..].iter_mut().zip(items) {
        match item.serialize(Bare(None)) {
            Ok(Number { id: BYTE, bits }) => *slot = bits as u8,
            _ => {
                odd = Some(item);
                break;
            }
        }
        taken += 1;
    }
    out.truncate(start + taken);
    (taken, odd)
}

/// The same for numbers of another type.
#[inline]
pub(super) fn put_block_of_numbers<I: Iterator<Item: Serialize>>(
    items: &mut I,
    out: &mut BytesMut,
    room: usize,
    id: Id,
) -> (usize, Option<I::Item>) {
    let start = out.len();
    out.resize(start + room * MAX_UINT, 0);
    let (mut taken, mut odd) = (0, None);
    let (place, mut at) = (&mut out[start..], 0);
    for item in items.take(room) {
        let slot = place.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        match (item.serialize(Bare(None)), slot) {
            (Ok(number), Some(slot)) if number.is(id) => {
                let len;
                (*slot, len) = uint_bytes(number.bits);
                at += len;
            }
            _ => {
                odd = Some(item);
                break;
            }
        }
        taken += 1;
    }
    out.truncate(start + at);
    (taken, odd)
}

/// Takes a number, or a string, which it appends to the buffer if there is one.
pub(super) struct Bare<'o>(Option<&'o mut BytesMut>);

/// What stands for a string.
const STRING: Number = Number {
    id: Id::STRING,
    bits: 0,
};

macro_rules! take {
    ($($method:ident($ty:ty);)*) => {$(
        #[inline]
        fn $method(self, value: $ty) -> Result<Number, NotBare> {
            plain::number(&value).ok_or(NotBare)
        }
    )*};
}

macro_rules! refuse {
    ($($method:ident($($ty:ty),*);)*) => {$(
        #[inline]
        fn $method(self, $(_: $ty),*) -> Result<Number, NotBare> {
            Err(NotBare)
        }
    )*};
}

macro_rules! refuse_parts {
    ($($method:ident($($ty:ty),*) -> $compound:ident;)*) => {$(
        #[inline]
        fn $method(self, $(_: $ty),*) -> Result<Self::$compound, NotBare> {
            Err(NotBare)
        }
    )*};
}

impl Serializer for Bare<'_> {
    type Ok = Number;
    type Error = NotBare;
    type SerializeSeq = Impossible<Number, NotBare>;
    type SerializeTuple = Impossible<Number, NotBare>;
    type SerializeTupleStruct = Impossible<Number, NotBare>;
    type SerializeTupleVariant = Impossible<Number, NotBare>;
    type SerializeMap = Impossible<Number, NotBare>;
    type SerializeStruct = Impossible<Number, NotBare>;
    type SerializeStructVariant = Impossible<Number, NotBare>;

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<Number, NotBare> {
        Ok(Number {
            id: BYTE,
            bits: value.into(),
        })
    }

    take! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_char(char);
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<Number, NotBare> {
        self.serialize_f64(value.into())
    }

    /// Unlike in a field, where it is left out, a zero keeps its sign.
    #[inline]
    fn serialize_f64(self, value: f64) -> Result<Number, NotBare> {
        Ok(Number {
            id: Id::FLOAT,
            bits: float_bits(value),
        })
    }

    refuse! {
        serialize_i128(i128);
        serialize_u128(u128);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<Number, NotBare> {
        put_bytes(self.0.ok_or(NotBare)?, text.as_bytes());
        Ok(STRING)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Number, NotBare> {
        self.serialize_str(variant)
    }

    #[inline]
    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<Number, NotBare> {
        put_display(self.0.ok_or(NotBare)?, value).map_err(|_| NotBare)?;
        Ok(STRING)
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
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Number, NotBare> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Number, NotBare> {
        // Names like this mean something to the serializer that knows them.
        match passthrough::is_marker(name) {
            true => Err(NotBare),
            false => value.serialize(self),
        }
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Number, NotBare> {
        Err(NotBare)
    }
}

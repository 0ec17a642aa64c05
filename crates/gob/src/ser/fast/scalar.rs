//! Numbers and strings as the elements of lists and maps.

use std::fmt;

use bytes::BytesMut;
use serde::ser::{self, Impossible, Serialize, Serializer};

use super::plain::{self, Number};
use crate::passthrough;
use crate::ser::output::BYTE;
use crate::ser::value::put_display;
use crate::types::Id;
use crate::wire::{MAX_UINT, float_bits, put_bytes, put_uint, uint_bytes};

/// Not a scalar: the full serializer is asked instead.
#[derive(Debug)]
pub(in crate::ser) struct NotScalar;

impl fmt::Display for NotScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither a number nor a string")
    }
}

impl std::error::Error for NotScalar {}

impl ser::Error for NotScalar {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Appends a value as an element of a basic type, when it is one. Otherwise nothing is appended.
#[inline]
pub(in crate::ser) fn put<T: Serialize + ?Sized>(buf: &mut BytesMut, id: Id, value: &T) -> bool {
    match id {
        Id::STRING => {
            let start = buf.len();
            let put = value
                .serialize(Scalar(Some(buf)))
                .is_ok_and(|put| put.is(id));
            if !put {
                buf.truncate(start);
            }
            put
        }
        Id::BOOL | Id::INT | Id::UINT | Id::FLOAT => match value.serialize(Scalar(None)) {
            Ok(number) if number.is(id) => {
                put_uint(buf, number.bits);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// Appends the bytes that the items are, `room` at most. Returns how many there were, and the item
/// that ended them because it is no byte.
///
/// They are written where they belong, into room that was cleared: copying them once more costs
/// more than that.
#[inline]
pub(in crate::ser) fn put_block_of_bytes<I: Iterator<Item: Serialize>>(
    items: &mut I,
    buf: &mut BytesMut,
    room: usize,
) -> (usize, Option<I::Item>) {
    let start = buf.len();
    buf.resize(start + room, 0);
    let (mut taken, mut odd) = (0, None);
    for (slot, item) in buf[start..].iter_mut().zip(items) {
        match item.serialize(Scalar(None)) {
            Ok(Number { id: BYTE, bits }) => *slot = bits as u8,
            _ => {
                odd = Some(item);
                break;
            }
        }
        taken += 1;
    }
    buf.truncate(start + taken);
    (taken, odd)
}

/// The same for numbers of another type.
#[inline]
pub(in crate::ser) fn put_block_of_numbers<I: Iterator<Item: Serialize>>(
    items: &mut I,
    buf: &mut BytesMut,
    room: usize,
    id: Id,
) -> (usize, Option<I::Item>) {
    let start = buf.len();
    buf.resize(start + room * MAX_UINT, 0);
    let (mut taken, mut odd) = (0, None);
    let (place, mut at) = (&mut buf[start..], 0);
    for item in items.take(room) {
        let slot = place.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
        match (item.serialize(Scalar(None)), slot) {
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
    buf.truncate(start + at);
    (taken, odd)
}

/// Takes a number, or a string, which it appends to the buffer if there is one.
pub(in crate::ser) struct Scalar<'o>(Option<&'o mut BytesMut>);

/// What stands for a string.
const STRING: Number = Number {
    id: Id::STRING,
    bits: 0,
};

macro_rules! take {
    ($($method:ident($ty:ty);)*) => {$(
        #[inline]
        fn $method(self, value: $ty) -> Result<Number, NotScalar> {
            plain::number(&value).ok_or(NotScalar)
        }
    )*};
}

macro_rules! refuse {
    ($($method:ident($($ty:ty),*);)*) => {$(
        #[inline]
        fn $method(self, $(_: $ty),*) -> Result<Number, NotScalar> {
            Err(NotScalar)
        }
    )*};
}

macro_rules! refuse_parts {
    ($($method:ident($($ty:ty),*) -> $compound:ident;)*) => {$(
        #[inline]
        fn $method(self, $(_: $ty),*) -> Result<Self::$compound, NotScalar> {
            Err(NotScalar)
        }
    )*};
}

impl Serializer for Scalar<'_> {
    type Ok = Number;
    type Error = NotScalar;
    type SerializeSeq = Impossible<Number, NotScalar>;
    type SerializeTuple = Impossible<Number, NotScalar>;
    type SerializeTupleStruct = Impossible<Number, NotScalar>;
    type SerializeTupleVariant = Impossible<Number, NotScalar>;
    type SerializeMap = Impossible<Number, NotScalar>;
    type SerializeStruct = Impossible<Number, NotScalar>;
    type SerializeStructVariant = Impossible<Number, NotScalar>;

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<Number, NotScalar> {
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
    fn serialize_f32(self, value: f32) -> Result<Number, NotScalar> {
        self.serialize_f64(value.into())
    }

    /// Unlike in a field, where it is left out, a zero keeps its sign.
    #[inline]
    fn serialize_f64(self, value: f64) -> Result<Number, NotScalar> {
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
    fn serialize_str(self, text: &str) -> Result<Number, NotScalar> {
        put_bytes(self.0.ok_or(NotScalar)?, text.as_bytes());
        Ok(STRING)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Number, NotScalar> {
        self.serialize_str(variant)
    }

    #[inline]
    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<Number, NotScalar> {
        put_display(self.0.ok_or(NotScalar)?, value).map_err(|_| NotScalar)?;
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
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Number, NotScalar> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Number, NotScalar> {
        // A marker means something to the full serializer.
        match passthrough::is_marker(name) {
            true => Err(NotScalar),
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
    ) -> Result<Number, NotScalar> {
        Err(NotScalar)
    }
}

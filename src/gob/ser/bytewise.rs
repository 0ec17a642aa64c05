//! Sequences of bytes that serde hands over one by one.
//!
//! A `Vec<u8>` is to serde what any other `Vec` is. Here its elements are gathered in a loop without branches on what
//! they are, which compilers turn into copying blocks.

use std::fmt;

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

/// Calls back with blocks of the bytes that the items are, and with items that are no bytes.
///
/// `N` bytes are gathered before they are written.
#[inline]
pub(super) fn gather<const N: usize, S, I: Iterator<Item: Serialize>, E>(
    mut items: I,
    state: &mut S,
    put: impl Fn(&mut S, &[u8]),
    odd: impl Fn(&mut S, I::Item) -> Result<(), E>,
) -> Result<(), E> {
    let mut block = [0; N];
    loop {
        let (mut taken, mut last) = (0, None);
        for (slot, item) in block.iter_mut().zip(&mut items) {
            match item.serialize(ByteSer) {
                Ok(byte) => *slot = byte,
                Err(NotByte) => {
                    last = Some(item);
                    break;
                }
            }
            taken += 1;
        }
        put(state, &block[..taken]);
        match last {
            Some(item) => odd(state, item)?,
            None if taken < N => return Ok(()),
            None => {}
        }
    }
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

//! Writing values.

use bytes::{BufMut, BytesMut};
use serde::ser::{self, Error as _, Serialize};

use self::byte::Byte;
use super::{RichError, extension};
use crate::gob::__private as gob;

mod byte;

/// Writes one value.
pub(super) struct Serializer<'a> {
    out: &'a mut BytesMut,
    /// How many `Some` were begun around it. They take bytes only if the value is nil.
    somes: u32,
}

impl<'a> Serializer<'a> {
    pub(super) fn new(out: &'a mut BytesMut) -> Self {
        Serializer { out, somes: 0 }
    }

    fn nil(self) {
        match (self.somes, u8::try_from(self.somes)) {
            (0, _) => self.out.put_u8(0xc0),
            (_, Ok(somes)) => self.out.put_slice(&[0xd4, extension::SOMES, somes]),
            (somes, Err(_)) => {
                self.out.put_slice(&[0xd6, extension::SOMES]);
                self.out.put_u32(somes);
            }
        }
    }

    fn uint(self, value: u64) {
        let out = self.out;
        if value < 0x80 {
            out.put_u8(value as u8);
        } else if let Ok(value) = u8::try_from(value) {
            out.put_slice(&[0xcc, value]);
        } else if let Ok(value) = u16::try_from(value) {
            out.put_u8(0xcd);
            out.put_u16(value);
        } else if let Ok(value) = u32::try_from(value) {
            out.put_u8(0xce);
            out.put_u32(value);
        } else {
            out.put_u8(0xcf);
            out.put_u64(value);
        }
    }

    fn int(self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            return self.uint(value);
        }
        let out = self.out;
        if value >= -32 {
            out.put_i8(value as i8);
        } else if let Ok(value) = i8::try_from(value) {
            out.put_u8(0xd0);
            out.put_i8(value);
        } else if let Ok(value) = i16::try_from(value) {
            out.put_u8(0xd1);
            out.put_i16(value);
        } else if let Ok(value) = i32::try_from(value) {
            out.put_u8(0xd2);
            out.put_i32(value);
        } else {
            out.put_u8(0xd3);
            out.put_i64(value);
        }
    }

    fn wide(self, kind: u8, bytes: [u8; 16]) {
        self.out.put_slice(&[0xd8, kind]);
        self.out.put_slice(&bytes);
    }

    /// A length of 8, 16 or 32 bits behind its marker.
    fn length(&mut self, markers: [u8; 3], length: usize) -> Result<(), RichError> {
        if let Ok(length) = u8::try_from(length) {
            self.out.put_slice(&[markers[0], length]);
            return Ok(());
        }
        self.long_length([markers[1], markers[2]], length)
    }

    fn long_length(&mut self, markers: [u8; 2], length: usize) -> Result<(), RichError> {
        if let Ok(length) = u16::try_from(length) {
            self.out.put_u8(markers[0]);
            self.out.put_u16(length);
        } else {
            let bits = u32::try_from(length).map_err(|_| RichError::TooLong(length))?;
            self.out.put_u8(markers[1]);
            self.out.put_u32(bits);
        }
        Ok(())
    }

    /// A list's head.
    fn list(mut self, length: usize) -> Result<Parts<'a>, RichError> {
        match length {
            0..16 => self.out.put_u8(0x90 | length as u8),
            _ => self.long_length([0xdc, 0xdd], length)?,
        }
        Ok(Parts::announced(self.out, length))
    }

    /// A map's head.
    fn map(mut self, length: usize) -> Result<Parts<'a>, RichError> {
        match length {
            0..16 => self.out.put_u8(0x80 | length as u8),
            _ => self.long_length([0xde, 0xdf], length)?,
        }
        Ok(Parts::announced(self.out, length))
    }

    /// A head whose length is not known yet.
    fn open(self, marker: u8) -> Parts<'a> {
        self.out.put_u8(marker);
        let at = self.out.len();
        self.out.put_u32(0);
        Parts {
            out: self.out,
            length: Length::Open(at),
            given: 0,
        }
    }

    /// The head of a variant with data: a map of one entry, without its value.
    fn variant(self, name: &str) -> Result<Serializer<'a>, RichError> {
        self.out.put_u8(0x81);
        text(self.out, name)?;
        Ok(Serializer::new(self.out))
    }
}

fn text(out: &mut BytesMut, text: &str) -> Result<(), RichError> {
    match text.len() {
        length @ 0..32 => out.put_u8(0xa0 | length as u8),
        length => Serializer::new(out).length([0xd9, 0xda, 0xdb], length)?,
    }
    out.put_slice(text.as_bytes());
    Ok(())
}

/// Writes the parts of a list or map.
pub(super) struct Parts<'a> {
    out: &'a mut BytesMut,
    length: Length,
    given: usize,
}

enum Length {
    /// What was written in the head.
    Announced(usize),
    /// Where the head has room for it.
    Open(usize),
}

impl<'a> Parts<'a> {
    fn announced(out: &'a mut BytesMut, length: usize) -> Self {
        Parts {
            out,
            length: Length::Announced(length),
            given: 0,
        }
    }

    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RichError> {
        value.serialize(Serializer::new(self.out))
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RichError> {
        self.given += 1;
        self.put(value)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), RichError> {
        text(self.out, key)?;
        self.item(value)
    }

    /// A wrong length would make the peer misread all that follows.
    fn finish(self) -> Result<(), RichError> {
        let given = self.given;
        match self.length {
            Length::Announced(announced) if announced != given => {
                Err(RichError::Count { announced, given })
            }
            Length::Announced(_) => Ok(()),
            Length::Open(at) => {
                let bits = u32::try_from(given).map_err(|_| RichError::TooLong(given))?;
                self.out[at..at + 4].copy_from_slice(&bits.to_be_bytes());
                Ok(())
            }
        }
    }
}

macro_rules! numbers {
    ($($method:ident($type:ty) $as:ident;)*) => {$(
        fn $method(self, value: $type) -> Result<(), RichError> {
            self.$as(value.into());
            Ok(())
        }
    )*};
}

impl<'a> ser::Serializer for Serializer<'a> {
    type Ok = ();
    type Error = RichError;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    numbers! {
        serialize_i8(i8) int;
        serialize_i16(i16) int;
        serialize_i32(i32) int;
        serialize_i64(i64) int;
        serialize_u8(u8) uint;
        serialize_u16(u16) uint;
        serialize_u32(u32) uint;
        serialize_u64(u64) uint;
    }

    fn serialize_bool(self, value: bool) -> Result<(), RichError> {
        self.out.put_u8(if value { 0xc3 } else { 0xc2 });
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), RichError> {
        match (i64::try_from(value), u128::try_from(value)) {
            (Ok(value), _) => self.int(value),
            (_, Ok(value)) => return self.serialize_u128(value),
            _ => self.wide(extension::NEGATIVE, value.to_be_bytes()),
        }
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), RichError> {
        match u64::try_from(value) {
            Ok(value) => self.uint(value),
            Err(_) => self.wide(extension::LARGE, value.to_be_bytes()),
        }
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), RichError> {
        self.out.put_u8(0xca);
        self.out.put_u32(value.to_bits());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), RichError> {
        self.out.put_u8(0xcb);
        self.out.put_u64(value.to_bits());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), RichError> {
        text(self.out, value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), RichError> {
        text(self.out, value)
    }

    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), RichError> {
        self.length([0xc4, 0xc5, 0xc6], value.len())?;
        self.out.put_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), RichError> {
        self.nil();
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), RichError> {
        value.serialize(Serializer {
            somes: self.somes.saturating_add(1),
            ..self
        })
    }

    fn serialize_unit(self) -> Result<(), RichError> {
        self.nil();
        Ok(())
    }

    /// As `()`: serde reads no unit struct from a copy of an empty list, which rmp-serde writes.
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), RichError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), RichError> {
        text(self.out, variant)
    }

    /// As what is in it, and so are the `Some` around it.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), RichError> {
        // A value of gob's keeps its type.
        gob::ask_for_all(name);
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), RichError> {
        value.serialize(self.variant(variant)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Parts<'a>, RichError> {
        match len {
            Some(len) => self.list(len),
            None => Ok(self.open(0xdd)),
        }
    }

    fn serialize_tuple(self, len: usize) -> Result<Parts<'a>, RichError> {
        self.list(len)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Parts<'a>, RichError> {
        self.list(len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Parts<'a>, RichError> {
        self.variant(variant)?.list(len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Parts<'a>, RichError> {
        match len {
            Some(len) => self.map(len),
            None => Ok(self.open(0xdf)),
        }
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Parts<'a>, RichError> {
        self.map(len)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Parts<'a>, RichError> {
        self.variant(variant)?.map(len)
    }

    /// A list of `u8`, as `Vec` and all other collections write it, in one piece.
    fn collect_seq<I>(mut self, items: I) -> Result<(), RichError>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let items = items.into_iter();
        if byte::is_byte::<I::Item>() {
            let bytes: Result<Vec<u8>, _> = items.map(|item| item.serialize(Byte)).collect();
            let bytes = bytes.map_err(RichError::custom)?;
            self.length([0xc7, 0xc8, 0xc9], bytes.len())?;
            self.out.put_u8(extension::BYTE_LIST);
            self.out.put_slice(&bytes);
            return Ok(());
        }
        let len = match items.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        let mut list = self.serialize_seq(len)?;
        for item in items {
            list.item(&item)?;
        }
        list.finish()
    }

    /// Types inside copies that serde makes are read as readable: see the module's documentation.
    fn is_human_readable(&self) -> bool {
        true
    }
}

macro_rules! lists {
    ($($trait:ident: $method:ident;)*) => {$(
        impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = RichError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RichError> {
                self.item(value)
            }

            fn end(self) -> Result<(), RichError> {
                self.finish()
            }
        }
    )*};
}

lists! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! structs {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = RichError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), RichError> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), RichError> {
                self.finish()
            }
        }
    )*};
}

structs! {
    SerializeStruct
    SerializeStructVariant
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = RichError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), RichError> {
        self.put(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RichError> {
        self.item(value)
    }

    fn end(self) -> Result<(), RichError> {
        self.finish()
    }
}

//! What each kind of Rust value is on the wire, led by the description of its type.

use std::fmt::Display;

use serde::ser::{self, Serialize, SerializeMap, Serializer};

use super::compound::{MapOrStruct, Refused, SeqOrTuple};
use super::fields::{Fields, FieldsByKey};
use super::items::Items;
use super::output::{BYTE, Slot};
use super::value::{Ser, out_of_range};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::passthrough;
use crate::types::{Id, Type};
use crate::wire::put_byte;

type Result<T> = std::result::Result<T, EncodeError>;

/// How many items there are, where that is known.
fn exactly(hint: (usize, Option<usize>)) -> Option<usize> {
    hint.1.filter(|high| *high == hint.0)
}

impl<'a, 's> Serializer for Ser<'a, 's> {
    type Ok = bool;
    type Error = EncodeError;
    type SerializeSeq = SeqOrTuple<'a, 's>;
    type SerializeTuple = SeqOrTuple<'a, 's>;
    type SerializeTupleStruct = SeqOrTuple<'a, 's>;
    type SerializeTupleVariant = Refused;
    type SerializeMap = MapOrStruct<'a, 's>;
    type SerializeStruct = Fields<'a, 's>;
    type SerializeStructVariant = Refused;

    fn serialize_bool(self, value: bool) -> Result<bool> {
        self.number(u64::from(value), Id::BOOL, "bool")
    }

    fn serialize_i8(self, value: i8) -> Result<bool> {
        self.int(value.into(), "int8")
    }

    fn serialize_i16(self, value: i16) -> Result<bool> {
        self.int(value.into(), "int16")
    }

    fn serialize_i32(self, value: i32) -> Result<bool> {
        self.int(value.into(), "int32")
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<bool> {
        self.int(value, "int64")
    }

    fn serialize_i128(self, value: i128) -> Result<bool> {
        match i64::try_from(value) {
            Ok(value) => self.int(value, "int64"),
            Err(_) => Err(out_of_range(value, "int64")),
        }
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<bool> {
        if self.id == BYTE {
            put_byte(self.output.buf, value);
            return Ok(true);
        }
        self.uint(value.into(), "uint8")
    }

    fn serialize_u16(self, value: u16) -> Result<bool> {
        self.uint(value.into(), "uint16")
    }

    fn serialize_u32(self, value: u32) -> Result<bool> {
        self.uint(value.into(), "uint32")
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<bool> {
        self.uint(value, "uint64")
    }

    fn serialize_u128(self, value: u128) -> Result<bool> {
        match u64::try_from(value) {
            Ok(value) => self.uint(value, "uint64"),
            Err(_) => Err(out_of_range(value, "uint64")),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<bool> {
        self.float(value.into(), "float32")
    }

    fn serialize_f64(self, value: f64) -> Result<bool> {
        self.float(value, "float64")
    }

    fn serialize_char(self, value: char) -> Result<bool> {
        self.int(i64::from(u32::from(value)), "int32")
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<bool> {
        self.text(value.as_bytes(), Id::STRING, "string")
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<bool> {
        self.display(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<bool> {
        match self.output.types.get(self.id) {
            Some(Type::Slice { .. } | Type::Array { .. }) => {
                let mut seq = self.serialize_seq(Some(value.len()))?;
                for byte in value {
                    ser::SerializeSeq::serialize_element(&mut seq, byte)?;
                }
                ser::SerializeSeq::end(seq)
            }
            _ => self.text(value, Id::BYTES, "[]uint8"),
        }
    }

    fn serialize_none(self) -> Result<bool> {
        match (self.slot, self.id) {
            (Slot::Field(_), _) => Ok(false),
            (_, Id::INTERFACE) => Ok(self.nil()),
            _ => Err(EncodeErrorKind::Nil.into()),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<bool> {
        match self.id {
            Id::INTERFACE => Ok(self.nil()),
            _ => self.serialize_unit_struct("unit"),
        }
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<bool> {
        if name == passthrough::ANY {
            return self.passed();
        }
        ser::SerializeStruct::end(self.serialize_struct(name, 0)?)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<bool> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<bool> {
        // Other types are left out by their value; what a type's own encoding says is opaque here.
        if name == passthrough::ZERO && matches!(self.slot, Slot::Field(_)) {
            return Ok(false);
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<bool> {
        Err(EncodeErrorKind::VariantWithData { name, variant }.into())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<SeqOrTuple<'a, 's>> {
        let mut items = Items::new(self.output);
        items.open_list(self.id, self.slot, len)?;
        Ok(SeqOrTuple::Items(items))
    }

    /// As serde has it, except that bytes are gathered in blocks.
    #[inline]
    fn collect_seq<I>(self, items: I) -> Result<bool>
    where
        I: IntoIterator<Item: Serialize>,
    {
        let items = items.into_iter();
        let mut list = Items::new(self.output);
        list.open_list(self.id, self.slot, exactly(items.size_hint()))?;
        list.elements(items)?;
        list.close()
    }

    fn serialize_tuple(self, len: usize) -> Result<SeqOrTuple<'a, 's>> {
        match self.output.types.get(self.id) {
            Some(Type::Struct(_)) => Ok(SeqOrTuple::Fields(self.serialize_struct("a tuple", len)?)),
            _ => self.serialize_seq(Some(len)),
        }
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<SeqOrTuple<'a, 's>> {
        match self.output.types.get(self.id) {
            Some(Type::Struct(_)) => Ok(SeqOrTuple::Fields(self.serialize_struct(name, len)?)),
            _ => self.serialize_seq(Some(len)),
        }
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Refused> {
        Err(EncodeErrorKind::VariantWithData { name, variant }.into())
    }

    fn serialize_map(mut self, len: Option<usize>) -> Result<MapOrStruct<'a, 's>> {
        // A struct with a flattened field, whose type was given and not learned.
        if let Some(Type::Struct(ty)) = self.output.types.get(self.id) {
            self.begin(false);
            let fields = Fields::new(self.output, ty);
            return Ok(MapOrStruct::Struct(FieldsByKey::new(fields)));
        }
        let mut items = Items::new(self.output);
        items.open_map(self.id, self.slot, len)?;
        Ok(MapOrStruct::Map(items))
    }

    /// As serde has it, except that entries go where they belong at once.
    #[inline]
    fn collect_map<K, V, I>(self, entries: I) -> Result<bool>
    where
        K: Serialize,
        V: Serialize,
        I: IntoIterator<Item = (K, V)>,
    {
        let entries = entries.into_iter();
        let len = exactly(entries.size_hint());
        if self.output.types.is_struct(self.id) {
            let mut map = self.serialize_map(len)?;
            for (key, value) in entries {
                map.serialize_entry(&key, &value)?;
            }
            return map.end();
        }
        let mut map = Items::new(self.output);
        map.open_map(self.id, self.slot, len)?;
        for (key, value) in entries {
            map.serialize_entry(&key, &value)?;
        }
        map.close()
    }

    #[inline]
    fn serialize_struct(mut self, name: &'static str, _: usize) -> Result<Fields<'a, 's>> {
        let Some(Type::Struct(ty)) = self.output.types.get(self.id) else {
            return Err(self.no_struct(name));
        };
        self.begin(false);
        Ok(Fields::new(self.output, ty))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Refused> {
        Err(EncodeErrorKind::VariantWithData { name, variant }.into())
    }
}

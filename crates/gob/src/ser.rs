//! The serde serializer: a value, led by the description of its type.

mod bare;
mod basic;
mod compound;
mod dynamic;
mod named_fields;
mod plain;

use std::fmt::{self, Display, Write};
use std::sync::Arc;

use bytes::BytesMut;
use serde::ser::{self, Serialize, SerializeMap, Serializer};

use self::bare::Bare;
use self::compound::{Compound, Fields, Items, Piece, Refused};
use self::named_fields::{Entries, NamedFields};
use crate::dynamic::{
    Any,
    write::{basic_id, put_basic},
};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::passthrough::{self, Passed};
use crate::raw::{Interner, transcode};
use crate::types::{Id, Type, Types};
use crate::wire::{close_length, put_byte, put_bytes, put_int, put_uint, zigzag};

/// What every part of one value shares.
pub(crate) struct State<'s> {
    pub(crate) out: &'s mut BytesMut,
    pub(crate) types: &'s Types,
    pub(crate) interner: &'s mut Interner,
    /// Put fields in order that come out of order.
    pub(crate) reorder: bool,
    /// The fields so far of the structs that are being put in order, the outermost struct's first.
    pub(crate) pieces: Vec<Piece>,
}

/// Writes a value that stands alone.
pub(crate) fn serialize<T: Serialize + ?Sized>(
    state: &mut State<'_>,
    id: Id,
    value: &T,
) -> Result<(), EncodeError> {
    let slot = if state.types.is_struct(id) {
        Slot::Elem
    } else {
        Slot::Alone
    };
    value
        .serialize(Ser {
            st: state,
            id,
            slot,
        })
        .map(drop)
}

/// Where a value goes, which decides about zeros.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Slot {
    /// A field, this far from the last one written. Zeros are left out.
    Field(u32),
    /// An element, whatever its value.
    Elem,
    /// A value that is not in a struct: a zero byte takes the place of the field number.
    Alone,
}

/// A one-byte element of a byte string. No type of the format.
pub(super) const BYTE: Id = Id(u32::MAX);

/// Serializes one value. `Ok` says whether anything was written.
pub(super) struct Ser<'a, 's> {
    pub(super) st: &'a mut State<'s>,
    pub(super) id: Id,
    pub(super) slot: Slot,
}

impl<'a, 's> Ser<'a, 's> {
    /// Writes what goes before a value; false when the value is to be left out.
    fn begin(&mut self, zero: bool) -> bool {
        match self.slot {
            Slot::Field(_) if zero => return false,
            Slot::Field(delta) => put_uint(self.st.out, u64::from(delta)),
            Slot::Elem => {}
            Slot::Alone => put_byte(self.st.out, 0),
        }
        true
    }

    #[cold]
    fn mismatch(&self, found: &'static str) -> EncodeError {
        let expected = match self.id {
            BYTE => "uint8".to_owned(),
            id => self.st.types.describe(id),
        };
        EncodeErrorKind::Mismatch { expected, found }.into()
    }

    #[cold]
    fn no_struct(&self, name: &'static str) -> EncodeError {
        match self.id {
            Id::INTERFACE => EncodeErrorKind::Unnamed(name).into(),
            _ => self.mismatch(name),
        }
    }

    #[inline]
    fn int(self, value: i64, name: &'static str) -> Result<bool, EncodeError> {
        match self.id {
            // Deserialize asked for the other sign: the type is what it said, as long as the value fits.
            Id::UINT => match u64::try_from(value) {
                Ok(value) => self.uint(value, name),
                Err(_) => Err(out_of_range(value, "uint")),
            },
            _ => self.scalar(zigzag(value), Id::INT, name),
        }
    }

    #[inline]
    fn uint(self, value: u64, name: &'static str) -> Result<bool, EncodeError> {
        match self.id {
            Id::INT => match i64::try_from(value) {
                Ok(value) => self.int(value, name),
                Err(_) => Err(out_of_range(value, "int")),
            },
            _ => self.scalar(value, Id::UINT, name),
        }
    }

    /// Starts a value of a type that is not known from the description, in the place of an interface value.
    ///
    /// Returns where the value's length goes.
    fn open_interface(&mut self, name: &str, types: &Arc<Types>) -> Result<usize, EncodeError> {
        self.begin(false);
        let id = self.st.interner.define(types, Id::FIRST_USER)?;
        put_bytes(self.st.out, name.as_bytes());
        put_int(self.st.out, i64::from(id.0));
        let at = self.st.out.len();
        self.st.out.extend_from_slice(&[0, 0]);
        Ok(at)
    }

    fn nil(mut self) -> bool {
        let written = self.begin(true);
        if written {
            put_byte(self.st.out, 0);
        }
        written
    }

    fn any(mut self, value: &Any) -> Result<bool, EncodeError> {
        match value {
            Any::Nil => Ok(self.nil()),
            Any::Named(named) => {
                self.begin(false);
                transcode::put_interface(self.st.out, self.st.interner, &named.name, &named.value)?;
                Ok(true)
            }
            _ => {
                self.begin(false);
                put_bytes(self.st.out, value.name().as_bytes());
                put_int(self.st.out, i64::from(basic_id(value).0));
                let at = self.st.out.len();
                put_byte(self.st.out, 0);
                put_basic(self.st.out, value);
                close_length(self.st.out, at, 1);
                Ok(true)
            }
        }
    }
}

/// How many items there are, where that is known.
fn exactly(hint: (usize, Option<usize>)) -> Option<usize> {
    hint.1.filter(|high| *high == hint.0)
}

#[cold]
fn out_of_range(value: impl ToString, expected: &'static str) -> EncodeError {
    EncodeErrorKind::OutOfRange {
        value: value.to_string(),
        expected,
    }
    .into()
}

/// An interface value that holds a basic value: name, id, length, the zero of a value that stands alone, the value.
fn put_interface(out: &mut BytesMut, name: &str, id: Id, put: impl FnOnce(&mut BytesMut)) {
    put_bytes(out, name.as_bytes());
    put_int(out, i64::from(id.0));
    let at = out.len();
    out.extend_from_slice(&[0, 0]);
    put(out);
    close_length(out, at, 1);
}

/// Appends what a value prints, as a string. What it printed before it failed stays there.
pub(super) fn put_display<T: Display + ?Sized>(out: &mut BytesMut, value: &T) -> fmt::Result {
    let at = out.len();
    put_byte(out, 0);
    write!(out, "{value}")?;
    close_length(out, at, 1);
    Ok(())
}

/// Whether `S` is a serializer of this module, whatever its lifetimes.
pub(crate) fn is_interface_serializer<S>() -> bool {
    let serializer = typeid::of::<S>();
    // The second one takes nothing of the kind, and has the first one asked.
    serializer == typeid::of::<Ser<'static, 'static>>()
        || serializer == typeid::of::<Bare<'static>>()
}

/// Gives a value to this module's serializer, behind serde's back.
pub(crate) fn pass<S: Serializer>(serializer: S, value: Passed) -> Result<S::Ok, S::Error> {
    passthrough::put(value);
    serializer.serialize_unit_struct(passthrough::ANY)
}

impl<'a, 's> Serializer for Ser<'a, 's> {
    type Ok = bool;
    type Error = EncodeError;
    type SerializeSeq = Compound<'a, 's>;
    type SerializeTuple = Compound<'a, 's>;
    type SerializeTupleStruct = Compound<'a, 's>;
    type SerializeTupleVariant = Refused;
    type SerializeMap = Entries<'a, 's>;
    type SerializeStruct = Fields<'a, 's>;
    type SerializeStructVariant = Refused;

    fn serialize_bool(self, value: bool) -> Result<bool, EncodeError> {
        self.scalar(u64::from(value), Id::BOOL, "bool")
    }

    fn serialize_i8(self, value: i8) -> Result<bool, EncodeError> {
        self.int(value.into(), "int8")
    }

    fn serialize_i16(self, value: i16) -> Result<bool, EncodeError> {
        self.int(value.into(), "int16")
    }

    fn serialize_i32(self, value: i32) -> Result<bool, EncodeError> {
        self.int(value.into(), "int32")
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<bool, EncodeError> {
        self.int(value, "int64")
    }

    fn serialize_i128(self, value: i128) -> Result<bool, EncodeError> {
        match i64::try_from(value) {
            Ok(value) => self.int(value, "int64"),
            Err(_) => Err(out_of_range(value, "int64")),
        }
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<bool, EncodeError> {
        if self.id == BYTE {
            put_byte(self.st.out, value);
            return Ok(true);
        }
        self.uint(value.into(), "uint8")
    }

    fn serialize_u16(self, value: u16) -> Result<bool, EncodeError> {
        self.uint(value.into(), "uint16")
    }

    fn serialize_u32(self, value: u32) -> Result<bool, EncodeError> {
        self.uint(value.into(), "uint32")
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<bool, EncodeError> {
        self.uint(value, "uint64")
    }

    fn serialize_u128(self, value: u128) -> Result<bool, EncodeError> {
        match u64::try_from(value) {
            Ok(value) => self.uint(value, "uint64"),
            Err(_) => Err(out_of_range(value, "uint64")),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<bool, EncodeError> {
        self.float(value.into(), "float32")
    }

    fn serialize_f64(self, value: f64) -> Result<bool, EncodeError> {
        self.float(value, "float64")
    }

    fn serialize_char(self, value: char) -> Result<bool, EncodeError> {
        self.int(i64::from(u32::from(value)), "int32")
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<bool, EncodeError> {
        self.text(value.as_bytes(), Id::STRING, "string")
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<bool, EncodeError> {
        self.display(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<bool, EncodeError> {
        match self.st.types.get(self.id) {
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

    fn serialize_none(self) -> Result<bool, EncodeError> {
        match (self.slot, self.id) {
            (Slot::Field(_), _) => Ok(false),
            (_, Id::INTERFACE) => Ok(self.nil()),
            _ => Err(EncodeErrorKind::Nil.into()),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<bool, EncodeError> {
        match self.id {
            Id::INTERFACE => Ok(self.nil()),
            _ => self.serialize_unit_struct("unit"),
        }
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<bool, EncodeError> {
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
    ) -> Result<bool, EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<bool, EncodeError> {
        // Other types are left out by their value, but nobody here knows what a type's own encoding says.
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
    ) -> Result<bool, EncodeError> {
        Err(EncodeErrorKind::VariantWithData { name, variant }.into())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Compound<'a, 's>, EncodeError> {
        let mut items = Items::new(self.st);
        items.open_list(self.id, self.slot, len)?;
        Ok(Compound::Items(items))
    }

    /// As serde has it, except that bytes are gathered in blocks.
    #[inline]
    fn collect_seq<I>(self, items: I) -> Result<bool, EncodeError>
    where
        I: IntoIterator<Item: Serialize>,
    {
        let items = items.into_iter();
        let mut list = Items::new(self.st);
        list.open_list(self.id, self.slot, exactly(items.size_hint()))?;
        list.elements(items)?;
        list.close()
    }

    fn serialize_tuple(self, len: usize) -> Result<Compound<'a, 's>, EncodeError> {
        match self.st.types.get(self.id) {
            Some(Type::Struct(_)) => Ok(Compound::Fields(self.serialize_struct("a tuple", len)?)),
            _ => self.serialize_seq(Some(len)),
        }
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Compound<'a, 's>, EncodeError> {
        match self.st.types.get(self.id) {
            Some(Type::Struct(_)) => Ok(Compound::Fields(self.serialize_struct(name, len)?)),
            _ => self.serialize_seq(Some(len)),
        }
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Refused, EncodeError> {
        Err(EncodeErrorKind::VariantWithData { name, variant }.into())
    }

    fn serialize_map(mut self, len: Option<usize>) -> Result<Entries<'a, 's>, EncodeError> {
        // A struct with a flattened field, whose type was given and not learned.
        if let Some(Type::Struct(ty)) = self.st.types.get(self.id) {
            self.begin(false);
            let fields = Fields::new(self.st, ty);
            return Ok(Entries::Struct(NamedFields { fields, index: 0 }));
        }
        let mut items = Items::new(self.st);
        items.open_map(self.id, self.slot, len)?;
        Ok(Entries::Map(items))
    }

    /// As serde has it, except that entries go where they belong at once.
    #[inline]
    fn collect_map<K, V, I>(self, entries: I) -> Result<bool, EncodeError>
    where
        K: Serialize,
        V: Serialize,
        I: IntoIterator<Item = (K, V)>,
    {
        let entries = entries.into_iter();
        let len = exactly(entries.size_hint());
        if self.st.types.is_struct(self.id) {
            let mut map = self.serialize_map(len)?;
            for (key, value) in entries {
                map.serialize_entry(&key, &value)?;
            }
            return map.end();
        }
        let mut map = Items::new(self.st);
        map.open_map(self.id, self.slot, len)?;
        for (key, value) in entries {
            map.serialize_entry(&key, &value)?;
        }
        map.close()
    }

    #[inline]
    fn serialize_struct(
        mut self,
        name: &'static str,
        _: usize,
    ) -> Result<Fields<'a, 's>, EncodeError> {
        let Some(Type::Struct(ty)) = self.st.types.get(self.id) else {
            return Err(self.no_struct(name));
        };
        self.begin(false);
        Ok(Fields::new(self.st, ty))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Refused, EncodeError> {
        Err(EncodeErrorKind::VariantWithData { name, variant }.into())
    }
}

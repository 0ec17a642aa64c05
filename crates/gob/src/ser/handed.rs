//! Values that came past serde: interface values, complex numbers, and values with nothing known about them.

use std::fmt::Display;
use std::sync::Arc;

use bytes::BytesMut;
use serde::Serializer;

use super::{DICTIONARY, LIST, Ser, Slot, State, put_display};
use crate::any::{self, Any, Hand};
use crate::encode::{EncodeError, EncodeErrorKind};
use crate::types::{Id, StructType, Type, Types};
use crate::value::Value;
use crate::wire::{close_length, put_byte, put_bytes, put_float, put_int, put_uint};

/// Received values are never nested so deep; those that a program makes could be.
const MAX_DEPTH: usize = 500;

#[inline]
pub(super) fn is_opaque(types: &Types, id: Id) -> bool {
    matches!(types.get(id), Some(Type::Opaque { .. }))
}

/// The type under which a basic value goes into an interface value.
pub(super) fn basic_id(value: &Any) -> Id {
    match value {
        Any::Bool(_) => Id::BOOL,
        Any::Int(_) | Any::Int8(_) | Any::Int16(_) | Any::Int32(_) | Any::Int64(_) => Id::INT,
        Any::Uint(_) | Any::Uint8(_) | Any::Uint16(_) | Any::Uint32(_) | Any::Uint64(_) => Id::UINT,
        Any::Float32(_) | Any::Float64(_) => Id::FLOAT,
        Any::String(_) => Id::STRING,
        Any::Bytes(_) => Id::BYTES,
        Any::Nil | Any::Named(_) => Id::INTERFACE,
    }
}

impl Ser<'_, '_> {
    /// Writes what a value prints, into the buffer itself.
    pub(super) fn display<T: Display + ?Sized>(mut self, value: &T) -> Result<bool, EncodeError> {
        if self.id != Id::STRING {
            return self.serialize_str(&value.to_string());
        }
        let start = self.st.out.len();
        self.begin(false);
        let at = self.st.out.len();
        put_display(self.st.out, value)
            .map_err(|_| EncodeErrorKind::Custom("a value that cannot be printed".into()))?;
        if self.st.out.len() == at + 1 && matches!(self.slot, Slot::Field(_)) {
            self.st.out.truncate(start);
            return Ok(false);
        }
        Ok(true)
    }

    /// Writes what is in the hand.
    pub(super) fn handed(mut self) -> Result<bool, EncodeError> {
        match any::take_over() {
            Some(Hand::Any(value)) if self.id == Id::INTERFACE => self.any(&value),
            Some(Hand::Complex(re, im, name)) => {
                let zero = re == 0.0 && im == 0.0;
                self.basic(zero, Id::COMPLEX, name, |out| {
                    put_float(out, re);
                    put_float(out, im);
                })
            }
            Some(Hand::Value(value)) => {
                if !self.begin(value == Value::Nil) {
                    return Ok(false);
                }
                let id = self.id;
                Dynamic {
                    st: self.st,
                    depth: 0,
                }
                .value(id, &value)?;
                Ok(true)
            }
            Some(Hand::Any(_)) => Err(self.mismatch("an interface value")),
            Some(Hand::Name(_)) | None => Err(self.mismatch("a unit struct")),
        }
    }
}

/// Writes a value of any shape, led by its type.
struct Dynamic<'a, 's> {
    st: &'a mut State<'s>,
    depth: usize,
}

impl Dynamic<'_, '_> {
    fn out(&mut self) -> &mut BytesMut {
        self.st.out
    }

    fn value(&mut self, id: Id, value: &Value) -> Result<(), EncodeError> {
        let types = self.st.types;
        match (id, value) {
            (Id::BOOL, Value::Bool(value)) => put_byte(self.out(), u8::from(*value)),
            (Id::INT, Value::Int(value)) => put_int(self.out(), *value),
            (Id::UINT, Value::Uint(value)) => put_uint(self.out(), *value),
            (Id::FLOAT, Value::Float(value)) => put_float(self.out(), *value),
            (Id::COMPLEX, Value::Complex(re, im)) => {
                put_float(self.out(), *re);
                put_float(self.out(), *im);
            }
            (Id::STRING | Id::BYTES, Value::String(value)) => {
                put_bytes(self.out(), value.as_bytes());
            }
            (Id::STRING | Id::BYTES, Value::Bytes(value)) => put_bytes(self.out(), value),
            (Id::INTERFACE, value) => self.nested(|this| this.interface(value))?,
            _ => {
                let Some(ty) = types.get(id) else {
                    return Err(self.mismatch(id, value));
                };
                self.nested(|this| this.defined(id, ty, value))?;
            }
        }
        Ok(())
    }

    fn nested(
        &mut self,
        put: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if self.depth == MAX_DEPTH {
            return Err(EncodeErrorKind::TooDeep.into());
        }
        self.depth += 1;
        let result = put(self);
        self.depth -= 1;
        result
    }

    fn defined(&mut self, id: Id, ty: &Type, value: &Value) -> Result<(), EncodeError> {
        match (ty, value) {
            (Type::Opaque { .. }, Value::Opaque { bytes, .. } | Value::Bytes(bytes)) => {
                put_bytes(self.out(), bytes);
                Ok(())
            }
            (Type::Array { elem, len }, Value::List(items)) => {
                if items.len() as u64 != *len {
                    let (expected, found) = (*len as usize, items.len());
                    return Err(EncodeErrorKind::Length { expected, found }.into());
                }
                self.items(*elem, items)
            }
            (Type::Slice { elem }, Value::List(items)) => self.items(*elem, items),
            (Type::Map { key, elem }, Value::Map(entries)) => {
                put_uint(self.out(), entries.len() as u64);
                for (name, value) in entries {
                    self.value(*key, name).map_err(|err| err.within("[key]"))?;
                    self.value(*elem, value)
                        .map_err(|err| err.within("[value]"))?;
                }
                Ok(())
            }
            (Type::Struct(ty), Value::Struct { fields, .. }) => self.fields(ty, fields),
            _ => Err(self.mismatch(id, value)),
        }
    }

    fn items(&mut self, elem: Id, items: &[Value]) -> Result<(), EncodeError> {
        put_uint(self.out(), items.len() as u64);
        for (index, item) in items.iter().enumerate() {
            self.value(elem, item)
                .map_err(|err| err.within(format!("[{index}]")))?;
        }
        Ok(())
    }

    /// Writes the fields that are there, whatever their values: of a received struct, those that were sent.
    fn fields(&mut self, ty: &StructType, fields: &[(Arc<str>, Value)]) -> Result<(), EncodeError> {
        let mut places: Vec<(usize, &Value)> = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let guess = places.last().map_or(0, |(place, _)| place + 1);
            let Some(place) = ty.place(guess, name) else {
                let what = format!("the type {} has no field `{name}`", ty.name);
                return Err(EncodeErrorKind::Custom(what).into());
            };
            // A nil is left out wherever it may stand.
            if *value != Value::Nil {
                places.push((place, value));
            }
        }
        places.sort_by_key(|(place, _)| *place);
        let mut next = 0;
        for (place, value) in places {
            let field = &ty.fields[place];
            if place < next {
                let what = format!("field `{}` given twice", field.name);
                return Err(EncodeErrorKind::Custom(what).into());
            }
            put_uint(self.out(), (place + 1 - next) as u64);
            self.value(field.id, value)
                .map_err(|err| err.within(&*field.name))?;
            next = place + 1;
        }
        put_byte(self.out(), 0);
        Ok(())
    }

    /// Writes the value as an interface value, under its name or under that of the basic type it has.
    fn interface(&mut self, value: &Value) -> Result<(), EncodeError> {
        let basic = match value {
            Value::Nil => {
                put_byte(self.out(), 0);
                return Ok(());
            }
            Value::Interface {
                name,
                schema,
                value,
            } => {
                let wire = self.st.interner.define(&schema.types, schema.root)?;
                return self.concrete(name, wire, &schema.types, schema.root, value);
            }
            Value::List(_) | Value::Map(_) => {
                let (name, types) = match value {
                    Value::List(_) => ("[]interface {}", &*LIST),
                    _ => ("map[string]interface {}", &*DICTIONARY),
                };
                let wire = self.st.interner.define(types, Id::FIRST_USER)?;
                return self.concrete(name, wire, types, Id::FIRST_USER, value);
            }
            Value::Struct { .. } => return Err(EncodeErrorKind::Unnamed("a struct").into()),
            Value::Opaque { .. } => return Err(EncodeErrorKind::Unnamed("an opaque type").into()),
            Value::Bool(_) => ("bool", Id::BOOL),
            Value::Int(_) => ("int64", Id::INT),
            Value::Uint(_) => ("uint64", Id::UINT),
            Value::Float(_) => ("float64", Id::FLOAT),
            Value::Complex(..) => ("complex128", Id::COMPLEX),
            Value::String(_) => ("string", Id::STRING),
            Value::Bytes(_) => ("[]uint8", Id::BYTES),
        };
        let types = self.st.types;
        self.concrete(basic.0, basic.1, types, basic.1, value)
    }

    fn concrete(
        &mut self,
        name: &str,
        wire: Id,
        types: &Types,
        id: Id,
        value: &Value,
    ) -> Result<(), EncodeError> {
        put_bytes(self.out(), name.as_bytes());
        put_int(self.out(), i64::from(wire.0));
        let at = self.out().len();
        put_byte(self.out(), 0);
        if !types.is_struct(id) {
            put_byte(self.out(), 0);
        }
        let mut state = State {
            out: &mut *self.st.out,
            types,
            interner: &mut *self.st.interner,
            reorder: false,
            pieces: Vec::new(),
        };
        let mut inner = Dynamic {
            st: &mut state,
            depth: self.depth,
        };
        inner.value(id, value)?;
        close_length(self.out(), at, 1);
        Ok(())
    }

    #[cold]
    fn mismatch(&self, id: Id, value: &Value) -> EncodeError {
        let expected = self.st.types.brief(id);
        let found = match value {
            Value::Nil => "nil",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int64",
            Value::Uint(_) => "uint64",
            Value::Float(_) => "float64",
            Value::Complex(..) => "complex128",
            Value::String(_) => "string",
            Value::Bytes(_) => "[]uint8",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Struct { .. } => "a struct",
            Value::Opaque { .. } => "an opaque value",
            Value::Interface { .. } => "an interface value",
        };
        EncodeErrorKind::Mismatch { expected, found }.into()
    }
}

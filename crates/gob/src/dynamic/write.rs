//! Writing values of types that nobody but the sender knows.

use std::sync::{Arc, LazyLock};

use bytes::BytesMut;

use super::{Any, Value};
use crate::error::EncodeError;
use crate::error::EncodeErrorKind;
use crate::raw::Interner;
use crate::types::{Id, StructType, Type, Types};
use crate::wire::{close_length, put_byte, put_bytes, put_float, put_int, put_uint};

/// Types of sequences and maps that stand for interface values without being told a name.
pub(crate) static LIST: LazyLock<Arc<Types>> = LazyLock::new(|| {
    of_one(Type::Slice {
        elem: Id::INTERFACE,
    })
});
pub(crate) static DICTIONARY: LazyLock<Arc<Types>> = LazyLock::new(|| {
    of_one(Type::Map {
        key: Id::STRING,
        elem: Id::INTERFACE,
    })
});

fn of_one(ty: Type) -> Arc<Types> {
    let types = Types::with_span(1);
    types.insert(Id::FIRST_USER, ty);
    Arc::new(types)
}

/// Received values are never nested so deep; those that a program makes could be.
const MAX_DEPTH: usize = 500;

/// The type under which a basic value goes into an interface value.
pub(crate) fn basic_id(value: &Any) -> Id {
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

/// Appends a basic value as one that stands alone; its type.
pub(crate) fn put_basic(out: &mut BytesMut, value: &Any) -> Id {
    put_byte(out, 0);
    let mut int = |value: i64| {
        put_int(out, value);
        Id::INT
    };
    match *value {
        Any::Int(value) | Any::Int64(value) => return int(value),
        Any::Int8(value) => return int(value.into()),
        Any::Int16(value) => return int(value.into()),
        Any::Int32(value) => return int(value.into()),
        _ => {}
    }
    let mut uint = |value: u64| {
        put_uint(out, value);
        Id::UINT
    };
    match *value {
        Any::Uint(value) | Any::Uint64(value) => return uint(value),
        Any::Uint8(value) => return uint(value.into()),
        Any::Uint16(value) => return uint(value.into()),
        Any::Uint32(value) => return uint(value.into()),
        Any::Bool(value) => {
            uint(value.into());
            return Id::BOOL;
        }
        _ => {}
    }
    match value {
        Any::Float32(value) => {
            put_float(out, f64::from(*value));
            Id::FLOAT
        }
        Any::Float64(value) => {
            put_float(out, *value);
            Id::FLOAT
        }
        Any::String(value) => {
            put_bytes(out, value.as_bytes());
            Id::STRING
        }
        Any::Bytes(value) => {
            put_bytes(out, value);
            Id::BYTES
        }
        _ => {
            put_byte(out, 0);
            Id::INTERFACE
        }
    }
}

/// Appends a value of the type `id` of the table, as a part of another value.
pub(crate) fn value(
    out: &mut BytesMut,
    types: &Types,
    interner: &mut Interner,
    id: Id,
    value: &Value,
) -> Result<(), EncodeError> {
    let mut dynamic = Dynamic {
        out,
        types,
        interner,
        depth: 0,
    };
    dynamic.value(id, value)
}

/// Writes a value of any shape, led by its type.
struct Dynamic<'a> {
    out: &'a mut BytesMut,
    types: &'a Types,
    interner: &'a mut Interner,
    depth: usize,
}

impl Dynamic<'_> {
    fn value(&mut self, id: Id, value: &Value) -> Result<(), EncodeError> {
        let types = self.types;
        match (id, value) {
            (Id::BOOL, Value::Bool(value)) => put_byte(self.out, u8::from(*value)),
            (Id::INT, Value::Int(value)) => put_int(self.out, *value),
            (Id::UINT, Value::Uint(value)) => put_uint(self.out, *value),
            (Id::FLOAT, Value::Float(value)) => put_float(self.out, *value),
            (Id::COMPLEX, Value::Complex(re, im)) => {
                put_float(self.out, *re);
                put_float(self.out, *im);
            }
            (Id::STRING | Id::BYTES, Value::String(value)) => {
                put_bytes(self.out, value.as_bytes());
            }
            (Id::STRING | Id::BYTES, Value::Bytes(value)) => put_bytes(self.out, value),
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
                put_bytes(self.out, bytes);
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
                put_uint(self.out, entries.len() as u64);
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
        put_uint(self.out, items.len() as u64);
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
            put_uint(self.out, (place + 1 - next) as u64);
            self.value(field.id, value)
                .map_err(|err| err.within(&*field.name))?;
            next = place + 1;
        }
        put_byte(self.out, 0);
        Ok(())
    }

    /// Writes the value as an interface value, under its name or under that of the basic type it has.
    fn interface(&mut self, value: &Value) -> Result<(), EncodeError> {
        let basic = match value {
            Value::Nil => {
                put_byte(self.out, 0);
                return Ok(());
            }
            Value::Interface {
                name,
                schema,
                value,
            } => {
                let wire = self.interner.define(&schema.types, schema.root)?;
                return self.concrete(name, wire, &schema.types, schema.root, value);
            }
            Value::List(_) | Value::Map(_) => {
                let (name, types) = match value {
                    Value::List(_) => ("[]interface {}", &*LIST),
                    _ => ("map[string]interface {}", &*DICTIONARY),
                };
                let wire = self.interner.define(types, Id::FIRST_USER)?;
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
        let types = self.types;
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
        put_bytes(self.out, name.as_bytes());
        put_int(self.out, i64::from(wire.0));
        let at = self.out.len();
        put_byte(self.out, 0);
        if !types.is_struct(id) {
            put_byte(self.out, 0);
        }
        let mut inner = Dynamic {
            out: &mut *self.out,
            types,
            interner: &mut *self.interner,
            depth: self.depth,
        };
        inner.value(id, value)?;
        close_length(self.out, at, 1);
        Ok(())
    }

    #[cold]
    fn mismatch(&self, id: Id, value: &Value) -> EncodeError {
        let expected = self.types.brief(id);
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

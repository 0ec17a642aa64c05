//! Writing [`Any`] and [`Value`]: the schema-free encoder.

use std::sync::{Arc, LazyLock};

use bytes::BytesMut;

use super::any::Any;
use super::value::Value;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::raw::Interner;
use crate::types::{Id, StructType, Type, Types};
use crate::wire::{close_length, put_byte, put_bytes, put_float, put_int, put_uint};

type Result<T> = std::result::Result<T, EncodeError>;

/// The names under which Go registers the types of lists and maps of any values.
pub(crate) const LIST_NAME: &str = "[]interface {}";
pub(crate) const MAP_NAME: &str = "map[string]interface {}";

/// The type of lists in interface values, the first of its table: Go's `[]interface {}`.
pub(crate) static LIST: LazyLock<Arc<Types>> = LazyLock::new(|| {
    of_one(Type::Slice {
        elem: Id::INTERFACE,
    })
});

/// The same for maps: Go's `map[string]interface {}`.
pub(crate) static DICTIONARY: LazyLock<Arc<Types>> = LazyLock::new(|| {
    of_one(Type::Map {
        key: Id::STRING,
        elem: Id::INTERFACE,
    })
});

fn of_one(ty: Type) -> Arc<Types> {
    let types = Types::with_span(1);
    types.add(ty);
    Arc::new(types)
}

/// Received values are never nested so deep; those that a program makes could be.
const MAX_DEPTH: usize = 500;

/// Appends an interface value that holds a basic value: the name, the type's id, the length, the
/// zero of a value that stands alone, the value.
pub(crate) fn basic_interface(
    buf: &mut BytesMut,
    name: &str,
    id: Id,
    put: impl FnOnce(&mut BytesMut),
) {
    put_bytes(buf, name.as_bytes());
    put_int(buf, i64::from(id.0));
    let at = buf.len();
    buf.extend_from_slice(&[0, 0]);
    put(buf);
    close_length(buf, at, 1);
}

/// Appends an interface value that is nil or holds a basic value.
pub(crate) fn any(buf: &mut BytesMut, value: &Any) {
    match value {
        Any::Nil | Any::Named(_) => put_byte(buf, 0),
        _ => basic_interface(buf, value.name(), basic_id(value), |buf| basic(buf, value)),
    }
}

/// The type of a basic value. The others are interface values.
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

/// Appends a basic value, and nil for the others.
pub(crate) fn basic(buf: &mut BytesMut, value: &Any) {
    match value {
        Any::Nil | Any::Named(_) => put_byte(buf, 0),
        Any::Bool(value) => put_byte(buf, u8::from(*value)),
        Any::Float32(value) => put_float(buf, f64::from(*value)),
        Any::Float64(value) => put_float(buf, *value),
        Any::String(value) => put_bytes(buf, value.as_bytes()),
        Any::Bytes(value) => put_bytes(buf, value),
        _ => match basic_id(value) {
            Id::INT => put_int(buf, value.as_i64().unwrap_or_default()),
            _ => put_uint(buf, value.as_u64().unwrap_or_default()),
        },
    }
}

/// Appends a value of the type `id` of the table, as a part of another value.
pub(crate) fn value(
    buf: &mut BytesMut,
    types: &Types,
    interner: &mut Interner,
    id: Id,
    value: &Value,
) -> Result<()> {
    let mut writer = ValueWriter {
        buf,
        types,
        interner,
        depth: 0,
    };
    writer.value(id, value)
}

/// Writes a value of any shape, led by its type.
struct ValueWriter<'a> {
    buf: &'a mut BytesMut,
    types: &'a Types,
    interner: &'a mut Interner,
    depth: usize,
}

impl ValueWriter<'_> {
    fn value(&mut self, id: Id, value: &Value) -> Result<()> {
        match (id, value) {
            (Id::BOOL, Value::Bool(value)) => put_byte(self.buf, u8::from(*value)),
            (Id::INT, Value::Int(value)) => put_int(self.buf, *value),
            (Id::UINT, Value::Uint(value)) => put_uint(self.buf, *value),
            (Id::FLOAT, Value::Float(value)) => put_float(self.buf, *value),
            (Id::COMPLEX, Value::Complex(re, im)) => {
                put_float(self.buf, *re);
                put_float(self.buf, *im);
            }
            (Id::STRING | Id::BYTES, Value::String(value)) => put_bytes(self.buf, value.as_bytes()),
            (Id::STRING | Id::BYTES, Value::Bytes(value)) => put_bytes(self.buf, value),
            // A value that kept its type, in a place of that type.
            (_, Value::Interface { name, value, .. })
                if name.is_empty() && id != Id::INTERFACE && self.depth < MAX_DEPTH =>
            {
                self.depth += 1;
                self.value(id, value)?;
                self.depth -= 1;
            }
            _ => {
                if self.depth == MAX_DEPTH {
                    return Err(EncodeErrorKind::TooDeep.into());
                }
                self.depth += 1;
                match (id, self.types.get(id)) {
                    (Id::INTERFACE, _) => self.interface(value)?,
                    (_, Some(ty)) => self.defined(id, ty, value)?,
                    (_, None) => return Err(self.mismatch(id, value)),
                }
                self.depth -= 1;
            }
        }
        Ok(())
    }

    fn defined(&mut self, id: Id, ty: &Type, value: &Value) -> Result<()> {
        match (ty, value) {
            (Type::Opaque { .. }, Value::Opaque { bytes, .. } | Value::Bytes(bytes)) => {
                put_bytes(self.buf, bytes);
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
                put_uint(self.buf, entries.len() as u64);
                for (name, value) in entries {
                    self.value(*key, name)
                        .map_err(|error| error.within("[key]"))?;
                    self.value(*elem, value)
                        .map_err(|error| error.within("[value]"))?;
                }
                Ok(())
            }
            (Type::Struct(ty), Value::Struct { fields, .. }) => self.fields(ty, fields),
            _ => Err(self.mismatch(id, value)),
        }
    }

    fn items(&mut self, elem: Id, items: &[Value]) -> Result<()> {
        put_uint(self.buf, items.len() as u64);
        for (index, item) in items.iter().enumerate() {
            self.value(elem, item)
                .map_err(|error| error.within(format!("[{index}]")))?;
        }
        Ok(())
    }

    /// Writes the fields that are there, whatever their values: of a received struct, those sent.
    fn fields(&mut self, ty: &StructType, fields: &[(Arc<str>, Value)]) -> Result<()> {
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
            put_uint(self.buf, (place + 1 - next) as u64);
            self.value(field.id, value)
                .map_err(|error| error.within(&*field.name))?;
            next = place + 1;
        }
        put_byte(self.buf, 0);
        Ok(())
    }

    /// Writes the value as an interface value, under its name or under that of its basic type.
    fn interface(&mut self, value: &Value) -> Result<()> {
        let (name, id) = match value {
            Value::Nil => {
                put_byte(self.buf, 0);
                return Ok(());
            }
            Value::Interface {
                name,
                schema,
                value,
            } if !name.is_empty() => {
                return self.concrete(name, &schema.types, schema.root, value);
            }
            Value::List(_) => {
                return self.concrete(LIST_NAME, &LIST, Id::FIRST_USER, value);
            }
            Value::Map(_) => {
                return self.concrete(MAP_NAME, &DICTIONARY, Id::FIRST_USER, value);
            }
            Value::Struct { .. } | Value::Interface { .. } => {
                return Err(EncodeErrorKind::Unnamed("a struct").into());
            }
            Value::Opaque { .. } => return Err(EncodeErrorKind::Unnamed("an opaque type").into()),
            Value::Bool(_) => ("bool", Id::BOOL),
            Value::Int(_) => ("int64", Id::INT),
            Value::Uint(_) => ("uint64", Id::UINT),
            Value::Float(_) => ("float64", Id::FLOAT),
            Value::Complex(..) => ("complex128", Id::COMPLEX),
            Value::String(_) => ("string", Id::STRING),
            Value::Bytes(_) => ("[]uint8", Id::BYTES),
        };
        // A basic type has the same id in every table.
        self.concrete(name, &LIST, id, value)
    }

    /// Writes a value under a name, with the type `id` of another table.
    fn concrete(&mut self, name: &str, types: &Arc<Types>, id: Id, value: &Value) -> Result<()> {
        let wire = self.interner.define(types, id)?;
        put_bytes(self.buf, name.as_bytes());
        put_int(self.buf, i64::from(wire.0));
        let at = self.buf.len();
        put_byte(self.buf, 0);
        if !types.is_struct(id) {
            put_byte(self.buf, 0);
        }
        let mut writer = ValueWriter {
            buf: &mut *self.buf,
            types,
            interner: &mut *self.interner,
            depth: self.depth,
        };
        writer.value(id, value)?;
        close_length(self.buf, at, 1);
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

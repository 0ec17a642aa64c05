//! Values of types that only the sender knows: [`Any`] and [`Value`].

use std::sync::Arc;

use bytes::Bytes;
use serde::de::{IntoDeserializer, Visitor};

use super::context::{Cx, De, alone, out_of_range};
use crate::dynamic::{Any, Named, Value};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::passthrough::{self, Passed};
use crate::raw::{RawValue, walk};
use crate::types::Schema;
use crate::types::{Id, Type, Types};
use crate::wire::float;

/// Reads the value as the type of the marker, and passes it to that type's visitor.
pub(super) fn deserialize<'de, V: Visitor<'de>>(
    de: De<'_, '_, 'de>,
    marker: &'static str,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    let value = match marker {
        passthrough::VALUE => Passed::Value(field(de)?),
        _ => Passed::Any(any(de)?),
    };
    passthrough::put(value);
    visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(""))
}

fn any(de: De<'_, '_, '_>) -> Result<Any, DecodeError> {
    let De { cx, id, .. } = de;
    if id != Id::INTERFACE {
        // A concrete value where an interface value is asked for.
        return match basic(cx, id, None)? {
            Some(value) => Ok(value),
            None => {
                let name = name(cx, id);
                let zero: &[u8] = if cx.types.is_struct(id) { &[] } else { &[0] };
                let start = cx.cursor.pos;
                cx.skip(id)?;
                let bytes = [zero, &cx.cursor.data[start..cx.cursor.pos]].concat();
                Ok(named(cx, name, false, id, bytes.into()))
            }
        };
    }
    cx.enter()?;
    let value = match cx.interface()? {
        None => Any::Nil,
        Some((name, id)) => {
            let name = std::str::from_utf8(name).map_err(|_| DecodeErrorKind::NotUtf8)?;
            let start = cx.cursor.pos;
            let found = match id.is_basic() {
                true => alone(cx, id, |de| basic(de.cx, de.id, Some(name)))?,
                false => None,
            };
            match found {
                Some(value) => value,
                None => {
                    cx.cursor.pos = start;
                    alone(cx, id, |de| de.cx.skip(de.id))?;
                    let bytes = share(cx, start);
                    named(cx, name.into(), true, id, bytes)
                }
            }
        }
    };
    cx.depth -= 1;
    Ok(value)
}

/// A description of the type, for values without a name. All values of a type share it.
fn name(cx: &mut Cx<'_, '_>, id: Id) -> Arc<str> {
    let types = cx.types;
    let name = cx.names.entry(id.0);
    name.or_insert_with(|| types.describe(id).into()).clone()
}

fn named(cx: &mut Cx<'_, '_>, name: Arc<str>, registered: bool, id: Id, bytes: Bytes) -> Any {
    // The receiver may decode it at once.
    cx.budget.share(cx.cursor.data.len());
    let value = RawValue {
        types: cx.types.clone(),
        id,
        bytes,
        bounds: cx.bounds(),
    };
    Any::Named(Named {
        name,
        registered,
        value,
    })
}

/// The bytes from `start` to the cursor. Small values are copied, so that they do not keep a large
/// message alive.
fn share(cx: &Cx<'_, '_>, start: usize) -> Bytes {
    let range = start..cx.cursor.pos;
    match cx.source {
        Some(source) if range.len() >= 4096 => source.slice(range),
        _ => Bytes::copy_from_slice(&cx.cursor.data[range]),
    }
}

/// Reads a value of one of Go's basic types, which its name tells apart; without a name, the
/// widest one is taken.
fn basic(cx: &mut Cx<'_, '_>, id: Id, name: Option<&str>) -> Result<Option<Any>, DecodeError> {
    macro_rules! narrow {
        ($value:expr, $variant:ident, $name:literal) => {
            match $value.try_into() {
                Ok(value) => Any::$variant(value),
                Err(_) => return Err(out_of_range($value, $name)),
            }
        };
    }
    let value = match id {
        Id::BOOL if matches!(name, None | Some("bool")) => Any::Bool(cx.cursor.uint()? != 0),
        Id::INT => {
            let value = cx.cursor.int()?;
            match name {
                None | Some("int64") => Any::Int64(value),
                Some("int") => Any::Int(value),
                Some("int8") => narrow!(value, Int8, "int8"),
                Some("int16") => narrow!(value, Int16, "int16"),
                Some("int32") => narrow!(value, Int32, "int32"),
                Some(_) => return Ok(None),
            }
        }
        Id::UINT => {
            let value = cx.cursor.uint()?;
            match name {
                None | Some("uint64") => Any::Uint64(value),
                Some("uint") => Any::Uint(value),
                Some("uint8") => narrow!(value, Uint8, "uint8"),
                Some("uint16") => narrow!(value, Uint16, "uint16"),
                Some("uint32") => narrow!(value, Uint32, "uint32"),
                Some(_) => return Ok(None),
            }
        }
        Id::FLOAT => {
            let value = float(cx.cursor.uint()?);
            match name {
                None | Some("float64") => Any::Float64(value),
                Some("float32") => Any::Float32(value as f32),
                Some(_) => return Ok(None),
            }
        }
        Id::STRING if matches!(name, None | Some("string")) => {
            match std::str::from_utf8(cx.cursor.bytes()?) {
                Ok(text) => Any::String(text.to_owned()),
                Err(_) if name.is_none() => return Err(DecodeErrorKind::NotUtf8.into()),
                Err(_) => return Ok(None),
            }
        }
        Id::BYTES if matches!(name, None | Some("[]uint8")) => {
            Any::Bytes(cx.cursor.bytes()?.to_vec())
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// The value in a place of the receiver's. One of a defined type keeps the type there, so that it
/// can be sent on: it has no name that its next receiver could go by. A value that stands alone
/// comes with its type.
fn field(de: De<'_, '_, '_>) -> Result<Value, DecodeError> {
    let id = de.id;
    let keeps = de.cx.depth > 0 && de.defined().is_some();
    let types = de.cx.types;
    let value = value(de)?;
    Ok(match keeps {
        true => Value::Interface {
            name: Arc::default(),
            schema: Schema::new(types.clone(), id),
            value: Box::new(value),
        },
        false => value,
    })
}

fn value(de: De<'_, '_, '_>) -> Result<Value, DecodeError> {
    let De { cx, id, .. } = de;
    let types: &Types = cx.types;
    Ok(match id {
        Id::BOOL => Value::Bool(cx.cursor.uint()? != 0),
        Id::INT => Value::Int(cx.cursor.int()?),
        Id::UINT => Value::Uint(cx.cursor.uint()?),
        Id::FLOAT => Value::Float(float(cx.cursor.uint()?)),
        Id::COMPLEX => Value::Complex(float(cx.cursor.uint()?), float(cx.cursor.uint()?)),
        Id::BYTES => Value::Bytes(cx.cursor.bytes()?.to_vec()),
        Id::STRING => {
            let bytes = cx.cursor.bytes()?;
            match std::str::from_utf8(bytes) {
                Ok(text) => Value::String(text.to_owned()),
                Err(_) => Value::Bytes(bytes.to_vec()),
            }
        }
        _ => {
            cx.enter()?;
            let value = match types.get(id) {
                _ if id == Id::INTERFACE => match cx.interface()? {
                    None => Value::Nil,
                    Some((name, id)) => {
                        let value = Box::new(alone(&mut *cx, id, value)?);
                        let types = cx.types.clone();
                        Value::Interface {
                            name: String::from_utf8_lossy(name).into(),
                            schema: Schema::new(types, id),
                            value,
                        }
                    }
                },
                Some(Type::Opaque { name, .. }) => Value::Opaque {
                    name: name.clone(),
                    bytes: cx.cursor.bytes()?.to_vec(),
                },
                Some(Type::Slice { elem, .. }) => {
                    let count = cx.cursor.count()?;
                    items(cx, *elem, count)?
                }
                Some(Type::Array { elem, len, .. }) => {
                    let count = walk::array_len(&mut cx.cursor, *len)?;
                    items(cx, *elem, count)?
                }
                Some(Type::Map { key, elem, .. }) => {
                    let count = cx.cursor.count()?;
                    let mut entries = Vec::with_capacity(room(cx, count));
                    for _ in 0..count {
                        let key = part(cx, *key)?;
                        entries.push((key, part(cx, *elem)?));
                    }
                    Value::Map(entries)
                }
                Some(Type::Struct(ty)) => {
                    let (mut next, mut fields) = (0, Vec::new());
                    while let Some(index) = walk::field(&mut cx.cursor, &mut next, ty.fields.len())?
                    {
                        let field = &ty.fields[index];
                        fields.push((field.name.clone(), part(cx, field.id)?));
                    }
                    // There can be very many structs with a field or two.
                    fields.shrink_to_fit();
                    Value::Struct {
                        name: ty.name.clone(),
                        fields,
                    }
                }
                None => return Err(DecodeErrorKind::UndefinedType { id: id.0.into() }.into()),
            };
            cx.depth -= 1;
            value
        }
    })
}

fn items(cx: &mut Cx<'_, '_>, elem: Id, count: usize) -> Result<Value, DecodeError> {
    let mut items = Vec::with_capacity(room(cx, count));
    for _ in 0..count {
        items.push(part(cx, elem)?);
    }
    Ok(Value::List(items))
}

/// For how many of `count` values memory is reserved: at most 1,024, and no more than there are
/// bytes.
fn room(cx: &mut Cx<'_, '_>, count: usize) -> usize {
    cx.claim(count.min(1024))
}

fn part(cx: &mut Cx<'_, '_>, id: Id) -> Result<Value, DecodeError> {
    value(De { cx, id })
}

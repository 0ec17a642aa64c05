//! [`Any`] and [`Value`] in another format than gob, with all that gob says of them.
//!
//! Most formats get what a value holds. A format of plugwire's own asks for more by [`ask`]: a map
//! with the marker as its only key. It is known by that key, and so also where serde has buffered
//! it.

use std::cell::Cell;
use std::sync::Arc;

use bytes::BytesMut;
use serde::de::{self, Error as _};
use serde::ser::{self, Serialize, SerializeMap, Serializer};

use crate::dynamic::{Any, Value};
use crate::encode;
use crate::error::{DecodeError, EncodeError};
use crate::passthrough::{self, ANY, VALUE};
use crate::raw::{Decoder, RawValue};

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Has the value that is serialized next say all of itself, if the name is the marker of one.
pub fn ask(name: &str) {
    if passthrough::is_dynamic(name) {
        ASKED.set(true);
    }
}

/// Whether the format asked for all of the value that is serialized now.
pub(super) fn asked() -> bool {
    ASKED.replace(false)
}

/// Writes an [`Any`]: as gob.
pub(super) fn serialize_any<S: Serializer>(any: &Any, serializer: S) -> Result<S::Ok, S::Error> {
    let gob = encode::to_vec(any).map_err(ser::Error::custom)?;
    put(serializer, ANY, &gob)
}

/// Whether the only key of a map says that its value is an [`Any`].
pub(super) fn is_any(key: &str) -> bool {
    key == ANY
}

/// Reads the gob of an [`Any`].
pub(super) fn any<'de, A: de::MapAccess<'de>>(map: &mut A) -> Result<Any, A::Error> {
    let gob: Vec<u8> = map.next_value()?;
    let raw = only_value(&gob).map_err(A::Error::custom)?;
    raw.decode().map_err(A::Error::custom)
}

/// The value of a gob that has one and no more.
fn only_value(gob: &[u8]) -> Result<RawValue, DecodeError> {
    let mut rest = BytesMut::from(gob);
    let raw = Decoder::new().next_value(&mut rest)?;
    match raw {
        Some(raw) if rest.is_empty() => Ok(raw),
        Some(_) => Err(DecodeError::custom("a gob with more than a value")),
        None => Err(DecodeError::custom("a gob without a value")),
    }
}

/// Writes a [`Value`].
pub(super) fn serialize_value<S: Serializer>(
    value: &Value,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let whole = Whole::of(value).map_err(ser::Error::custom)?;
    put(serializer, VALUE, &whole)
}

/// Whether the only key of a map says that its value is a [`Value`].
pub(super) fn is_value(key: &Value) -> bool {
    matches!(key, Value::String(key) if key == VALUE)
}

/// Reads a [`Value`].
pub(super) fn value<'de, A: de::MapAccess<'de>>(map: &mut A) -> Result<Value, A::Error> {
    map.next_value::<Whole>()?
        .into_value()
        .map_err(A::Error::custom)
}

fn put<S, T>(serializer: S, marker: &str, value: &T) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    T: Serialize + ?Sized,
{
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(marker, value)?;
    map.end()
}

/// A [`Value`] as serde writes and reads it.
#[derive(serde::Serialize, serde::Deserialize)]
enum Whole {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Complex(f64, f64),
    String(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Struct(String, Vec<(String, Value)>),
    Opaque(String, Vec<u8>),
    /// The name, and the value as gob, with its type.
    Interface(String, Vec<u8>),
}

impl Whole {
    fn of(value: &Value) -> Result<Self, EncodeError> {
        Ok(match value.clone() {
            Value::Nil => Whole::Nil,
            Value::Bool(value) => Whole::Bool(value),
            Value::Int(value) => Whole::Int(value),
            Value::Uint(value) => Whole::Uint(value),
            Value::Float(value) => Whole::Float(value),
            Value::Complex(re, im) => Whole::Complex(re, im),
            Value::String(value) => Whole::String(value),
            Value::Bytes(value) => Whole::Bytes(value),
            Value::List(items) => Whole::List(items),
            Value::Map(entries) => Whole::Map(entries),
            Value::Struct { name, fields } => {
                let fields = fields.into_iter();
                let fields = fields.map(|(name, value)| (name.as_ref().to_owned(), value));
                Whole::Struct(name.as_ref().to_owned(), fields.collect())
            }
            Value::Opaque { name, bytes } => Whole::Opaque(name.as_ref().to_owned(), bytes),
            Value::Interface {
                name,
                schema,
                value,
            } => {
                let gob = encode::to_vec_as(&schema, &*value)?;
                Whole::Interface(name.as_ref().to_owned(), gob)
            }
        })
    }

    fn into_value(self) -> Result<Value, DecodeError> {
        Ok(match self {
            Whole::Nil => Value::Nil,
            Whole::Bool(value) => Value::Bool(value),
            Whole::Int(value) => Value::Int(value),
            Whole::Uint(value) => Value::Uint(value),
            Whole::Float(value) => Value::Float(value),
            Whole::Complex(re, im) => Value::Complex(re, im),
            Whole::String(value) => Value::String(value),
            Whole::Bytes(value) => Value::Bytes(value),
            Whole::List(items) => Value::List(items),
            Whole::Map(entries) => Value::Map(entries),
            Whole::Struct(name, fields) => {
                let fields = fields.into_iter();
                let fields = fields.map(|(name, value)| (Arc::from(name), value));
                Value::Struct {
                    name: name.into(),
                    fields: fields.collect(),
                }
            }
            Whole::Opaque(name, bytes) => Value::Opaque {
                name: name.into(),
                bytes,
            },
            Whole::Interface(name, gob) => {
                let raw = only_value(&gob)?;
                Value::Interface {
                    name: name.into(),
                    schema: raw.schema(),
                    value: Box::new(raw.decode()?),
                }
            }
        })
    }
}

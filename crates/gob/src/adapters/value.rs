//! [`Value`] as a type of serde.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, EnumAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::exact;
use crate::dynamic::{Any, Value};
use crate::encode;
use crate::error::{DecodeError, EncodeError};
use crate::passthrough::{self, Passed};
use crate::ser;
use crate::types::Schema;

impl Value {
    /// Decodes the value into a Rust type, given the type that came with it.
    ///
    /// # Errors
    ///
    /// When the value is not of the type, or `T` cannot take it.
    pub fn decode<T: de::DeserializeOwned>(&self, schema: &Schema) -> Result<T, DecodeError> {
        encode::to_raw_as(schema, self)
            .map_err(<DecodeError as de::Error>::custom)?
            .decode()
    }

    /// As an interface value: what Go would decode into an `interface{}`.
    ///
    /// # Errors
    ///
    /// When Go has no name for the type of the value: a struct that was in no interface value.
    pub fn to_any(&self) -> Result<Any, EncodeError> {
        let raw = encode::to_raw_as(&Schema::interface(), self)?;
        raw.decode().map_err(serde::ser::Error::custom)
    }
}

/// In other formats, a value is what it holds, and type names are lost; in plugwire's rich codec
/// they stay.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if ser::is_gob::<S>() {
            return ser::pass(serializer, Passed::Value(self.clone()));
        }
        serializer.serialize_newtype_struct(passthrough::VALUE, &Inner(self))
    }
}

/// What other formats see.
struct Inner<'a>(&'a Value);

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if exact::asked() {
            return exact::serialize_value(self.0, serializer);
        }
        match self.0 {
            Value::Nil => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Uint(value) => serializer.serialize_u64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Complex(re, im) => (re, im).serialize(serializer),
            Value::String(value) => serializer.serialize_str(value),
            Value::Bytes(bytes) | Value::Opaque { bytes, .. } => serializer.serialize_bytes(bytes),
            Value::List(items) => serializer.collect_seq(items),
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Value::Struct { fields, .. } => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(&**name, value)?;
                }
                map.end()
            }
            Value::Interface { value, .. } => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(passthrough::VALUE, ValueVisitor)
    }
}

struct ValueVisitor;

macro_rules! visits {
    ($($method:ident $ty:ty => $variant:ident;)*) => {$(
        fn $method<E: de::Error>(self, value: $ty) -> Result<Value, E> {
            Ok(Value::$variant(value.into()))
        }
    )*};
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// Called by this crate's deserializer alone, with the value passed.
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        match passthrough::take() {
            Some(Passed::Value(value)) => Ok(value),
            _ => Err(de::Error::custom("an enum where a value is expected")),
        }
    }

    visits! {
        visit_bool bool => Bool;
        visit_i64 i64 => Int;
        visit_u64 u64 => Uint;
        visit_f64 f64 => Float;
        visit_str &str => String;
        visit_string String => String;
        visit_bytes &[u8] => Bytes;
        visit_byte_buf Vec<u8> => Bytes;
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key()? {
            if exact::is_value(&key) && entries.is_empty() {
                return exact::value(&mut map);
            }
            entries.push((key, map.next_value()?));
        }
        Ok(Value::Map(entries))
    }
}

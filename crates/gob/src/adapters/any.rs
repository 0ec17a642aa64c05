//! [`Any`] as a type of serde.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use serde::de::{self, Deserialize, Deserializer, EnumAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::exact;
use crate::dynamic::write::{self, LIST_NAME, MAP_NAME};
use crate::dynamic::{Any, Named, Value};
use crate::encode::{self, Encode};
use crate::error::{DecodeError, EncodeError};
use crate::passthrough::{self, Passed};
use crate::raw::{Bounds, RawValue};
use crate::ser;
use crate::types::Types;
use crate::wire::put_byte;

impl Any {
    /// A value of a type that the receiving Go program has registered under `name`, such as
    /// `"main.Person"`.
    ///
    /// What `gob.Register(value)` calls a type follows from the value:
    ///
    /// | in Go | the name |
    /// | --- | --- |
    /// | `gob.Register(Person{})` in the program itself | `main.Person` |
    /// | the same in the package `example.com/shop/people` | `example.com/shop/people.Person` |
    /// | `gob.Register(&Person{})` there: a pointer | `*people.Person`, without the path |
    /// | `gob.Register([]string{})` and other unnamed types | as Go prints them: `[]string` |
    /// | `gob.Register(map[string]any{})` | `map[string]interface {}`, with a space |
    /// | `gob.RegisterName("person", Person{})` | `person` |
    ///
    /// A pointer and the type that it points to look the same on the wire but for that name, so
    /// `value` is the type itself. A Go program knows a type under one name. Two programs may have
    /// two names for it, such as `main.Person` and `*people.Person`: an
    /// [`interface!`](crate::interface!) lists both.
    ///
    /// # Errors
    ///
    /// When `value` cannot be encoded.
    pub fn named<T: Encode + ?Sized>(name: &str, value: &T) -> Result<Self, EncodeError> {
        let value = encode::to_raw(value)?;
        Ok(Self::Named(Named {
            name: name.into(),
            registered: true,
            value,
        }))
    }

    /// A list of any values: Go's `[]interface {}`.
    ///
    /// ```
    /// use plugwire_gob::Any;
    ///
    /// let list = Any::list([Any::from("a"), 5.into(), Any::Nil])?;
    /// let map = Any::map([("tags", list), ("count", Any::Int(3))])?;
    /// assert_eq!(map.name(), "map[string]interface {}");
    /// # Ok::<(), plugwire_gob::EncodeError>(())
    /// ```
    ///
    /// The receiving program has to know the type: `gob.Register([]interface{}{})`.
    ///
    /// # Errors
    ///
    /// When the values are nested too deep, or take more than a message can have.
    pub fn list<T: Into<Any>>(items: impl IntoIterator<Item = T>) -> Result<Self, EncodeError> {
        let items: Vec<Any> = items.into_iter().map(Into::into).collect();
        Self::named(LIST_NAME, &items)
    }

    /// Any values by name: Go's `map[string]interface {}`. Of two values with one name, the last
    /// one stays.
    ///
    /// The receiving program has to know the type: `gob.Register(map[string]interface{}{})`.
    ///
    /// # Errors
    ///
    /// As [`list`](Self::list).
    pub fn map<K: Into<String>, T: Into<Any>>(
        entries: impl IntoIterator<Item = (K, T)>,
    ) -> Result<Self, EncodeError> {
        let entries = entries.into_iter();
        let entries: BTreeMap<String, Any> = entries
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        Self::named(MAP_NAME, &entries)
    }

    /// Decodes the value inside into a Rust type, as if it stood alone.
    ///
    /// # Errors
    ///
    /// When `T` cannot take the value.
    pub fn decode<T: de::DeserializeOwned>(&self) -> Result<T, DecodeError> {
        match self {
            Self::Named(named) => named.value.decode(),
            _ => self.basic_raw().decode(),
        }
    }

    /// A basic value in the form of a value that stands alone.
    fn basic_raw(&self) -> RawValue {
        let mut out = BytesMut::with_capacity(16);
        put_byte(&mut out, 0);
        write::basic(&mut out, self);
        RawValue {
            types: Arc::<Types>::default(),
            id: write::basic_id(self),
            bytes: out.freeze(),
            bounds: Bounds::default(),
        }
    }
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(passthrough::ANY, &Inner(self))
    }
}

/// What other formats see: the plain value.
struct Inner<'a>(&'a Any);

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if ser::is_gob::<S>() {
            return ser::pass(serializer, Passed::Any(self.0.clone()));
        }
        if exact::asked() {
            return exact::serialize_any(self.0, serializer);
        }
        match self.0 {
            Any::Nil => serializer.serialize_unit(),
            Any::Bool(value) => serializer.serialize_bool(*value),
            Any::Int(value) | Any::Int64(value) => serializer.serialize_i64(*value),
            Any::Int8(value) => serializer.serialize_i8(*value),
            Any::Int16(value) => serializer.serialize_i16(*value),
            Any::Int32(value) => serializer.serialize_i32(*value),
            Any::Uint(value) | Any::Uint64(value) => serializer.serialize_u64(*value),
            Any::Uint8(value) => serializer.serialize_u8(*value),
            Any::Uint16(value) => serializer.serialize_u16(*value),
            Any::Uint32(value) => serializer.serialize_u32(*value),
            Any::Float32(value) => serializer.serialize_f32(*value),
            Any::Float64(value) => serializer.serialize_f64(*value),
            Any::String(value) => serializer.serialize_str(value),
            Any::Bytes(value) => serializer.serialize_bytes(value),
            Any::Named(named) => named
                .value
                .decode::<Value>()
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(passthrough::ANY, AnyVisitor)
    }
}

struct AnyVisitor;

macro_rules! visits {
    ($($method:ident $ty:ty;)*) => {$(
        fn $method<E: de::Error>(self, value: $ty) -> Result<Any, E> {
            Ok(value.into())
        }
    )*};
}

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Go interface value")
    }

    /// Called by this crate's deserializer alone, with the value passed.
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Any, A::Error> {
        match passthrough::take() {
            Some(Passed::Any(value)) => Ok(value),
            _ => Err(de::Error::custom(
                "an enum where a Go interface value is expected",
            )),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Any, E> {
        Ok(Any::Nil)
    }

    fn visit_none<E: de::Error>(self) -> Result<Any, E> {
        Ok(Any::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Any, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Any, D::Error> {
        deserializer.deserialize_any(self)
    }

    visits! {
        visit_bool bool;
        visit_i8 i8;
        visit_i16 i16;
        visit_i32 i32;
        visit_i64 i64;
        visit_u8 u8;
        visit_u16 u16;
        visit_u32 u32;
        visit_u64 u64;
        visit_f32 f32;
        visit_f64 f64;
        visit_str &str;
        visit_string String;
        visit_bytes &[u8];
        visit_byte_buf Vec<u8>;
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Any, A::Error> {
        let mut items: Vec<Any> = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Any::list(items).map_err(de::Error::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut entries: BTreeMap<String, Any> = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if exact::is_any(&key) && entries.is_empty() {
                return exact::any(&mut map);
            }
            entries.insert(key, map.next_value()?);
        }
        Any::map(entries).map_err(de::Error::custom)
    }
}

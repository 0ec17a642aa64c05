//! [`Any`]: a Go interface value.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, EnumAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::decode::{DecodeError, RawValue};
use super::encode::{Encode, EncodeError};
pub(crate) use super::hand::{Hand, hand_over, take_over};
use super::ser;
use super::types::{Id, Types};

/// How the serializer and the deserializer of this module recognise an interface value among newtype structs.
pub(crate) const MARKER: &str = "$plugwire::gob::Any";

pub(crate) fn is_marker(name: &str) -> bool {
    name == MARKER || name == super::value::MARKER
}

/// A Go interface value: nil, a basic value, or a value of a named type.
///
/// Go sends the type's name with the value, so the name matters: `Any::Int(1)` arrives as an `int` and `Any::Int64(1)`
/// as an `int64`, which are different types to a Go program. `From` picks the Go type of the same width.
///
/// ```
/// use std::collections::HashMap;
/// use plugwire_gob::{self as gob, Any};
///
/// let mut args: HashMap<String, Any> = HashMap::new();
/// args.insert("name".into(), "gopher".into());
/// args.insert("count".into(), Any::Int(3));
/// args.insert("tags".into(), Any::named("[]string", &vec!["a", "b"])?);
///
/// let bytes = gob::to_vec(&args)?;
/// let back: HashMap<String, Any> = gob::from_slice(&bytes)?;
/// assert_eq!(back["name"].as_str(), Some("gopher"));
/// assert_eq!(back["count"].as_i64(), Some(3));
/// assert_eq!(back["tags"].decode::<Vec<String>>()?, ["a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Any {
    /// A nil interface value.
    #[default]
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `int8`
    Int8(i8),
    /// `int16`
    Int16(i16),
    /// `int32`, which is also Go's `rune`
    Int32(i32),
    /// `int64`
    Int64(i64),
    /// `uint`
    Uint(u64),
    /// `uint8`, which is also Go's `byte`
    Uint8(u8),
    /// `uint16`
    Uint16(u16),
    /// `uint32`
    Uint32(u32),
    /// `uint64`
    Uint64(u64),
    /// `float32`
    Float32(f32),
    /// `float64`
    Float64(f64),
    /// `string`
    String(String),
    /// `[]uint8`, which is also Go's `[]byte`
    Bytes(Vec<u8>),
    /// A value of any other type, under the name that Go's `gob.Register` gave to it.
    Named(Named),
}

/// A value with the name of its Go type, kept as it was received until something decodes it.
#[derive(Clone)]
pub struct Named {
    pub(crate) name: Arc<str>,
    pub(crate) value: RawValue,
}

impl Named {
    /// The name under which Go registered the type: `main.Person`, `*pkg.Bar`, `[]string`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, not decoded yet.
    #[must_use]
    pub fn raw(&self) -> &RawValue {
        &self.value
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named")
            .field("name", &self.name)
            .field("value", &self.value)
            .finish()
    }
}

impl Any {
    /// A value of a type that the receiving Go program has registered under `name`, as in `"main.Person"`.
    ///
    /// Go's rule for the name of a registered type is its import path, a dot and its name; for unnamed types such as
    /// `map[string]interface {}` it is how Go prints the type.
    ///
    /// # Errors
    ///
    /// When `value` cannot be encoded.
    pub fn named<T: Encode + ?Sized>(name: &str, value: &T) -> Result<Self, EncodeError> {
        let value = super::encode::to_raw(value)?;
        Ok(Self::Named(Named {
            name: name.into(),
            value,
        }))
    }

    /// The name of the value's Go type as the wire has it; empty for nil.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Nil => "",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int8(_) => "int8",
            Self::Int16(_) => "int16",
            Self::Int32(_) => "int32",
            Self::Int64(_) => "int64",
            Self::Uint(_) => "uint",
            Self::Uint8(_) => "uint8",
            Self::Uint16(_) => "uint16",
            Self::Uint32(_) => "uint32",
            Self::Uint64(_) => "uint64",
            Self::Float32(_) => "float32",
            Self::Float64(_) => "float64",
            Self::String(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::Named(named) => &named.name,
        }
    }

    /// Whether this is a nil interface value.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// The value of a Go `bool`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of any of Go's integer types, where it fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::Int(value) | Self::Int64(value) => Some(value),
            Self::Int8(value) => Some(value.into()),
            Self::Int16(value) => Some(value.into()),
            Self::Int32(value) => Some(value.into()),
            _ => self.as_u64().and_then(|value| value.try_into().ok()),
        }
    }

    /// The value of any of Go's integer types, where it fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::Uint(value) | Self::Uint64(value) => Some(value),
            Self::Uint8(value) => Some(value.into()),
            Self::Uint16(value) => Some(value.into()),
            Self::Uint32(value) => Some(value.into()),
            Self::Int(value) | Self::Int64(value) => value.try_into().ok(),
            Self::Int8(value) => value.try_into().ok(),
            Self::Int16(value) => value.try_into().ok(),
            Self::Int32(value) => value.try_into().ok(),
            _ => None,
        }
    }

    /// The value of either of Go's float types.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::Float32(value) => Some(value.into()),
            Self::Float64(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a Go `string`.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a Go `[]byte`.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(value) => Some(value),
            _ => None,
        }
    }

    /// Decodes whatever is inside into a Rust type, by the same rules as a value that stands alone.
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
        let mut out = bytes::BytesMut::with_capacity(16);
        let id = ser::put_basic(&mut out, self);
        RawValue {
            types: Arc::<Types>::default(),
            id,
            bytes: out.freeze(),
            max_depth: 128,
        }
    }
}

/// Two values are equal when they have the same Go type name and the same encoding.
///
/// Types inside of named values that were defined under other numbers make the encodings differ.
impl PartialEq for Any {
    fn eq(&self, other: &Self) -> bool {
        if self.name() != other.name() {
            return false;
        }
        match (self, other) {
            (Self::Named(a), Self::Named(b)) => a.value.bytes == b.value.bytes,
            (Self::Float32(a), Self::Float32(b)) => a == b,
            (Self::Float64(a), Self::Float64(b)) => a == b,
            _ => self.basic_raw().bytes == other.basic_raw().bytes,
        }
    }
}

macro_rules! from {
    ($($ty:ty => $variant:ident;)*) => {$(
        impl From<$ty> for Any {
            fn from(value: $ty) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Bool;
    i8 => Int8;
    i16 => Int16;
    i32 => Int32;
    i64 => Int64;
    u8 => Uint8;
    u16 => Uint16;
    u32 => Uint32;
    u64 => Uint64;
    f32 => Float32;
    f64 => Float64;
    String => String;
    &str => String;
    Vec<u8> => Bytes;
    &[u8] => Bytes;
}

/// A [`Named`] made of parts of a value being decoded.
pub(crate) fn named(
    name: Arc<str>,
    types: &Arc<Types>,
    id: Id,
    bytes: Bytes,
    max_depth: usize,
) -> Any {
    let value = RawValue {
        types: types.clone(),
        id,
        bytes,
        max_depth,
    };
    Any::Named(Named { name, value })
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(MARKER, &Inner(self))
    }
}

/// What other formats see: the plain value.
struct Inner<'a>(&'a Any);

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if ser::is_interface_serializer::<S>() {
            return ser::hand_on(serializer, Hand::Any(self.0.clone()));
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
                .decode::<super::Value>()
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(MARKER, AnyVisitor)
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

    /// Only this module's deserializer calls this, with the value in hand.
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Any, A::Error> {
        match take_over() {
            Some(Hand::Any(value)) => Ok(value),
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
        Any::named("[]interface {}", &items).map_err(de::Error::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut entries: std::collections::BTreeMap<String, Any> = Default::default();
        while let Some((key, value)) = map.next_entry()? {
            entries.insert(key, value);
        }
        Any::named("map[string]interface {}", &entries).map_err(de::Error::custom)
    }
}

//! [`Value`]: any value, with nothing known about it beforehand.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, EnumAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::any::{self, Any, Hand};
use super::decode::DecodeError;
use super::encode::EncodeError;
use super::schema::Schema;
use super::ser as gob_ser;

/// How the deserializer of this module recognises that a [`Value`] is wanted.
pub(crate) const MARKER: &str = "$plugwire::gob::Value";

/// A decoded value of any type, as the wire describes it.
///
/// ```
/// use plugwire_gob::{self as gob, Value};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # #[serde(rename_all = "PascalCase")]
/// # struct Person { name: String, age: i64 }
/// # let bytes = gob::to_vec(&Person { name: "Ann".into(), age: 40 })?;
/// let value: Value = gob::from_slice(&bytes)?;
/// assert_eq!(value.field("Name"), Some(&Value::String("Ann".into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A value encodes to what it was decoded from, byte for byte, in the place of an interface value or together with the
/// type that came with it:
///
/// ```
/// use plugwire_gob::{self as gob, Value};
/// # use bytes::BytesMut;
/// # let received = gob::to_vec(&vec![vec![1], vec![]])?;
/// let mut decoder = gob::Decoder::new();
/// let raw = decoder.next_value(&mut BytesMut::from(&received[..]))?.ok_or("no value")?;
/// let value: Value = raw.decode()?;
/// assert_eq!(gob::to_vec_as(&raw.schema(), &value)?, received);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A nil interface value.
    #[default]
    Nil,
    /// A bool.
    Bool(bool),
    /// A signed integer of any width.
    Int(i64),
    /// An unsigned integer of any width.
    Uint(u64),
    /// A float of either width.
    Float(f64),
    /// A complex number: the real and the imaginary part.
    Complex(f64, f64),
    /// A string.
    String(String),
    /// A `[]byte`, or a string that is not UTF-8.
    Bytes(Vec<u8>),
    /// A slice or an array.
    List(Vec<Value>),
    /// A map, in the order received, which in Go is random.
    Map(Vec<(Value, Value)>),
    /// A struct: its name, and the fields that were sent. Fields that are zero are not sent.
    ///
    /// All values of a type that were received together share its names.
    Struct {
        /// The name of the type, without its package; empty where Go sends none.
        name: Arc<str>,
        /// Names and values.
        fields: Vec<(Arc<str>, Value)>,
    },
    /// What a Go type's own encoder made of it, as `time.Time` has one.
    Opaque {
        /// The name of the type, without its package.
        name: Arc<str>,
        /// The encoder's output.
        bytes: Vec<u8>,
    },
    /// An interface value.
    Interface {
        /// The name under which its type is registered.
        name: Arc<str>,
        /// The type that the sender described.
        schema: Schema,
        /// What is in it.
        value: Box<Value>,
    },
}

impl Value {
    /// The field of a struct; None when it is zero and so was not sent, or when there is no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Struct { fields, .. } => fields
                .iter()
                .find(|(field, _)| **field == *name)
                .map(|(_, value)| value),
            Self::Interface { value, .. } => value.field(name),
            _ => None,
        }
    }

    /// The value in an interface value, and in interface values in it; any other value itself.
    #[must_use]
    pub fn concrete(&self) -> &Value {
        match self {
            Self::Interface { value, .. } => value.concrete(),
            _ => self,
        }
    }

    /// Decodes the value into a Rust type, given the type that came with it.
    ///
    /// # Errors
    ///
    /// When the value is not of the type, or `T` cannot take it.
    pub fn decode<T: de::DeserializeOwned>(&self, schema: &Schema) -> Result<T, DecodeError> {
        super::encode::to_raw_as(schema, self)
            .map_err(<DecodeError as de::Error>::custom)?
            .decode()
    }

    /// As an interface value: what Go would decode into an `interface{}`.
    ///
    /// # Errors
    ///
    /// When Go has no name for the type of the value: a struct that was in no interface value.
    pub fn to_any(&self) -> Result<Any, EncodeError> {
        let raw = super::encode::to_raw_as(&Schema::interface(), self)?;
        raw.decode().map_err(serde::ser::Error::custom)
    }
}

/// In other formats, a value is what it holds; type names are lost.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if gob_ser::is_interface_serializer::<S>() {
            return gob_ser::hand_on(serializer, Hand::Value(self.clone()));
        }
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Uint(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Complex(re, im) => (re, im).serialize(serializer),
            Self::String(value) => serializer.serialize_str(value),
            Self::Bytes(bytes) | Self::Opaque { bytes, .. } => serializer.serialize_bytes(bytes),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Self::Struct { fields, .. } => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(&**name, value)?;
                }
                map.end()
            }
            Self::Interface { value, .. } => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(MARKER, ValueVisitor)
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

    /// Only this module's deserializer calls this, with the value in hand.
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        match any::take_over() {
            Some(Hand::Value(value)) => Ok(value),
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
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

//! [`Value`]: any value, with nothing known about it beforehand.

use std::sync::Arc;

use crate::types::Schema;

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
/// A value encodes to what it was decoded from, byte for byte, in the place of an interface value
/// or together with the type that came with it:
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
    /// The field of a struct; None when it is zero and so was not sent, or when there is no such
    /// field.
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
}

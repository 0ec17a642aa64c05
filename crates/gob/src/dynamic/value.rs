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
/// So it does in a field. A struct that came in a field of type `Value` keeps its type, and is sent
/// on as the same type, changed or not, whether the Go field has an interface type or the struct's:
///
/// ```
/// use plugwire_gob::{self as gob, Value};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # #[serde(rename_all = "PascalCase")]
/// # struct Person { name: String, age: i64 }
/// # #[derive(Serialize, Deserialize)]
/// # #[serde(rename = "Event", rename_all = "PascalCase")]
/// # struct Sent { payload: Person }
/// # let received = gob::to_vec(&Sent { payload: Person { name: "Ann".into(), age: 0 } })?;
/// // type Event struct { Payload Person }
/// #[derive(Serialize, Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Event { payload: Value }
///
/// let mut event: Event = gob::from_slice(&received)?;
/// event.payload.set("Age", 41);
/// let sent_on = gob::to_vec(&event)?;
/// # let back: Sent = gob::from_slice(&sent_on)?;
/// # assert_eq!((&*back.payload.name, back.payload.age), ("Ann", 41));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Without a value there is no such type: a field that is nil is sent as one of an interface type,
/// which Go refuses where its field has another. A whole value as [`Any`](crate::Any) passes in any
/// case.
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
    /// An interface value; or, without a name, a struct that was in a field of type `Value` and in
    /// no interface value, with its type.
    Interface {
        /// The name under which its type is registered, or an empty one.
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

    /// The same, to be changed. A field that was zero, and so was not sent, is [set](Self::set)
    /// instead.
    #[must_use]
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Value> {
        match self.concrete_mut() {
            Self::Struct { fields, .. } => fields
                .iter_mut()
                .find(|(field, _)| **field == *name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Gives a field of a struct a value, whether it was sent or not. Encoding is an error for a
    /// field that the type does not have, and for a value of another type than the field's.
    /// Does nothing to a value that is no struct.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(field) = self.field_mut(name) {
            *field = value.into();
        } else if let Self::Struct { fields, .. } = self.concrete_mut() {
            fields.push((name.into(), value.into()));
        }
    }

    /// The same value under the name of a registered type, for an interface type of the receiver:
    /// see [`Any::named`](crate::Any::named). A value that did not come with a type stays as it is.
    #[must_use]
    pub fn registered_as(self, name: &str) -> Self {
        match self {
            Self::Interface { schema, value, .. } => Self::Interface {
                name: name.into(),
                schema,
                value,
            },
            other => other,
        }
    }

    /// As [`concrete`](Self::concrete), to be changed.
    #[must_use]
    pub fn concrete_mut(&mut self) -> &mut Value {
        match self {
            Self::Interface { value, .. } => value.concrete_mut(),
            other => other,
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

macro_rules! from {
    ($($ty:ty => $variant:ident;)*) => {$(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Bool;
    i8 => Int;
    i16 => Int;
    i32 => Int;
    i64 => Int;
    u8 => Uint;
    u16 => Uint;
    u32 => Uint;
    u64 => Uint;
    f32 => Float;
    f64 => Float;
    String => String;
    &str => String;
    Vec<u8> => Bytes;
    &[u8] => Bytes;
    Vec<Value> => List;
}

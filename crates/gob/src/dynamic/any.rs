//! [`Any`]: a Go interface value.

use std::fmt;
use std::sync::Arc;

use crate::raw::RawValue;

/// A Go interface value: nil, a basic value, or a value of a named type.
///
/// Go sends the type's name with the value, so the name matters: `Any::Int(1)` arrives as an `int`
/// and `Any::Int64(1)` as an `int64`, which are different types to a Go program. `From` picks the
/// Go type of the same width.
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
    /// Whether the name is that of a registered type. Otherwise the value was in no interface
    /// value, and the name describes its type.
    pub(crate) registered: bool,
    pub(crate) value: RawValue,
}

impl Named {
    /// The name under which Go registered the type: `main.Person`, `*pkg.Bar`, `[]string`. For a
    /// value that was in no interface value, its type as the sender described it: `Person`.
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
    /// The same value under the name of a registered type, for an interface type of the receiver:
    /// see [`named`](Any::named). Nil and basic values have the name of their Go type, and stay as
    /// they are.
    #[must_use]
    pub fn registered_as(self, name: &str) -> Self {
        match self {
            Self::Named(named) => Self::Named(Named {
                name: name.into(),
                registered: true,
                ..named
            }),
            basic => basic,
        }
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
            // Of the same type, so the same one of these is Some for both.
            _ => {
                self.as_bool() == other.as_bool()
                    && self.as_i64() == other.as_i64()
                    && self.as_u64() == other.as_u64()
                    && self.as_f64() == other.as_f64()
                    && self.as_str() == other.as_str()
                    && self.as_bytes() == other.as_bytes()
            }
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
    Box<str> => String;
    &String => String;
    std::borrow::Cow<'_, str> => String;
    bytes::Bytes => Bytes;
    f32 => Float32;
    f64 => Float64;
    String => String;
    &str => String;
    Vec<u8> => Bytes;
    &[u8] => Bytes;
}

impl From<char> for Any {
    /// Go's `rune`, which is an `int32`.
    fn from(value: char) -> Self {
        // A char has 21 bits.
        Self::Int32(u32::from(value) as i32)
    }
}

impl From<isize> for Any {
    /// Go's `int`.
    fn from(value: isize) -> Self {
        Self::Int(value as i64)
    }
}

impl From<usize> for Any {
    /// Go's `uint`.
    fn from(value: usize) -> Self {
        Self::Uint(value as u64)
    }
}

impl From<()> for Any {
    fn from((): ()) -> Self {
        Self::Nil
    }
}

impl<const N: usize> From<&[u8; N]> for Any {
    /// Go's `[]byte`, and not an array.
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T: Into<Any>> From<Option<T>> for Any {
    /// Nil for `None`.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

// A list can have very many: see `Limits`.
const _: () = assert!(size_of::<Any>() <= 80);

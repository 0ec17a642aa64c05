//! Byte strings that are asked for as sequences: for `Vec<u8>` copied as a whole.
//!
//! serde fills a `Vec` element by element, and has no way to say that the elements are there in one piece. But which
//! type the visitor of `Vec<u8>` is can be found out, and the value of that visitor is a `Vec<u8>`.

use std::any::TypeId;
use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::access::Bytewise;
use crate::error::{DecodeError, DecodeErrorKind};

/// Gives bytes to a visitor that wants a sequence, and must take all of them.
pub(super) fn visit_seq<'de, V: Visitor<'de>>(
    bytes: &'de [u8],
    visitor: V,
) -> Result<V::Value, DecodeError> {
    if let Some(value) = copy::<V>(bytes) {
        return Ok(value);
    }
    let left = Cell::new(0);
    let value = visitor.visit_seq(Bytewise {
        bytes: bytes.iter(),
        left: &left,
    })?;
    match left.get() {
        0 => Ok(value),
        rest => Err(DecodeErrorKind::ArrayLength {
            count: bytes.len() as u64,
            len: (bytes.len() - rest) as u64,
        }
        .into()),
    }
}

/// The visitor's value, when it is serde's own visitor of `Vec<u8>`. Others may do with the bytes what they like.
fn copy<'de, V: Visitor<'de>>(bytes: &[u8]) -> Option<V::Value> {
    static OF_VEC: LazyLock<Option<TypeId>> = LazyLock::new(|| {
        Vec::<u8>::deserialize(Ask)
            .err()
            .and_then(|visitor| visitor.0)
    });

    let mut value: Option<V::Value> = None;
    if let Ok(value) = castaway::cast!(&mut value, &mut Option<Vec<u8>>)
        && *OF_VEC == Some(typeid::of::<V>())
    {
        *value = Some(bytes.to_vec());
    }
    value
}

/// Finds out the visitor of a type that asks for a sequence.
struct Ask;

/// Not much of an error: what was found out.
#[derive(Debug)]
struct Found(Option<TypeId>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Found {}

impl de::Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

impl<'de> Deserializer<'de> for Ask {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(None))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(Some(typeid::of::<V>())))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf option unit unit_struct newtype_struct tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

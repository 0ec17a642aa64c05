//! Zero values, for nil and for what the sender left out.

use std::marker::PhantomData;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

/// Deserializes as nil, and so, read leniently, as the zero of whatever is asked for.
pub(super) struct Zero<E> {
    /// Whether a type that takes anything is given nil, too.
    any: bool,
    error: PhantomData<E>,
}

impl<E> Zero<E> {
    pub(super) fn new(any: bool) -> Self {
        Zero {
            any,
            error: PhantomData,
        }
    }
}

macro_rules! nil {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            visitor.visit_unit()
        }
    )*};
}

impl<'de, E: de::Error> Deserializer<'de> for Zero<E> {
    type Error = E;

    nil! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        if self.any {
            visitor.visit_unit()
        } else {
            Err(E::custom("its type is not known"))
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_unit()
    }
}

/// A number of zeros.
pub(super) struct Many<E> {
    left: usize,
    error: PhantomData<E>,
}

impl<E> Many<E> {
    pub(super) fn new(left: usize) -> Self {
        Many {
            left,
            error: PhantomData,
        }
    }
}

impl<'de, E: de::Error> de::SeqAccess<'de> for Many<E> {
    type Error = E;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, E> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Zero::new(true)).map(Some)
    }
}

/// A map without entries.
pub(super) struct NoEntries<E>(PhantomData<E>);

impl<E> NoEntries<E> {
    pub(super) fn new() -> Self {
        NoEntries(PhantomData)
    }
}

impl<'de, E: de::Error> de::MapAccess<'de> for NoEntries<E> {
    type Error = E;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<Option<S::Value>, E> {
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, _: S) -> Result<S::Value, E> {
        Err(E::custom("a value was asked for without its key"))
    }
}

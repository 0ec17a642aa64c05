//! Reading values.

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, Error as _, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::RichError;
use super::cursor::{Cursor, Head};

/// How much deeper a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    limit: usize,
    /// Lists and maps.
    containers: usize,
    /// Types: each list or map may be in an enum, an `Option` and a newtype of its own. A type that
    /// contains itself would use up the stack otherwise: a newtype takes no bytes.
    types: usize,
}

impl Depth {
    pub(super) fn new(limit: usize) -> Self {
        Depth {
            limit,
            containers: limit,
            types: limit.saturating_mul(4),
        }
    }

    /// Within a type that takes no bytes of its own.
    fn wrapped(self) -> Result<Self, RichError> {
        match self.types.checked_sub(1) {
            Some(types) => Ok(Depth { types, ..self }),
            None => Err(RichError::TooDeep { limit: self.limit }),
        }
    }

    /// Within a list or map.
    fn inside(self) -> Result<Self, RichError> {
        match self.containers.checked_sub(1) {
            Some(containers) => Depth { containers, ..self }.wrapped(),
            None => Err(RichError::TooDeep { limit: self.limit }),
        }
    }
}

/// Reads one value.
pub(super) struct Deserializer<'a, 'de> {
    cursor: &'a mut Cursor<'de>,
    depth: Depth,
    /// Whether it is the whole value: then `()` takes anything, as a caller that needs no reply
    /// reads it.
    whole: bool,
}

impl<'a, 'de> Deserializer<'a, 'de> {
    pub(super) fn whole(cursor: &'a mut Cursor<'de>, depth: Depth) -> Self {
        Deserializer {
            cursor,
            depth,
            whole: true,
        }
    }

    fn part(cursor: &'a mut Cursor<'de>, depth: Depth) -> Self {
        Deserializer {
            cursor,
            depth,
            whole: false,
        }
    }

    /// Gives the visitor what stands there.
    fn visit<V: Visitor<'de>>(self, head: Head<'de>, visitor: V) -> Result<V::Value, RichError> {
        match head {
            Head::Nil(somes) => Nil::new(somes, self.depth).visit(visitor),
            Head::Bool(value) => visitor.visit_bool(value),
            Head::Uint(value) => visitor.visit_u64(value),
            Head::Int(value) => visitor.visit_i64(value),
            Head::Large(value) => visitor.visit_u128(value),
            Head::Negative(value) => visitor.visit_i128(value),
            Head::Float32(value) => visitor.visit_f32(value),
            Head::Float64(value) => visitor.visit_f64(value),
            Head::Str(value) => visitor.visit_borrowed_str(value),
            Head::Bytes(value) => visitor.visit_borrowed_bytes(value),
            Head::ByteList(value) => byte_list(value, visitor),
            Head::List(left) => {
                let depth = self.depth.inside()?;
                let mut parts = Parts::new(self.cursor, left, depth);
                let value = visitor.visit_seq(&mut parts)?;
                parts.finish(left, value)
            }
            Head::Map(left) => {
                let depth = self.depth.inside()?;
                let mut parts = Parts::new(self.cursor, left, depth);
                let value = visitor.visit_map(&mut parts)?;
                parts.finish(left, value)
            }
        }
    }

    fn list<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        match self.cursor.head()? {
            Head::Bytes(bytes) => byte_list(bytes, visitor),
            head => self.visit(head, visitor),
        }
    }

    fn unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        if self.whole {
            self.cursor.skip()?;
            return visitor.visit_unit();
        }
        match self.cursor.head()? {
            // A unit struct, as rmp-serde writes it.
            Head::List(0) => visitor.visit_unit(),
            head => self.visit(head, visitor),
        }
    }
}

fn byte_list<'de, V: Visitor<'de>>(bytes: &'de [u8], visitor: V) -> Result<V::Value, RichError> {
    let mut items = SeqDeserializer::<_, RichError>::new(bytes.iter().copied());
    let value = visitor.visit_seq(&mut items)?;
    items.end()?;
    Ok(value)
}

impl<'de> de::Deserializer<'de> for Deserializer<'_, 'de> {
    type Error = RichError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        let head = self.cursor.head()?;
        self.visit(head, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string map identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        if self.cursor.at_nil() || self.cursor.at_somes() {
            let head = self.cursor.head()?;
            return match head {
                Head::Nil(somes) => Nil::new(somes, self.depth).option(visitor),
                head => self.visit(head, visitor),
            };
        }
        let depth = self.depth.wrapped()?;
        visitor.visit_some(Deserializer::part(self.cursor, depth))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        match self.cursor.head()? {
            Head::ByteList(bytes) => visitor.visit_borrowed_bytes(bytes),
            head => self.visit(head, visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        self.unit(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, RichError> {
        self.unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, RichError> {
        self.depth = self.depth.wrapped()?;
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, RichError> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, RichError> {
        self.list(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RichError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RichError> {
        match self.cursor.head()? {
            Head::Str(name) => visitor.visit_enum(BorrowedStrDeserializer::new(name)),
            Head::Map(1) => {
                let depth = self.depth.inside()?;
                visitor.visit_enum(Deserializer::part(self.cursor, depth))
            }
            head => Err(RichError::invalid_type(head.unexpected(), &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        self.cursor.skip()?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

impl Head<'_> {
    fn unexpected(&self) -> Unexpected<'_> {
        match *self {
            Head::Nil(0) => Unexpected::Unit,
            Head::Nil(_) => Unexpected::Option,
            Head::Bool(value) => Unexpected::Bool(value),
            Head::Uint(value) => Unexpected::Unsigned(value),
            Head::Int(value) => Unexpected::Signed(value),
            Head::Large(_) | Head::Negative(_) => Unexpected::Other("an integer of 128 bits"),
            Head::Float32(value) => Unexpected::Float(value.into()),
            Head::Float64(value) => Unexpected::Float(value),
            Head::Str(value) => Unexpected::Str(value),
            Head::Bytes(value) => Unexpected::Bytes(value),
            Head::ByteList(_) | Head::List(_) => Unexpected::Seq,
            Head::Map(_) => Unexpected::Map,
        }
    }
}

/// The parts of a list or map that are still to be read.
struct Parts<'a, 'de> {
    cursor: &'a mut Cursor<'de>,
    left: u32,
    depth: Depth,
}

impl<'a, 'de> Parts<'a, 'de> {
    fn new(cursor: &'a mut Cursor<'de>, left: u32, depth: Depth) -> Self {
        Parts {
            cursor,
            left,
            depth,
        }
    }

    fn part<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, RichError> {
        seed.deserialize(Deserializer::part(self.cursor, self.depth))
    }

    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, RichError> {
        match self.left.checked_sub(1) {
            None => Ok(None),
            Some(left) => {
                self.left = left;
                self.part(seed).map(Some)
            }
        }
    }

    /// What was not asked for would be read as what follows.
    fn finish<T>(self, all: u32, value: T) -> Result<T, RichError> {
        match self.left {
            0 => Ok(value),
            left => {
                let fewer = format!("{} elements", all - left);
                Err(RichError::invalid_length(all as usize, &fewer.as_str()))
            }
        }
    }
}

impl<'de> de::SeqAccess<'de> for Parts<'_, 'de> {
    type Error = RichError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, RichError> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

impl<'de> de::MapAccess<'de> for Parts<'_, 'de> {
    type Error = RichError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, RichError> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, RichError> {
        self.part(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

/// The name of a variant with data, and then its data.
impl<'de> de::EnumAccess<'de> for Deserializer<'_, 'de> {
    type Error = RichError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), RichError> {
        let name = seed.deserialize(Deserializer::part(&mut *self.cursor, self.depth))?;
        Ok((name, self))
    }
}

impl<'de> de::VariantAccess<'de> for Deserializer<'_, 'de> {
    type Error = RichError;

    fn unit_variant(self) -> Result<(), RichError> {
        de::Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, RichError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, RichError> {
        self.list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RichError> {
        de::Deserializer::deserialize_any(self, visitor)
    }
}

/// A nil, with so many `Some` around it.
struct Nil {
    somes: u32,
    depth: Depth,
}

impl Nil {
    fn new(somes: u32, depth: Depth) -> Self {
        Nil { somes, depth }
    }

    /// Without the outermost `Some`, if there is one.
    fn peel(&self) -> Result<Option<Nil>, RichError> {
        match self.somes.checked_sub(1) {
            Some(somes) => Ok(Some(Nil::new(somes, self.depth.wrapped()?))),
            None => Ok(None),
        }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        match self.peel()? {
            Some(inner) => visitor.visit_some(inner),
            None => visitor.visit_unit(),
        }
    }

    fn option<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        match self.peel()? {
            Some(inner) => visitor.visit_some(inner),
            None => visitor.visit_none(),
        }
    }
}

impl<'de> de::Deserializer<'de> for Nil {
    type Error = RichError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        self.visit(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        self.option(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, RichError> {
        self.depth = self.depth.wrapped()?;
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RichError> {
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

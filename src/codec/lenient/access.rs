//! The parts of a list, map, struct or enum, each read leniently.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use plugwire_base::field_quirks::field_of_key;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Unexpected, Visitor};

use super::field_quirks::{MissingFields, QUIRKS};
use super::{Asked, Nil, Zero, deeper};
use crate::gob::__private::TIMESTAMP;

/// Reads a part leniently, one level deeper.
pub(super) struct Seed<S> {
    seed: S,
    depth: usize,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(deeper(deserializer, self.depth)?)
    }
}

/// The elements of a list.
pub(super) struct Items<A> {
    access: A,
    depth: usize,
}

impl<A> Items<A> {
    pub(super) fn new(access: A, depth: usize) -> Self {
        Items { access, depth }
    }
}

impl<'de, A: de::SeqAccess<'de>> de::SeqAccess<'de> for Items<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let depth = self.depth;
        self.access.next_element_seed(Seed { seed, depth })
    }

    fn size_hint(&self) -> Option<usize> {
        self.access.size_hint()
    }
}

/// The entries of a map or struct, and zeros for the absent fields of a struct.
pub(super) struct Fields<A> {
    access: A,
    depth: usize,
    visitor: fn() -> TypeId,
    /// Whether an absent field that takes any type is given nil: for a struct, but not for a map,
    /// which may be a struct with others flattened into it. serde copies the values of those, and
    /// does not find zeros among them.
    any: bool,
    quirks: Option<Arc<MissingFields>>,
    /// The fields of the keys so far, for a struct that misses fields.
    seen: Vec<u64>,
    /// How many of the fields in `quirks` were looked at.
    looked_at: usize,
    /// The field whose zero is due.
    zero: Option<&'static str>,
}

impl<A> Fields<A> {
    /// Has the visitor read all entries.
    pub(super) fn read<'de, V>(
        access: A,
        visitor: V,
        asked: Asked,
        depth: usize,
    ) -> Result<V::Value, A::Error>
    where
        V: Visitor<'de>,
        A: de::MapAccess<'de>,
    {
        let id = typeid::of::<V>;
        let fields = Fields {
            access,
            depth,
            visitor: id,
            any: asked == Asked::Struct,
            quirks: QUIRKS.about(id),
            seen: Vec::new(),
            looked_at: 0,
            zero: None,
        };
        visitor.visit_map(fields).map_err(|error| match error {
            StructError::Missing(name) => {
                QUIRKS.note(id, |quirks| quirks.add(name));
                de::Error::missing_field(name)
            }
            StructError::Other(error) => error,
        })
    }

    /// The next field that needs a zero, and what identifies its key where that is known.
    fn missed(&mut self) -> Option<(&'static str, Option<u64>)> {
        let quirks = self.quirks.as_ref()?;
        for &(name, field) in quirks.fields.get(self.looked_at..)? {
            self.looked_at += 1;
            if field.is_none_or(|field| !self.seen.contains(&field)) {
                return Some((name, field));
            }
        }
        None
    }
}

impl<'de, A: de::MapAccess<'de>> de::MapAccess<'de> for Fields<A> {
    type Error = StructError<A::Error>;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        let depth = self.depth;
        // A seed can be used once, so it has to be known whether there is another entry.
        let mut unused = Some(seed);
        let key = self.access.next_key_seed(Later {
            seed: &mut unused,
            depth,
        });
        if let Some(key) = key.map_err(StructError::Other)? {
            if self.quirks.is_some() {
                let field = field_of_key(&key);
                // All names that the struct does not have share one key.
                if !self.seen.contains(&field) {
                    self.seen.push(field);
                }
            }
            return Ok(Some(key));
        }
        let (Some(seed), Some((name, known))) = (unused, self.missed()) else {
            return Ok(None);
        };
        let key = seed.deserialize(BorrowedStrDeserializer::new(name))?;
        if known.is_none() {
            let field = field_of_key(&key);
            QUIRKS.note(self.visitor, |quirks| quirks.set_key(name, field));
            if self.seen.contains(&field) {
                // It came under another name. That is known now, and the value is read again.
                return Err(de::Error::duplicate_field(name));
            }
        }
        self.zero = Some(name);
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Self::Error> {
        let depth = self.depth;
        let Some(name) = self.zero.take() else {
            let value = self.access.next_value_seed(Seed { seed, depth });
            return value.map_err(StructError::Other);
        };
        let zero = Zero::<A::Error>::new(self.any);
        deeper(zero, depth)
            .and_then(|zero| seed.deserialize(zero))
            .map_err(|error| {
                let text = format!("missing field `{name}`, and it has no zero: {error}");
                StructError::Other(de::Error::custom(text))
            })
    }

    fn size_hint(&self) -> Option<usize> {
        self.access.size_hint()
    }
}

/// A seed that is still there when it was not needed.
struct Later<'a, S> {
    seed: &'a mut Option<S>,
    depth: usize,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Later<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        match self.seed.take() {
            Some(seed) => seed.deserialize(deeper(deserializer, self.depth)?),
            None => Err(de::Error::custom("a key was read twice")),
        }
    }
}

/// An error of a struct, which keeps a missing field apart from every other error.
#[derive(Debug)]
pub(super) enum StructError<E> {
    Missing(&'static str),
    Other(E),
}

impl<E: fmt::Display> fmt::Display for StructError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StructError::Missing(name) => write!(f, "missing field `{name}`"),
            StructError::Other(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for StructError<E> {}

impl<E: de::Error> de::Error for StructError<E> {
    fn custom<T: fmt::Display>(text: T) -> Self {
        StructError::Other(E::custom(text))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        StructError::Other(E::invalid_type(unexpected, expected))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        StructError::Other(E::invalid_value(unexpected, expected))
    }

    fn invalid_length(len: usize, expected: &dyn de::Expected) -> Self {
        StructError::Other(E::invalid_length(len, expected))
    }

    fn missing_field(name: &'static str) -> Self {
        StructError::Missing(name)
    }
}

/// Has an enum's visitor read its variant leniently.
pub(super) struct Enum<V> {
    pub(super) visitor: V,
    pub(super) depth: usize,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Enum<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let depth = self.depth;
        self.visitor.visit_enum(EnumAccess { access, depth })
    }
}

pub(super) struct EnumAccess<A> {
    access: A,
    depth: usize,
}

impl<'de, A: de::EnumAccess<'de>> de::EnumAccess<'de> for EnumAccess<A> {
    type Error = A::Error;
    type Variant = EnumAccess<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let depth = self.depth;
        let (value, access) = self.access.variant_seed(Seed { seed, depth })?;
        Ok((value, EnumAccess { access, depth }))
    }
}

impl<'de, A: de::VariantAccess<'de>> de::VariantAccess<'de> for EnumAccess<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.access.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let depth = self.depth;
        self.access.newtype_variant_seed(Seed { seed, depth })
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let (asked, depth) = (Asked::Tuple(len), self.depth);
        self.access.tuple_variant(
            len,
            Nil {
                visitor,
                asked,
                depth,
            },
        )
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let (asked, depth) = (Asked::Struct, self.depth);
        self.access.struct_variant(
            fields,
            Nil {
                visitor,
                asked,
                depth,
            },
        )
    }
}

/// Reads the bytes of an extension, whatever its type; but a time's has to be the one for times.
pub(super) struct Extension<V>(pub(super) Nil<V>);

impl<'de, V: Visitor<'de>> Visitor<'de> for Extension<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<V::Value, A::Error> {
        let kind: Option<i8> = access.next_element()?;
        if self.0.asked == Asked::Time && kind != Some(TIMESTAMP) {
            let kind = kind.unwrap_or_default();
            let text = format!("an extension of type {kind} where a time was expected");
            return Err(de::Error::custom(text));
        }
        let payload = access.next_element_seed(Payload(self.0))?;
        payload.ok_or_else(|| de::Error::custom("an extension without bytes"))
    }
}

struct Payload<V>(Nil<V>);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Payload<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_bytes(self.0)
    }
}

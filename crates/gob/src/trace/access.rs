//! How visitors reach the parts of what is traced.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::deserializer::{TraceDe, Traced};
use super::{Key, Trace};
use crate::compat::field_group;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::Field;

/// Elements of a sequence or a tuple.
pub(super) struct Elements<'a, 'p> {
    pub(super) t: &'a mut Trace<'p>,
    pub(super) left: usize,
    pub(super) count: usize,
    pub(super) seen: Vec<Traced>,
}

impl SeqAccess<'static> for Elements<'_, '_> {
    type Error = EncodeError;

    fn next_element_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, EncodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        let index = self.count - self.left;
        self.left -= 1;
        let mut seen = Traced::default();
        let value = seed
            .deserialize(TraceDe::new(self.t, &mut seen))
            .map_err(|err| err.within(format!("[{index}]")))?;
        self.seen.push(seen);
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

pub(super) struct Entries<'a, 'p> {
    pub(super) t: &'a mut Trace<'p>,
    pub(super) left: usize,
    pub(super) key: Option<Traced>,
    pub(super) elem: Option<Traced>,
}

impl MapAccess<'static> for Entries<'_, '_> {
    type Error = EncodeError;

    fn next_key_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, EncodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let out = self.key.insert(Traced::default());
        seed.deserialize(TraceDe::new(self.t, out))
            .map(Some)
            .map_err(|err| err.within("[key]"))
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, EncodeError> {
        let out = self.elem.insert(Traced::default());
        seed.deserialize(TraceDe::new(self.t, out))
            .map_err(|err| err.within("[value]"))
    }
}

pub(super) struct Fields<'a, 'p> {
    pub(super) t: &'a mut Trace<'p>,
    pub(super) key: Key,
    pub(super) names: std::slice::Iter<'static, &'static str>,
    pub(super) current: &'static str,
    pub(super) found: Vec<Field>,
    pub(super) groups: Vec<(&'static str, u64)>,
}

impl MapAccess<'static> for Fields<'_, '_> {
    type Error = EncodeError;

    fn next_key_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, EncodeError> {
        let plan = self.t.plan;
        let key = self.key;
        let Some(name) = self
            .names
            .find(|name| !plan.aliases.contains(&(key, **name)))
        else {
            return Ok(None);
        };
        self.current = name;
        let name: BorrowedStrDeserializer<'static, EncodeError> =
            BorrowedStrDeserializer::new(name);
        let value = seed.deserialize(name)?;
        self.groups.push((self.current, field_group(&value)));
        Ok(Some(value))
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, EncodeError> {
        let mut out = Traced::default();
        let value = seed
            .deserialize(TraceDe::new(self.t, &mut out))
            .map_err(|err| err.within(self.current))?;
        self.found.push(Field::new(self.current, out.id));
        Ok(value)
    }
}

pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) variant: &'static str,
}

impl Variant {
    fn refuse<T>(self) -> Result<T, EncodeError> {
        let Self { name, variant } = self;
        Err(EncodeErrorKind::VariantWithData { name, variant }.into())
    }
}

impl EnumAccess<'static> for Variant {
    type Error = EncodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'static>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), EncodeError> {
        let name: BorrowedStrDeserializer<'static, EncodeError> =
            BorrowedStrDeserializer::new(self.variant);
        Ok((seed.deserialize(name)?, self))
    }
}

impl VariantAccess<'static> for Variant {
    type Error = EncodeError;

    fn unit_variant(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'static>>(
        self,
        _: S,
    ) -> Result<S::Value, EncodeError> {
        self.refuse()
    }

    fn tuple_variant<V: Visitor<'static>>(self, _: usize, _: V) -> Result<V::Value, EncodeError> {
        self.refuse()
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, EncodeError> {
        self.refuse()
    }
}

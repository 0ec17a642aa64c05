//! How visitors reach the parts of what is traced.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::losses::{Place, Step};
use super::run::{Key, Run, Traced};
use crate::compat::field_of_key;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::types::Field;

type Result<T> = std::result::Result<T, EncodeError>;

/// Notes what one value asks for.
pub(super) struct Tracer<'a, 'p> {
    pub(super) run: &'a mut Run<'p>,
    pub(super) out: &'a mut Traced,
    /// The value is to be an array: see [`array`](mod@crate::array).
    pub(super) array: bool,
    pub(super) place: Place,
}

impl<'a, 'p> Tracer<'a, 'p> {
    /// A value that stands alone.
    pub(super) fn new(run: &'a mut Run<'p>, out: &'a mut Traced) -> Self {
        Self::at(Place::Whole, run, out)
    }

    pub(super) fn at(place: Place, run: &'a mut Run<'p>, out: &'a mut Traced) -> Self {
        let array = false;
        Self {
            run,
            out,
            array,
            place,
        }
    }
}

/// Elements of a sequence or a tuple.
pub(super) struct TracedElements<'a, 'p> {
    pub(super) run: &'a mut Run<'p>,
    left: usize,
    pub(super) seen: Vec<Traced>,
    /// Whether they are the fields of a struct.
    fields: bool,
}

impl<'a, 'p> TracedElements<'a, 'p> {
    pub(super) fn new(run: &'a mut Run<'p>, left: usize) -> Self {
        Self {
            run,
            left,
            seen: Vec::new(),
            fields: false,
        }
    }

    /// Elements that are lettered fields to Go.
    pub(super) fn fields(run: &'a mut Run<'p>, left: usize) -> Self {
        let fields = true;
        Self {
            fields,
            ..Self::new(run, left)
        }
    }
}

impl SeqAccess<'static> for TracedElements<'_, '_> {
    type Error = EncodeError;

    fn next_element_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        let index = self.seen.len();
        self.left -= 1;
        let mut seen = Traced::default();
        let (place, step) = match self.fields {
            true => (Place::Field, Step::Tuple(index)),
            false => (Place::Element, Step::Item),
        };
        let value = self
            .run
            .within(step, |run| {
                seed.deserialize(Tracer::at(place, run, &mut seen))
            })
            .map_err(|error| error.within(format!("[{index}]")))?;
        self.seen.push(seen);
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Entries of a map.
pub(super) struct TracedEntries<'a, 'p> {
    pub(super) run: &'a mut Run<'p>,
    left: usize,
    pub(super) key: Option<Traced>,
    pub(super) elem: Option<Traced>,
}

impl<'a, 'p> TracedEntries<'a, 'p> {
    pub(super) fn new(run: &'a mut Run<'p>, left: usize) -> Self {
        let (key, elem) = (None, None);
        Self {
            run,
            left,
            key,
            elem,
        }
    }
}

impl MapAccess<'static> for TracedEntries<'_, '_> {
    type Error = EncodeError;

    fn next_key_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let out = self.key.insert(Traced::default());
        let place = Place::Element;
        self.run
            .within(Step::Key, |run| {
                seed.deserialize(Tracer::at(place, run, out))
            })
            .map(Some)
            .map_err(|error| error.within("[key]"))
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<S::Value> {
        let out = self.elem.insert(Traced::default());
        let place = Place::Element;
        self.run
            .within(Step::Value, |run| {
                seed.deserialize(Tracer::at(place, run, out))
            })
            .map_err(|error| error.within("[value]"))
    }
}

/// Fields of a struct, each as often as serde lists a name for it.
pub(super) struct TracedFields<'a, 'p> {
    pub(super) run: &'a mut Run<'p>,
    key: Key,
    names: std::slice::Iter<'static, &'static str>,
    current: &'static str,
    pub(super) found: Vec<Field>,
    /// The names so far, and which field each leads to.
    pub(super) groups: Vec<(&'static str, u64)>,
}

impl<'a, 'p> TracedFields<'a, 'p> {
    pub(super) fn new(run: &'a mut Run<'p>, key: Key, names: &'static [&'static str]) -> Self {
        Self {
            run,
            key,
            names: names.iter(),
            current: "",
            found: Vec::new(),
            groups: Vec::new(),
        }
    }
}

impl MapAccess<'static> for TracedFields<'_, '_> {
    type Error = EncodeError;

    fn next_key_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let plan = self.run.plan;
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
        self.groups.push((self.current, field_of_key(&value)));
        Ok(Some(value))
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<S::Value> {
        let mut out = Traced::default();
        let (place, step) = (Place::Field, Step::Field(self.current));
        let value = self
            .run
            .within(step, |run| {
                seed.deserialize(Tracer::at(place, run, &mut out))
            })
            .map_err(|error| error.within(self.current))?;
        self.found.push(Field::new(self.current, out.id));
        Ok(value)
    }
}

/// A variant of an enum, which must have no data.
pub(super) struct TracedVariant {
    pub(super) name: &'static str,
    pub(super) variant: &'static str,
}

impl TracedVariant {
    fn refuse<T>(self) -> Result<T> {
        let Self { name, variant } = self;
        Err(EncodeErrorKind::VariantWithData { name, variant }.into())
    }
}

impl EnumAccess<'static> for TracedVariant {
    type Error = EncodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<(S::Value, Self)> {
        let name: BorrowedStrDeserializer<'static, EncodeError> =
            BorrowedStrDeserializer::new(self.variant);
        Ok((seed.deserialize(name)?, self))
    }
}

impl VariantAccess<'static> for TracedVariant {
    type Error = EncodeError;

    fn unit_variant(self) -> Result<()> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'static>>(self, _: S) -> Result<S::Value> {
        self.refuse()
    }

    fn tuple_variant<V: Visitor<'static>>(self, _: usize, _: V) -> Result<V::Value> {
        self.refuse()
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value> {
        self.refuse()
    }
}

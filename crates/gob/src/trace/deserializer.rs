//! The deserializer that notes what it is asked for.

use serde::de::{Deserializer, Visitor};

use super::access::{Elements, Entries, Fields, Variant};
use super::samples::{BYTE_LENGTHS, BYTES, CHARS, FLOATS, INTS, STRINGS, UINTS};
use super::{Key, Kind, Known, MAX_DEPTH, Plan, Slot, Trace};
use crate::error::{EncodeError, EncodeErrorKind, Signal};
use crate::passthrough::{self, Passed};
use crate::types::{Field, Id, Marshaler, StructType, Type, tuple_field};

impl<'p> Trace<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            slots: Vec::new(),
            known: Default::default(),
            leaves: Vec::new(),
            enums: Default::default(),
            new_aliases: Vec::new(),
            depth: 0,
        }
    }

    /// Which of `count` samples to hand out here.
    fn sample(&mut self, count: usize) -> usize {
        let leaf = self.leaves.len();
        self.leaves.push(count);
        // Another run may have had another kind of value at this number.
        let sample = self.plan.samples.get(&leaf).copied();
        sample.filter(|&sample| sample < count).unwrap_or(0)
    }

    fn enter(&mut self) -> Result<(), EncodeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            Err(EncodeErrorKind::TooDeep.into())
        } else {
            Ok(())
        }
    }

    fn open(&mut self, key: Key) -> Id {
        let id = Id(Id::FIRST_USER.0 + self.slots.len() as u32);
        self.slots.push(Slot::Open);
        self.known.insert(key, Known { id, open: true });
        id
    }

    fn close(&mut self, key: Key, place: Id, slot: Slot, id: Id) {
        self.slots[(place.0 - Id::FIRST_USER.0) as usize] = slot;
        self.known.insert(key, Known { id, open: false });
    }
}

/// What was found out about a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Traced {
    pub(super) id: Id,
    /// A slice of these is a byte string.
    pub(super) byte: bool,
}

impl Default for Traced {
    fn default() -> Self {
        Self {
            id: Id(0),
            byte: false,
        }
    }
}

impl From<Id> for Traced {
    fn from(id: Id) -> Self {
        Self { id, byte: false }
    }
}

pub(super) struct TraceDe<'a, 'p> {
    t: &'a mut Trace<'p>,
    out: &'a mut Traced,
}

impl<'a, 'p> TraceDe<'a, 'p> {
    pub(super) fn new(t: &'a mut Trace<'p>, out: &'a mut Traced) -> Self {
        Self { t, out }
    }

    fn text<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        *self.out = Id::STRING.into();
        visitor.visit_borrowed_str(STRINGS[self.t.sample(STRINGS.len())])
    }

    fn bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        *self.out = Id::BYTES.into();
        let len = BYTE_LENGTHS[self.t.sample(BYTE_LENGTHS.len())];
        visitor.visit_borrowed_bytes(&BYTES[..len])
    }

    /// A type with an encoding of its own, whose Go name is in the hand.
    fn opaque<V: Visitor<'static>>(
        self,
        kind: Marshaler,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        let Self { t, out } = self;
        let name = match passthrough::take() {
            Some(Passed::Name(name)) => name,
            _ => "",
        };
        let key = Key {
            visitor: typeid::of::<V>(),
            kind: Kind::Opaque,
            name,
        };
        *out = match t.known.get(&key) {
            Some(known) => known.id,
            None => {
                let place = t.open(key);
                let name = name.into();
                t.close(key, place, Slot::Type(Type::Opaque { name, kind }), place);
                place
            }
        }
        .into();
        visitor.visit_unit()
    }

    fn tuple<V: Visitor<'static>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        let Self { t, out } = self;
        t.enter()?;
        let key = Key {
            visitor: typeid::of::<V>(),
            kind: Kind::Tuple(len),
            name,
        };
        let known = t.known.get(&key).copied();
        let place = known.map_or_else(|| t.open(key), |known| known.id);
        *out = place.into();
        let mut access = Elements {
            t,
            left: len,
            count: len,
            seen: Vec::new(),
        };
        let value = visitor.visit_seq(&mut access)?;
        let seen = access.seen;
        if known.is_none() {
            // The one way to tell an array, whose Go type has a length, from a tuple.
            let is_array = std::any::type_name::<V::Value>().starts_with('[');
            let ty = if is_array {
                let elem = seen.first().map_or(Id::INT, |elem| elem.id);
                Type::Array {
                    elem,
                    len: len as u64,
                }
            } else {
                let fields = seen.iter().enumerate();
                let fields = fields.map(|(i, seen)| Field::new(tuple_field(i), seen.id));
                Type::Struct(StructType::new(name.into(), fields.collect::<Vec<_>>()).into())
            };
            t.close(key, place, Slot::Type(ty), place);
        }
        t.depth -= 1;
        Ok(value)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $ty:ty, $id:ident $samples:ident;)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
            *self.out = Id::$id.into();
            visitor.$visit($samples[self.t.sample($samples.len())] as $ty)
        }
    )*};
}

impl Deserializer<'static> for TraceDe<'_, '_> {
    type Error = EncodeError;

    numbers! {
        deserialize_i8 visit_i8 i8, INT INTS;
        deserialize_i16 visit_i16 i16, INT INTS;
        deserialize_i32 visit_i32 i32, INT INTS;
        deserialize_i64 visit_i64 i64, INT INTS;
        deserialize_i128 visit_i128 i128, INT INTS;
        deserialize_u16 visit_u16 u16, UINT UINTS;
        deserialize_u32 visit_u32 u32, UINT UINTS;
        deserialize_u64 visit_u64 u64, UINT UINTS;
        deserialize_u128 visit_u128 u128, UINT UINTS;
        deserialize_f32 visit_f32 f32, FLOAT FLOATS;
        deserialize_f64 visit_f64 f64, FLOAT FLOATS;
        deserialize_char visit_char char, INT CHARS;
    }

    fn deserialize_u8<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        *self.out = Traced {
            id: Id::UINT,
            byte: true,
        };
        visitor.visit_u8(UINTS[self.t.sample(UINTS.len())] as u8)
    }

    fn deserialize_bool<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        *self.out = Id::BOOL.into();
        visitor.visit_bool(self.t.sample(2) == 1)
    }

    fn deserialize_str<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        self.text(visitor)
    }

    fn deserialize_identifier<V: Visitor<'static>>(
        self,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        self.bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'static>>(
        self,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        self.bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        let Self { t, out } = self;
        let key = Key {
            visitor: typeid::of::<V>(),
            kind: Kind::Option,
            name: "",
        };
        if let Some(known) = t.known.get(&key) {
            *out = known.id.into();
            return visitor.visit_none();
        }
        t.enter()?;
        let place = t.open(key);
        let mut inner = Traced::default();
        let value = visitor.visit_some(TraceDe { t, out: &mut inner })?;
        t.close(key, place, Slot::Same(inner.id), inner.id);
        t.depth -= 1;
        *out = inner.id.into();
        Ok(value)
    }

    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        *self.out = Id::INTERFACE.into();
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'static>>(
        self,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        let Self { t, out } = self;
        let key = Key {
            visitor: typeid::of::<V>(),
            kind: Kind::Struct,
            name,
        };
        *out = match t.known.get(&key) {
            Some(known) => known.id,
            None => {
                let place = t.open(key);
                let ty = Type::Struct(StructType::new(name.into(), []).into());
                t.close(key, place, Slot::Type(ty), place);
                place
            }
        }
        .into();
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        if passthrough::is_dynamic(name) {
            return self.deserialize_unit(visitor);
        }
        if name == passthrough::COMPLEX {
            *self.out = Id::COMPLEX.into();
            return visitor.visit_unit();
        }
        if let Some(kind) = passthrough::marshaler(name) {
            return self.opaque(kind, visitor);
        }
        let Self { t, out } = self;
        t.enter()?;
        let value = visitor.visit_newtype_struct(TraceDe { t, out })?;
        t.depth -= 1;
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        let Self { t, out } = self;
        let key = Key {
            visitor: typeid::of::<V>(),
            kind: Kind::Seq,
            name: "",
        };
        if let Some(&known) = t.known.get(&key) {
            *out = known.id.into();
            // Some collections refuse to be empty; only where that ends is a second element an option.
            let left = if known.open { 0 } else { t.sample(2) };
            t.enter()?;
            let value = visitor.visit_seq(&mut Elements {
                t,
                left,
                count: left,
                seen: Vec::new(),
            })?;
            t.depth -= 1;
            return Ok(value);
        }
        t.enter()?;
        let place = t.open(key);
        let mut access = Elements {
            t,
            left: 1,
            count: 1,
            seen: Vec::new(),
        };
        let value = visitor.visit_seq(&mut access)?;
        let id = match access.seen.first() {
            Some(Traced { byte: true, .. }) => Id::BYTES,
            Some(_) => place,
            None => {
                let why = "it did not ask for an element of a sequence".to_owned();
                return Err(EncodeErrorKind::Untraceable(why).into());
            }
        };
        let elem = access.seen[0].id;
        let slot = match id {
            Id::BYTES => Slot::Same(Id::BYTES),
            _ => Slot::Type(Type::Slice { elem }),
        };
        t.close(key, place, slot, id);
        t.depth -= 1;
        *out = id.into();
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'static>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        self.tuple("", len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        self.tuple(name, len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        let Self { t, out } = self;
        let key = Key {
            visitor: typeid::of::<V>(),
            kind: Kind::Map,
            name: "",
        };
        let known = t.known.get(&key).copied();
        let left = match known {
            Some(Known { open: true, .. }) => 0,
            Some(_) => t.sample(2),
            None => 1,
        };
        t.enter()?;
        let place = known.map_or_else(|| t.open(key), |known| known.id);
        *out = place.into();
        let mut access = Entries {
            t,
            left,
            key: None,
            elem: None,
        };
        let value = visitor.visit_map(&mut access)?;
        let (found_key, found_elem) = (access.key, access.elem);
        if known.is_none() {
            let (Some(map_key), Some(elem)) = (found_key, found_elem) else {
                let why = "it did not ask for an entry of a map".to_owned();
                return Err(EncodeErrorKind::Untraceable(why).into());
            };
            let ty = Type::Map {
                key: map_key.id,
                elem: elem.id,
            };
            t.close(key, place, Slot::Type(ty), place);
        }
        t.depth -= 1;
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        let Self { t, out } = self;
        t.enter()?;
        let key = Key {
            visitor: typeid::of::<V>(),
            kind: Kind::Struct,
            name,
        };
        let known = t.known.get(&key).copied();
        let place = known.map_or_else(|| t.open(key), |known| known.id);
        *out = place.into();
        let mut access = Fields {
            t,
            key,
            names: fields.iter(),
            current: "",
            found: Vec::new(),
            groups: Vec::new(),
        };
        let result = visitor.visit_map(&mut access);
        let Fields { found, groups, .. } = access;
        let value = match result {
            Ok(value) => value,
            Err(err) => {
                if let Some(Signal::DuplicateField(field)) = err.signal()
                    && err.is_bare()
                    && let Some(&(_, last)) = groups.last()
                {
                    // Every name that leads to the same field, but for the field's own.
                    let same = groups
                        .iter()
                        .filter(|(name, group)| *group == last && *name != field);
                    t.new_aliases.extend(same.map(|(name, _)| (key, *name)));
                }
                return Err(err);
            }
        };
        if known.is_none() {
            let ty = Type::Struct(StructType::new(name.into(), found).into());
            t.close(key, place, Slot::Type(ty), place);
        }
        t.depth -= 1;
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, EncodeError> {
        let Self { t, out } = self;
        *out = Id::STRING.into();
        let key = Key {
            visitor: typeid::of::<V>(),
            kind: Kind::Enum,
            name,
        };
        t.enums.insert(key, variants.len());
        let shown = t.plan.variants.get(&key).copied().unwrap_or(0);
        let Some(variant) = variants.get(shown).copied() else {
            let why = format!("enum {name} has no variants");
            return Err(EncodeErrorKind::Untraceable(why).into());
        };
        visitor.visit_enum(Variant { name, variant })
    }

    /// A type that takes whatever it finds can only be an interface value to Go.
    fn deserialize_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value, EncodeError> {
        *self.out = Id::INTERFACE.into();
        match self.t.sample(5) {
            0 => visitor.visit_unit(),
            1 => visitor.visit_borrowed_str(""),
            2 => visitor.visit_i64(0),
            3 => visitor.visit_bool(false),
            _ => visitor.visit_f64(0.0),
        }
    }
}

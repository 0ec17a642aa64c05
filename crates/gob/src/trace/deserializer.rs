//! What each kind of Rust type asks for, and what it gets.

use serde::de::{Deserializer, Visitor};

use super::access::{TracedElements, TracedEntries, TracedFields, TracedVariant, Tracer};
use super::losses::Place;
use super::run::{Draft, Key, Kind, Known, Traced};
use super::samples::{BYTE_LENGTHS, BYTES, CHARS, FLOATS, INTS, STRINGS, UINTS};
use crate::compat::is_array;
use crate::error::{EncodeError, EncodeErrorKind, Signal};
use crate::passthrough::{self, Passed};
use crate::types::{Field, Id, Marshaler, StructType, Type, tuple_field};

type Result<T> = std::result::Result<T, EncodeError>;

impl Tracer<'_, '_> {
    fn text<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        *self.out = Id::STRING.into();
        visitor.visit_borrowed_str(STRINGS[self.run.sample(STRINGS.len())])
    }

    fn bytes<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        *self.out = Id::BYTES.into();
        let len = BYTE_LENGTHS[self.run.sample(BYTE_LENGTHS.len())];
        visitor.visit_borrowed_bytes(&BYTES[..len])
    }

    /// A type that is an interface type to Go.
    fn interface<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        *self.out = Id::INTERFACE.into();
        visitor.visit_unit()
    }

    /// The type inside, and whether there is one: see [`Optional`](crate::Optional).
    fn optional<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        let Self { run, out, .. } = self;
        run.enter()?;
        let key = Key::new::<V>(Kind::Optional, "");
        let (id, new) = run.meet(key);
        *out = id.into();
        if !new {
            run.leave();
            return visitor.visit_none();
        }
        let mut inner = Traced::default();
        let value = visitor.visit_some(Tracer::at(Place::Field, run, &mut inner))?;
        let [value_field, is_some] = passthrough::OPTIONAL_FIELDS;
        let fields = [
            Field::new(value_field, inner.id),
            Field::new(is_some, Id::BOOL),
        ];
        let ty = StructType::new("".into(), fields);
        run.close(key, id, Type::Struct(ty.into()));
        run.leave();
        Ok(value)
    }

    /// A type without parts that needs a definition.
    fn leaf<V: Visitor<'static>>(
        self,
        kind: Kind,
        name: &'static str,
        ty: Type,
        visitor: V,
    ) -> Result<V::Value> {
        let key = Key::new::<V>(kind, name);
        let (id, new) = self.run.meet(key);
        if new {
            self.run.close(key, id, ty);
        }
        *self.out = id.into();
        visitor.visit_unit()
    }

    /// A type with an encoding of its own, whose Go name passes through.
    fn opaque<V: Visitor<'static>>(self, kind: Marshaler, visitor: V) -> Result<V::Value> {
        let go_name = match passthrough::take() {
            Some(Passed::Name(name)) => name,
            _ => "",
        };
        let name = go_name.into();
        self.leaf(Kind::Opaque, go_name, Type::Opaque { name, kind }, visitor)
    }

    /// A type that is marked as an array.
    fn marked_array<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        let Self {
            run, out, place, ..
        } = self;
        let array = true;
        let value = visitor.visit_newtype_struct(Tracer {
            run,
            out,
            array,
            place,
        })?;
        match run.resolve(out.id).1 {
            // An open one is further up, and was one then.
            Some(Draft::Type(Type::Array { .. }) | Draft::Open) => Ok(value),
            _ => Err(untraceable("`array` is for types that ask for a tuple")),
        }
    }

    fn tuple<V: Visitor<'static>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        let Self {
            run, out, array, ..
        } = self;
        let array = array || is_array::<V::Value>();
        run.enter()?;
        let kind = match array {
            true => Kind::Array(len),
            false => Kind::Tuple(len),
        };
        let key = Key::new::<V>(kind, name);
        let (id, new) = run.meet(key);
        *out = id.into();
        let mut access = match array {
            true => TracedElements::new(run, len),
            false => TracedElements::fields(run, len),
        };
        let value = visitor.visit_seq(&mut access)?;
        let seen = access.seen;
        if new {
            let ty = if array {
                let elem = seen.first().map_or(Id::INT, |elem| elem.id);
                if seen.iter().any(|seen| seen.id != elem) {
                    return Err(untraceable("the elements of an array are of several types"));
                }
                let len = len as u64;
                Type::Array { elem, len }
            } else {
                let fields = seen.iter().enumerate();
                let fields = fields.map(|(i, seen)| Field::new(tuple_field(i), seen.id));
                Type::Struct(StructType::new(name.into(), fields.collect::<Vec<_>>()).into())
            };
            run.close(key, id, ty);
        }
        run.leave();
        Ok(value)
    }
}

fn untraceable(why: &str) -> EncodeError {
    EncodeErrorKind::Untraceable(why.to_owned()).into()
}

macro_rules! numbers {
    ($($method:ident $visit:ident $ty:ty, $id:ident $samples:ident;)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
            *self.out = Id::$id.into();
            visitor.$visit($samples[self.run.sample($samples.len())] as $ty)
        }
    )*};
}

macro_rules! forward {
    ($($method:ident $to:ident;)*) => {$(
        fn $method<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
            self.$to(visitor)
        }
    )*};
}

impl Deserializer<'static> for Tracer<'_, '_> {
    type Error = EncodeError;

    numbers! {
        deserialize_i8 visit_i8 i8, INT INTS;
        deserialize_i16 visit_i16 i16, INT INTS;
        deserialize_i32 visit_i32 i32, INT INTS;
        deserialize_i64 visit_i64 i64, INT INTS;
        deserialize_u16 visit_u16 u16, UINT UINTS;
        deserialize_u32 visit_u32 u32, UINT UINTS;
        deserialize_u64 visit_u64 u64, UINT UINTS;
        deserialize_f32 visit_f32 f32, FLOAT FLOATS;
        deserialize_f64 visit_f64 f64, FLOAT FLOATS;
        deserialize_char visit_char char, INT CHARS;
    }

    forward! {
        deserialize_str text;
        deserialize_string text;
        deserialize_identifier text;
        deserialize_bytes bytes;
        deserialize_byte_buf bytes;
        deserialize_ignored_any interface;
    }

    fn deserialize_u8<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        let id = Id::UINT;
        *self.out = Traced { id, byte: true };
        visitor.visit_u8(UINTS[self.run.sample(UINTS.len())] as u8)
    }

    fn deserialize_i128<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        self.run.note_wide();
        self.deserialize_i64(visitor)
    }

    fn deserialize_u128<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        self.run.note_wide();
        self.deserialize_u64(visitor)
    }

    fn deserialize_bool<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        *self.out = Id::BOOL.into();
        visitor.visit_bool(self.run.sample(2) == 1)
    }

    fn deserialize_option<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        let Self {
            run,
            out,
            array,
            place,
        } = self;
        let key = Key::new::<V>(Kind::Option { array }, "");
        let (id, new) = run.meet(key);
        run.note_option(place, id);
        if !new {
            *out = id.into();
            return visitor.visit_none();
        }
        run.enter()?;
        let mut inner = Traced::default();
        let value = visitor.visit_some(Tracer {
            run,
            out: &mut inner,
            array,
            place: Place::Option,
        })?;
        run.close_same(key, id, inner.id);
        run.leave();
        *out = inner.id.into();
        Ok(value)
    }

    fn deserialize_unit<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        self.run.note_unit(self.place);
        self.interface(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        let ty = Type::Struct(StructType::new(name.into(), []).into());
        self.leaf(Kind::Struct, name, ty, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if passthrough::is_dynamic(name) {
            return self.interface(visitor);
        }
        if name == passthrough::COMPLEX {
            *self.out = Id::COMPLEX.into();
            return visitor.visit_unit();
        }
        if name == passthrough::ARRAY {
            return self.marked_array(visitor);
        }
        if let Some(kind) = passthrough::marshaler(name) {
            return self.opaque(kind, visitor);
        }
        if name == passthrough::OPTIONAL {
            return self.optional(visitor);
        }
        let Self {
            run,
            out,
            array,
            place,
        } = self;
        run.enter()?;
        let value = visitor.visit_newtype_struct(Tracer {
            run,
            out,
            array,
            place,
        })?;
        run.leave();
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        let Self { run, out, .. } = self;
        let key = Key::new::<V>(Kind::Seq, "");
        run.enter()?;
        if let Some(&known) = run.known.get(&key) {
            *out = known.id.into();
            // Some collections refuse to be empty. Where recursion ends there, no element is an
            // option of its own.
            let left = if known.open { 0 } else { run.sample(2) };
            let value = visitor.visit_seq(&mut TracedElements::new(run, left))?;
            run.leave();
            return Ok(value);
        }
        let id = run.open(key);
        let mut access = TracedElements::new(run, 1);
        let value = visitor.visit_seq(&mut access)?;
        let Some(&elem) = access.seen.first() else {
            return Err(untraceable("it did not ask for an element of a sequence"));
        };
        *out = match elem.byte {
            true => {
                run.close_same(key, id, Id::BYTES);
                Id::BYTES.into()
            }
            false => {
                run.close(key, id, Type::Slice { elem: elem.id });
                id.into()
            }
        };
        run.leave();
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.tuple("", len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.tuple(name, len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        let Self { run, out, .. } = self;
        let key = Key::new::<V>(Kind::Map, "");
        let left = match run.known.get(&key) {
            Some(Known { open: true, .. }) => 0,
            Some(_) => run.sample(2),
            None => 1,
        };
        run.enter()?;
        let (id, new) = run.meet(key);
        *out = id.into();
        let mut access = TracedEntries::new(run, left);
        let value = visitor.visit_map(&mut access)?;
        let found = access.key.zip(access.elem);
        if new {
            let Some((map_key, elem)) = found else {
                return Err(untraceable("it did not ask for an entry of a map"));
            };
            let (map_key, elem) = (map_key.id, elem.id);
            run.note_key(map_key);
            run.close(key, id, Type::Map { key: map_key, elem });
        }
        run.leave();
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'static>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let Self { run, out, .. } = self;
        run.enter()?;
        let key = Key::new::<V>(Kind::Struct, name);
        let (id, new) = run.meet(key);
        *out = id.into();
        let mut access = TracedFields::new(run, key, fields);
        let result = visitor.visit_map(&mut access);
        let TracedFields { found, groups, .. } = access;
        let value = match result {
            Ok(value) => value,
            Err(error) => {
                if let Some(Signal::DuplicateField(field)) = error.signal()
                    && error.is_bare()
                    && let Some(&(_, last)) = groups.last()
                {
                    // Every name that leads to the same field, but for the field's own.
                    let same = groups
                        .iter()
                        .filter(|(name, group)| *group == last && *name != field);
                    run.new_aliases.extend(same.map(|(name, _)| (key, *name)));
                }
                return Err(error);
            }
        };
        if new {
            let ty = Type::Struct(StructType::new(name.into(), found).into());
            run.close(key, id, ty);
        }
        run.leave();
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'static>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let Self { run, out, .. } = self;
        *out = Id::STRING.into();
        let key = Key::new::<V>(Kind::Enum, name);
        run.enums.insert(key, variants.len());
        let shown = run.plan.variants.get(&key).copied().unwrap_or(0);
        let Some(variant) = variants.get(shown).copied() else {
            return Err(untraceable(&format!("enum {name} has no variants")));
        };
        visitor.visit_enum(TracedVariant { name, variant })
    }

    /// A type that takes whatever it finds can only be an interface value to Go.
    fn deserialize_any<V: Visitor<'static>>(self, visitor: V) -> Result<V::Value> {
        *self.out = Id::INTERFACE.into();
        match self.run.sample(5) {
            0 => visitor.visit_unit(),
            1 => visitor.visit_borrowed_str(""),
            2 => visitor.visit_i64(0),
            3 => visitor.visit_bool(false),
            _ => visitor.visit_f64(0.0),
        }
    }
}

//! The fields of a struct for a visitor that takes them one after the other, without their names.
//!
//! Where both sides have the same fields in the same order, names say nothing new, and a visitor that takes a sequence
//! needs no place for each field until it has them all. But serde does not promise that a visitor takes a sequence as it
//! lists its fields: one written by hand may take another order, or no sequence at all, and where a field has aliases, they
//! are listed as if they were fields. So this is for the visitors of derived structs only, once a value was read by names
//! of which each was seen to be a field of its own (`StructAccess`). That is the second one: there may be no other.

use std::any::TypeId;
use std::marker::PhantomData;
use std::slice::Iter;

use serde::de::{self, Deserialize, DeserializeSeed};

use super::fields::refuses_zero;
use super::zero::Zero;
use super::{Cx, De, Parts, string};
use crate::gob::decode::DecodeError;
use crate::gob::types::{Field, StructType};
use crate::gob::walk;

/// Whether the name of a visitor's type is one that `serde_derive` gives to what it writes.
///
/// That has been `path::_::<impl Deserialize for Type>::deserialize::__Visitor` all along. Should it change, structs are
/// read by names.
pub(super) fn is_derived(visitor: &str) -> bool {
    let Some((path, implementation)) = visitor.split_once("::_::<impl ") else {
        return false;
    };
    let Some((_, parameters)) = implementation.rsplit_once(">::deserialize::__Visitor") else {
        return false;
    };
    // Another type that has a derived visitor as its parameter begins otherwise.
    !path.contains('<')
        && (parameters.is_empty() || parameters.starts_with('<') && parameters.ends_with('>'))
}

/// Fields of a struct, in order: those that were sent, and zeros for the others.
pub(super) struct InOrder<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    ty: &'t StructType,
    /// The fields that are still to be asked for.
    left: Iter<'t, Field>,
    /// How many of them were left out before the next one that was sent, once that one's number was read: all of them, where
    /// none was sent any more.
    gap: Option<usize>,
    visitor: fn() -> TypeId,
}

impl<'a, 't, 'de> InOrder<'a, 't, 'de> {
    #[inline]
    pub(super) fn new(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
        visitor: fn() -> TypeId,
    ) -> Self {
        Self {
            cx,
            ty,
            left: ty.fields.iter(),
            gap: None,
            visitor,
        }
    }

    /// Whether the field that is asked for was sent, and comes next, as it mostly does.
    #[inline]
    fn take_number(&mut self) -> bool {
        match self.gap {
            None => self.cx.cursor.take(1),
            Some(0) => {
                self.gap = None;
                true
            }
            Some(_) => false,
        }
    }

    /// The field that is asked for, the last but those that are left, when something was left out. Not inlined, so that the
    /// usual can be.
    #[inline(never)]
    fn after_gap<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
        field: &'t Field,
    ) -> Result<Option<T::Value>, DecodeError> {
        let gap = match self.gap {
            Some(gap) => gap,
            None => self.read_gap(self.left.len() + 1)?,
        };
        let Some(gap) = gap.checked_sub(1) else {
            return self.value(seed, field);
        };
        self.gap = Some(gap);
        let left = self.cx.max_depth - self.cx.depth;
        seed.deserialize(Zero::new(self.cx.types, Some(field.id), left))
            .map(Some)
            .map_err(|err| refuses_zero(self.visitor, err, &field.name))
    }

    /// How many of so many last fields were left out before the next one that was sent.
    fn read_gap(&mut self, left: usize) -> Result<usize, DecodeError> {
        let count = self.ty.fields.len();
        let next = count - left;
        let mut delta = next as u64;
        let found = walk::field(&mut self.cx.cursor, &mut delta, count)?;
        Ok(found.unwrap_or(count) - next)
    }

    #[inline(always)]
    fn value<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
        field: &'t Field,
    ) -> Result<Option<T::Value>, DecodeError> {
        if string::is_plain::<T>(field.id) {
            return self.string::<T>(field);
        }
        seed.deserialize(De {
            cx: &mut *self.cx,
            id: field.id,
        })
        .map(Some)
        .map_err(|err| err.within(&field.name))
    }

    /// Not inlined, as it is large, and a struct may have many strings.
    #[inline(never)]
    fn string<T: DeserializeSeed<'de>>(
        &mut self,
        field: &Field,
    ) -> Result<Option<T::Value>, DecodeError> {
        string::next::<T>(&mut self.cx.cursor, |err| err.within(&field.name))
    }

    /// Skips what was sent and not asked for.
    #[inline(never)]
    fn skip_sent(&mut self) -> Result<(), DecodeError> {
        loop {
            let gap = match self.gap.take() {
                Some(gap) => gap,
                None => self.read_gap(self.left.len())?,
            };
            match self.left.nth(gap) {
                Some(field) => self.cx.skip(field.id)?,
                None => return Ok(()),
            }
        }
    }
}

impl Parts for InOrder<'_, '_, '_> {
    #[inline]
    fn finish(&mut self) -> Result<(), DecodeError> {
        if self.gap.is_some() || !self.cx.cursor.take(0) {
            self.skip_sent()?;
        }
        self.cx.depth -= 1;
        Ok(())
    }
}

/// For the reference, which is what visitors get: by way of serde's own implementation for references, each field would be
/// a call or two that leave its value in memory.
impl<'de> de::SeqAccess<'de> for &mut InOrder<'_, '_, 'de> {
    type Error = DecodeError;

    #[inline(always)]
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, DecodeError> {
        self.next_element_seed(PhantomData)
    }

    /// The number of a field is read when it is asked for, not behind the value before it: so the value goes from here to
    /// where the visitor wants it.
    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(field) = self.left.next() else {
            return Ok(None);
        };
        if !self.take_number() {
            return self.after_gap(seed, field);
        }
        self.value(seed, field)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde::{Deserialize, Serialize};

    use super::super::from_value;
    use super::*;
    use crate::gob::types::{Id, Type, Types};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair<T> {
        a: T,
        b: i64,
    }

    #[derive(Debug, Deserialize)]
    struct Aliased {
        #[serde(alias = "b")]
        #[expect(dead_code, reason = "it is only decoded")]
        a: i64,
    }

    /// A type with two fields.
    fn pair() -> (Arc<Types>, Id) {
        let fields = ["a", "b"].map(|name| Field {
            name: name.into(),
            id: Id::INT,
        });
        let (types, id) = (Arc::new(Types::default()), Id(65));
        types.insert(
            id,
            Type::Struct(Box::new(StructType::new("Pair".into(), fields))),
        );
        (types, id)
    }

    /// Whether structs of two fields are read in order after two were read as `T`.
    fn in_order<T: for<'de> Deserialize<'de>>(value: &[u8]) -> bool {
        let (types, id) = pair();
        let Some(Type::Struct(ty)) = types.get(id) else {
            panic!("it was inserted")
        };
        for _ in 0..2 {
            from_value::<T>(&types, id, value, None, 10).unwrap();
        }
        ty.in_order().is_some()
    }

    #[test]
    fn derived_structs_are_read_in_order_after_two_values() {
        // Were this to fail with another release of serde, only speed would be lost.
        assert!(in_order::<Pair<i64>>(&[1, 2, 1, 4, 0]));
        assert!(in_order::<Pair<i32>>(&[2, 4, 0]));
        assert!(in_order::<Pair<Option<i64>>>(&[0]));
        assert!(!in_order::<Aliased>(&[1, 2, 0]));
        assert!(!in_order::<Aliased>(&[2, 2, 0]));
    }

    #[test]
    fn numbers_that_are_longer_than_need_be_are_numbers() {
        // Go takes them, too.
        let (types, id) = pair();
        for long in [
            &[0xff, 1, 0xff, 2, 0xff, 1, 0xfe, 0, 4, 0xff, 0][..],
            &[1, 2, 0xff, 1, 4, 0],
            &[1, 2, 1, 4, 0xfe, 0, 0],
            &[1, 2, 1, 4, 0],
        ] {
            // Twice by names, then in order.
            for _ in 0..3 {
                let value: Pair<i64> = from_value(&types, id, long, None, 10).unwrap();
                assert_eq!(value, Pair { a: 1, b: 2 });
            }
        }
        for gap in [&[2, 4, 0][..], &[0xff, 2, 4, 0]] {
            let value: Pair<i64> = from_value(&types, id, gap, None, 10).unwrap();
            assert_eq!(value, Pair { a: 0, b: 2 });
        }
        for wrong in [
            &[1, 2, 1, 4, 1, 6, 0][..],
            &[3, 2, 0],
            &[1, 2, 2, 4, 0],
            &[1, 2, 1, 4],
        ] {
            from_value::<Pair<i64>>(&types, id, wrong, None, 10).unwrap_err();
        }
    }

    #[test]
    fn the_names_of_derived_visitors_are_known() {
        let derived =
            "a::_::<impl serde_core::de::Deserialize for a::User>::deserialize::__Visitor";
        assert!(is_derived(derived));
        assert!(is_derived(&format!("{derived}<alloc::string::String>")));
        assert!(is_derived(&format!("{derived}<'_>")));
        for other in [
            "a::Visitor".to_owned(),
            "a::__Visitor".to_owned(),
            format!("b::Wrap<{derived}>"),
            format!("{derived}Two"),
            derived.replace("__Visitor", "Fields"),
            derived.replace("::_::", "::"),
        ] {
            assert!(!is_derived(&other), "{other}");
        }
    }
}

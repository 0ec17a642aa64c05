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
use super::{Cx, De, Parts, number, string};
use crate::error::DecodeError;
use crate::raw::walk;
use crate::types::{Field, StructType};
use crate::wire::Cursor;

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
    /// Where the next field is. Not the context's own cursor, so that it is in a register: each field waits for it.
    pos: usize,
    ty: &'t StructType,
    /// The fields that are still to be asked for.
    left: Iter<'t, Field>,
    /// Where a field's number was read before that field is asked for: one more than how many of those that are left were left
    /// out before it. All of them, where none was sent any more. Meanwhile `pos` is [`AWAY`], so that what is usual has one
    /// thing to look at.
    gap: usize,
    /// Where that field's value is.
    behind_gap: usize,
    visitor: fn() -> TypeId,
}

impl<'a, 't, 'de> InOrder<'a, 't, 'de> {
    #[inline(always)]
    pub(super) fn new(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
        visitor: fn() -> TypeId,
    ) -> Self {
        Self {
            pos: cx.cursor.pos,
            cx,
            ty,
            left: ty.fields.iter(),
            gap: 0,
            behind_gap: 0,
            visitor,
        }
    }

    #[inline(always)]
    fn cursor(&self) -> Cursor<'de> {
        Cursor {
            data: self.cx.cursor.data,
            pos: self.pos,
        }
    }

    /// Whether the field that is asked for was sent, and directly follows the one before it, as it mostly does.
    #[inline(always)]
    fn take_number(&mut self) -> bool {
        let mut cursor = self.cursor();
        let taken = cursor.take(1);
        if taken {
            self.pos = cursor.pos;
        }
        taken
    }

    /// Whether the field that is asked for was left out, where it does not directly follow the one before it.
    #[inline(always)]
    fn is_left_out(&mut self) -> Result<bool, DecodeError> {
        if self.pos != AWAY {
            let mut cursor = self.cursor();
            self.gap = read_gap(&mut cursor, self.left.len() + 1, self.ty)?;
            self.behind_gap = cursor.pos;
            self.pos = AWAY;
        }
        self.gap -= 1;
        if self.gap == 0 {
            self.pos = self.behind_gap;
        }
        Ok(self.gap != 0)
    }

    /// For what reads at the context's cursor: tells it the place, and is told it again.
    #[inline(always)]
    fn lend_place(&mut self) {
        self.cx.cursor.pos = self.pos;
    }

    #[inline(always)]
    fn take_place(&mut self) {
        self.pos = self.cx.cursor.pos;
    }
}

/// A position with nothing behind it, which looks like the end of what arrived.
const AWAY: usize = usize::MAX;

/// One more than how many of the last fields were left out before the next one that was sent.
#[inline(never)]
fn read_gap(cursor: &mut Cursor<'_>, left: usize, ty: &StructType) -> Result<usize, DecodeError> {
    let count = ty.fields.len();
    let next = count - left;
    let mut delta = next as u64;
    let found = walk::field(cursor, &mut delta, count)?;
    Ok(found.unwrap_or(count) - next + 1)
}

/// Skips what was sent and not asked for.
#[inline(never)]
fn skip_sent<'t>(
    cx: &mut Cx<'t, '_>,
    mut left: Iter<'t, Field>,
    mut gap: usize,
    ty: &StructType,
) -> Result<(), DecodeError> {
    loop {
        if gap == 0 {
            gap = read_gap(&mut cx.cursor, left.len(), ty)?;
        }
        match left.nth(gap - 1) {
            Some(field) => cx.skip(field.id)?,
            None => return Ok(()),
        }
        gap = 0;
    }
}

/// A field that was left out.
#[inline(never)]
fn zero<'t, 'de, T: DeserializeSeed<'de>>(
    cx: &Cx<'t, 'de>,
    seed: T,
    field: &'t Field,
    visitor: fn() -> TypeId,
) -> Result<T::Value, DecodeError> {
    let left = cx.max_depth - cx.depth;
    seed.deserialize(Zero::new(cx.types, Some(field.id), left))
        .map_err(|err| refuses_zero(visitor, err, &field.name))
}

/// A field that was sent.
#[inline(always)]
fn value<'t, 'de, T: DeserializeSeed<'de>>(
    cx: &mut Cx<'t, 'de>,
    seed: T,
    field: &'t Field,
) -> Result<T::Value, DecodeError> {
    seed.deserialize(De { cx, id: field.id })
        .map_err(|err| err.within(&field.name))
}

/// As [`value`], for what is rare.
#[inline(never)]
fn value_apart<'t, 'de, T: DeserializeSeed<'de>>(
    cx: &mut Cx<'t, 'de>,
    seed: T,
    field: &'t Field,
) -> Result<T::Value, DecodeError> {
    value(cx, seed, field)
}

/// Not inlined, as it is large, and a struct may have many strings.
#[inline(never)]
fn text<'de, T: DeserializeSeed<'de>>(
    cursor: &mut Cursor<'de>,
    field: &Field,
) -> Result<Option<T::Value>, DecodeError> {
    string::next::<T, true>(cursor, |err| err.within(&field.name))
}

impl Parts for InOrder<'_, '_, '_> {
    #[inline(always)]
    fn finish(&mut self) -> Result<(), DecodeError> {
        let mut cursor = self.cursor();
        if cursor.take(0) {
            self.cx.cursor.pos = cursor.pos;
        } else {
            let (left, ty) = (self.left.clone(), self.ty);
            let (pos, gap) = match self.pos {
                AWAY => (self.behind_gap, self.gap),
                pos => (pos, 0),
            };
            self.cx.cursor.pos = pos;
            skip_sent(self.cx, left, gap, ty)?;
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
        if !self.take_number() && self.is_left_out()? {
            if let Some(zero) = number::zero::<T>() {
                return Ok(Some(zero));
            }
            return zero(self.cx, seed, field, self.visitor).map(Some);
        }
        if number::is_plain::<T>() {
            let mut cursor = self.cursor();
            if let Some(number) = number::near::<T>(&mut cursor, field.id) {
                self.pos = cursor.pos;
                return Ok(Some(number));
            }
        }
        self.lend_place();
        let value = if string::is_plain::<T>(field.id) {
            text::<T>(&mut self.cx.cursor, field)
        } else if number::is_plain::<T>() {
            value_apart(self.cx, seed, field).map(Some)
        } else {
            value(self.cx, seed, field).map(Some)
        };
        self.take_place();
        value
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
    use crate::types::{Id, Type, Types};

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
        let fields = ["a", "b"].map(|name| Field::new(name, Id::INT));
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

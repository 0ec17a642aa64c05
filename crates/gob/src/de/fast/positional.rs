//! The fields of a struct for a visitor that takes them in order, without their names.
//!
//! serde does not promise that a visitor takes a sequence in the order in which it lists its
//! fields. One written by hand may take another order or no sequence, and where a field has
//! aliases, they are listed like fields. So this path is for visitors of derived structs. The
//! second value of a struct type is read by names and probes the visitor: each name must lead to a
//! field of its own. The first value does not, because it may be the only one.

use std::any::TypeId;
use std::marker::PhantomData;
use std::slice::Iter;

use serde::de::{self, Deserialize, DeserializeSeed};

use super::{number, text};
use crate::compat::is_derived_visitor;
use crate::de::context::{Cx, De, Parts};
use crate::de::field_quirks::{QUIRKS, note_refusal};
use crate::de::zero::Zero;
use crate::error::DecodeError;
use crate::raw::walk;
use crate::types::{Field, StructType};
use crate::wire::Cursor;

/// Whether the visitor takes the fields of this type by position.
#[inline]
pub(in crate::de) fn applies(ty: &StructType, visitor: fn() -> TypeId) -> bool {
    super::is_on() && ty.positional.visitor() == Some(visitor()) && QUIRKS.about(visitor).is_none()
}

/// Whether a value that is read by names probes its visitor.
#[inline]
pub(in crate::de) fn starts_probe<V>(ty: &StructType, fields: &[&str], quirks: bool) -> bool {
    super::is_on() && ty.positional.is_due() && may_apply::<V>(ty, fields, quirks)
}

#[cold]
fn may_apply<V>(ty: &StructType, fields: &[&str], quirks: bool) -> bool {
    let sent = ty.fields.iter().map(|field| &*field.name);
    let may = !quirks
        && sent.eq(fields.iter().copied())
        && is_derived_visitor(std::any::type_name::<V>());
    if !may {
        ty.positional.settle(None);
    }
    may
}

/// Settles whether a visitor of `count` fields takes them by position. It made `keys` of their
/// names.
#[cold]
pub(in crate::de) fn finish_probe(
    ty: &StructType,
    count: usize,
    visitor: fn() -> TypeId,
    keys: &mut Vec<u64>,
) {
    keys.sort_unstable();
    keys.dedup();
    ty.positional.settle((keys.len() == count).then(visitor));
}

/// The fields of a struct in order: those that were sent, and zeros for the others.
pub(in crate::de) struct Positional<'a, 't, 'de> {
    cx: &'a mut Cx<'t, 'de>,
    /// Where the next field is. A copy of the context's cursor, so that it is in a register: each
    /// field waits for it.
    cursor: Cursor<'de>,
    ty: &'t StructType,
    /// The fields that the visitor has not asked for.
    left: Iter<'t, Field>,
    /// The distance of the next field that was sent from the last one that was asked for, while
    /// that is known. It is beyond the end if no more fields were sent. Meanwhile the cursor is at
    /// [`IN_GAP`], so that a field that directly follows the one before is found by one
    /// comparison.
    gap: usize,
    /// Where the value of that field is.
    behind_gap: usize,
    visitor: fn() -> TypeId,
}

impl<'a, 't, 'de> Positional<'a, 't, 'de> {
    #[inline(always)]
    pub(in crate::de) fn new(
        cx: &'a mut Cx<'t, 'de>,
        ty: &'t StructType,
        visitor: fn() -> TypeId,
    ) -> Self {
        Self {
            cursor: cx.cursor.clone(),
            cx,
            ty,
            left: ty.fields.iter(),
            gap: 0,
            behind_gap: 0,
            visitor,
        }
    }

    /// Whether the field that was just taken from `left` was sent.
    #[inline(always)]
    fn is_sent(&mut self) -> Result<bool, DecodeError> {
        // Most fields directly follow the one before.
        if self.cursor.take(1) {
            return Ok(true);
        }
        if self.cursor.pos != IN_GAP {
            let left = self.left.len() + 1;
            (self.behind_gap, self.gap) = read_gap(self.cursor.clone(), self.ty, left)?;
            self.cursor.pos = IN_GAP;
        }
        self.gap -= 1;
        if self.gap == 0 {
            self.cursor.pos = self.behind_gap;
        }
        Ok(self.gap == 0)
    }

    /// Lets `read` use the context's cursor.
    #[inline(always)]
    fn with_context<R>(&mut self, read: impl FnOnce(&mut Cx<'t, 'de>) -> R) -> R {
        self.cx.cursor.pos = self.cursor.pos;
        let result = read(self.cx);
        self.cursor.pos = self.cx.cursor.pos;
        result
    }
}

/// A position behind all bytes.
const IN_GAP: usize = usize::MAX;

/// Reads the number of the next field that was sent, with `left` fields to come. Returns the
/// position behind it and the gap.
#[inline(never)]
fn read_gap(
    mut cursor: Cursor<'_>,
    ty: &StructType,
    left: usize,
) -> Result<(usize, usize), DecodeError> {
    let count = ty.fields.len();
    let next = count - left;
    let mut delta = next as u64;
    let found = walk::field(&mut cursor, &mut delta, count)?;
    Ok((cursor.pos, found.unwrap_or(count) - next + 1))
}

/// Skips fields that were sent and not asked for.
#[inline(never)]
fn skip_rest<'t>(
    cx: &mut Cx<'t, '_>,
    ty: &'t StructType,
    mut left: Iter<'t, Field>,
    mut gap: usize,
) -> Result<(), DecodeError> {
    loop {
        if gap == 0 {
            (cx.cursor.pos, gap) = read_gap(cx.cursor.clone(), ty, left.len())?;
        }
        match left.nth(gap - 1) {
            Some(field) => cx.skip(field.id)?,
            None => return Ok(()),
        }
        gap = 0;
    }
}

/// The zero for a field that was not sent.
#[inline(never)]
fn zero<'de, T: DeserializeSeed<'de>>(
    cx: &Cx<'_, 'de>,
    seed: T,
    field: &Field,
    visitor: fn() -> TypeId,
) -> Result<T::Value, DecodeError> {
    let left = cx.max_depth - cx.depth;
    seed.deserialize(Zero::new(cx.types, Some(field.id), left))
        .map_err(|error| note_refusal(visitor, error, &field.name))
}

/// The value of a field that was sent.
#[inline(always)]
fn value<'t, 'de, T: DeserializeSeed<'de>>(
    cx: &mut Cx<'t, 'de>,
    seed: T,
    field: &'t Field,
) -> Result<T::Value, DecodeError> {
    seed.deserialize(De { cx, id: field.id })
        .map_err(|error| error.within(&field.name))
}

/// The same, out of line: for numbers that [`number::read`] does not take.
#[inline(never)]
fn rare_number<'t, 'de, T: DeserializeSeed<'de>>(
    cx: &mut Cx<'t, 'de>,
    seed: T,
    field: &'t Field,
) -> Result<T::Value, DecodeError> {
    value(cx, seed, field)
}

/// A string. Kept out of line because it is large and a struct may have many.
#[inline(never)]
fn string<'de, T: DeserializeSeed<'de>>(
    cursor: &mut Cursor<'de>,
    field: &Field,
) -> Result<Option<T::Value>, DecodeError> {
    text::read::<T>(cursor, |error| error.within(&field.name))
}

impl Parts for Positional<'_, '_, '_> {
    #[inline(always)]
    fn finish(&mut self) -> Result<(), DecodeError> {
        let ends = self.cursor.take(0);
        self.cx.cursor.pos = match self.cursor.pos {
            IN_GAP => self.behind_gap,
            pos => pos,
        };
        if !ends {
            skip_rest(self.cx, self.ty, self.left.clone(), self.gap)?;
        }
        self.cx.depth -= 1;
        Ok(())
    }
}

/// Implemented for the reference, which is what visitors get. With serde's implementation for
/// references, each field would be one or two calls that leave its value in memory.
impl<'de> de::SeqAccess<'de> for &mut Positional<'_, '_, 'de> {
    type Error = DecodeError;

    #[inline(always)]
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, DecodeError> {
        self.next_element_seed(PhantomData)
    }

    /// The number of a field is read when the field is asked for, not behind the value before it:
    /// so the value goes straight from its deserializer to the visitor.
    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(field) = self.left.next() else {
            return Ok(None);
        };
        if !self.is_sent()? {
            if let Some(zero) = number::zero::<T>() {
                return Ok(Some(zero));
            }
            return zero(self.cx, seed, field, self.visitor).map(Some);
        }
        if number::applies::<T>() {
            if let Some(number) = number::read::<T>(&mut self.cursor, field.id) {
                return Ok(Some(number));
            }
            return self.with_context(|cx| rare_number(cx, seed, field).map(Some));
        }
        self.with_context(|cx| match text::applies::<T>(field.id) {
            true => string::<T>(&mut cx.cursor, field),
            false => value(cx, seed, field).map(Some),
        })
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

    use super::*;
    use crate::de::from_value;
    use crate::raw::Bounds;
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

    /// Whether structs of two fields are read by position after two were read as `T`.
    fn is_positional<T: for<'de> Deserialize<'de>>(value: &[u8]) -> bool {
        let (types, id) = pair();
        let Some(Type::Struct(ty)) = types.get(id) else {
            panic!("it was inserted")
        };
        for _ in 0..2 {
            from_value::<T>(&types, id, value, None, Bounds::default()).unwrap();
        }
        ty.positional.visitor().is_some()
    }

    #[test]
    fn derived_structs_are_read_by_position_after_two_values() {
        // If this fails with another release of serde, only speed is lost.
        assert!(is_positional::<Pair<i64>>(&[1, 2, 1, 4, 0]));
        assert!(is_positional::<Pair<i32>>(&[2, 4, 0]));
        assert!(is_positional::<Pair<Option<i64>>>(&[0]));
        assert!(!is_positional::<Aliased>(&[1, 2, 0]));
        assert!(!is_positional::<Aliased>(&[2, 2, 0]));
    }

    #[test]
    fn numbers_may_take_more_bytes_than_they_need() {
        // As in Go.
        let (types, id) = pair();
        for long in [
            &[0xff, 1, 0xff, 2, 0xff, 1, 0xfe, 0, 4, 0xff, 0][..],
            &[1, 2, 0xff, 1, 4, 0],
            &[1, 2, 1, 4, 0xfe, 0, 0],
            &[1, 2, 1, 4, 0],
        ] {
            // Twice by names, then by position.
            for _ in 0..3 {
                let value: Pair<i64> =
                    from_value(&types, id, long, None, Bounds::default()).unwrap();
                assert_eq!(value, Pair { a: 1, b: 2 });
            }
        }
        for gap in [&[2, 4, 0][..], &[0xff, 2, 4, 0]] {
            let value: Pair<i64> = from_value(&types, id, gap, None, Bounds::default()).unwrap();
            assert_eq!(value, Pair { a: 0, b: 2 });
        }
        for wrong in [
            &[1, 2, 1, 4, 1, 6, 0][..],
            &[3, 2, 0],
            &[1, 2, 2, 4, 0],
            &[1, 2, 1, 4],
        ] {
            from_value::<Pair<i64>>(&types, id, wrong, None, Bounds::default()).unwrap_err();
        }
    }
}

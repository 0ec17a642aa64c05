//! [`Optional`](crate::Optional): a struct of a value and a flag, or the value itself.

use serde::de::{Deserializer, Visitor};

use super::context::De;
use super::zero::Zero;
use crate::error::DecodeError;
use crate::passthrough::OPTIONAL_FIELDS;
use crate::raw::walk;
use crate::types::{Id, StructType, Type};

/// The places of the value and of the flag, in a struct that has no other fields.
fn places(ty: &StructType) -> Option<(usize, Option<usize>)> {
    let [value, is_some] = OPTIONAL_FIELDS;
    let value = ty.place(0, value)?;
    let flag = ty.place(1, is_some);
    let flag_fits = flag.is_none_or(|flag| ty.fields[flag].id == Id::BOOL);
    let count = 1 + usize::from(flag.is_some());
    (flag_fits && ty.fields.len() == count).then_some((value, flag))
}

impl<'de> De<'_, '_, 'de> {
    #[inline(never)]
    pub(super) fn optional<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let Some(Type::Struct(ty)) = self.defined() else {
            return self.deserialize_option(visitor);
        };
        let Some((value_place, flag)) = places(ty) else {
            return visitor.visit_some(self);
        };
        let De { cx, .. } = self;
        cx.enter()?;
        let id = ty.fields[value_place].id;
        let (mut at, mut is_some, mut next) = (None, false, 0);
        while let Some(index) = walk::field(&mut cx.cursor, &mut next, ty.fields.len())? {
            if index == value_place {
                at = Some(cx.cursor.pos);
                is_some |= flag.is_none();
                cx.skip(id)?;
            } else {
                is_some = cx.cursor.uint()? != 0;
            }
        }
        let end = cx.cursor.pos;
        let value = match at {
            _ if !is_some => visitor.visit_none(),
            Some(at) => {
                cx.cursor.pos = at;
                visitor.visit_some(De { cx: &mut *cx, id })
            }
            None => visitor.visit_some(Zero::new(cx.types, Some(id), cx.max_depth - cx.depth)),
        };
        let value = value.map_err(|error| error.within(OPTIONAL_FIELDS[0]))?;
        cx.cursor.pos = end;
        cx.depth -= 1;
        Ok(value)
    }
}

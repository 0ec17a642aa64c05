//! Whether a sender's struct fits the receiver's: found out once for the two, and kept with the
//! sender's type.
//!
//! Two structs without a common field are strangers. Go refuses them only where the value stands
//! alone, and gives zeros where it is a part of another one. Here they are refused anywhere.

use std::any::TypeId;

use super::context::Cx;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::types::unknown;
use crate::types::{Fit, Id, StructType, letters, tuple_field};

/// A receiver: its visitor's type, and its name.
type Receiver = (fn() -> TypeId, &'static str);

/// Checks a struct that is read by the names of its fields. A fit that is good takes a load and a
/// comparison, and structs that are read by position, as most are, do not come here.
///
/// # Errors
///
/// When the two have no field in common, unless either has none, and when the sender's has fields
/// that the receiver's has not, if those are refused.
#[inline]
pub(super) fn check(
    cx: &Cx<'_, '_>,
    id: Id,
    ty: &StructType,
    receiver: Receiver,
    fields: &[&'static str],
) -> Result<(), DecodeError> {
    if ty.fits.is_good(receiver.0()) {
        return Ok(());
    }
    closer(
        (cx, id, ty),
        receiver,
        fields.len(),
        |index| ty.place(index, fields[index]).is_some(),
        |name| fields.contains(&name),
    )
}

/// The same for a tuple, whose fields are `A`, `B`, `C`, ….
pub(super) fn check_tuple(
    cx: &Cx<'_, '_>,
    id: Id,
    ty: &StructType,
    receiver: Receiver,
    len: usize,
) -> Result<(), DecodeError> {
    if ty.fits.is_good(receiver.0()) {
        return Ok(());
    }
    closer(
        (cx, id, ty),
        receiver,
        len,
        |index| ty.place(index, &tuple_field(index)).is_some(),
        |name| letters(name).is_some_and(|index| index < len),
    )
}

/// `shares` says whether the sender has the receiver's field of a number, and `has` whether the
/// receiver has a field of a name.
#[inline(never)]
fn closer(
    (cx, id, ty): (&Cx<'_, '_>, Id, &StructType),
    (visitor, name): Receiver,
    count: usize,
    shares: impl Fn(usize) -> bool,
    has: impl Fn(&str) -> bool,
) -> Result<(), DecodeError> {
    let fit = ty.fits.get(visitor(), || {
        let names = ty.fields.iter().map(|field| &*field.name);
        let unknown = names.filter(|name| !has(name));
        Fit {
            visitor: visitor(),
            shares: count == 0 || ty.fields.is_empty() || (0..count).any(shares),
            unknown: unknown::find(&ty.name, (visitor(), name), unknown),
        }
    });
    if !fit.shares {
        return Err(none_matched(cx, id, name));
    }
    match &fit.unknown {
        Some(unknown) if cx.strict => Err(refused(cx, id, name, unknown.names())),
        Some(unknown) => {
            unknown.count();
            Ok(())
        }
        None => Ok(()),
    }
}

/// The error for structs without a common field.
#[cold]
pub(super) fn none_matched(cx: &Cx<'_, '_>, id: Id, expected: &'static str) -> DecodeError {
    let received = cx.types.brief(id);
    DecodeErrorKind::NoFieldsMatched { expected, received }.into()
}

/// The error for fields that the receiver does not have.
#[cold]
pub(super) fn refused(
    cx: &Cx<'_, '_>,
    id: Id,
    expected: &'static str,
    fields: String,
) -> DecodeError {
    let received = cx.types.brief(id);
    DecodeErrorKind::UnknownFields {
        expected,
        fields,
        received,
    }
    .into()
}

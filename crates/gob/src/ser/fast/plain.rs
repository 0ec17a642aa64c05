//! Numbers and strings by their Rust type.

use crate::ser::output::BYTE;
use crate::types::Id;
use crate::wire::{float_bits, zigzag};

/// A value that is one number on the wire: bits that are zero exactly when the value is.
#[derive(Clone, Copy)]
pub(in crate::ser) struct Number {
    pub(in crate::ser) id: Id,
    pub(in crate::ser) bits: u64,
}

impl Number {
    /// Whether the number is one of this type, which is not that of a byte in a byte string.
    #[inline(always)]
    pub(super) fn is(self, id: Id) -> bool {
        self.id == id || self.id == BYTE && id == Id::UINT
    }
}

macro_rules! plain {
    ($($ty:ident $id:ident $bits:expr;)*) => {
        /// The value, when its type is a plain number, or an option of one. None is a zero: both
        /// are left out.
        #[inline(always)]
        pub(in crate::ser) fn number<T: ?Sized>(value: &T) -> Option<Number> {
            $(
                let bits: fn($ty) -> u64 = $bits;
                if let Ok(value) = castaway::cast!(value, &$ty) {
                    return Some(Number { id: Id::$id, bits: bits(*value) });
                }
                if let Ok(value) = castaway::cast!(value, &Option<$ty>) {
                    return Some(Number { id: Id::$id, bits: value.map_or(0, bits) });
                }
            )*
            None
        }
    };
}

plain! {
    bool BOOL u64::from;
    i8 INT |value| zigzag(value.into());
    i16 INT |value| zigzag(value.into());
    i32 INT |value| zigzag(value.into());
    i64 INT zigzag;
    isize INT |value| zigzag(value as i64);
    u8 UINT u64::from;
    u16 UINT u64::from;
    u32 UINT u64::from;
    u64 UINT |value| value;
    usize UINT |value| value as u64;
    char INT |value| zigzag(u32::from(value).into());
    f32 FLOAT |value| float(value.into());
    f64 FLOAT float;
}

/// Negative zero is left out, too, as in Go, and arrives as zero.
#[inline(always)]
fn float(value: f64) -> u64 {
    match value == 0.0 {
        true => 0,
        false => float_bits(value),
    }
}

/// The value, when its type is that of strings, or an option of one. None is an empty one: both are
/// left out.
#[inline(always)]
pub(in crate::ser) fn text<T: ?Sized>(value: &T) -> Option<&str> {
    if let Ok(value) = castaway::cast!(value, &String) {
        return Some(value);
    }
    let value = castaway::cast!(value, &Option<String>).ok()?;
    Some(value.as_deref().unwrap_or_default())
}

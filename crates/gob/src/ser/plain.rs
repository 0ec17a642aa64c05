//! Plain numbers and strings, as fields of structs.
//!
//! Most fields are one of these, and all that serde's serializer would be told of them is their type, which is known before.
//! So they are written by a function for all fields, in place of two or three for each, whose results go through memory.

use super::BYTE;
use super::compound::Fields;
use crate::types::{Field, Id};
use crate::wire::{float_bits, put_any_two, put_two, zigzag};

/// A value that is one number on the wire: bits that are zero exactly when the value is.
#[derive(Clone, Copy)]
pub(super) struct Number {
    pub(super) id: Id,
    pub(super) bits: u64,
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
        /// The value, when its type is a plain number, or an option of one. None is a zero: both are left out.
        #[inline(always)]
        pub(super) fn number<T: ?Sized>(value: &T) -> Option<Number> {
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

/// Negative zero is left out too, as in Go, and arrives as zero.
#[inline(always)]
fn float(value: f64) -> u64 {
    match value == 0.0 {
        true => 0,
        false => float_bits(value),
    }
}

/// The value, when its type is that of strings, or an option of one. None is an empty one: both are left out.
#[inline(always)]
pub(super) fn text<T: ?Sized>(value: &T) -> Option<&str> {
    if let Ok(value) = castaway::cast!(value, &String) {
        return Some(value);
    }
    let value = castaway::cast!(value, &Option<String>).ok()?;
    Some(value.as_deref().unwrap_or_default())
}

impl<'s> Fields<'_, 's> {
    /// The field that is expected next, when it has this name and can be written where it stands.
    #[inline(always)]
    fn expected(&self, key: &'static str) -> Option<&'s Field> {
        let field = self.ty.fields.get(self.next)?;
        (field.is_called(key) && !self.st.reorder).then_some(field)
    }

    /// Writes the field that is expected next, when it is the one with this name and of the number's type.
    #[inline(never)]
    pub(super) fn number(&mut self, key: &'static str, number: Number) -> bool {
        match self.expected(key) {
            Some(field) if field.id == number.id => {}
            _ => return false,
        }
        let next = self.next;
        self.next = next + 1;
        if number.bits != 0 {
            put_any_two(self.st.out, (next + 1 - self.last) as u64, number.bits);
            self.last = next + 1;
        }
        true
    }

    /// The same for a string.
    #[inline(never)]
    pub(super) fn text(&mut self, key: &'static str, text: &str) -> bool {
        match self.expected(key) {
            Some(field) if matches!(field.id, Id::STRING | Id::BYTES) => {}
            _ => return false,
        }
        let next = self.next;
        self.next = next + 1;
        if !text.is_empty() {
            put_two(
                self.st.out,
                (next + 1 - self.last) as u64,
                text.len() as u64,
            );
            self.st.out.extend_from_slice(text.as_bytes());
            self.last = next + 1;
        }
        true
    }
}

//! The primitives of the format: integers, floats, counted bytes.

mod bits;
mod cursor;
mod put;

pub(crate) use self::bits::{float, float_bits, single, unzigzag, zigzag};
pub(crate) use self::cursor::{Cursor, read_uint};
pub(crate) use self::put::{
    MAX_UINT, close_length, put_any_two, put_byte, put_bytes, put_float, put_int, put_two,
    put_uint, uint_bytes, uint_len,
};

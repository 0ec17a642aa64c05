//! Writing the primitives of the format.

use bytes::{BufMut, BytesMut};

use super::bits::{float_bits, zigzag};

/// Appends a byte. This is the most frequent step of all, and `BufMut::put_u8` takes four times as
/// long.
#[inline]
pub(crate) fn put_byte(out: &mut BytesMut, byte: u8) {
    out.extend_from_slice(&[byte]);
}

/// Appends an unsigned integer: one byte below 128, else the negated byte count and the minimal
/// big-endian bytes.
#[inline]
pub(crate) fn put_uint(out: &mut BytesMut, value: u64) {
    if value <= 0x7f {
        put_byte(out, value as u8);
    } else {
        put_long_uint(out, value);
    }
}

/// Not inlined, so that the short ones can be.
#[inline(never)]
fn put_long_uint(out: &mut BytesMut, value: u64) {
    let (bytes, len) = long_uint(value);
    put_front(out, bytes, len);
}

/// Appends two unsigned integers, in one step where both are short, as a field's number and a
/// length mostly are.
#[inline]
pub(crate) fn put_two(out: &mut BytesMut, first: u64, second: u64) {
    if first | second <= 0x7f {
        out.extend_from_slice(&[first as u8, second as u8]);
    } else {
        put_long_two(out, first, second);
    }
}

#[inline(never)]
fn put_long_two(out: &mut BytesMut, first: u64, second: u64) {
    put_any_two(out, first, second);
}

/// The same where the second is as often long, inlined as a whole.
#[inline]
pub(crate) fn put_any_two(out: &mut BytesMut, first: u64, second: u64) {
    if first > 0x7f {
        return put_apart(out, first, second);
    }
    let (bytes, len) = match second <= 0x7f {
        true => (u128::from(second), 1),
        false => long_uint(second),
    };
    put_front(out, bytes << 8 | u128::from(first), len + 1);
}

#[cold]
fn put_apart(out: &mut BytesMut, first: u64, second: u64) {
    put_uint(out, first);
    put_uint(out, second);
}

/// Appends the lowest bytes. Copying all of them and cutting off the rest is faster than copying
/// a few.
#[inline]
fn put_front(out: &mut BytesMut, bytes: u128, len: usize) {
    let end = out.len() + len;
    out.extend_from_slice(&bytes.to_le_bytes());
    out.truncate(end);
}

/// The most bytes that an unsigned integer takes.
pub(crate) const MAX_UINT: usize = 9;

/// What [`put_uint`] appends, and its length.
#[inline]
pub(crate) fn uint_bytes(value: u64) -> ([u8; MAX_UINT], usize) {
    let (bytes, len) = match value <= 0x7f {
        true => (u128::from(value), 1),
        false => long_uint(value),
    };
    let [bytes @ .., _, _, _, _, _, _, _] = bytes.to_le_bytes();
    (bytes, len)
}

/// The count and the significant bytes, the first one lowest, and how many they are. In one number
/// and not in an array: bytes put together in memory must be stored before they can be copied on in
/// larger pieces.
#[inline]
fn long_uint(value: u64) -> (u128, usize) {
    let skip = value.leading_zeros() / 8;
    // The count is sent as its negation, as a signed byte: 0xFF is one byte, 0xF8 is eight.
    let count = (skip as u8).wrapping_sub(8);
    let bytes = (value << (skip * 8)).swap_bytes();
    (
        u128::from(bytes) << 8 | u128::from(count),
        9 - skip as usize,
    )
}

/// Appends a signed integer.
#[inline]
pub(crate) fn put_int(out: &mut BytesMut, value: i64) {
    put_uint(out, zigzag(value));
}

/// Appends a float.
#[inline]
pub(crate) fn put_float(out: &mut BytesMut, value: f64) {
    put_uint(out, float_bits(value));
}

/// Appends a length and the bytes.
///
/// As a function that is called: inlined it makes a list of 10,000 short texts a fifth slower to
/// encode (`benches/gob`, row `texts`), and a list of structs 3 % faster.
#[inline(never)]
pub(crate) fn put_bytes(out: &mut BytesMut, value: &[u8]) {
    // Most texts are short, and a call to copy them takes longer than the copy.
    let written = match value.len() {
        4..8 => put_halves::<4, 8>(out, value),
        8..16 => put_halves::<8, 16>(out, value),
        16..32 => put_halves::<16, 32>(out, value),
        _ => false,
    };
    if !written {
        put_uint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}

/// Appends a length and at least `HALF` bytes, but fewer than `WHOLE`, twice the half: the first
/// and the last half, which overlap.
#[inline(always)]
fn put_halves<const HALF: usize, const WHOLE: usize>(out: &mut BytesMut, value: &[u8]) -> bool {
    let (start, len) = (out.len(), value.len());
    let (Some(first), Some(last)) = (value.first_chunk::<HALF>(), value.last_chunk::<HALF>())
    else {
        return false;
    };
    out.extend_from_slice(&[0; WHOLE]);
    if let Some(place) = out[start..].first_chunk_mut::<WHOLE>() {
        place[0] = len as u8;
        place[1..=HALF].copy_from_slice(first);
        place[1 + len - HALF..][..HALF].copy_from_slice(last);
    }
    out.truncate(start + 1 + len);
    true
}

/// How many bytes [`put_uint`] writes.
#[inline]
pub(crate) fn uint_len(value: u64) -> usize {
    if value <= 0x7f {
        1
    } else {
        9 - (value.leading_zeros() / 8) as usize
    }
}

/// Fills in the length of what was written behind it, and returns how many bytes the length takes.
///
/// `guess` bytes were left for it at `at`. When the guess is right, no byte moves.
pub(crate) fn close_length(out: &mut BytesMut, at: usize, guess: usize) -> usize {
    let len = out.len() - at - guess;
    let need = uint_len(len as u64);
    if need > guess {
        let grow = need - guess;
        out.put_bytes(0, grow);
        out.copy_within(at + guess..at + guess + len, at + need);
    } else if need < guess {
        out.copy_within(at + guess.., at + need);
        let end = out.len() - (guess - need);
        out.truncate(end);
    }
    if len <= 0x7f {
        out[at] = len as u8;
    } else {
        let (bytes, width) = long_uint(len as u64);
        out[at..at + width].copy_from_slice(&bytes.to_le_bytes()[..width]);
    }
    need
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read_uint;

    #[test]
    fn a_length_is_right_whatever_was_guessed() {
        for len in [0usize, 1, 127, 128, 255, 256, 70_000] {
            for guess in 1..=4 {
                let mut out = BytesMut::from(&b"before"[..]);
                out.put_bytes(0, guess);
                out.put_bytes(7, len);
                let width = close_length(&mut out, 6, guess);
                let (value, read) = read_uint(&out[6..]).unwrap().unwrap();
                assert_eq!((value, read), (len as u64, width));
                assert_eq!(out.len(), 6 + width + len);
                assert!(out[6 + width..].iter().all(|&byte| byte == 7));
            }
        }
    }
}

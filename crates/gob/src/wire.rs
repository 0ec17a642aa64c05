//! The primitives of the format: integers, floats, counted bytes.

mod cursor;

use bytes::{BufMut, BytesMut};

pub(crate) use self::cursor::{Cursor, read_uint};

/// Appends a byte. `BufMut::put_u8` would take four times as long, and this is the most frequent step of all.
#[inline]
pub(crate) fn put_byte(out: &mut BytesMut, byte: u8) {
    out.extend_from_slice(&[byte]);
}

/// Appends an unsigned integer: one byte below 128, else the negated byte count and the minimal big-endian bytes.
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

/// Appends two unsigned integers: one step where both are short, as a field's number and a length mostly are.
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

/// The same for what is as often long, in one place.
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

/// Appends the lowest bytes. To copy all of them and to cut off the rest is faster than to copy a few.
#[inline]
fn put_front(out: &mut BytesMut, bytes: u128, len: usize) {
    let end = out.len() + len;
    out.extend_from_slice(&bytes.to_le_bytes());
    out.truncate(end);
}

/// An unsigned integer takes at most so many bytes.
pub(crate) const MAX_UINT: usize = 9;

/// What [`put_uint`] appends, and how much of this it is.
#[inline]
pub(crate) fn uint_bytes(value: u64) -> ([u8; MAX_UINT], usize) {
    let (bytes, len) = match value <= 0x7f {
        true => (u128::from(value), 1),
        false => long_uint(value),
    };
    let [bytes @ .., _, _, _, _, _, _, _] = bytes.to_le_bytes();
    (bytes, len)
}

/// The count and the significant bytes, the first one lowest, and how many they are. In one number and not in an array:
/// what is put together in memory has to arrive there before it can be copied on in larger pieces.
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

/// Appends a signed integer: bit 0 says whether the other bits are complemented.
#[inline]
pub(crate) fn put_int(out: &mut BytesMut, value: i64) {
    put_uint(out, zigzag(value));
}

#[inline]
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[inline]
pub(crate) fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Appends a float: its bits reversed byte by byte, so that round numbers are short.
#[inline]
pub(crate) fn put_float(out: &mut BytesMut, value: f64) {
    put_uint(out, float_bits(value));
}

#[inline]
pub(crate) fn float_bits(value: f64) -> u64 {
    value.to_bits().swap_bytes()
}

#[inline]
pub(crate) fn float(bits: u64) -> f64 {
    f64::from_bits(bits.swap_bytes())
}

/// Appends a length and the bytes.
#[inline]
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

/// Appends a length and at least `HALF` bytes, but fewer than `WHOLE`, twice the half: the first and the last ones,
/// which overlap.
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

/// Writes something behind its length, which is only known afterwards.
///
/// `guess` is the number of bytes the length is expected to take. When the guess is right nothing moves.
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

    #[test]
    fn the_integers_of_the_format_description() {
        let mut out = BytesMut::new();
        for value in [0, 7, 127, 128, 256, u64::MAX] {
            put_uint(&mut out, value);
        }
        assert_eq!(
            &out[..],
            [
                0, 7, 127, 0xff, 128, 0xfe, 1, 0, 0xf8, 255, 255, 255, 255, 255, 255, 255, 255
            ]
        );
        let mut cursor = Cursor::new(&out);
        for value in [0, 7, 127, 128, 256, u64::MAX] {
            assert_eq!(cursor.uint().unwrap(), value);
        }

        let mut out = BytesMut::new();
        put_int(&mut out, -129);
        put_float(&mut out, 17.0);
        assert_eq!(&out[..], [0xfe, 1, 1, 0xfe, 0x31, 0x40]);
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn two_integers_at_once_are_one_after_the_other() {
        let values = [0, 1, 127, 128, 255, 256, 1 << 40, u64::MAX];
        for (first, second) in values.iter().flat_map(|a| values.map(|b| (*a, b))) {
            let (mut one, mut two) = (BytesMut::new(), BytesMut::new());
            put_uint(&mut one, first);
            put_uint(&mut one, second);
            put_two(&mut two, first, second);
            assert_eq!(one, two);
            // Read with nothing behind it, and with more than any integer takes.
            for behind in [0, 9] {
                two.put_bytes(0xff, behind);
                let mut cursor = Cursor::new(&two);
                assert_eq!(
                    (cursor.uint().unwrap(), cursor.uint().unwrap()),
                    (first, second)
                );
                assert_eq!(cursor.remaining(), behind);

                let mut cursor = Cursor::new(&two);
                let near = |cursor: &mut Cursor| match cursor.near_uint() {
                    Some(value) => value,
                    None => {
                        assert!(cursor.remaining() < 9);
                        cursor.uint().unwrap()
                    }
                };
                assert_eq!((near(&mut cursor), near(&mut cursor)), (first, second));
                assert_eq!(cursor.remaining(), behind);
            }
        }
    }

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

    #[test]
    fn nine_byte_integers_are_refused() {
        assert!(read_uint(&[0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9]).is_err());
        assert!(read_uint(&[0xf8, 1]).unwrap().is_none());
        let mut cursor = Cursor::new(&[0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(cursor.near_uint(), None);
        assert!(cursor.uint().is_err());
    }
}

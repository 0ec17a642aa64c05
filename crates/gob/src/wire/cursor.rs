//! Reading the primitives of the format.

use super::bits::unzigzag;
use crate::error::{DecodeError, DecodeErrorKind};

type Result<T> = std::result::Result<T, DecodeError>;

/// A position in bytes that have arrived.
#[derive(Clone)]
pub(crate) struct Cursor<'de> {
    pub(crate) data: &'de [u8],
    pub(crate) pos: usize,
}

impl<'de> Cursor<'de> {
    pub(crate) fn new(data: &'de [u8]) -> Self {
        Self { data, pos: 0 }
    }

    #[inline]
    pub(crate) fn remaining(&self) -> usize {
        self.data.len() - self.pos
    }

    /// Takes the next byte if it is this one, and says whether it was.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        if self.data.get(self.pos) != Some(&byte) {
            return false;
        }
        self.pos += 1;
        true
    }

    #[inline]
    pub(crate) fn uint(&mut self) -> Result<u64> {
        match self.data.get(self.pos) {
            Some(&byte) if byte <= 0x7f => {
                self.pos += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_uint(),
        }
    }

    /// An integer that is not among the last bytes that arrived, read without a loop.
    #[inline(always)]
    pub(crate) fn near_uint(&mut self) -> Option<u64> {
        let &[first, ref bytes @ ..] = self.data.get(self.pos..)?.first_chunk::<9>()?;
        if first <= 0x7f {
            self.pos += 1;
            return Some(u64::from(first));
        }
        // Eight bytes at once, whatever the length: the surplus is shifted out.
        let count = u32::from(first.wrapping_neg());
        if count > 8 {
            return None;
        }
        self.pos += 1 + count as usize;
        Some(u64::from_be_bytes(*bytes) >> (64 - 8 * count))
    }

    #[inline(never)]
    fn long_uint(&mut self) -> Result<u64> {
        if let Some(value) = self.near_uint() {
            return Ok(value);
        }
        match read_uint(self.data.get(self.pos..).unwrap_or_default())? {
            Some((value, len)) => {
                self.pos += len;
                Ok(value)
            }
            None => Err(DecodeErrorKind::UnexpectedEnd.into()),
        }
    }

    #[inline]
    pub(crate) fn int(&mut self) -> Result<i64> {
        Ok(unzigzag(self.uint()?))
    }

    /// A count of things that each take at least one byte, so it cannot exceed the bytes that are
    /// left.
    #[inline]
    pub(crate) fn count(&mut self) -> Result<usize> {
        let count = self.uint()?;
        if count > self.remaining() as u64 {
            return Err(self.count_too_big(count));
        }
        Ok(count as usize)
    }

    #[cold]
    fn count_too_big(&self, count: u64) -> DecodeError {
        let remaining = self.remaining();
        DecodeErrorKind::CountTooBig { count, remaining }.into()
    }

    /// Counted bytes.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'de [u8]> {
        let count = self.uint()?;
        let end = self
            .pos
            .wrapping_add(usize::try_from(count).unwrap_or(usize::MAX));
        // One check for both, as an end that wrapped around is before the start.
        match self.data.get(self.pos..end) {
            Some(bytes) => {
                self.pos = end;
                Ok(bytes)
            }
            None => Err(self.count_too_big(count)),
        }
    }
}

/// Reads an unsigned integer from the front of bytes that may not have arrived whole.
pub(crate) fn read_uint(data: &[u8]) -> Result<Option<(u64, usize)>> {
    let Some(&first) = data.first() else {
        return Ok(None);
    };
    if first <= 0x7f {
        return Ok(Some((u64::from(first), 1)));
    }
    let count = usize::from(first.wrapping_neg());
    if count > 8 {
        return Err(DecodeErrorKind::BadInteger.into());
    }
    let Some(bytes) = data.get(1..1 + count) else {
        return Ok(None);
    };
    let value = bytes
        .iter()
        .fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    Ok(Some((value, 1 + count)))
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;
    use crate::wire::{put_float, put_int, put_two, put_uint, zigzag};

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
    fn nine_byte_integers_are_refused() {
        assert!(read_uint(&[0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9]).is_err());
        assert!(read_uint(&[0xf8, 1]).unwrap().is_none());
        let mut cursor = Cursor::new(&[0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(cursor.near_uint(), None);
        assert!(cursor.uint().is_err());
    }
}

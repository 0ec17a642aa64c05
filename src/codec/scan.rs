//! Where a MessagePack value ends.
//!
//! MessagePack has no length in front of a message, so its end is found by counting: each container
//! makes further values due, each string and extension makes bytes due. The count survives between
//! calls, so a value that arrives in pieces is looked at once.

use bytes::{Bytes, BytesMut};

use crate::gob::Limits;

/// Cuts values out of one direction of a connection.
#[derive(Debug)]
pub(super) struct Values {
    max_value: usize,
    scanner: Scanner,
}

impl Values {
    pub(super) fn new(limits: Limits) -> Self {
        Values {
            max_value: limits.longest_message(),
            scanner: Scanner::default(),
        }
    }

    /// Takes one value off the front of `bytes` once it is complete.
    pub(super) fn next_value(
        &mut self,
        bytes: &mut BytesMut,
    ) -> Result<Option<Bytes>, MalformedError> {
        let length = self.next_length(bytes)?;
        Ok(length.map(|length| bytes.split_to(length).freeze()))
    }

    /// The length of the value at the front of `bytes` once it is complete. The value has to be
    /// taken off before the next call.
    pub(super) fn next_length(&mut self, bytes: &[u8]) -> Result<Option<usize>, MalformedError> {
        self.scanner.scan(bytes, self.max_value)
    }
}

/// Follows one value after the other through bytes that arrive in pieces.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// How much of the value was followed.
    at: usize,
    /// Values still to come, beside the first.
    due: u64,
    /// Bytes of the current string or extension still to come.
    skip: u64,
    started: bool,
}

/// Why bytes are no MessagePack value that would be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedError {
    /// The specification leaves this byte unused.
    #[error("msgpack: byte 0xc1 begins no value")]
    Reserved,
    /// A length promises more than is taken.
    #[error("msgpack: a message of more than {limit} bytes")]
    TooLong {
        /// What is taken at most.
        limit: usize,
    },
}

/// What a value's first byte says of it.
enum Head {
    /// Complete in itself, or followed by this many bytes.
    Bytes(u64),
    /// A length of this many bytes, then as many bytes as it says, and this many more.
    Sized { length: usize, extra: u64 },
    /// This many values.
    Values(u64),
    /// A length of this many bytes, then this times as many values as it says.
    Counted { length: usize, each: u64 },
}

fn head(marker: u8) -> Result<Head, MalformedError> {
    Ok(match marker {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Head::Bytes(0),
        0x80..=0x8f => Head::Values(2 * u64::from(marker & 0x0f)),
        0x90..=0x9f => Head::Values(u64::from(marker & 0x0f)),
        0xa0..=0xbf => Head::Bytes(u64::from(marker & 0x1f)),
        0xc1 => return Err(MalformedError::Reserved),
        // bin and str: 8, 16 and 32 bits of length.
        0xc4..=0xc6 => sized(marker - 0xc4, 0),
        0xd9..=0xdb => sized(marker - 0xd9, 0),
        // ext: a length, a type, the bytes.
        0xc7..=0xc9 => sized(marker - 0xc7, 1),
        // float32, float64; then unsigned and signed of 1, 2, 4 and 8 bytes.
        0xca => Head::Bytes(4),
        0xcb => Head::Bytes(8),
        0xcc..=0xcf => Head::Bytes(1 << (marker - 0xcc)),
        0xd0..=0xd3 => Head::Bytes(1 << (marker - 0xd0)),
        // fixext of 1, 2, 4, 8 and 16 bytes, after a type.
        0xd4..=0xd8 => Head::Bytes(1 + (1 << (marker - 0xd4))),
        0xdc..=0xdd => counted(marker - 0xdc, 1),
        0xde..=0xdf => counted(marker - 0xde, 2),
    })
}

/// `width` 0, 1, 2: lengths of 1, 2, 4 bytes.
fn sized(width: u8, extra: u64) -> Head {
    Head::Sized {
        length: 1 << width,
        extra,
    }
}

/// `width` 0, 1: counts of 2, 4 bytes.
fn counted(width: u8, each: u64) -> Head {
    Head::Counted {
        length: 2 << width,
        each,
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

impl Scanner {
    /// Goes on with a value whose bytes so far are `bytes`, the ones given before included. Gives
    /// its length once all of it is there, and is ready for the next value then.
    pub(super) fn scan(
        &mut self,
        bytes: &[u8],
        limit: usize,
    ) -> Result<Option<usize>, MalformedError> {
        loop {
            let have = (bytes.len() - self.at) as u64;
            let skipped = have.min(self.skip);
            self.at += skipped as usize;
            self.skip -= skipped;
            if self.skip > 0 {
                break;
            }
            if self.started && self.due == 0 {
                let length = self.at;
                *self = Scanner::default();
                return Ok(Some(length));
            }
            let rest = &bytes[self.at..];
            let Some((&marker, rest)) = rest.split_first() else {
                break;
            };
            let (length, values, skip) = match head(marker)? {
                Head::Bytes(skip) => (0, 0, skip),
                Head::Values(values) => (0, values, 0),
                Head::Sized { length, extra } => match rest.get(..length) {
                    Some(size) => (length, 0, number(size) + extra),
                    None => break,
                },
                Head::Counted { length, each } => match rest.get(..length) {
                    Some(count) => (length, each * number(count), 0),
                    None => break,
                },
            };
            if self.started {
                self.due -= 1;
            }
            self.started = true;
            self.at += 1 + length;
            self.due += values;
            self.skip = skip;
            // Each value due takes a byte at least, so a length that cannot fit is known at once.
            if self.at as u64 + self.skip + self.due > limit as u64 {
                return Err(MalformedError::TooLong { limit });
            }
        }
        if bytes.len() > limit {
            return Err(MalformedError::TooLong { limit });
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 1 << 20;

    /// One value of every kind there is, in one array.
    fn every_kind() -> Vec<u8> {
        let mut bytes = vec![0xdc, 0, 33];
        let mut push = |part: &[u8]| bytes.extend_from_slice(part);
        push(&[0x05, 0xe5, 0xc0, 0xc2, 0xc3]);
        push(&[0x82, 0xa1, b'a', 0x01, 0xa1, b'b', 0x90]);
        push(&[0x92, 0x01, 0x91, 0x02]);
        push(&[0xa3, b'x', b'y', b'z']);
        push(&[0xc4, 2, 1, 2, 0xc5, 0, 2, 1, 2, 0xc6, 0, 0, 0, 2, 1, 2]);
        push(&[0xc7, 1, 9, 1, 0xc8, 0, 1, 9, 1, 0xc9, 0, 0, 0, 1, 9, 1]);
        push(&[0xca, 1, 2, 3, 4, 0xcb, 1, 2, 3, 4, 5, 6, 7, 8]);
        push(&[
            0xcc, 1, 0xcd, 1, 2, 0xce, 1, 2, 3, 4, 0xcf, 1, 2, 3, 4, 5, 6, 7, 8,
        ]);
        push(&[
            0xd0, 1, 0xd1, 1, 2, 0xd2, 1, 2, 3, 4, 0xd3, 1, 2, 3, 4, 5, 6, 7, 8,
        ]);
        push(&[0xd4, 9, 1, 0xd5, 9, 1, 2, 0xd6, 9, 1, 2, 3, 4]);
        push(&[0xd7, 9, 1, 2, 3, 4, 5, 6, 7, 8]);
        push(&[
            0xd8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
        ]);
        push(&[0xd9, 1, b'x', 0xda, 0, 1, b'x', 0xdb, 0, 0, 0, 1, b'x']);
        push(&[0xde, 0, 1, 0x01, 0x02]);
        bytes
    }

    #[test]
    fn a_value_ends_where_it_ends_however_it_is_cut() {
        let value = every_kind();
        let mut two = value.clone();
        two.extend_from_slice(&value);
        assert_eq!(Scanner::default().scan(&two, LIMIT), Ok(Some(value.len())));
        for cut in 0..value.len() {
            let mut scanner = Scanner::default();
            assert_eq!(scanner.scan(&value[..cut], LIMIT), Ok(None), "cut at {cut}");
            assert_eq!(scanner.scan(&two, LIMIT), Ok(Some(value.len())));
            assert_eq!(
                scanner.scan(&two[value.len()..], LIMIT),
                Ok(Some(value.len()))
            );
        }
        let mut scanner = Scanner::default();
        for end in 0..value.len() {
            assert_eq!(scanner.scan(&value[..end], LIMIT), Ok(None));
        }
        assert_eq!(scanner.scan(&value, LIMIT), Ok(Some(value.len())));
    }

    #[test]
    fn the_byte_that_begins_no_value_is_refused() {
        assert_eq!(
            Scanner::default().scan(&[0x91, 0xc1], LIMIT),
            Err(MalformedError::Reserved)
        );
    }

    #[test]
    fn lengths_past_the_limit_are_refused_before_the_bytes_come() {
        for bytes in [
            &[0xdb, 0xff, 0xff, 0xff, 0xff][..],
            &[0xdd, 0xff, 0xff, 0xff, 0xff],
            &[0xdf, 0xff, 0xff, 0xff, 0xff],
            &[0xc9, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert_eq!(
                Scanner::default().scan(bytes, LIMIT),
                Err(MalformedError::TooLong { limit: LIMIT })
            );
        }
    }
}

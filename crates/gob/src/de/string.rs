//! Strings for those who want a `String`.
//!
//! That is what most of what is decoded consists of, so it is made where it is wanted. serde would have it made by a function
//! of its own, whose result is copied on before it has reached the memory: the copy waits for it.
//!
//! Most texts are ASCII. They are checked and copied in one pass, eight bytes at a time, together with what lies behind
//! them, which is then cut off. So a string has room for a multiple of eight bytes, as it has from most allocators anyway.
//! What is copied are characters of the crate `ascii`, of seven bits each, which no one has to check again; where a byte
//! had eight, the copy is thrown away.

use ascii::{AsciiChar, AsciiString};
use serde::de::DeserializeSeed;

use super::number::is_for;
use super::utf8;
use crate::error::DecodeError;
use crate::types::Id;
use crate::wire::Cursor;

/// Whether a value of this type, for this seed, is one for [`next`].
#[inline]
pub(super) fn is_plain<'de, T: DeserializeSeed<'de>>(id: Id) -> bool {
    is_for::<T, String>() && id == Id::STRING
}

/// What the seed `PhantomData<String>` makes of the text at the cursor. Never None for it.
///
/// Inlined together with all that short texts need, and long ones where so wished: as a result of any function that is
/// called, the string would be copied on at once.
#[inline(always)]
pub(super) fn next<'de, T: DeserializeSeed<'de>, const LONG: bool>(
    cursor: &mut Cursor<'de>,
    explain: impl FnOnce(DecodeError) -> DecodeError,
) -> Result<Option<T::Value>, DecodeError> {
    let mut value: Option<T::Value> = None;
    if let Ok(value) = castaway::cast!(&mut value, &mut Option<String>) {
        *value = short(cursor);
        if value.is_none() {
            let text = match LONG {
                true => long(cursor),
                false => long_apart(cursor),
            };
            match text {
                Ok(text) => *value = Some(text),
                Err(err) => return Err(explain(err)),
            }
        }
    }
    Ok(value)
}

/// Eight bytes of a text.
type Word = [u8; 8];

/// The bits that no ASCII character has.
const BEYOND_ASCII: u64 = 0x8080_8080_8080_8080;

/// The text at the cursor, when it is short, ASCII, and not the last of what arrived.
#[inline(always)]
fn short(cursor: &mut Cursor<'_>) -> Option<String> {
    let (&len, behind) = cursor.data.get(cursor.pos..)?.split_first()?;
    let len = usize::from(len);
    let words = behind.as_chunks().0;
    let pos = &mut cursor.pos;
    match len {
        0 => {
            *pos += 1;
            Some(String::new())
        }
        1..=8 => of_words::<1>(words, len, pos),
        9..=16 => of_words::<2>(words, len, pos),
        17..=24 => of_words::<3>(words, len, pos),
        25..=32 => of_words::<4>(words, len, pos),
        _ => None,
    }
}

/// As [`ascii`], for so many words: without a loop, and without asking again whether there is room.
#[inline(always)]
fn of_words<const WORDS: usize>(words: &[Word], len: usize, pos: &mut usize) -> Option<String> {
    let words = words.first_chunk::<WORDS>()?;
    let (last, others) = words.split_last()?;
    let bits = others.iter().fold(last_bits(*last, len), |bits, word| {
        bits | u64::from_le_bytes(*word)
    });
    if bits & BEYOND_ASCII != 0 {
        return None;
    }
    *pos += 1 + len;
    let mut text = Vec::with_capacity(WORDS * 8);
    for word in words {
        text.extend_from_slice(&seven_bits(*word));
    }
    text.truncate(len);
    Some(AsciiString::from(text).into())
}

/// For who has not the room. What it changes is a copy, so that the compiler knows that nothing changes the caller's.
#[inline(always)]
fn long_apart(cursor: &mut Cursor<'_>) -> Result<String, DecodeError> {
    #[inline(never)]
    fn apart(cursor: &mut Cursor<'_>) -> Result<String, DecodeError> {
        long(cursor)
    }
    let mut copy = cursor.clone();
    let text = apart(&mut copy);
    cursor.pos = copy.pos;
    text
}

/// Any text at the cursor.
#[inline(always)]
fn long(cursor: &mut Cursor<'_>) -> Result<String, DecodeError> {
    let bytes = cursor.bytes()?;
    let behind = &cursor.data[cursor.pos - bytes.len()..];
    // As in `utf8`, which tells why not of longer ones.
    if bytes.len() <= 256
        && let Some(words) = behind.as_chunks().0.get(..bytes.len().div_ceil(8))
        && let Some(text) = ascii(words, bytes.len())
    {
        return Ok(text);
    }
    utf8(bytes).map(str::to_owned)
}

/// A text of ASCII characters that begins with the first of these words and ends in the last.
#[inline]
fn ascii(words: &[Word], len: usize) -> Option<String> {
    let (mut bits, mut last) = (0, Word::default());
    let text: Vec<_> = words
        .iter()
        .map(|word| {
            bits |= u64::from_le_bytes(last);
            last = *word;
            seven_bits(*word)
        })
        .collect();
    if (bits | last_bits(last, len)) & BEYOND_ASCII != 0 {
        return None;
    }
    let mut text = text.into_flattened();
    text.truncate(len);
    Some(AsciiString::from(text).into())
}

/// The bits of a text's last word, for a text of so many bytes: without those of what lies behind it.
#[inline]
fn last_bits(word: Word, len: usize) -> u64 {
    u64::from_le_bytes(word) << (len.wrapping_neg() % 8 * 8)
}

/// A loop over the array, as `map` is not always inlined.
#[inline(always)]
fn seven_bits(word: Word) -> [AsciiChar; 8] {
    let mut chars = [AsciiChar::Null; 8];
    for (char, byte) in chars.iter_mut().zip(word) {
        *char = AsciiChar::from_ascii(byte & 0x7f).unwrap_or(AsciiChar::Null);
    }
    chars
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use super::*;
    use crate::wire::put_bytes;
    use bytes::BytesMut;

    fn read(data: &[u8]) -> (Result<String, String>, usize) {
        let mut cursor = Cursor::new(data);
        let text = next::<PhantomData<String>, true>(&mut cursor, |err| err.within("it"));
        let text = text.map(|text| text.expect("a string"));
        (text.map_err(|err| err.to_string()), cursor.pos)
    }

    /// A text with its length before it, and so many bytes behind it that are no text.
    fn sent(text: &[u8], behind: usize) -> Vec<u8> {
        let mut data = BytesMut::new();
        put_bytes(&mut data, text);
        data.resize(data.len() + behind, 0xff);
        data.to_vec()
    }

    #[test]
    fn texts_of_all_lengths_are_read_wherever_they_end() {
        for len in 0..300 {
            let text: String = (b'!'..=b'~').cycle().take(len).map(char::from).collect();
            for behind in 0..10 {
                let data = sent(text.as_bytes(), behind);
                let (found, pos) = read(&data);
                let found = found.unwrap();
                assert_eq!((&found, pos), (&text, data.len() - behind));
                assert!(found.capacity() < len + 8, "{}", found.capacity());
            }
        }
    }

    #[test]
    fn what_is_not_ascii_is_told_wherever_it_is() {
        for len in 1..80 {
            for at in 0..len {
                for behind in [0, 8] {
                    let mut text = vec![b'a'; len];
                    text[at] = 0x80;
                    let (found, _) = read(&sent(&text, behind));
                    assert_eq!(found.unwrap_err(), "gob: it: a string that is not UTF-8");
                    text.splice(at..=at, "ü".bytes());
                    let (found, pos) = read(&sent(&text, behind));
                    assert_eq!(found.unwrap().into_bytes(), text);
                    assert_eq!(pos, len + 2);
                }
            }
        }
    }

    #[test]
    fn what_was_cut_off_is_an_error() {
        for len in 1..80 {
            let data = sent(&vec![b'a'; len], 0);
            for end in 0..data.len() {
                read(&data[..end]).0.unwrap_err();
            }
        }
    }
}

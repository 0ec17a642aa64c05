//! Strings where a `String` is asked for, without a visitor.
//!
//! Most texts are ASCII. They are checked and copied in one pass, eight bytes at a time, together
//! with the bytes behind them, which are then cut off. So a string has capacity for a multiple of
//! eight bytes, as most allocators give it anyway. What is copied are characters of the crate
//! `ascii`, of seven bits each, which make a `String` without another check. If a byte had eight
//! bits, the copy is thrown away and the plain path reads the text.

use ascii::{AsciiChar, AsciiString};
use serde::de::DeserializeSeed;

use super::is_for;
use crate::de::context::utf8;
use crate::error::DecodeError;
use crate::types::Id;
use crate::wire::Cursor;

/// Whether [`read`] takes a value of this type for this seed.
#[inline]
pub(in crate::de) fn applies<'de, T: DeserializeSeed<'de>>(id: Id) -> bool {
    is_for::<T, String>() && id == Id::STRING
}

/// The text at the cursor. `None` only where [`applies`] is false.
///
/// Inlined together with all that short texts need: the result of a function call would be copied
/// at once, before it has reached the memory.
#[inline(always)]
pub(in crate::de) fn read<'de, T: DeserializeSeed<'de>>(
    cursor: &mut Cursor<'de>,
    explain: impl FnOnce(DecodeError) -> DecodeError,
) -> Result<Option<T::Value>, DecodeError> {
    let mut value: Option<T::Value> = None;
    if let Ok(value) = castaway::cast!(&mut value, &mut Option<String>) {
        *value = short(cursor);
        if value.is_none() {
            // A copy of the cursor, so that the caller's can stay in a register.
            let mut copy = cursor.clone();
            match any(&mut copy) {
                Ok(text) => *value = Some(text),
                Err(error) => return Err(explain(error)),
            }
            cursor.pos = copy.pos;
        }
    }
    Ok(value)
}

/// Eight bytes of a text.
type Word = [u8; 8];

/// The bits that no ASCII character has.
const BEYOND_ASCII: u64 = 0x8080_8080_8080_8080;

/// The text at the cursor, if it is short and ASCII and enough bytes are behind it.
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

/// The same as [`ascii`] for a fixed number of words: without a loop or checks of the capacity.
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

/// Any text at the cursor.
#[inline(never)]
fn any(cursor: &mut Cursor<'_>) -> Result<String, DecodeError> {
    let bytes = cursor.bytes()?;
    let behind = &cursor.data[cursor.pos - bytes.len()..];
    // Where a long text is ASCII up to its last letter only, all of it would be read three times.
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

/// The bits of the last word of a text of `len` bytes, without those behind the text.
#[inline]
fn last_bits(word: Word, len: usize) -> u64 {
    u64::from_le_bytes(word) << (len.wrapping_neg() % 8 * 8)
}

/// A loop over the array, because `map` is not always inlined.
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
        let text = super::read::<PhantomData<String>>(&mut cursor, |error| error.within("it"));
        let text = text.map(|text| text.expect("a string"));
        (text.map_err(|error| error.to_string()), cursor.pos)
    }

    /// A text with its length before it and other bytes behind it.
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
    fn other_characters_are_found_at_every_position() {
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
    fn a_text_that_is_cut_off_is_an_error() {
        for len in 1..80 {
            let data = sent(&vec![b'a'; len], 0);
            for end in 0..data.len() {
                read(&data[..end]).0.unwrap_err();
            }
        }
    }
}

//! MessagePack's values, one head after the other, in a slice.

use super::{RichError, extension};

/// What stands at the front of a value. Lists and maps are followed by their parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head<'de> {
    /// Nil, with so many `Some` around it.
    Nil(u32),
    Bool(bool),
    Uint(u64),
    /// A negative number.
    Int(i64),
    /// Above 64 bits.
    Large(u128),
    /// Below 64 bits.
    Negative(i128),
    Float32(f32),
    Float64(f64),
    Str(&'de str),
    Bytes(&'de [u8]),
    /// A list of `u8`.
    ByteList(&'de [u8]),
    /// So many values follow.
    List(u32),
    /// So many keys follow, each with its value.
    Map(u32),
}

/// The bytes that are still to be read.
#[derive(Debug)]
pub(super) struct Cursor<'de>(&'de [u8]);

macro_rules! numbers {
    ($($name:ident $type:ty;)*) => {$(
        fn $name(&mut self) -> Result<$type, RichError> {
            Ok(<$type>::from_be_bytes(self.array()?))
        }
    )*};
}

impl<'de> Cursor<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Cursor(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a nil without a `Some` comes next.
    pub(super) fn at_nil(&self) -> bool {
        self.0.first() == Some(&0xc0)
    }

    /// Whether a nil comes next that has a `Some` around it.
    pub(super) fn at_somes(&self) -> bool {
        matches!(self.0, [0xd4 | 0xd6, extension::SOMES, ..])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RichError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(RichError::Length)?;
        self.0 = rest;
        Ok(*array)
    }

    numbers! {
        u8 u8;
        u16 u16;
        u32 u32;
        u64 u64;
        i8 i8;
        i16 i16;
        i32 i32;
        i64 i64;
    }

    fn bytes(&mut self, length: usize) -> Result<&'de [u8], RichError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(RichError::Length)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn str(&mut self, length: usize) -> Result<Head<'de>, RichError> {
        match std::str::from_utf8(self.bytes(length)?) {
            Ok(text) => Ok(Head::Str(text)),
            Err(_) => Err(RichError::Utf8),
        }
    }

    fn bin(&mut self, length: usize) -> Result<Head<'de>, RichError> {
        Ok(Head::Bytes(self.bytes(length)?))
    }

    fn extension(&mut self, length: usize) -> Result<Head<'de>, RichError> {
        let kind = self.u8()?;
        let bytes = self.bytes(length)?;
        let wide = || <[u8; 16]>::try_from(bytes);
        match (kind, bytes) {
            (extension::BYTE_LIST, _) => return Ok(Head::ByteList(bytes)),
            (extension::SOMES, &[somes]) if somes > 0 => return Ok(Head::Nil(somes.into())),
            (extension::SOMES, &[a, b, c, d]) => {
                let somes = u32::from_be_bytes([a, b, c, d]);
                if somes > u8::MAX.into() {
                    return Ok(Head::Nil(somes));
                }
            }
            (extension::LARGE, _) => {
                if let Ok(bytes) = wide() {
                    return Ok(Head::Large(u128::from_be_bytes(bytes)));
                }
            }
            (extension::NEGATIVE, _) => {
                if let Ok(bytes) = wide() {
                    return Ok(Head::Negative(i128::from_be_bytes(bytes)));
                }
            }
            _ => {}
        }
        Err(RichError::Extension { kind, length })
    }

    /// A list's or map's length. Each part takes a byte at least.
    fn count(&self, count: u32, each: usize) -> Result<u32, RichError> {
        match (count as usize).checked_mul(each) {
            Some(least) if least <= self.0.len() => Ok(count),
            _ => Err(RichError::Length),
        }
    }

    fn list(&self, count: u32) -> Result<Head<'de>, RichError> {
        Ok(Head::List(self.count(count, 1)?))
    }

    fn map(&self, count: u32) -> Result<Head<'de>, RichError> {
        Ok(Head::Map(self.count(count, 2)?))
    }

    fn signed(number: i64) -> Head<'de> {
        match u64::try_from(number) {
            Ok(number) => Head::Uint(number),
            Err(_) => Head::Int(number),
        }
    }

    /// Takes the next value's head off the front.
    pub(super) fn head(&mut self) -> Result<Head<'de>, RichError> {
        let marker = self.u8()?;
        Ok(match marker {
            0x00..=0x7f => Head::Uint(marker.into()),
            0x80..=0x8f => self.map((marker & 0x0f).into())?,
            0x90..=0x9f => self.list((marker & 0x0f).into())?,
            0xa0..=0xbf => self.str((marker & 0x1f).into())?,
            0xc0 => Head::Nil(0),
            0xc1 => return Err(super::MalformedError::Reserved.into()),
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4 => self.u8().and_then(|length| self.bin(length.into()))?,
            0xc5 => self.u16().and_then(|length| self.bin(length.into()))?,
            0xc6 => self.u32().and_then(|length| self.bin(length as usize))?,
            0xc7 => self.u8().and_then(|length| self.extension(length.into()))?,
            0xc8 => self
                .u16()
                .and_then(|length| self.extension(length.into()))?,
            0xc9 => self
                .u32()
                .and_then(|length| self.extension(length as usize))?,
            0xca => Head::Float32(f32::from_bits(self.u32()?)),
            0xcb => Head::Float64(f64::from_bits(self.u64()?)),
            0xcc => Head::Uint(self.u8()?.into()),
            0xcd => Head::Uint(self.u16()?.into()),
            0xce => Head::Uint(self.u32()?.into()),
            0xcf => Head::Uint(self.u64()?),
            0xd0 => Self::signed(self.i8()?.into()),
            0xd1 => Self::signed(self.i16()?.into()),
            0xd2 => Self::signed(self.i32()?.into()),
            0xd3 => Self::signed(self.i64()?),
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4))?,
            0xd9 => self.u8().and_then(|length| self.str(length.into()))?,
            0xda => self.u16().and_then(|length| self.str(length.into()))?,
            0xdb => self.u32().and_then(|length| self.str(length as usize))?,
            0xdc => self.u16().and_then(|count| self.list(count.into()))?,
            0xdd => self.u32().and_then(|count| self.list(count))?,
            0xde => self.u16().and_then(|count| self.map(count.into()))?,
            0xdf => self.u32().and_then(|count| self.map(count))?,
            0xe0..=0xff => Head::Int((marker as i8).into()),
        })
    }

    /// Reads over one value, however deep it is.
    pub(super) fn skip(&mut self) -> Result<(), RichError> {
        let mut due = 1u64;
        while due > 0 {
            due -= 1;
            // Each value due takes a byte, so this ends with the bytes at the latest.
            due = due.saturating_add(match self.head()? {
                Head::List(count) => count.into(),
                Head::Map(count) => 2 * u64::from(count),
                _ => 0,
            });
        }
        Ok(())
    }
}

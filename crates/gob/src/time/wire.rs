//! The forms of a time on the wire: gob's, and those of MessagePack.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::moment::{Time, Zone, fits};
use crate::adapters::marshaler::{self, Marshal};
use crate::passthrough;
use crate::ser;
use crate::types::Marshaler;

/// The type of a timestamp among MessagePack's extensions.
pub const TIMESTAMP: i8 = -1;

impl Time {
    #[doc(hidden)]
    /// What Go's `MarshalBinary` makes of it, and how many bytes of it count.
    #[must_use]
    pub fn encode(self) -> ([u8; 16], usize) {
        let mut out = [0; 16];
        let (minutes, seconds) = match self.zone {
            Zone::Utc => (-1, 0),
            // Go reads the seconds as unsigned, so it misreads the zones to the west that it sends.
            // With the minutes rounded down, the seconds are right either way. Only the last minute
            // has none below it.
            Zone::East(offset) if (-32_768 * 60..-60).contains(&offset) => {
                (offset.div_euclid(60) as i16, offset.rem_euclid(60) as i8)
            }
            Zone::East(offset) => ((offset / 60) as i16, (offset % 60) as i8),
        };
        // The second version is the first with a byte more, for zones such as those of the
        // nineteenth century.
        let version2 = seconds != 0;
        out[0] = if version2 { 2 } else { 1 };
        out[1..9].copy_from_slice(&self.seconds.to_be_bytes());
        out[9..13].copy_from_slice(&self.nanos.to_be_bytes());
        out[13..15].copy_from_slice(&minutes.to_be_bytes());
        out[15] = seconds as u8;
        (out, if version2 { 16 } else { 15 })
    }

    #[doc(hidden)]
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (seconds_east, bytes) = match bytes {
            [1, bytes @ ..] => (0, bytes),
            [2, bytes @ .., seconds] => (i32::from(*seconds as i8), bytes),
            [] => return Err("a time of no bytes"),
            _ => return Err("a time of an unknown version"),
        };
        let Ok::<&[u8; 14], _>(&[a, b, c, d, e, f, g, h, n0, n1, n2, n3, z0, z1]) =
            bytes.try_into()
        else {
            return Err("a time of the wrong length");
        };
        let nanos = u32::from_be_bytes([n0, n1, n2, n3]);
        if nanos >= 1_000_000_000 {
            return Err("a time with too many nanoseconds");
        }
        let zone = match i32::from(i16::from_be_bytes([z0, z1])) * 60 + seconds_east {
            // For Go, too, the sum decides.
            -60 => Zone::Utc,
            // More seconds than a minute has can make it one that could not be sent on.
            offset if !fits(offset) => return Err("a time in a zone that cannot be"),
            offset => Zone::East(offset),
        };
        Ok(Self {
            seconds: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            nanos,
            zone,
        })
    }

    #[doc(hidden)]
    /// MessagePack's timestamp in its longest form: the nanoseconds, then the seconds since the
    /// Unix epoch.
    #[must_use]
    pub fn to_timestamp(self) -> [u8; 12] {
        let mut out = [0; 12];
        out[..4].copy_from_slice(&self.nanos.to_be_bytes());
        out[4..].copy_from_slice(&self.unix_seconds().to_be_bytes());
        out
    }

    /// Reads a timestamp in any of its forms, which their lengths tell apart.
    fn from_timestamp(bytes: &[u8]) -> Result<Self, &'static str> {
        let (seconds, nanos) = match *bytes {
            [a, b, c, d] => (u32::from_be_bytes([a, b, c, d]).into(), 0),
            [a, b, c, d, e, f, g, h] => {
                // 30 bits of nanoseconds, then 34 of seconds.
                let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                ((both & 0x3_ffff_ffff) as i64, (both >> 34) as u32)
            }
            [n0, n1, n2, n3, a, b, c, d, e, f, g, h] => (
                i64::from_be_bytes([a, b, c, d, e, f, g, h]),
                u32::from_be_bytes([n0, n1, n2, n3]),
            ),
            _ => return Err("a time of the wrong length"),
        };
        Self::from_unix(seconds, nanos).ok_or("a timestamp that is no time")
    }
}

impl Marshal for Time {
    const MARSHALER: Marshaler = Marshaler::Gob;
    const NAME: &'static str = "Time";
    type Error = String;

    fn marshal(&self) -> Result<Cow<'_, [u8]>, String> {
        let (bytes, len) = Time::encode(*self);
        Ok(bytes[..len].to_vec().into())
    }

    fn unmarshal(bytes: &[u8]) -> Result<Self, String> {
        // MessagePack has timestamps, and human-readable formats text. Neither has a length that
        // gob's form can have, so the format need not be known.
        let time = match (bytes.len(), std::str::from_utf8(bytes).map(str::parse)) {
            (4 | 8 | 12, _) => Time::from_timestamp(bytes),
            (_, Ok(Ok(time))) => Ok(time),
            _ => Time::decode(bytes),
        };
        time.map_err(str::to_owned)
    }

    fn zero() -> Self {
        Self::ZERO
    }

    fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() && !ser::is_gob::<S>() {
            // The name marks a time for the MessagePack codec, which counts as human-readable.
            return serializer.serialize_newtype_struct(passthrough::TIME, &TimePayload(self));
        }
        let (bytes, len) = self.encode();
        marshaler::put(
            serializer,
            Self::MARSHALER,
            &bytes[..len],
            *self == Self::ZERO,
        )
    }
}

/// Text for human-readable formats, gob's bytes for the MessagePack codec.
struct TimePayload<'a>(&'a Time);

impl Serialize for TimePayload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self.0);
        }
        let (bytes, len) = self.0.encode();
        serializer.serialize_bytes(&bytes[..len])
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        marshaler::get::<Self, _, _>(deserializer, passthrough::TIME, Moment)
    }
}

struct Moment;

impl<'de> Visitor<'de> for Moment {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    /// A zero, from the deserializers of this crate.
    fn visit_unit<E: de::Error>(self) -> Result<Time, E> {
        Ok(Time::ZERO)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Time, D::Error> {
        deserializer.deserialize_bytes(self)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Time, E> {
        Time::unmarshal(bytes).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        self.visit_bytes(text.as_bytes())
    }

    /// Bytes in a format that has none; or the type and the bytes of a MessagePack extension, which
    /// serde keeps like this for a `#[serde(flatten)]`.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Time, A::Error> {
        let mut bytes = Vec::new();
        while let Some(item) = seq.next_element::<i16>()? {
            if bytes.is_empty() && item == i16::from(TIMESTAMP) {
                let time = seq.next_element::<Self::Value>()?;
                return time.ok_or_else(|| de::Error::custom("a time of no bytes"));
            }
            let byte = u8::try_from(item).map_err(de::Error::custom)?;
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
}

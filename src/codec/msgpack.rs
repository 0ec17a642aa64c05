//! Messages in MessagePack: two values one after the other.
//!
//! Written are maps keyed by field name, strings as `str` and bytes as `bin`. Peers of the old
//! specification write neither `bin` nor short `str` lengths and read both all the same: so do
//! hashicorp/go-msgpack v2 with any options, its v0.5.5 that Consul and Nomad shipped for years,
//! and ugorji/go/codec. What Go reads and rmp-serde does not write is in [`ser`], what Go writes
//! and rmp-serde does not read is in `lenient`.
//!
//! Enums are written as rmp-serde writes them: a variant without data is its name, as in gob. One
//! with data is a map from its name to the data, for which gob has no form.
//!
//! A [`Time`](crate::gob::Time) is written in the chosen [`TimeFormat`], and read in any.
//!
//! A Go peer does two things over MessagePack that it does not do over gob. An argument that is not
//! of the type that its method takes loses the connection, after the error or before it: Go's
//! codecs leave unread what they cannot read, and take it for the next header. And the argument of
//! a method that it does not have is read as an `interface{}`, which fails, with the same outcome,
//! where the peer's options say that every map there has strings for keys, as Consul's do, and the
//! argument's are numbers.

mod ser;
mod time;

use bytes::{BufMut, BytesMut};
use rmp_serde::Serializer;
use rmp_serde::config::BytesMode;
use serde::{Deserialize, Serialize};

use self::ser::Plain;
use super::config::TimeFormat;
use super::error::{DecodeError, EncodeError};
use super::lenient::{self, Lenient};

/// How deep values may be nested, as for gob.
const MAX_DEPTH: usize = 128;

/// How deep types may be nested while they read a value: each container may be in an enum, an
/// `Option` and a newtype of its own.
const MAX_TYPES: usize = 4 * MAX_DEPTH;

pub(super) fn decode<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, DecodeError> {
    lenient::QUIRKS
        .read(|| attempt(value))
        .map_err(|error| DecodeError::MsgPack(Box::new(error)))
}

fn attempt<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, rmp_serde::decode::Error> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(value).with_human_readable();
    deserializer.set_max_depth(MAX_DEPTH);
    T::deserialize(Lenient::new(&mut deserializer, MAX_TYPES))
}

/// Writes values. It has no state: MessagePack has no types to define.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoder {
    times: TimeFormat,
}

impl Encoder {
    pub(super) fn new(times: TimeFormat) -> Self {
        Encoder { times }
    }

    /// Appends a value. After an error `out` is as it was.
    pub(super) fn encode<T>(self, value: &T, out: &mut BytesMut) -> Result<(), EncodeError>
    where
        T: Serialize + ?Sized,
    {
        let start = out.len();
        let mut serializer = Serializer::new((&mut *out).writer())
            .with_struct_map()
            .with_human_readable()
            // Bytes are bytes, whether or not the type says so to serde.
            .with_bytes(BytesMode::ForceIterables);
        let plain = Plain {
            inner: &mut serializer,
            times: self.times,
        };
        value.serialize(plain).map_err(|error| {
            out.truncate(start);
            EncodeError::MsgPack(Box::new(error))
        })
    }
}

//! Messages in MessagePack: two values one after the other.
//!
//! Written are maps keyed by field name, strings as `str` and bytes as `bin`. Peers of the old
//! specification write neither `bin` nor short `str` lengths and read both all the same: so do
//! hashicorp/go-msgpack v2 with any options, its v0.5.5 that Consul and Nomad shipped for years, and
//! ugorji/go/codec. What Go reads and rmp-serde does not write is in [`ser`], what Go writes and
//! rmp-serde does not read is in `lenient`.
//!
//! Enums are what rmp-serde makes of them: a variant without data is its name, as over gob, and one
//! with data a map from its name to the data, which gob has no form for.
//!
//! A [`Time`](crate::gob::Time) is written in the form that [`TimeFormat`] says, and read in any.
//!
//! Two things a Go peer does over MessagePack and not over gob. An argument that is not of the type
//! its method takes loses the connection, after the error or before it: Go's codecs leave unread
//! what they cannot read and take it for the next header. And the argument of a method that it does
//! not have is read as an `interface{}`, which fails, with the same outcome, where the peer's options
//! say that every map there has strings for keys, as Consul's do, and the argument's are numbers.

mod ser;
mod time;

use bytes::{BufMut, BytesMut};
use rmp_serde::Serializer;
use rmp_serde::config::BytesMode;
use serde::{Deserialize, Serialize};

use self::ser::Plain;
use super::lenient::{self, Lenient};
use super::scan::Scanner;
use super::{DecodeError, EncodeError, Limits, Message, TimeFormat, Value, ValueRepr};

/// How deep values may be nested, as for gob.
const MAX_DEPTH: usize = 128;

/// How deep types may be nested while they read a value: each container may be in an enum, an
/// `Option` and a newtype of its own.
const MAX_TYPES: usize = 4 * MAX_DEPTH;

#[derive(Debug)]
pub(super) struct Decoder {
    max_value: usize,
    scanner: Scanner,
    /// A header whose body has not arrived yet.
    pub(super) header: Option<Value>,
}

impl Decoder {
    pub(super) fn new(limits: Limits) -> Self {
        Decoder {
            max_value: limits.longest_message(),
            scanner: Scanner::default(),
            header: None,
        }
    }

    pub(super) fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        loop {
            let Some(length) = self.scanner.scan(bytes, self.max_value)? else {
                return Ok(None);
            };
            let value = Value(ValueRepr::MsgPack(bytes.split_to(length).freeze()));
            match self.header.take() {
                None => self.header = Some(value),
                Some(header) => {
                    return Ok(Some(Message {
                        header,
                        body: value,
                    }));
                }
            }
        }
    }
}

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

#[derive(Debug)]
pub(super) struct Encoder {
    times: TimeFormat,
}

impl Encoder {
    pub(super) fn new(times: TimeFormat) -> Self {
        Encoder { times }
    }

    pub(super) fn encode<H, B>(
        &self,
        header: &H,
        body: &B,
        bytes: &mut BytesMut,
    ) -> Result<(), EncodeError>
    where
        H: Serialize + ?Sized,
        B: Serialize + ?Sized,
    {
        let start = bytes.len();
        self.put(header, bytes)
            .and_then(|()| self.put(body, bytes))
            .inspect_err(|_| bytes.truncate(start))
    }

    fn put<T>(&self, value: &T, bytes: &mut BytesMut) -> Result<(), EncodeError>
    where
        T: Serialize + ?Sized,
    {
        let mut serializer = Serializer::new(bytes.writer())
            .with_struct_map()
            .with_human_readable()
            // Bytes are bytes, whether or not the type says so to serde.
            .with_bytes(BytesMode::ForceIterables);
        let plain = Plain {
            inner: &mut serializer,
            times: self.times,
        };
        value
            .serialize(plain)
            .map_err(|error| EncodeError::MsgPack(Box::new(error)))
    }
}

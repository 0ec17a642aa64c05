//! Messages in MessagePack: two values one after the other.
//!
//! Written are maps keyed by field name, strings as `str` and bytes as `bin`; peers of the old
//! specification, which has neither `bin` nor short `str` lengths, read both all the same
//! (hashicorp/go-msgpack v2, ugorji/go/codec). Read is what any of them writes.

use bytes::{BufMut, Bytes, BytesMut};
use rmp_serde::Serializer;
use rmp_serde::config::BytesMode;
use serde::{Deserialize, Serialize};

use super::lenient::Lenient;
use super::scan::Scanner;
use super::{DecodeError, EncodeError, Message, Value, ValueRepr};

/// The longest value taken, as for gob.
const MAX_VALUE: usize = 1 << 30;

/// How deep values may be nested, as for gob.
const MAX_DEPTH: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Decoder {
    scanner: Scanner,
    /// A header whose body has not arrived yet.
    header: Option<Bytes>,
}

impl Decoder {
    pub(super) fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        loop {
            let Some(length) = self.scanner.scan(bytes, MAX_VALUE)? else {
                return Ok(None);
            };
            let value = bytes.split_to(length).freeze();
            match self.header.take() {
                None => self.header = Some(value),
                Some(header) => {
                    return Ok(Some(Message {
                        header: Value(ValueRepr::MsgPack(header)),
                        body: Value(ValueRepr::MsgPack(value)),
                    }));
                }
            }
        }
    }
}

pub(super) fn decode<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(value).with_human_readable();
    deserializer.set_max_depth(MAX_DEPTH);
    T::deserialize(Lenient(&mut deserializer))
        .map_err(|error| DecodeError::MsgPack(Box::new(error)))
}

pub(super) fn encode<H, B>(header: &H, body: &B, bytes: &mut BytesMut) -> Result<(), EncodeError>
where
    H: Serialize + ?Sized,
    B: Serialize + ?Sized,
{
    let start = bytes.len();
    put(header, bytes)
        .and_then(|()| put(body, bytes))
        .inspect_err(|_| bytes.truncate(start))
}

fn put<T: Serialize + ?Sized>(value: &T, bytes: &mut BytesMut) -> Result<(), EncodeError> {
    let mut serializer = Serializer::new(bytes.writer())
        .with_struct_map()
        .with_human_readable()
        // Bytes are bytes, whether or not the type says so to serde.
        .with_bytes(BytesMode::ForceIterables);
    value
        .serialize(&mut serializer)
        .map_err(|error| EncodeError::MsgPack(Box::new(error)))
}

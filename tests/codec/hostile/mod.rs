//! Messages that no honest peer sends: an error or a wait for more, at once, in little memory and
//! little stack.

mod gob;
mod msgpack;
mod rich;

use std::collections::BTreeMap;

use bytes::BytesMut;
use plugwire::codec::{Codec, MessageDecoder};
use plugwire::gob::{Any, Value};
use serde::Deserialize;
use tokio_util::codec::Decoder as _;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
struct Node {
    name: String,
    value: i64,
    kids: Vec<Node>,
    next: Option<Box<Node>>,
    map: BTreeMap<String, Node>,
    any: Any,
    pair: (u64, [i8; 2]),
}

/// The messages of a connection: how many, and whether something was wrong.
fn messages(codec: Codec, mut buffer: BytesMut) -> (usize, bool) {
    let mut decoder = MessageDecoder::new(codec);
    for count in 0.. {
        match decoder.decode(&mut buffer) {
            Ok(Some(message)) => {
                let _ = message.header.decode::<Node>();
                let _ = message.body.decode::<Node>();
                let _ = message.body.decode::<Any>();
                let _ = message.body.decode::<Vec<Value>>();
                let _ = message.body.decode::<()>();
                let _ = message.body.decode::<String>();
            }
            Ok(None) => return (count, false),
            Err(_) => return (count, true),
        }
    }
    unreachable!("messages without end");
}

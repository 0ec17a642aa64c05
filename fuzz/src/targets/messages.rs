//! Both message framings.

use std::collections::BTreeMap;

use bytes::BytesMut;
use plugwire::codec::{Codec, Message, MessageDecoder, MessageEncoder};
use plugwire::gob::{Any, Value};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tokio_util::codec::{Decoder, Encoder};

use super::source::Source;
use super::types::{Either, Empty, Flat, Node};

/// net/rpc's two headers in one.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Header {
    service_method: String,
    seq: u64,
    error: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    service_method: &'a str,
    seq: u64,
}

/// Calls and replies in gob.
pub fn messages_gob(data: &[u8]) {
    messages(Codec::Gob, data);
}

/// Calls and replies in MessagePack.
pub fn messages_msgpack(data: &[u8]) {
    messages(Codec::MsgPack, data);
}

fn messages(codec: Codec, data: &[u8]) {
    let whole = decode(codec, data.get(1..).into_iter());
    let cut = decode(codec, Source::pieces(data));
    assert_eq!(cut.1, whole.1);
    assert_eq!(format!("{:?}", cut.0), format!("{:?}", whole.0));
    for message in &whole.0 {
        headers(codec, message);
        body(message);
    }
}

fn decode<'d>(
    codec: Codec,
    pieces: impl Iterator<Item = &'d [u8]>,
) -> (Vec<Message>, Option<String>) {
    let (mut decoder, mut buffer) = (MessageDecoder::new(codec), BytesMut::new());
    let mut messages = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error.to_string())),
            }
        }
    }
    (messages, None)
}

fn headers(codec: Codec, message: &Message) {
    let borrowed = message.header.decode::<Request<'_>>();
    let Ok(header) = message.header.decode::<Header>() else {
        return;
    };
    if let Ok(request) = borrowed {
        assert_eq!(request.service_method, header.service_method);
        assert_eq!(request.seq, header.seq);
    }
    // A header that was read can be written and read again.
    let mut bytes = BytesMut::new();
    MessageEncoder::new(codec)
        .encode((&header, &()), &mut bytes)
        .expect("a header encodes");
    let again = MessageDecoder::new(codec).decode(&mut bytes);
    let again = again.expect("our own message").expect("all of it");
    assert_eq!(
        again.header.decode::<Header>().expect("our own header"),
        header
    );
    assert!(bytes.is_empty());
}

fn body(message: &Message) {
    macro_rules! decode {
        ($($ty:ty,)*) => {$( let _ = message.body.decode::<$ty>(); )*};
    }
    decode! {
        (), bool, i8, u32, i64, f32, char, String, &str, ByteBuf, Vec<u8>, [u8; 4], Option<String>,
        (i64, String), Vec<(Option<bool>, f64)>, BTreeMap<String, Vec<String>>, BTreeMap<i64, ()>,
        Node, Vec<Node>, Empty, Flat, Either, Any, Value, BTreeMap<String, Any>,
        std::time::Duration,
    }
}

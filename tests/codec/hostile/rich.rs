//! What no honest peer sends by the rich codec.

use std::collections::BTreeMap;

use plugwire::codec::{Codec, MessageDecoder};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use support::hostile::contained;
use tokio_util::codec::Decoder as _;

use super::messages;

/// Types that take no bytes, around themselves.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
enum Chain {
    Newtype(Box<Chain>),
    Deep(Option<Box<Link>>),
    End,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
struct Link(Option<Box<Link>>);

#[derive(Debug, Deserialize)]
struct Endless(#[allow(dead_code, reason = "it has no value")] Box<Endless>);

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
enum Copied {
    Node { kids: Vec<Copied> },
    Bytes(Vec<u8>),
    Twice(Option<Option<Vec<Copied>>>),
}

/// A header of nothing, and the value as the body.
fn everywhere(name: &str, value: &[u8]) {
    let input = [&[0xc0], value].concat();
    contained(name, &input, |buffer| {
        messages(Codec::Rich, buffer.clone());
        let mut buffer = buffer;
        let Ok(Some(message)) = MessageDecoder::new(Codec::Rich).decode(&mut buffer) else {
            return;
        };
        let body = message.body;
        let _ = body.decode::<Chain>();
        let _ = body.decode::<Link>();
        let _ = body.decode::<Option<Option<u8>>>();
        let _ = body.decode::<Vec<Option<ByteBuf>>>();
        let _ = body.decode::<Copied>();
        let _ = body.decode::<BTreeMap<Option<Vec<u8>>, Copied>>();
        let _ = body.decode::<(i128, u128)>();
        body.decode::<Endless>().unwrap_err();
    });
}

#[test]
fn somes_without_end() {
    for somes in [1, 255, 256, 511, 512, 513, 1 << 20, u32::MAX] {
        let mut value = vec![0xd6, 1];
        value.extend_from_slice(&u32::to_be_bytes(somes));
        everywhere("four bytes", &value);
        everywhere("in a list", &[&[0x91], &value[..]].concat());
    }
    for somes in [0, 1, 255] {
        everywhere("one byte", &[0xd4, 1, somes]);
    }
}

#[test]
fn extensions_of_other_lengths_and_types() {
    for kind in [0, 1, 2, 3, 4, 5, 0x7f, 0x80, 0xff] {
        for length in [0u8, 1, 2, 4, 8, 15, 16, 17, 255] {
            let mut value = vec![0xc7, length, kind];
            value.extend(std::iter::repeat_n(0xff, length.into()));
            everywhere("an extension", &value);
            everywhere("in a list", &[&[0x92], &value[..], &value[..]].concat());
            everywhere("as a key", &[&[0x81], &value[..], &value[..]].concat());
        }
    }
}

#[test]
fn nesting_without_end() {
    const DEEP: usize = 1_000_000;
    for level in [
        &[0x91][..],
        &[0x81, 0xa0],
        &[0xdc, 0, 1],
        &[0x81, 0xa4, b'k', b'i', b'd', b's', 0x91],
        &[0x81, 0xa7, b'N', b'e', b'w', b't', b'y', b'p', b'e'],
        &[0x81, 0xa4, b'D', b'e', b'e', b'p'],
    ] {
        let open = level.repeat(DEEP / level.len());
        everywhere("open", &open);
        everywhere("closed", &[&open[..], &[0xc0]].concat());
    }
    // Each has a list before the next.
    let wide = [0x92, 0x90].repeat(DEEP / 2);
    everywhere("wide", &[&wide[..], &[0xc0]].concat());
}

#[test]
fn lengths_that_say_more_than_there_is() {
    for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
        for length in [[0xff; 4], [0x10, 0, 0, 0], [0, 0, 1, 0]] {
            let huge = [&[marker][..], &length, &[0; 100]].concat();
            everywhere("too long", &huge);
            everywhere("in a list", &[&[0xdd, 0, 0, 0, 2], &huge[..]].concat());
        }
    }
    everywhere("together", &[0xdd, 0x20, 0, 0, 0].repeat(10));
}

#[test]
fn flipped_bits() {
    let call = b"\x82\xa4kids\x91\x92\xd4\x01\x02\xc7\x03\x02abc\xadsomething odd\xd8\x04\xff\xff\
        \xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00";
    everywhere("as it is", call);
    let mut flipped = call.to_vec();
    for at in 0..flipped.len() {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            everywhere("flipped", &flipped);
            flipped[at] ^= 1 << bit;
        }
    }
    for end in 0..call.len() {
        everywhere("cut", &call[..end]);
    }
}

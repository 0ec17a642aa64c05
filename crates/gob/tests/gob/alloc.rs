//! Encoding a known type into a buffer with room allocates no memory; reading allocates in
//! proportion to the bytes that arrive.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::BytesMut;
use plugwire_gob::{self as gob, Any, BinaryMarshaled, Complex, Encoder, Schema, Time};
use serde::{Deserialize, Serialize};
use support::alloc::{allocated_bytes, allocations};
use support::causes::assert_fails;

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Level {
    Info,
    Warn,
}

#[derive(Serialize, Deserialize)]
struct Everything<'a> {
    flag: bool,
    int: i64,
    uint: u64,
    float: f64,
    letter: char,
    text: String,
    borrowed: Cow<'a, str>,
    bytes: Vec<u8>,
    #[serde(with = "serde_bytes")]
    blob: Vec<u8>,
    array: [i32; 3],
    pair: (String, u8),
    maybe: Option<Box<i64>>,
    none: Option<String>,
    lists: Vec<Vec<String>>,
    map: BTreeMap<String, Vec<i64>>,
    level: Level,
    levels: Vec<Level>,
    time: Time,
    complex: Vec<Complex>,
    #[serde(with = "gob::gob_encoder")]
    opaque: Vec<u8>,
    id: BinaryMarshaled<[u8; 16]>,
    any: Any,
    anys: Vec<Any>,
    #[serde(with = "gob::as_string::option")]
    addr: Option<std::net::IpAddr>,
    inner: Vec<Inner>,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Inner {
    name: String,
    inner: Vec<Inner>,
}

fn everything() -> Everything<'static> {
    Everything {
        flag: true,
        int: -1 << 40,
        uint: 1 << 50,
        float: 0.1,
        letter: 'ü',
        text: "text".into(),
        borrowed: "borrowed".into(),
        bytes: vec![1; 300],
        blob: vec![2; 300],
        array: [1, 2, 3],
        pair: ("pair".into(), 1),
        maybe: Some(Box::new(1)),
        none: None,
        lists: vec![vec!["a".into(); 200], vec![]],
        map: BTreeMap::from([("k".into(), vec![1, 2]), ("l".into(), vec![])]),
        level: Level::Warn,
        levels: vec![Level::Info, Level::Warn],
        time: Time::now(),
        complex: vec![Complex::new(1.0, 2.0)],
        opaque: vec![3; 20],
        id: BinaryMarshaled([4; 16]),
        any: Any::Int(1),
        anys: vec![Any::Nil, Any::Bool(true), Any::Float64(0.5)],
        addr: Some([127, 0, 0, 1].into()),
        inner: vec![
            Inner {
                name: "x".into(),
                inner: vec![Inner::default(); 3]
            };
            50
        ],
    }
}

#[test]
fn encoding_a_known_type_allocates_nothing() {
    let value = everything();
    let (mut encoder, mut out) = (Encoder::new(), BytesMut::new());
    let (first, ()) = allocations(|| encoder.encode(&value, &mut out).unwrap());
    assert!(first > 0, "the allocations are not counted");
    let len = out.len();
    // Room for what is written, and for a length that takes more bytes than the last one.
    out.clear();
    out.reserve(20 * len);
    for _ in 0..10 {
        let (count, ()) = allocations(|| encoder.encode(&value, &mut out).unwrap());
        assert_eq!(count, 0);
    }
    for text in ["", "text", &"x".repeat(1000)] {
        encoder.encode(text, &mut out).unwrap();
        let (count, ()) = allocations(|| encoder.encode(text, &mut out).unwrap());
        assert_eq!(count, 0);
    }
}

#[test]
fn a_type_is_learned_once_in_a_process() {
    #[derive(Serialize, Deserialize)]
    struct Fresh {
        list: Vec<Inner>,
    }
    let (first, schema) = allocations(|| Schema::of::<Fresh>().unwrap());
    let (again, same) = allocations(|| Schema::of::<Fresh>().unwrap());
    assert!(first > 10, "{first}");
    assert_eq!(again, 0);
    assert_eq!(schema, same);
    // Another encoder has to define the type on its stream, and allocates for that alone.
    let value = Fresh { list: vec![] };
    let mut out = BytesMut::with_capacity(1000);
    let (once, ()) = allocations(|| Encoder::new().encode(&value, &mut out).unwrap());
    let (twice, ()) = allocations(|| Encoder::new().encode(&value, &mut out).unwrap());
    assert_eq!(once, twice);
}

#[test]
fn what_a_sender_claims_costs_nothing_until_it_arrives() {
    let bytes = |run: &mut dyn FnMut()| allocated_bytes(run).0;
    let mut definition = gob::to_vec(&vec!["x"]).unwrap();
    definition.truncate(definition[0] as usize + 1);
    let claims: [(&[u8], &str); 4] = [
        // A message of nearly a gigabyte.
        (&[0xfc, 0x3f, 0, 0, 0, 4], "unexpected end of data"),
        // A string of as much, in a small message.
        (&[8, 12, 0, 0xfc, 0x3f, 0, 0, 0, 1], "a count of 1056964608"),
        // A million strings, in an interface value and not.
        (
            &[8, 0xff, 0x82, 0, 0xfd, 0x10, 0, 0, 0],
            "a count of 1048576",
        ),
        (
            &[
                14, 16, 8, b'[', b']', b's', b't', b'r', b'i', b'n', b'g', 0xff, 0x82, 5, 0,
            ],
            "field numbers out of bounds",
        ),
    ];
    for (claim, text) in claims {
        let stream = [&definition[..], claim].concat();
        let spent = bytes(&mut || {
            let mut reader = gob::StreamReader::new(&stream[..]);
            assert_fails(reader.read::<Vec<String>>(), text);
            let mut reader = gob::StreamReader::new(&stream[..]);
            assert_fails(reader.read::<gob::Value>(), text);
        });
        assert!(spent < 200_000, "{spent} for {claim:?}");
    }
}

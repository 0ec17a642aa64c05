//! What is encoded decodes to itself, however the stream is cut, and decoding any bytes does no
//! harm.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use plugwire_gob::{
    self as gob, Any, BinaryMarshaled, Complex, Decoder, Encoder, GobEncoded, Limits, Time, Value,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Leaf {
    text: String,
    small: i8,
    large: u64,
    float: f64,
    yes: bool,
    letter: char,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Node {
    leaf: Leaf,
    maybe: Option<Leaf>,
    bytes: Vec<u8>,
    #[serde(with = "serde_bytes")]
    blob: Vec<u8>,
    array: [i32; 3],
    octets: [u8; 4],
    pair: (String, Option<i64>),
    lists: Vec<Vec<i64>>,
    leaves: Vec<Leaf>,
    map: BTreeMap<String, Leaf>,
    numbers: BTreeMap<i32, Vec<String>>,
    set: BTreeSet<u16>,
    any: Any,
    anys: Vec<Any>,
    special: Special,
    children: Vec<Node>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Special {
    time: Time,
    maybe: Option<Time>,
    complex: Vec<Complex>,
    #[serde(with = "gob::binary_marshaler")]
    opaque: [u8; 2],
    opaques: Vec<GobEncoded>,
    named: BTreeMap<String, BinaryMarshaled<String>>,
    dynamic: Value,
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let float = any::<f64>().prop_map(|float| if float == 0.0 { 0.0 } else { float });
    (
        ".{0,12}",
        any::<i8>(),
        any::<u64>(),
        float,
        any::<bool>(),
        any::<char>(),
    )
        .prop_map(|(text, small, large, float, yes, letter)| Leaf {
            text,
            small,
            large,
            float,
            yes,
            letter,
        })
}

fn special() -> impl Strategy<Value = Special> {
    let time = (any::<i64>(), 0u32..1_000_000_000, option::of(1i32..50_000));
    let time = time.prop_map(|(seconds, nanos, offset)| {
        let time = Time::from_unix(seconds / 2, nanos).unwrap();
        offset.map_or(time, |offset| time.with_offset(offset).unwrap())
    });
    (
        time.clone(),
        option::of(time),
        vec((-1e9..1e9, -1.0..1.0).prop_map(Complex::from), 0..3),
        any::<[u8; 2]>(),
        vec(vec(any::<u8>(), 0..20).prop_map(GobEncoded), 0..3),
        btree_map(".{0,3}", ".{0,9}".prop_map(BinaryMarshaled), 0..3),
        interface(),
    )
        .prop_map(
            |(time, maybe, complex, opaque, opaques, named, any)| Special {
                time,
                maybe: maybe.filter(|time| *time != Time::ZERO),
                complex,
                opaque,
                opaques,
                named,
                dynamic: gob::from_slice(&gob::to_vec(&any).unwrap()).unwrap(),
            },
        )
}

fn interface() -> impl Strategy<Value = Any> {
    let basic = prop_oneof![
        Just(Any::Nil),
        any::<bool>().prop_map(Any::Bool),
        any::<i64>().prop_map(Any::Int),
        any::<i16>().prop_map(Any::Int16),
        any::<u64>().prop_map(Any::Uint64),
        any::<f32>().prop_map(Any::Float32),
        ".{0,200}".prop_map(Any::String),
        vec(any::<u8>(), 0..200).prop_map(Any::Bytes),
        leaf().prop_map(|leaf| Any::named("main.Leaf", &leaf).unwrap()),
        vec(".{0,3}", 0..3).prop_map(|list| Any::named("[]string", &list).unwrap()),
    ];
    basic.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|list| Any::named("[]interface {}", &list).unwrap()),
            btree_map(".{0,3}", inner, 0..3).prop_map(|map| Any::named(
                "map[string]interface {}",
                &map
            )
            .unwrap()),
        ]
    })
}

fn node() -> impl Strategy<Value = Node> {
    let flat = (
        (
            leaf(),
            option::of(leaf()),
            vec(any::<u8>(), 0..300),
            vec(any::<u8>(), 0..9),
        ),
        (
            any::<[i32; 3]>(),
            any::<[u8; 4]>(),
            (".{0,5}", option::of(1i64..)),
        ),
        (
            vec(vec(any::<i64>(), 0..4), 0..4),
            vec(leaf(), 0..4),
            btree_map(".{0,3}", leaf(), 0..3),
        ),
        (
            btree_map(any::<i32>(), vec(".{0,3}", 0..3), 0..3),
            btree_set(any::<u16>(), 0..4),
            interface(),
            vec(interface(), 0..3),
            special(),
        ),
    )
        .prop_map(|(a, b, c, d)| Node {
            leaf: a.0,
            maybe: a.1,
            bytes: a.2,
            blob: a.3,
            array: b.0,
            octets: b.1,
            pair: b.2,
            lists: c.0,
            leaves: c.1,
            map: c.2,
            numbers: d.0,
            set: d.1,
            any: d.2,
            anys: d.3,
            special: d.4,
            children: Vec::new(),
        });
    flat.prop_recursive(2, 6, 3, |inner| {
        (inner.clone(), vec(inner, 0..3)).prop_map(|(node, children)| Node { children, ..node })
    })
}

/// NaN is not equal to itself: what was sent again must be what was sent.
fn assert_same(sent: &Node, received: &Node) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        format!("{sent:?}").contains("NaN"),
        format!("{received:?}").contains("NaN")
    );
    let bytes = |node| gob::to_vec(node).unwrap();
    prop_assert_eq!(bytes(sent), bytes(received));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn values_come_back_whatever_the_cuts(
        nodes in vec(node(), 1..4),
        cuts in vec(1usize..200, 1..50),
    ) {
        let (mut encoder, mut stream) = (Encoder::new(), BytesMut::new());
        for node in &nodes {
            encoder.encode(node, &mut stream).unwrap();
            encoder.encode(&node.any, &mut stream).unwrap();
            encoder.encode(&node.leaf, &mut stream).unwrap();
        }
        let (mut decoder, mut buf) = (Decoder::new(), BytesMut::new());
        let (mut values, mut cuts) = (Vec::new(), cuts.into_iter().cycle());
        while !stream.is_empty() {
            let cut = cuts.next().unwrap().min(stream.len());
            buf.extend_from_slice(&stream.split_to(cut));
            while let Some(value) = decoder.next_value(&mut buf).unwrap() {
                values.push(value);
            }
        }
        prop_assert!(buf.is_empty());
        prop_assert_eq!(values.len(), 3 * nodes.len());
        for (node, values) in nodes.iter().zip(values.chunks(3)) {
            assert_same(node, &values[0].decode().unwrap())?;
            let any: Any = values[1].decode().unwrap();
            prop_assert_eq!(any.name(), node.any.name());
            values[1].decode::<Value>().unwrap();
            values[2].decode::<Leaf>().unwrap();
            values[0].decode::<()>().unwrap();
        }
    }

    #[test]
    fn noise_is_an_error_or_a_value(bytes in vec(any::<u8>(), 0..64)) {
        let mut buf = BytesMut::from(&bytes[..]);
        let mut decoder = Decoder::with_limits(Limits::default().max_message(1 << 20));
        while let Ok(Some(value)) = decoder.next_value(&mut buf) {
            if let Ok(dynamic) = value.decode::<Value>() {
                let _ = gob::to_vec_as(&value.schema(), &dynamic);
                let _ = gob::to_vec(&dynamic);
            }
            let _ = value.decode::<Node>();
        }
    }

    #[test]
    fn noise_in_a_stream_is_an_error_or_a_value(
        node in node(),
        at in any::<prop::sample::Index>(),
        noise in vec(any::<u8>(), 1..4),
    ) {
        let mut bytes = gob::to_vec(&node).unwrap();
        let at = at.index(bytes.len());
        let end = (at + noise.len()).min(bytes.len());
        bytes.splice(at..end, noise);
        let (mut decoder, mut buf) = (Decoder::new(), BytesMut::from(&bytes[..]));
        while let Ok(Some(value)) = decoder.next_value(&mut buf) {
            if let Ok(dynamic) = value.decode::<Value>() {
                let _ = gob::to_vec_as(&value.schema(), &dynamic);
                let _ = gob::to_vec(&dynamic);
            }
            let _ = value.decode::<Node>();
            if let Ok(any) = value.decode::<Any>() {
                let _ = gob::to_vec(&any);
            }
        }
    }
}

//! Go's vectors, decoded, and encoded again: byte for byte where the types allow it.

use crate::vectors::{self, AsGo, Pair, Visit, committed, find, values};
use plugwire_gob::{self as gob, RawValue, Value};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;
use support::hex;

struct Decodes(Vec<vectors::Vector>);

impl Visit for Decodes {
    fn visit<T>(&mut self, name: &str, as_go: AsGo)
    where
        T: Serialize + for<'de> Deserialize<'de> + Clone + std::fmt::Debug,
    {
        let vector = find(&self.0, name);
        let value: T = gob::from_slice(&vector.bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(
            serde_json::to_value(&value).unwrap(),
            vector.value,
            "{name}"
        );

        // A stream cut into single bytes comes out as the same value.
        let (mut decoder, mut buf) = (gob::Decoder::new(), bytes::BytesMut::new());
        let mut found = None;
        for byte in &vector.bytes {
            assert!(found.is_none(), "{name}: a value before the last byte");
            buf.extend_from_slice(&[*byte]);
            found = decoder.next_value(&mut buf).unwrap();
        }
        let value: T = found.unwrap().decode().unwrap();
        assert_eq!(
            serde_json::to_value(&value).unwrap(),
            vector.value,
            "{name}"
        );

        if as_go != AsGo::Not {
            let bytes = gob::to_vec(&value).unwrap_or_else(|error| panic!("{name}: {error}"));
            let again: T = gob::from_slice(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(
                serde_json::to_value(&again).unwrap(),
                vector.value,
                "{name}"
            );
            if as_go == AsGo::Exactly {
                assert_eq!(hex::encode(&bytes), hex::encode(&vector.bytes), "{name}");
            }
        }
    }
}

#[test]
fn go_values_decode_and_encode() {
    vectors::visit_all(&mut Decodes(committed()));
}

#[test]
fn streams_of_several_values() {
    let vectors = committed();
    for (name, described, bytes) in vectors::streams() {
        assert_eq!(
            serde_json::Value::Array(described),
            find(&vectors, name).value,
            "{name}"
        );
        if name != "stream_any" {
            let again = values(&bytes).unwrap();
            assert_eq!(
                again.len(),
                find(&vectors, name).value.as_array().unwrap().len()
            );
        }
    }
}

#[test]
fn every_vector_decodes_as_a_dynamic_value_and_is_skipped_as_a_unit() {
    for vector in committed() {
        for value in values(&vector.bytes).unwrap() {
            value
                .decode::<Value>()
                .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
            value
                .decode::<()>()
                .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
            value.decode::<gob::Any>().ok();
        }
    }
}

/// Whether a stream's messages can differ from Go's although the values are the same: where Go
/// defines a type in the middle of a value, which is done before the value here, and where it has
/// used two numbers for a type with an encoding of its own.
fn may_differ(name: &str) -> bool {
    let names = [
        "any_strings",
        "any_ints",
        "any_struct",
        "any_pointer",
        "any_short",
        "any_list",
        "any_map",
        "any_time",
        "any_slice",
        "any_dict",
        "anything",
        "reply",
        "stringer",
        "boxed",
        "inlined",
        "anys",
        "stream_any",
        "stream_boxed",
        "stream_times",
    ];
    names.iter().any(|series| name.starts_with(series))
}

/// The messages with values in them. Definitions name unnamed types as Go prints them, with widths
/// that are not sent otherwise. So a definition written here can differ in that name, which no
/// decoder looks at.
fn bodies(mut stream: &[u8]) -> Vec<&[u8]> {
    let int = |bytes: &[u8]| match bytes[0] {
        0..=127 => (usize::from(bytes[0]), 1),
        count => {
            let count = usize::from(count.wrapping_neg());
            let bytes = &bytes[1..=count];
            (
                bytes
                    .iter()
                    .fold(0, |value, byte| value << 8 | usize::from(*byte)),
                1 + count,
            )
        }
    };
    let mut bodies = Vec::new();
    while !stream.is_empty() {
        let (len, width) = int(stream);
        let (message, rest) = stream[width..].split_at(len);
        if int(message).0 % 2 == 0 {
            bodies.push(message);
        }
        stream = rest;
    }
    bodies
}

#[test]
fn every_vector_encodes_again_as_a_dynamic_value() {
    let mut exact = 0;
    for vector in committed() {
        let (mut encoder, mut out) = (gob::Encoder::new(), bytes::BytesMut::new());
        let received = values(&vector.bytes).unwrap();
        for value in &received {
            let dynamic: Value = value.decode().unwrap();
            encoder
                .encode_as(&value.schema(), &dynamic, &mut out)
                .unwrap();
        }
        for (again, value) in values(&out).unwrap().iter().zip(&received) {
            assert_eq!(again.schema(), value.schema(), "{}", vector.name);
            // By their text, since NaN is not equal to itself.
            let text = |value: &RawValue| format!("{:?}", value.decode::<Value>().unwrap());
            assert_eq!(text(again), text(value), "{}", vector.name);
        }
        if bodies(&out) == bodies(&vector.bytes) {
            exact += 1;
        } else {
            assert!(
                may_differ(&vector.name),
                "{}\n{}\n{}",
                vector.name,
                hex::encode(&out),
                hex::encode(&vector.bytes)
            );
        }
    }
    assert!(exact > 300, "{exact}");
}

#[test]
fn tuples_are_structs_of_letters() {
    let vectors = committed();
    let pair = Pair(5, "five".into());
    let vector = find(&vectors, "pair");
    assert_eq!(gob::from_slice::<Pair>(&vector.bytes).unwrap(), pair);
    assert_eq!(
        hex::encode(&gob::to_vec(&pair).unwrap()),
        hex::encode(&vector.bytes)
    );
    assert_eq!(
        gob::from_slice::<(i64, String)>(&vector.bytes).unwrap(),
        (5, "five".into())
    );
    // Fields beyond the tuple are skipped, elements beyond the fields are zero.
    assert_eq!(gob::from_slice::<(i64,)>(&vector.bytes).unwrap(), (5,));
    let longer: (i64, String, Vec<u8>) = gob::from_slice(&vector.bytes).unwrap();
    assert_eq!(longer, (5, "five".into(), vec![]));
}

#[test]
fn strings_can_be_borrowed() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Request<'a> {
        #[serde(rename = "ServiceMethod")]
        method: &'a str,
        #[serde(rename = "Seq")]
        seq: u64,
    }
    let vectors = committed();
    let bytes = &find(&vectors, "stream_rpc").bytes;
    let request: Request<'_> = gob::from_slice(bytes).unwrap();
    assert_eq!(
        request,
        Request {
            method: "Plugin.Greet",
            seq: 1
        }
    );
    let raw = values(bytes).unwrap();
    assert_eq!(raw[2].decode::<Request<'_>>().unwrap().method, "Plugin.Sum");
}

#[test]
fn a_pointer_to_zero_arrives_as_nil() {
    let value: vectors::Pointers =
        gob::from_slice(&find(&committed(), "pointers_to_zero").bytes).unwrap();
    assert_eq!(value, vectors::Pointers::default());
}

/// All that a decoder can do with bytes, none of which may panic.
fn prod(bytes: &[u8]) {
    let (mut decoder, mut buf) = (gob::Decoder::new(), bytes::BytesMut::from(bytes));
    while let Ok(Some(value)) = decoder.next_value(&mut buf) {
        if let Ok(dynamic) = value.decode::<Value>() {
            let _ = gob::to_vec_as(&value.schema(), &dynamic);
            let _ = gob::to_vec(&dynamic);
        }
        let _ = value.decode::<()>();
        let _ = value.decode::<serde_json::Value>();
        let _ = value.decode::<vectors::Outer>();
        let _ = value.decode::<vectors::Collections>();
        let _ = value.decode::<Vec<vectors::Anything>>();
        if let Ok(any) = value.decode::<gob::Any>() {
            let _ = gob::to_vec(&any);
        }
        let _ = value.go_type();
    }
}

#[test]
fn no_cut_yields_a_value_or_a_panic() {
    for vector in committed() {
        let whole = values(&vector.bytes).unwrap().len();
        for end in 0..vector.bytes.len().min(4096) {
            let (mut decoder, mut buf) = (gob::Decoder::new(), vector.bytes[..end].into());
            let mut count = 0;
            while let Some(value) = decoder.next_value(&mut buf).unwrap() {
                count += 1;
                value.decode::<Value>().unwrap();
            }
            assert!(
                count < whole,
                "{}: {count} values of {whole} from {end} bytes",
                vector.name
            );
            if whole == 1 {
                assert_fails(
                    gob::from_slice::<Value>(&vector.bytes[..end]),
                    "unexpected end",
                );
            }
        }
    }
}

#[test]
fn no_flipped_bit_panics() {
    for vector in committed() {
        let mut bytes = vector.bytes;
        for index in 0..bytes.len().min(1500) {
            for bit in 0..8 {
                bytes[index] ^= 1 << bit;
                prod(&bytes);
                bytes[index] ^= 1 << bit;
            }
        }
    }
}

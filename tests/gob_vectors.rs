//! What Go's encoder wrote, decoded; and encoded again, byte for byte where the types allow it.

#[path = "vectors/types.rs"]
mod types;

use plugwire::gob::{self, Value};
use serde::{Deserialize, Serialize};
use types::{AsGo, Pair, Visit, committed, find, to_hex, values};

struct Decodes(Vec<types::Vector>);

impl Visit for Decodes {
    fn visit<T>(&mut self, name: &str, as_go: AsGo)
    where
        T: Serialize + for<'de> Deserialize<'de> + Clone + std::fmt::Debug,
    {
        let vector = find(&self.0, name);
        let value: T = gob::from_slice(&vector.bytes).unwrap_or_else(|err| panic!("{name}: {err}"));
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
            let bytes = gob::to_vec(&value).unwrap_or_else(|err| panic!("{name}: {err}"));
            let again: T = gob::from_slice(&bytes).unwrap_or_else(|err| panic!("{name}: {err}"));
            assert_eq!(
                serde_json::to_value(&again).unwrap(),
                vector.value,
                "{name}"
            );
            if as_go == AsGo::Exactly {
                assert_eq!(to_hex(&bytes), to_hex(&vector.bytes), "{name}");
            }
        }
    }
}

#[test]
fn go_values_decode_and_encode() {
    types::visit_all(&mut Decodes(committed()));
}

#[test]
fn streams_of_several_values() {
    let vectors = committed();
    for (name, described, bytes) in types::streams() {
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
                .unwrap_or_else(|err| panic!("{}: {err}", vector.name));
            value
                .decode::<()>()
                .unwrap_or_else(|err| panic!("{}: {err}", vector.name));
            value.decode::<gob::Any>().ok();
        }
    }
}

#[test]
fn tuples_are_structs_of_letters() {
    let vectors = committed();
    let pair = Pair(5, "five".into());
    let vector = find(&vectors, "pair");
    assert_eq!(gob::from_slice::<Pair>(&vector.bytes).unwrap(), pair);
    assert_eq!(to_hex(&gob::to_vec(&pair).unwrap()), to_hex(&vector.bytes));
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
    let value: types::Pointers =
        gob::from_slice(&find(&committed(), "pointers_to_zero").bytes).unwrap();
    assert_eq!(value, types::Pointers::default());
}

/// Everything a decoder can be asked to do with bytes, none of which may panic.
fn prod(bytes: &[u8]) {
    let (mut decoder, mut buf) = (gob::Decoder::new(), bytes::BytesMut::from(bytes));
    while let Ok(Some(value)) = decoder.next_value(&mut buf) {
        let _ = value.decode::<Value>();
        let _ = value.decode::<()>();
        let _ = value.decode::<serde_json::Value>();
        let _ = value.decode::<types::Outer>();
        let _ = value.decode::<types::Collections>();
        let _ = value.decode::<Vec<types::Anything>>();
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
            assert!(gob::from_slice::<Value>(&vector.bytes[..end]).is_err() || whole > 1);
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

//! Values apart from their stream, bounds on what is taken, and streams that are cut or wrong.

use std::fmt::Debug;

use bytes::BytesMut;
use plugwire_gob::{self as gob, DecodeErrorKind, Decoder, Encoder, Limits, Value};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;

use crate::person::{Person, ann};

#[track_caller]
fn same<T: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(value: T) {
    let bytes = gob::to_vec(&value).unwrap();
    assert_eq!(gob::from_slice::<T>(&bytes).unwrap(), value);
}

#[test]
fn raw_values_outlive_the_decoder_and_go_to_other_threads() {
    let mut out = BytesMut::new();
    let mut encoder = Encoder::new();
    encoder.encode(&ann(), &mut out).unwrap();
    encoder.encode(&vec![1i64], &mut out).unwrap();
    let mut decoder = Decoder::new();
    let value = decoder.next_value(&mut out).unwrap().unwrap();
    let later = decoder.next_value(&mut out).unwrap().unwrap();
    drop((decoder, out));
    assert_eq!(value.go_type(), "Person");
    let thread = std::thread::spawn(move || value.decode::<Person>().unwrap());
    assert_eq!(thread.join().unwrap(), ann());
    assert_eq!(later.decode::<Vec<i64>>().unwrap(), [1]);
}

#[track_caller]
fn refused(bytes: &[u8], limits: Limits) -> DecodeErrorKind {
    let mut buf = BytesMut::from(bytes);
    let result = Decoder::with_limits(limits)
        .next_value(&mut buf)
        .and_then(|value| value.expect("a value").decode::<Value>());
    result.unwrap_err().kind().clone()
}

#[test]
fn limits_and_malformed_streams() {
    use DecodeErrorKind as Kind;
    let default = Limits::default();

    // The longest length that there is, under no limit at all.
    let endless = Limits::default().max_message(usize::MAX);
    for width in 1..=8 {
        let mut bytes = vec![(width as u8).wrapping_neg()];
        bytes.resize(1 + width, 0xff);
        let result = Decoder::with_limits(endless).next_value(&mut BytesMut::from(&bytes[..]));
        match result {
            // Memory might hold it, so the decoder waits for it.
            Ok(None) => assert!(width < 8, "{width}"),
            result => {
                let kind = result.unwrap_err().kind().clone();
                assert!(matches!(kind, Kind::MessageTooBig { .. }), "{kind:?}");
            }
        }
    }

    // A length of 2^60, and one over the limit: refused before the bytes arrive.
    assert!(matches!(
        refused(&[0xf8, 16, 0, 0, 0, 0, 0, 0, 0], default),
        Kind::MessageTooBig { .. }
    ));
    let big = gob::to_vec(&vec![0u8; 100]).unwrap();
    assert!(matches!(
        refused(&big, default.max_message(99)),
        Kind::MessageTooBig { max: 99, .. }
    ));
    assert_eq!(refused(&[0], default), Kind::EmptyMessage);
    assert_eq!(refused(&[0x80], default), Kind::BadInteger);
    assert_eq!(refused(&[2, 4, 1], default), Kind::BadFieldNumber);
    assert_eq!(
        refused(&[3, 0xff, 0x84, 0], default),
        Kind::UndefinedType { id: 66 }
    );
    assert_eq!(
        refused(&[2, 32, 0], default),
        Kind::UndefinedType { id: 16 }
    );
    assert_eq!(refused(&[4, 4, 0, 6, 6], default), Kind::TrailingData);
    assert_eq!(refused(&[2, 4, 0], default), Kind::UnexpectedEnd);
    // A string of 2^40 bytes, and as many elements.
    let string = [9, 12, 0, 0xfa, 1, 0, 0, 0, 0, 0];
    assert!(matches!(
        refused(&string, default),
        Kind::CountTooBig { .. }
    ));

    let slice = gob::to_vec(&vec![(), ()]).unwrap();
    let (definition, value) = slice.split_at(slice[0] as usize + 1);
    let mut twice = definition.to_vec();
    twice.extend_from_slice(definition);
    assert_eq!(refused(&twice, default), Kind::DuplicateType { id: 65 });
    assert_eq!(
        refused(&slice, default.max_types(0)),
        Kind::TooManyTypes { max: 0 }
    );
    let mut many = definition.to_vec();
    many.extend_from_slice(&[10, 0xff, 0x82, 0, 0xfa, 1, 0, 0, 0, 0, 0]);
    assert!(matches!(refused(&many, default), Kind::CountTooBig { .. }));
    assert!(!value.is_empty());

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct List {
        value: i64,
        next: Option<Box<List>>,
    }
    let mut list = List::default();
    for _ in 0..126 {
        list = List {
            value: 1,
            next: Some(Box::new(list)),
        };
    }
    same(list);
    let mut list = List::default();
    for _ in 0..128 {
        list = List {
            value: 1,
            next: Some(Box::new(list)),
        };
    }
    let bytes = gob::to_vec(&list).unwrap();
    assert!(
        gob::from_slice::<List>(&bytes)
            .unwrap_err()
            .to_string()
            .contains("nested deeper than 128")
    );
    assert!(matches!(
        refused(&bytes, default),
        Kind::TooDeep { max: 128 }
    ));
    assert_fails(
        gob::from_slice::<()>(&bytes),
        "nested deeper than 128 levels",
    );
    let mut buf = BytesMut::from(&bytes[..]);
    let value = Decoder::with_limits(default.max_depth(200))
        .next_value(&mut buf)
        .unwrap()
        .unwrap();
    assert_eq!(value.decode::<List>().unwrap(), list);
}

#[test]
fn definitions_are_taken_even_when_the_value_is_not_there_yet() {
    let bytes = gob::to_vec(&ann()).unwrap();
    let mut buf = BytesMut::from(&bytes[..bytes.len() - 1]);
    let mut decoder = Decoder::new();
    assert!(decoder.next_value(&mut buf).unwrap().is_none());
    assert!(buf.len() < 20, "only the value's message is left");
    buf.extend_from_slice(&bytes[bytes.len() - 1..]);
    let value = decoder.next_value(&mut buf).unwrap().unwrap();
    assert_eq!(value.decode::<Person>().unwrap(), ann());
}

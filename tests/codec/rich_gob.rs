//! Values of gob's own types over the rich codec: they come back with all that gob says of them.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::BytesMut;
use plugwire::codec::{Codec, MessageDecoder, MessageEncoder};
use plugwire::gob::{self, Any, Encode, Time, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Decoder, Encoder};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person {
    name: String,
    age: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Event", rename_all = "PascalCase")]
struct Event<P> {
    payload: P,
    more: Vec<P>,
    by_name: BTreeMap<String, P>,
}

fn event<P: Clone>(payload: P) -> Event<P> {
    Event {
        more: vec![payload.clone(), payload.clone()],
        by_name: BTreeMap::from([("one".to_owned(), payload.clone())]),
        payload,
    }
}

/// What arrives of a value that is sent in a codec.
fn through<T: Encode, R: DeserializeOwned>(codec: Codec, value: &T) -> R {
    let mut bytes = BytesMut::new();
    MessageEncoder::new(codec)
        .encode((&1u8, value), &mut bytes)
        .unwrap();
    let message = MessageDecoder::new(codec).decode(&mut bytes).unwrap();
    message.unwrap().body.decode().unwrap()
}

fn rich<T: Encode + DeserializeOwned>(value: &T) -> T {
    through(Codec::Rich, value)
}

/// Whatever serde keeps a copy of while it reads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Copied<P> {
    Number(i64),
    Fields { payload: P },
}

#[test]
fn times_come_back() {
    let zones = [
        "2026-11-28T21:15:00.123456789Z",
        "1890-01-01T00:00:00+00:17",
        "0001-01-01T00:00:00Z",
    ];
    for text in zones {
        let time: Time = text.parse().unwrap();
        let back = rich(&event(time));
        assert_eq!(back, event(time), "{text}");
        assert_eq!(
            gob::to_vec(&back).unwrap(),
            gob::to_vec(&event(time)).unwrap()
        );
    }
}

fn person() -> Person {
    Person {
        name: "Ann".into(),
        age: 0,
    }
}

fn anys() -> Vec<Any> {
    vec![
        Any::Nil,
        Any::Bool(false),
        Any::Int(5),
        Any::Int(-5),
        Any::Int8(-3),
        Any::Int16(300),
        Any::Int32(1),
        Any::Int64(0),
        Any::Uint(7),
        Any::Uint8(7),
        Any::Uint16(7),
        Any::Uint32(7),
        Any::Uint64(u64::MAX),
        Any::Float32(0.1),
        Any::Float64(0.1),
        Any::from("text"),
        Any::Bytes(vec![0, 255]),
        Any::named("main.Person", &person()).unwrap(),
        Any::list(vec![Any::Int8(1), Any::Nil]).unwrap(),
    ]
}

#[test]
fn an_any_keeps_its_type() {
    for any in anys() {
        let back = rich(&any);
        assert_eq!(back.name(), any.name());
        let bytes = |any: &Any| gob::to_vec(&event(any.clone())).unwrap();
        assert_eq!(bytes(&back), bytes(&any), "{any:?}");
        let back = rich(&event(any.clone()));
        assert_eq!(gob::to_vec(&back).unwrap(), bytes(&any), "{any:?}");
        assert!(rich(&Some(Some(any.clone()))).is_some_and(|any| any.is_some()));
        let Copied::Fields { payload } = rich(&Copied::Fields {
            payload: any.clone(),
        }) else {
            panic!("{any:?}");
        };
        assert_eq!(bytes(&payload), bytes(&any), "{any:?}");
    }
    let back = rich(&Any::named("main.Person", &person()).unwrap());
    assert_eq!(back.name(), "main.Person");
    assert_eq!(back.decode::<Person>().unwrap(), person());
}

/// What a value holds that came in a field: a struct with its type.
fn received<P: Encode + DeserializeOwned>(payload: P) -> Value {
    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Event", rename_all = "PascalCase")]
    struct Field<P> {
        payload: P,
    }
    let bytes = gob::to_vec(&Field { payload }).unwrap();
    let field: Field<Value> = gob::from_slice(&bytes).unwrap();
    field.payload
}

#[test]
fn a_value_keeps_its_type() {
    let mut values = vec![
        Value::Nil,
        Value::Bool(true),
        Value::Int(5),
        Value::Int(-5),
        Value::Uint(5),
        Value::Float(1.0),
        Value::Complex(1.0, -1.0),
        Value::String("text".into()),
        Value::Bytes(vec![0, 255]),
        Value::List(vec![Value::Int(1), Value::Nil]),
        Value::Map(vec![(Value::Int(1), Value::String(String::new()))]),
        received(person()),
        received(vec![person(), person()]),
        received(Time::from_unix(1, 2).unwrap()),
    ];
    values.extend(anys().into_iter().map(received));
    for value in values {
        assert_eq!(rich(&value), value);
        assert_eq!(rich(&event(value.clone())), event(value.clone()));
        let copied = Copied::Fields {
            payload: value.clone(),
        };
        let Copied::Fields { payload } = rich(&copied) else {
            panic!("{value:?}");
        };
        assert_eq!(payload, value);
    }
    // It can be sent on to a Go peer.
    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Event", rename_all = "PascalCase")]
    struct Field<P> {
        payload: P,
    }
    let payload = rich(&received(person()));
    let bytes = gob::to_vec(&Field { payload }).unwrap();
    let field: Field<Person> = gob::from_slice(&bytes).unwrap();
    assert_eq!(field.payload, person());
}

/// As before: other peers than those of this crate get what the values hold.
#[test]
fn msgpack_has_what_values_hold() {
    let text: String = through(Codec::MsgPack, &Any::from("text"));
    assert_eq!(text, "text");
    let number: i64 = through(Codec::MsgPack, &Value::Int(5));
    assert_eq!(number, 5);
}

#[test]
fn what_a_peer_forges_is_an_error() {
    #[derive(Serialize, Deserialize)]
    struct Forged {
        #[serde(rename = "$plugwire::gob::Any")]
        any: Vec<u8>,
    }
    #[derive(Serialize, Deserialize)]
    struct ForgedValue {
        #[serde(rename = "$plugwire::gob::Value")]
        value: (u8, BTreeMap<String, (String, Vec<u8>)>),
    }
    fn refused<T: Encode, R: DeserializeOwned + Debug>(value: &T) {
        let mut bytes = BytesMut::new();
        MessageEncoder::new(Codec::Rich)
            .encode((&1u8, value), &mut bytes)
            .unwrap();
        let message = MessageDecoder::new(Codec::Rich).decode(&mut bytes).unwrap();
        message.unwrap().body.decode::<R>().unwrap_err();
    }
    for any in [
        vec![],
        vec![1],
        vec![255; 100],
        b"\x03\x04\x00\x02\x07".to_vec(),
    ] {
        refused::<_, Any>(&Forged { any });
    }
    refused::<_, Any>(&BTreeMap::from(
        [("$plugwire::gob::Any", 5)].map(|(k, v)| (k.to_owned(), v)),
    ));
    let value = (1, BTreeMap::new());
    refused::<_, Value>(&ForgedValue { value });
    let interface = |gob: Vec<u8>| {
        let value = BTreeMap::from([("Interface".to_owned(), (String::new(), gob))]);
        BTreeMap::from([("$plugwire::gob::Value".to_owned(), value)])
    };
    refused::<_, Value>(&interface(vec![]));
    refused::<_, Value>(&interface(vec![255; 100]));
}

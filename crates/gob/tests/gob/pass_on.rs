//! Values whose type the program does not know, sent on as the type that they came with.

use std::collections::BTreeMap;

use bytes::BytesMut;
use plugwire_gob::{self as gob, Any, Decoder, Encode, Encoder, Prepared, Time, Value};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person {
    name: String,
    age: i64,
    born: Time,
    tags: [String; 2],
    extra: Any,
}

fn ann() -> Person {
    Person {
        name: "Ann".into(),
        born: Time::from_unix(5, 6).unwrap(),
        extra: Any::named("main.Extra", &vec![1i64]).unwrap(),
        ..Person::default()
    }
}

/// An event as its maker has it, and as a program that passes it on.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Event", rename_all = "PascalCase")]
struct Event<T> {
    id: i64,
    payload: T,
    last: i64,
}

fn event<T>(payload: T) -> Event<T> {
    let (id, last) = (1, 2);
    Event { id, payload, last }
}

/// The value's bytes on a stream that has carried it before, and prepared.
fn all_ways<T: Encode>(value: &T) -> Vec<Vec<u8>> {
    let mut ways = vec![gob::to_vec(value).unwrap()];
    let (mut encoder, mut prepared_encoder) = (Encoder::new(), Encoder::new());
    let (mut stream, mut prepared_stream) = (BytesMut::new(), BytesMut::new());
    for _ in 0..3 {
        encoder.encode(value, &mut stream).unwrap();
        let mut bytes = BytesMut::new();
        let prepared = Prepared::new(value, &mut bytes).unwrap();
        let other = prepared_encoder
            .begin_prepared(&prepared, &bytes, &mut prepared_stream)
            .unwrap();
        prepared_stream.extend_from_slice(other.as_ref().unwrap_or(&bytes));
    }
    ways.push(stream.to_vec());
    ways.push(prepared_stream.to_vec());
    ways
}

fn decode_all<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Vec<T> {
    let mut decoder = Decoder::new();
    let mut bytes = BytesMut::from(bytes);
    let mut values = Vec::new();
    while let Some(value) = decoder.next_value(&mut bytes).unwrap() {
        values.push(value.decode().unwrap());
    }
    values
}

#[test]
fn a_struct_in_a_field_is_sent_on_as_the_same_type() {
    let sent = gob::to_vec(&event(ann())).unwrap();
    let value: Event<Value> = gob::from_slice(&sent).unwrap();
    let any: Event<Any> = gob::from_slice(&sent).unwrap();
    assert_eq!(value.payload.field("Name"), Some(&"Ann".into()));
    assert_eq!(any.payload.name(), "Person");
    assert_eq!(gob::to_vec(&value).unwrap(), sent);
    assert_eq!(gob::to_vec(&any).unwrap(), sent);
    for bytes in all_ways(&value).into_iter().chain(all_ways(&any)) {
        for back in decode_all::<Event<Person>>(&bytes) {
            assert_eq!(back, event(ann()));
        }
    }
}

#[test]
fn it_may_be_changed() {
    let sent = gob::to_vec(&event(ann())).unwrap();
    let mut value: Event<Value> = gob::from_slice(&sent).unwrap();
    value.payload.set("Age", 41);
    value.payload.set("Name", "Eve");
    let back: Event<Person> = gob::from_slice(&gob::to_vec(&value).unwrap()).unwrap();
    assert_eq!((&*back.payload.name, back.payload.age), ("Eve", 41));
    assert_eq!(back.payload.born, ann().born);
    *value.payload.field_mut("Name").unwrap() = Value::Int(7);
    assert_fails(gob::to_vec(&value), "Payload.Name: Serialize gave int64");
    value.payload.set("Name", "Eve");
    value.payload.set("Height", 180);
    assert_fails(
        gob::to_vec(&value),
        "Payload: the type Person has no field `Height`",
    );
}

#[test]
fn several_values_and_lists_keep_their_types() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Many<A, B> {
        first: A,
        list: Vec<B>,
        map: BTreeMap<String, B>,
        maybe: Option<A>,
        inner: Option<Box<Many<A, B>>>,
    }
    let many = |inner| Many {
        first: event(5i64),
        list: vec![ann(), Person::default()],
        map: BTreeMap::from([("a".to_owned(), ann())]),
        maybe: Some(event(6)),
        inner,
    };
    let sent = many(Some(Box::new(many(None))));
    let bytes = gob::to_vec(&sent).unwrap();
    let values: Many<Value, Value> = gob::from_slice(&bytes).unwrap();
    for bytes in all_ways(&values) {
        for back in decode_all::<Many<Event<i64>, Person>>(&bytes) {
            assert_eq!(back, sent);
        }
    }
    // Elements of an `Any` may have several types, so they are sent under the names that they have.
    let anys: Many<Any, Any> = gob::from_slice(&bytes).unwrap();
    let again: Many<Any, Any> = gob::from_slice(&gob::to_vec(&anys).unwrap()).unwrap();
    assert_eq!(again.list[0].name(), "Person");
    assert_eq!(again.first.decode::<Event<i64>>().unwrap(), event(5));
}

#[test]
fn a_type_with_an_encoding_of_its_own_passes() {
    let sent = gob::to_vec(&event(Time::from_unix(5, 6).unwrap())).unwrap();
    for again in [
        gob::to_vec(&gob::from_slice::<Event<Value>>(&sent).unwrap()),
        gob::to_vec(&gob::from_slice::<Event<Any>>(&sent).unwrap()),
    ] {
        assert_eq!(again.unwrap(), sent);
    }
}

#[test]
fn a_whole_value_passes_as_any() {
    let sent = gob::to_vec(&ann()).unwrap();
    let any: Any = gob::from_slice(&sent).unwrap();
    assert_eq!(gob::to_vec(&any).unwrap(), sent);
    for bytes in all_ways(&any) {
        for back in decode_all::<Person>(&bytes) {
            assert_eq!(back, ann());
        }
    }
    for sent in [gob::to_vec(&vec![ann()]), gob::to_vec(&[1i64, 2])] {
        let sent = sent.unwrap();
        let any: Any = gob::from_slice(&sent).unwrap();
        assert_eq!(gob::to_vec(&any).unwrap(), sent);
    }
}

#[test]
fn a_registered_name_makes_it_an_interface_value() {
    let sent = gob::to_vec(&event(ann())).unwrap();
    let mut value: Event<Value> = gob::from_slice(&sent).unwrap();
    value.payload = value.payload.registered_as("main.Person");
    let mut any: Event<Any> = gob::from_slice(&sent).unwrap();
    any.payload = any.payload.registered_as("main.Person");
    for bytes in [gob::to_vec(&value), gob::to_vec(&any)] {
        let back: Event<Any> = gob::from_slice(&bytes.unwrap()).unwrap();
        assert_eq!(back.payload.name(), "main.Person");
        assert_eq!(back.payload.decode::<Person>().unwrap(), ann());
    }
    // What was in an interface value stays there.
    let sent = gob::to_vec(&event(Any::named("main.Person", &ann()).unwrap())).unwrap();
    let mut value: Event<Value> = gob::from_slice(&sent).unwrap();
    assert_eq!(gob::to_vec(&value).unwrap(), sent);
    value.payload.set("Age", 3);
    let back: Event<Any> = gob::from_slice(&gob::to_vec(&value).unwrap()).unwrap();
    assert_eq!(back.payload.name(), "main.Person");
    assert_eq!(back.payload.decode::<Person>().unwrap().age, 3);
}

#[test]
fn a_struct_made_by_hand_has_no_type_to_go_by() {
    let fields = vec![("Name".into(), "Ann".into())];
    let name = "Person".into();
    let made = event(Value::Struct { name, fields });
    assert_fails(
        gob::to_vec(&made),
        "Payload: a struct stands for an interface value but has no Go type name",
    );
}

#[test]
fn lists_and_maps_of_any_values_are_made_easily() {
    let list = Any::list(["a", "b"]).unwrap();
    assert_eq!(list.name(), "[]interface {}");
    assert_eq!(
        list.decode::<Vec<Any>>().unwrap(),
        [Any::from("a"), "b".into()]
    );
    let map = Any::map([("list", list), ("none", Any::Nil), ("n", 1u8.into())]).unwrap();
    assert_eq!(map.name(), "map[string]interface {}");
    let back: BTreeMap<String, Any> = map.decode().unwrap();
    assert_eq!(back["n"], Any::Uint8(1));
    assert_eq!(back["list"].decode::<Vec<String>>().unwrap(), ["a", "b"]);
    let mut deep = Any::Nil;
    let error = loop {
        match Any::list([deep]) {
            Ok(deeper) => deep = deeper,
            Err(error) => break error,
        }
    };
    assert_fails(Err::<(), _>(error), "nested");
}

#[test]
fn obvious_values_become_go_values() {
    let found: [(Any, &str); 9] = [
        ('x'.into(), "int32"),
        (1usize.into(), "uint"),
        (1isize.into(), "int"),
        (().into(), ""),
        (Some(1i64).into(), "int64"),
        (None::<i64>.into(), ""),
        (b"ab".into(), "[]uint8"),
        (std::borrow::Cow::Borrowed("x").into(), "string"),
        (bytes::Bytes::from_static(b"ab").into(), "[]uint8"),
    ];
    for (any, name) in found {
        assert_eq!(any.name(), name);
    }
}

//! How Rust types of many kinds go over gob, and what the errors say.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::time::Duration;

use bytes::BytesMut;
use plugwire_gob::{self as gob, Any, Decoder, EncodeErrorKind, Encoder, Value};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;

use crate::person::{Person, ann};

#[track_caller]
fn same<T: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(value: T) {
    let bytes = gob::to_vec(&value).unwrap();
    assert_eq!(gob::from_slice::<T>(&bytes).unwrap(), value);
}

#[track_caller]
fn decodes<S, T>(sent: &S, received: T)
where
    S: gob::Encode + ?Sized,
    T: for<'de> Deserialize<'de> + PartialEq + Debug,
{
    let bytes = gob::to_vec(sent).unwrap();
    assert_eq!(gob::from_slice::<T>(&bytes).unwrap(), received);
}

#[track_caller]
fn decode_error<T: for<'de> Deserialize<'de> + Debug>(
    sent: &(impl gob::Encode + ?Sized),
) -> String {
    let bytes = gob::to_vec(sent).unwrap();
    gob::from_slice::<T>(&bytes).unwrap_err().to_string()
}

#[track_caller]
fn encode_error(value: &(impl gob::Encode + ?Sized)) -> String {
    gob::to_vec(value).unwrap_err().to_string()
}

#[test]
fn the_usual_types() {
    same(true);
    same(i8::MIN);
    same(u64::MAX);
    same(1.5f32);
    same('ü');
    same(String::from("text"));
    same(Some(5));
    same(vec![Some(5)]);
    same(Box::new(5));
    same(Cow::Borrowed("text"));
    same((1, "a".to_owned(), vec![1u8]));
    same([1, 2, 3]);
    same([0u8; 40].map(|_| 7).to_vec());
    same(HashMap::from([("a".to_owned(), 1), (String::new(), 0)]));
    same(BTreeMap::from([(true, 'a'), (false, 'b')]));
    same(HashSet::from([1, 2]));
    same(BTreeSet::from(["a".to_owned()]));
    same(vec![vec![0u8, 255], vec![]]);
    same(i128::from(i64::MIN));
    same(std::num::Wrapping(3));
    same(());
    same(PathBuf::from("/tmp"));
    same(Duration::new(3, 4));
    same(std::marker::PhantomData::<String>);
    same(IpAddr::from([127, 0, 0, 1]));
    same(vec![SocketAddr::from(([127, 0, 0, 1], 80))]);
    same(NonZeroU8::new(3));
    same(vec![NonZeroU8::MIN]);
    same(ann());
    same(vec![ann(), Person::default()]);
    same(Some(ann()));
    same(BTreeMap::from([("a".to_owned(), vec![ann()])]));
}

#[test]
fn arguments_read_naturally() {
    decodes("text", "text".to_owned());
    decodes(&"text", "text".to_owned());
    decodes(&[ann(), ann()][..], vec![ann(), ann()]);
    decodes(&[ann()], [ann()]);
    decodes(&[1u8, 2][..], vec![1u8, 2]);
    decodes(&vec!["a", "b"], vec!["a".to_owned(), "b".to_owned()]);
    decodes(&("a", 1u32), ("a".to_owned(), 1u32));
}

#[test]
fn types_with_borrowed_fields_encode() {
    #[derive(Serialize, Deserialize)]
    struct Borrowed<'a> {
        #[serde(rename = "Name")]
        name: &'a str,
        #[serde(rename = "Data", with = "serde_bytes")]
        data: &'a [u8],
        #[serde(rename = "Tags", borrow)]
        tags: Vec<&'a str>,
    }
    let name = String::from("Ann");
    let value = Borrowed {
        name: &name,
        data: b"\xff",
        tags: vec!["x"],
    };
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Owned {
        name: String,
        data: Vec<u8>,
        tags: Vec<String>,
    }
    decodes(
        &value,
        Owned {
            name: name.clone(),
            data: vec![255],
            tags: vec!["x".into()],
        },
    );
}

#[test]
fn structs_match_by_name() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Other {
        #[serde(rename = "Extra")]
        extra: Option<BTreeMap<String, Vec<u8>>>,
        #[serde(rename = "Age")]
        age: i8,
        #[serde(rename = "Inner")]
        inner: Person,
    }
    decodes(
        &ann(),
        Other {
            age: 40,
            ..Other::default()
        },
    );
    decodes(
        &Other {
            age: 1,
            inner: ann(),
            ..Other::default()
        },
        Person {
            age: 1,
            ..Person::default()
        },
    );
    // Empty structs take any struct, and a unit takes anything.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Unit;
    decodes(&ann(), Unit);
    decodes(&Unit, ());
    decodes(&ann(), ());
    decodes("x", ());

    let error = decode_error::<(i64, i64)>(&ann());
    assert!(error.contains("no fields matched"), "{error}");
    #[derive(Debug, Serialize, Deserialize)]
    struct Stranger {
        nothing: i64,
    }
    let error = decode_error::<Stranger>(&ann());
    assert!(
        error.contains("no fields matched between Stranger and the received type Person"),
        "{error}"
    );
}

#[test]
fn mismatches_are_errors_that_say_where() {
    assert_eq!(
        decode_error::<u64>(&5i64),
        "gob: decoding u64: expected u64, received type int"
    );
    assert_eq!(
        decode_error::<i8>(&300i64),
        "gob: decoding i8: value 300 out of range for i8"
    );
    assert_eq!(
        decode_error::<char>(&-1i64),
        "gob: decoding char: value -1 out of range for char"
    );
    let error = decode_error::<f32>(&1e300);
    assert!(error.contains("out of range for f32"), "{error}");
    decodes(&f64::INFINITY, f32::INFINITY);

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Narrow {
        name: String,
        tags: Vec<u16>,
    }
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Team {
        members: Vec<Person>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct NarrowTeam {
        members: Vec<Narrow>,
    }
    let error = decode_error::<NarrowTeam>(&Team {
        members: vec![Person::default(), ann()],
    });
    assert!(
        error.ends_with("Members[1].Tags[0]: expected u16, received type string"),
        "{error}"
    );

    let error = decode_error::<String>(&serde_bytes::Bytes::new(b"\xff"));
    assert!(error.ends_with("a string that is not UTF-8"), "{error}");
    decodes(&serde_bytes::Bytes::new(b"text"), "text".to_owned());
    decodes("text", b"text".to_vec());
    assert!(decode_error::<Vec<u16>>("text").contains("expected a sequence"));
    assert!(decode_error::<[u8; 3]>("text").contains("4 elements for an array of 3"));
    assert!(decode_error::<[i64; 2]>(&vec![1i64, 2, 3]).contains("3 elements for an array of 2"));
    assert!(decode_error::<[i64; 4]>(&vec![1i64, 2, 3]).contains("invalid length 3"));
    assert!(decode_error::<String>(&()).contains("received type nil"));
}

#[test]
fn enums_are_their_names() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        #[default]
        Info,
        Warn,
    }
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Line {
        #[serde(rename = "Level")]
        level: Level,
        #[serde(rename = "Text")]
        text: String,
    }
    same(Level::Warn);
    same(vec![Level::Info]);
    same(Line {
        level: Level::Warn,
        text: "x".into(),
    });
    decodes(&Level::Warn, "warn".to_owned());
    assert!(decode_error::<Level>("loud").contains("unknown variant `loud`"));

    // A sender that left the level out said "".
    #[derive(Serialize, Deserialize)]
    struct Silent {
        #[serde(rename = "Level")]
        level: String,
        #[serde(rename = "Text")]
        text: String,
    }
    let silent = Silent {
        level: String::new(),
        text: "x".into(),
    };
    let error = decode_error::<Line>(&silent);
    assert!(error.contains("Level: left out by the sender"), "{error}");
    assert!(error.contains("unknown variant ``"), "{error}");
    // The same again, now that the refusal is known.
    assert_eq!(decode_error::<Line>(&silent), error);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Lenient {
        #[serde(rename = "Level", default)]
        level: Level,
        #[serde(rename = "Text")]
        text: String,
        #[serde(rename = "Count", default = "one")]
        count: NonZeroU8,
    }
    fn one() -> NonZeroU8 {
        NonZeroU8::MIN
    }
    for _ in 0..2 {
        decodes(
            &silent,
            Lenient {
                level: Level::Info,
                text: "x".into(),
                count: one(),
            },
        );
        decodes(
            &Line {
                level: Level::Warn,
                text: "x".into(),
            },
            Lenient {
                level: Level::Warn,
                text: "x".into(),
                count: one(),
            },
        );
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Open {
        Known,
        #[serde(other)]
        Other,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct WithOpen {
        #[serde(rename = "Level")]
        level: Open,
    }
    decodes(&silent, WithOpen { level: Open::Other });
}

#[test]
fn what_gob_cannot_say_is_an_error_at_the_first_use() {
    #[derive(Serialize, Deserialize)]
    enum Shape {
        Point,
        Circle(f64),
    }
    #[derive(Serialize, Deserialize)]
    struct Drawing {
        shapes: Vec<Shape>,
    }
    let expected = "shapes[0]: variant Circle of enum Shape carries data, which gob cannot say";
    let error = encode_error(&Drawing { shapes: vec![] });
    assert!(
        error.starts_with("gob: encoding gob::kinds::") && error.contains("Drawing"),
        "{error}"
    );
    assert!(error.ends_with(expected), "{error}");
    assert!(
        encode_error(&Drawing {
            shapes: vec![Shape::Point, Shape::Circle(1.0)]
        })
        .ends_with(expected)
    );

    assert!(encode_error(&u128::MAX).contains("out of range for Go type uint64"));
    assert!(encode_error(&vec![Some(1), None]).contains("[1]: a nil element"));
    assert!(
        encode_error(&BTreeMap::from([("k".to_owned(), None::<i32>)])).contains("a nil element")
    );
    assert!(encode_error(&None::<i32>).contains("a nil element"));

    #[derive(Serialize, Deserialize)]
    struct Endless {
        next: Box<Endless>,
    }
    fn never() -> Option<Endless> {
        None
    }
    if let Some(value) = never() {
        gob::to_vec(&value).unwrap();
    }
    let error = gob::to_vec(&[] as &[Endless]).unwrap_err();
    assert_eq!(error.kind(), &EncodeErrorKind::TooDeep);

    #[derive(Serialize, Deserialize)]
    struct OneWay {
        #[serde(rename(serialize = "Out", deserialize = "In"))]
        field: i64,
    }
    let error = encode_error(&OneWay { field: 1 });
    assert!(
        error.contains("`Out` is serialized, but not deserialized"),
        "{error}"
    );

    #[derive(Serialize, Deserialize)]
    struct Flat {
        a: i64,
        #[serde(flatten)]
        rest: Person,
    }
    let error = encode_error(&Flat { a: 1, rest: ann() });
    assert!(
        error.contains("cannot be learned where one is flattened"),
        "{error}"
    );
}

#[test]
fn a_failed_encode_leaves_nothing_behind() {
    #[derive(Serialize, Deserialize)]
    struct Picky {
        list: Vec<Option<Person>>,
    }
    let mut encoder = Encoder::new();
    let mut out = BytesMut::from(&b"before"[..]);
    assert_fails(
        encoder.encode(&Picky { list: vec![None] }, &mut out),
        "list[0]: a nil element",
    );
    assert_eq!(&out[..], b"before");
    let good = Picky {
        list: vec![Some(ann())],
    };
    encoder.encode(&good, &mut out).unwrap();
    assert_eq!(out[6..], gob::to_vec(&good).unwrap());

    // Once known, the type stays known after a failure.
    let len = out.len();
    assert_fails(
        encoder.encode(
            &Picky {
                list: vec![Some(ann()), None],
            },
            &mut out,
        ),
        "list[1]: a nil element",
    );
    assert_eq!(out.len(), len);
    encoder.encode(&good, &mut out).unwrap();
    let mut decoder = Decoder::new();
    let mut stream = out.split_off(6);
    for _ in 0..2 {
        let value = decoder.next_value(&mut stream).unwrap().unwrap();
        assert_eq!(value.decode::<Picky>().unwrap().list, good.list);
    }
    assert!(stream.is_empty());
}

#[test]
fn a_type_is_sent_once_wherever_it_occurs() {
    let mut encoder = Encoder::new();
    let mut out = BytesMut::new();
    encoder.encode(&vec![ann()], &mut out).unwrap();
    let before = out.len();
    encoder.encode(&ann(), &mut out).unwrap();
    let again = out.len() - before;
    encoder.encode(&ann(), &mut out).unwrap();
    assert_eq!(out.len() - before, 2 * again);
    encoder
        .encode(&Any::named("main.Person", &ann()).unwrap(), &mut out)
        .unwrap();
    let before = out.len();
    encoder
        .encode(&Any::named("main.Person", &ann()).unwrap(), &mut out)
        .unwrap();
    assert!(out.len() - before < 40);
}

#[test]
fn self_describing_types_decode() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Flat {
        #[serde(rename = "Name")]
        name: String,
        #[serde(flatten)]
        rest: Rest,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Rest {
        age: i64,
        tags: Vec<String>,
    }
    decodes(
        &ann(),
        Flat {
            name: "Ann".into(),
            rest: Rest {
                age: 40,
                tags: vec!["x".into()],
            },
        },
    );
    let zero = Flat {
        name: String::new(),
        rest: Rest {
            age: 0,
            tags: vec![],
        },
    };
    decodes(&Person::default(), zero);

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
        Person(Person),
    }
    decodes(&5i64, Either::Number(5));
    decodes("x", Either::Text("x".into()));
    decodes(&ann(), Either::Person(ann()));
    decodes(
        &Any::named("main.Person", &ann()).unwrap(),
        Either::Person(ann()),
    );

    let json = serde_json::json!({"Name": "Ann", "Age": 40, "Tags": ["x"]});
    decodes(&ann(), json.clone());
    // What describes itself is an interface value.
    decodes(&json, json.clone());
}

#[test]
fn maps_and_structs_stand_in_for_each_other() {
    let mut map: BTreeMap<&str, Any> = BTreeMap::new();
    map.insert("Name", "Ann".into());
    map.insert("Age", Any::Int(40));
    map.insert("Other", Any::Nil);
    decodes(
        &map,
        Person {
            tags: vec![],
            ..ann()
        },
    );
    let received: BTreeMap<String, Value> = gob::from_slice(&gob::to_vec(&ann()).unwrap()).unwrap();
    assert_eq!(received["Age"], Value::Int(40));
}

#[test]
fn interface_values() {
    let person = Any::named("main.Person", &ann()).unwrap();
    assert_eq!(person.name(), "main.Person");
    assert_eq!(person.decode::<Person>().unwrap(), ann());
    same(person.clone());
    same(vec![
        Any::Nil,
        Any::Int(5),
        Any::Int64(5),
        "x".into(),
        vec![1u8].into(),
        person.clone(),
    ]);
    assert_ne!(Any::Int(5), Any::Int64(5));
    assert_eq!(Any::Int(5).decode::<i8>().unwrap(), 5);
    assert_fails(
        Any::Int(5).decode::<String>(),
        "expected a string, received type int",
    );
    assert_eq!(Any::Nil.decode::<Option<i64>>().unwrap(), None);
    decodes(&Any::Nil, None::<String>);
    decodes(&Any::Uint8(3), Some(3u8));

    // Nested, and passed on from one stream to another that has other types.
    let nested = Any::named("[]interface {}", &vec![person.clone(), Any::Nil, person]).unwrap();
    let mut encoder = Encoder::new();
    let mut out = BytesMut::new();
    encoder.encode(&(1, "other types"), &mut out).unwrap();
    encoder.encode(&vec![vec![1.5]], &mut out).unwrap();
    encoder.encode(&nested, &mut out).unwrap();
    encoder.encode(&nested, &mut out).unwrap();
    let mut decoder = Decoder::new();
    let values: Vec<_> = std::iter::from_fn(|| decoder.next_value(&mut out).unwrap()).collect();
    assert_eq!(values.len(), 4);
    for value in &values[2..] {
        let list: Vec<Any> = value.decode().unwrap();
        assert_eq!(list[2].decode::<Person>().unwrap(), ann());
    }

    // In other formats an interface value is the plain value.
    let json = serde_json::to_value(&nested).unwrap();
    assert_eq!(json[0]["Name"], "Ann");
    let back: Any = serde_json::from_value(json).unwrap();
    assert_eq!(back.name(), "[]interface {}");
}

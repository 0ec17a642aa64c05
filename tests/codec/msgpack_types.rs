//! Which Rust types read what Go writes in MessagePack, and what becomes of what it does not write.

use std::collections::{BTreeMap, HashMap};

use bytes::BytesMut;
use plugwire::codec::{Codec, DecodeError, MessageDecoder, MessageEncoder};
use plugwire::gob::{Any, Encode, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;
use support::hex;
use tokio_util::codec::{Decoder, Encoder};

/// How Go writes things, as `go/cmd/msgpackpeer -role bytes` shows it and the interop tests check.
const VECTORS: &str = include_str!("../vectors/msgpack.json");

type Vectors = BTreeMap<String, BTreeMap<String, String>>;

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, DecodeError> {
    // Any value does for a header.
    let mut bytes = BytesMut::from(&[0xc0][..]);
    bytes.extend_from_slice(value);
    let mut decoder = MessageDecoder::new(Codec::MsgPack);
    let message = decoder.decode(&mut bytes)?.expect("a whole message");
    assert!(bytes.is_empty());
    message.body.decode()
}

fn write<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder::new(Codec::MsgPack);
    encoder.encode((&(), value), &mut bytes).unwrap();
    assert_eq!(bytes[0], 0xc0);
    bytes[1..].to_vec()
}

/// A map of names to values that are written already.
fn map(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0x80 | entries.len() as u8];
    for (name, value) in entries {
        bytes.push(0xa0 | name.len() as u8);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(value);
    }
    bytes
}

/// Reads what every flavour of Go's writes for a thing.
fn go<T: DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, expected: T) {
    for (flavor, values) in vectors() {
        let got: T = match read(&hex::decode(&values[name])) {
            Ok(got) => got,
            Err(error) => panic!("{name} of {flavor}: {error}"),
        };
        assert_eq!(got, expected, "{name} of {flavor}");
    }
}

#[test]
fn what_each_go_codec_writes_is_read() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request {
        service_method: String,
        seq: u64,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        service_method: String,
        seq: u64,
        error: String,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Pointer {
        #[serde(rename = "P")]
        to: Option<i64>,
    }
    let method = || "Plugin.Greet".to_owned();
    let request = Request {
        service_method: method(),
        seq: 300,
    };
    go("request", request);
    let response = Response {
        service_method: method(),
        seq: 1,
        error: String::new(),
    };
    go("response", response);
    go("nil argument", ());
    go("nil argument", None::<String>);
    go("empty struct", ());
    for name in ["text 31", "text 32", "text 256"] {
        let text: String = ('a'..='z')
            .cycle()
            .take(name[5..].parse().unwrap())
            .collect();
        go(name, text.clone());
        go(name, text.into_bytes());
    }
    go("bytes", vec![1u8, 0xff]);
    go("bytes", serde_bytes::ByteBuf::from([1, 0xff]));
    go("byte array", [1u8, 0xff]);
    for name in ["no bytes", "nil bytes"] {
        go(name, Vec::<u8>::new());
        go(name, serde_bytes::ByteBuf::new());
    }
    for name in ["no list", "nil list"] {
        go(name, Vec::<String>::new());
    }
    go("nil map", HashMap::<String, i64>::new());
    go("nil pointer", Pointer { to: None });
    go("int 200", 200u8);
    go("int 200", 200i64);
    go("uint 200", 200i16);
    go("uint 200", 200i128);
    go("max uint64", u64::MAX);
    go("max uint64", u128::from(u64::MAX));
    go("float32", 1.0f32);
    go("float32", 1.0f64);
    go("rune", i32::from(b'x'));
    go("rune", 'x');
    go("int keys", BTreeMap::from([(-1i64, "a".to_owned())]));
}

#[test]
fn a_time_is_its_bytes_and_an_extension_can_be_told_by_its_type() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "_ExtStruct")]
    struct Extension((i8, serde_bytes::ByteBuf));
    let vectors = vectors();
    for (name, len) in [("time", 4), ("time nanos", 8), ("time 1900", 12)] {
        for (flavor, values) in &vectors {
            let time = hex::decode(&values[name]);
            let len = match &flavor[..] {
                // Its `MarshalBinary`, which is what gob sends too.
                "consul" | "legacy" => 15,
                _ => len,
            };
            assert_eq!(read::<Vec<u8>>(&time).unwrap().len(), len, "{flavor}");
            let bytes: serde_bytes::ByteBuf = read(&time).unwrap();
            assert_eq!(bytes.len(), len, "{flavor}");
            assert_eq!(bytes, time[time.len() - len..], "{flavor}");
        }
        let ugorji = hex::decode(&vectors["ugorji"][name]);
        let extension: Extension = read(&ugorji).unwrap();
        assert_eq!(extension.0.0, -1);
        assert_eq!(write(&extension), ugorji);
    }
    // Where it is not wanted, it is skipped.
    let stamped = map(&[
        ("when", &hex::decode(&vectors["ugorji"]["time"])),
        ("n", &[5]),
    ]);
    assert_eq!(read::<Count>(&stamped).unwrap(), Count { n: 5 });
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Count {
    n: i64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Inner {
    label: String,
    array: [u8; 3],
    pair: (i8, String),
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wrapped(Inner);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Unit;

/// Everything that has a zero, and not a word about defaults.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Plain {
    flag: bool,
    int: i8,
    uint: u64,
    wide: i128,
    wider: u128,
    float: f32,
    letter: char,
    text: String,
    bytes: Vec<u8>,
    #[serde(with = "serde_bytes")]
    blob: Vec<u8>,
    list: Vec<Inner>,
    map: BTreeMap<String, i64>,
    option: Option<i64>,
    options: Option<Option<i64>>,
    inner: Inner,
    wrapped: Wrapped,
    state: State,
    unit: Unit,
    nothing: (),
    loose: Any,
    boxed: Box<Inner>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
enum State {
    #[default]
    #[serde(rename = "")]
    Unknown,
    Running,
}

#[test]
fn nil_is_the_zero_of_anything() {
    assert_eq!(read::<Plain>(&[0xc0]).unwrap(), Plain::default());
    let names = [
        "flag", "int", "uint", "wide", "wider", "float", "letter", "text", "bytes", "blob", "list",
        "map", "option", "options", "inner",
    ];
    let nils: Vec<(&str, &[u8])> = names.iter().map(|&name| (name, &[0xc0][..])).collect();
    assert_eq!(read::<Plain>(&map(&nils)).unwrap(), Plain::default());
    let names = ["wrapped", "state", "unit", "nothing", "loose", "boxed"];
    let nils: Vec<(&str, &[u8])> = names.iter().map(|&name| (name, &[0xc0][..])).collect();
    assert_eq!(read::<Plain>(&map(&nils)).unwrap(), Plain::default());
    let list: Vec<Inner> = read(&[0x92, 0xc0, 0xc0]).unwrap();
    assert_eq!(list, [Inner::default(), Inner::default()]);
}

#[test]
fn fields_that_are_left_out_are_zero() {
    assert_eq!(read::<Plain>(&map(&[])).unwrap(), Plain::default());
    let some = map(&[("uint", &[5]), ("inner", &map(&[("label", &[0xa1, b'x'])]))]);
    let expected = || Plain {
        uint: 5,
        inner: Inner {
            label: "x".into(),
            ..Inner::default()
        },
        ..Plain::default()
    };
    for _ in 0..2 {
        assert_eq!(read::<Plain>(&some).unwrap(), expected());
    }
    let plain = expected();
    assert_eq!(read::<Plain>(&write(&plain)).unwrap(), plain);
}

#[test]
fn the_same_holds_over_gob() {
    let bytes = plugwire::gob::to_vec(&Plain::default()).unwrap();
    let plain: Plain = plugwire::gob::from_slice(&bytes).unwrap();
    assert_eq!(plain, Plain::default());
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Careful {
    #[serde(default = "seven")]
    seven: i64,
    #[serde(default)]
    defaulted: i64,
    required: i64,
    option: Option<i64>,
    #[serde(alias = "renamed", alias = "again")]
    aliased: String,
    #[serde(skip)]
    skipped: i64,
}

fn seven() -> i64 {
    7
}

fn careful(required: i64, aliased: &str) -> Careful {
    Careful {
        seven: 7,
        defaulted: 0,
        required,
        option: None,
        aliased: aliased.to_owned(),
        skipped: 0,
    }
}

#[test]
fn a_default_goes_before_the_zero() {
    assert_eq!(read::<Careful>(&map(&[])).unwrap(), careful(0, ""));
    assert_eq!(read::<Careful>(&[0xc0]).unwrap(), careful(0, ""));
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(default)]
    struct Whole {
        a: i64,
        b: String,
    }
    impl Default for Whole {
        fn default() -> Self {
            Whole {
                a: 3,
                b: "b".into(),
            }
        }
    }
    assert_eq!(read::<Whole>(&map(&[])).unwrap(), Whole::default());
    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        n: i64,
        whole: Whole,
    }
    let outer: Outer = read(&map(&[("n", &[1])])).unwrap();
    assert_eq!(outer.whole, Whole::default());
}

#[test]
fn aliases_stay_one_field() {
    let empty = map(&[]);
    let renamed = map(&[("renamed", &[0xa1, b'r'])]);
    let again = map(&[("required", &[1]), ("again", &[0xa1, b'a'])]);
    let plain = map(&[("aliased", &[0xa1, b'p'])]);
    // Each before and after the type has shown what it misses.
    for _ in 0..2 {
        assert_eq!(read::<Careful>(&renamed).unwrap(), careful(0, "r"));
        assert_eq!(read::<Careful>(&empty).unwrap(), careful(0, ""));
        assert_eq!(read::<Careful>(&again).unwrap(), careful(1, "a"));
        assert_eq!(read::<Careful>(&plain).unwrap(), careful(0, "p"));
    }
    let both = map(&[("aliased", &[0xa1, b'p']), ("renamed", &[0xa1, b'r'])]);
    let error = read::<Careful>(&both).unwrap_err().to_string();
    assert!(error.contains("duplicate field"), "{error}");
}

#[test]
fn unknown_fields_are_passed_over_unless_they_are_denied() {
    let more = map(&[("x", &map(&[("y", &[0xc7, 1, 9, 1])])), ("n", &[1])]);
    assert_eq!(read::<Count>(&more).unwrap(), Count { n: 1 });
    let error = read::<Careful>(&more).unwrap_err().to_string();
    assert!(error.contains("unknown field `x`"), "{error}");
}

#[test]
fn flattened_structs_keep_serde_s_rules_and_the_others_get_their_zeros() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Base {
        id: u32,
        #[serde(default)]
        kind: String,
        hint: Option<String>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        name: String,
        #[serde(flatten)]
        base: Base,
        tags: Vec<String>,
        more: Value,
    }
    let outer = |name: &str, more| Outer {
        name: name.to_owned(),
        base: Base {
            id: 7,
            kind: String::new(),
            hint: None,
        },
        tags: Vec::new(),
        more,
    };
    let full = map(&[("id", &[7]), ("name", &[0xa1, b'n']), ("more", &[1])]);
    for _ in 0..2 {
        assert_eq!(read::<Outer>(&full).unwrap(), outer("n", Value::Uint(1)));
        // Its type is not known before it is read.
        let bare = map(&[("id", &[7])]);
        let error = read::<Outer>(&bare).unwrap_err().to_string();
        assert!(error.contains("missing field `more`"), "{error}");
        let bare = map(&[("id", &[7]), ("more", &[0xc0])]);
        assert_eq!(read::<Outer>(&bare).unwrap(), outer("", Value::Nil));
        let error = read::<Outer>(&map(&[("more", &[1])])).unwrap_err();
        assert!(error.to_string().contains("missing field `id`"), "{error}");
    }
    // All the others, in a map.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Open {
        name: String,
        #[serde(flatten)]
        others: BTreeMap<String, Value>,
    }
    let open: Open = read(&map(&[("a", &[1])])).unwrap();
    assert_eq!(open.name, "");
    assert_eq!(open.others, BTreeMap::from([("a".into(), Value::Uint(1))]));
}

#[test]
fn a_field_without_a_zero_is_missing() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only whether it decodes is looked at")]
    struct Strict {
        inner: Count,
        state: Choice,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    enum Choice {
        Left,
        Right,
    }
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only whether it decodes is looked at")]
    struct Counted {
        few: std::num::NonZeroU8,
    }
    for _ in 0..2 {
        let error = read::<Strict>(&map(&[])).unwrap_err().to_string();
        assert!(error.contains("missing field `state`"), "{error}");
        let error = read::<Counted>(&map(&[])).unwrap_err().to_string();
        assert!(error.contains("missing field `few`"), "{error}");
    }
    let strict: Strict = read(&map(&[("state", &[0xa4, b'L', b'e', b'f', b't'])])).unwrap();
    assert_eq!((strict.state, strict.inner), (Choice::Left, Count { n: 0 }));
    assert_ne!(Choice::Left, Choice::Right);
}

#[test]
fn types_without_an_end_and_deep_values_are_errors() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only whether it decodes is looked at")]
    struct Endless {
        inner: Box<Endless>,
    }
    let error = read::<Endless>(&map(&[])).unwrap_err().to_string();
    assert!(error.contains("missing field `inner`"), "{error}");
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only whether it decodes is looked at")]
    struct Circle(Option<Box<Circle>>);
    let error = read::<Circle>(&[1]).unwrap_err().to_string();
    assert!(error.contains("too deep"), "{error}");
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only whether it decodes is looked at")]
    enum Nest {
        A(Box<Nest>),
        B { inner: Box<Nest> },
        C,
    }
    let deep = [0x81, 0xa1, b'A'].repeat(100_000);
    let error = read::<Nest>(&[&deep[..], &[0xa1, b'C']].concat()).unwrap_err();
    assert!(error.to_string().contains("too deep"), "{error}");
    let deep = [0x91].repeat(100_000);
    assert_fails(read::<Value>(&[&deep[..], &[0xc0]].concat()), "msgpack: ");
    assert_fails(
        read::<Count>(&[&[0x81, 0xa1, b'x'][..], &deep, &[0xc0]].concat()),
        "msgpack: ",
    );
    // What is nested as deep as it may be fits onto a thread's stack.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Link {
        next: Option<Box<Link>>,
    }
    let mut chain = Link { next: None };
    for _ in 0..120 {
        chain = Link {
            next: Some(Box::new(chain)),
        };
    }
    assert_eq!(read::<Link>(&write(&chain)).unwrap(), chain);
}

#[test]
fn structs_may_come_as_lists_of_their_fields() {
    let inner: Inner = read(&[0x93, 0xa1, b'x', 0xa3, 1, 2, 3, 0x92, 5, 0xa0]).unwrap();
    let expected = Inner {
        label: "x".into(),
        array: [1, 2, 3],
        pair: (5, String::new()),
    };
    assert_eq!(inner, expected);
    // Of a newer peer, with one field more.
    let inner: Inner = read(&[0x94, 0xa1, b'x', 0xa3, 1, 2, 3, 0x92, 5, 0xa0, 0x91, 1]).unwrap();
    assert_eq!(inner, expected);
}

#[test]
fn what_go_reads_is_written() {
    // Bytes are bytes, none of them too, and whichever type has them.
    assert_eq!(write(&vec![1u8, 0xff]), [0xc4, 2, 1, 0xff]);
    assert_eq!(write(&Vec::<u8>::new()), [0xc4, 0]);
    assert_eq!(write(&Vec::<String>::new()), [0x90]);
    assert_eq!(write(&vec![1u16, 2]), [0x92, 1, 2]);
    assert_eq!(write(&[1u8, 2]), [0x92, 1, 2]);
    // Runes and wide numbers are numbers, as over gob.
    assert_eq!(write(&'x'), [0x78]);
    assert_eq!(write(&-1i128), [0xff]);
    assert_eq!(write(&u128::from(u64::MAX)), write(&u64::MAX));
    assert_eq!(read::<i128>(&write(&i128::MIN)).unwrap(), i128::MIN);
    assert_eq!(read::<u128>(&write(&u128::MAX)).unwrap(), u128::MAX);
    // Structs are maps, with and without fields.
    assert_eq!(write(&Count { n: 1 }), [0x81, 0xa1, b'n', 1]);
    assert_eq!(write(&Unit), [0x80]);
    assert_eq!(write(&()), [0xc0]);
    assert_eq!(write(&Some(Some(3))), [3]);
    assert_eq!(write(&Some(None::<i64>)), [0xc0]);
    assert_eq!(write(&Wrapped::default()), write(&Inner::default()));
    assert_eq!(write(&State::Running), write("Running"));
    assert_eq!(write(&Any::Int64(3)), [3]);
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Mixed {
        Byte(u8),
        Text(String),
    }
    let mixed = vec![Mixed::Byte(1), Mixed::Text("x".into())];
    assert_eq!(write(&mixed), [0x92, 1, 0xa1, b'x']);
}

#[test]
fn numbers_that_do_not_fit_are_errors() {
    assert_fails(read::<u8>(&[0xcd, 1, 0]), "msgpack: ");
    assert_fails(read::<u64>(&[0xff]), "msgpack: ");
    assert_fails(
        read::<i64>(&[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        "msgpack: ",
    );
    assert_fails(read::<i64>(&[0xcb, 0, 0, 0, 0, 0, 0, 0, 0]), "msgpack: ");
    assert_fails(read::<char>(&[0xd1, 0xd8, 0]), "msgpack: ");
    assert_fails(read::<String>(&[0xa1, 0xff]), "msgpack: ");
    assert_fails(read::<[u8; 3]>(&[0xa2, 1, 2]), "msgpack: ");
}

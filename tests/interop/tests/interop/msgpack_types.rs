//! The arguments and replies of `go/cmd/msgpackpeer`, without a word about defaults: what works
//! over gob works over MessagePack.

use std::collections::BTreeMap;

use plugwire::gob::{Time, Value};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inner {
    pub label: String,
    pub next: Option<Box<Inner>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Kinds {
    pub i: i64,
    pub i8: i8,
    pub i16: i16,
    pub i32: i32,
    pub i64: i64,
    pub u: u64,
    pub u8: u8,
    pub u16: u16,
    pub u32: u32,
    pub u64: u64,
    pub f32: f32,
    pub f64: f64,
    pub b: bool,
    pub r: i32,
    pub s: String,
    pub raw: Vec<u8>,
    pub digest: [u8; 4],
    pub triple: [i32; 3],
    pub names: Vec<String>,
    pub grid: Vec<Vec<i64>>,
    pub blobs: Vec<Vec<u8>>,
    pub counts: BTreeMap<String, i64>,
    pub by_int: BTreeMap<i64, String>,
    pub deep: BTreeMap<String, Vec<BTreeMap<String, u8>>>,
    pub flag: Option<bool>,
    pub num: Option<i64>,
    pub chain: Option<Box<Inner>>,
    pub inners: Vec<Inner>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KindsArgs {
    pub name: String,
    pub kinds: Kinds,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Base {
    pub id: u32,
    pub kind: String,
}

/// Go leaves every zero of it out, save those of the embedded struct.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Partial {
    #[serde(flatten)]
    pub base: Base,
    pub name: String,
    pub count: i64,
    pub ratio: f64,
    pub on: bool,
    pub raw: Vec<u8>,
    pub tags: Vec<String>,
    pub meta: BTreeMap<String, String>,
    pub next: Option<Box<Partial>>,
    #[serde(rename = "other_name")]
    pub rename: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PartialArgs {
    pub name: String,
    pub value: Partial,
}

/// A `time.Time` that is carried and not understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stamped {
    pub at: Option<Vec<u8>>,
    pub label: String,
}

/// A time in each place that one can be in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Times {
    #[serde(flatten)]
    pub base: TimeBase,
    pub at: Time,
    pub maybe: Option<Time>,
    pub nil: Option<Time>,
    pub list: Vec<Time>,
    pub named: BTreeMap<String, Time>,
}

/// Embedded in Go. What serde flattens follows its own rules, by which a nil is no zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeBase {
    pub since: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimesArgs {
    pub n: usize,
    pub times: Times,
}

/// What the peer has under the same numbers.
pub fn moments() -> [Time; 4] {
    let at = |seconds, nanos| Time::from_unix(seconds, nanos).unwrap();
    [
        at(1_582_979_415, 0),
        at(1_582_979_415, 123_456_789),
        at(-2_208_988_800, 5),
        Time::ZERO,
    ]
}

pub fn times_of(at: Time) -> Times {
    Times {
        base: TimeBase { since: Some(at) },
        at,
        maybe: Some(at),
        nil: None,
        list: vec![at],
        named: BTreeMap::from([("at".to_owned(), at)]),
    }
}

impl Times {
    /// As some peers write it: a zero as nil.
    pub fn with_zeros(mut self) -> Times {
        for time in [&mut self.base.since, &mut self.maybe] {
            time.get_or_insert(Time::ZERO);
        }
        self
    }
}

/// Maps that are empty, and one that is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Maps {
    pub counts: BTreeMap<String, i64>,
    pub by_number: BTreeMap<i64, String>,
    pub nested: BTreeMap<String, BTreeMap<String, i64>>,
    pub list: Vec<BTreeMap<String, i64>>,
    pub nil: Option<BTreeMap<String, i64>>,
}

pub fn empty_maps() -> Maps {
    Maps {
        counts: BTreeMap::new(),
        by_number: BTreeMap::new(),
        nested: BTreeMap::from([("a".to_owned(), BTreeMap::new())]),
        list: vec![BTreeMap::new()],
        nil: None,
    }
}

/// The same, when the peer has written into each of them.
pub fn filled_maps() -> Maps {
    let one = || BTreeMap::from([("x".to_owned(), 1)]);
    Maps {
        counts: one(),
        by_number: BTreeMap::from([(1, "x".to_owned())]),
        nested: BTreeMap::from([("a".to_owned(), one())]),
        list: vec![one()],
        nil: None,
    }
}

pub type Loose = BTreeMap<String, Value>;

pub const SAMPLES: [&str; 4] = ["zero", "one", "min", "max"];

fn inner(label: &str, next: Option<Inner>) -> Inner {
    Inner {
        label: label.to_owned(),
        next: next.map(Box::new),
    }
}

pub fn sample(name: &str) -> Option<Kinds> {
    Some(match name {
        "zero" => Kinds::default(),
        "one" => Kinds {
            i: 1,
            i8: 1,
            i16: 1,
            i32: 1,
            i64: 1,
            u: 1,
            u8: 1,
            u16: 1,
            u32: 1,
            u64: 1,
            f32: 1.0,
            f64: 1.0,
            b: true,
            r: i32::from(b'x'),
            s: "x".into(),
            raw: b"x".into(),
            digest: [1, 2, 3, 4],
            triple: [1, -1, 1000],
            names: vec!["x".into(), String::new(), "ünïcode".into()],
            grid: vec![vec![1, 2], vec![], vec![3]],
            blobs: vec![b"ab".into(), vec![0xff, 0xfe], vec![]],
            counts: BTreeMap::from([("a".into(), 1), ("b".into(), -2)]),
            by_int: BTreeMap::from([
                (1, "one".into()),
                (-1, "minus one".into()),
                (70_000, "many".into()),
            ]),
            deep: BTreeMap::from([
                (
                    "d".into(),
                    vec![BTreeMap::from([("e".into(), 5)]), BTreeMap::new()],
                ),
                ("f".into(), vec![]),
            ]),
            flag: Some(true),
            num: Some(-7),
            chain: Some(Box::new(inner("first", Some(inner("second", None))))),
            inners: vec![inner("in", None), inner("", None)],
        },
        "min" => Kinds {
            i: i64::MIN,
            i8: i8::MIN,
            i16: i16::MIN,
            i32: i32::MIN,
            i64: i64::MIN,
            f32: f32::MIN,
            f64: f64::MIN,
            r: -1,
            num: Some(i64::MIN),
            digest: [0x80, 0xff, 0xfe, 0x7f],
            triple: [i32::MIN, -33, -129],
            raw: vec![0xc1, 0xff, 0],
            grid: vec![vec![-32, -33, -128, -129, -32_768, -32_769]],
            ..Kinds::default()
        },
        "max" => Kinds {
            i: i64::MAX,
            i8: i8::MAX,
            i16: i16::MAX,
            i32: i32::MAX,
            i64: i64::MAX,
            u: u64::MAX,
            u8: u8::MAX,
            u16: u16::MAX,
            u32: u32::MAX,
            u64: u64::MAX,
            f32: f32::MAX,
            f64: f64::MAX,
            r: 0x10_ffff,
            num: Some(i64::MAX),
            grid: vec![vec![
                127,
                128,
                255,
                256,
                32_767,
                32_768,
                65_535,
                65_536,
                i64::from(i32::MAX),
                i64::from(u32::MAX),
            ]],
            ..Kinds::default()
        },
        _ => return None,
    })
}

pub const PARTIALS: [&str; 2] = ["zero", "full"];

pub fn partial(name: &str) -> Option<Partial> {
    Some(match name {
        "zero" => Partial::default(),
        "full" => Partial {
            base: Base {
                id: 7,
                kind: "k".into(),
            },
            name: "n".into(),
            count: -3,
            ratio: 0.5,
            on: true,
            raw: vec![1, 0xff],
            tags: vec!["t".into()],
            meta: BTreeMap::from([("a".into(), "b".into())]),
            next: Some(Box::new(Partial {
                name: "next".into(),
                ..Partial::default()
            })),
            rename: "r".into(),
        },
        _ => return None,
    })
}

/// What Go has in a `map[string]interface{}`. Small positive integers are unsigned on the wire.
pub fn loose() -> Loose {
    let text = |text: &str| Value::String(text.to_owned());
    let deeper = Value::Map(vec![(text("n"), Value::Uint(1))]);
    BTreeMap::from([
        ("nil".to_owned(), Value::Nil),
        ("bool".to_owned(), Value::Bool(true)),
        ("int".to_owned(), Value::Int(-5)),
        ("uint".to_owned(), Value::Uint(u64::MAX)),
        ("float".to_owned(), Value::Float(0.5)),
        ("string".to_owned(), text("text")),
        (
            "list".to_owned(),
            Value::List(vec![
                Value::Uint(1),
                text("two"),
                Value::Nil,
                Value::Float(3.5),
            ]),
        ),
        (
            "map".to_owned(),
            Value::Map(vec![(text("deeper"), deeper), (text("inner"), text("x"))]),
        ),
    ])
}

/// The same in every run: Go's maps come in random order.
pub fn sorted(mut value: Loose) -> Loose {
    for value in value.values_mut() {
        if let Value::Map(entries) = value {
            entries.sort_by_key(|(key, _)| format!("{key:?}"));
        }
    }
    value
}

/// As many bytes as said, of all kinds.
pub fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7) as u8).collect()
}

/// As many letters as said.
pub fn text(len: usize) -> String {
    (0..len)
        .map(|n| char::from(b'a' + (n % 26) as u8))
        .collect()
}

/// Around every change of form that strings and bytes have.
pub const SIZES: [usize; 10] = [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536];

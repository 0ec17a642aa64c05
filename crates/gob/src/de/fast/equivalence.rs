//! The fast paths and the plain path give the same value, or the same error.
//!
//! Values of random types, whole or damaged, are decoded both ways into types that the fast paths
//! know and into types that they must leave alone.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::NonZeroU8;

use serde::Deserialize;
use support::gob::Random;

use crate::dynamic::Value;
use crate::types::Schema;
use crate::{DecodeError, from_slice, to_vec_as};

thread_local! {
    /// Whether this thread decodes by the plain path only.
    pub(super) static PLAIN: Cell<bool> = const { Cell::new(false) };
}

/// What the sender may have for a field.
#[derive(Clone, Debug)]
enum Shape {
    Bool,
    Int,
    Uint,
    Float,
    Text,
    Bytes,
    List(Box<Shape>),
    Map(Box<Shape>),
    Struct(Vec<(&'static str, Shape)>),
}

impl Shape {
    fn schema(&self) -> Schema {
        match self {
            Self::Bool => Schema::bool(),
            Self::Int => Schema::int(),
            Self::Uint => Schema::uint(),
            Self::Float => Schema::float(),
            Self::Text => Schema::string(),
            Self::Bytes => Schema::bytes(),
            Self::List(elem) => Schema::slice(elem.schema()),
            Self::Map(elem) => Schema::map(Schema::string(), elem.schema()),
            Self::Struct(fields) => {
                let fields = fields.iter().map(|(name, shape)| (*name, shape.schema()));
                Schema::structure("Row", fields)
            }
        }
    }

    /// Often zero, and often something that a narrow type does not take.
    fn value(&self, random: &mut Random) -> Value {
        let zero = random.below(4) == 0;
        match self {
            Self::Bool => Value::Bool(random.below(2) == 0),
            Self::Int if zero => Value::Int(0),
            Self::Uint if zero => Value::Uint(0),
            Self::Int => match random.below(4) {
                0 => Value::Int(random.bits() as i64),
                _ => Value::Int(random.below(256) as i64 - 128),
            },
            Self::Uint => match random.below(4) {
                0 => Value::Uint(random.bits()),
                _ => Value::Uint(random.below(256) as u64),
            },
            Self::Float => Value::Float(random.float()),
            Self::Text if zero => Value::String(String::new()),
            Self::Text => match random.below(3) {
                0 => Value::String(random.text()),
                _ => Value::String("abcdefgh".repeat(5)[..random.below(40)].to_owned()),
            },
            Self::Bytes => Value::Bytes(vec![b'x'; random.below(40)]),
            Self::List(elem) => {
                let count = random.below(6);
                Value::List((0..count).map(|_| elem.value(random)).collect())
            }
            Self::Map(elem) => {
                let keys = &["", "a", "key", "a longer key than most"][..random.below(5)];
                let entry = |key: &&str| (Value::String((*key).to_owned()), elem.value(random));
                Value::Map(keys.iter().map(entry).collect())
            }
            Self::Struct(fields) => Value::Struct {
                name: "Row".into(),
                fields: fields
                    .iter()
                    .map(|(name, shape)| ((*name).into(), shape.value(random)))
                    .collect(),
            },
        }
    }
}

fn list(elem: Shape) -> Shape {
    Shape::List(elem.into())
}

/// A shape of any kind, the simple ones mostly.
fn any_shape(random: &mut Random) -> Shape {
    match random.below(11) {
        0 => Shape::Bool,
        1 | 2 => Shape::Int,
        3 | 4 => Shape::Uint,
        5 => Shape::Float,
        6 | 7 => Shape::Text,
        8 => Shape::Bytes,
        9 => list(any_shape(random)),
        _ => Shape::Map(any_shape(random).into()),
    }
}

/// The fields of the receivers below. Half of the time they are just those, in their order.
fn row(random: &mut Random) -> Shape {
    let place = [("Latitude", Shape::Float), ("Indoors", Shape::Bool)];
    let mut fields = vec![
        ("Id", Shape::Uint),
        ("Name", Shape::Text),
        ("Place", Shape::Struct(place.into())),
        ("Note", Shape::Text),
        ("Tags", list(Shape::Text)),
        ("Limits", Shape::Map(Shape::Int.into())),
        ("Data", Shape::Bytes),
        ("Tiny", Shape::Int),
        ("Large", Shape::Int),
        ("Byte", Shape::Uint),
        ("Wide", Shape::Uint),
        ("Single", Shape::Float),
        ("Double", Shape::Float),
        ("Letter", Shape::Int),
        ("Active", Shape::Bool),
    ];
    for _ in 0..[0, 0, 1, 1, 2, 5][random.below(6)] {
        let at = random.below(fields.len());
        match random.below(4) {
            0 => drop(fields.remove(at)),
            1 => fields[at].1 = any_shape(random),
            2 => {
                let other = random.below(fields.len());
                fields.swap(at, other);
            }
            _ => fields.insert(at, ("Unknown", any_shape(random))),
        }
        // A type has no two fields of one name.
        let mut seen = Vec::new();
        fields.retain(|(name, _)| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
    }
    Shape::Struct(fields)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "compared by what Debug shows")]
struct Place {
    latitude: f64,
    indoors: bool,
}

/// Read by position.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "compared by what Debug shows")]
struct Row {
    id: u64,
    name: String,
    place: Place,
    note: Option<String>,
    tags: Vec<String>,
    limits: BTreeMap<String, i64>,
    data: Vec<u8>,
    tiny: i8,
    large: i64,
    byte: u8,
    wide: u32,
    single: f32,
    double: f64,
    letter: char,
    active: bool,
}

/// The same names with other types, some of which refuse a zero.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "compared by what Debug shows")]
struct Quirky<'a> {
    id: u16,
    #[serde(borrow)]
    name: Cow<'a, str>,
    place: Option<Place>,
    note: Box<str>,
    tags: [String; 2],
    limits: BTreeMap<String, i8>,
    data: [u8; 4],
    #[serde(default)]
    tiny: Option<NonZeroU8>,
    large: i128,
    #[serde(default = "one")]
    byte: NonZeroU8,
    wide: usize,
    single: f64,
    double: f32,
    letter: i32,
    active: bool,
}

fn one() -> NonZeroU8 {
    NonZeroU8::MIN
}

/// A field of it has an alias, so it is read by names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(dead_code, reason = "compared by what Debug shows")]
struct Aliased {
    #[serde(alias = "Id")]
    number: u64,
    name: String,
    #[serde(alias = "Byte")]
    tiny: i64,
}

fn compare<'a, T: Deserialize<'a> + Debug>(bytes: &'a [u8]) -> Result<String, DecodeError> {
    let decode = || from_slice::<T>(bytes).map(|value| format!("{value:?}"));
    let fast = decode();
    PLAIN.set(true);
    let plain = decode();
    PLAIN.set(false);
    let show = |result: &Result<String, DecodeError>| {
        let error = |error: &DecodeError| format!("{error} {:?}", error.kind());
        result.as_ref().map_err(error).cloned()
    };
    assert_eq!(show(&fast), show(&plain), "{bytes:?}");
    fast
}

#[test]
fn both_paths_give_the_same_value_or_the_same_error() {
    let (mut values, mut errors) = (0, 0);
    for seed in 0..3000 {
        let random = &mut Random::new(seed);
        let shape = list(row(random));
        let Ok(mut bytes) = to_vec_as(&shape.schema(), &shape.value(random)) else {
            panic!("a value of {shape:?} does not encode");
        };
        match random.below(4) {
            0 => bytes.truncate(random.below(bytes.len())),
            1 => {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            _ => {}
        }
        for result in [
            compare::<Vec<Row>>(&bytes),
            compare::<Vec<Quirky>>(&bytes),
            compare::<Vec<Aliased>>(&bytes),
            compare::<Vec<BTreeMap<String, String>>>(&bytes),
        ] {
            match result {
                Ok(_) => values += 1,
                Err(_) => errors += 1,
            }
        }
    }
    assert!(
        values > 1000 && errors > 1000,
        "{values} values, {errors} errors"
    );
}

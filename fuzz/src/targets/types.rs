//! Types that between them ask a deserializer for everything there is.

use std::collections::{BTreeMap, HashMap};

use plugwire::gob::{Any, Time};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A name for zero, as gob wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Color {
    #[default]
    #[serde(rename = "")]
    None,
    Red,
    Green,
}

/// No name for zero: a field of it needs a default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mood {
    #[default]
    Good,
    Bad,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Empty {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unit;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meters(pub f64);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Node {
    pub name: String,
    pub flag: bool,
    pub small: i8,
    pub wide: i64,
    pub port: u16,
    pub count: u64,
    pub half: f32,
    pub ratio: f64,
    pub letter: char,
    pub color: Color,
    #[serde(default)]
    pub mood: Mood,
    #[serde(alias = "Size", alias = "Extent")]
    pub length: Meters,
    pub octets: Vec<u8>,
    pub blob: ByteBuf,
    pub tags: Vec<String>,
    pub scores: BTreeMap<String, i64>,
    pub by_number: BTreeMap<i32, Vec<f64>>,
    pub pair: (i64, String),
    pub grid: [[u16; 2]; 2],
    pub maybe: Option<u32>,
    pub child: Option<Box<Node>>,
    pub kids: Vec<Node>,
    pub any: Any,
    pub rest: BTreeMap<String, Any>,
    pub empty: Empty,
}

/// serde keeps what it cannot place yet in buffers of its own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Flat {
    pub name: String,
    #[serde(flatten)]
    pub inner: Inner,
    #[serde(flatten)]
    pub others: HashMap<String, Either>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub struct Inner {
    pub wide: i64,
    pub tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Either {
    Number(i64),
    Count(u64),
    Float(f64),
    Text(String),
    List(Vec<Either>),
    Map(BTreeMap<String, Either>),
    Any(Any),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", tag = "Name", content = "Any")]
pub enum Tagged {
    First(i64),
    Second { x: String },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Borrowed<'a> {
    pub name: &'a str,
    #[serde(borrow, default)]
    pub blob: Option<&'a [u8]>,
}

plugwire::gob::interface! {
    /// Go's `error`, or any other interface.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Failure {
        "main.Cause" | "*main.Cause" => Cause(Box<Cause>),
        "main.Node" | "Node" => Node(Box<Node>),
        "string" => Text(String),
        _ => Other(Any),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Cause {
    pub name: String,
    pub any: Option<Failure>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Meeting {
    pub at: Time,
    pub until: Option<Time>,
    #[serde(with = "plugwire::gob::complex")]
    pub value: (f64, f64),
}

impl Default for Meeting {
    fn default() -> Self {
        Meeting {
            at: Time::ZERO,
            until: None,
            value: (0.0, 0.0),
        }
    }
}

/// Contains itself with nothing in between that takes a byte.
#[derive(Debug, Deserialize)]
pub struct Knot(pub Option<Box<Knot>>);

#[derive(Debug, Deserialize)]
pub struct Chain(pub Vec<Chain>);

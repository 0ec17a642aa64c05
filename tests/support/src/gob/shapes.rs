//! Made-up types, as Go and as Rust have them, and made-up values of them.

use plugwire_gob::{Marshaler, Schema, Value};

use super::Random;

/// A type, as Go and Rust have it.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    Bool,
    /// Bits, zero for Go's `int`.
    Int(u32),
    Uint(u32),
    Float32,
    Float64,
    Complex64,
    Complex128,
    String,
    Bytes,
    Interface,
    Point,
    Tree,
    Boxed,
    Version,
    Secret,
    Time,
    Pointer(Box<Shape>),
    Slice(Box<Shape>),
    Array(Box<Shape>, usize),
    Map(Box<Shape>, Box<Shape>),
    Struct(Vec<Shape>),
}

use Shape::*;

/// The names of the types that a value in an interface can have here.
fn registered() -> Vec<(&'static str, Shape)> {
    let slice = |elem| Slice(Box::new(elem));
    vec![
        ("bool", Bool),
        ("int", Int(0)),
        ("int8", Int(8)),
        ("uint16", Uint(16)),
        ("uint64", Uint(64)),
        ("float32", Float32),
        ("complex128", Complex128),
        ("string", String),
        ("[]uint8", Bytes),
        ("[]string", slice(String)),
        ("[]int32", slice(Int(32))),
        ("[]interface {}", slice(Interface)),
        (
            "map[string]interface {}",
            Map(Box::new(String), Box::new(Interface)),
        ),
        ("main.Point", Point),
        ("main.Tree", Tree),
        ("main.Boxed", Boxed),
        ("main.Version", Version),
        ("main.Secret", Secret),
        ("time.Time", Time),
    ]
}

impl Shape {
    /// A type that is nested at most five levels deep.
    pub fn random(random: &mut Random<'_>, depth: usize) -> Self {
        let leaves = [
            Bool,
            Int(0),
            Int(8),
            Int(16),
            Int(32),
            Int(64),
            Uint(0),
            Uint(8),
            Uint(16),
            Uint(32),
            Uint(64),
            Float32,
            Float64,
            Complex64,
            Complex128,
            String,
            Bytes,
            Interface,
            Point,
            Tree,
            Boxed,
            Version,
            Secret,
            Time,
        ];
        if depth > 3 || random.below(3) == 0 {
            return random.pick(&leaves).clone();
        }
        let inner = |random: &mut Random<'_>| Box::new(Self::random(random, depth + 1));
        match random.below(6) {
            0 => match inner(random) {
                // Go has another type for these.
                elem if *elem == Uint(8) => Bytes,
                elem => Slice(elem),
            },
            1 => Array(inner(random), random.below(4)),
            2 => {
                let keys = [Bool, Int(0), Int(8), Uint(64), Float64, String, Point];
                Map(Box::new(random.pick(&keys).clone()), inner(random))
            }
            _ => {
                let fields = 0..random.below(6);
                let fields = fields.map(|_| match random.below(4) {
                    0 => Pointer(inner(random)),
                    _ => *inner(random),
                });
                Struct(fields.collect())
            }
        }
    }

    /// The type as `gobmirror` reads it.
    pub fn json(&self) -> std::string::String {
        let kind = |kind: &str| format!(r#"{{"kind":"{kind}"}}"#);
        let width = |name: &str, bits: &u32| match bits {
            0 => kind(name),
            bits => kind(&format!("{name}{bits}")),
        };
        match self {
            Int(bits) => width("int", bits),
            Uint(bits) => width("uint", bits),
            Pointer(elem) => format!(r#"{{"kind":"pointer","elem":{}}}"#, elem.json()),
            Slice(elem) => format!(r#"{{"kind":"slice","elem":{}}}"#, elem.json()),
            Array(elem, len) => {
                format!(r#"{{"kind":"array","len":{len},"elem":{}}}"#, elem.json())
            }
            Map(key, elem) => {
                format!(
                    r#"{{"kind":"map","key":{},"elem":{}}}"#,
                    key.json(),
                    elem.json()
                )
            }
            Struct(fields) => {
                let fields = fields.iter().enumerate();
                let fields = fields
                    .map(|(i, field)| format!(r#"{{"name":"F{i}","type":{}}}"#, field.json()));
                let fields: Vec<_> = fields.collect();
                format!(r#"{{"kind":"struct","fields":[{}]}}"#, fields.join(","))
            }
            simple => kind(&format!("{simple:?}").to_lowercase()),
        }
    }

    /// The type for an encoder.
    pub fn schema(&self) -> Schema {
        match self {
            Bool => Schema::bool(),
            Int(_) => Schema::int(),
            Uint(_) => Schema::uint(),
            Float32 | Float64 => Schema::float(),
            Complex64 | Complex128 => Schema::complex(),
            String => Schema::string(),
            Bytes => Schema::bytes(),
            Interface => Schema::interface(),
            Point => Schema::structure("Point", [("X", Schema::int()), ("Y", Schema::int())]),
            Tree => Schema::recursive(|tree| {
                let kids = Schema::slice(tree.clone());
                let named = Schema::map(Schema::string(), tree);
                let fields = [("Value", Schema::int()), ("Kids", kids), ("Named", named)];
                Schema::structure("Tree", fields)
            }),
            Boxed => {
                let more = Schema::slice(Schema::interface());
                let value = Schema::interface();
                let fields = [
                    ("Before", Schema::string()),
                    ("Value", value),
                    ("More", more),
                ];
                Schema::structure("Boxed", fields)
            }
            Version => Schema::marshaler("Version", Marshaler::Binary),
            Secret => Schema::marshaler("Secret", Marshaler::Gob),
            Time => Schema::marshaler("Time", Marshaler::Gob),
            Pointer(elem) => elem.schema(),
            Slice(elem) => Schema::slice(elem.schema()),
            Array(elem, len) => Schema::array(elem.schema(), *len),
            Map(key, elem) => Schema::map(key.schema(), elem.schema()),
            Struct(fields) => {
                let fields = fields.iter().enumerate();
                let fields = fields.map(|(i, field)| (format!("F{i}"), field.schema()));
                Schema::structure("", fields)
            }
        }
    }

    /// A value of the type.
    pub fn value(&self, random: &mut Random<'_>, depth: usize) -> Value {
        let count = if depth > 5 { 0 } else { random.below(4) };
        let structure = |fields: Vec<(&str, Value)>| Value::Struct {
            name: "".into(),
            fields: fields
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        };
        let opaque = |bytes: Vec<u8>| Value::Opaque {
            name: "".into(),
            bytes,
        };
        match self {
            Bool => Value::Bool(random.below(2) == 0),
            Int(bits) => {
                // Shifted down and back up: what fits the width, with its sign.
                let spare = (64 - bits) % 64;
                Value::Int((random.bits() as i64) << spare >> spare)
            }
            Uint(bits) => Value::Uint(random.bits() << ((64 - bits) % 64) >> ((64 - bits) % 64)),
            Float32 => Value::Float(f64::from(random.float() as f32)),
            Float64 => Value::Float(random.float()),
            Complex64 => {
                let half = |random: &mut Random<'_>| f64::from(random.float() as f32);
                Value::Complex(half(random), half(random))
            }
            Complex128 => Value::Complex(random.float(), random.float()),
            String => Value::String(random.text()),
            Bytes => Value::Bytes(random.text().into_bytes()),
            Interface if count == 0 => Value::Nil,
            Interface => {
                let registered = registered();
                let (name, shape) = random.pick(&registered);
                Value::Interface {
                    name: (*name).into(),
                    schema: shape.schema(),
                    value: Box::new(shape.value(random, depth + 1)),
                }
            }
            Point => structure(vec![
                ("Y", Int(0).value(random, depth)),
                ("X", Int(0).value(random, depth)),
            ]),
            Tree => structure(vec![
                ("Value", Int(0).value(random, depth)),
                ("Kids", Slice(Box::new(Tree)).value(random, depth + 1)),
                (
                    "Named",
                    Map(Box::new(String), Box::new(Tree)).value(random, depth + 1),
                ),
            ]),
            Boxed => structure(vec![
                ("Before", String.value(random, depth)),
                ("Value", Interface.value(random, depth + 1)),
                ("More", Slice(Box::new(Interface)).value(random, depth + 1)),
            ]),
            Version => opaque(vec![random.bits() as u8, random.bits() as u8]),
            Secret => opaque(random.text().into_bytes()),
            Time => {
                // Whatever Go does not make of the same instant and zone, and whatever it does.
                let seconds = random.bits() as i32;
                let time = plugwire_gob::Time::from_unix(
                    seconds.into(),
                    random.below(1_000_000_000) as u32,
                );
                let offset = 60 * (random.below(1400) as i32 + 1);
                let time = time.unwrap().with_offset(offset).unwrap();
                opaque(plugwire_gob::Marshal::marshal(&time).unwrap().into_owned())
            }
            Pointer(_) if count == 0 => Value::Nil,
            Pointer(elem) => elem.value(random, depth + 1),
            Slice(elem) => Value::List((0..count).map(|_| elem.value(random, depth + 1)).collect()),
            Array(elem, len) => {
                Value::List((0..*len).map(|_| elem.value(random, depth + 1)).collect())
            }
            Map(key, elem) => {
                let mut entries: Vec<(Value, Value)> = Vec::new();
                for _ in 0..count {
                    let key = canonical(key.value(random, depth + 1));
                    if entries.iter().all(|(there, _)| *there != key) {
                        entries.push((key, elem.value(random, depth + 1)));
                    }
                }
                Value::Map(entries)
            }
            Struct(fields) => Value::Struct {
                name: "".into(),
                fields: fields
                    .iter()
                    .enumerate()
                    .map(|(i, field)| (format!("F{i}").into(), field.value(random, depth + 1)))
                    .collect(),
            },
        }
    }
}

/// A value without what Go may change in passing it on: fields with zeros, the order of maps, names
/// of types.
pub fn canonical(value: Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.into_iter().map(canonical).collect()),
        Value::Map(entries) => {
            let entries = entries.into_iter();
            let entries = entries.map(|(key, value)| (canonical(key), canonical(value)));
            let mut entries: Vec<_> = entries.collect();
            entries.sort_by_cached_key(|(key, _)| format!("{key:?}"));
            Value::Map(entries)
        }
        Value::Struct { fields, .. } => {
            let fields = fields.into_iter();
            let fields = fields.map(|(name, value)| (name, canonical(value)));
            let mut fields: Vec<_> = fields.filter(|(_, value)| !left_out(value)).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            let name = "".into();
            Value::Struct { name, fields }
        }
        Value::Opaque { bytes, .. } => {
            let name = "".into();
            Value::Opaque { name, bytes }
        }
        Value::Interface { name, value, .. } => {
            let (schema, value) = (Schema::interface(), Box::new(canonical(*value)));
            Value::Interface {
                name,
                schema,
                value,
            }
        }
        // Bytes that are text can be either.
        other => other,
    }
}

/// Whether a field of a struct with this value is not sent, or could as well not be.
fn left_out(value: &Value) -> bool {
    match value {
        Value::Nil | Value::Bool(false) | Value::Int(0) | Value::Uint(0) => true,
        Value::Float(value) => *value == 0.0,
        Value::Complex(re, im) => *re == 0.0 && *im == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Opaque { bytes, .. } => bytes.is_empty() || bytes == &[0, 0],
        _ => false,
    }
}

//! Made-up types of serde's whole data model, and made-up values of them.

mod de;
mod ser;

use std::cell::RefCell;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gob::Random;

/// The names of fields and variants.
pub const NAMES: &[&str] = &["a", "beta", "", "ServiceMethod", "ключ", "f", "g", "h"];

/// A type, as serde sees one.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    Unit,
    UnitStruct,
    /// A `Vec<u8>`.
    ByteList,
    Option(Box<Type>),
    Newtype(Box<Type>),
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Tuple(Vec<Type>),
    TupleStruct(Vec<Type>),
    Struct(Vec<Type>),
    Enum(Vec<Variant>),
}

/// One variant of an enum.
#[derive(Clone, Debug, PartialEq)]
pub enum Variant {
    Unit,
    Newtype(Type),
    Tuple(Vec<Type>),
    Struct(Vec<Type>),
}

/// A value of a [`Type`]. Floats are their bits, so that each is equal to itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Int(i128),
    Uint(u128),
    F32(u32),
    F64(u64),
    Char(char),
    Str(String),
    Bytes(Vec<u8>),
    Unit,
    None,
    Some(Box<Value>),
    /// The parts of a list, a tuple or a struct, or what is in a newtype.
    Parts(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Variant(usize, Box<Value>),
}

/// A value with its type, which serializes it.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a>(pub &'a Type, pub &'a Value);

/// A value whose type is the one that [`with_type`] has set, for what wants a type of Rust.
#[derive(Clone, Debug, PartialEq)]
pub struct Made(pub Value);

thread_local! {
    static TYPE: RefCell<Type> = const { RefCell::new(Type::Unit) };
}

/// Has all [`Made`] values be of a type.
pub fn with_type<R>(ty: &Type, work: impl FnOnce() -> R) -> R {
    let before = TYPE.replace(ty.clone());
    let done = work();
    TYPE.set(before);
    done
}

impl Serialize for Made {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TYPE.with_borrow(|ty| Typed(ty, &self.0).serialize(serializer))
    }
}

impl<'de> Deserialize<'de> for Made {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TYPE.with_borrow(|ty| ty.deserialize(deserializer).map(Made))
    }
}

use Type::*;

const LEAVES: &[Type] = &[
    Bool, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, F32, F64, Char, Str, Bytes, Unit,
    UnitStruct, ByteList,
];

impl Type {
    /// A type that is nested at most `depth` levels deep.
    pub fn random(random: &mut Random<'_>, depth: usize) -> Self {
        if depth == 0 || random.below(4) == 0 {
            return random.pick(LEAVES).clone();
        }
        let inner = |random: &mut Random<'_>| Box::new(Self::random(random, depth - 1));
        match random.below(10) {
            // What is confused most easily comes most often.
            0..=2 => Option(inner(random)),
            3 => Newtype(inner(random)),
            4 => List(inner(random)),
            5 => Map(inner(random), inner(random)),
            6 => Tuple(Self::several(random, depth)),
            7 => TupleStruct(Self::several(random, depth)),
            8 => Struct(Self::several(random, depth)),
            _ => {
                let variants = 0..1 + random.below(4);
                let variants = variants.map(|_| match random.below(4) {
                    0 => Variant::Unit,
                    1 => Variant::Newtype(*inner(random)),
                    2 => Variant::Tuple(Self::several(random, depth)),
                    _ => Variant::Struct(Self::several(random, depth)),
                });
                Enum(variants.collect())
            }
        }
    }

    fn several(random: &mut Random<'_>, depth: usize) -> Vec<Self> {
        let types = 0..random.below(4);
        types.map(|_| Self::random(random, depth - 1)).collect()
    }

    /// A value of the type.
    pub fn value(&self, random: &mut Random<'_>) -> Value {
        let int = |random: &mut Random<'_>, bits: u32| {
            let wide =
                (u128::from(random.bits()) << random.below(65) | u128::from(random.bits())) as i128;
            Value::Int(wide << (128 - bits) >> (128 - bits))
        };
        let uint = |random: &mut Random<'_>, bits: u32| {
            let wide = u128::from(random.bits()) << random.below(65) | u128::from(random.bits());
            Value::Uint(wide << (128 - bits) >> (128 - bits))
        };
        match self {
            Bool => Value::Bool(random.below(2) == 1),
            I8 => int(random, 8),
            I16 => int(random, 16),
            I32 => int(random, 32),
            I64 => int(random, 64),
            I128 => int(random, 128),
            U8 => uint(random, 8),
            U16 => uint(random, 16),
            U32 => uint(random, 32),
            U64 => uint(random, 64),
            U128 => uint(random, 128),
            F32 => match random.below(3) {
                0 => Value::F32(f32::NAN.to_bits() | random.below(1 << 20) as u32),
                _ => Value::F32((random.float() as f32).to_bits()),
            },
            F64 => match random.below(3) {
                0 => Value::F64(f64::NAN.to_bits() | random.bits() >> 20),
                _ => Value::F64(random.float().to_bits()),
            },
            Char => Value::Char(*random.pick(&['a', '\0', 'ü', '世', '🦀', char::MAX])),
            Str => Value::Str(random.text()),
            Bytes | ByteList => Value::Bytes(random.text().into_bytes()),
            Unit | UnitStruct => Value::Unit,
            Option(inner) => match random.below(3) {
                0 => Value::None,
                _ => Value::Some(Box::new(inner.value(random))),
            },
            Newtype(inner) => Value::Parts(vec![inner.value(random)]),
            List(inner) => {
                let items = 0..random.below(4) * (1 + 7 * (random.below(8) / 7));
                Value::Parts(items.map(|_| inner.value(random)).collect())
            }
            Map(key, value) => {
                let entries = 0..random.below(4);
                let entries = entries.map(|_| (key.value(random), value.value(random)));
                Value::Map(entries.collect())
            }
            Tuple(parts) | TupleStruct(parts) | Struct(parts) => Self::parts(parts, random),
            Enum(variants) => {
                let index = random.below(variants.len());
                let data = match &variants[index] {
                    Variant::Unit => Value::Unit,
                    Variant::Newtype(inner) => inner.value(random),
                    Variant::Tuple(parts) | Variant::Struct(parts) => Self::parts(parts, random),
                };
                Value::Variant(index, Box::new(data))
            }
        }
    }

    fn parts(parts: &[Self], random: &mut Random<'_>) -> Value {
        Value::Parts(parts.iter().map(|part| part.value(random)).collect())
    }
}

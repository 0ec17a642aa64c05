//! The Rust side of the cases in `tests/interop/go/cmd/gobvectors/cases.go`.

mod more;

use std::collections::BTreeMap;

use plugwire_gob::{Any, Complex, DecodeError, Decoder, EncodeError, Encoder, RawValue, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

macro_rules! structs {
    ($($(#[$attr:meta])* $name:ident { $($(#[$field_attr:meta])* $field:ident: $ty:ty,)* })*) => {$(
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        $(#[$attr])*
        #[serde(rename_all = "PascalCase")]
        pub struct $name { $($(#[$field_attr])* pub $field: $ty,)* }
    )*};
}

structs! {
    Point { x: i64, y: i64, }
    Scalars {
        bool: bool,
        int: i64,
        int8: i8,
        int16: i16,
        int32: i32,
        int64: i64,
        uint: u64,
        uint8: u8,
        uint16: u16,
        uint32: u32,
        uint64: u64,
        f32: f32,
        f64: f64,
        string: String,
        bytes: Vec<u8>,
        rune: i32,
    }
    Empty {}
    Inner { n: String, }
    Outer {
        tags: Vec<String>,
        map: BTreeMap<String, i64>,
        r#in: Inner,
        ptr: Option<Inner>,
        arr: [i8; 2],
        empty: Empty,
        any: Any,
        rec: Vec<Outer>,
    }
    Pointers {
        int: Option<i64>,
        str: Option<String>,
        deep: Option<Box<i64>>,
        r#in: Option<Inner>,
        arr: Option<[i64; 2]>,
        list: Vec<Box<Inner>>,
        map: BTreeMap<String, Inner>,
    }
    Maps {
        counts: BTreeMap<String, i64>,
        by_number: BTreeMap<i64, String>,
        nested: BTreeMap<String, BTreeMap<String, i64>>,
        list: Vec<BTreeMap<String, i64>>,
        after: String,
    }
    MapPointers {
        nil: Option<BTreeMap<String, i64>>,
        empty: Option<BTreeMap<String, i64>>,
        after: String,
    }
    Tree { value: i64, kids: Vec<Tree>, }
    List { value: i64, next: Option<Box<List>>, }
    Husband { name: String, wife: Option<Box<Wife>>, }
    Wife { name: String, husband: Option<Box<Husband>>, kids: Vec<Husband>, }
    Hidden { shown: i64, }
    Embedded { point: Point, z: i64, }
    Collections {
        strings: Vec<String>,
        ints: Vec<i64>,
        uints: Vec<u16>,
        floats: Vec<f32>,
        bools: Vec<bool>,
        blobs: Vec<Vec<u8>>,
        nested: Vec<Vec<i32>>,
        points: Vec<Point>,
        by_name: BTreeMap<String, Point>,
        by_int: BTreeMap<i64, String>,
        lists: BTreeMap<String, Vec<String>>,
        maps: Vec<BTreeMap<String, i64>>,
        bytes3: [u8; 3],
        points2: [Point; 2],
        grid: [[i64; 2]; 2],
    }
    Anything { before: String, value: Any, after: String, }
    Person { name: String, age: i64, tags: Vec<String>, home: Address, }
    Address { street: String, number: i64, }
    Request { service_method: String, seq: u64, }
    Response { service_method: String, seq: u64, error: String, }
}

/// `struct { A int; B string }`, as Go code would name it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pair(pub i64, pub String);

/// Fields left to their letters; all but three are of no interest here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[rustfmt::skip]
pub struct Wide {
    a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64, i: i64, j: i64,
    k: i64, l: i64, m: i64, n: i64,
    o: i64, p: i64, q: i64, r: i64, s: i64, t: i64, u: i64, v: i64, w: i64, x: i64,
    y: i64, z: i64, aa: i64, ab: i64,
}

/// Work to do with each case, whose types are listed once.
pub trait Visit {
    fn visit<T>(&mut self, name: &str, as_go: AsGo)
    where
        T: Serialize + for<'de> Deserialize<'de> + Clone + std::fmt::Debug;
}

/// How what Rust encodes compares with what Go encodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AsGo {
    /// Byte for byte the same.
    Exactly,
    /// The same to a receiver: names of unnamed types have Go's package or width in them, a map
    /// that is nil in Go is an empty one here, and definitions that Go puts into the middle of a
    /// value come before it.
    Equivalent,
    /// Not encoded at all: the Rust type is a stand-in for an opaque one.
    Not,
}

/// Every case that holds one value, with its Rust type.
pub fn visit_all(visit: &mut impl Visit) {
    use AsGo::{Equivalent, Exactly, Not};

    for name in ["point", "point_zero", "point_one_field"] {
        visit.visit::<Point>(name, Exactly);
    }
    for name in ["bool_true", "bool_false"] {
        visit.visit::<bool>(name, Exactly);
    }
    for name in [
        "int_zero",
        "int_small",
        "int_negative",
        "int_min",
        "int_max",
    ] {
        visit.visit::<i64>(name, Exactly);
    }
    visit.visit::<i8>("int8_min", Exactly);
    for name in ["uint_127", "uint_128", "uint_max"] {
        visit.visit::<u64>(name, Exactly);
    }
    for name in [
        "float_17",
        "float_zero",
        "float_negative",
        "float_max",
        "float_tiny",
        "float_infinite",
        "float_nan",
        "named_float",
    ] {
        visit.visit::<f64>(name, Exactly);
    }
    visit.visit::<f64>("float32", Exactly);
    for name in [
        "string_empty",
        "string",
        "string_unicode",
        "string_200",
        "string_70000",
        "named_string",
    ] {
        visit.visit::<String>(name, Exactly);
    }
    visit.visit::<Vec<u8>>("string_binary", Not);
    for name in ["bytes_empty", "bytes", "bytes_300"] {
        visit.visit::<Vec<u8>>(name, Exactly);
        visit.visit::<serde_bytes::ByteBuf>(name, Exactly);
    }
    visit.visit::<(f64, f64)>("complex", Not);
    visit.visit::<(f32, f32)>("complex64", Not);
    visit.visit::<i32>("rune", Exactly);

    for name in ["strings", "strings_empty"] {
        visit.visit::<Vec<String>>(name, Exactly);
    }
    visit.visit::<Vec<i64>>("ints", Exactly);
    visit.visit::<Vec<Point>>("points", Exactly);
    visit.visit::<Vec<Vec<i64>>>("nested_slices", Exactly);
    visit.visit::<Vec<Vec<u8>>>("blobs", Exactly);
    for name in ["array", "array_zero"] {
        visit.visit::<[i64; 3]>(name, Exactly);
    }
    visit.visit::<[i64; 0]>("array_none", Exactly);
    visit.visit::<[u8; 3]>("array_bytes", Exactly);
    visit.visit::<[String; 2]>("array_strings", Exactly);
    for name in ["map", "map_zero", "map_empty"] {
        visit.visit::<BTreeMap<String, i64>>(name, Exactly);
    }
    visit.visit::<BTreeMap<String, bool>>("map_two", Exactly);
    visit.visit::<BTreeMap<i32, String>>("map_int", Exactly);
    visit.visit::<BTreeMap<String, BTreeMap<String, Vec<Point>>>>("map_of_maps", Exactly);

    visit.visit::<Empty>("empty", Exactly);
    for name in ["scalars", "scalars_zero"] {
        visit.visit::<Scalars>(name, Exactly);
    }
    for name in ["outer", "outer_zero", "outer_empty_map"] {
        visit.visit::<Outer>(name, Equivalent);
    }
    // A map that Go has as nil is empty here, and is sent.
    visit.visit::<Maps>("maps_nil", Equivalent);
    for name in ["maps_empty", "maps_nested"] {
        visit.visit::<Maps>(name, Exactly);
    }
    visit.visit::<MapPointers>("map_pointers", Exactly);
    visit.visit::<Pointers>("pointers", Equivalent);
    visit.visit::<Pointers>("pointers_nil", Equivalent);
    visit.visit::<Tree>("tree", Equivalent);
    visit.visit::<List>("list", Exactly);
    visit.visit::<Husband>("mutual", Equivalent);
    visit.visit::<Hidden>("hidden", Exactly);
    visit.visit::<Embedded>("embedded", Exactly);
    for name in ["collections", "collections_zero"] {
        visit.visit::<Collections>(name, Equivalent);
    }
    visit.visit::<Wide>("wide", Exactly);

    for name in [
        "nil",
        "any_bool",
        "any_int",
        "any_int8",
        "any_int64",
        "any_uint16",
        "any_uint64",
        "any_float32",
        "any_float64",
        "any_string",
        "any_string_200",
        "any_string_empty",
        "any_bytes",
        "any_complex",
        "any_named_basic",
    ] {
        visit.visit::<Any>(name, Exactly);
    }
    for name in [
        "any_strings",
        "any_ints",
        "any_struct",
        "any_pointer",
        "any_short",
        "any_list",
        "any_map",
        "any_time",
    ] {
        visit.visit::<Any>(name, Equivalent);
    }
    visit.visit::<Vec<Any>>("any_slice", Equivalent);
    visit.visit::<BTreeMap<String, Any>>("any_args", Exactly);
    visit.visit::<Anything>("anything", Equivalent);
    visit.visit::<Anything>("anything_nil", Exactly);
    visit.visit::<Anything>("anything_fresh", Equivalent);
    visit.visit::<Vec<Anything>>("anything_fresh_two", Equivalent);

    // Interface values into the types that are in them.
    visit.visit::<i64>("any_int", Not);
    visit.visit::<String>("any_string", Not);
    visit.visit::<Vec<u8>>("any_bytes", Not);
    visit.visit::<Vec<String>>("any_strings", Not);
    visit.visit::<Person>("any_struct", Not);
    visit.visit::<Point>("any_short", Not);
    visit.visit::<Option<String>>("any_string", Not);
    visit.visit::<Option<String>>("nil", Not);
    visit.visit::<BTreeMap<String, String>>("any_args", Not);
    visit.visit::<()>("nil", Exactly);

    more::visit_all(visit);
}

/// A line of the vectors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Vector {
    pub name: String,
    #[serde(default, deserialize_with = "from_hex", rename = "hex")]
    pub bytes: Vec<u8>,
    #[serde(default)]
    pub value: Json,
    #[serde(default)]
    pub error: String,
}

pub fn parse(lines: &str) -> Vec<Vector> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub fn committed() -> Vec<Vector> {
    parse(include_str!("gob.jsonl"))
}

pub fn find<'v>(vectors: &'v [Vector], name: &str) -> &'v Vector {
    vectors
        .iter()
        .find(|vector| vector.name == name)
        .unwrap_or_else(|| panic!("no vector {name}"))
}

fn from_hex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(support::hex::decode(&text))
}

/// All values of a stream.
pub fn values(bytes: &[u8]) -> Result<Vec<RawValue>, DecodeError> {
    let (mut decoder, mut buf) = (Decoder::new(), bytes.into());
    let mut values = Vec::new();
    while let Some(value) = decoder.next_value(&mut buf)? {
        values.push(value);
    }
    assert!(buf.is_empty(), "bytes left over");
    Ok(values)
}

/// The streams of several values: each decoded and encoded again.
pub fn streams() -> Vec<(&'static str, Vec<Json>, Vec<u8>)> {
    struct Stream<'b> {
        values: std::vec::IntoIter<RawValue>,
        described: Vec<Json>,
        encoder: Encoder,
        out: &'b mut bytes::BytesMut,
    }
    impl Stream<'_> {
        fn next<T: Serialize + for<'de> Deserialize<'de>>(&mut self) {
            let value: T = self.values.next().unwrap().decode().unwrap();
            self.described.push(serde_json::to_value(&value).unwrap());
            let result: Result<(), EncodeError> = self.encoder.encode(&value, self.out);
            result.unwrap();
        }
    }
    let vectors = committed();
    let run = |name: &'static str, steps: &[fn(&mut Stream<'_>)]| {
        let mut out = bytes::BytesMut::new();
        let values = values(&find(&vectors, name).bytes).unwrap();
        assert_eq!(values.len(), steps.len());
        let values = values.into_iter();
        let mut stream = Stream {
            values,
            described: Vec::new(),
            encoder: Encoder::new(),
            out: &mut out,
        };
        steps.iter().for_each(|step| step(&mut stream));
        (name, stream.described, out.to_vec())
    };
    vec![
        run(
            "stream_same",
            &[
                |s| s.next::<Point>(),
                |s| s.next::<Point>(),
                |s| s.next::<Vec<Point>>(),
            ],
        ),
        run(
            "stream_rpc",
            &[
                |s| s.next::<Request>(),
                |s| s.next::<String>(),
                |s| s.next::<Request>(),
                |s| s.next::<AB>(),
                |s| s.next::<Request>(),
                |s| s.next::<()>(),
                |s| s.next::<Response>(),
                |s| s.next::<Empty>(),
            ],
        ),
        run(
            "stream_any",
            &[
                |s| s.next::<Any>(),
                |s| s.next::<Any>(),
                |s| s.next::<Person>(),
                |s| s.next::<Anything>(),
                |s| s.next::<Any>(),
                |s| s.next::<BTreeMap<String, Any>>(),
            ],
        ),
        run(
            "stream_times",
            &[
                |s| s.next::<Time>(),
                |s| s.next::<Time>(),
                |s| s.next::<Vec<Time>>(),
                |s| s.next::<more::Clock>(),
            ],
        ),
        run(
            "stream_boxed",
            &[
                |s| s.next::<Any>(),
                |s| s.next::<Any>(),
                |s| s.next::<Any>(),
                |s| s.next::<more::Small>(),
                |s| s.next::<Any>(),
            ],
        ),
        run(
            "stream_mixed",
            &[
                |s| s.next::<i64>(),
                |s| s.next::<String>(),
                |s| s.next::<Vec<i64>>(),
                |s| s.next::<BTreeMap<String, i64>>(),
                |s| s.next::<[bool; 2]>(),
                |s| s.next::<Complex>(),
                |s| s.next::<Vec<u8>>(),
                |s| s.next::<Any>(),
                |s| s.next::<Point>(),
            ],
        ),
    ]
}

structs! {
    /// Go's `Pair`, whose description has names.
    #[serde(rename = "Pair")]
    AB { a: i64, b: String, }
}

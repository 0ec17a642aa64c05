//! The Rust side of the series in `tests/interop/go/cmd/gobvectors/more.go`.

use std::collections::BTreeMap;

use plugwire_gob::{Any, BinaryMarshaled, Complex, GobEncoded, Time};
use serde::{Deserialize, Serialize};

use super::AsGo::{self, Equivalent, Exactly, Not};
use super::{Husband, List, Outer, Person, Point, Scalars, Tree, Visit, committed};

/// As `structs!`, for types that are keys or hold what has no order.
macro_rules! structs {
    ($($(#[$attr:meta])* $name:ident { $($(#[$field_attr:meta])* $field:ident: $ty:ty,)* })*) => {$(
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        $(#[$attr])*
        #[serde(rename_all = "PascalCase")]
        pub struct $name { $($(#[$field_attr])* $field: $ty,)* }
    )*};
}

structs! {
    BytesEverywhere {
        plain: Vec<u8>,
        #[serde(with = "serde_bytes")]
        named: Vec<u8>,
        ptr: Option<Vec<u8>>,
        list: Vec<serde_bytes::ByteBuf>,
        array: [Vec<u8>; 2],
        by_name: BTreeMap<String, Vec<u8>>,
        by_key: BTreeMap<[u8; 2], String>,
        fixed: [u8; 4],
        deep: Vec<Vec<Vec<u8>>>,
        any: Any,
    }
    Graph { name: String, edges: BTreeMap<String, Graph>, back: Vec<Graph>, }
    Base {
        #[serde(rename = "ID")]
        id: u32,
        note: String,
    }
    Middle { base: Base, level: i64, }
    Derived { middle: Middle, point: Option<Point>, own: String, }
    Runes { one: i32, many: Vec<i32>, map: BTreeMap<i32, String>, arr: [i32; 3], }
    Keys {
        bool: BTreeMap<bool, i64>,
        int8: BTreeMap<i8, String>,
        uint: BTreeMap<u64, String>,
        r#struct: BTreeMap<Place, String>,
        array: BTreeMap<[i64; 2], String>,
    }
    #[derive(Eq, PartialOrd, Ord)]
    #[serde(rename = "Point")]
    Place { x: i64, y: i64, }
    Clock {
        at: Time,
        ptr: Option<Time>,
        list: Vec<Time>,
        map: BTreeMap<String, Time>,
        took: i64,
        after: i64,
    }
    Marshalers {
        #[serde(with = "plugwire_gob::binary_marshaler")]
        version: Vec<u8>,
        ptr: Option<BinaryMarshaled>,
        list: Vec<BinaryMarshaled>,
        map: BTreeMap<String, BinaryMarshaled>,
        #[serde(with = "plugwire_gob::gob_encoder")]
        secret: Vec<u8>,
        secrets: [GobEncoded; 2],
        #[serde(with = "plugwire_gob::binary_marshaler")]
        addr: Vec<u8>,
        big: Option<GobEncoded>,
        #[serde(rename = "URL")]
        url: Option<BinaryMarshaled>,
        after: String,
    }
    Meeting { title: String, at: Time, until: Option<Time>, zero: Time, }
    Opaques {
        #[serde(with = "plugwire_gob::binary_marshaler")]
        version: Vec<u8>,
        versions: Vec<BinaryMarshaled>,
        secret: GobEncoded,
        after: i64,
    }
    Complexes { c64: Complex, c128: Complex, list: Vec<Complex>, }
    Signal {
        c64: Complex,
        c128: Complex,
        list: Vec<Complex>,
        ptr: Option<Complex>,
        map: BTreeMap<String, Complex>,
    }
    Reply {
        #[serde(rename = "OK")]
        ok: bool,
        #[serde(rename = "Err")]
        error: Any,
        all: Vec<Any>,
    }
    Named { value: Any, }
    Inlined { first: Any, second: Any, third: Vec<Any>, }
    Small { v: Any, }
    Deep1 { deep2: Deep2, }
    Deep2 { deep3: Option<Deep3>, }
    Deep3 { deep4: Vec<Deep4>, }
    Deep4 { deep5: BTreeMap<String, Deep5>, }
    Deep5 { leaf: String, again: Option<Box<Deep1>>, }
    Optional {
        bool: Option<bool>,
        uint: Option<u16>,
        float: Option<f32>,
        bytes: Option<Vec<u8>>,
        slice: Option<Vec<i64>>,
        map: Option<BTreeMap<String, i64>>,
        r#struct: Option<Box<Point>>,
    }
}

/// `type Nest map[string]Nest`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Nest(BTreeMap<String, Nest>);

/// The cases whose name is that of the series, with a number.
fn series<T>(visit: &mut impl Visit, name: &str, as_go: AsGo)
where
    T: Serialize + for<'de> Deserialize<'de> + Clone + std::fmt::Debug,
{
    let vectors = committed();
    let names = vectors.iter().filter(|vector| {
        let number = vector.name.strip_prefix(name);
        let number = number.and_then(|number| number.strip_prefix('_'));
        number.is_some_and(|number| number.len() == 2 && number.parse::<u8>().is_ok())
    });
    let mut count = 0;
    for vector in names {
        visit.visit::<T>(&vector.name, as_go);
        count += 1;
    }
    assert!(count > 0, "no vectors {name}");
}

pub fn visit_all(visit: &mut impl Visit) {
    numbers_and_texts(visit);
    collections(visit);
    structs(visit);
    marshalers(visit);
    interfaces(visit);
}

fn numbers_and_texts(visit: &mut impl Visit) {
    series::<i64>(visit, "i64", Exactly);
    series::<i16>(visit, "i16", Exactly);
    series::<i32>(visit, "i32", Exactly);
    series::<u64>(visit, "u64", Exactly);
    series::<u8>(visit, "u8", Exactly);
    series::<u16>(visit, "u16", Exactly);
    series::<u32>(visit, "u32", Exactly);
    series::<f64>(visit, "f64", Exactly);
    series::<f32>(visit, "f32", Exactly);
    series::<String>(visit, "text", Exactly);
    series::<Vec<u8>>(visit, "octets", Exactly);
    series::<serde_bytes::ByteBuf>(visit, "octets", Exactly);
    series::<Vec<u8>>(visit, "named_octets", Exactly);
    series::<Complex>(visit, "c128", Exactly);
    series::<Complex>(visit, "c64", Exactly);
    visit.visit::<Complex>("complex", Exactly);
    visit.visit::<Complex>("complex64", Exactly);
}

fn collections(visit: &mut impl Visit) {
    // A definition of an unnamed type has no name, and that of a named one has.
    series::<Vec<i64>>(visit, "numbers", Equivalent);
    series::<Vec<Complex>>(visit, "c128_list", Exactly);
    series::<Vec<bool>>(visit, "bool_list", Exactly);
    series::<Vec<f64>>(visit, "float_list", Exactly);
    series::<Vec<f32>>(visit, "f32_list", Exactly);
    series::<[f64; 3]>(visit, "float_array", Exactly);
    series::<Vec<i64>>(visit, "i64_list", Exactly);
    series::<Vec<u64>>(visit, "u64_list", Exactly);
    series::<Vec<u16>>(visit, "u16_list", Exactly);
    series::<Vec<i8>>(visit, "i8_list", Exactly);
    series::<Vec<i32>>(visit, "rune_list", Exactly);
    series::<Vec<String>>(visit, "text_list", Exactly);
    series::<Vec<Vec<Vec<i64>>>>(visit, "lists3", Exactly);
    series::<Vec<Vec<u8>>>(visit, "octet_lists", Exactly);
    series::<Vec<Vec<Point>>>(visit, "point_lists", Exactly);
    series::<Vec<[i64; 2]>>(visit, "array_list", Exactly);
    series::<[Vec<i64>; 2]>(visit, "list_array", Exactly);
    series::<[[u8; 3]; 2]>(visit, "grid", Exactly);
    // Nor does Go name what is in arrays and maps.
    series::<[Point; 2]>(visit, "point_array", Equivalent);
    series::<[bool; 3]>(visit, "bool_array", Exactly);
    series::<BTreeMap<bool, String>>(visit, "map_bool", Exactly);
    series::<BTreeMap<String, f64>>(visit, "map_floats", Exactly);
    series::<BTreeMap<u8, String>>(visit, "map_u8", Exactly);
    series::<BTreeMap<String, Vec<i64>>>(visit, "map_lists", Exactly);
    series::<BTreeMap<String, Vec<u8>>>(visit, "map_octets", Exactly);
    series::<BTreeMap<String, Point>>(visit, "map_points", Equivalent);
    series::<BTreeMap<String, BTreeMap<String, i64>>>(visit, "map_maps", Exactly);
    series::<BTreeMap<i64, [String; 2]>>(visit, "map_arrays", Exactly);
}

fn structs(visit: &mut impl Visit) {
    series::<Keys>(visit, "keys", Equivalent);
    series::<BytesEverywhere>(visit, "bytes_everywhere", Equivalent);
    series::<Runes>(visit, "runes", Equivalent);
    series::<Graph>(visit, "graph", Equivalent);
    series::<Nest>(visit, "nest", Equivalent);
    series::<Tree>(visit, "trees", Equivalent);
    series::<List>(visit, "lists", Exactly);
    series::<Husband>(visit, "couple", Equivalent);
    series::<Derived>(visit, "derived", Exactly);
    series::<Deep1>(visit, "deep", Equivalent);
    series::<Optional>(visit, "optional", Equivalent);
    series::<Scalars>(visit, "scalar_fields", Exactly);
    series::<Outer>(visit, "outers", Equivalent);
    series::<Vec<Point>>(visit, "points3", Exactly);
    visit.visit::<Complexes>("complexes", Exactly);
    series::<Signal>(visit, "signal", Equivalent);
}

fn marshalers(visit: &mut impl Visit) {
    // Go uses up two numbers for each of these types, and not always says its name.
    series::<Time>(visit, "time", Equivalent);
    series::<Time>(visit, "time_west", Equivalent);
    series::<Vec<Time>>(visit, "times", Equivalent);
    series::<Clock>(visit, "clock", Equivalent);
    visit.visit::<Meeting>("meeting", Equivalent);
    visit.visit::<Opaques>("opaques", Equivalent);
    series::<Marshalers>(visit, "marshalers", Equivalent);
    series::<BinaryMarshaled>(visit, "version", Equivalent);
    series::<BinaryMarshaled<[u8; 2]>>(visit, "version", Equivalent);
    series::<Vec<BinaryMarshaled>>(visit, "versions", Equivalent);
    series::<GobEncoded>(visit, "secret", Equivalent);
    series::<Vec<GobEncoded>>(visit, "bigs", Equivalent);
    series::<BinaryMarshaled>(visit, "addr", Equivalent);
}

fn interfaces(visit: &mut impl Visit) {
    series::<Reply>(visit, "reply", Equivalent);
    series::<Named>(visit, "stringer", Equivalent);
    series::<Any>(visit, "basic", Exactly);
    series::<Any>(visit, "boxed", Equivalent);
    series::<Inlined>(visit, "inlined", Equivalent);
    series::<Vec<Any>>(visit, "anys", Equivalent);
    series::<BTreeMap<String, Any>>(visit, "any_dict", Equivalent);
    // Concrete types behind the interface.
    visit.visit::<Vec<i8>>("boxed_00", Not);
    visit.visit::<Person>("any_struct", Not);
    visit.visit::<GobEncoded>("any_time", Not);
}

//! Random types and values through Go and back. One Go process serves all of them.
//!
//! Random values follow from a seed, which a failure names. `GOB_SEED` sets another one, and
//! `GOB_CASES` the number of cases of each test.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use bytes::BytesMut;
use plugwire_gob::{
    self as gob, Any, BinaryMarshaled, Complex, Decoder, GobEncoded, RawValue, TextMarshaled, Time,
    Value,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;
use support::gob::{Mirror, Random, Shape, canonical};

fn start() -> Option<Mirror> {
    Mirror::start(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}

/// Runs a case for each of many seeds, and says which one failed.
fn for_seeds(cases: u64, mut case: impl FnMut(u64, &mut Random<'_>)) {
    let first = setting("GOB_SEED", 1);
    for seed in first..first + setting("GOB_CASES", cases) {
        let run = std::panic::AssertUnwindSafe(|| case(seed, &mut Random::new(seed)));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("failed with GOB_SEED={seed} GOB_CASES=1");
            std::panic::resume_unwind(panic);
        }
    }
}

fn raw(bytes: &[u8]) -> RawValue {
    let mut buf = BytesMut::from(bytes);
    let value = Decoder::new().next_value(&mut buf).unwrap().unwrap();
    assert!(buf.is_empty());
    value
}

#[test]
fn random_values_go_from_rust_through_go_to_rust() {
    let Some(mut go) = start() else {
        return;
    };
    for_seeds(2000, |_, random| {
        let shape = Shape::random(random, 0);
        let value = shape.value(random, 0);
        let bytes = gob::to_vec_as(&shape.schema(), &value).unwrap();
        let reply = go.ask("mirror", &shape.json(), 0, &bytes);
        let reply = reply.unwrap_or_else(|error| panic!("{error}\n{shape:?}\n{value:?}"));
        let back: Value = raw(&reply).decode().unwrap();
        assert_eq!(canonical(back), canonical(value), "{shape:?}");
    });
}

#[test]
fn random_values_go_from_go_through_rust_to_go() {
    let Some(mut go) = start() else {
        return;
    };
    for_seeds(2000, |seed, random| {
        let shape = Shape::random(random, 0);
        let bytes = go.ask("make", &shape.json(), seed, &[]).unwrap();
        let received = raw(&bytes);
        let value: Value = received.decode().unwrap();
        let again = gob::to_vec_as(&received.schema(), &value).unwrap();
        let reply = go.ask("compare", &shape.json(), 0, &again);
        reply.unwrap_or_else(|error| panic!("{error}\n{shape:?}\n{value:?}"));
        // The same as an interface value, which keeps the bytes and not the value.
        if shape == Shape::Interface {
            let any: Any = received.decode().unwrap();
            let again = gob::to_vec(&any).unwrap();
            let reply = go.ask("compare", &shape.json(), 0, &again);
            reply.unwrap_or_else(|error| panic!("{error}\n{any:?}"));
        }
    });
}

#[test]
fn random_values_come_back_in_rust_alone() {
    for_seeds(5000, |_, random| {
        let shape = Shape::random(random, 0);
        let value = shape.value(random, 0);
        let bytes = gob::to_vec_as(&shape.schema(), &value).unwrap();
        let received = raw(&bytes);
        let back: Value = received.decode().unwrap();
        assert_eq!(canonical(back.clone()), canonical(value), "{shape:?}");
        let again = gob::to_vec_as(&received.schema(), &back).unwrap();
        assert_eq!(again, bytes, "{shape:?}");
        received.decode::<()>().unwrap();
        // Whatever is read in another way must be read to its end, or refused.
        let _ = received.decode::<serde_json::Value>();
        if let Ok(any) = received.decode::<Any>() {
            let held = gob::to_vec(&any).unwrap();
            assert_eq!(gob::from_slice::<Any>(&held).unwrap().name(), any.name());
        }
    });
}

#[test]
fn the_mirror_tells_values_apart() {
    let Some(mut go) = start() else {
        return;
    };
    let point = r#"{"kind":"point"}"#;
    let made = go.ask("make", point, 3, &[]).unwrap();
    assert_eq!(go.ask("compare", point, 0, &made), Ok(vec![]));
    let value: Point = gob::from_slice(&made).unwrap();
    let other = Point {
        y: value.y ^ 1,
        ..value
    };
    let error = go.ask("compare", point, 0, &gob::to_vec(&other).unwrap());
    assert!(error.unwrap_err().contains("made"));
    assert_fails(
        go.ask("mirror", r#"{"kind":"string"}"#, 0, &made),
        "into local type *string, received remote type Point",
    );
}

#[test]
fn go_has_no_use_for_text_marshalers() {
    let Some(mut go) = start() else {
        return;
    };
    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Point")]
    struct Labelled {
        #[serde(rename = "Label")]
        label: TextMarshaled<String>,
        #[serde(rename = "X")]
        x: i64,
    }
    let label = TextMarshaled("text".to_owned());
    let bytes = gob::to_vec(&label).unwrap();
    assert_fails(
        go.ask("mirror", r#"{"kind":"string"}"#, 0, &bytes),
        "into local type *string, received remote type ",
    );
    // But it can skip one.
    let bytes = gob::to_vec(&Labelled { label, x: 5 }).unwrap();
    let reply = go.ask("mirror", r#"{"kind":"point"}"#, 0, &bytes).unwrap();
    assert_eq!(gob::from_slice::<Point>(&reply).unwrap().x, 5);
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Leaf {
    text: String,
    small: i8,
    large: u64,
    float: f64,
    yes: bool,
    letter: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    leaf: Leaf,
    maybe: Option<Leaf>,
    bytes: Vec<u8>,
    #[serde(with = "serde_bytes")]
    blob: Vec<u8>,
    array: [i32; 3],
    octets: [u8; 4],
    pair: (String, Option<i64>),
    lists: Vec<Vec<i64>>,
    leaves: Vec<Leaf>,
    map: BTreeMap<String, Leaf>,
    numbers: BTreeMap<i32, Vec<String>>,
    set: Vec<u16>,
    any: Any,
    anys: Vec<Value>,
    at: Time,
    until: Option<Time>,
    complex: Complex,
    #[serde(with = "plugwire_gob::binary_marshaler")]
    version: Vec<u8>,
    versions: Vec<BinaryMarshaled>,
    secret: GobEncoded<String>,
    children: Vec<Node>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tree {
    value: i64,
    kids: Vec<Tree>,
    named: BTreeMap<String, Tree>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Point {
    x: i64,
    y: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Boxed {
    before: String,
    value: Value,
    more: Vec<Any>,
}

gob::interface! {
    /// What an interface value holds, by its name.
    #[derive(Clone, Debug, PartialEq)]
    enum Held {
        "main.Point" => Point(Point),
        "main.Tree" => Tree(Tree),
        "main.Boxed" => Boxed(Boxed),
        "time.Time" => Time(Time),
        "string" => Text(String),
        "[]interface {}" => List(Vec<Any>),
        _ => Other(Any),
    }
}

/// Go makes a value, Rust reads it and writes it, Go finds the same and sends it back, and Rust
/// finds the same.
fn typed<T>(go: &mut Mirror, ty: &str, seed: u64)
where
    T: Serialize + DeserializeOwned + Debug,
{
    let made = go.ask("make", ty, seed, &[]).unwrap();
    let value: T = gob::from_slice(&made).unwrap();
    let again = gob::to_vec(&value).unwrap();
    go.ask("compare", ty, 0, &again)
        .unwrap_or_else(|error| panic!("{ty}: {error}\n{value:?}"));
    let mirrored = go.ask("mirror", ty, 0, &again).unwrap();
    let back: T = gob::from_slice(&mirrored).unwrap();
    // Types inside of interface values come back under other numbers, which the text does not show.
    let text = |value: &T| serde_json::to_string(&serde_json::to_value(value).unwrap()).unwrap();
    assert_eq!(text(&back), text(&value));
}

#[test]
fn typed_values_go_from_go_through_rust_to_go_and_back() {
    let Some(mut go) = start() else {
        return;
    };
    for_seeds(500, |seed, _| {
        let go = &mut go;
        typed::<Node>(go, r#"{"kind":"node"}"#, seed);
        typed::<Tree>(go, r#"{"kind":"tree"}"#, seed);
        typed::<Boxed>(go, r#"{"kind":"boxed"}"#, seed);
        typed::<Vec<Leaf>>(go, r#"{"kind":"slice","elem":{"kind":"leaf"}}"#, seed);
        typed::<[Point; 2]>(
            go,
            r#"{"kind":"array","len":2,"elem":{"kind":"point"}}"#,
            seed,
        );
        typed::<Held>(go, r#"{"kind":"interface"}"#, seed);
        typed::<BTreeMap<u8, Vec<Held>>>(
            go,
            r#"{"kind":"map","key":{"kind":"uint8"},"elem":{"kind":"slice","elem":{"kind":"interface"}}}"#,
            seed,
        );
    });
}

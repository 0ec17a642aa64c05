//! What Rust types can say and gob cannot: [`Schema::losses`].

use std::collections::BTreeMap;

use plugwire_gob::{self as gob, Any, Encode, Optional, Schema, Value};
use serde::{Deserialize, Serialize};

/// What the type loses, a line for each, or why it has no form.
fn losses<T: Encode>() -> String {
    match Schema::of::<T>() {
        Ok(schema) => schema
            .losses()
            .iter()
            .map(|loss| format!("{loss}\n"))
            .collect(),
        Err(error) => {
            // A type without an end has a long one.
            let path: String = error.path().chars().take(20).collect();
            format!("error: {path}: {}\n", error.kind())
        }
    }
}

macro_rules! fields {
    ($($ty:ty),* $(,)?) => {
        [$({
            #[derive(Serialize, Deserialize)]
            struct Held {
                f: $ty,
            }
            (stringify!($ty), losses::<Held>())
        }),*]
    };
}

#[derive(Serialize, Deserialize)]
enum Plain {
    A,
    B,
}

#[derive(Serialize, Deserialize)]
enum Shape {
    Square(u32),
    Circle { radius: u32 },
}

#[derive(Serialize, Deserialize)]
struct Unit;

#[derive(Serialize, Deserialize)]
struct Pair(i64, String);

#[derive(Serialize, Deserialize)]
struct Tree {
    value: Option<Box<Tree>>,
    kids: Vec<Tree>,
}

#[derive(Serialize, Deserialize)]
struct Endless {
    inner: Box<Endless>,
}

#[test]
fn most_types_lose_no_value_in_a_field() {
    for (ty, found) in fields![
        i64,
        String,
        char,
        (),
        Unit,
        Plain,
        Vec<()>,
        Vec<Plain>,
        [i64; 3],
        (i64, String),
        Pair,
        [(i64, [u8; 2]); 2],
        BTreeMap<String, Vec<i64>>,
        BTreeMap<(i64, String), bool>,
        BTreeMap<[u8; 4], bool>,
        Option<Pair>,
        Option<Any>,
        Vec<Option<Any>>,
        Vec<Option<Value>>,
        Vec<Optional<i64>>,
        Optional<Optional<i64>>,
        Option<BTreeMap<String, i64>>,
        Option<[i64; 2]>,
        Vec<Tree>,
    ] {
        assert_eq!(found, "", "{ty}");
    }
}

#[test]
fn what_is_lost_is_named_with_its_place() {
    let found = fields![
        Option<i64>,
        Option<String>,
        Option<Vec<i64>>,
        Option<Plain>,
        Option<()>,
        Option<Option<Pair>>,
        Vec<Option<i64>>,
        [Option<Pair>; 2],
        (Option<i64>, Option<Pair>),
        BTreeMap<String, Option<Pair>>,
        BTreeMap<Option<i64>, i64>,
        BTreeMap<Vec<u8>, i64>,
        BTreeMap<(i64, Vec<i64>), i64>,
        Vec<BTreeMap<String, i128>>,
        u128,
    ];
    let text: String = found
        .iter()
        .map(|(ty, found)| format!("{ty}\n  {found}"))
        .collect();
    assert_eq!(
        text,
        "\
Option<i64>
  f: a `Some` of zero arrives as `None`
Option<String>
  f: a `Some` of zero arrives as `None`
Option<Vec<i64>>
  f: a `Some` of zero arrives as `None`
Option<Plain>
  f: a `Some` of zero arrives as `None`
Option<()>
  f: an `Option` of `()`: `Some(())` arrives as `None`
Option<Option<Pair>>
  f: an `Option` in an `Option`: `Some(None)` arrives as `None`
Vec<Option<i64>>
  f[]: a `None` in a list, an array or a map has no form in gob
[Option<Pair>; 2]
  f[]: a `None` in a list, an array or a map has no form in gob
(Option<i64>, Option<Pair>)
  f.A: a `Some` of zero arrives as `None`
BTreeMap<String, Option<Pair>>
  f[value]: a `None` in a list, an array or a map has no form in gob
BTreeMap<Option<i64>, i64>
  f[key]: a `None` in a list, an array or a map has no form in gob
BTreeMap<Vec<u8>, i64>
  f: a map with keys of a type that no map in Go can have
BTreeMap<(i64, Vec<i64>), i64>
  f: a map with keys of a type that no map in Go can have
Vec<BTreeMap<String, i128>>
  f[][value]: an integer of 128 bits: one beyond 64 bits has no form in gob
u128
  f: an integer of 128 bits: one beyond 64 bits has no form in gob
"
    );
}

#[test]
fn types_without_a_form_are_errors_with_their_place() {
    let found = fields![Vec<Shape>, Option<Shape>, Endless, (i64, Shape)];
    let text: String = found
        .iter()
        .map(|(ty, found)| format!("{ty}\n  {found}"))
        .collect();
    assert_eq!(
        text,
        "\
Vec<Shape>
  error: f[0]: variant Square of enum Shape carries data, which gob cannot say
Option<Shape>
  error: f: variant Square of enum Shape carries data, which gob cannot say
Endless
  error: f.inner.inner.inner.: the type is nested too deep
(i64, Shape)
  error: f[1]: variant Square of enum Shape carries data, which gob cannot say
"
    );
}

#[test]
fn a_whole_option_is_told_apart() {
    assert_eq!(
        losses::<Option<Pair>>(),
        "a `None` that is the whole value has no form in gob\n"
    );
    assert_eq!(losses::<Option<Any>>(), "");
    assert_eq!(losses::<Optional<i64>>(), "");
}

/// The list is what happens.
#[test]
fn losses_are_as_listed() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Held<T> {
        f: T,
    }
    fn there<T: Serialize + for<'de> Deserialize<'de>>(f: T) -> T {
        let bytes = gob::to_vec(&Held { f }).unwrap();
        gob::from_slice::<Held<T>>(&bytes).unwrap().f
    }
    assert_eq!(there(Some(0i64)), None);
    assert_eq!(there(Some(String::new())), None);
    assert_eq!(there(Some(())), None);
    assert_eq!(there(Some(None::<[u8; 2]>)), None);
    assert_eq!(there(Some(Vec::<i64>::new())), None);
    assert_eq!(
        there(Some(BTreeMap::<i64, i64>::new())),
        Some(BTreeMap::new())
    );
    assert_eq!(there(Some([0i64; 2])), Some([0; 2]));
    assert_eq!(there(Some((0i64, 0i64))), Some((0, 0)));
    assert_eq!(there(vec![Optional(Some(0i64)), Optional(None)])[1].0, None);
    let nested = Optional(Some(Optional(None::<i64>)));
    assert_eq!(there(nested), nested);
    gob::to_vec(&vec![None::<i64>]).unwrap_err();
    gob::to_vec(&None::<i64>).unwrap_err();
    gob::to_vec(&i128::MAX).unwrap_err();
}

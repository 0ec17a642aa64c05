//! Names of registered types, values that pass through, absent values and durations, through
//! running Go and back.

use std::path::Path;
use std::time::Duration;

use plugwire_gob::{self as gob, Any, Optional, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use support::gob::Mirror;

fn start() -> Option<Mirror> {
    Mirror::start(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person {
    name: String,
    age: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pet {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Names<T> {
    pointer: T,
    value: T,
    named: T,
}

const PERSON: &str = "*people.Person";
const PET: &str = "plugwire.test/interop/internal/people.Pet";
const TAG: &str = "tag";

#[test]
fn go_has_three_kinds_of_names() {
    let Some(mut go) = start() else {
        return;
    };
    let ty = r#"{"kind":"names"}"#;
    for seed in 1..20 {
        let made = go.ask("make", ty, seed, &[]).unwrap();
        let names: Names<Any> = gob::from_slice(&made).unwrap();
        assert_eq!(names.pointer.name(), PERSON);
        assert_eq!(names.value.name(), PET);
        assert_eq!(names.named.name(), TAG);
        // Made anew here, they are the same types to Go.
        let person: Person = names.pointer.decode().unwrap();
        let pet: Pet = names.value.decode().unwrap();
        let tag: Tag = names.named.decode().unwrap();
        let again = Names {
            pointer: Any::named(PERSON, &person).unwrap(),
            value: Any::named(PET, &pet).unwrap(),
            named: Any::named(TAG, &tag).unwrap(),
        };
        go.ask("compare", ty, 0, &gob::to_vec(&again).unwrap())
            .unwrap();
    }
}

gob::interface! {
    /// Types that programs know under several names.
    #[derive(Clone, Debug, PartialEq)]
    enum Known {
        "*people.Person" | "main.Person" | "example.com/people.Person" => Person(Person),
        "plugwire.test/interop/internal/people.Pet" | "*people.Pet" => Pet(Pet),
        "tag" | "main.Tag" => Tag(Tag),
    }
}

#[test]
fn a_type_may_have_several_names() {
    let Some(mut go) = start() else {
        return;
    };
    let ty = r#"{"kind":"names"}"#;
    let made = go.ask("make", ty, 3, &[]).unwrap();
    let names: Names<Known> = gob::from_slice(&made).unwrap();
    assert!(matches!(names.pointer, Known::Person(_)));
    go.ask("compare", ty, 0, &gob::to_vec(&names).unwrap())
        .unwrap();
    // The other names lead to the same variants.
    let Known::Person(person) = names.pointer else {
        panic!("{:?}", names.pointer)
    };
    for name in ["main.Person", "example.com/people.Person"] {
        let any = Any::named(name, &person).unwrap();
        let known: Known = gob::from_slice(&gob::to_vec(&any).unwrap()).unwrap();
        assert_eq!(known, Known::Person(person.clone()));
    }
}

/// Go's `Event`, with what is in it as any type.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Event", rename_all = "PascalCase")]
struct Event<T> {
    #[serde(rename = "ID")]
    id: i64,
    payload: T,
    at: T,
    pair: T,
    held: T,
    last: i64,
}

fn passes<T: Serialize + DeserializeOwned + std::fmt::Debug>(go: &mut Mirror) {
    let ty = r#"{"kind":"event"}"#;
    for seed in 1..100 {
        let made = go.ask("make", ty, seed, &[]).unwrap();
        let event: Event<T> = gob::from_slice(&made).unwrap();
        let again = gob::to_vec(&event).unwrap();
        go.ask("compare", ty, 0, &again)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{event:?}"));
    }
}

#[test]
fn values_of_unknown_types_are_the_same_types_to_go() {
    let Some(mut go) = start() else {
        return;
    };
    passes::<Value>(&mut go);
    passes::<Any>(&mut go);
}

#[test]
fn a_changed_value_is_the_same_type_to_go() {
    let Some(mut go) = start() else {
        return;
    };
    let ty = r#"{"kind":"event"}"#;
    let made = go.ask("make", ty, 7, &[]).unwrap();
    let mut event: Event<Value> = gob::from_slice(&made).unwrap();
    event.payload.set("Age", 77);
    event.payload.set("Name", "changed");
    let mirrored = go.ask("mirror", ty, 0, &gob::to_vec(&event).unwrap());
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Known {
        payload: Person,
    }
    let back: Known = gob::from_slice(&mirrored.unwrap()).unwrap();
    assert_eq!((&*back.payload.name, back.payload.age), ("changed", 77));
}

#[test]
fn optional_values_go_to_go_and_back() {
    let Some(mut go) = start() else {
        return;
    };
    let int = r#"{"kind":"int64"}"#;
    let pointer = format!(r#"{{"kind":"pointer","elem":{int}}}"#);
    let flagged = |a: &str| {
        format!(
            r#"{{"kind":"struct","fields":[{{"name":"A","type":{a}}},{{"name":"B","type":{{"kind":"bool"}}}}]}}"#
        )
    };
    let alone = format!(r#"{{"kind":"struct","fields":[{{"name":"A","type":{pointer}}}]}}"#);
    let mut there = |ty: &str, value: Option<i64>| {
        let bytes = gob::to_vec(&Optional(value)).unwrap();
        let mirrored = go.ask("mirror", ty, 0, &bytes).unwrap();
        gob::from_slice::<Optional<i64>>(&mirrored).unwrap().0
    };
    for value in [None, Some(0), Some(7)] {
        assert_eq!(there(&flagged(int), value), value);
        assert_eq!(there(&flagged(&pointer), value), value);
    }
    // A pointer alone cannot tell zero from nil.
    for (value, back) in [(None, None), (Some(0), None), (Some(7), Some(7))] {
        assert_eq!(there(&alone, value), back);
    }
    // Lists of them, and structs in them.
    let list = format!(
        r#"{{"kind":"slice","elem":{}}}"#,
        flagged(r#"{"kind":"point"}"#)
    );
    #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    struct Point {
        x: i64,
        y: i64,
    }
    let points = vec![
        Optional(None),
        Optional(Some(Point::default())),
        Optional(Some(Point { x: 1, y: 2 })),
    ];
    let bytes = gob::to_vec(&points).unwrap();
    let back = go.ask("mirror", &list, 0, &bytes).unwrap();
    let back: Vec<Optional<Point>> = gob::from_slice(&back).unwrap();
    assert_eq!(back, points);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Waits {
    #[serde(with = "gob::duration")]
    wait: Duration,
    #[serde(with = "gob::duration::option")]
    limit: Option<Duration>,
}

#[test]
fn durations_are_go_s() {
    let Some(mut go) = start() else {
        return;
    };
    let ty = r#"{"kind":"waits"}"#;
    for seed in 1..100 {
        let made = go.ask("make", ty, seed, &[]).unwrap();
        let waits: Waits = gob::from_slice(&made).unwrap();
        go.ask("compare", ty, 0, &gob::to_vec(&waits).unwrap())
            .unwrap();
    }
    let most = Duration::from_nanos(i64::MAX as u64);
    for (wait, limit) in [
        (Duration::ZERO, None),
        (most, Some(most)),
        (Duration::from_nanos(1), Some(Duration::from_secs(1))),
    ] {
        let waits = Waits { wait, limit };
        let mirrored = go.ask("mirror", ty, 0, &gob::to_vec(&waits).unwrap());
        assert_eq!(gob::from_slice::<Waits>(&mirrored.unwrap()).unwrap(), waits);
    }
}

#[test]
fn durations_beyond_go_s_are_errors() {
    let waits = Waits {
        wait: Duration::from_nanos(i64::MAX as u64) + Duration::from_nanos(1),
        limit: None,
    };
    let error = gob::to_vec(&waits).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "Wait: a duration of 9223372036 s, where Go's time.Duration ends at 9223372036 s"
        ),
        "{error}"
    );
    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Waits", rename_all = "PascalCase")]
    struct Plain {
        wait: i64,
        limit: i64,
    }
    let bytes = gob::to_vec(&Plain { wait: 1, limit: -1 }).unwrap();
    let error = gob::from_slice::<Waits>(&bytes).unwrap_err().to_string();
    assert!(
        error.ends_with("Limit: a duration of -1 ns, where a Duration is not negative"),
        "{error}"
    );
}

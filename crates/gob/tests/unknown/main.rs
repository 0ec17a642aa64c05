//! Fields of a sender that the receiver does not have, and structs that have nothing in common.
//!
//! A program of its own: the list of unknown fields is the process's, and hostile inputs fill it.

use std::collections::BTreeMap;

use bytes::BytesMut;
use plugwire_gob::{self as gob, Any, Decoder, Encode, Limits, RawValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;

#[derive(Default, Serialize, Deserialize)]
struct Sent {
    a: i64,
    b: i64,
    c: i64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    a: i64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Other {
    x: i64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Held<T> {
    held: T,
}

fn raw<T: Encode>(value: &T, limits: Limits) -> RawValue {
    let bytes = gob::to_vec(value).unwrap();
    let mut decoder = Decoder::with_limits(limits);
    let value = decoder.next_value(&mut BytesMut::from(&bytes[..]));
    value.unwrap().unwrap()
}

fn strict<S: Encode, R: DeserializeOwned>(sent: &S) -> Result<R, gob::DecodeError> {
    raw(sent, Limits::default().refuse_unknown_fields(true)).decode()
}

fn lenient<S: Encode, R: DeserializeOwned>(sent: &S) -> Result<R, gob::DecodeError> {
    raw(sent, Limits::default()).decode()
}

#[test]
fn unknown_fields_are_counted_by_type() {
    #[derive(Serialize, Deserialize)]
    #[serde(rename = "CountedByType")]
    struct Counted {
        a: i64,
    }
    let values: Vec<Sent> = (0..3).map(|_| Sent::default()).collect();
    lenient::<_, Vec<Counted>>(&values).unwrap();
    // Another stream defines the same type once more.
    lenient::<_, Counted>(&Sent::default()).unwrap();
    let unknown = gob::unknown_fields();
    let counted: Vec<_> = unknown
        .iter()
        .filter(|unknown| unknown.receiver() == "CountedByType")
        .collect();
    let [counted] = counted[..] else {
        panic!("{counted:?}")
    };
    assert_eq!(counted.sender(), "Sent");
    assert_eq!(counted.fields(), ["b", "c"]);
    assert_eq!(counted.values(), 4);
}

#[test]
fn a_strict_receiver_refuses_them_with_their_names_and_place() {
    let sent = Held {
        held: vec![Sent::default()],
    };
    assert_eq!(
        lenient::<_, Held<Vec<Known>>>(&sent).unwrap().held,
        [Known::default()]
    );
    let error = strict::<_, Held<Vec<Known>>>(&sent).unwrap_err();
    assert_eq!(error.path(), "held[0]");
    assert_fails(
        Err::<(), _>(error),
        "held[0]: Known has no field for b, c of the received type Sent",
    );
    // A field that is zero, and so was not sent, counts as well. What has all fields passes.
    strict::<_, Sent>(&Sent::default()).unwrap();
    strict::<_, Known>(&Known::default()).unwrap();
    // Whatever takes all fields takes these.
    strict::<_, Any>(&Sent::default()).unwrap();
    strict::<_, BTreeMap<String, i64>>(&Sent::default()).unwrap();
    strict::<_, ()>(&Sent::default()).unwrap();
}

#[test]
fn a_strict_receiver_refuses_keys_and_elements_too() {
    let map = BTreeMap::from([("a", 1i64), ("z", 2)]);
    let owned: BTreeMap<String, i64> = map.into_iter().map(|(k, v)| (k.into(), v)).collect();
    assert_eq!(lenient::<_, Known>(&owned).unwrap(), Known { a: 1 });
    assert_fails(
        strict::<_, Known>(&owned),
        "Known has no field for z of the received type map[string]int",
    );
    let triple = (1i64, 2i64, 3i64);
    assert_eq!(lenient::<_, (i64, i64)>(&triple).unwrap(), (1, 2));
    assert_fails(
        strict::<_, (i64, i64)>(&triple),
        "a tuple has no field for C of the received type",
    );
}

#[test]
fn the_strict_mode_reaches_into_interface_values() {
    let any = Any::named("main.Sent", &Sent::default()).unwrap();
    let received: Any = strict(&any).unwrap();
    assert_fails(received.decode::<Known>(), "Known has no field for b, c");
    let received: Any = lenient(&any).unwrap();
    received.decode::<Known>().unwrap();
    let value = raw(
        &Sent::default(),
        Limits::default().refuse_unknown_fields(true),
    );
    value.allow_unknown_fields().decode::<Known>().unwrap();
}

#[test]
fn structs_with_nothing_in_common_are_refused_at_every_depth() {
    let expected = "no fields matched between Other and the received type Known";
    let known = || Known { a: 1 };
    assert_fails(lenient::<_, Other>(&known()), expected);
    assert_fails(
        lenient::<_, Held<Other>>(&Held { held: known() }),
        &format!("held: type mismatch: {expected}"),
    );
    assert_fails(
        lenient::<_, Vec<Vec<Other>>>(&vec![vec![], vec![known()]]),
        &format!("[1][0]: type mismatch: {expected}"),
    );
    assert_fails(
        lenient::<_, BTreeMap<String, Other>>(&BTreeMap::from([("k".to_owned(), known())])),
        expected,
    );
    assert_fails(
        lenient::<_, Held<(i64, i64)>>(&Held { held: known() }),
        "no fields matched between a tuple and the received type Known",
    );
    let map = BTreeMap::from([("y".to_owned(), 1i64)]);
    assert_fails(
        lenient::<_, Other>(&map),
        "no fields matched between Other and the received type map[string]int",
    );
    // One of them has no fields, or no value was sent: as in Go.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Empty {}
    assert_eq!(
        lenient::<_, Held<Empty>>(&Held { held: known() })
            .unwrap()
            .held,
        Empty {}
    );
    assert_eq!(
        lenient::<_, Held<Other>>(&Held { held: Empty {} })
            .unwrap()
            .held,
        Other::default()
    );
    assert_eq!(lenient::<_, Vec<Other>>(&Vec::<Known>::new()).unwrap(), []);
}

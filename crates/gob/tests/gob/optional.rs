//! [`Optional`]: a value or none, alone and in lists.

use std::collections::BTreeMap;

use plugwire_gob::{self as gob, Any, Complex, DecodeError, Encode, Optional, Time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Person {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Age")]
    age: i64,
}

fn there<T: Serialize + DeserializeOwned>(value: Option<T>) -> Option<T> {
    let bytes = gob::to_vec(&Optional(value)).unwrap();
    gob::from_slice::<Optional<T>>(&bytes).unwrap().0
}

#[test]
fn zeros_are_values() {
    for value in [None, Some(0i64), Some(-1)] {
        assert_eq!(there(value), value);
    }
    assert_eq!(there(Some(String::new())), Some(String::new()));
    assert_eq!(there(Some(false)), Some(false));
    assert_eq!(there(Some(Vec::<u8>::new())), Some(vec![]));
    assert_eq!(there(Some(Person::default())), Some(Person::default()));
    assert_eq!(there(Some([0u8; 2])), Some([0; 2]));
    assert_eq!(there(Some(Complex::default())), Some(Complex::default()));
    assert_eq!(there(Some(Any::Nil)), Some(Any::Nil));
    assert_eq!(there(Some(())), Some(()));
    assert_eq!(there(None::<Person>), None);
    assert_eq!(there(None::<()>), None);
    assert_eq!(there(Some(Time::ZERO)), Some(Time::ZERO));
}

#[test]
fn options_in_options_and_lists_arrive() {
    let list = vec![Optional(None), Optional(Some(0i64)), Optional(Some(1))];
    let bytes = gob::to_vec(&list).unwrap();
    assert_eq!(gob::from_slice::<Vec<Optional<i64>>>(&bytes).unwrap(), list);
    for value in [None, Some(Optional(None)), Some(Optional(Some(0i64)))] {
        assert_eq!(there(value), value);
    }
    let map = BTreeMap::from([(1i64, Optional(Some(0u8))), (2, Optional(None))]);
    let bytes = gob::to_vec(&map).unwrap();
    let back: BTreeMap<i64, Optional<u8>> = gob::from_slice(&bytes).unwrap();
    assert_eq!(back, map);
}

fn read<S: Encode, R: DeserializeOwned>(sent: &S) -> Result<Option<R>, DecodeError> {
    let bytes = gob::to_vec(sent).unwrap();
    gob::from_slice::<Optional<R>>(&bytes).map(|value| value.0)
}

/// `struct { A *T }`, and other forms that a Go author may write.
#[test]
fn a_pointer_alone_and_the_plain_value_are_read_too() {
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    struct Pointer<T> {
        a: Option<T>,
    }
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    struct Flagged<T> {
        a: T,
        b: bool,
    }
    assert_eq!(read::<_, i64>(&Pointer { a: Some(5i64) }).unwrap(), Some(5));
    assert_eq!(read::<_, i64>(&Pointer { a: None::<i64> }).unwrap(), None);
    let ann = Person {
        name: "Ann".into(),
        age: 40,
    };
    assert_eq!(
        read(&Pointer {
            a: Some(ann.clone())
        })
        .unwrap(),
        Some(ann.clone())
    );
    // A struct that is not behind a pointer is always sent: the flag decides.
    for b in [false, true] {
        let a = Person::default();
        let read: Option<Person> = read(&Flagged { a, b }).unwrap();
        assert_eq!(read.is_some(), b);
    }
    assert_eq!(read(&ann).unwrap(), Some(ann));
    assert_eq!(read::<_, i64>(&0i64).unwrap(), Some(0));
    assert_eq!(read::<_, i64>(&Any::Nil).unwrap(), None);
    assert_eq!(read::<_, i64>(&Any::Int(3)).unwrap(), Some(3));
    // A tuple of which the second is no flag.
    assert_eq!(read(&(1i64, 2i64)).unwrap(), Some((1i64, 2i64)));
    assert_eq!(
        read::<_, i64>(&Pointer {
            a: Some("text".to_owned())
        })
        .unwrap_err()
        .to_string(),
        "gob: decoding plugwire_gob::adapters::optional::Optional<i64>: A: expected i64, received \
         type string"
    );
}

#[test]
fn a_struct_that_has_one_without_a_value_is_zero() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Held {
        before: i64,
        held: Optional<i64>,
    }
    #[derive(Serialize, Deserialize)]
    struct Before {
        before: i64,
    }
    let bytes = gob::to_vec(&Before { before: 1 }).unwrap();
    let held: Held = gob::from_slice(&bytes).unwrap();
    assert_eq!(held.held, Optional(None));
    for held in [Optional(None), Optional(Some(0))] {
        let sent = Held { before: 0, held };
        let bytes = gob::to_vec(&sent).unwrap();
        // The third is read by position.
        for _ in 0..3 {
            assert_eq!(gob::from_slice::<Held>(&bytes).unwrap(), sent);
        }
    }
}

#[test]
fn other_formats_have_an_option() {
    let text = serde_json::to_string(&[Optional(Some(0)), Optional(None)]).unwrap();
    assert_eq!(text, "[0,null]");
    let back: Vec<Optional<i64>> = serde_json::from_str(&text).unwrap();
    assert_eq!(back, [Optional(Some(0)), Optional(None)]);
    let bytes = rmp_serde::to_vec(&Optional(Some(7))).unwrap();
    assert_eq!(
        rmp_serde::from_slice::<Optional<i64>>(&bytes).unwrap().0,
        Some(7)
    );
}

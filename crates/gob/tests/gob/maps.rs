//! Empty maps: a Rust map is never nil, so Go gets one that it can write into.

use std::collections::{BTreeMap, HashMap};

use plugwire_gob::{self as gob, Any, Value};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// The fields that arrived, by name. A field that was left out is not among them.
#[track_caller]
fn fields<T: gob::Encode>(value: &T) -> Vec<(String, Value)> {
    let bytes = gob::to_vec(value).unwrap();
    let Value::Struct { fields, .. } = gob::from_slice(&bytes).unwrap() else {
        panic!("a struct");
    };
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}

fn empty(name: &str) -> (String, Value) {
    (name.to_owned(), Value::Map(Vec::new()))
}

type Counts = BTreeMap<String, i64>;

#[test]
fn an_empty_map_in_a_field_is_sent_and_none_is_not() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Maps {
        before: i64,
        sorted: Counts,
        hashed: HashMap<u8, String>,
        none: Option<Counts>,
        some: Option<Counts>,
        boxed: Box<Counts>,
        list: Vec<i64>,
    }
    let maps = Maps {
        some: Some(Counts::new()),
        ..Maps::default()
    };
    let expected = ["sorted", "hashed", "some", "boxed"].map(empty);
    assert_eq!(fields(&maps), expected);
    let bytes = gob::to_vec(&maps).unwrap();
    assert_eq!(gob::from_slice::<Maps>(&bytes).unwrap(), maps);
}

#[test]
fn an_empty_map_is_sent_whether_or_not_its_length_is_known_before() {
    #[derive(Deserialize)]
    struct Unsized(Counts);
    impl Serialize for Unsized {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            for (key, value) in &self.0 {
                map.serialize_entry(key, value)?;
            }
            map.end()
        }
    }
    #[derive(Serialize, Deserialize)]
    struct Holder {
        map: Unsized,
        after: bool,
    }
    let holder = |entries: &[(&str, i64)]| Holder {
        map: Unsized(entries.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect()),
        after: true,
    };
    assert_eq!(fields(&holder(&[]))[0], empty("map"));
    assert_eq!(fields(&holder(&[("a", 1), ("b", 2)])).len(), 2);
}

#[test]
fn empty_maps_are_sent_in_fields_that_come_in_another_order() {
    #[derive(Deserialize)]
    struct Ordered {
        first: Counts,
        second: Counts,
        third: i64,
    }
    impl Serialize for Ordered {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            let mut fields = serializer.serialize_struct("Ordered", 3)?;
            fields.serialize_field("third", &self.third)?;
            fields.serialize_field("second", &self.second)?;
            fields.serialize_field("first", &self.first)?;
            fields.end()
        }
    }
    let ordered = Ordered {
        first: Counts::new(),
        second: Counts::new(),
        third: 3,
    };
    let sent = fields(&ordered);
    assert_eq!(sent[..2], ["first", "second"].map(empty));
    assert_eq!(sent[2].1, Value::Int(3));
}

#[test]
fn empty_maps_are_sent_within_others_and_in_interface_values() {
    #[derive(Serialize, Deserialize)]
    struct Deep {
        nested: BTreeMap<String, Counts>,
        list: Vec<Counts>,
        loose: BTreeMap<String, Any>,
        value: Value,
    }
    let deep = Deep {
        nested: BTreeMap::from([("a".to_owned(), Counts::new())]),
        list: vec![Counts::new()],
        loose: BTreeMap::new(),
        value: Value::Map(Vec::new()),
    };
    let sent = fields(&deep);
    let none = Value::Map(Vec::new());
    assert_eq!(
        sent[0].1,
        Value::Map(vec![(Value::String("a".into()), none.clone())])
    );
    assert_eq!(sent[1].1, Value::List(vec![none.clone()]));
    assert_eq!(sent[2], empty("loose"));
    let Value::Interface { name, value, .. } = &sent[3].1 else {
        panic!("{:?}", sent[3]);
    };
    assert_eq!((&**name, &**value), ("map[string]interface {}", &none));
}

#[test]
fn an_empty_map_in_an_enum_of_any_kind_of_value_is_sent() {
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Loose {
        Number(i64),
        Map(BTreeMap<String, Loose>),
    }
    #[derive(Serialize, Deserialize)]
    struct Holder {
        loose: Loose,
    }
    let sent = fields(&Holder {
        loose: Loose::Map(BTreeMap::new()),
    });
    let Value::Interface { value, .. } = &sent[0].1 else {
        panic!("{sent:?}");
    };
    assert_eq!(**value, Value::Map(Vec::new()));
}

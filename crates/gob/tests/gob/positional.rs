//! Structs that are read by position once the first values have shown that this is right: the
//! values must be the same as if each field was found by its name.

use std::collections::BTreeMap;
use std::fmt::Debug;

use plugwire_gob::{self as gob, DecodeErrorKind};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use support::causes::assert_fails;

/// The same struct twice. An alias, which is never sent, keeps the second one from being read by
/// position.
macro_rules! twice {
    ($($field:ident: $ty:ty,)*) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename = "Row", rename_all = "PascalCase")]
        struct Row {
            $($field: $ty,)*
            #[serde(default)]
            last: i64,
        }

        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(rename = "Row", rename_all = "PascalCase")]
        struct ByName {
            $($field: $ty,)*
            #[serde(default, alias = "Final")]
            last: i64,
        }

        impl From<Row> for ByName {
            fn from(row: Row) -> Self {
                Self { $($field: row.$field,)* last: row.last }
            }
        }
    };
}

twice! {
    id: u64,
    name: String,
    place: Place,
    note: Option<String>,
    tags: Vec<String>,
    limits: BTreeMap<String, i64>,
    data: Vec<u8>,
    tiny: i8,
    small: i16,
    medium: i32,
    large: isize,
    byte: u8,
    port: u16,
    mask: u32,
    size: usize,
    single: f32,
    letter: char,
    huge: i128,
    indoors: bool,
    children: Vec<Row>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Place {
    latitude: f64,
    indoors: bool,
}

fn row(id: u64) -> Row {
    let some = |nth: u64, number: i64| match id.is_multiple_of(nth) {
        true => 0,
        false => number,
    };
    Row {
        id,
        name: "é".repeat(id as usize % 5),
        place: Place {
            latitude: 52.5,
            indoors: id % 2 == 1,
        },
        note: id.is_multiple_of(3).then(|| "note".to_owned()),
        tags: vec!["a".to_owned(); id as usize % 4],
        limits: (0..id as i64 % 3).map(|n| (n.to_string(), n)).collect(),
        data: vec![7; id as usize % 2],
        // Of one byte, or of more, and all of them left out now and then.
        tiny: some(2, 100) as i8,
        small: some(3, -30_000) as i16,
        medium: some(4, 3) as i32,
        large: some(5, 1 << 40) as isize,
        byte: some(2, 200) as u8,
        port: some(3, 8080) as u16,
        mask: some(4, 0xffff_ffff) as u32,
        size: some(5, 7) as usize,
        single: some(3, 1) as f32 / 3.0,
        letter: if id.is_multiple_of(4) { '\0' } else { 'é' },
        huge: some(3, i64::MIN).into(),
        indoors: id % 2 == 1,
        children: match id {
            0..4 => (0..id).map(row).collect(),
            _ => Vec::new(),
        },
        last: id as i64 % 2,
    }
}

/// Decodes both ways, and fails where that makes a difference.
#[track_caller]
fn both(bytes: &[u8]) -> Result<Vec<Row>, DecodeErrorKind> {
    let in_order = gob::from_slice::<Vec<Row>>(bytes);
    let by_name = gob::from_slice::<Vec<ByName>>(bytes);
    match (in_order, by_name) {
        (Ok(rows), Ok(named)) => {
            let as_named: Vec<ByName> = rows.iter().cloned().map(ByName::from).collect();
            // NaN does not equal itself.
            assert_eq!(format!("{as_named:?}"), format!("{named:?}"));
            Ok(rows)
        }
        (Err(error), Err(named)) => {
            let named = named.to_string().replace("ByName", "Row");
            assert_eq!(error.to_string(), named);
            Err(error.kind().clone())
        }
        (in_order, by_name) => panic!("{in_order:?}\n{by_name:?}"),
    }
}

#[test]
fn every_field_may_be_left_out() {
    let rows: Vec<Row> = (0..20).map(row).chain([Row::default()]).collect();
    assert_eq!(both(&gob::to_vec(&rows).unwrap()).unwrap(), rows);
}

#[test]
fn what_was_cut_off_or_flipped_fails_the_same_way() {
    let rows: Vec<Row> = [4, 5, 3, 6].map(row).into();
    let mut bytes = gob::to_vec(&rows).unwrap();
    for end in 0..bytes.len() {
        assert_fails(both(&bytes[..end]), "unexpected end");
    }
    let (mut wrong, mut other) = (0, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            match both(&bytes) {
                Err(_) => wrong += 1,
                Ok(found) if found != rows => other += 1,
                Ok(_) => {}
            }
            bytes[at] ^= 1 << bit;
        }
    }
    assert!(
        wrong > 1000 && other > 500,
        "{wrong} errors, {other} other values"
    );
}

#[test]
fn a_field_may_be_known_only_to_one_side() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct More {
        name: String,
        extra: String,
        age: i64,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Fewer {
        name: String,
        age: i64,
        #[serde(skip)]
        unsent: i64,
    }
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "it is there to be refused")]
        name: String,
        #[expect(dead_code, reason = "it is there to be refused")]
        age: i64,
    }
    let more = |age| More {
        name: "Ann".into(),
        extra: "?".into(),
        age,
    };
    let bytes = gob::to_vec(&vec![more(1), more(0), more(3)]).unwrap();
    let ages = gob::from_slice::<Vec<Fewer>>(&bytes).unwrap();
    assert_eq!(
        ages.iter().map(|person| person.age).collect::<Vec<_>>(),
        [1, 0, 3]
    );
    let error = gob::from_slice::<Vec<Strict>>(&bytes).unwrap_err();
    assert!(
        error.to_string().contains("unknown field `Extra`"),
        "{error}"
    );
}

#[test]
fn aliases_are_found_whichever_is_sent() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Sent {
        name: String,
        nick: String,
        age: i64,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Aliased {
        // Sorted, as serde lists them, these are just the sender's fields.
        #[serde(alias = "Nick")]
        name: String,
        age: i64,
    }
    let sent = |name: &str, nick: &str| Sent {
        name: name.into(),
        nick: nick.into(),
        age: 4,
    };
    let found = |name: &str| Aliased {
        name: name.into(),
        age: 4,
    };
    let bytes = gob::to_vec(&vec![sent("a", ""), sent("", "b"), sent("c", "")]).unwrap();
    assert_eq!(
        gob::from_slice::<Vec<Aliased>>(&bytes).unwrap(),
        [found("a"), found("b"), found("c")]
    );
    let bytes = gob::to_vec(&vec![sent("a", ""), sent("b", "b")]).unwrap();
    let error = gob::from_slice::<Vec<Aliased>>(&bytes).unwrap_err();
    assert_eq!(error.kind(), &DecodeErrorKind::DuplicateField("Name"));
}

#[test]
fn a_type_without_a_zero_may_be_left_out_later() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Size {
        Small,
        Large,
    }
    fn small() -> Size {
        Size::Small
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Sent {
        name: String,
        size: String,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Defaulting {
        name: String,
        #[serde(default = "small")]
        size: Size,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Demanding {
        name: String,
        size: Size,
    }
    let sent = |name: &str, size: &str| Sent {
        name: name.into(),
        size: size.into(),
    };
    let bytes = gob::to_vec(&vec![sent("a", "Large"), sent("b", ""), sent("", "Large")]).unwrap();
    for _ in 0..2 {
        let sizes = gob::from_slice::<Vec<Defaulting>>(&bytes).unwrap();
        assert_eq!(
            sizes.into_iter().map(|it| it.size).collect::<Vec<_>>(),
            [Size::Large, Size::Small, Size::Large]
        );
        let error = gob::from_slice::<Vec<Demanding>>(&bytes).unwrap_err();
        assert!(
            matches!(error.kind(), DecodeErrorKind::NoZeroValue(_)),
            "{error}"
        );
        assert!(error.to_string().contains("[1].Size"), "{error}");
    }
}

/// Written by hand: takes a sequence the other way round, as it may.
#[derive(Debug, PartialEq)]
struct Backwards {
    a: String,
    b: String,
}

impl<'de> Deserialize<'de> for Backwards {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Backwards;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("two strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Backwards, A::Error> {
                let b = seq.next_element()?.unwrap_or_default();
                let a = seq.next_element()?.unwrap_or_default();
                Ok(Backwards { a, b })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Backwards, A::Error> {
                let (mut a, mut b) = Default::default();
                while let Some(key) = map.next_key::<String>()? {
                    match &*key {
                        "A" => a = map.next_value()?,
                        _ => b = map.next_value()?,
                    }
                }
                Ok(Backwards { a, b })
            }
        }

        deserializer.deserialize_struct("Backwards", &["A", "B"], Fields)
    }
}

#[test]
fn a_visitor_written_by_hand_gets_names() {
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Forwards {
        a: String,
        b: String,
    }
    let sent = [("a", "b"), ("c", "d")].map(|(a, b)| Forwards {
        a: a.into(),
        b: b.into(),
    });
    let sent = Vec::from(sent);
    let found: Vec<Backwards> = gob::from_slice(&gob::to_vec(&sent).unwrap()).unwrap();
    let row = |a: &str, b: &str| Backwards {
        a: a.into(),
        b: b.into(),
    };
    assert_eq!(found, [row("a", "b"), row("c", "d")]);
}

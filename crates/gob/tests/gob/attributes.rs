//! serde's attributes on fields.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::BytesMut;
use plugwire_gob::{self as gob, Encoder, Value};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;

use crate::person::ann;

#[track_caller]
fn same<T: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(value: T) {
    let bytes = gob::to_vec(&value).unwrap();
    assert_eq!(gob::from_slice::<T>(&bytes).unwrap(), value);
}

#[track_caller]
fn decodes<S, T>(sent: &S, received: T)
where
    S: gob::Encode + ?Sized,
    T: for<'de> Deserialize<'de> + PartialEq + Debug,
{
    let bytes = gob::to_vec(sent).unwrap();
    assert_eq!(gob::from_slice::<T>(&bytes).unwrap(), received);
}

#[track_caller]
fn encode_error(value: &(impl gob::Encode + ?Sized)) -> String {
    gob::to_vec(value).unwrap_err().to_string()
}

#[test]
fn aliases_are_other_names_for_one_field() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Aliased {
        #[serde(rename = "Name", alias = "Aname", alias = "Zname")]
        name: String,
        #[serde(rename = "Age", alias = "Years")]
        age: i64,
    }
    let value = Aliased {
        name: "Ann".into(),
        age: 1,
    };
    let bytes = gob::to_vec(&value).unwrap();
    let Value::Struct { fields, .. } = gob::from_slice(&bytes).unwrap() else {
        panic!()
    };
    assert_eq!(
        fields.iter().map(|field| &*field.0).collect::<Vec<_>>(),
        ["Name", "Age"]
    );
    same(value);
    same(Aliased::default());

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Old {
        zname: String,
        years: i64,
    }
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Older {
        aname: String,
    }
    for _ in 0..3 {
        decodes(
            &Old {
                zname: "Z".into(),
                years: 3,
            },
            Aliased {
                name: "Z".into(),
                age: 3,
            },
        );
        decodes(&Old::default(), Aliased::default());
        decodes(
            &Older { aname: "A".into() },
            Aliased {
                name: "A".into(),
                age: 0,
            },
        );
        decodes(
            &ann(),
            Aliased {
                name: "Ann".into(),
                age: 40,
            },
        );
    }
}

#[test]
fn fields_may_come_in_any_order() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Shuffled {
        a: i64,
        b: String,
        c: Vec<i64>,
        d: i64,
    }
    impl Serialize for Shuffled {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            let mut fields = serializer.serialize_struct("Shuffled", 4)?;
            fields.serialize_field("d", &self.d)?;
            fields.serialize_field("b", &self.b)?;
            fields.serialize_field("c", &self.c)?;
            fields.serialize_field("a", &self.a)?;
            fields.end()
        }
    }
    let make = |a| Shuffled {
        a,
        b: "b".into(),
        c: vec![1, 2],
        d: 4,
    };
    same(make(1));
    same(make(0));
    same(vec![make(1), make(0), make(3)]);
    let mut encoder = Encoder::new();
    let mut out = BytesMut::new();
    encoder.encode(&make(1), &mut out).unwrap();
    let first = out.split();
    encoder.encode(&make(1), &mut out).unwrap();
    assert!(first.ends_with(&out));

    /// A struct of structs that ignores the error of one of them.
    #[derive(Debug, PartialEq, Deserialize)]
    struct Nested {
        first: Shuffled,
        list: Vec<Shuffled>,
        last: i64,
    }
    impl Serialize for Nested {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            let mut fields = serializer.serialize_struct("Nested", 3)?;
            fields.serialize_field("last", &self.last)?;
            fields.serialize_field("list", &self.list)?;
            match self.first.a {
                -1 => assert_fails(fields.serialize_field("first", &Halfway), "halfway"),
                _ => fields.serialize_field("first", &self.first)?,
            }
            fields.end()
        }
    }
    struct Halfway;
    impl Serialize for Halfway {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error, SerializeStruct};
            let mut fields = serializer.serialize_struct("Shuffled", 4)?;
            fields.serialize_field("d", &4)?;
            fields.serialize_field("a", &1)?;
            Err(Error::custom("halfway"))
        }
    }
    let nested = |first| Nested {
        first,
        list: vec![make(2), make(0)],
        last: 7,
    };
    same(nested(make(1)));
    same(vec![nested(make(1)), nested(make(3))]);
    let none = Shuffled {
        a: 0,
        b: String::new(),
        c: vec![],
        d: 0,
    };
    decodes(&nested(make(-1)), nested(none));
}

#[test]
fn serde_attributes() {
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Attributes {
        #[serde(skip)]
        skipped: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        maybe: Option<Vec<u8>>,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        list: Vec<i64>,
        #[serde(with = "serde_bytes")]
        blob: Vec<u8>,
        last: bool,
    }
    same(Attributes::default());
    same(Attributes {
        maybe: Some(vec![1]),
        list: vec![1],
        blob: vec![2],
        last: true,
        skipped: 0,
    });

    /// A type that is a string on the wire and refuses most of them.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(try_from = "String", into = "String")]
    struct Port(u16);
    impl TryFrom<String> for Port {
        type Error = std::num::ParseIntError;
        fn try_from(text: String) -> Result<Self, Self::Error> {
            text.parse().map(Port)
        }
    }
    impl From<Port> for String {
        fn from(port: Port) -> String {
            port.0.to_string()
        }
    }
    impl Clone for Port {
        fn clone(&self) -> Self {
            Port(self.0)
        }
    }
    same(Port(80));
    same(BTreeMap::from([("web".to_owned(), Port(80))]));

    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Never;
    impl TryFrom<String> for Never {
        type Error = &'static str;
        fn try_from(_: String) -> Result<Self, Self::Error> {
            Err("never")
        }
    }
    impl Serialize for Never {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str("never")
        }
    }
    #[derive(Serialize, Deserialize)]
    struct Hopeless {
        a: i64,
        b: Never,
    }
    let error = encode_error(&Hopeless { a: 1, b: Never });
    assert!(
        error.contains("Hopeless: b: cannot learn the type") && error.ends_with("never"),
        "{error}"
    );
}

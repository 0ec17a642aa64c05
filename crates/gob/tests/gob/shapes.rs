//! serde's shapes of types: which of them have a form in gob, and the errors of those that have
//! none.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use plugwire_gob::{self as gob, Any, Schema, Value};
use serde::{Deserialize, Serialize};
use serde_repr::{Deserialize_repr, Serialize_repr};
use uuid::Uuid;

#[track_caller]
fn same<T: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(value: T) {
    let bytes = gob::to_vec(&value).unwrap();
    assert_eq!(gob::from_slice::<T>(&bytes).unwrap(), value);
}

#[track_caller]
fn encode_error(value: &(impl gob::Encode + ?Sized)) -> String {
    gob::to_vec(value).unwrap_err().to_string()
}

fn schema<T: gob::Encode>() -> String {
    Schema::of::<T>().unwrap().to_string()
}

#[test]
fn renamed_skipped_and_defaulted_fields() {
    fn seven() -> i64 {
        7
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "GoName", rename_all = "PascalCase")]
    struct Renamed {
        #[serde(rename = "ID")]
        id: u32,
        two_words: String,
        #[serde(skip, default = "seven")]
        skipped: i64,
        #[serde(skip_serializing)]
        inward: i64,
        #[serde(default)]
        last: bool,
    }
    let value = Renamed {
        id: 1,
        two_words: "w".into(),
        skipped: 7,
        inward: 0,
        last: true,
    };
    let Value::Struct { name, fields } = gob::from_slice(&gob::to_vec(&value).unwrap()).unwrap()
    else {
        panic!()
    };
    let fields: Vec<_> = fields.iter().map(|field| &*field.0).collect();
    assert_eq!(
        (&*name, &fields[..]),
        ("GoName", &["ID", "TwoWords", "Last"][..])
    );
    same(value);
}

#[test]
fn enums_as_strings_and_as_integers() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        FirstOne,
        SecondOne,
    }
    #[derive(Debug, PartialEq, Serialize_repr, Deserialize_repr)]
    #[repr(u8)]
    enum Small {
        One = 1,
        Hundred = 100,
    }
    #[derive(Debug, PartialEq, Serialize_repr, Deserialize_repr)]
    #[repr(i32)]
    enum Signed {
        Minus = -1,
        Zero = 0,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        word: Word,
        small: Small,
        signed: Signed,
        map: BTreeMap<String, Small>,
    }
    assert_eq!(schema::<Vec<Word>>(), "[]string");
    assert_eq!(schema::<Vec<Signed>>(), "[]int");
    assert_eq!(schema::<BTreeMap<String, Small>>(), "map[string]uint");
    for small in [Small::One, Small::Hundred] {
        for signed in [Signed::Minus, Signed::Zero] {
            same(All {
                word: Word::SecondOne,
                small: match small {
                    Small::One => Small::One,
                    Small::Hundred => Small::Hundred,
                },
                signed,
                map: BTreeMap::from([("k".into(), Small::Hundred)]),
            });
        }
    }
    same(Word::FirstOne);
    assert_eq!(
        gob::to_vec(&Signed::Minus).unwrap(),
        gob::to_vec(&-1i64).unwrap()
    );
}

#[test]
fn ids_and_addresses_as_they_are() {
    // Well-known types that refuse an empty string are tried with others.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Plain {
        id: Uuid,
        ids: Vec<Uuid>,
        maybe: Option<Uuid>,
        ip: IpAddr,
        v4: Ipv4Addr,
        v6: Ipv6Addr,
        socket: SocketAddr,
        by_ip: BTreeMap<IpAddr, Uuid>,
    }
    let id = Uuid::from_u128(0x1234);
    same(Plain {
        id,
        ids: vec![id, Uuid::nil()],
        maybe: None,
        ip: Ipv6Addr::LOCALHOST.into(),
        v4: Ipv4Addr::LOCALHOST,
        v6: Ipv6Addr::LOCALHOST,
        socket: ([1, 2, 3, 4], 5).into(),
        by_ip: BTreeMap::from([(Ipv4Addr::LOCALHOST.into(), id)]),
    });
    // But there is no text to parse for a field that Go left out.
    #[derive(Serialize, Deserialize)]
    struct Empty {
        id: String,
        other: i64,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Strict {
        id: Uuid,
        other: i64,
    }
    let empty = gob::to_vec(&Empty {
        id: String::new(),
        other: 1,
    })
    .unwrap();
    let error = gob::from_slice::<Strict>(&empty).unwrap_err().to_string();
    assert!(
        error.contains("Strict: id: left out by the sender"),
        "{error}"
    );
}

/// A type whose `Deserialize` accepts nothing that it could be tried with.
#[derive(Clone, Debug, Default, PartialEq)]
struct Currency(String);

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Currency {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "EUR" | "USD" => Ok(Self(text.into())),
            _ => Err("no such currency"),
        }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[test]
fn types_that_refuse_everything_have_ways_in_without_a_trace() {
    #[derive(Serialize, Deserialize)]
    struct Traced {
        price: i64,
        currency: Currency,
    }
    let euro = || Currency("EUR".into());
    let traced = Traced {
        price: 1,
        currency: euro(),
    };
    let error = encode_error(&traced);
    assert!(
        error.contains("Traced: currency: cannot learn the type")
            && error.contains("no such currency"),
        "{error}"
    );

    // One: the field goes as its text.
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Price {
        price: i64,
        #[serde(with = "gob::as_string")]
        currency: Currency,
        #[serde(with = "gob::as_string::option")]
        addr: Option<SocketAddr>,
        #[serde(with = "gob::as_string")]
        id: Uuid,
        // Go: uuid.UUID, which has MarshalBinary.
        #[serde(with = "gob::binary_marshaler")]
        binary_id: Uuid,
    }
    same(Price {
        price: 1,
        currency: euro(),
        addr: Some(([1, 2, 3, 4], 5).into()),
        id: Uuid::from_u128(5),
        binary_id: Uuid::from_u128(6),
    });
    same(Price::default());
    let text = gob::to_vec(&Price {
        currency: euro(),
        ..Price::default()
    })
    .unwrap();
    let value: Value = gob::from_slice(&text).unwrap();
    assert_eq!(value.field("currency"), Some(&Value::String("EUR".into())));
    #[derive(Serialize, Deserialize)]
    struct Wrong {
        currency: String,
    }
    let wrong = gob::to_vec(&Wrong {
        currency: "XXX".into(),
    })
    .unwrap();
    let error = gob::from_slice::<Price>(&wrong).unwrap_err().to_string();
    assert!(
        error.ends_with("Price: currency: no such currency"),
        "{error}"
    );

    // Two: the type is described by hand.
    let by_hand = Schema::structure(
        "Traced",
        [("price", Schema::int()), ("currency", Schema::string())],
    );
    let bytes = gob::to_vec_as(&by_hand, &traced).unwrap();
    let back: Traced = gob::from_slice(&bytes).unwrap();
    assert_eq!((back.price, back.currency), (1, euro()));
}

#[test]
fn flattened_fields_decode_and_encode_with_a_description() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        a: i64,
        #[serde(flatten)]
        inner: Inner,
        z: String,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        b: u16,
        c: Vec<String>,
    }
    let outer = || Outer {
        a: 1,
        inner: Inner {
            b: 2,
            c: vec!["x".into()],
        },
        z: "z".into(),
    };
    let error = encode_error(&outer());
    assert!(
        error.contains("Outer: ") && error.contains("cannot be learned where one is flattened"),
        "{error}"
    );
    let schema = Schema::structure(
        "Outer",
        [
            ("a", Schema::int()),
            ("b", Schema::uint()),
            ("c", Schema::slice(Schema::string())),
            ("z", Schema::string()),
        ],
    );
    let bytes = gob::to_vec_as(&schema, &outer()).unwrap();
    assert_eq!(gob::from_slice::<Outer>(&bytes).unwrap(), outer());
}

#[test]
fn untagged_enums_are_interface_values() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
        Both(Vec<Either>),
        Struct { a: i64 },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        either: Either,
        all: Vec<Either>,
    }
    assert_eq!(schema::<Vec<Either>>(), "[]interface {}");
    let all = || {
        vec![
            Either::Number(1),
            Either::Both(vec![Either::Text("x".into())]),
        ]
    };
    same(Holder {
        either: Either::Text("t".into()),
        all: all(),
    });
    let any: Vec<Any> = gob::from_slice(&gob::to_vec(&all()).unwrap()).unwrap();
    assert_eq!((any[0].name(), any[1].name()), ("int64", "[]interface {}"));
    // A struct in an interface value needs a name that no attribute of serde gives.
    let error = encode_error(&Holder {
        either: Either::Struct { a: 1 },
        all: vec![],
    });
    assert!(
        error.contains(
            "Holder: either: Either stands for an interface value but has no Go type name"
        ),
        "{error}"
    );
}

#[test]
fn tagged_enums_are_errors_that_name_the_type_or_structs() {
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Internal {
        A { x: i64 },
    }
    #[derive(Serialize, Deserialize)]
    enum External {
        A(i64),
    }
    #[derive(Serialize, Deserialize)]
    struct Holder<T> {
        field: Vec<T>,
    }
    let errors = [
        encode_error(&Holder {
            field: vec![Internal::A { x: 1 }],
        }),
        encode_error(&Holder {
            field: vec![External::A(1)],
        }),
    ];
    for error in errors {
        assert!(
            error.contains("Holder<") && error.contains("field"),
            "{error}"
        );
    }

    // A tag beside the content is a struct of the two, as long as all variants hold the same.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        A(i64),
        B(i64),
    }
    same(vec![Adjacent::A(1), Adjacent::B(2)]);
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "t", content = "c")]
    enum Mixed {
        A(i64),
        B(String),
    }
    gob::to_vec(&Mixed::A(1)).unwrap();
    let error = encode_error(&Mixed::B("x".into()));
    assert!(error.contains("Mixed: c: Serialize gave string"), "{error}");
}

#[test]
fn what_is_marked_is_an_array() {
    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    struct Point(f64, f64);

    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    struct Wrapped(Point);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Shape")]
    struct Marked {
        #[serde(with = "gob::array")]
        pair: (u8, u8),
        #[serde(with = "gob::array")]
        point: Wrapped,
        #[serde(with = "gob::array")]
        maybe: Option<Point>,
        #[serde(with = "gob::array")]
        none: Option<Box<Point>>,
        unmarked: Point,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Shape")]
    struct Plain {
        pair: [u8; 2],
        point: [f64; 2],
        maybe: Option<[f64; 2]>,
        none: Option<[f64; 2]>,
        unmarked: Point,
    }

    let marked = Marked {
        pair: (1, 2),
        point: Wrapped(Point(0.5, -1.0)),
        maybe: Some(Point(0.0, 1.0)),
        none: None,
        unmarked: Point(1.0, 2.0),
    };
    let plain = Plain {
        pair: [1, 2],
        point: [0.5, -1.0],
        maybe: Some([0.0, 1.0]),
        none: None,
        unmarked: Point(1.0, 2.0),
    };
    let bytes = gob::to_vec(&marked).unwrap();
    assert_eq!(bytes, gob::to_vec(&plain).unwrap());
    assert_eq!(gob::from_slice::<Marked>(&bytes).unwrap(), marked);
    assert_eq!(gob::from_slice::<Plain>(&bytes).unwrap(), plain);
    // Other formats do not notice.
    let json = serde_json::to_string(&marked).unwrap();
    assert_eq!(serde_json::from_str::<Marked>(&json).unwrap(), marked);
}

#[test]
fn what_cannot_be_an_array_is_an_error() {
    #[derive(Serialize, Deserialize)]
    struct Marked<T> {
        #[serde(
            with = "gob::array",
            bound = "T: Serialize + serde::de::DeserializeOwned"
        )]
        it: T,
    }

    let mixed = gob::to_vec(&Marked {
        it: (1, "text".to_owned()),
    })
    .unwrap_err();
    assert!(
        mixed
            .to_string()
            .contains("the elements of an array are of several types")
    );
    for refused in [
        gob::to_vec(&Marked { it: vec![1, 2] }).unwrap_err(),
        gob::to_vec(&Marked { it: 1 }).unwrap_err(),
        gob::to_vec(&Marked {
            it: Marked { it: (1, 2) },
        })
        .unwrap_err(),
    ] {
        assert!(
            refused
                .to_string()
                .contains("`array` is for types that ask for a tuple"),
            "{refused}"
        );
    }
}

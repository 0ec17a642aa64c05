//! Values whose types are not known beforehand, types described by hand, and Go's interface types
//! as enums.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::BytesMut;
use plugwire_gob::{
    self as gob, Any, Complex, Decoder, Encoder, Limits, Marshaler, RawValue, Schema, Time, Value,
};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;

use crate::person::{Person, ann};

fn raw(bytes: &[u8]) -> RawValue {
    Decoder::new()
        .next_value(&mut BytesMut::from(bytes))
        .unwrap()
        .unwrap()
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Tree {
    value: i64,
    kids: Vec<Tree>,
    any: Any,
}

#[test]
fn what_was_received_encodes_to_the_same_bytes() {
    let tree = Tree {
        value: 1,
        kids: vec![
            Tree::default(),
            Tree {
                any: Any::named("main.Person", &ann()).unwrap(),
                ..Tree::default()
            },
        ],
        any: Any::named("[]interface {}", &vec![Any::Nil, 5.into(), "x".into()]).unwrap(),
    };
    let encoded = [
        gob::to_vec(&true).unwrap(),
        gob::to_vec(&-5i64).unwrap(),
        gob::to_vec(&1.5).unwrap(),
        gob::to_vec("text").unwrap(),
        gob::to_vec(&b"\xff\x00"[..]).unwrap(),
        gob::to_vec(&Complex::new(1.0, 2.0)).unwrap(),
        gob::to_vec(&ann()).unwrap(),
        gob::to_vec(&Person::default()).unwrap(),
        gob::to_vec(&vec![vec![1u16], vec![]]).unwrap(),
        gob::to_vec(&[[1i64, 2], [3, 4]]).unwrap(),
        gob::to_vec(&BTreeMap::from([("a", vec![1]), ("b", vec![])])).unwrap(),
        gob::to_vec(&Time::now()).unwrap(),
        gob::to_vec(&Any::Nil).unwrap(),
        gob::to_vec(&Any::Int8(3)).unwrap(),
        gob::to_vec(&Any::named("main.Person", &ann()).unwrap()).unwrap(),
        gob::to_vec(&tree).unwrap(),
        gob::to_vec(&Any::named("main.Tree", &tree).unwrap()).unwrap(),
    ];
    for bytes in encoded {
        let received = raw(&bytes);
        let value: Value = received.decode().unwrap();
        let again = gob::to_vec_as(&received.schema(), &value).unwrap();
        assert_eq!(again, bytes, "{value:?}");
        // The same inside of an interface value.
        let any = Value::Interface {
            name: "some.Name".into(),
            schema: received.schema(),
            value: Box::new(value.clone()),
        };
        let bytes = gob::to_vec(&any).unwrap();
        let back: Value = gob::from_slice(&bytes).unwrap();
        assert_eq!(back, any);
        assert_eq!(back.concrete(), value.concrete());
    }
}

#[test]
fn dynamic_values_stand_in_structs_and_decode_later() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        before: i64,
        value: Value,
        values: Vec<Value>,
        after: i64,
    }
    let schema = Schema::of::<Person>().unwrap();
    let value: Value = raw(&gob::to_vec(&ann()).unwrap()).decode().unwrap();
    assert_eq!(value.decode::<Person>(&schema).unwrap(), ann());
    let person = Value::Interface {
        name: "main.Person".into(),
        schema,
        value: Box::new(value.clone()),
    };
    let holder = Holder {
        before: 1,
        value: person.clone(),
        values: vec![Value::Nil, person.clone()],
        after: 2,
    };
    let bytes = gob::to_vec(&holder).unwrap();
    assert_eq!(gob::from_slice::<Holder>(&bytes).unwrap(), holder);
    let any = person.to_any().unwrap();
    assert_eq!(any.name(), "main.Person");
    assert_eq!(any.decode::<Person>().unwrap(), ann());
    assert_eq!(Value::Nil.to_any().unwrap(), Any::Nil);
    assert!(
        value
            .to_any()
            .unwrap_err()
            .to_string()
            .contains("Go type name")
    );
    // Values of no declared type have the names that `From` gives them in `Any`.
    let list = Value::List(vec![
        Value::Int(1),
        Value::Map(vec![(Value::String("k".into()), Value::Bool(true))]),
    ]);
    let list: Vec<Any> = list.to_any().unwrap().decode().unwrap();
    assert_eq!(list[0], Any::Int64(1));
    let entries: BTreeMap<String, bool> = list[1].decode().unwrap();
    assert_eq!(entries, BTreeMap::from([("k".into(), true)]));
}

#[test]
fn dynamic_values_that_do_not_fit_their_type() {
    let person = Schema::of::<Person>().unwrap();
    let text = |text: &str| Value::String(text.into());
    let refused =
        |schema: &Schema, value: &Value| gob::to_vec_as(schema, value).unwrap_err().to_string();
    let structure = |fields: Vec<(&str, Value)>| Value::Struct {
        name: "".into(),
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    };
    let error = refused(&person, &structure(vec![("Age", text("old"))]));
    assert!(
        error.ends_with("Age: Serialize gave string, but Deserialize asks for Go type int"),
        "{error}"
    );
    let error = refused(&person, &structure(vec![("Size", Value::Nil)]));
    assert!(
        error.ends_with("the type Person has no field `Size`"),
        "{error}"
    );
    let twice = structure(vec![("Age", Value::Int(1)), ("Age", Value::Int(1))]);
    assert!(refused(&person, &twice).ends_with("field `Age` given twice"));
    let array = Schema::array(Schema::int(), 2);
    assert!(refused(&array, &Value::List(vec![])).contains("0 elements where 2 were announced"));
    let mut deep = Value::Nil;
    for _ in 0..600 {
        deep = Value::List(vec![deep]);
    }
    assert!(refused(&Schema::interface(), &deep).contains("nested too deep"));
    // Fields in any order.
    let shuffled = structure(vec![("Age", Value::Int(40)), ("Name", text("Ann"))]);
    let bytes = gob::to_vec_as(&person, &shuffled).unwrap();
    assert_eq!(gob::from_slice::<Person>(&bytes).unwrap().name, "Ann");
}

#[test]
fn types_described_by_hand() {
    let point = Schema::structure("Point", [("X", Schema::int()), ("Y", Schema::int())]);
    assert_eq!(point.to_string(), "Point");
    assert_eq!(format!("{point:?}"), "Schema(Point)");
    let nested = Schema::map(
        Schema::string(),
        Schema::slice(Schema::array(point.clone(), 2)),
    );
    assert_eq!(nested.to_string(), "map[string][][2]Point");
    assert_eq!(nested, nested.clone());
    assert_ne!(nested, point);
    let marshaler = Schema::marshaler("Time", Marshaler::Gob);
    assert_eq!(marshaler, Schema::of::<Time>().unwrap());
    assert_eq!(Schema::of::<[u8]>().unwrap(), Schema::bytes());
    assert_eq!(Schema::of::<Complex>().unwrap(), Schema::complex());
    assert_eq!(
        Schema::of::<(f64,)>().unwrap().to_string(),
        "struct { A float64 }"
    );
    assert_eq!(Schema::of::<bool>().unwrap(), Schema::bool());
    assert_eq!(Schema::of::<Any>().unwrap(), Schema::interface());
    assert_eq!(Schema::of::<u8>().unwrap(), Schema::uint());

    #[derive(Serialize, Deserialize)]
    struct Node {
        value: i64,
        kids: Vec<Node>,
        map: BTreeMap<String, Node>,
    }
    let node = Schema::recursive(|node| {
        Schema::structure(
            "Node",
            [
                ("value", Schema::int()),
                ("kids", Schema::slice(node.clone())),
                ("map", Schema::map(Schema::string(), node)),
            ],
        )
    });
    assert_eq!(node, Schema::of::<Node>().unwrap());
    let value = Node {
        value: 1,
        kids: vec![Node {
            value: 2,
            kids: vec![],
            map: BTreeMap::new(),
        }],
        map: BTreeMap::new(),
    };
    let bytes = gob::to_vec_as(&node, &value).unwrap();
    assert_eq!(bytes, gob::to_vec(&value).unwrap());

    // Types that contain each other.
    let husband = Schema::recursive(|husband| {
        let wife = Schema::structure("Wife", [("Husband", husband)]);
        Schema::structure("Husband", [("Wife", wife)])
    });
    assert_eq!(husband.to_string(), "Husband");
    assert_fails(
        gob::to_vec_as(&Schema::recursive(|same| same), &5),
        "undefined type",
    );
    assert!(
        gob::to_vec_as(&point, &"text")
            .unwrap_err()
            .to_string()
            .contains("asks for Go type Point")
    );
}

#[test]
fn a_type_that_only_serializes_is_encoded_with_its_description() {
    #[derive(Serialize)]
    struct Peer {
        #[serde(rename = "Addr")]
        addr: IpAddr,
        #[serde(flatten)]
        rest: Rest,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Rest {
        port: u16,
        labels: Vec<&'static str>,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Received {
        labels: Vec<String>,
        addr: String,
        port: u16,
    }
    let peer = || Peer {
        addr: [10, 0, 0, 1].into(),
        rest: Rest {
            port: 80,
            labels: vec!["a"],
        },
    };
    // The fields in another order than they are serialized in.
    let schema = Schema::structure(
        "Peer",
        [
            ("Labels", Schema::slice(Schema::string())),
            ("Addr", Schema::string()),
            ("Port", Schema::uint()),
        ],
    );
    let received = || Received {
        labels: vec!["a".into()],
        addr: "10.0.0.1".into(),
        port: 80,
    };
    let mut encoder = Encoder::new();
    let mut out = BytesMut::new();
    encoder.encode_as(&schema, &peer(), &mut out).unwrap();
    let first = out.split();
    encoder.encode_as(&schema, &peer(), &mut out).unwrap();
    assert!(first.ends_with(&out) && out.len() < 30);
    assert_eq!(gob::from_slice::<Received>(&first).unwrap(), received());
    let list = Schema::slice(schema);
    let bytes = gob::to_vec_as(&list, &[peer(), peer()]).unwrap();
    let back: Vec<Received> = gob::from_slice(&bytes).unwrap();
    assert_eq!(back, [received(), received()]);

    let narrow = Schema::structure("Peer", [("Addr", Schema::string())]);
    let error = gob::to_vec_as(&narrow, &peer()).unwrap_err().to_string();
    assert!(
        error.contains("Peer: the type Peer has no field `Port`"),
        "{error}"
    );
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NotFound {
    path: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped {
    #[serde(rename = "Inner")]
    inner: Option<Box<Failure>>,
}

gob::interface! {
    /// An `error` of the plugin.
    #[derive(Clone, Debug, PartialEq)]
    enum Failure {
        "*main.NotFound" | "main.NotFound" => NotFound(NotFound),
        "main.Timeout" => Timeout(i64),
        "*main.Wrapped" => Wrapped(Wrapped),
        _ => Other(Any),
    }
}

gob::interface! {
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum Strict {
        "main.NotFound" => NotFound(NotFound),
        "string" => Text(String),
    }
}

#[test]
fn registered_names_lead_to_the_variants_of_an_enum() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Reply {
        error: Option<Failure>,
        all: Vec<Failure>,
        strict: Option<Strict>,
    }
    let not_found = Failure::NotFound(NotFound {
        path: "/etc".into(),
    });
    let reply = Reply {
        error: Some(not_found.clone()),
        all: vec![
            Failure::Timeout(5),
            Failure::Other(Any::Nil),
            Failure::Other(Any::named("main.Stranger", &ann()).unwrap()),
            Failure::Wrapped(Wrapped {
                inner: Some(Box::new(not_found.clone())),
            }),
        ],
        strict: Some(Strict::Text("x".into())),
    };
    let bytes = gob::to_vec(&reply).unwrap();
    let back: Reply = gob::from_slice(&bytes).unwrap();
    assert_eq!(back, reply);
    let Failure::Other(stranger) = &back.all[2] else {
        panic!()
    };
    assert_eq!(stranger.decode::<Person>().unwrap(), ann());

    // Either name on arrival, the first on the way out.
    let alias = Any::named(
        "main.NotFound",
        &NotFound {
            path: "/etc".into(),
        },
    )
    .unwrap();
    let read: Failure = gob::from_slice(&gob::to_vec(&alias).unwrap()).unwrap();
    assert_eq!(read, not_found);
    let any: Any = gob::from_slice(&gob::to_vec(&read).unwrap()).unwrap();
    assert_eq!(any.name(), "*main.NotFound");
    assert_eq!(Schema::of::<Failure>().unwrap(), Schema::interface());

    let error = gob::from_slice::<Strict>(&gob::to_vec(&Any::Nil).unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("nil where a Strict is expected: use an Option")
    );
    let error = gob::from_slice::<Strict>(&gob::to_vec(&Any::Int(1)).unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("Strict has no variant for the type int"),
        "{error}"
    );
    assert_eq!(
        gob::from_slice::<Option<Strict>>(&gob::to_vec(&Any::Nil).unwrap()).unwrap(),
        None
    );
}

#[test]
fn files_of_values() {
    let mut file = Vec::new();
    let mut writer = gob::StreamWriter::new(&mut file);
    writer.write(&ann()).unwrap();
    assert_fails(writer.write(&vec![None::<i64>]), "[0]: a nil element");
    writer
        .write_as(&Schema::of::<Person>().unwrap(), &ann())
        .unwrap();
    writer.write("end").unwrap();
    drop(writer);

    /// Gives one byte at a time, and interruptions in between.
    struct Slow<'a>(&'a [u8], bool);
    impl std::io::Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let count = self.0.len().min(1);
            buf[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }
    let mut reader = gob::StreamReader::new(Slow(&file, false));
    assert_eq!(reader.read::<Person>().unwrap(), Some(ann()));
    // A value of another type than asked for is lost, and no more than that.
    assert_fails(reader.read::<i64>(), "expected i64, received type Person");
    assert_eq!(reader.read::<String>().unwrap().as_deref(), Some("end"));
    assert!(reader.read::<String>().unwrap().is_none());
    let mut cut = gob::StreamReader::new(&file[..file.len() - 1]);
    cut.read_raw().unwrap();
    cut.read_raw().unwrap();
    assert!(
        cut.read_raw()
            .unwrap_err()
            .to_string()
            .contains("unexpected end")
    );
    let limits = Limits::default().max_message(10);
    assert_fails(
        gob::StreamReader::with_limits(&file[..], limits).read_raw(),
        "a message of 47 bytes, over the limit of 10",
    );
}

#[test]
fn bytes_behind_a_nil_interface_value_are_dropped_with_its_message() {
    // A peer may put a type and a length there, for versions of Go that cannot skip a nil without.
    let mut stream = BytesMut::from(&[5, 0x10, 0, 0, 0x04, 0][..]);
    stream.extend_from_slice(&gob::to_vec("next").unwrap());
    let mut decoder = Decoder::new();
    let nil = decoder.next_value(&mut stream).unwrap().unwrap();
    assert_eq!(nil.decode::<Value>().unwrap(), Value::Nil);
    assert_eq!(nil.decode::<Any>().unwrap(), Any::Nil);
    assert_eq!(nil.decode::<Option<Strict>>().unwrap(), None);
    let next = decoder.next_value(&mut stream).unwrap().unwrap();
    assert_eq!(next.decode::<String>().unwrap(), "next");
    assert!(stream.is_empty());
}

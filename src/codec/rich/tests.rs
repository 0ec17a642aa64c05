//! Every value of every type comes back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use support::gob::Random;
use support::model::{Made, Type, with_type};
use uuid::Uuid;

use super::{RichError, from_bytes, to_bytes};
use crate::gob::Limits;

fn write<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    to_bytes(value).unwrap().into()
}

fn read_within<T: DeserializeOwned>(bytes: &[u8], limits: Limits) -> Result<T, RichError> {
    from_bytes(bytes, limits)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RichError> {
    read_within(bytes, Limits::default())
}

/// The error of bytes that are a value of MessagePack and not one of `T`.
fn refused<T: DeserializeOwned + Debug>(bytes: &[u8]) -> RichError {
    read::<T>(bytes).unwrap_err()
}

/// The value comes back as it is, and in every place where types have it.
#[track_caller]
fn same<T>(value: T)
where
    T: Serialize + DeserializeOwned + Debug + PartialEq + Clone,
{
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Everywhere<T> {
        before: u8,
        plain: T,
        some: Option<T>,
        twice: Option<Option<T>>,
        list: Vec<Option<T>>,
        pair: (T, T),
        ok: Result<T, u8>,
        variants: Vec<Variants<T>>,
        after: Option<()>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Variants<T> {
        Newtype(T),
        Tuple(T, u8, T),
        Struct { value: T },
    }
    let all = || value.clone();
    let everywhere = Everywhere {
        before: 1,
        plain: all(),
        some: Some(all()),
        twice: Some(Some(all())),
        list: vec![None, Some(all()), None],
        pair: (all(), all()),
        ok: Ok(all()),
        variants: vec![
            Variants::Newtype(all()),
            Variants::Tuple(all(), 1, all()),
            Variants::Struct { value: all() },
        ],
        after: Some(()),
    };
    let bytes = write(&everywhere);
    match read::<Everywhere<T>>(&bytes) {
        Ok(got) => assert_eq!(got, everywhere, "{bytes:02x?}"),
        Err(error) => panic!("{everywhere:?} as {bytes:02x?}: {error}"),
    }
}

#[test]
fn made_up_values_of_made_up_types_come_back() {
    for seed in 0..4000 {
        let random = &mut Random::new(seed);
        let ty = Type::random(random, 4);
        let value = Made(ty.value(random));
        with_type(&ty, || {
            let bytes = write(&value);
            // A whole value of `()` would take anything.
            match read::<(Made,)>(&[&[0x91], &bytes[..]].concat()) {
                Ok((got,)) => assert_eq!(got, value, "{seed}: {ty:?}"),
                Err(error) => panic!("{seed}: {error}: {value:?} of {ty:?}"),
            }
            assert_eq!(read::<Made>(&bytes).unwrap(), value, "{seed}: {ty:?}");
            // What is not wanted is passed over.
            let (.., last): (serde::de::IgnoredAny, u8) =
                read(&[&[0x92], &bytes[..], &[7]].concat()).unwrap();
            assert_eq!(last, 7);
        });
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Event {
    Nothing,
    Newtype(i64),
    Inner(Option<Option<u8>>),
    Unit(()),
    Tuple(i64, Option<String>),
    Empty(),
    Struct { key: String, value: Option<i64> },
    NoFields {},
    Boxed(Box<Event>),
}

fn events() -> Vec<Event> {
    vec![
        Event::Nothing,
        Event::Newtype(-1),
        Event::Inner(None),
        Event::Inner(Some(None)),
        Event::Inner(Some(Some(0))),
        Event::Unit(()),
        Event::Tuple(0, None),
        Event::Tuple(0, Some(String::new())),
        Event::Empty(),
        Event::Struct {
            key: String::new(),
            value: None,
        },
        Event::NoFields {},
        Event::Boxed(Box::new(Event::Boxed(Box::new(Event::Nothing)))),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct UnitStruct;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Newtype<T>(T);

#[test]
fn what_gob_cannot_say_comes_back() {
    events().into_iter().for_each(same);
    same(events());
    same(None::<Option<i64>>);
    same(Some(None::<i64>));
    same(Some(Some(0)));
    same(Some(Some(Some(None::<()>))));
    same(Some(0));
    same(Some(String::new()));
    same(Some(false));
    same(Some(Vec::<u8>::new()));
    same(Some(()));
    same(None::<()>);
    same(Some(UnitStruct));
    same(Some(Newtype(None::<Newtype<Option<()>>>)));
    same(Some(Newtype(Some(Newtype(Some(()))))));
    same(vec![None, Some(0), Some(1), None]);
    same(vec![None, Some(None), Some(Some(()))]);
    same(Ok::<(), String>(()));
    same(Err::<(), String>("no".into()));
    same(Ok::<Option<()>, ()>(Some(())));
    same(());
    same(UnitStruct);
    same(((), ((), UnitStruct)));
    same(Vec::<()>::from([(), (), ()]));
    for char in ['a', '\0', 'ü', '世', char::MAX] {
        same(char);
    }
    for wide in [
        i128::MIN,
        -1 - (1 << 64),
        i64::MIN.into(),
        -1,
        0,
        1 << 64,
        i128::MAX,
    ] {
        same(wide);
    }
    for wide in [0, u64::MAX.into(), 1 << 64, u128::MAX] {
        same(wide);
    }
    same([u64::MAX, 0, 1 << 32, 1 << 16, 1 << 8, 128, 127]);
    same([i64::MIN, -1, -33, -129, -32769, i64::MAX]);
    same(vec![0u8, 1, 255]);
    same([0u8, 255]);
    same(ByteBuf::from([0, 255]));
    same(ByteBuf::new());
    same(Some(ByteBuf::new()));
    same(BTreeSet::from([1u8, 255]));
    same("ü".repeat(70_000));
    same(vec![7u8; 70_000]);
    same(vec![7u16; 70_000]);
    same(f64::NEG_INFINITY);
    same(Duration::new(1, 999_999_999));
    same(SystemTime::UNIX_EPOCH + Duration::from_nanos(1));
    same(IpAddr::from([127, 0, 0, 1]));
    same(Uuid::from_u128(7));
}

#[test]
fn floats_keep_their_bits() {
    for bits in [
        0x7fc0_0000,
        0x7fc0_0001,
        0xffc0_0000,
        0x7f80_0001,
        0x8000_0000,
        1,
    ] {
        let got: f32 = read(&write(&f32::from_bits(bits))).unwrap();
        assert_eq!(got.to_bits(), bits);
    }
    for bits in [
        0x7ff8 << 48,
        0x7ff8 << 48 | 1,
        0xfff8 << 48,
        0x7ff0 << 48 | 1,
        1 << 63,
        1,
    ] {
        let got: f64 = read(&write(&f64::from_bits(bits))).unwrap();
        assert_eq!(got.to_bits(), bits);
    }
}

#[test]
fn maps_have_keys_of_any_type() {
    same(BTreeMap::from([
        (None, 1),
        (Some(None), 2),
        (Some(Some(())), 3),
    ]));
    same(BTreeMap::from([((), ())]));
    same(BTreeMap::from([(vec![1u8], "bytes".to_owned())]));
    same(BTreeMap::from([((1i128 << 100, 'x'), 1), ((-1, 'y'), 2)]));
    same(BTreeMap::from([(
        Newtype(Some(Newtype("a".to_owned()))),
        UnitStruct,
    )]));
    same(
        events()
            .into_iter()
            .zip(events())
            .collect::<BTreeMap<_, _>>(),
    );
    same(events().into_iter().zip(0..).collect::<HashMap<_, u8>>());
    same(BTreeMap::from([(
        BTreeMap::from([(1, 2)]),
        BTreeMap::from([(3, 4)]),
    )]));
    same(BTreeMap::from([(true, 'a'), (false, 'b')]));
}

/// What serde reads from copies of its own.
#[test]
fn copied_values_come_back() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Plain {
        list: Vec<u8>,
        bytes: ByteBuf,
        twice: Option<Option<u8>>,
        unit: Option<()>,
        marker: UnitStruct,
        event: Event,
        char: char,
        address: IpAddr,
        id: Uuid,
        keys: BTreeMap<Option<i64>, (u8, f32)>,
        result: Result<Vec<u8>, String>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Flat {
        before: u8,
        #[serde(flatten)]
        inner: Plain,
        #[serde(flatten)]
        rest: BTreeMap<String, Option<Option<Vec<u8>>>>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Inside {
        Plain(Plain),
        Fields { of: Option<Option<()>> },
        Bare,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", content = "data")]
    enum Beside {
        Plain(Plain),
        Pair(Option<Option<()>>, Vec<u8>),
        Bare,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Plain(Box<Plain>),
        Number(i64),
        List(Vec<u8>),
        Text(String),
        Twice { twice: Option<Option<bool>> },
        Nothing,
    }
    for (twice, event) in [None, Some(None), Some(Some(0))].into_iter().zip(events()) {
        let plain = Plain {
            list: vec![0, 255],
            bytes: ByteBuf::from([0, 255]),
            twice,
            unit: Some(()),
            marker: UnitStruct,
            event,
            char: 'ü',
            address: IpAddr::from([1; 16]),
            id: Uuid::from_u128(1),
            keys: BTreeMap::from([(None, (1, 0.5)), (Some(-1), (2, -0.5))]),
            result: Ok(vec![1]),
        };
        same(plain.clone());
        let rest = [("x".to_owned(), Some(None)), ("y".to_owned(), None)];
        let flat = Flat {
            before: 1,
            inner: plain.clone(),
            rest: BTreeMap::from(rest),
        };
        // A flattened map gets the fields of the struct before it, too: a rule of serde's.
        let got: Flat = read(&write(&flat)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((got.before, got.inner), (flat.before, flat.inner));
        assert_eq!(got.rest, flat.rest);
        same(Inside::Plain(plain.clone()));
        same(Beside::Plain(plain.clone()));
        same(Untagged::Plain(Box::new(plain)));
    }
    for of in [None, Some(None), Some(Some(()))] {
        same(Inside::Fields { of });
        same(Beside::Pair(of, vec![1]));
    }
    same(Inside::Bare);
    same(Beside::Bare);
    for twice in [None, Some(None), Some(Some(true))] {
        same(Untagged::Twice { twice });
    }
    same(Untagged::Number(-5));
    same(Untagged::List(vec![1, 2]));
    same(Untagged::Text("x".into()));
    let nothing: Untagged = read(&write(&Untagged::Nothing)).unwrap();
    assert_eq!(nothing, Untagged::Nothing);
}

/// Except for what has an extension, bytes are those that rmp-serde writes, and it reads them.
#[test]
fn common_values_are_plain_messagepack() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Common {
        text: String,
        short: i8,
        wide: i64,
        large: u64,
        ratio: f64,
        half: f32,
        yes: bool,
        char: char,
        bytes: ByteBuf,
        list: Vec<String>,
        map: BTreeMap<i32, Vec<Event>>,
        option: Option<u8>,
        none: Option<u8>,
        unit: (),
        pair: (u8, String),
        array: [u16; 3],
        newtype: Newtype<u8>,
    }
    let value = Common {
        text: "x".repeat(40),
        short: -33,
        wide: i64::MIN,
        large: u64::MAX,
        ratio: 1.5,
        half: -0.5,
        yes: true,
        char: 'ü',
        bytes: ByteBuf::from(vec![1; 300]),
        list: vec![String::new(); 20],
        map: BTreeMap::from([
            (-70_000, vec![Event::Nothing, Event::Newtype(5)]),
            (300, vec![Event::Tuple(1, None), Event::Empty()]),
        ]),
        option: Some(200),
        none: None,
        unit: (),
        pair: (1, "p".into()),
        array: [1, 1000, u16::MAX],
        newtype: Newtype(9),
    };
    let bytes = write(&value);
    assert_eq!(bytes, rmp_serde::to_vec_named(&value).unwrap());
    assert_eq!(rmp_serde::from_slice::<Common>(&bytes).unwrap(), value);
}

#[test]
fn a_newer_peers_types_are_read_as_far_as_serde_goes() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        key: String,
        value: i64,
        note: Option<String>,
        #[serde(default)]
        count: u8,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        added: Vec<Event>,
        key: String,
        value: i128,
        deep: Option<Option<BTreeMap<u8, Vec<Option<()>>>>>,
    }
    let new = New {
        added: events(),
        key: "k".into(),
        value: 7,
        deep: Some(Some(BTreeMap::from([(1, vec![None, Some(())])]))),
    };
    let old = Old {
        key: "k".into(),
        value: 7,
        note: None,
        count: 0,
    };
    assert_eq!(read::<Old>(&write(&new)).unwrap(), old);
    assert_eq!(read::<ByteBuf>(&write(&vec![1u8, 2])).unwrap(), [1, 2]);
    assert_eq!(
        read::<Vec<u8>>(&write(&ByteBuf::from([1, 2]))).unwrap(),
        [1, 2]
    );
    assert_eq!(
        read::<[u8; 2]>(&write(&ByteBuf::from([1, 2]))).unwrap(),
        [1, 2]
    );
    assert_eq!(read::<Vec<u64>>(&write(&vec![1u8, 255])).unwrap(), [1, 255]);
    assert_eq!(read::<f64>(&write(&0.5f32)).unwrap(), 0.5);
    // A caller that needs no reply takes any.
    read::<()>(&write(&new)).unwrap();
    read::<Newtype<()>>(&write(&new)).unwrap();
    read::<UnitStruct>(&write(&Some(5))).unwrap();
}

#[test]
fn other_types_are_refused_with_what_came_and_what_was_wanted() {
    let text = |error: RichError| error.to_string();
    assert_eq!(
        text(refused::<i64>(&write("five"))),
        "rich codec: invalid type: string \"five\", expected i64"
    );
    assert_eq!(
        text(refused::<u8>(&write(&300))),
        "rich codec: invalid value: integer `300`, expected u8"
    );
    let wide = write(&i128::MIN);
    assert!(text(refused::<u128>(&wide)).contains("expected u128"));
    assert!(text(refused::<i64>(&wide)).contains("expected i64"));
    assert_eq!(
        text(refused::<Option<i64>>(&write(&Some(None::<i64>)))),
        "rich codec: invalid type: unit value, expected i64"
    );
    assert!(text(refused::<(u8, u8)>(&write(&[1u16, 2, 3]))).contains("invalid length 3"));
    assert!(text(refused::<Event>(&write("Gone"))).contains("unknown variant `Gone`"));
    assert!(text(refused::<Event>(&write(&5))).contains("expected enum Event"));
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "it does not decode")]
    struct Fields {
        key: String,
    }
    let fields = refused::<Fields>(&write(&BTreeMap::<String, ()>::new()));
    assert_eq!(text(fields), "rich codec: missing field `key`");
    // What a peer has sent does not make a text longer without end.
    let long = text(refused::<Event>(&write(&"x".repeat(1 << 20))));
    assert!(long.len() < 1200, "{}", long.len());
}

#[test]
fn a_type_that_announces_another_length_is_refused_before_it_is_sent() {
    struct Liar;
    impl Serialize for Liar {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(Some(3))?;
            list.serialize_element(&1)?;
            list.end()
        }
    }
    let error = to_bytes(&vec![Some(Liar)]).unwrap_err();
    let (announced, given) = (3, 1);
    assert_eq!(error, RichError::Count { announced, given });
}

/// As deep as its limit says, and not deeper.
#[test]
fn depth_is_limited() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Tree {
        Leaf,
        Node(Box<Tree>),
    }
    let tree = |levels: usize| (0..levels).fold(Tree::Leaf, |tree, _| Tree::Node(Box::new(tree)));
    let limits = Limits::default().max_depth(10);
    let ten = read_within::<Tree>(&write(&tree(10)), limits).unwrap();
    assert_eq!(ten, tree(10));
    let error = read_within::<Tree>(&write(&tree(11)), limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rich codec: a value of more than 10 levels"
    );
    // What is not wanted may be as deep as it likes.
    read_within::<()>(&write(&tree(11)), limits).unwrap();
    read::<Tree>(&write(&tree(128))).unwrap();
    let error = refused::<Tree>(&write(&tree(129)));
    assert_eq!(error, RichError::TooDeep { limit: 128 });
}

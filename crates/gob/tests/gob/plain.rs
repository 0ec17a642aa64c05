//! The fast paths of the serializer write the same bytes as the plain path: see `src/ser/fast.rs`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use bytes::BytesMut;
use plugwire_gob::{self as gob, Any, Complex, Encoder, Schema, Time};
use serde::ser::{Error, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

/// Encodes as the value inside, which neither its type nor its first call reveals: by the plain
/// path.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
struct Veiled<T>(T);

impl<T: Serialize> Serialize for Veiled<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct("$veiled", &self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Unit<T>(T);

fn veiled<T: Clone>(values: &[T]) -> Vec<Veiled<T>> {
    values.iter().cloned().map(Veiled).collect()
}

fn same_list<T>(values: &[T])
where
    T: Clone + fmt::Debug + Serialize + for<'de> Deserialize<'de>,
{
    let expected = gob::to_vec(&veiled(values)).unwrap();
    assert_eq!(gob::to_vec(values).unwrap(), expected, "{values:?}");
    let units: Vec<_> = values.iter().cloned().map(Unit).collect();
    assert_eq!(gob::to_vec(&units).unwrap(), expected, "{units:?}");
    // Of bytes, these are no byte string, as a list of pointers is none in Go.
    let options: Vec<_> = values.iter().cloned().map(Some).collect();
    let behind: Vec<_> = values.iter().cloned().map(|v| Some(Veiled(v))).collect();
    assert_eq!(
        gob::to_vec(&options).unwrap(),
        gob::to_vec(&behind).unwrap(),
        "{options:?}"
    );
    let boxes: Vec<_> = values.iter().cloned().map(Box::new).collect();
    assert_eq!(gob::to_vec(&boxes).unwrap(), expected, "{boxes:?}");
    // Of unknown number, and element by element.
    let schema = Schema::of::<Vec<T>>().unwrap();
    let filtered = Filtered(values);
    assert_eq!(gob::to_vec_as(&schema, &filtered).unwrap(), expected);
    let counted = Elementwise(values, Some(values.len()));
    assert_eq!(gob::to_vec_as(&schema, &counted).unwrap(), expected);
    let uncounted = Elementwise(values, None);
    assert_eq!(gob::to_vec_as(&schema, &uncounted).unwrap(), expected);
}

/// All of the items, from an iterator that does not know their number.
struct Filtered<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for Filtered<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().filter(|_| true))
    }
}

struct Elementwise<'a, T>(&'a [T], Option<usize>);

impl<T: Serialize> Serialize for Elementwise<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(self.1)?;
        for item in self.0 {
            seq.serialize_element(item)?;
        }
        seq.end()
    }
}

/// As a field, as it is or as an option.
fn same_field<T>(values: &[T])
where
    T: Clone + fmt::Debug + PartialEq + Default + Serialize + for<'de> Deserialize<'de>,
{
    same_fields(values);
    let options: Vec<_> = values.iter().cloned().map(Some).collect();
    same_fields(&options);
}

/// Alone and behind others that are left out.
fn same_fields<T>(values: &[T])
where
    T: Clone + fmt::Debug + PartialEq + Default + Serialize + for<'de> Deserialize<'de>,
{
    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "Row", rename_all = "PascalCase")]
    struct Plain<T> {
        first: T,
        second: T,
        third: T,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Row", rename_all = "PascalCase")]
    struct Other<T> {
        first: Veiled<T>,
        second: Veiled<T>,
        third: Veiled<T>,
    }

    let (mut one, mut two) = (Encoder::new(), Encoder::new());
    for value in values {
        for fields in 0..8 {
            let field = |bit| match fields & bit {
                0 => T::default(),
                _ => value.clone(),
            };
            let [first, second, third] = [field(1), field(2), field(4)];
            let other = Other {
                first: Veiled(first.clone()),
                second: Veiled(second.clone()),
                third: Veiled(third.clone()),
            };
            let plain = Plain {
                first,
                second,
                third,
            };
            let (mut bytes, mut expected) = (BytesMut::new(), BytesMut::new());
            one.encode(&plain, &mut bytes).unwrap();
            two.encode(&other, &mut expected).unwrap();
            assert_eq!(bytes, expected, "{plain:?}");
        }
    }
}

macro_rules! numbers {
    ($($test:ident { $($ty:ident $values:expr;)* })*) => {$(
        #[test]
        fn $test() {
            $(
                let values: &[$ty] = &$values;
                same_field(values);
                // More than one block, with each value at each place of a block.
                for len in [0, 1, 2, 127, 128, 129, 300] {
                    let list: Vec<$ty> = values.iter().copied().cycle().take(len).collect();
                    same_list(&list);
                }
            )*
        }
    )*};
}

numbers! {
    signed_numbers {
        i8 [0, 1, -1, 63, -64, 64, -65, i8::MAX, i8::MIN];
        i16 [0, 1, -1, 64, -65, 128, i16::MAX, i16::MIN];
        i32 [0, -1, 127, 128, 1 << 20, i32::MAX, i32::MIN];
        i64 [0, -1, 64, 1 << 31, 1 << 40, -1 << 55, i64::MAX, i64::MIN];
        isize [0, -1, 64, 1 << 31, isize::MAX, isize::MIN];
        i128 [0, -1, 1 << 40, i64::MAX.into(), i64::MIN.into()];
    }
    unsigned_numbers {
        u16 [0, 1, 127, 128, 255, 256, u16::MAX];
        u32 [0, 127, 128, 1 << 16, 1 << 24, u32::MAX];
        u64 [0, 127, 128, 1 << 32, 1 << 40, 1 << 48, 1 << 56, u64::MAX];
        usize [0, 128, 1 << 31, usize::MAX];
        u128 [0, 128, u64::MAX.into()];
    }
    bytes {
        u8 [0, 1, 127, 128, 255];
    }
    other_numbers {
        bool [false, true];
        char ['\0', 'a', 'ü', '🦀', char::MAX];
        f32 [0.0, -0.0, 1.0, 0.1, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, f32::NAN];
        f64 [0.0, -0.0, 1.0, -17.5, 0.1, f64::MAX, f64::MIN_POSITIVE, f64::NEG_INFINITY, f64::NAN];
    }
}

#[test]
fn texts_of_each_length() {
    let text = "0123456789 añ世🦀 ".repeat(8);
    let ends = (0..=150).filter(|&end| text.is_char_boundary(end));
    let texts: Vec<String> = ends.map(|end| text[..end].to_owned()).collect();
    same_list(&texts);
    same_field(&texts);
    let keys: BTreeMap<&String, &String> = texts.iter().zip(texts.iter().rev()).collect();
    let veiled: BTreeMap<String, Veiled<String>> = keys
        .iter()
        .map(|(key, value)| ((*key).clone(), Veiled((*value).clone())))
        .collect();
    let keys: BTreeMap<String, String> = keys
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let bytes = gob::to_vec(&keys).unwrap();
    assert_eq!(bytes, gob::to_vec(&veiled).unwrap());
    let again: BTreeMap<String, String> = gob::from_slice(&bytes).unwrap();
    assert_eq!(again, keys);
}

/// A zero keeps its sign, except as a field, where it is left out.
#[test]
fn a_zero_keeps_its_sign_in_lists_and_maps() {
    let list: Vec<f64> = gob::from_slice(&gob::to_vec(&[0.0, -0.0][..]).unwrap()).unwrap();
    assert_eq!(list.map_signs(), [false, true]);
    let array: [f64; 2] = gob::from_slice(&gob::to_vec(&[0.0, -0.0]).unwrap()).unwrap();
    assert_eq!(array.map_signs(), [false, true]);
    let map = BTreeMap::from([(1, 0.0), (2, -0.0)]);
    let map: BTreeMap<i64, f64> = gob::from_slice(&gob::to_vec(&map).unwrap()).unwrap();
    let values: Vec<f64> = map.into_values().collect();
    assert_eq!(values.map_signs(), [false, true]);
}

trait MapSigns {
    fn map_signs(&self) -> Vec<bool>;
}

impl MapSigns for [f64] {
    fn map_signs(&self) -> Vec<bool> {
        self.iter().map(|float| float.is_sign_negative()).collect()
    }
}

/// Prints as it should, some time or other.
struct Printed<'a>(&'a str, bool);

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        match self.1 {
            true => Ok(()),
            false => Err(fmt::Error),
        }
    }
}

#[test]
fn what_is_printed_is_a_text() {
    let long = "x".repeat(300);
    let texts = ["", "a", "twelve bytes", &long];
    let schema = Schema::of::<Vec<String>>().unwrap();
    let printed = texts.map(|text| Printed(text, true));
    assert_eq!(
        gob::to_vec_as(&schema, &printed[..]).unwrap(),
        gob::to_vec(&texts.map(String::from)[..]).unwrap()
    );
    let half = [Printed("whole", true), Printed("half", false)];
    let error = gob::to_vec_as(&schema, &half[..]).unwrap_err();
    assert!(error.to_string().contains("cannot be printed"), "{error}");
    assert!(error.to_string().contains("[1]"), "{error}");
}

#[test]
fn variants_are_texts_in_lists() {
    #[derive(Serialize, Deserialize)]
    enum Level {
        Low,
        #[serde(rename = "very high indeed")]
        High,
    }
    assert_eq!(
        gob::to_vec(&[Level::Low, Level::High][..]).unwrap(),
        gob::to_vec(&["Low".to_owned(), "very high indeed".to_owned()][..]).unwrap()
    );
}

#[test]
fn numbers_of_other_types_are_what_was_asked_for() {
    let unsigned = Schema::of::<Vec<u64>>().unwrap();
    let expected = gob::to_vec(&[1_u64, 200][..]).unwrap();
    let lists = [
        gob::to_vec_as(&unsigned, &[1_u8, 200][..]),
        gob::to_vec_as(&unsigned, &[1_u16, 200][..]),
        gob::to_vec_as(&unsigned, &[1_i32, 200][..]),
        gob::to_vec_as(&unsigned, &[1_i128, 200][..]),
    ];
    for list in lists {
        assert_eq!(list.unwrap(), expected);
    }
    let error = gob::to_vec_as(&unsigned, &[1_i32, 2, -3][..]).unwrap_err();
    assert!(error.to_string().contains("[2]: value -3"), "{error}");

    #[derive(Serialize)]
    struct Sent<T> {
        #[serde(rename = "N")]
        n: T,
    }
    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Sent")]
    struct Asked {
        #[serde(rename = "N")]
        n: u32,
    }
    let asked = Schema::of::<Asked>().unwrap();
    let expected = gob::to_vec(&Asked { n: 7 }).unwrap();
    assert_eq!(gob::to_vec_as(&asked, &Sent { n: 7_i8 }).unwrap(), expected);
    for error in [
        gob::to_vec_as(&asked, &Sent { n: -7 }).unwrap_err(),
        gob::to_vec_as(&asked, &Sent { n: 1.5 }).unwrap_err(),
        gob::to_vec_as(
            &asked,
            &Sent {
                n: "text".to_owned(),
            },
        )
        .unwrap_err(),
    ] {
        assert!(error.to_string().contains("N: "), "{error}");
    }
}

/// The same bytes or the same error as by the plain path.
fn same_as_veiled<T: Clone + fmt::Debug + Serialize>(schema: &Schema, values: &[T]) -> bool {
    let encode =
        |result: Result<Vec<u8>, gob::EncodeError>| result.map_err(|e| e.kind().to_string());
    let short = encode(gob::to_vec_as(schema, values));
    let long = encode(gob::to_vec_as(schema, &veiled(values)[..]));
    assert_eq!(short, long, "{values:?}");
    short.is_ok()
}

#[test]
fn what_is_not_plain_stays_what_it_is() {
    let texts = Schema::of::<Vec<String>>().unwrap();
    let floats = Schema::of::<Vec<f64>>().unwrap();
    let bytes = Schema::of::<Vec<u8>>().unwrap();
    for schema in [&texts, &floats, &bytes] {
        same_as_veiled(schema, &[Time::default()]);
        same_as_veiled(schema, &["text".as_bytes()]);
        for refused in [
            same_as_veiled(schema, &[Any::from("text")]),
            same_as_veiled(schema, &[Any::from(1.5)]),
            same_as_veiled(schema, &[Complex::new(1.0, 2.0)]),
            same_as_veiled(schema, &[None::<f64>]),
            same_as_veiled(schema, &[vec![1.0]]),
            same_as_veiled(schema, &[(1.0, 2.0)]),
            same_as_veiled(schema, &[BTreeMap::from([(1, 2)])]),
            same_as_veiled(schema, &[()]),
            same_as_veiled(schema, &[u64::MAX]),
        ] {
            assert!(!refused);
        }
    }
    assert!(same_as_veiled(&texts, &["text", "another"]));
    assert!(same_as_veiled(&floats, &[1.0_f32, 2.5]));
    assert!(same_as_veiled(&bytes, &[1_u8, 200]));
}

/// Writes something, and then says that it failed.
struct Fails<'a>(&'a Cell<u32>);

impl Serialize for Fails<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.set(self.0.get() + 1);
        serializer.serialize_str("half of it")?;
        Err(S::Error::custom("no more paper"))
    }
}

#[test]
fn a_value_that_fails_leaves_nothing_behind() {
    let (schema, calls) = (Schema::of::<Vec<String>>().unwrap(), Cell::new(0));
    let (mut encoder, mut out) = (Encoder::new(), BytesMut::new());
    encoder
        .encode_as(&schema, &["sound"][..], &mut out)
        .unwrap();
    let before = out.clone();
    let error = encoder
        .encode_as(&schema, &[Fails(&calls)][..], &mut out)
        .unwrap_err();
    assert!(error.to_string().ends_with("[0]: no more paper"), "{error}");
    assert_eq!(out, before);
    assert!(calls.get() > 0);
}

/// Succeeds when it is asked once more.
struct Hesitates<'a>(&'a Cell<bool>);

impl Serialize for Hesitates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let done = serializer.serialize_str("in the end")?;
        match self.0.replace(true) {
            true => Ok(done),
            false => Err(S::Error::custom("not yet")),
        }
    }
}

#[test]
fn what_is_asked_twice_is_written_once() {
    let schema = Schema::of::<Vec<String>>().unwrap();
    let asked = Cell::new(false);
    assert_eq!(
        gob::to_vec_as(&schema, &[Hesitates(&asked)][..]).unwrap(),
        gob::to_vec(&["in the end".to_owned()][..]).unwrap()
    );
}

/// Fields of the same types in another order than they are deserialized in, some of them in that
/// order again, or missing.
#[test]
fn plain_fields_in_any_order() {
    #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
    #[serde(rename = "Row", default)]
    struct Row {
        a: u64,
        b: u64,
        c: u64,
        d: String,
        e: String,
        f: String,
        #[serde(skip)]
        order: &'static str,
    }

    impl Serialize for Row {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            let mut fields = serializer.serialize_struct("Row", self.order.len())?;
            for name in self.order.chars() {
                match name {
                    'a' => fields.serialize_field("a", &self.a)?,
                    'b' => fields.serialize_field("b", &self.b)?,
                    'c' => fields.serialize_field("c", &self.c)?,
                    'd' => fields.serialize_field("d", &self.d)?,
                    'e' => fields.serialize_field("e", &self.e)?,
                    _ => fields.serialize_field("f", &self.f)?,
                }
            }
            fields.end()
        }
    }

    let row = |order: &'static str| Row {
        a: 1,
        b: 300,
        c: 3,
        d: "first text".into(),
        e: "second".into(),
        f: "third".into(),
        order,
    };
    let orders = [
        "abcdef", "fedcba", "bcaefd", "cabfde", "defabc", "adbecf", "acdf", "bef", "cb", "",
    ];
    for order in orders {
        // As the first row and as the second, when the encoder knows whether fields need sorting.
        for rows in [
            vec![row(order), row("abcdef")],
            vec![row("fedcba"), row(order)],
            vec![row("abcdef"), row(order)],
        ] {
            let again: Vec<Row> = gob::from_slice(&gob::to_vec(&rows).unwrap()).unwrap();
            for (again, sent) in again.iter().zip(&rows) {
                let mut expected = row("");
                let missing = |name| !sent.order.contains(name);
                if missing('a') {
                    expected.a = 0;
                }
                if missing('b') {
                    expected.b = 0;
                }
                if missing('c') {
                    expected.c = 0;
                }
                if missing('d') {
                    expected.d.clear();
                }
                if missing('e') {
                    expected.e.clear();
                }
                if missing('f') {
                    expected.f.clear();
                }
                assert_eq!(again, &expected, "{order}");
            }
        }
    }
}

//! Small inputs that ask for much: time and memory follow what was received.

use std::collections::{BTreeMap, HashMap};

use plugwire_gob::{self as gob, Any, Decoder, Time, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use support::alloc::{kept, peak};
use support::causes::assert_fails;
use support::hostile::bytes::{
    BOOL, BYTES, INT, INTERFACE, STRING, counted, int, interface, map_type, slice_type,
    struct_type, struct_value, uint, value,
};
use support::hostile::values::wrapped;
use support::hostile::{ALLOWANCE, PROMPT, contained};
use support::process::thread_time;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("F{n}")).collect()
}

fn fields(names: &[String], id: i64) -> Vec<(&str, i64)> {
    names.iter().map(|name| (&name[..], id)).collect()
}

/// A list of so many values of the type 65, each of these bytes.
fn list(ty: &[u8], count: usize, each: &[u8]) -> Vec<u8> {
    let body = [uint(count as u64), each.repeat(count)].concat();
    [ty, &slice_type(66, 65), &value(66, &body)].concat()
}

/// The same in interface values.
fn list_of_interfaces(ty: &[u8], count: usize, each: &[u8]) -> Vec<u8> {
    let any = interface("T", 65, &[], each);
    let body = [uint(count as u64), any.repeat(count)].concat();
    [ty, &slice_type(66, INTERFACE), &value(66, &body)].concat()
}

/// Decodes within the time, and within so many bytes for each one of the input.
fn proportional<T: DeserializeOwned>(name: &str, input: &[u8], per_byte: usize) {
    let start = thread_time();
    let peak = peak(|| drop(gob::from_slice::<T>(input)));
    let took = thread_time() - start;
    assert!(took < PROMPT, "{name}: took {took:?}");
    assert!(
        peak < input.len() * per_byte + ALLOWANCE,
        "{name}: {peak} bytes at once for an input of {}",
        input.len()
    );
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
struct Chain(Vec<Chain>);

#[test]
fn counts_within_counts_make_no_room_twice() {
    let body = [uint(50_000).repeat(100), vec![0; 50_400]].concat();
    let input = [slice_type(65, 65), value(65, &body)].concat();
    contained("slices", &input, |_| {
        let _ = gob::from_slice::<Chain>(&input);
    });
}

/// Small, so that what is measured is not the receiver itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
struct Tiny {
    f0: i8,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
struct Pair(i8, i8);

#[test]
fn fields_that_nobody_sent_cost_nothing() {
    let names = names(20_000);
    let few = struct_type(65, "T", &fields(&names[..10_000], INT));
    let many = struct_type(65, "T", &fields(&names, INT));
    // The receiver's fields are first, last, and not there.
    let mut turned = names.clone();
    turned.reverse();
    let last = struct_type(65, "T", &fields(&turned, INT));
    let none = struct_type(65, "T", &fields(&names[1..], INT));
    for (name, ty, count) in [
        ("few", &few, 8000),
        ("first", &many, 200_000),
        ("last", &last, 200_000),
        ("none", &none, 200_000),
    ] {
        // Large types and lists are what they are: the maps here are empty, and have no buffers of
        // their own.
        let values = list(ty, count, &[0]);
        proportional::<Vec<Tiny>>(name, &values, 12);
        proportional::<Vec<BTreeMap<String, Any>>>(name, &values, 60);
        proportional::<Vec<Pair>>(name, &values, 12);
        let values = list_of_interfaces(ty, count / 5, &[0]);
        proportional::<Vec<Tiny>>(name, &values, 12);
        proportional::<Vec<Pair>>(name, &values, 12);
    }
    let values = list(&few, 8000, &[0]);
    contained("structs", &values, |_| {
        let _ = gob::from_slice::<Vec<Tiny>>(&values);
    });
    contained("maps", &values, |_| {
        let _ = gob::from_slice::<Vec<BTreeMap<String, Any>>>(&values);
    });
    let values = list_of_interfaces(&few, 8000, &[0]);
    contained("in interface values", &values, |_| {
        let _ = gob::from_slice::<Vec<Tiny>>(&values);
    });
}

/// A receiver that keeps whatever it is given.
#[derive(Debug, Serialize, Deserialize)]
struct Flat {
    #[serde(rename = "F0")]
    f0: i8,
    #[serde(flatten)]
    rest: HashMap<String, Any>,
}

gob::interface! {
    #[derive(Debug)]
    enum FlatInside {
        "T" => Flat(Flat),
    }
}

/// Each zero that is handed out is 64 bytes and its name, of 256 KiB and 256 bytes for each one
/// received. A map takes some three times that for it.
const FLAT: usize = 1024;

#[test]
fn zeros_for_flattened_fields_follow_the_bytes_received() {
    let names = names(10_000);
    for (fields_of_it, count) in [(10_000, 10), (10_000, 8000), (1000, 100_000), (40, 100_000)] {
        let ty = struct_type(65, "T", &fields(&names[..fields_of_it], INT));
        proportional::<Vec<Flat>>("flat", &list(&ty, count, &[0]), FLAT);
        let inside = list_of_interfaces(&ty, count.min(20_000), &[0]);
        proportional::<Vec<Flat>>("flat", &inside, FLAT);
        proportional::<Vec<FlatInside>>("flat inside", &inside, FLAT);
    }
    let ty = struct_type(65, "T", &fields(&names, INT));
    let error = gob::from_slice::<Vec<Flat>>(&list(&ty, 8000, &[0])).unwrap_err();
    assert!(error.to_string().contains("left out"), "{error}");
}

#[test]
fn many_structs_of_a_usual_size_can_be_flattened_and_mostly_zero() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        #[serde(rename = "F0")]
        first: i64,
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Inner {
        f20: i64,
        f29: i64,
    }
    let ty = struct_type(65, "T", &fields(&names(30), INT));
    // F0 is 1, F3 to F5 are 2, everything else is zero.
    let input = list(&ty, 20_000, &[1, 2, 3, 4, 1, 4, 1, 4, 0]);
    let values: Vec<Outer> = gob::from_slice(&input).unwrap();
    let inner = Inner { f20: 0, f29: 0 };
    assert_eq!(values.len(), 20_000);
    assert_eq!(values[19_999], Outer { first: 1, inner });
}

#[test]
fn names_of_fields_in_maps_follow_the_bytes_received() {
    let name = "N".repeat(10_000);
    let ty = struct_type(65, "T", &[(&name, INT)]);
    for count in [100, 5000, 50_000] {
        let input = list(&ty, count, &[1, 2, 0]);
        proportional::<Vec<BTreeMap<String, i8>>>("names", &input, FLAT);
        proportional::<Vec<HashMap<String, Any>>>("names", &input, FLAT);
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Aliased {
    #[serde(alias = "Old")]
    new: i64,
}

#[test]
fn names_that_a_peer_makes_up_are_forgotten() {
    let empty = [
        struct_type(65, "A", &[("New", INT)]),
        struct_value(65, &[0]),
    ]
    .concat();
    // This teaches the decoder what is to be known of the type.
    gob::from_slice::<Aliased>(&empty).unwrap();
    let kept = kept(|| {
        for round in 0..50 {
            let name = format!("{round}").repeat(5000);
            let entry = [&uint(1)[..], &counted(name.as_bytes()), &[2]].concat();
            let input = [map_type(65, STRING, INT), value(65, &entry)].concat();
            let _ = gob::from_slice::<Aliased>(&input);
            let ty = struct_type(65, "A", &[(&name, INT), ("New", INT)]);
            let _ = gob::from_slice::<Aliased>(&[ty, struct_value(65, &[1, 2, 0])].concat());
        }
    });
    assert!(kept < 10_000, "{kept} bytes are kept");
}

gob::interface! {
    /// Go: an error that wraps an error.
    #[derive(Debug)]
    enum Failure {
        "main.Wrap" => Wrap(Box<Failure>),
        _ => Other(Any),
    }
}

#[test]
fn interface_values_in_interface_values_are_counted() {
    let input = wrapped(20_000);
    assert_fails(
        gob::from_slice::<Failure>(&input),
        "nested deeper than 128 levels",
    );
}

#[test]
fn values_share_the_types_that_were_defined_before_them() {
    let mut input = Vec::new();
    for id in 65..9000 {
        input.extend(slice_type(id, INT));
        input.extend(value(id, &[0]));
    }
    let mut held = Vec::with_capacity(10_000);
    contained("values", &input, |mut buffer| {
        let mut decoder = Decoder::new();
        while let Ok(Some(value)) = decoder.next_value(&mut buffer) {
            held.push(value);
        }
    });
    assert_eq!(held.len(), 8935);
    for value in held {
        assert!(value.decode::<Vec<i64>>().unwrap().is_empty());
    }
}

#[test]
fn distant_ids_take_no_more_room_than_others() {
    for step in [2, 31, 63, 64, 65, 4099, 200_000] {
        let mut input = Vec::new();
        for id in 0..9900 {
            input.extend(slice_type(65 + id * step, INT));
        }
        input.extend(value(65, &[0]));
        contained("types", &input, |mut buffer| {
            let found = Decoder::new().next_value(&mut buffer).unwrap().unwrap();
            assert_eq!(found.go_type(), "[]int");
        });
    }
}

#[test]
fn definitions_take_room_for_what_they_say() {
    let names: Vec<String> = (0..200_000u32)
        .map(|n| char::from_u32(0x4e00 + n % 20_000).unwrap().into())
        .collect();
    let ty = struct_type(65, "T", &fields(&names, INT));
    proportional::<Tiny>("a struct", &[ty, struct_value(65, &[0])].concat(), 8);
    // A count that cannot be.
    let mut ty = struct_type(65, "T", &fields(&names[..100], INT));
    let at = ty.windows(2).position(|two| two == [1, 100]).unwrap() + 1;
    ty[at] = 120;
    ty.extend(vec![0; 100_000]);
    contained("a count", &ty, |_| {
        assert_fails(
            gob::from_slice::<Tiny>(&ty),
            "a struct field without a name",
        );
    });
}

#[test]
fn values_share_their_names() {
    let name = "N".repeat(10_000);
    let empty = struct_type(65, &name, &[]);
    let one = struct_type(65, "T", &[(&name, INT)]);
    for (ty, each) in [(&empty, &[0][..]), (&one, &[1, 2, 0])] {
        for count in [5000, 100_000] {
            let input = list(ty, count, each);
            proportional::<Value>("values", &input, VALUE);
            proportional::<Vec<Any>>("any", &input, ANY);
        }
    }
}

/// A `Value` is 48 bytes and can be that of a byte. With what a list has in reserve it is twice
/// that.
const VALUE: usize = 100;
/// An `Any` is 80 bytes, or 160 with its reserve, and its bytes are an allocation of their own.
const ANY: usize = 200;

#[test]
fn what_a_byte_can_become_is_bounded() {
    let types = [
        ("bools", Vec::new(), slice_type(66, BOOL), vec![1]),
        (
            "empty lists",
            slice_type(65, INT),
            slice_type(66, 65),
            vec![0],
        ),
        (
            "empty maps",
            map_type(65, INT, INT),
            slice_type(66, 65),
            vec![0],
        ),
        (
            "maps",
            map_type(65, INT, INT),
            slice_type(66, 65),
            vec![1, 2, 2],
        ),
        (
            "structs",
            struct_type(65, "T", &[("A", INT), ("B", INT)]),
            slice_type(66, 65),
            vec![2, 2, 0],
        ),
    ];
    for (name, inner, outer, each) in types {
        let body = [uint(100_000), each.repeat(100_000)].concat();
        let input = [inner, outer, value(66, &body)].concat();
        gob::from_slice::<Value>(&input).unwrap();
        proportional::<Value>(name, &input, VALUE);
        proportional::<Vec<Any>>(name, &input, ANY);
    }
    let nil = value(66, &[&uint(100_000)[..], &[0; 100_000]].concat());
    let input = [slice_type(66, INTERFACE), nil].concat();
    proportional::<Value>("nils", &input, VALUE);
    proportional::<Vec<Any>>("nils", &input, ANY);
}

macro_rules! wide {
    ($($field:ident)*) => {
        /// As wide as structs get: each is its own size, whatever was sent of it.
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        #[allow(dead_code, reason = "only whether it decodes is looked at")]
        struct Wide { $($field: String,)* }
    };
}

wide! {
    f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25
    f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49
}

#[test]
fn structs_of_the_receiver_take_their_own_size_for_each_that_was_sent() {
    let ty = struct_type(65, "T", &fields(&names(2), STRING));
    let input = list(&ty, 5000, &[0]);
    assert_eq!(gob::from_slice::<Vec<Wide>>(&input).unwrap().len(), 5000);
    // And as much once more while the list grows.
    proportional::<Vec<Wide>>("structs", &input, 2 * size_of::<Wide>());
    // Of those that are announced and not sent, no more than one list's worth is made room for.
    let ty = [ty, slice_type(66, 65), slice_type(67, 66)].concat();
    let body = [uint(10_000), uint(9000).repeat(3000), vec![7; 4000]].concat();
    let input = [ty, value(67, &body)].concat();
    let peak = peak(|| {
        assert_fails(
            gob::from_slice::<Vec<Vec<Wide>>>(&input),
            "field numbers out of bounds",
        );
    });
    assert!(peak < 2 * ALLOWANCE, "{peak}");
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
enum Named {
    One,
    Two,
}

/// Tries one type after the other: most values are refused many times.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
enum Either {
    Named(Named),
    Number(u8),
    Numbers(Vec<u8>),
    Entries(BTreeMap<String, u8>),
    Tiny(Tiny),
}

#[test]
fn errors_do_not_repeat_what_was_sent() {
    let long = "\u{1}".repeat(500_000);
    let text = value(STRING, &counted(long.as_bytes()));
    contained("a variant", &text, |_| {
        let error = gob::from_slice::<Named>(&text).unwrap_err();
        assert!(error.to_string().len() < 10_000);
    });
    let entry = [&uint(1)[..], &counted(long.as_bytes()), &int(300)].concat();
    let map = [map_type(65, STRING, INT), value(65, &entry)].concat();
    contained("a key", &map, |_| {
        let error = gob::from_slice::<HashMap<&str, i8>>(&map).unwrap_err();
        assert!(error.to_string().len() < 10_000);
    });
    let ty = struct_type(65, &long, &[(&long, INT)]);
    let one = [ty.clone(), struct_value(65, &[1, 2, 0])].concat();
    // The type itself has both names.
    proportional::<String>("a type", &one, 3);
    for count in [1000, 100_000] {
        proportional::<Vec<Either>>("either", &list(&ty, count, &[0]), 200);
        let input = [slice_type(65, INT), list(&slice_type(65, INT), count, &[0])].concat();
        proportional::<Vec<Either>>("either", &input[slice_type(65, INT).len()..], 200);
    }
}

#[test]
fn times_in_zones_that_cannot_be_are_refused_or_stay_what_they_are() {
    let time = |minutes: i16, seconds: i8| {
        let mut bytes = vec![2, 0, 0, 0, 14, 221, 114, 83, 183, 0, 0, 0, 0];
        bytes.extend(minutes.to_be_bytes());
        bytes.push(seconds as u8);
        gob::from_slice::<Time>(&value(BYTES, &counted(&bytes)))
    };
    let edges = [-32768, -32767, -32766, -3, -2, -1, 0, 1, 2, 32766, 32767];
    for (minutes, seconds) in edges
        .into_iter()
        .flat_map(|minutes| (i8::MIN..=i8::MAX).map(move |seconds| (minutes, seconds)))
    {
        let offset = i32::from(minutes) * 60 + i32::from(seconds);
        match time(minutes, seconds) {
            Ok(time) => {
                assert_eq!(time.offset(), (offset != -60).then_some(offset));
                let again: Time = gob::from_slice(&gob::to_vec(&time).unwrap()).unwrap();
                assert_eq!(again, time, "{minutes} minutes and {seconds} seconds");
            }
            // What Go refuses to send: more than 16 bits of minutes.
            Err(_) => assert!(offset >= 32768 * 60 || offset <= -32769 * 60, "{offset}"),
        }
    }
    // The last that Go sends.
    for (minutes, seconds) in [(-32768, -59), (-32768, 0), (32767, 59)] {
        assert!(time(minutes, seconds).is_ok());
    }
}

#[test]
fn received_values_are_sent_on_in_time_and_room_that_follow_their_bytes() {
    // Values of a byte, of a type with many fields.
    let ty = struct_type(65, "T", &fields(&names(20_000), INT));
    let input = list_of_interfaces(&ty, 20_000, &[0]);
    let anys: Vec<Any> = gob::from_slice(&input).unwrap();
    let sent = gob::to_vec(&anys).unwrap();
    assert!(sent.len() < 2 * input.len());
    // Lists of lists of lists, each a type of its own and all alike up to some depth.
    let mut input = Vec::new();
    for id in 65..2000 {
        input.extend(slice_type(id, if id % 300 == 0 { INT } else { id + 1 }));
    }
    input.extend(slice_type(2000, INTERFACE));
    let one = |id| interface("T", id, &[0], &[0]);
    let all: Vec<u8> = (65..1999).flat_map(one).collect();
    input.extend(value(2000, &[uint(1934), all].concat()));
    let mut sent = Vec::new();
    contained("alike", &input, |_| {
        let anys: Vec<Any> = gob::from_slice(&input).unwrap();
        sent = gob::to_vec(&anys).unwrap();
    });
    assert_eq!(gob::from_slice::<Vec<Any>>(&sent).unwrap().len(), 1934);
}

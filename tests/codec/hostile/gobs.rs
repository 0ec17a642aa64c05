//! Values that cannot be, or that are meant to go too deep.

use ::bytes::BytesMut;
use plugwire::gob::{self, Any, Decoder, Limits, Value};
use serde::Deserialize;

use super::bytes::{
    BYTES, INT, INTERFACE, STRING, UINT, interface, map_type, slice_type, struct_type,
    struct_value, uint, value,
};
use super::take::{Node, as_everything, contained, gob_everyhow, stream};

/// `Node`'s like in Go, as far as it contains itself.
fn node_type() -> Vec<u8> {
    let fields = [
        ("Name", STRING),
        ("Value", INT),
        ("Kids", 66),
        ("Next", 65),
        ("Map", 67),
        ("Any", INTERFACE),
    ];
    [
        struct_type(65, "Node", &fields),
        slice_type(66, 65),
        map_type(67, STRING, 65),
    ]
    .concat()
}

/// No type takes any of the values.
fn taken_by_nobody(name: &str, input: &[u8]) {
    gob_everyhow(name, input);
    stream(input, |value| assert_eq!(as_everything(value), 0, "{name}"));
}

#[test]
fn fields_that_the_type_does_not_have() {
    for delta in [7, 8, 1 << 31, 1 << 63, u64::MAX] {
        let delta = uint(delta);
        let once = [&delta[..], &[0, 0]].concat();
        taken_by_nobody(
            "past the last",
            &[node_type(), struct_value(65, &once)].concat(),
        );
        let later = [&[2, 4], &delta[..], &[0, 0]].concat();
        taken_by_nobody("later", &[node_type(), struct_value(65, &later)].concat());
    }
    let steps = [[1, 0], [1, 2], [2, 0], [1, 0], [1, 0], [1, 0]].concat();
    taken_by_nobody(
        "step by step",
        &[node_type(), struct_value(65, &steps)].concat(),
    );
    taken_by_nobody(
        "no zero before it",
        &[slice_type(70, INT), struct_value(70, &[1, 2])].concat(),
    );
}

#[test]
fn values_nested_without_end() {
    const DEEP: usize = 1_000_000;
    for (ty, level) in [
        (slice_type(65, 65), &[1][..]),
        (map_type(65, 65, 65), &[1]),
        (map_type(65, STRING, 65), &[1, 0]),
    ] {
        let body = [&level.repeat(DEEP / level.len())[..], &[0]].concat();
        gob_everyhow("itself", &[ty, value(65, &body)].concat());
    }
    // A list, a tree, maps.
    for level in [&[4][..], &[3, 1], &[5, 1, 0]] {
        let body = level.repeat(DEEP / level.len());
        taken_by_nobody("a struct", &[node_type(), struct_value(65, &body)].concat());
    }
}

/// Interface values in interface values, each a list of one.
fn interfaces(depth: usize) -> Vec<u8> {
    let mut inner = vec![0];
    for _ in 0..depth {
        inner.insert(0, 1);
        inner = interface("[]interface {}", 65, &[0], &inner);
    }
    [slice_type(65, INTERFACE), value(INTERFACE, &inner)].concat()
}

#[test]
fn interface_values_nested_without_end() {
    taken_by_nobody("too deep", &interfaces(3000));
    let input = interfaces(50);
    gob_everyhow("deep", &input);
    assert!(gob::from_slice::<Value>(&input).is_ok());
    assert!(gob::from_slice::<()>(&input).is_ok());
    assert!(gob::from_slice::<Any>(&input).is_ok());
}

#[test]
fn interface_values_that_are_none() {
    for inner in [
        &[1][..],
        &[1, b'x'],
        &[1, b'x', 4],
        &[1, b'x', 4, 2],
        &[1, b'x', 4, 2, 1, 0],
        &[1, b'x', 3],
        &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255],
        &[1, 0xff, 16, 2, 0, 0, 1],
    ] {
        gob_everyhow("an interface value", &value(INTERFACE, inner));
        let fields = [node_type(), struct_value(65, &[&[6], inner].concat())].concat();
        gob_everyhow("in a field", &fields);
    }
    // Definitions follow one another in it, and the value never comes.
    let mut inner = vec![1, b'x'];
    for id in 65..20_000 {
        inner.extend(&slice_type(id, INT)[1..]);
        inner.push(9);
    }
    assert!(stream(&value(INTERFACE, &inner)[..], |_| panic!("a value")));
    gob_everyhow("definitions", &value(INTERFACE, &inner));
}

#[test]
fn numbers_that_do_not_fit() {
    for id in [INT, UINT] {
        let input = value(id, &uint(u64::MAX));
        contained("a number", &input, |_| {
            assert!(gob::from_slice::<i8>(&input).is_err());
            assert!(gob::from_slice::<u32>(&input).is_err());
            assert!(gob::from_slice::<char>(&input).is_err());
        });
    }
    gob_everyhow("a float", &value(4, &uint(u64::MAX)));
    gob_everyhow("half a complex number", &value(7, &uint(1)));
}

#[test]
fn text_that_is_none() {
    for id in [STRING, BYTES] {
        let input = value(id, &[4, 0xff, 0xfe, 0xc3, 0x28]);
        gob_everyhow("no UTF-8", &input);
        assert!(gob::from_slice::<String>(&input).is_err());
        assert!(gob::from_slice::<&str>(&input).is_err());
        assert!(gob::from_slice::<Value>(&input).is_ok());
    }
}

/// Contains itself, and neither half takes a byte of the input.
#[derive(Debug, Deserialize)]
struct Knot {
    #[allow(dead_code, reason = "only whether it decodes is looked at")]
    knot: Option<Box<Knot2>>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only whether it decodes is looked at")]
struct Knot2(Option<Box<Knot2>>);

#[test]
fn types_of_the_receiver_that_never_end() {
    let input = value(INT, &[2]);
    contained("a knot", &input, |_| {
        assert!(gob::from_slice::<Knot2>(&input).is_err());
        assert!(gob::from_slice::<Knot>(&input).is_err());
    });
}

/// What the default limit on depth is made for.
#[test]
fn the_deepest_values_fit_a_small_stack() {
    let work = || {
        let mut deepest = [0; 3];
        for depth in 1..140 {
            let slices = [vec![1; depth], vec![0]].concat();
            let slices = [slice_type(65, 65), value(65, &slices)].concat();
            deepest[0] += usize::from(gob::from_slice::<Value>(&slices).is_ok());
            let tree = [[3, 1].repeat(depth), vec![0; depth + 1]].concat();
            let tree = [node_type(), struct_value(65, &tree)].concat();
            deepest[1] += usize::from(gob::from_slice::<Node>(&tree).is_ok());
            let any = interfaces(depth);
            deepest[2] += usize::from(gob::from_slice::<Value>(&any).is_ok());
            let _ = gob::from_slice::<Any>(&any).map(|any| any.decode::<Vec<Vec<Any>>>());
        }
        deepest
    };
    let stack = std::thread::Builder::new().stack_size(stack());
    let deepest = stack.spawn(work).unwrap().join().unwrap();
    assert!(deepest.iter().all(|&deepest| deepest >= 40), "{deepest:?}");
}

/// Half of what threads get unless told otherwise. About 600 KiB are used without optimization.
const STACK: usize = 1 << 20;
fn stack() -> usize {
    std::env::var("STACK_KIB")
        .map(|s| s.parse::<usize>().unwrap() * 1024)
        .unwrap_or(STACK)
}

#[test]
fn limits_hold() {
    let limits = Limits::default().max_message(100).max_depth(4).max_types(2);
    let refused = |input: &[u8]| {
        let mut decoder = Decoder::with_limits(limits);
        let mut buffer = BytesMut::from(input);
        loop {
            match decoder.next_value(&mut buffer) {
                Ok(Some(value)) => {
                    if value.decode::<Value>().is_err() {
                        return true;
                    }
                }
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    };
    assert!(!refused(&value(STRING, &[&[90][..], &[b'x'; 90]].concat())));
    assert!(refused(&value(STRING, &[&[99][..], &[b'x'; 99]].concat())));
    assert!(refused(
        &[
            slice_type(65, INT),
            slice_type(66, INT),
            slice_type(67, INT)
        ]
        .concat()
    ));
    assert!(!refused(
        &[slice_type(65, 65), value(65, &[1, 1, 1, 0])].concat()
    ));
    assert!(refused(
        &[slice_type(65, 65), value(65, &[1, 1, 1, 1, 0])].concat()
    ));
}

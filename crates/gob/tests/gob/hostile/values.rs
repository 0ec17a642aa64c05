//! Values that cannot be, or that are meant to go too deep.

use ::bytes::BytesMut;
use plugwire_gob::{self as gob, Any, DecodeError, Decoder, Limits, Value};
use serde::Deserialize;
use support::causes::assert_fails;
use support::hostile::bytes::{BYTES, INT, STRING, UINT, slice_type, struct_value, uint, value};
use support::hostile::contained;
use support::hostile::values::{interfaces, no_text, node_type};

use super::take::Node;

#[test]
fn interface_values_within_the_limit_decode() {
    let input = interfaces(50);
    gob::from_slice::<Value>(&input).unwrap();
    gob::from_slice::<()>(&input).unwrap();
    gob::from_slice::<Any>(&input).unwrap();
}

#[test]
fn numbers_that_do_not_fit() {
    const RANGE: &str = "out of range";
    for (id, texts) in [
        (INT, [RANGE, "expected u32, received type int", RANGE]),
        (
            UINT,
            [
                "expected i8, received type uint",
                RANGE,
                "expected char, received type uint",
            ],
        ),
    ] {
        let input = value(id, &uint(u64::MAX));
        contained("a number", &input, |_| {
            assert_fails(gob::from_slice::<i8>(&input), texts[0]);
            assert_fails(gob::from_slice::<u32>(&input), texts[1]);
            assert_fails(gob::from_slice::<char>(&input), texts[2]);
        });
    }
}

#[test]
fn text_that_is_none() {
    for id in [STRING, BYTES] {
        let input = no_text(id);
        assert_fails(
            gob::from_slice::<String>(&input),
            "a string that is not UTF-8",
        );
        assert_fails(
            gob::from_slice::<&str>(&input),
            "a string that is not UTF-8",
        );
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
        assert_fails(
            gob::from_slice::<Knot2>(&input),
            "nested deeper than 128 levels",
        );
        assert_fails(
            gob::from_slice::<Knot>(&input),
            "expected Knot, received type int",
        );
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
    let read = |input: &[u8]| -> Result<(), DecodeError> {
        let mut decoder = Decoder::with_limits(limits);
        let mut buffer = BytesMut::from(input);
        while let Some(value) = decoder.next_value(&mut buffer)? {
            value.decode::<Value>()?;
        }
        Ok(())
    };
    read(&value(STRING, &[&[90][..], &[b'x'; 90]].concat())).unwrap();
    let long = value(STRING, &[&[99][..], &[b'x'; 99]].concat());
    assert_fails(read(&long), "a message of 102 bytes, over the limit of 100");
    let types = [65, 66, 67].map(|id| slice_type(id, INT)).concat();
    assert_fails(read(&types), "more than 2 types defined");
    read(&[slice_type(65, 65), value(65, &[1, 1, 1, 0])].concat()).unwrap();
    let deep = [slice_type(65, 65), value(65, &[1, 1, 1, 1, 0])].concat();
    assert_fails(read(&deep), "nested deeper than 4 levels");
}

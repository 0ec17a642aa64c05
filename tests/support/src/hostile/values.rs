//! Values that cannot be, or that are meant to go too deep.

use super::bytes::{
    BYTES, INT, INTERFACE, STRING, counted, int, interface, map_type, slice_type, struct_type,
    struct_value, uint, value,
};
use super::{Case, Cases};

/// The types of a struct that contains itself in each of Go's ways.
#[must_use]
pub fn node_type() -> Vec<u8> {
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

#[must_use]
pub fn fields_that_the_type_does_not_have() -> Vec<Case> {
    let mut cases = Cases::default();
    for delta in [7, 8, 1 << 31, 1 << 63, u64::MAX] {
        let delta = uint(delta);
        let once = [&delta[..], &[0, 0]].concat();
        let input = [node_type(), struct_value(65, &once)].concat();
        cases.unusable("past the last", &input);
        let later = [&[2, 4], &delta[..], &[0, 0]].concat();
        cases.unusable("later", &[node_type(), struct_value(65, &later)].concat());
    }
    let steps = [[1, 0], [1, 2], [2, 0], [1, 0], [1, 0], [1, 0]].concat();
    let input = [node_type(), struct_value(65, &steps)].concat();
    cases.unusable("step by step", &input);
    let input = [slice_type(70, INT), struct_value(70, &[1, 2])].concat();
    cases.unusable("no zero before it", &input);
    cases.0
}

#[must_use]
pub fn values_nested_without_end() -> Vec<Case> {
    const DEEP: usize = 1_000_000;
    let mut cases = Cases::default();
    for (ty, level) in [
        (slice_type(65, 65), &[1][..]),
        (map_type(65, 65, 65), &[1]),
        (map_type(65, STRING, 65), &[1, 0]),
    ] {
        let body = [&level.repeat(DEEP / level.len())[..], &[0]].concat();
        cases.contained("itself", &[ty, value(65, &body)].concat());
    }
    // A list, a tree, maps.
    for level in [&[4][..], &[3, 1], &[5, 1, 0]] {
        let body = level.repeat(DEEP / level.len());
        cases.unusable("a struct", &[node_type(), struct_value(65, &body)].concat());
    }
    cases.0
}

/// Interface values in interface values, each a list of one.
#[must_use]
pub fn interfaces(depth: usize) -> Vec<u8> {
    let mut inner = vec![0];
    for _ in 0..depth {
        inner.insert(0, 1);
        inner = interface("[]interface {}", 65, &[0], &inner);
    }
    [slice_type(65, INTERFACE), value(INTERFACE, &inner)].concat()
}

/// Go: an error that wraps an error that wraps an error.
#[must_use]
pub fn wrapped(depth: usize) -> Vec<u8> {
    let level = [&counted(b"main.Wrap")[..], &int(INTERFACE), &[1, 0]].concat();
    let body = [level.repeat(depth), vec![0]].concat();
    value(INTERFACE, &body)
}

#[must_use]
pub fn interface_values_nested_without_end() -> Vec<Case> {
    let mut cases = Cases::default();
    cases.unusable("too deep", &interfaces(3000));
    cases.contained("deep", &interfaces(50));
    cases.contained("interfaces", &wrapped(20_000));
    cases.0
}

#[must_use]
pub fn interface_values_that_are_none() -> Vec<Case> {
    let mut cases = Cases::default();
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
        cases.contained("an interface value", &value(INTERFACE, inner));
        let fields = [node_type(), struct_value(65, &[&[6], inner].concat())].concat();
        cases.contained("in a field", &fields);
    }
    // Definitions follow one another in it, and the value never comes.
    let mut inner = vec![1, b'x'];
    for id in 65..20_000 {
        inner.extend(&slice_type(id, INT)[1..]);
        inner.push(9);
    }
    cases.no_value("definitions", &value(INTERFACE, &inner));
    cases.0
}

/// Text that is no UTF-8, as a value of a type that says to be text or bytes.
#[must_use]
pub fn no_text(id: i64) -> Vec<u8> {
    value(id, &[4, 0xff, 0xfe, 0xc3, 0x28])
}

#[must_use]
pub fn scalars_that_are_none() -> Vec<Case> {
    let mut cases = Cases::default();
    cases.contained("a float", &value(4, &uint(u64::MAX)));
    cases.contained("half a complex number", &value(7, &uint(1)));
    for id in [STRING, BYTES] {
        cases.contained("no UTF-8", &no_text(id));
    }
    cases.0
}

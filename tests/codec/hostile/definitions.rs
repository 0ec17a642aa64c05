//! Lengths and types that cannot be.

use super::bytes::{
    BOOL, INT, INTERFACE, STRING, array_type, counted, int, interface, map_type, slice_type,
    struct_type, struct_value, uint, value,
};
use super::take::{contained, gob_everyhow, stream};

/// An error, however the stream is read.
fn refused(name: &str, input: &[u8]) {
    gob_everyhow(name, input);
    assert!(stream(input, |_| {}), "{name}: no error");
}

fn waits(name: &str, input: &[u8]) {
    gob_everyhow(name, input);
    assert!(
        !stream(input, |_| panic!("{name}: a value")),
        "{name}: an error"
    );
}

#[test]
fn messages_that_say_to_be_huge() {
    for len in [1 << 62, 1 << 63, u64::MAX, (1 << 30) + 1, 1 << 40] {
        refused("a message's length", &[&uint(len)[..], &[0; 100]].concat());
    }
    // Go's own limit allows this much; it costs nothing until it comes.
    for len in [1 << 30, 1 << 20, 200] {
        waits(
            "a long message",
            &[&uint(len)[..], &[0xff, 0x81, 1, 2]].concat(),
        );
    }
    refused(
        "an integer of nine bytes",
        &[0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    refused("an integer of 128 bytes", &[0x80; 200]);
    refused("an empty message", &[0]);
    refused("no type id", &[1, 0xff]);
}

#[test]
fn counts_that_say_more_than_there_is() {
    for count in [101, 1 << 31, 1 << 40, 1 << 62, 1 << 63, u64::MAX] {
        let count = uint(count);
        let lying = [&count[..], &[0; 100]].concat();
        for id in [5, 6] {
            let input = value(id, &lying);
            contained("bytes", &input, |buffer| {
                stream(buffer, |value| {
                    assert_eq!(super::take::as_everything(value), 0);
                });
            });
        }
        let types = [
            slice_type(65, INT),
            // Elements that need no bytes of their own still take one each.
            [struct_type(66, "E", &[]), slice_type(65, 66)].concat(),
            map_type(65, STRING, STRING),
            [struct_type(66, "E", &[]), map_type(65, 66, 66)].concat(),
            array_type(65, INT, 1 << 40),
            [struct_type(66, "E", &[]), array_type(65, 66, 1 << 62)].concat(),
            slice_type(65, INTERFACE),
            [slice_type(66, 66), slice_type(65, 66)].concat(),
        ];
        for ty in types {
            let input = [ty, value(65, &lying)].concat();
            gob_everyhow("a count", &input);
            stream(&input[..], |value| {
                assert_eq!(super::take::as_everything(value), 0);
            });
        }
        // The same in a field, and in a definition.
        let fields = [
            struct_type(65, "T", &[("Name", STRING), ("Kids", 66)]),
            slice_type(66, 65),
        ];
        let input = [
            &fields.concat()[..],
            &struct_value(65, &[&[1], &lying[..]].concat()),
        ]
        .concat();
        gob_everyhow("a field", &input);
        let name = [&int(-65)[..], &[3, 1, 1], &lying].concat();
        refused("a type's name", &counted(&name));
        let fields = [&int(-65)[..], &[3, 1, 1, 1, b'T', 0, 1], &lying].concat();
        refused("a type's fields", &counted(&fields));
    }
}

#[test]
fn arrays_of_no_possible_length() {
    for len in [1, 1 << 40, 1 << 62, i64::MAX] {
        let input = [array_type(65, BOOL, len), value(65, &uint(len as u64))].concat();
        gob_everyhow("an array", &input);
        stream(&input[..], |value| {
            assert_eq!(super::take::as_everything(value), 0);
        });
    }
    refused("a negative array", &array_type(65, BOOL, -1));
    refused("a negative array", &array_type(65, BOOL, i64::MIN));
}

#[test]
fn types_that_were_never_defined() {
    for id in [
        9,
        15,
        16,
        23,
        63,
        64,
        70,
        i64::from(i32::MAX),
        1 << 31,
        1 << 32,
        i64::MAX,
    ] {
        refused("a value", &value(id, &[0]));
        let any = [&counted(b"x")[..], &int(id), &[1, 0]].concat();
        refused("in an interface value", &value(INTERFACE, &any));
        if id < 1 << 31 {
            refused("a slice", &[slice_type(65, id), value(65, &[0])].concat());
            refused("a map", &[map_type(65, INT, id), value(65, &[0])].concat());
            let ty = struct_type(65, "T", &[("Name", id)]);
            refused("a field", &[ty, struct_value(65, &[0])].concat());
        } else {
            refused("a slice", &slice_type(65, id));
        }
    }
    for id in [0, -1, -70, i64::MIN] {
        refused("a negative slice", &slice_type(65, id));
        refused("a negative field", &struct_type(65, "T", &[("F", id)]));
    }
    refused("id zero", &value(0, &[0]));
    refused("the lowest id", &counted(&int(i64::MIN)));
}

#[test]
fn types_that_are_defined_twice_or_not_for_the_sender_to_define() {
    refused(
        "twice",
        &[slice_type(65, INT), slice_type(65, INT)].concat(),
    );
    refused(
        "twice",
        &[slice_type(65, INT), struct_type(65, "T", &[])].concat(),
    );
    for id in [1, 2, 8, 16, 23, 63, 1 << 31, 1 << 40] {
        refused("reserved", &slice_type(id, INT));
    }
    // Inside of an interface value: once there, once outside.
    let inner = [
        &counted(b"x")[..],
        &slice_type(65, INT)[1..],
        &[4],
        &int(65),
        &[2, 0, 0],
    ]
    .concat();
    let input = [value(INTERFACE, &inner), slice_type(65, INT)].concat();
    refused("inside and outside", &input);
    let input = [slice_type(65, INT), value(INTERFACE, &inner)].concat();
    refused("outside and inside", &input);
}

#[test]
fn malformed_definitions() {
    for rest in [
        &[][..],
        &[0],
        &[8, 0],
        &[0xff, 0xff],
        &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255],
        // A second kind, and an unknown field.
        &[
            2, 1, 2, 0xff, 0x82, 0, 1, 4, 0, 1, 1, 2, 0xff, 0x82, 0, 1, 4, 0, 0,
        ],
        &[2, 3, 4, 0, 0],
        // Bytes behind the end.
        &[2, 1, 2, 0xff, 0x82, 0, 1, 4, 0, 0, 0],
        // Names that are no UTF-8, and fields without one.
        &[3, 1, 1, 2, 0xff, 0xfe, 0, 0, 0],
        &[3, 1, 2, 0xff, 0x82, 0, 1, 1, 1, 0, 0, 0],
    ] {
        refused("a definition", &counted(&[&int(-65)[..], rest].concat()));
    }
}

#[test]
fn a_million_definitions() {
    let mut input = Vec::new();
    for id in 65..1_000_065 {
        input.extend(slice_type(id, INT));
    }
    refused("in sequence", &input);
    let mut input = Vec::new();
    for id in 0..1_000_000 {
        input.extend(slice_type(65 + id * 1000, INT));
    }
    refused("far apart", &input);
}

#[test]
fn long_names() {
    let long = "N".repeat(1 << 17);
    let ty = struct_type(65, &long, &[(&long, INT), ("Value", INT)]);
    gob_everyhow(
        "long names",
        &[ty, struct_value(65, &[1, 2, 1, 4, 0])].concat(),
    );
    let any = interface(&long, INT, &[0], &[2]);
    gob_everyhow("a long name", &value(INTERFACE, &any));
}

#[test]
fn types_that_are_made_of_themselves() {
    for ty in [
        slice_type(65, 65),
        array_type(65, 65, 2),
        map_type(65, 65, 65),
        struct_type(65, "T", &[("Name", 65), ("Value", 65)]),
        [
            slice_type(65, 66),
            map_type(66, 67, 65),
            struct_type(67, "", &[("A", 66)]),
        ]
        .concat(),
    ] {
        for body in [
            &[][..],
            &[0],
            &[1, 0],
            &[2, 1, 0, 0, 0],
            &[1; 100_000],
            &[2; 100_000],
        ] {
            gob_everyhow("itself", &[&ty[..], &value(65, body)].concat());
            gob_everyhow("itself", &[&ty[..], &struct_value(65, body)].concat());
        }
    }
}

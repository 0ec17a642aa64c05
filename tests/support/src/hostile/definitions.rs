//! Lengths and types that cannot be.

use super::bytes::{
    BOOL, INT, INTERFACE, STRING, array_type, counted, int, interface, map_type, slice_type,
    struct_type, struct_value, uint, value,
};
use super::{Case, Cases};

#[must_use]
pub fn messages_that_say_to_be_huge() -> Vec<Case> {
    let mut cases = Cases::default();
    for len in [1 << 62, 1 << 63, u64::MAX, (1 << 30) + 1, 1 << 40] {
        cases.refused("a message's length", &[&uint(len)[..], &[0; 100]].concat());
    }
    // Go's own limit allows this much; it costs nothing until it comes.
    for len in [1 << 30, 1 << 20, 200] {
        cases.waits(
            "a long message",
            &[&uint(len)[..], &[0xff, 0x81, 1, 2]].concat(),
        );
    }
    cases.refused(
        "an integer of nine bytes",
        &[0xf7, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    cases.refused("an integer of 128 bytes", &[0x80; 200]);
    cases.refused("an empty message", &[0]);
    cases.refused("no type id", &[1, 0xff]);
    cases.0
}

#[must_use]
pub fn counts_that_say_more_than_there_is() -> Vec<Case> {
    let mut cases = Cases::default();
    for count in [101, 1 << 31, 1 << 40, 1 << 62, 1 << 63, u64::MAX] {
        let count = uint(count);
        let lying = [&count[..], &[0; 100]].concat();
        for id in [5, 6] {
            let input = value(id, &lying);
            cases.unusable("bytes", &input);
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
            cases.unusable("a count", &input);
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
        cases.contained("a field", &input);
        let name = [&int(-65)[..], &[3, 1, 1], &lying].concat();
        cases.refused("a type's name", &counted(&name));
        let fields = [&int(-65)[..], &[3, 1, 1, 1, b'T', 0, 1], &lying].concat();
        cases.refused("a type's fields", &counted(&fields));
    }
    cases.0
}

#[must_use]
pub fn arrays_of_no_possible_length() -> Vec<Case> {
    let mut cases = Cases::default();
    for len in [1, 1 << 40, 1 << 62, i64::MAX] {
        let input = [array_type(65, BOOL, len), value(65, &uint(len as u64))].concat();
        cases.unusable("an array", &input);
    }
    cases.refused("a negative array", &array_type(65, BOOL, -1));
    cases.refused("a negative array", &array_type(65, BOOL, i64::MIN));
    cases.0
}

#[must_use]
pub fn types_that_were_never_defined() -> Vec<Case> {
    let mut cases = Cases::default();
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
        cases.refused("a value", &value(id, &[0]));
        let any = [&counted(b"x")[..], &int(id), &[1, 0]].concat();
        cases.refused("in an interface value", &value(INTERFACE, &any));
        if id < 1 << 31 {
            cases.refused("a slice", &[slice_type(65, id), value(65, &[0])].concat());
            cases.refused("a map", &[map_type(65, INT, id), value(65, &[0])].concat());
            let ty = struct_type(65, "T", &[("Name", id)]);
            cases.refused("a field", &[ty, struct_value(65, &[0])].concat());
        } else {
            cases.refused("a slice", &slice_type(65, id));
        }
    }
    for id in [0, -1, -70, i64::MIN] {
        cases.refused("a negative slice", &slice_type(65, id));
        cases.refused("a negative field", &struct_type(65, "T", &[("F", id)]));
    }
    cases.refused("id zero", &value(0, &[0]));
    cases.refused("the lowest id", &counted(&int(i64::MIN)));
    cases.0
}

#[must_use]
pub fn types_that_are_defined_twice_or_not_for_the_sender_to_define() -> Vec<Case> {
    let mut cases = Cases::default();
    cases.refused(
        "twice",
        &[slice_type(65, INT), slice_type(65, INT)].concat(),
    );
    cases.refused(
        "twice",
        &[slice_type(65, INT), struct_type(65, "T", &[])].concat(),
    );
    for id in [1, 2, 8, 16, 23, 63, 1 << 31, 1 << 40] {
        cases.refused("reserved", &slice_type(id, INT));
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
    cases.refused("inside and outside", &input);
    let input = [slice_type(65, INT), value(INTERFACE, &inner)].concat();
    cases.refused("outside and inside", &input);
    cases.0
}

#[must_use]
pub fn malformed_definitions() -> Vec<Case> {
    let mut cases = Cases::default();
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
        cases.refused("a definition", &counted(&[&int(-65)[..], rest].concat()));
    }
    cases.0
}

#[must_use]
pub fn a_million_definitions() -> Vec<Case> {
    let mut cases = Cases::default();
    let mut input = Vec::new();
    for id in 65..1_000_065 {
        input.extend(slice_type(id, INT));
    }
    cases.refused("in sequence", &input);
    let mut input = Vec::new();
    for id in 0..1_000_000 {
        input.extend(slice_type(65 + id * 1000, INT));
    }
    cases.refused("far apart", &input);
    cases.0
}

#[must_use]
pub fn long_names() -> Vec<Case> {
    let mut cases = Cases::default();
    let long = "N".repeat(1 << 17);
    let ty = struct_type(65, &long, &[(&long, INT), ("Value", INT)]);
    cases.contained(
        "long names",
        &[ty, struct_value(65, &[1, 2, 1, 4, 0])].concat(),
    );
    let any = interface(&long, INT, &[0], &[2]);
    cases.contained("a long name", &value(INTERFACE, &any));
    cases.0
}

#[must_use]
pub fn types_that_are_made_of_themselves() -> Vec<Case> {
    let mut cases = Cases::default();
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
            cases.contained("itself", &[&ty[..], &value(65, body)].concat());
            cases.contained("itself", &[&ty[..], &struct_value(65, body)].concat());
        }
    }
    cases.0
}

/// Types whose description would be far longer than what defines them.
#[must_use]
pub fn types_with_long_descriptions() -> Vec<Case> {
    let mut cases = Cases::default();
    let names: Vec<String> = (0..40).map(|n| format!("F{n}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (&name[..], 65)).collect();
    let ty = struct_type(65, "", &fields);
    cases.contained("a struct", &[ty, struct_value(65, &[0])].concat());
    let mut input = Vec::new();
    for id in 65..72 {
        input.extend(map_type(id, id + 1, id + 1));
    }
    input.extend(struct_type(72, &"N".repeat(50_000), &[]));
    input.extend(value(65, &[0]));
    cases.contained("maps", &input);
    cases.0
}

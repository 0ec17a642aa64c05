//! Small inputs that ask for much: time and memory follow what was received.

use plugwire::gob::{self, Any};
use serde::{Deserialize, Serialize};

use super::allocator::kept;
use super::bytes::{
    INT, INTERFACE, STRING, counted, int, map_type, slice_type, struct_type, struct_value, uint,
    value,
};
use super::take::{contained, gob_everyhow};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("F{n}")).collect()
}

fn fields(names: &[String], id: i64) -> Vec<(&str, i64)> {
    names.iter().map(|name| (&name[..], id)).collect()
}

#[test]
fn the_description_of_a_type_made_of_itself_is_short() {
    let names = names(40);
    let ty = struct_type(65, "", &fields(&names, 65));
    gob_everyhow("a struct", &[ty, struct_value(65, &[0])].concat());
    let mut input = Vec::new();
    for id in 65..72 {
        input.extend(map_type(id, id + 1, id + 1));
    }
    input.extend(struct_type(72, &"N".repeat(50_000), &[]));
    input.extend(value(65, &[0]));
    gob_everyhow("maps", &input);
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
    const INTERFACE_ID: i64 = 8;
    let level = [&counted(b"main.Wrap")[..], &int(INTERFACE_ID), &[1, 0]].concat();
    let body = [level.repeat(20_000), vec![0]].concat();
    let input = value(INTERFACE, &body);
    assert!(gob::from_slice::<Failure>(&input).is_err());
    gob_everyhow("interfaces", &input);
}

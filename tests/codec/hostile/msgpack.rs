//! MessagePack that is not what it says.

use plugwire::codec::Codec;
use support::hostile::contained;

use super::messages;

/// A header of nothing, so that what follows is the body.
fn body(bytes: &[u8]) -> Vec<u8> {
    [&[0x80], bytes].concat()
}

fn everywhere(name: &str, bytes: &[u8]) -> (usize, bool) {
    let mut outcome = (0, false);
    for input in [bytes.to_vec(), body(bytes)] {
        contained(name, &input, |buffer| {
            outcome = messages(Codec::MsgPack, buffer);
        });
    }
    outcome
}

#[test]
fn lengths_that_say_more_than_there_is() {
    for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
        let huge = [&[marker, 0xff, 0xff, 0xff, 0xff][..], &[0; 100]].concat();
        assert_eq!(everywhere("4 GiB", &huge), (0, true));
        // Within the limit, and still to come.
        let large = [&[marker, 0x10, 0, 0, 0][..], &[0; 100]].concat();
        assert_eq!(everywhere("256 MiB", &large), (0, false));
    }
    for marker in [0xc5, 0xc8, 0xda, 0xdc, 0xde] {
        let long = [&[marker, 0xff, 0xff][..], &[0; 100]].concat();
        assert_eq!(everywhere("64 KiB", &long), (0, false));
    }
    // Many lengths, each of which is within the limit.
    let nested = [0xdd, 0x20, 0, 0, 0].repeat(10);
    assert_eq!(everywhere("together", &nested), (0, true));
    let nested = [0xdf, 0x0f, 0xff, 0xff, 0xff].repeat(100);
    assert_eq!(everywhere("together", &nested), (0, true));
}

#[test]
fn nesting_without_end() {
    const DEEP: usize = 1_000_000;
    for level in [
        &[0x91][..],
        &[0x81, 0xa0],
        &[0xdc, 0, 1],
        &[0xde, 0, 1, 0xc0],
        &[0x81],
    ] {
        let open = level.repeat(DEEP / level.len());
        assert_eq!(everywhere("open", &open), (0, false));
        // A map that is only opened has its own like for a key, and values for all of them at the
        // end.
        let values = if level == [0x81] { DEEP + 1 } else { 1 };
        let closed = [open, vec![0xc0; values]].concat();
        everywhere("closed", &closed);
        for field in ["Kids", "Next", "Any", "Map", "Unknown"] {
            let name = [&[0x81, 0xa0 | field.len() as u8], field.as_bytes()].concat();
            everywhere(field, &[&name[..], &closed].concat());
        }
    }
    let list = [0x81, 0xa4, b'N', b'e', b'x', b't'].repeat(DEEP / 6);
    everywhere("a list", &[&list[..], &[0xc0; 2]].concat());
    let tree = [0x81, 0xa4, b'K', b'i', b'd', b's', 0x91].repeat(DEEP / 7);
    everywhere("a tree", &[&tree[..], &[0xc0; 2]].concat());
}

#[test]
fn types_that_nobody_asked_for() {
    for value in [
        &[0xd4, 1, 2][..],
        &[0xd6, 0xff, 0, 0, 0, 1],
        &[
            0xd8, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        ],
        &[0xc7, 0, 5],
        &[0xc7, 3, 0xff, 1, 2, 3],
        &[0xc9, 0, 0, 0, 1, 7, 7],
        &[0xa2, 0xff, 0xfe],
        &[0x81, 0xc0, 0xc0],
        &[0x81, 0x90, 0x80],
        &[
            0x82, 0xa4, b'N', b'a', b'm', b'e', 0x01, 0xa4, b'N', b'a', b'm', b'e', 0xa0,
        ],
        &[0xcf, 255, 255, 255, 255, 255, 255, 255, 255],
    ] {
        assert_eq!(everywhere("a value", value), (1, false));
        everywhere("in a list", &[&[0x92], value, value].concat());
        for field in ["Name", "Value", "Kids", "Next", "Map", "Any", "Pair"] {
            let name = [&[0x81, 0xa0 | field.len() as u8], field.as_bytes()].concat();
            everywhere(field, &[&name[..], value].concat());
        }
    }
    assert_eq!(everywhere("no value", &[0xc1]), (0, true));
}

#[test]
fn messages_cut_anywhere_wait_for_more() {
    let call = b"\x82\xadServiceMethod\xa8Plugin.X\xa3Seq\x07\x83\xa4Name\xa1n\xa4Kids\x91\x80\xa5Value\xd1\x01\x00";
    for end in 0..call.len() {
        contained("cut", &call[..end], |buffer| {
            assert_eq!(messages(Codec::MsgPack, buffer), (0, false), "{end}");
        });
    }
    let mut flipped = call.to_vec();
    for at in 0..flipped.len() {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            everywhere("flipped", &flipped);
            flipped[at] ^= 1 << bit;
        }
    }
    assert_eq!(messages(Codec::MsgPack, call[..].into()), (1, false));
}

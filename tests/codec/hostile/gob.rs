//! The hostile gob streams as the messages of a connection.

use plugwire::codec::Codec;
use support::hex;
use support::hostile::{GROUPS, Outcome, contained};

use super::messages;

#[test]
fn streams_are_refused_as_messages_too() {
    for (group, cases) in GROUPS {
        for case in cases() {
            let name = format!("{group}: {}", case.name);
            contained(&name, &case.input, |buffer| {
                let (count, refused) = messages(Codec::Gob, buffer);
                match case.outcome {
                    Outcome::Refused => assert!(refused, "{name}: no error"),
                    Outcome::NoValue => assert_eq!((count, refused), (0, true), "{name}"),
                    Outcome::Waits => assert_eq!((count, refused), (0, false), "{name}"),
                    Outcome::Unusable | Outcome::Contained => {}
                }
            });
        }
    }
}

/// What Go's encoder writes, by its name.
fn vectors() -> Vec<(String, Vec<u8>)> {
    let lines = include_str!("../../../crates/gob/tests/gob/vectors/gob.jsonl").lines();
    let vectors = lines.map(|line| {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = vector["name"].as_str().unwrap().to_owned();
        (name, hex::decode(vector["hex"].as_str().unwrap()))
    });
    vectors.collect()
}

/// Long strings of one letter hold no surprise after their first bytes.
const LONG: usize = 4096;

#[test]
fn vectors_one_behind_the_other_define_types_twice() {
    let vectors = vectors();
    assert!(vectors.len() > 300, "{}", vectors.len());
    for (name, first) in vectors.iter().filter(|(_, bytes)| bytes.len() < LONG) {
        for second in ["outer", "any_struct", "string", "collections"] {
            let (_, second) = vectors.iter().find(|(name, _)| name == second).unwrap();
            contained(name, &[&first[..], second].concat(), |buffer| {
                messages(Codec::Gob, buffer);
            });
        }
    }
}

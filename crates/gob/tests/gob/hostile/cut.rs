//! What Go's encoder wrote, cut short and with bits flipped.

use plugwire_gob::{self as gob, Any, Value};
use serde::{Deserialize, Serialize};
use support::causes::assert_fails;
use support::hostile::contained;

use super::take::{Empty, Node, every_way, stream};
use crate::vectors;

/// Long strings of one letter hold no surprise after their first bytes.
const LONG: usize = 4096;

/// What every reader says of a stream that is cut short.
const END: &str = "unexpected end";

struct Cut(Vec<vectors::Vector>);

impl vectors::Visit for Cut {
    fn visit<T>(&mut self, name: &str, _: vectors::AsGo)
    where
        T: Serialize + for<'de> Deserialize<'de> + Clone + std::fmt::Debug,
    {
        let bytes = &vectors::find(&self.0, name).bytes;
        let step = 1 + bytes.len() / LONG * 97;
        for end in (0..bytes.len()).step_by(step) {
            let input = &bytes[..end];
            contained(name, input, |buffer| {
                // Go ends some values with bytes that say nothing; but none of them is the last.
                assert_fails(gob::from_slice::<T>(input), END);
                assert_fails(gob::from_slice::<Value>(input), END);
                assert_fails(gob::from_slice::<()>(input), END);
                assert_fails(gob::from_slice::<Empty>(input), END);
                assert!(!stream(buffer, |_| panic!("a value before the last byte")));
            });
        }
    }
}

#[test]
fn a_vector_cut_anywhere_is_an_error_or_waits_for_more() {
    vectors::visit_all(&mut Cut(vectors::committed()));
}

struct Flip(Vec<vectors::Vector>);

impl vectors::Visit for Flip {
    fn visit<T>(&mut self, name: &str, _: vectors::AsGo)
    where
        T: Serialize + for<'de> Deserialize<'de> + Clone + std::fmt::Debug,
    {
        let mut input = vectors::find(&self.0, name).bytes.clone();
        let step = 1 + input.len() / LONG * 97;
        for at in (0..input.len()).step_by(step) {
            for bit in 0..8 {
                input[at] ^= 1 << bit;
                contained(name, &input, |buffer| {
                    stream(buffer, |value| {
                        // Some flips say something else that is just as true.
                        let _ = value.decode::<T>();
                        let _ = value.decode::<Value>();
                        let _ = value.decode::<Any>();
                        let _ = value.decode::<Node>();
                        let _ = value.decode::<()>();
                        let _ = value.decode::<Empty>();
                    });
                });
                input[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn a_vector_with_any_bit_flipped_harms_nobody() {
    vectors::visit_all(&mut Flip(vectors::committed()));
}

#[test]
fn vectors_one_behind_the_other_define_types_twice() {
    let committed = vectors::committed();
    let point = &vectors::find(&committed, "point").bytes;
    let twice = [&point[..], point].concat();
    assert!(stream(&twice[..], |_| {}));
    // Every byte of a long one can be a value of its own, which is large and no harm.
    for first in committed.iter().filter(|vector| vector.bytes.len() < LONG) {
        for second in ["outer", "any_struct", "string", "collections"] {
            let both = [&first.bytes[..], &vectors::find(&committed, second).bytes].concat();
            every_way(&first.name, &both);
        }
    }
}

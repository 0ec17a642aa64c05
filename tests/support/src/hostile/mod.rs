//! Gob streams that no honest peer sends, for each layer that reads them: `gob` as values, and
//! `codec` as the messages of a connection.

pub mod bytes;
pub mod definitions;
pub mod values;

use ::bytes::BytesMut;
use std::time::Duration;

use crate::alloc::peak;
use crate::process::thread_time;

/// One hostile stream.
pub struct Case {
    pub name: &'static str,
    pub input: Vec<u8>,
    pub outcome: Outcome,
}

/// What a reader makes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An error.
    Refused,
    /// An error, and no value before it.
    NoValue,
    /// A wait for more bytes.
    Waits,
    /// A value that decodes as no type, an error, or a wait for more.
    Unusable,
    /// Any of these, or a value.
    Contained,
}

/// A function that makes a group of cases.
pub type Group = fn() -> Vec<Case>;

/// All groups by their names.
pub const GROUPS: &[(&str, Group)] = &[
    (
        "messages_that_say_to_be_huge",
        definitions::messages_that_say_to_be_huge,
    ),
    (
        "counts_that_say_more_than_there_is",
        definitions::counts_that_say_more_than_there_is,
    ),
    (
        "arrays_of_no_possible_length",
        definitions::arrays_of_no_possible_length,
    ),
    (
        "types_that_were_never_defined",
        definitions::types_that_were_never_defined,
    ),
    (
        "types_that_are_defined_twice_or_not_for_the_sender_to_define",
        definitions::types_that_are_defined_twice_or_not_for_the_sender_to_define,
    ),
    ("malformed_definitions", definitions::malformed_definitions),
    ("a_million_definitions", definitions::a_million_definitions),
    ("long_names", definitions::long_names),
    (
        "types_that_are_made_of_themselves",
        definitions::types_that_are_made_of_themselves,
    ),
    (
        "types_with_long_descriptions",
        definitions::types_with_long_descriptions,
    ),
    (
        "fields_that_the_type_does_not_have",
        values::fields_that_the_type_does_not_have,
    ),
    (
        "values_nested_without_end",
        values::values_nested_without_end,
    ),
    (
        "interface_values_nested_without_end",
        values::interface_values_nested_without_end,
    ),
    (
        "interface_values_that_are_none",
        values::interface_values_that_are_none,
    ),
    ("scalars_that_are_none", values::scalars_that_are_none),
];

/// What a decoder may allocate above the size of its input.
pub const ALLOWANCE: usize = 1 << 20;

/// No input here is large enough to keep a decoder busy for so long, even without optimization.
/// It is processor time: other work on the machine does not count.
pub const PROMPT: Duration = Duration::from_secs(10);

/// Runs a case on a copy of the input, as it would be in a connection's buffer: within the time,
/// within the memory, and without a panic.
///
/// # Panics
///
/// Where it takes more.
pub fn contained(name: &str, input: &[u8], work: impl FnOnce(BytesMut)) {
    let buffer = BytesMut::from(input);
    let start = thread_time();
    let peak = peak(|| work(buffer));
    let took = thread_time() - start;
    assert!(took < PROMPT, "{name}: took {took:?}");
    assert!(
        peak < input.len() + ALLOWANCE,
        "{name}: {peak} bytes at once for an input of {}",
        input.len()
    );
}

/// Collects the cases of a group.
#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn add(&mut self, name: &'static str, input: &[u8], outcome: Outcome) {
        self.0.push(Case {
            name,
            input: input.to_vec(),
            outcome,
        });
    }

    fn refused(&mut self, name: &'static str, input: &[u8]) {
        self.add(name, input, Outcome::Refused);
    }

    fn no_value(&mut self, name: &'static str, input: &[u8]) {
        self.add(name, input, Outcome::NoValue);
    }

    fn waits(&mut self, name: &'static str, input: &[u8]) {
        self.add(name, input, Outcome::Waits);
    }

    fn unusable(&mut self, name: &'static str, input: &[u8]) {
        self.add(name, input, Outcome::Unusable);
    }

    fn contained(&mut self, name: &'static str, input: &[u8]) {
        self.add(name, input, Outcome::Contained);
    }
}

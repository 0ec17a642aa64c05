//! Streams that no honest peer sends: an error or a wait for more, at once, in little memory and
//! little stack.

mod cut;
mod growth;
mod take;
mod values;

use support::hostile::{Case, GROUPS, Outcome};
use take::{as_everything, every_way, stream};

fn check(case: &Case) {
    let Case {
        name,
        input,
        outcome,
    } = case;
    every_way(name, input);
    let no_value = |_: &_| panic!("{name}: a value");
    match outcome {
        Outcome::Refused => assert!(stream(&input[..], |_| {}), "{name}: no error"),
        Outcome::NoValue => assert!(stream(&input[..], no_value), "{name}: no error"),
        Outcome::Waits => assert!(!stream(&input[..], no_value), "{name}: an error"),
        Outcome::Unusable => {
            stream(&input[..], |value| {
                assert_eq!(as_everything(value), 0, "{name}");
            });
        }
        Outcome::Contained => {}
    }
}

/// A test for each group of cases.
macro_rules! groups {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let mut groups = GROUPS.iter();
                let (_, group) = groups
                    .find(|(name, _)| *name == stringify!($name))
                    .expect("a group");
                group().iter().for_each(check);
            }
        )*

        #[test]
        fn each_group_has_a_test() {
            let names: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

groups! {
    messages_that_say_to_be_huge
    counts_that_say_more_than_there_is
    arrays_of_no_possible_length
    types_that_were_never_defined
    types_that_are_defined_twice_or_not_for_the_sender_to_define
    malformed_definitions
    a_million_definitions
    long_names
    types_that_are_made_of_themselves
    types_with_long_descriptions
    fields_that_the_type_does_not_have
    values_nested_without_end
    interface_values_nested_without_end
    interface_values_that_are_none
    scalars_that_are_none
}

//! What an error says with its causes.

use std::error::Error;
use std::fmt::Display;

/// The error and its causes.
pub fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The texts of an error and its causes, as a report joins them.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    texts.join(": ")
}

/// The first of an error and its causes that is of a type.
pub fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// Asserts that a result is an error, and that its text contains `part`.
///
/// # Panics
///
/// Where it does not.
#[track_caller]
pub fn assert_fails<T, E: Display>(result: Result<T, E>, part: &str) {
    match result {
        Ok(_) => panic!("no error, where one with {part:?} was expected"),
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains(part), "{text:?} does not contain {part:?}");
        }
    }
}

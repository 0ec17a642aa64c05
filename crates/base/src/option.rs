//! Validation errors of options.

use std::fmt;
use std::time::Duration;

/// A value that an option cannot have. No process was started and no connection was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidOption {
    /// The method that sets it, such as `ports`, or the type and the field.
    pub option: &'static str,
    /// What was given, as text. Of a value that may be a secret, only its length.
    pub given: String,
    /// What the option accepts.
    pub expected: &'static str,
}

impl InvalidOption {
    /// An option, what was given as `Debug` shows it, and what the option accepts.
    #[must_use]
    pub fn new(option: &'static str, given: impl fmt::Debug, expected: &'static str) -> Self {
        Self::with_text(option, format!("{given:?}"), expected)
    }

    /// An option, and what was given in words.
    #[must_use]
    pub fn with_text(option: &'static str, given: String, expected: &'static str) -> Self {
        Self {
            option,
            given,
            expected,
        }
    }

    /// Checks a time in which something must be able to happen.
    ///
    /// # Errors
    ///
    /// Fails for a time of zero.
    pub fn check_duration(option: &'static str, given: Duration) -> Result<(), InvalidOption> {
        if given.is_zero() {
            return Err(Self::new(option, given, "a time longer than zero"));
        }
        Ok(())
    }
}

impl fmt::Display for InvalidOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            option,
            given,
            expected,
        } = self;
        write!(f, "invalid {option}: {given}, expected {expected}")
    }
}

impl std::error::Error for InvalidOption {}

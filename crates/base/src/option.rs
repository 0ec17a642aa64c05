//! Options that mean nothing.

use std::fmt;
use std::time::Duration;

/// A value that an option cannot have. Nothing was started and nobody was connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidOption {
    /// The method that sets it, such as `ports`, or the type and the field.
    pub option: &'static str,
    /// What was given, as text. Of what may be a secret, only its length.
    pub given: String,
    /// What would do.
    pub expected: &'static str,
}

impl InvalidOption {
    /// An option, what was given as `Debug` shows it, and what would do.
    pub fn new(option: &'static str, given: impl fmt::Debug, expected: &'static str) -> Self {
        Self::with_text(option, format!("{given:?}"), expected)
    }

    /// An option, with words for what was given.
    #[must_use]
    pub fn with_text(option: &'static str, given: String, expected: &'static str) -> Self {
        Self {
            option,
            given,
            expected,
        }
    }

    /// Fails for a time in which nothing can happen.
    ///
    /// # Errors
    ///
    /// If the duration is zero.
    pub fn check_duration(option: &'static str, given: Duration) -> Result<(), InvalidOption> {
        if given.is_zero() {
            return Err(Self::new(option, given, "more than nothing"));
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

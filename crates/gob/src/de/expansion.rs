//! A bound on names and zeros that a receiver gets although they were not sent.

use std::cell::Cell;

use crate::error::{DecodeError, DecodeErrorKind};

thread_local! {
    /// What is left of the budget of the outermost decoding on this thread.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// How many bytes of names and zeros may be handed out that were not sent.
///
/// Decodings can be nested: a `Deserialize` may decode the values of interface values. They share
/// the budget of the outermost one.
#[derive(Default)]
pub(super) struct ExpansionBudget {
    /// Whether this decoding is the outermost one.
    outermost: bool,
}

impl ExpansionBudget {
    /// Enough for a few structs of usual size.
    const FREE: usize = 256 * 1024;
    /// For each byte received: three or four zeros, or a very long name.
    const PER_BYTE: usize = 256;

    fn max(received: usize) -> usize {
        Self::FREE.saturating_add(received.saturating_mul(Self::PER_BYTE))
    }

    /// Makes decodings within this one, of so many bytes, share its budget. Returns what is left.
    pub(super) fn share(&mut self, received: usize) -> usize {
        LEFT.get().unwrap_or_else(|| {
            let max = Self::max(received);
            LEFT.set(Some(max));
            self.outermost = true;
            max
        })
    }

    /// Takes bytes from the budget.
    pub(super) fn charge(&mut self, bytes: usize, received: usize) -> Result<(), DecodeError> {
        let left = self.share(received).checked_sub(bytes);
        let max = Self::max(received);
        LEFT.set(Some(left.ok_or(DecodeErrorKind::TooMuchLeftOut { max })?));
        Ok(())
    }
}

impl Drop for ExpansionBudget {
    fn drop(&mut self) {
        if self.outermost {
            LEFT.set(None);
        }
    }
}

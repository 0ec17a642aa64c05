//! [`Limits`]: bounds on what is accepted.

/// Bounds on what a [`Decoder`](crate::Decoder) accepts.
///
/// A message takes memory only as its bytes arrive. What a value takes beyond them is bounded:
///
/// - A definition takes about eight times its bytes, for names of one letter.
/// - A value of a Rust type takes its size, however few bytes were sent of it: a struct whose
///   fields are all zero is one byte. A list takes up to twice that while it grows.
/// - A part of a [`Value`](crate::Value) takes up to 100 bytes for each of its own, an
///   [`Any`](crate::Any) up to 200.
/// - A map that is read from a Go struct, and a struct with a `#[serde(flatten)]` field, get names
///   of fields that are not among the value's bytes, and the latter a zero for each field left out.
///   These may take 256 KiB and 256 bytes for each one received, where a zero counts as 64 bytes
///   and its name; a map takes up to four times that. Beyond it, decoding fails with
///   [`TooMuchLeftOut`](crate::DecodeErrorKind::TooMuchLeftOut).
///
/// ```
/// # use plugwire_gob::{Decoder, Limits};
/// let limits = Limits::default().max_message(1 << 20).max_depth(32);
/// let decoder = Decoder::with_limits(limits);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_message: usize,
    max_depth: usize,
    max_types: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 1 << 30,
            max_depth: 128,
            max_types: 10_000,
        }
    }
}

impl Limits {
    /// The longest message, in bytes. 1 GiB by default, as in Go on a 32-bit machine.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// The longest message, for the other codecs of plugwire.
    #[doc(hidden)]
    #[must_use]
    pub fn longest_message(&self) -> usize {
        self.max_message
    }

    pub(crate) fn depth(&self) -> usize {
        self.max_depth
    }

    pub(crate) fn types(&self) -> usize {
        self.max_types
    }

    /// How many structs, slices, maps and interface values may be nested in each other. 128 by
    /// default.
    ///
    /// Decoding recurses as deep as the value, so a higher limit needs a larger stack.
    #[must_use]
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.max_depth = levels;
        self
    }

    /// How many types one stream may define. 10,000 by default.
    #[must_use]
    pub fn max_types(mut self, types: usize) -> Self {
        self.max_types = types;
        self
    }
}

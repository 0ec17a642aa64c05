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
    strict: bool,
}

/// The limits that a value takes along.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of 32 bits: a list can have very many values with their bounds.
    pub(crate) max_depth: u32,
    /// Whether fields that the receiver does not have are refused.
    pub(crate) strict: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Limits::default().bounds()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 1 << 30,
            max_depth: 128,
            max_types: 10_000,
            strict: false,
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

    /// How deep values may be, for the other codecs of plugwire.
    #[doc(hidden)]
    #[must_use]
    pub fn deepest(&self) -> usize {
        self.max_depth
    }

    pub(crate) fn depth(&self) -> usize {
        self.max_depth
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            max_depth: u32::try_from(self.max_depth).unwrap_or(u32::MAX),
            strict: self.strict,
        }
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

    /// Whether a value is refused if its sender's struct has a field that the receiver's has not.
    /// Off by default: such fields are skipped, as in Go, so that a sender may be newer than its
    /// receiver. [`unknown_fields`](crate::unknown_fields) lists those that were met.
    ///
    /// The types decide, and not the values: a field counts that is zero in this value. In a map
    /// that is read as a struct, the keys do. Structs with a `#[serde(flatten)]` field take all
    /// fields, and so do maps, [`Any`](crate::Any) and [`Value`](crate::Value).
    #[must_use]
    pub fn refuse_unknown_fields(mut self, refuse: bool) -> Self {
        self.strict = refuse;
        self
    }

    /// How many types one stream may define. 10,000 by default.
    #[must_use]
    pub fn max_types(mut self, types: usize) -> Self {
        self.max_types = types;
        self
    }
}

//! [`Loss`]: what a Rust type can say and gob cannot.

use std::fmt;

/// A part of a Rust type with values that gob cannot carry, or carries as another value.
///
/// [`Schema::losses`](crate::Schema::losses) lists those of a type. Types with parts that have no
/// form at all, such as enums with data, have no schema: [`Schema::of`](crate::Schema::of) fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    pub(crate) path: String,
    pub(crate) kind: LossKind,
}

/// Which values a [`Loss`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LossKind {
    /// An `Option` that is the whole value: encoding its `None` is an error.
    WholeOption,
    /// An `Option` in a list, an array or a map: encoding its `None` is an error.
    OptionalElement,
    /// An `Option` in an `Option`: `Some(None)` arrives as `None`.
    NestedOption,
    /// An `Option` of `()`: `Some(())` arrives as `None`.
    OptionalUnit,
    /// An `Option` whose type has a zero that gob leaves out: `Some(0)`, `Some(false)`, `Some("")`
    /// and the `Some` of an empty list arrive as `None`. So do Go's pointers to zeros.
    ZeroOption,
    /// An integer of 128 bits: encoding one that does not fit 64 is an error.
    WideInteger,
    /// A map with keys of a type that no map in Go can have.
    MapKey,
}

impl Loss {
    /// Where in the type: `Owner.Tags[]`, with `[key]` and `[value]` for the parts of a map. Empty
    /// for the type itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Which values.
    #[must_use]
    pub fn kind(&self) -> LossKind {
        self.kind
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.path {
            "" => self.kind.fmt(f),
            path => write!(f, "{path}: {}", self.kind),
        }
    }
}

impl fmt::Display for LossKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WholeOption => "a `None` that is the whole value has no form in gob",
            Self::OptionalElement => "a `None` in a list, an array or a map has no form in gob",
            Self::NestedOption => "an `Option` in an `Option`: `Some(None)` arrives as `None`",
            Self::OptionalUnit => "an `Option` of `()`: `Some(())` arrives as `None`",
            Self::ZeroOption => "a `Some` of zero arrives as `None`",
            Self::WideInteger => "an integer of 128 bits: one beyond 64 bits has no form in gob",
            Self::MapKey => "a map with keys of a type that no map in Go can have",
        })
    }
}

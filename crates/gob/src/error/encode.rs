//! Why a value or a type cannot be encoded.

use std::fmt;

use super::path::Location;

/// A value or a type that could not be encoded, and where in it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(Box<Failure>);

/// What an error means to the encoder. No caller sees these errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Signal {
    /// The fields of a struct come in another order than expected: encode again, sorting them.
    FieldOrder,
    /// A name in serde's list of fields is an alias of this one: trace again without it.
    DuplicateField(&'static str),
    /// A value has a type of its own where an interface type was expected: encode again with the
    /// type in its place.
    Concrete,
}

#[derive(Clone, Debug)]
struct Failure {
    kind: EncodeErrorKind,
    signal: Option<Signal>,
    at: Location,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at.write(f, "encoding")?;
        self.kind.fmt(f)
    }
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// Enums are strings in gob, so a variant cannot carry data.
    #[error("variant {variant} of enum {name} carries data, which gob cannot say")]
    VariantWithData {
        /// The enum.
        name: &'static str,
        /// The variant.
        variant: &'static str,
    },
    /// The type's `Deserialize` accepts none of the values it was tried with, so the type could not
    /// be learned.
    #[error("cannot learn the type: its Deserialize refuses every sample value: {0}")]
    Untraceable(String),
    /// Types are nested too deep, or contain themselves without an `Option`, `Vec` or map in
    /// between.
    #[error("the type is nested too deep")]
    TooDeep,
    /// A `None` where gob needs a value: in a slice, in a map, or alone.
    #[error("a nil element: gob can leave out only the fields of a struct")]
    Nil,
    /// A number that does not fit 64 bits, or not the sign that the type was learned to have.
    #[error("value {value} out of range for Go type {expected}")]
    OutOfRange {
        /// The number.
        value: String,
        /// Its type in Go.
        expected: &'static str,
    },
    /// `Serialize` gave something other than `Deserialize` had asked for.
    #[error("Serialize gave {found}, but Deserialize asks for Go type {expected}")]
    Mismatch {
        /// The type that `Deserialize` described.
        expected: String,
        /// What `Serialize` called.
        found: &'static str,
    },
    /// `Serialize` gave a field that `Deserialize` does not know.
    #[error("field `{0}` is serialized, but not deserialized under that name")]
    UnknownField(&'static str),
    /// A sequence of another length than announced, or than its array type has.
    #[error("{found} elements where {expected} were announced")]
    Length {
        /// Elements announced.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// A struct in the place of an interface value, without the name that Go has registered for it.
    #[error("{0} stands for an interface value but has no Go type name: use gob::Any::named")]
    Unnamed(&'static str),
    /// The message is longer than decoders accept.
    #[error("message of {len} bytes is too big")]
    MessageTooBig {
        /// The message's length.
        len: usize,
    },
    /// `Serialize` itself failed.
    #[error("{0}")]
    Custom(String),
}

impl From<EncodeErrorKind> for EncodeError {
    #[cold]
    fn from(kind: EncodeErrorKind) -> Self {
        Self(Box::new(Failure {
            kind,
            signal: None,
            at: Location::default(),
        }))
    }
}

impl From<Signal> for EncodeError {
    #[cold]
    fn from(signal: Signal) -> Self {
        let text = match signal {
            Signal::FieldOrder => "fields out of order".to_owned(),
            Signal::Concrete => "a value of a type of its own".to_owned(),
            Signal::DuplicateField(field) => format!("duplicate field `{field}`"),
        };
        let mut error = Self::from(EncodeErrorKind::Custom(text));
        error.0.signal = Some(signal);
        error
    }
}

impl EncodeError {
    /// What was wrong, without the place.
    #[must_use]
    pub fn kind(&self) -> &EncodeErrorKind {
        &self.0.kind
    }

    /// Where in the value or the type: `User.Tags[3]`. Empty for the value itself.
    #[must_use]
    pub fn path(&self) -> String {
        self.0.at.path()
    }

    /// The steps of the path, from the outside in.
    pub(crate) fn steps(&self) -> Vec<&str> {
        self.0.at.steps()
    }

    pub(crate) fn signal(&self) -> Option<Signal> {
        self.0.signal
    }

    pub(crate) fn set_kind(&mut self, kind: EncodeErrorKind) {
        self.0.kind = kind;
    }

    pub(crate) fn is_bare(&self) -> bool {
        self.0.at.path.is_empty()
    }

    #[cold]
    pub(crate) fn within(mut self, segment: impl Into<String>) -> Self {
        self.0.at.path.push(segment.into());
        self
    }

    #[cold]
    pub(crate) fn target(mut self, name: &'static str) -> Self {
        self.0.at.target = Some(name);
        self
    }
}

impl serde::ser::Error for EncodeError {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        EncodeErrorKind::Custom(msg.to_string()).into()
    }
}

/// Learning a type runs its `Deserialize`, whose errors are errors of encoding.
impl serde::de::Error for EncodeError {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        EncodeErrorKind::Custom(msg.to_string()).into()
    }

    fn duplicate_field(field: &'static str) -> Self {
        Signal::DuplicateField(field).into()
    }

    fn missing_field(field: &'static str) -> Self {
        // All fields that serde lists are given, and with a flattened field it lists none.
        let text = format!(
            "missing field `{field}`: the fields of a struct cannot be learned where one is \
             flattened"
        );
        EncodeErrorKind::Custom(text).into()
    }
}

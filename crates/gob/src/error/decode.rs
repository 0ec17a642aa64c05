//! Why a gob cannot be decoded.

use std::fmt::{self, Write};

use plugwire_base::escape::{Escaped, Escaping};

use super::path::Location;

/// A value that could not be decoded, and where in it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(Box<Failure>);

/// Boxed: results of the small readers stay small.
#[derive(Debug)]
struct Failure {
    kind: DecodeErrorKind,
    at: Location,
    /// Decoding again may succeed: see `de::field_quirks`.
    noted: bool,
}

impl fmt::Display for Failure {
    /// Escaped: names and values in it are the sender's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = Escaping(f);
        self.at.write(&mut f, "decoding")?;
        write!(f, "{}", self.kind)
    }
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end within a value.
    #[error("unexpected end of data")]
    UnexpectedEnd,
    /// An integer claims more than eight bytes.
    #[error("encoded unsigned integer out of range")]
    BadInteger,
    /// More elements or bytes are declared than can follow.
    #[error("a count of {count} where {remaining} bytes are left")]
    CountTooBig {
        /// What was declared.
        count: u64,
        /// What is there.
        remaining: usize,
    },
    /// A message of no bytes.
    #[error("empty message")]
    EmptyMessage,
    /// A message is longer than [`Limits::max_message`](crate::Limits::max_message).
    #[error("a message of {len} bytes, over the limit of {max}")]
    MessageTooBig {
        /// The message's length.
        len: u64,
        /// The limit.
        max: usize,
    },
    /// Values are nested deeper than [`Limits::max_depth`](crate::Limits::max_depth).
    #[error("nested deeper than {max} levels")]
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// More types were defined than [`Limits::max_types`](crate::Limits::max_types).
    #[error("more than {max} types defined")]
    TooManyTypes {
        /// The limit.
        max: usize,
    },
    /// Bytes follow a value within its message.
    #[error("extra data in buffer")]
    TrailingData,
    /// A type id was defined before, or is reserved.
    #[error("duplicate type received: id {id}")]
    DuplicateType {
        /// The type id.
        id: i64,
    },
    /// A type id without a definition.
    #[error("unknown type id {id} or corrupted data")]
    UndefinedType {
        /// The type id.
        id: i64,
    },
    /// A malformed type definition.
    #[error("malformed type definition: {0}")]
    BadDefinition(&'static str),
    /// A struct value has more fields than its type.
    #[error("bad data: field numbers out of bounds")]
    BadFieldNumber,
    /// An array's length differs from the one expected.
    #[error("{count} elements for an array of {len}")]
    ArrayLength {
        /// Elements sent.
        count: u64,
        /// Elements expected.
        len: u64,
    },
    /// The sender's type does not fit the receiver's.
    #[error("expected {expected}, received type {}", Escaped(received))]
    Mismatch {
        /// What the Rust type asked for.
        expected: &'static str,
        /// The sender's type, by the name that it declared.
        received: String,
    },
    /// The sender's struct and the receiver's have no field in common.
    #[error(
        "type mismatch: no fields matched between {expected} and the received type {}",
        Escaped(received)
    )]
    NoFieldsMatched {
        /// The Rust struct.
        expected: &'static str,
        /// The sender's struct, by the name that it declared.
        received: String,
    },
    /// The sender's struct has fields that the receiver's has not: see
    /// [`Limits::refuse_unknown_fields`](crate::Limits::refuse_unknown_fields).
    #[error(
        "{expected} has no field for {} of the received type {}",
        Escaped(fields),
        Escaped(received)
    )]
    UnknownFields {
        /// The Rust struct.
        expected: &'static str,
        /// The fields' names.
        fields: String,
        /// The sender's struct, by the name that it declared.
        received: String,
    },
    /// The sender left out more fields of its structs than a receiver with flattened fields gets
    /// zeros for, or they have longer names than a map gets: see [`Limits`](crate::Limits).
    #[error(
        "the fields that were left out, or the names of those that were sent, take more than \
         {max} bytes; a struct without flattened fields takes any number"
    )]
    TooMuchLeftOut {
        /// The limit, for a value as long as the one received.
        max: usize,
    },
    /// A number does not fit the receiver's type.
    #[error("value {value} out of range for {expected}")]
    OutOfRange {
        /// The number.
        value: String,
        /// The Rust type.
        expected: &'static str,
    },
    /// A string that is asked for as text is not UTF-8.
    #[error("a string that is not UTF-8")]
    NotUtf8,
    /// The sender left the field out, as gob does with zero values, and its type takes no zero
    /// value.
    #[error(
        "left out by the sender, which means zero, and there is no such value: {}",
        Escaped(.0)
    )]
    NoZeroValue(String),
    /// A field is missing, which only a hand-written `Deserialize` can find.
    #[error("missing field `{0}`")]
    MissingField(&'static str),
    /// A field came twice, under its name and an alias.
    #[error("duplicate field `{0}`")]
    DuplicateField(&'static str),
    /// The receiver's `Deserialize` refused the value.
    #[error("{}", Escaped(.0))]
    Custom(String),
}

impl From<DecodeErrorKind> for DecodeError {
    #[cold]
    fn from(kind: DecodeErrorKind) -> Self {
        Self(Box::new(Failure {
            kind,
            at: Location::default(),
            noted: false,
        }))
    }
}

impl DecodeError {
    /// What was wrong, without the place.
    #[must_use]
    pub fn kind(&self) -> &DecodeErrorKind {
        &self.0.kind
    }

    /// Where in the value: `User.Tags[3]`. Empty for the value itself. Keys of maps in it are the
    /// sender's.
    #[must_use]
    pub fn path(&self) -> String {
        self.0.at.path()
    }

    pub(crate) fn set_kind(&mut self, kind: DecodeErrorKind) {
        self.0.kind = kind;
    }

    /// Whether the error comes from the outermost value itself.
    pub(crate) fn is_bare(&self) -> bool {
        self.0.at.path.is_empty()
    }

    pub(crate) fn noted(&mut self) -> &mut bool {
        &mut self.0.noted
    }

    #[cold]
    pub(crate) fn within(mut self, segment: impl AsRef<str>) -> Self {
        self.0.at.path.push(brief(&segment.as_ref()));
        self
    }

    #[cold]
    pub(crate) fn target(mut self, name: &'static str) -> Self {
        self.0.at.target.get_or_insert(name);
        self
    }
}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        DecodeErrorKind::Custom(brief(&msg)).into()
    }

    fn missing_field(field: &'static str) -> Self {
        DecodeErrorKind::MissingField(field).into()
    }

    fn duplicate_field(field: &'static str) -> Self {
        DecodeErrorKind::DuplicateField(field).into()
    }
}

/// The text, escaped, and cut where it is very long: most of it comes from the sender, and a value
/// may be refused many times.
fn brief(text: &impl fmt::Display) -> String {
    let mut brief = Brief(String::new());
    // An error means that it was cut. Escaping takes up to eight times the room, so it comes first.
    let _ = write!(brief, "{}", Escaped(text));
    brief.0
}

struct Brief(String);

impl Brief {
    const MAX: usize = 4096;
}

impl Write for Brief {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = Self::MAX - self.0.len().min(Self::MAX);
        match text
            .char_indices()
            .find(|&(at, char)| at + char.len_utf8() > left)
        {
            None => {
                self.0.push_str(text);
                Ok(())
            }
            Some((end, _)) => {
                self.0.push_str(&text[..end]);
                self.0.push('…');
                Err(fmt::Error)
            }
        }
    }
}

//! Writing: the [`Encode`] trait, and the [`Encoder`], which remembers what types the receiver
//! knows.

use std::any::TypeId;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use crate::error::{EncodeError, EncodeErrorKind, Signal};
use crate::raw::interner::{Interner, Mark};
use crate::raw::{Decoder, RawValue};
use crate::ser::{self, Concrete, Output};
use crate::trace::{self, Learned};
use crate::types::{Id, IdMap, Schema, Type, Types, retyped};
use crate::wire::{close_length, put_int};
use plugwire_base::attempt;

/// Encodes one value as a whole stream: the definitions of its types, then the value.
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Point {
///     #[serde(rename = "X")]
///     x: i64,
///     #[serde(rename = "Y")]
///     y: i64,
/// }
///
/// let bytes = plugwire_gob::to_vec(&Point { x: 22, y: 33 })?;
/// assert!(bytes.ends_with(&[0x07, 0xff, 0x82, 0x01, 0x2c, 0x01, 0x42, 0x00]));
/// # Ok::<(), plugwire_gob::EncodeError>(())
/// ```
///
/// # Errors
///
/// When the type or the value has no form in gob: see [`EncodeErrorKind`].
pub fn to_vec<T: Encode + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = BytesMut::new();
    Encoder::new().encode(value, &mut out)?;
    Ok(out.into())
}

/// Encodes one value as a whole stream, as a value of a type that is given and not learned: see
/// [`Schema`].
///
/// # Errors
///
/// When the value is not of the type, or has no form in gob.
pub fn to_vec_as<T: Serialize + ?Sized>(
    schema: &Schema,
    value: &T,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = BytesMut::new();
    Encoder::new().encode_as(schema, value, &mut out)?;
    Ok(out.into())
}

/// What can be encoded: every type that is both `Serialize` and `Deserialize`, and `str` and slices
/// of such types.
///
/// gob sends a type before its first value, so a value alone is not enough. The type is found by
/// running its `Deserialize` once against zero values and noting what it asks for. References need
/// nothing special, since everything here takes `&T`: pass `"text"`, `&user` and `&items[..]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be encoded as gob",
    note = "derive both `serde::Serialize` and `serde::Deserialize` for it: \
            gob learns the type from `Deserialize`"
)]
pub trait Encode: Serialize {
    /// The type, as it was learned.
    #[doc(hidden)]
    fn learned() -> Result<&'static Learned, EncodeError>;
}

impl<T: Serialize + Deserialize<'static>> Encode for T {
    fn learned() -> Result<&'static Learned, EncodeError> {
        trace::learned::<T>()
    }
}

impl Encode for str {
    fn learned() -> Result<&'static Learned, EncodeError> {
        trace::learned::<String>()
    }
}

impl<T: Encode> Encode for [T] {
    fn learned() -> Result<&'static Learned, EncodeError> {
        trace::cached::<[T]>(typeid::of::<[T]>(), || {
            let elem = &T::learned()?.schema;
            // A byte has no description of its own: in Go, too, only a slice of them is special.
            if typeid::of::<T>() == TypeId::of::<u8>() {
                return Ok(Schema::bytes());
            }
            let types = Types::clone(&elem.types);
            let root = types.add(Type::Slice { elem: elem.root });
            Ok(Schema::new(Arc::new(types), root))
        })
    }
}

impl Schema {
    /// What [`Encode`] finds out about a Rust type.
    ///
    /// # Errors
    ///
    /// When the type cannot be described: see [`EncodeErrorKind`].
    pub fn of<T: Encode + ?Sized>() -> Result<Self, EncodeError> {
        T::learned().map(|learned| Self::clone(&learned.schema))
    }
}

/// The sending end of one stream of gobs: remembers which types were sent, so that each is sent
/// once.
///
/// ```
/// # use plugwire_gob::Encoder;
/// # use bytes::BytesMut;
/// let mut encoder = Encoder::new();
/// let mut out = BytesMut::new();
/// encoder.encode(&vec!["first"], &mut out)?;
/// let first = out.split();
/// encoder.encode(&vec!["again"], &mut out)?;
/// assert!(out.len() < first.len());
/// # Ok::<(), plugwire_gob::EncodeError>(())
/// ```
#[derive(Debug, Default)]
pub struct Encoder {
    pub(crate) roots: IdMap<TypeId, Root>,
    pub(crate) interner: Interner,
}

/// A type whose values were encoded on the stream.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) schema: Arc<Schema>,
    pub(crate) id: Id,
    /// How many bytes the length of the last message took: the best guess for the next one.
    pub(crate) width: usize,
}

impl Root {
    fn new(schema: Arc<Schema>, interner: &mut Interner) -> Result<Self, EncodeError> {
        let id = interner.define(&schema.types, schema.root)?;
        let width = 1;
        Ok(Self { schema, id, width })
    }
}

/// With default limits, Go's decoder and this one refuse longer messages.
pub(crate) const MAX_MESSAGE: usize = 1 << 30;

impl Encoder {
    /// An encoder for a new stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the definitions that the stream has not had yet, and the value.
    ///
    /// # Errors
    ///
    /// When the type or the value has no form in gob. `out` and the encoder are then as they were
    /// before.
    pub fn encode<T: Encode + ?Sized>(
        &mut self,
        value: &T,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let key = typeid::of::<T>();
        let (start, mark) = (out.len(), self.interner.mark());
        let result = match self.roots.get_mut(&key) {
            Some(root) => write(root, &mut self.interner, value, out),
            None => T::learned().and_then(|learned| {
                let mut root = Root::new(learned.schema.clone(), &mut self.interner)?;
                let concrete = write(&mut root, &mut self.interner, value, out)?;
                if concrete.is_none() {
                    self.roots.insert(key, root);
                }
                Ok(concrete)
            }),
        };
        let result = result.and_then(|concrete| self.write_concrete(mark, concrete, value, out));
        result.map_err(|error| self.undo::<T>(start, mark, out, error))
    }

    /// Appends the definitions that the stream has not had yet, and the value, as one of a type
    /// that is given.
    ///
    /// This takes any `Serialize` and runs no `Deserialize`: see [`Schema`].
    ///
    /// # Errors
    ///
    /// When the value is not of the type, or has no form in gob. `out` and the encoder are then as
    /// they were before.
    pub fn encode_as<T: Serialize + ?Sized>(
        &mut self,
        schema: &Schema,
        value: &T,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let (start, mark) = (out.len(), self.interner.mark());
        let schema = Arc::new(schema.clone());
        let result = Root::new(schema, &mut self.interner)
            .and_then(|mut root| write(&mut root, &mut self.interner, value, out))
            .and_then(|concrete| self.write_concrete(mark, concrete, value, out));
        result.map_err(|error| self.undo::<T>(start, mark, out, error))
    }

    /// Writes a value that has another type than that of its Rust type, if there is one. The types
    /// that were defined since the mark were not needed.
    fn write_concrete<T: Serialize + ?Sized>(
        &mut self,
        mark: Mark,
        concrete: Option<Schema>,
        value: &T,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        let Some(concrete) = concrete else {
            return Ok(());
        };
        self.interner.rollback(mark);
        let mut root = Root::new(Arc::new(concrete), &mut self.interner)?;
        match write(&mut root, &mut self.interner, value, out)? {
            None => Ok(()),
            Some(_) => Err(<EncodeError as serde::ser::Error>::custom(
                "Serialize gave a value of another type than before",
            )),
        }
    }

    #[cold]
    fn undo<T: ?Sized>(
        &mut self,
        start: usize,
        mark: Mark,
        out: &mut BytesMut,
        error: EncodeError,
    ) -> EncodeError {
        out.truncate(start);
        self.interner.rollback(mark);
        error.target(std::any::type_name::<T>())
    }
}

/// Appends a message. Returns a type, with `out` as it was, if the value has to be written as one
/// of that type.
fn write<T: Serialize + ?Sized>(
    root: &mut Root,
    interner: &mut Interner,
    value: &T,
    out: &mut BytesMut,
) -> Result<Option<Schema>, EncodeError> {
    let (start, deeds) = (out.len(), attempt::deeds());
    out.put_bytes(0, root.width);
    put_int(out, i64::from(root.id.0));
    if let Some(concrete) = serialize(&root.schema, interner, value, out)? {
        out.truncate(start);
        attempt::set_deeds(deeds);
        return Ok(Some(concrete));
    }
    let len = out.len() - start - root.width;
    if len > MAX_MESSAGE {
        return Err(EncodeErrorKind::MessageTooBig { len }.into());
    }
    root.width = close_length(out, start, root.width);
    interner.put_definitions(out, start);
    Ok(None)
}

/// How many values of their own types one value may have in the places of interface types.
const MAX_CONCRETE: usize = 64;

/// Appends the value alone. After an error, `out` has a part of it.
///
/// Returns a type if it was written as another one than asked for: it holds values that came with
/// types of their own, in the places of interface types.
pub(crate) fn serialize<T: Serialize + ?Sized>(
    schema: &Schema,
    interner: &mut Interner,
    value: &T,
    out: &mut BytesMut,
) -> Result<Option<Schema>, EncodeError> {
    let (start, deeds) = (out.len(), attempt::deeds());
    match serialize_once(schema, interner, value, out, false) {
        Ok(()) => Ok(None),
        Err(failure) => {
            let mut attempts = Attempts {
                asked: schema,
                concrete: None,
                places: 0,
                by_name: false,
            };
            attempts.learn(failure)?;
            out.truncate(start);
            attempt::set_deeds(deeds);
            attempts.serialize(interner, value, out)
        }
    }
}

/// Why an attempt failed.
struct Failure {
    error: EncodeError,
    /// Whether the attempt has sorted fields.
    reorder: bool,
    found: Option<Concrete>,
}

fn serialize_once<T: Serialize + ?Sized>(
    schema: &Schema,
    interner: &mut Interner,
    value: &T,
    out: &mut BytesMut,
    by_name: bool,
) -> Result<(), Failure> {
    let reorder = schema.field_order.differs();
    let mut output = Output {
        buf: out,
        types: &schema.types,
        interner,
        reorder,
        pieces: Vec::new(),
        concrete: None,
        by_name,
    };
    ser::serialize(&mut output, schema.root, value).map_err(|error| Failure {
        error,
        reorder,
        found: output.concrete.take(),
    })
}

/// Attempts to write a value, each of which may show how the next has to be made.
struct Attempts<'a> {
    asked: &'a Schema,
    concrete: Option<Schema>,
    /// How many values were found that came with types of their own.
    places: usize,
    by_name: bool,
}

impl Attempts<'_> {
    #[cold]
    fn serialize<T: Serialize + ?Sized>(
        mut self,
        interner: &mut Interner,
        value: &T,
        out: &mut BytesMut,
    ) -> Result<Option<Schema>, EncodeError> {
        let (start, deeds) = (out.len(), attempt::deeds());
        loop {
            let schema = self.concrete.as_ref().unwrap_or(self.asked);
            let Err(failure) = serialize_once(schema, interner, value, out, self.by_name) else {
                return Ok(self.concrete);
            };
            self.learn(failure)?;
            out.truncate(start);
            attempt::set_deeds(deeds);
        }
    }

    /// Has the next attempt be made otherwise, unless that would not help.
    #[cold]
    fn learn(&mut self, failure: Failure) -> Result<(), EncodeError> {
        let Failure {
            mut error,
            reorder,
            found,
        } = failure;
        let schema = self.concrete.as_ref().unwrap_or(self.asked);
        match (error.signal(), found) {
            (Some(Signal::FieldOrder), _) if !reorder => schema.field_order.set_differs(),
            (Some(Signal::Concrete), Some(found)) => {
                self.places += 1;
                let steps = error.steps();
                let in_list = steps.iter().any(|step| step.starts_with('['));
                // The other elements may have other types.
                let keeps_name = found.has_name && in_list;
                let other = match self.places <= MAX_CONCRETE && !keeps_name {
                    true => retyped(schema, &steps, &found.schema),
                    false => None,
                };
                match other {
                    Some(other) => self.concrete = Some(other),
                    None if found.has_name => self.by_name = true,
                    None => {
                        error.set_kind(EncodeErrorKind::Unnamed("a struct"));
                        return Err(error);
                    }
                }
            }
            _ => return Err(error),
        }
        Ok(())
    }
}

/// Encodes a value to be kept in memory, outside of any stream.
pub(crate) fn to_raw<T: Encode + ?Sized>(value: &T) -> Result<RawValue, EncodeError> {
    raw(to_vec(value)?)
}

/// The same for a value of a type that is given.
pub(crate) fn to_raw_as<T: Serialize + ?Sized>(
    schema: &Schema,
    value: &T,
) -> Result<RawValue, EncodeError> {
    raw(to_vec_as(schema, value)?)
}

fn raw(bytes: Vec<u8>) -> Result<RawValue, EncodeError> {
    let mut buf = BytesMut::from(&bytes[..]);
    match Decoder::new().next_value(&mut buf) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(EncodeErrorKind::MessageTooBig { len: bytes.len() }.into()),
        Err(error) => Err(EncodeErrorKind::Custom(error.to_string()).into()),
    }
}

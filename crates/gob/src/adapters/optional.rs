//! [`Optional`]: a value or none, where gob has no place for a nil.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::passthrough::{OPTIONAL, OPTIONAL_FIELDS};
use crate::ser;

/// A value or none, where there is no field to leave out: as a whole value, or in a list.
///
/// gob has no nil. An `Option` in a field is Go's pointer: a nil and a pointer to zero are both
/// left out. Alone and in lists, a value cannot be left out. This is a struct to Go, of a value and
/// a flag:
///
/// ```go
/// struct { A T; B bool }
/// ```
///
/// `B` says whether there is a value, so `Some(0)` is not `None`. `T` may be a pointer. A Go author
/// without zeros to distinguish may write `struct { A *T }`: then the value is there if it was
/// sent. A value of any other type is read as the value itself. Other formats have an `Option`.
///
/// ```
/// use plugwire_gob::{self as gob, Optional};
///
/// for value in [None, Some(0), Some(7)] {
///     let bytes = gob::to_vec(&Optional(value))?;
///     assert_eq!(gob::from_slice::<Optional<i64>>(&bytes)?.0, value);
/// }
/// let seven = gob::to_vec(&7i64)?;
/// assert_eq!(gob::from_slice::<Optional<i64>>(&seven)?.0, Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Optional<T>(pub Option<T>);

impl<T> From<Option<T>> for Optional<T> {
    fn from(value: Option<T>) -> Self {
        Optional(value)
    }
}

impl<T> From<Optional<T>> for Option<T> {
    fn from(value: Optional<T>) -> Self {
        value.0
    }
}

impl<T: Serialize> Serialize for Optional<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !ser::is_gob::<S>() {
            return self.0.serialize(serializer);
        }
        let [value_field, is_some] = OPTIONAL_FIELDS;
        let mut fields = serializer.serialize_struct(OPTIONAL, 2)?;
        match &self.0 {
            Some(value) => fields.serialize_field(value_field, value)?,
            None => fields.skip_field(value_field)?,
        }
        fields.serialize_field(is_some, &self.0.is_some())?;
        fields.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = OptionalVisitor(PhantomData);
        deserializer.deserialize_newtype_struct(OPTIONAL, visitor)
    }
}

struct OptionalVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OptionalVisitor<T> {
    type Value = Optional<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or none")
    }

    fn visit_none<E: de::Error>(self) -> Result<Optional<T>, E> {
        Ok(Optional(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Optional<T>, D::Error> {
        T::deserialize(deserializer).map(|value| Optional(Some(value)))
    }

    /// Called by other formats.
    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Optional<T>, D::Error> {
        Option::deserialize(deserializer).map(Optional)
    }
}

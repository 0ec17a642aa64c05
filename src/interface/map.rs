//! Arguments as Go's `map[string]interface{}`.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::de::DeserializeOwned;

use super::around::{self, Unconnected};
use super::{Error, scope};
use crate::broker::MuxBroker;
use crate::codec::{Any, Encode};
use crate::gob::{DecodeError, EncodeErrorKind};
use plugwire_base::chain::Chain;

/// Arguments by name.
#[doc(hidden)]
pub type ArgMap = BTreeMap<String, Any>;

/// Types that stand for one Go type each, so that they can be an interface value as they are.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` stands for no Go type of its own, so it cannot be an `interface{{}}` as it is",
    note = "name the Go type that it is registered as: `#[plugwire(go = \"main.Person\")]` on the parameter"
)]
pub trait InterfaceValue {
    /// The value with the name of its type.
    fn to_any(&self) -> Any;
}

macro_rules! basic {
    ($($ty:ty),* $(,)?) => {$(
        impl InterfaceValue for $ty {
            fn to_any(&self) -> Any {
                self.clone().into()
            }
        }
    )*};
}

basic!(
    bool,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    f32,
    f64,
    String,
    Vec<u8>
);

impl InterfaceValue for Any {
    fn to_any(&self) -> Any {
        self.clone()
    }
}

/// A nil interface for `None`.
impl<T: InterfaceValue> InterfaceValue for Option<T> {
    fn to_any(&self) -> Any {
        self.as_ref().map_or(Any::Nil, T::to_any)
    }
}

/// Adds an argument of a type that stands for a Go type.
#[doc(hidden)]
pub fn put<T: InterfaceValue>(map: &mut ArgMap, key: &str, value: &T) {
    map.insert(key.to_owned(), value.to_any());
}

/// Adds an argument under the name of a Go type.
pub(super) fn put_as<T: Encode>(
    map: &mut ArgMap,
    key: &str,
    go: &str,
    value: &T,
) -> Result<(), Error> {
    let value = match Any::named(go, value) {
        // A `None`, which is a nil interface.
        Err(error) if *error.kind() == EncodeErrorKind::Nil && error.path().is_empty() => Any::Nil,
        value => value.map_err(|error| Error::other(format!("argument {key:?}: {error}")))?,
    };
    map.insert(key.to_owned(), value);
    Ok(())
}

/// Takes an argument out. One that the sender left out reads as a nil interface.
#[doc(hidden)]
pub fn take<T: DeserializeOwned>(map: &mut ArgMap, key: &str) -> Result<T, Error> {
    decode(&map.remove(key).unwrap_or_default()).map_err(|error| argument_error(key, error))
}

/// The same for an argument that may hold what the caller lent.
///
/// # Errors
///
/// When the argument does not decode, or what it lends cannot be connected to.
#[doc(hidden)]
pub async fn take_in<T>(broker: &MuxBroker, map: &mut ArgMap, key: &str) -> Result<T, Error>
where
    T: DeserializeOwned + Send,
{
    let value = map.remove(key).unwrap_or_default();
    let mut dials = Vec::new();
    let decoded = scope::decode(broker, &mut dials, || decode(&value));
    let decoded = decoded.map_err(|error| argument_error(key, error))?;
    if dials.is_empty() {
        return Ok(decoded);
    }
    let connected = around::connect(broker, dials, decoded, |broker, index| {
        scope::locate(broker, index, || decode::<T>(&value))
            .err()
            .map(|error| error.to_string())
    });
    connected.await.map_err(|Unconnected { place, error }| {
        argument_error(key, format_args!("{place}: {}", Chain(&error)))
    })
}

fn decode<T: DeserializeOwned>(value: &Any) -> Result<T, DecodeError> {
    value.decode().or_else(|error| {
        // MessagePack does not distinguish `int` from `uint`.
        let signed = value.as_i64().and_then(|n| Any::Int64(n).decode().ok());
        let either = signed.or_else(|| value.as_u64().and_then(|n| Any::Uint64(n).decode().ok()));
        either.ok_or(error)
    })
}

fn argument_error(key: &str, reason: impl Display) -> Error {
    Error::other(ArgumentError {
        key: key.to_owned(),
        reason: reason.to_string(),
    })
}

/// An argument that does not decode. `served.rs` adds the method's name to the text.
#[derive(Debug, thiserror::Error)]
#[error("argument {key:?}: {reason}")]
pub(super) struct ArgumentError {
    key: String,
    reason: String,
}

//! Errors of a method's own type, on their way to the caller and back.
//!
//! The text crosses always. To a peer that asks for it goes what the text does not say: the texts
//! of the causes, if the type is an [`Error`](std::error::Error), and the value itself, if the type
//! is `Serialize` and `Deserialize`. Which of these it is, the attribute's code finds out where the
//! type is written, by [`error_form`].

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::{PoisonError, RwLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;
use super::map::ArgumentError;
use super::signature::Signature;
use crate::codec::{Limits, rich};
use crate::rpc::{Detail, Failure, PeerError};

/// How an error crosses, besides its text.
#[doc(hidden)]
pub struct ErrorForm<E> {
    own: fn(Error) -> E,
    text: fn(&E) -> String,
    value: Option<ValueForm<E>>,
    source: Option<Source<E>>,
}

impl<E: Display + From<Error>> ErrorForm<E> {
    fn new(value: Option<ValueForm<E>>, source: Option<Source<E>>) -> Self {
        ErrorForm {
            own: E::from,
            text: E::to_string,
            value,
            source,
        }
    }
}

// A derive would ask the same of `E`.
impl<E> Clone for ErrorForm<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for ErrorForm<E> {}

struct ValueForm<E> {
    encode: fn(&E) -> Option<Vec<u8>>,
    decode: fn(&[u8]) -> Option<E>,
}

impl<E> Clone for ValueForm<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for ValueForm<E> {}

type Source<E> = fn(&E) -> &(dyn StdError + 'static);

impl<E: Serialize + DeserializeOwned> ValueForm<E> {
    fn new() -> Self {
        ValueForm {
            encode: |error| to_bytes(error),
            decode: |bytes| from_bytes(bytes),
        }
    }
}

impl<E: 'static> ErrorForm<E> {
    /// What the caller of a method gets of its error.
    pub(super) fn failure(&self, method: &str, error: E) -> Failure {
        match castaway::cast!(error, Error) {
            Ok(Error::Other(other)) if other.is::<ArgumentError>() => {
                format!("{other} (in a call of {method})").into()
            }
            Ok(error) => error.failure(),
            Err(error) => self.failure_of(&error),
        }
    }

    /// What a peer gets of an error that is no [`Error`].
    pub(super) fn failure_of(&self, error: &E) -> Failure {
        let text = (self.text)(error);
        // Of a text there is no more to say.
        if castaway::cast!(error, &String).is_ok() {
            return text.into();
        }
        let mut detail = match self.source {
            Some(source) => Detail::of_causes(source(error)),
            None => Detail::default(),
        };
        if let Some(value) = self.value.as_ref().and_then(|form| (form.encode)(error)) {
            detail.name = short_name::<E>();
            detail.value = value;
        }
        Failure {
            text,
            detail: Some(detail),
        }
    }

    /// The error of a call that failed: the peer's own, if it is of this type.
    pub(super) fn caught(&self, error: Error) -> E {
        let error = match castaway::cast!(error, E) {
            Ok(error) => return error,
            Err(error) => error,
        };
        let own = self.value.as_ref().and_then(|form| {
            let value = value_of::<E>(error.peer_error()?)?;
            (form.decode)(value)
        });
        own.unwrap_or_else(|| (self.own)(error))
    }
}

/// The forms of the errors of all methods that this process has called or served, by their types. A
/// [`Stream`](super::Stream) has its error type from a signature, and not the form. There are no
/// more than the program has types.
static KNOWN: RwLock<Option<HashMap<TypeId, Form>>> = RwLock::new(None);

/// An [`ErrorForm`].
type Form = Box<dyn Any + Send + Sync>;

/// Notes the form of a method's error.
#[doc(hidden)]
pub fn note_form<E: 'static>(form: ErrorForm<E>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    known.insert(TypeId::of::<E>(), Box::new(form));
}

/// The form of a type that is the error of some method.
pub(super) fn known<E: 'static>() -> Option<ErrorForm<E>> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let form = known.as_ref()?.get(&TypeId::of::<E>())?;
    form.downcast_ref().copied()
}

/// The error of a call that failed, as the method's own.
#[doc(hidden)]
#[must_use]
pub fn caught<M: Signature + ?Sized>(error: Error) -> M::Error {
    M::error_form().caught(error)
}

impl Error {
    /// An implementation's own error, with its type: a caller that expects this type gets the
    /// value, and [`downcast`](Self::downcast) gives it to any other, however many processes have
    /// passed it on. The texts of its causes cross, too.
    ///
    /// It is encoded at once. A value that serde cannot write crosses as its text.
    ///
    /// ```
    /// use plugwire::Error;
    ///
    /// #[derive(Debug, PartialEq, thiserror::Error, serde::Serialize, serde::Deserialize)]
    /// #[error("there is no key {0:?}")]
    /// struct NotFound(String);
    ///
    /// let error = Error::typed(&NotFound("a".into()));
    /// assert_eq!(error.to_string(), "there is no key \"a\"");
    /// assert_eq!(error.downcast(), Some(NotFound("a".into())));
    /// ```
    #[must_use]
    pub fn typed<E>(error: &E) -> Error
    where
        E: StdError + Serialize + 'static,
    {
        let mut detail = Detail::of_causes(error);
        if let Some(value) = to_bytes(error) {
            detail.name = short_name::<E>();
            detail.value = value;
        }
        let error = PeerError::new(error.to_string(), Some(detail));
        Error::other(error)
    }

    /// The value of the error that a peer failed with, or that was made with
    /// [`typed`](Self::typed). `None` if it came without its value, or if the value is of another
    /// type. Types are compared by their names, without modules.
    #[must_use]
    pub fn downcast<E: DeserializeOwned + 'static>(&self) -> Option<E> {
        let value = value_of::<E>(self.peer_error()?)?;
        from_bytes(value)
    }
}

/// The bytes of the value, if its type is called as `E` is.
fn value_of<E>(error: &PeerError) -> Option<&[u8]> {
    (error.type_name()? == short_name::<E>()).then(|| error.value())
}

/// A type's name without its module: `KvError`, `Wrong<Key>`. The two sides may have the type in
/// different modules.
fn short_name<E: ?Sized>() -> String {
    let name = type_name::<E>();
    let mut short = String::with_capacity(name.len());
    // A path is dropped up to its last segment.
    let mut start = 0;
    for (at, character) in name.char_indices() {
        if character == ':' {
            start = at + 1;
        } else if !character.is_alphanumeric() && character != '_' {
            short.push_str(&name[start..at]);
            short.push(character);
            start = at + character.len_utf8();
        }
    }
    short.push_str(&name[start..]);
    short
}

/// What finds out of what form an error type is. Each trait below is implemented for another number
/// of references; the compiler takes the first one whose conditions hold.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<E>(PhantomData<fn() -> E>);

impl<E> Probe<E> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new() -> Self {
        Probe(PhantomData)
    }
}

impl<E> Default for Probe<E> {
    fn default() -> Self {
        Probe::new()
    }
}

/// An error of which value and causes cross.
#[doc(hidden)]
pub trait ValueAndCauses<E> {
    fn form(&self) -> ErrorForm<E>;
}

impl<E> ValueAndCauses<E> for &&&&Probe<E>
where
    E: Display + From<Error> + Serialize + DeserializeOwned + StdError + 'static,
{
    fn form(&self) -> ErrorForm<E> {
        ErrorForm::new(Some(ValueForm::new()), Some(|error| error))
    }
}

/// An error of which the value crosses.
#[doc(hidden)]
pub trait ValueAlone<E> {
    fn form(&self) -> ErrorForm<E>;
}

impl<E> ValueAlone<E> for &&&Probe<E>
where
    E: Display + From<Error> + Serialize + DeserializeOwned,
{
    fn form(&self) -> ErrorForm<E> {
        ErrorForm::new(Some(ValueForm::new()), None)
    }
}

/// An error of which the causes cross.
#[doc(hidden)]
pub trait CausesAlone<E> {
    fn form(&self) -> ErrorForm<E>;
}

impl<E: From<Error> + StdError + 'static> CausesAlone<E> for &&Probe<E> {
    fn form(&self) -> ErrorForm<E> {
        ErrorForm::new(None, Some(|error| error))
    }
}

/// An error that is its text.
#[doc(hidden)]
pub trait TextAlone<E> {
    fn form(&self) -> ErrorForm<E>;
}

impl<E: Display + From<Error>> TextAlone<E> for &Probe<E> {
    fn form(&self) -> ErrorForm<E> {
        ErrorForm::new(None, None)
    }
}

/// What cannot be the error of a method: the compiler reports it elsewhere.
#[doc(hidden)]
pub trait NoError<E> {
    fn form(&self) -> ErrorForm<E>;
}

impl<E> NoError<E> for Probe<E> {
    fn form(&self) -> ErrorForm<E> {
        unreachable!("it does not compile")
    }
}

/// The form of an error type, which has to be written out here: of a type parameter too little is
/// known.
#[doc(hidden)]
#[macro_export]
macro_rules! __error_form {
    ($error:ty) => {{
        use $crate::interface::__private::{
            CausesAlone as _, NoError as _, TextAlone as _, ValueAlone as _, ValueAndCauses as _,
        };
        (&&&&&$crate::interface::__private::Probe::<$error>::new()).form()
    }};
}

/// The bytes of an error's value, whatever codec the connection has. `None` if serde cannot write
/// it.
fn to_bytes<E: Serialize>(error: &E) -> Option<Vec<u8>> {
    rich::to_bytes(error).ok().map(Vec::from)
}

/// The value of bytes that a peer sent. `None` if they are no value of this type.
fn from_bytes<E: DeserializeOwned>(bytes: &[u8]) -> Option<E> {
    rich::from_bytes(bytes, Limits::default()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::CallError;

    struct Generic<T>(T);

    #[test]
    fn names_have_no_modules() {
        assert_eq!(short_name::<CallError>(), "CallError");
        assert_eq!(short_name::<Generic<CallError>>(), "Generic<CallError>");
        assert_eq!(
            short_name::<Generic<(CallError, [std::io::Error; 2])>>(),
            "Generic<(CallError, [Error; 2])>"
        );
        assert_eq!(short_name::<str>(), "str");
        let _ = Generic(1).0;
    }
}

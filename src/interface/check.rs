//! Whether gob can say what the methods of an interface take and return.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use super::Interface;
use super::brokered::Brokered;
use crate::gob::{EncodeError, EncodeErrorKind, LossKind, Schema};
use crate::rpc::Encode;

/// Checks that every type in the methods of `I` crosses gob: see [`CheckError`]. Interfaces in
/// parameters and results are checked, too.
///
/// [`PluginSet::register`](crate::connection::PluginSet::register) and
/// [`Client::dispense`](crate::host::Client::dispense) do it for connections in gob. A trait with
/// the attribute has this as `<dyn Counter>::check()` as well, for a unit test, unless a method of
/// its own has that name.
///
/// ```
/// use plugwire::Result;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// pub enum Shape {
///     Square(u32),
///     Circle { radius: u32 },
/// }
///
/// #[plugwire::interface]
/// pub trait Canvas {
///     async fn draw(&self, shape: Shape, layer: u8) -> Result<()>;
/// }
///
/// let error = <dyn Canvas>::check().unwrap_err();
/// assert!(error.to_string().contains("Canvas::draw, parameter `shape`: variant Square"));
/// ```
///
/// A check takes some microseconds for each type the first time that a process checks an interface,
/// and a look-up from then on.
///
/// # Errors
///
/// When a type has values that gob cannot carry.
pub fn check<I: Interface + ?Sized>() -> Result<(), CheckError> {
    static CHECKED: Mutex<Option<HashMap<TypeId, Result<(), CheckError>>>> = Mutex::new(None);
    let key = TypeId::of::<I>();
    let known = |checked: &Option<HashMap<_, _>>| checked.as_ref()?.get(&key).cloned();
    if let Some(known) = known(&CHECKED.lock().unwrap_or_else(PoisonError::into_inner)) {
        return known;
    }
    // Not under the lock: it runs code of the types.
    let mut types = TypeCheck::default();
    types.interface::<I>();
    let found = types.finish();
    let mut checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    let checked = checked.get_or_insert_default();
    checked.insert(key, found.clone());
    found
}

/// An interface has methods whose types gob, the codec of Go peers, cannot say. Its text names all
/// of them, each with a cure.
///
/// | in the types of a method | the check |
/// | --- | --- |
/// | an enum with data; a type that cannot be [learned](crate::gob#types-that-cannot-be-learned) | fails: no value would cross |
/// | `Option` in a list, an array or a map | fails: a `None` there would be an error of the call |
/// | `Option<Option<T>>`, `Option<()>` | fails: one of the values would arrive as another |
/// | `i128`, `u128` | fails: what exceeds 64 bits would be an error of the call |
/// | a map whose keys are lists, maps or types with these in them | fails: Go has no type for it |
/// | `Option` as the only parameter, or as the result | passes: see [the attribute](macro@crate::interface) |
/// | the same behind a type alias, which the attribute cannot see | fails: a `None` would be an error of the call |
/// | `Option` in a field of a struct | passes, although `Some` of a zero arrives as `None`, as with Go's pointers |
/// | `()`, unit structs, arrays, tuples, types that contain themselves in a list, a map or an `Option` | passes |
///
/// Borrowed types do not compile in an interface.
#[derive(Clone, Debug, thiserror::Error)]
pub struct CheckError {
    problems: Arc<[Problem]>,
}

/// One part of a method that gob cannot say.
#[derive(Clone, Debug)]
pub struct Problem {
    interface: &'static str,
    method: &'static str,
    part: Part,
    path: String,
    what: String,
    cure: &'static str,
}

/// A part of a method.
#[derive(Clone, Copy, Debug)]
enum Part {
    Parameter(&'static str),
    Result,
}

impl CheckError {
    /// What is wrong, in the order of the methods.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Problem {
    /// The trait.
    #[must_use]
    pub fn interface(&self) -> &'static str {
        self.interface
    }

    /// The method, by its name in the trait.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The parameter. `None` for the result.
    #[must_use]
    pub fn parameter(&self) -> Option<&'static str> {
        match self.part {
            Part::Parameter(name) => Some(name),
            Part::Result => None,
        }
    }

    /// Where in the type: `Owner.Tags[]`. Empty for the type itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gob cannot say what these methods take or return")?;
        for problem in &*self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            interface, method, ..
        } = self;
        write!(f, "{interface}::{method}, ")?;
        match self.part {
            Part::Parameter(name) => write!(f, "parameter `{name}`")?,
            Part::Result => f.write_str("result")?,
        }
        if !self.path.is_empty() {
            write!(f, ", at {}", self.path)?;
        }
        write!(f, ": {}: {}", self.what, self.cure)
    }
}

/// The types of methods, gathered by the code that the attribute generates.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct TypeCheck {
    interfaces: HashSet<TypeId>,
    problems: Vec<Problem>,
}

/// One method of a [`TypeCheck`].
#[doc(hidden)]
#[derive(Debug)]
pub struct MethodCheck<'a> {
    check: &'a mut TypeCheck,
    interface: &'static str,
    method: &'static str,
}

impl TypeCheck {
    /// Checks an interface, unless that was done.
    pub fn interface<I: Interface + ?Sized>(&mut self) {
        if self.interfaces.insert(TypeId::of::<I>()) {
            I::check_types(self);
        }
    }

    /// Begins a method.
    pub fn method(&mut self, interface: &'static str, method: &'static str) -> MethodCheck<'_> {
        let check = self;
        MethodCheck {
            check,
            interface,
            method,
        }
    }

    fn finish(self) -> Result<(), CheckError> {
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(CheckError {
                problems: self.problems.into(),
            }),
        }
    }
}

impl MethodCheck<'_> {
    /// A parameter that is the whole argument.
    pub fn whole(&mut self, name: &'static str, learned: Learned) -> &mut Self {
        self.part(Part::Parameter(name), true, learned)
    }

    /// A parameter among others, or in a map.
    pub fn parameter(&mut self, name: &'static str, learned: Learned) -> &mut Self {
        self.part(Part::Parameter(name), false, learned)
    }

    /// The whole reply.
    pub fn reply(&mut self, learned: Learned) -> &mut Self {
        self.part(Part::Result, true, learned)
    }

    /// A field of the reply.
    pub fn reply_field(&mut self, learned: Learned) -> &mut Self {
        self.part(Part::Result, false, learned)
    }

    fn part(&mut self, part: Part, whole: bool, learned: Learned) -> &mut Self {
        match learned {
            Learned::Unknown => {}
            Learned::Brokered(check_types) => check_types(self.check),
            Learned::Value(Err(error)) => {
                let what = error.kind().to_string();
                self.note(part, error.path(), what, cure_of(&error));
            }
            Learned::Value(Ok(schema)) => {
                for loss in schema.losses() {
                    let in_field = loss.kind() == LossKind::WholeOption && !whole;
                    if let (false, Some(cure)) = (in_field, cure(loss.kind())) {
                        let path = loss.path().to_owned();
                        self.note(part, path, loss.kind().to_string(), cure);
                    }
                }
            }
        }
        self
    }
}

impl MethodCheck<'_> {
    fn note(&mut self, part: Part, mut path: String, what: String, cure: &'static str) {
        // That of a type without an end is long.
        if let Some((end, _)) = path.char_indices().nth(48) {
            path.truncate(end);
            path.push('…');
        }
        self.check.problems.push(Problem {
            interface: self.interface,
            method: self.method,
            part,
            path,
            what,
            cure,
        });
    }
}

/// What would do in place of a type that cannot be learned.
fn cure_of(error: &EncodeError) -> &'static str {
    match error.kind() {
        EncodeErrorKind::VariantWithData { .. } => {
            "use a struct with an `Option` for each variant, `gob::interface!` for types that Go \
             registers, or between peers of plugwire its own codec (`Codec::Rich`)"
        }
        EncodeErrorKind::TooDeep => "put an `Option`, a `Vec` or a map in between",
        _ => {
            "send it as text with `#[serde(with = \"plugwire::gob::as_string\")]` on the field, \
             write flattened fields out, or use plugwire's own codec (`Codec::Rich`)"
        }
    }
}

/// What would do in place of a type that loses values. `None` if that is as usual in Go.
fn cure(loss: LossKind) -> Option<&'static str> {
    match loss {
        LossKind::ZeroOption => None,
        LossKind::WholeOption => Some(
            "write `Option<…>` in the trait itself in place of an alias, or add \
             `#[plugwire(reply = \"letters\")]` or `#[plugwire(args = \"letters\")]`",
        ),
        LossKind::OptionalElement => {
            Some("use `gob::Optional` in place of the `Option`, or leave such elements out")
        }
        LossKind::NestedOption | LossKind::OptionalUnit => {
            Some("use `gob::Optional` in place of the `Option`, or an enum without data")
        }
        LossKind::WideInteger => Some(
            "use an integer of 64 bits, or `#[serde(with = \"plugwire::gob::as_string\")]` on a \
             field",
        ),
        LossKind::MapKey => Some("use a `Vec` of pairs, or text for the key"),
        _ => Some("use plugwire's own codec (`Codec::Rich`)"),
    }
}

/// What was learned of a type.
#[doc(hidden)]
#[derive(Debug)]
pub enum Learned {
    /// It is a value.
    Value(Result<Schema, EncodeError>),
    /// It crosses by broker id, and has this to check.
    Brokered(fn(&mut TypeCheck)),
    /// It is neither, and does not compile.
    Unknown,
}

/// A type in generated code. [`Learn`] and [`Skip`] have a method of one name. The compiler takes
/// that of `Learn` where the type can be encoded. Where it cannot, other code of the attribute has
/// the compiler say so, and this adds no second message.
#[doc(hidden)]
#[derive(Debug)]
pub struct TypeOf<T>(PhantomData<fn() -> T>);

impl<T> TypeOf<T> {
    /// The type.
    pub const NEW: Self = TypeOf(PhantomData);
}

/// A type that can be encoded.
#[doc(hidden)]
pub trait Learn {
    /// What it is in gob.
    fn learn(&self) -> Learned;
}

impl<T: Encode> Learn for TypeOf<T> {
    fn learn(&self) -> Learned {
        Learned::Value(Schema::of::<T>())
    }
}

/// A type that crosses by broker id.
#[doc(hidden)]
pub trait LearnBrokered {
    /// What to check of it.
    fn learn_brokered(&self) -> Learned;
}

impl<T: Brokered> LearnBrokered for TypeOf<T> {
    fn learn_brokered(&self) -> Learned {
        Learned::Brokered(T::check_types)
    }
}

/// Any other type.
#[doc(hidden)]
pub trait Skip {
    /// Unknown.
    fn learn(&self) -> Learned {
        Learned::Unknown
    }

    /// Unknown.
    fn learn_brokered(&self) -> Learned {
        Learned::Unknown
    }
}

impl<T> Skip for &TypeOf<T> {}

//! Go interface types as Rust enums: which registered name leads to which variant.

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::de;
use crate::dynamic::Any;
use crate::error::EncodeError;
use crate::trace;

/// Declares an enum for a Go interface type: each variant holds the Rust type for one registered Go
/// type.
///
/// Where Go has an `error`, an `interface{}` or an interface of its own, a value comes with the
/// name under which `gob.Register` knows its type. The enum's `Deserialize` goes by that name, and
/// its `Serialize` writes it. A last variant `_ => Other(Any)` takes nil and the names that are not
/// listed; without it they are errors. A field that can be nil is an `Option` of the enum, unless
/// the enum has that variant.
///
/// Further names for a type, such as that of its pointer, follow behind `|`; the first is written.
///
/// ```
/// use plugwire_gob::{self as gob, Any};
/// use serde::{Deserialize, Serialize};
///
/// // func init() { gob.Register(&NotFound{}); gob.Register(Timeout(0)) }
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct NotFound { path: String }
///
/// gob::interface! {
///     /// What the plugin's `error` fields hold.
///     #[derive(Clone, Debug, PartialEq)]
///     pub enum Failure {
///         "*main.NotFound" | "main.NotFound" => NotFound(NotFound),
///         "main.Timeout" => Timeout(i64),
///         _ => Other(Any),
///     }
/// }
///
/// // type Reply struct { Err error }
/// #[derive(Serialize, Deserialize)]
/// struct Reply { #[serde(rename = "Err")] error: Option<Failure> }
///
/// let error = Failure::NotFound(NotFound { path: "/etc".into() });
/// let bytes = gob::to_vec(&Reply { error: Some(error.clone()) })?;
/// let reply: Reply = gob::from_slice(&bytes)?;
/// assert_eq!(reply.error, Some(error));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __gob_interface {
    (
        $(#[$attr:meta])* $vis:vis enum $name:ident {
            $($(#[$variant_attr:meta])*
                $go:literal $(| $alias:literal)* => $variant:ident($ty:ty),)+
            $($(#[$other_attr:meta])* _ => $other:ident($any:ty) $(,)?)?
        }
    ) => {
        $(#[$attr])*
        $vis enum $name {
            $($(#[$variant_attr])* $variant($ty),)+
            $($(#[$other_attr])* $other($any),)?
        }

        impl $crate::__private::Interface for $name {
            fn from_any(
                any: $crate::Any,
            ) -> ::core::result::Result<Self, ::std::string::String> {
                match any.name() {
                    $($go $(| $alias)* => {
                        $crate::__private::decode::<$ty>(&any).map(Self::$variant)
                    })+
                    $(_ if true => ::core::result::Result::Ok(Self::$other(<$any>::from(any))),)?
                    name => ::core::result::Result::Err(
                        $crate::__private::unknown(stringify!($name), name),
                    ),
                }
            }

            fn zero() -> ::core::result::Result<Self, ::std::string::String> {
                $(if true {
                    return ::core::result::Result::Ok(Self::$other(<$any>::from(
                        $crate::Any::Nil,
                    )));
                })?
                let mut why = ::std::string::String::new();
                $(match $crate::__private::zero::<$ty>() {
                    ::core::result::Result::Ok(value) => {
                        return ::core::result::Result::Ok(Self::$variant(value));
                    }
                    ::core::result::Result::Err(error) => why = error,
                })+
                ::core::result::Result::Err(why)
            }

            fn to_any(
                &self,
            ) -> ::core::result::Result<$crate::Any, $crate::EncodeError> {
                match self {
                    $(Self::$variant(value) => $crate::Any::named($go, value),)+
                    $(Self::$other(any) => ::core::result::Result::Ok(
                        <$any as ::core::clone::Clone>::clone(any).into(),
                    ),)?
                }
            }
        }

        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                $crate::__private::serialize(self, serializer)
            }
        }

        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::__private::deserialize(deserializer)
            }
        }
    };
}

/// What [`__gob_interface`] implements for an enum.
pub trait Interface: Sized {
    /// The variant for the value's name.
    ///
    /// # Errors
    ///
    /// When no variant has the name, or its type cannot take the value.
    fn from_any(any: Any) -> Result<Self, String>;

    /// Any value of the type, for learning a type that has one as a field.
    ///
    /// # Errors
    ///
    /// When no variant has a zero value.
    fn zero() -> Result<Self, String>;

    /// The variant's value under its name.
    ///
    /// # Errors
    ///
    /// When the value has no form in gob.
    fn to_any(&self) -> Result<Any, EncodeError>;
}

/// Writes the value under its name.
///
/// # Errors
///
/// Those of the serializer and of [`Interface::to_any`].
pub fn serialize<T: Interface, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value
        .to_any()
        .map_err(S::Error::custom)?
        .serialize(serializer)
}

/// Reads an interface value, and the variant for its name.
///
/// # Errors
///
/// Those of the deserializer and of [`Interface::from_any`].
pub fn deserialize<'de, T: Interface, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let tracing = trace::is_tracer::<D>();
    let any = Any::deserialize(deserializer)?;
    match tracing {
        true => T::zero(),
        false => T::from_any(any),
    }
    .map_err(D::Error::custom)
}

/// A variant's value.
///
/// # Errors
///
/// When `T` cannot take the value.
pub fn decode<T: DeserializeOwned>(any: &Any) -> Result<T, String> {
    any.decode().map_err(|error| error.to_string())
}

/// The zero of a variant's type.
///
/// # Errors
///
/// When the type has none.
pub fn zero<T: DeserializeOwned>() -> Result<T, String> {
    de::zero_value().map_err(|error| error.to_string())
}

/// What is wrong with a name that no variant has.
#[must_use]
pub fn unknown(target: &str, name: &str) -> String {
    match name {
        "" => format!("nil where a {target} is expected: use an Option"),
        _ => format!("{target} has no variant for the type {name}"),
    }
}

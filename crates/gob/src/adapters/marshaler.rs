//! Types with an encoding of their own: what Go's `GobEncoder` and `BinaryMarshaler` are to gob.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::passthrough::{self, Passed};
use crate::trace;
use crate::types::Marshaler;

/// A type that Go encodes with a method of the type's own, in bytes that gob does not look into.
///
/// With it, `#[serde(with = "plugwire_gob::marshal")]` works on a field of the type, and
/// [`Marshaled`] holds one in other places. The type needs no `Deserialize`.
///
/// ```
/// use std::borrow::Cow;
/// use plugwire_gob::{self as gob, Marshal, Marshaled, Marshaler};
/// # use serde::{Deserialize, Serialize};
///
/// // func (v Version) MarshalBinary() ([]byte, error) { return []byte{v.Major, v.Minor}, nil }
/// #[derive(Debug, PartialEq)]
/// struct Version { major: u8, minor: u8 }
///
/// impl Marshal for Version {
///     const MARSHALER: Marshaler = Marshaler::Binary;
///     const NAME: &'static str = "Version";
///     type Error = &'static str;
///
///     fn marshal(&self) -> Result<Cow<'_, [u8]>, Self::Error> {
///         Ok(vec![self.major, self.minor].into())
///     }
///     fn unmarshal(bytes: &[u8]) -> Result<Self, Self::Error> {
///         let &[major, minor] = bytes else { return Err("a version is two bytes") };
///         Ok(Self { major, minor })
///     }
///     fn zero() -> Self {
///         Self { major: 0, minor: 0 }
///     }
/// }
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Release {
///     #[serde(with = "gob::marshal")]
///     version: Version,
///     supported: Vec<Marshaled<Version>>,
/// }
///
/// let version = Version { major: 1, minor: 22 };
/// let bytes = gob::to_vec(&Release { version, supported: vec![] })?;
/// let release: Release = gob::from_slice(&bytes)?;
/// assert_eq!(release.version.minor, 22);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where the Rust type is bytes already (`Vec<u8>`, `[u8; 16]`, `String`, `Uuid`), [`GobEncoded`],
/// [`BinaryMarshaled`] and the modules [`gob_encoder`](crate::gob_encoder) and
/// [`binary_marshaler`](crate::binary_marshaler) need no `Marshal`.
pub trait Marshal: Sized {
    /// Which interface the Go type implements.
    const MARSHALER: Marshaler;
    /// The name of the Go type, without its package. It is sent, but Go's decoder does not look at
    /// it.
    const NAME: &'static str = "";
    /// Why bytes are refused.
    type Error: Display;

    /// The bytes that Go's method returns.
    ///
    /// # Errors
    ///
    /// When the value has no such form.
    fn marshal(&self) -> Result<Cow<'_, [u8]>, Self::Error>;

    /// The converse.
    ///
    /// # Errors
    ///
    /// When the bytes are not those of a value.
    fn unmarshal(bytes: &[u8]) -> Result<Self, Self::Error>;

    /// What a field is that the sender left out: the value that Go's zero value corresponds to.
    fn zero() -> Self;

    /// Whether a field with this value is left out. Sending a zero all the same does no harm.
    fn is_zero(&self) -> bool {
        false
    }
}

/// For `#[serde(with = "plugwire_gob::marshal")]`: a field of a type that implements [`Marshal`].
pub mod with {
    use super::*;

    /// Writes what the value's [`Marshal::marshal`] gives.
    ///
    /// # Errors
    ///
    /// Those of the serializer and of [`Marshal::marshal`].
    pub fn serialize<T: Marshal, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes = value.marshal().map_err(serde::ser::Error::custom)?;
        put(serializer, T::MARSHALER, &bytes, value.is_zero())
    }

    /// Reads what [`Marshal::unmarshal`] takes.
    ///
    /// # Errors
    ///
    /// Those of the deserializer and of [`Marshal::unmarshal`].
    pub fn deserialize<'de, T: Marshal, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        get::<T, _, _>(
            deserializer,
            passthrough::marker(T::MARSHALER),
            Opaque::<T>(PhantomData),
        )
    }
}

/// Asks the deserializer for a type's own encoding.
pub(crate) fn get<'de, T: Marshal, V: Visitor<'de>, D: Deserializer<'de>>(
    deserializer: D,
    marker: &'static str,
    visitor: V,
) -> Result<V::Value, D::Error> {
    if trace::is_tracer::<D>() {
        passthrough::put(Passed::Name(T::NAME));
    }
    deserializer.deserialize_newtype_struct(marker, visitor)
}

/// Gives the bytes to the serializer: to that of this crate as a type's own encoding.
pub(crate) fn put<S: Serializer>(
    serializer: S,
    marshaler: Marshaler,
    bytes: &[u8],
    zero: bool,
) -> Result<S::Ok, S::Error> {
    let marker = if zero {
        passthrough::ZERO
    } else {
        passthrough::marker(marshaler)
    };
    serializer.serialize_newtype_struct(marker, &Payload { marshaler, bytes })
}

struct Payload<'a> {
    marshaler: Marshaler,
    bytes: &'a [u8],
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.marshaler, std::str::from_utf8(self.bytes)) {
            (Marshaler::Text, Ok(text)) => serializer.serialize_str(text),
            _ => serializer.serialize_bytes(self.bytes),
        }
    }
}

struct Opaque<T>(PhantomData<T>);

impl<'de, T: Marshal> Visitor<'de> for Opaque<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if T::NAME.is_empty() {
            std::any::type_name::<T>()
        } else {
            T::NAME
        };
        write!(f, "the bytes of a {name}")
    }

    /// A zero, from this crate's deserializers.
    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        Ok(T::zero())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        match T::MARSHALER {
            // This crate's own deserializer takes bytes for either.
            Marshaler::Text => deserializer.deserialize_str(self),
            _ => deserializer.deserialize_bytes(self),
        }
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        T::unmarshal(bytes).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.visit_bytes(text.as_bytes())
    }

    /// Bytes in a format that has none, such as JSON.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
}

/// Holds a value of a type that implements [`Marshal`] where the attribute cannot be put: in a
/// `Vec`, an `Option`, a map, or alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marshaled<T>(pub T);

impl<T> From<T> for Marshaled<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Marshal> Serialize for Marshaled<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with::serialize(&self.0, serializer)
    }
}

impl<'de, T: Marshal> Deserialize<'de> for Marshaled<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        with::deserialize(deserializer).map(Self)
    }
}

/// What is bytes already, as the payload of a type with an encoding of its own.
macro_rules! payloads {
    ($($(#[$attr:meta])* $name:ident $module:ident $marshaler:ident $go:literal;)*) => {$(
        $(#[$attr])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<T = Vec<u8>>(pub T);

        impl<T> From<T> for $name<T> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }

        impl<T: AsRef<[u8]> + TryFrom<Vec<u8>> + Default> Marshal for $name<T> {
            const MARSHALER: Marshaler = Marshaler::$marshaler;
            type Error = String;

            fn marshal(&self) -> Result<Cow<'_, [u8]>, String> {
                Ok(self.0.as_ref().into())
            }

            fn unmarshal(bytes: &[u8]) -> Result<Self, String> {
                bytes.to_vec().try_into().map(Self).map_err(|_| refused::<T>(bytes))
            }

            fn zero() -> Self {
                Self(T::default())
            }

            fn is_zero(&self) -> bool {
                self.0.as_ref().is_empty()
            }
        }

        impl<T: AsRef<[u8]>> Serialize for $name<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $module::serialize(&self.0, serializer)
            }
        }

        impl<'de, T: AsRef<[u8]> + TryFrom<Vec<u8>> + Default> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                with::deserialize(deserializer)
            }
        }

        #[doc = concat!(
            "For `#[serde(with = \"plugwire_gob::", stringify!($module), "\")]`: a field of bytes ",
            "that are the output of a Go type's `", $go, "`."
        )]
        ///
        /// The field's type gives bytes and is made of them: `Vec<u8>`, `[u8; 16]`, `String`,
        /// `Uuid`. A field that the sender left out becomes its `Default`. It needs no
        /// `Deserialize`.
        pub mod $module {
            use super::*;

            /// Writes the value's bytes.
            ///
            /// # Errors
            ///
            /// Those of the serializer.
            pub fn serialize<T: AsRef<[u8]>, S: Serializer>(
                value: &T,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                let bytes = value.as_ref();
                put(serializer, Marshaler::$marshaler, bytes, bytes.is_empty())
            }

            /// Reads bytes.
            ///
            /// # Errors
            ///
            /// Those of the deserializer, and when `T` cannot be made of the bytes.
            pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
            where
                T: AsRef<[u8]> + TryFrom<Vec<u8>> + Default,
                D: Deserializer<'de>,
            {
                with::deserialize::<$name<T>, D>(deserializer).map(|value| value.0)
            }
        }
    )*};
}

fn refused<T>(bytes: &[u8]) -> String {
    let (len, name) = (bytes.len(), std::any::type_name::<T>());
    format!("{len} bytes are no {name}")
}

payloads! {
    /// The output of a Go type's `GobEncode`, undecoded: `GobEncoded(bytes)`.
    ///
    /// ```
    /// use plugwire_gob::{self as gob, GobEncoded};
    ///
    /// // A Go big.Int of 258: version and sign, then the magnitude.
    /// let number = GobEncoded(vec![0x02, 0x01, 0x02]);
    /// let bytes = gob::to_vec(&vec![number.clone()])?;
    /// assert_eq!(gob::from_slice::<Vec<GobEncoded>>(&bytes)?, [number]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    GobEncoded gob_encoder Gob "GobEncode";
    /// The output of a Go type's `MarshalBinary`, undecoded: `BinaryMarshaled(bytes)`, or
    /// `BinaryMarshaled(uuid)`.
    BinaryMarshaled binary_marshaler Binary "MarshalBinary";
    /// The output of a Go type's `MarshalText`, undecoded. Go itself sends none: see
    /// [`Marshaler::Text`].
    TextMarshaled text_marshaler Text "MarshalText";
}

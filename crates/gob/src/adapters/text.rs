//! Types that go over gob as their text.

/// For `#[serde(with = "plugwire_gob::as_string")]`: a field that goes over gob as the string it
/// prints as.
///
/// The type has `Display` and `FromStr` and needs no `Deserialize`. An empty string, which is also
/// what a field left out by the sender is, becomes the type's `Default`; the `Default` is written
/// as an empty string.
///
/// ```
/// use plugwire_gob as gob;
/// # use serde::{Deserialize, Serialize};
/// use uuid::Uuid;
///
/// // type User struct { ID string; Name string }
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct User {
///     #[serde(rename = "ID", with = "gob::as_string")]
///     id: Uuid,
///     #[serde(rename = "Name")]
///     name: String,
/// }
///
/// let user = User { id: Uuid::nil(), name: "Ann".into() };
/// assert_eq!(gob::from_slice::<User>(&gob::to_vec(&user)?)?, user);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `gob::as_string::option` is the same for an `Option`, whose `None` is the empty string; the type
/// needs no `Default`:
///
/// ```
/// # use plugwire_gob as gob;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Peer {
///     #[serde(rename = "Addr", with = "gob::as_string::option")]
///     addr: Option<std::net::SocketAddr>,
/// }
///
/// let peer = Peer { addr: Some(([127, 0, 0, 1], 80).into()) };
/// assert_eq!(gob::from_slice::<Peer>(&gob::to_vec(&peer)?)?, peer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub mod as_string {
    use std::borrow::Cow;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::Serializer;

    /// Writes the value's text; an empty one for its default.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Display + Default + PartialEq,
        S: Serializer,
    {
        match *value == T::default() {
            true => serializer.serialize_str(""),
            false => serializer.collect_str(value),
        }
    }

    /// Reads the value's text.
    ///
    /// # Errors
    ///
    /// Those of the deserializer, and the type's own.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display> + Default,
        D: Deserializer<'de>,
    {
        option::deserialize(deserializer).map(Option::unwrap_or_default)
    }

    /// The same for an `Option` of a type, where `None` is the empty string.
    pub mod option {
        use super::*;

        /// Writes the value's text; an empty one for `None`.
        ///
        /// # Errors
        ///
        /// Those of the serializer.
        pub fn serialize<T: Display, S: Serializer>(
            value: &Option<T>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match value {
                None => serializer.serialize_str(""),
                Some(value) => serializer.collect_str(value),
            }
        }

        /// Reads the value's text.
        ///
        /// # Errors
        ///
        /// Those of the deserializer, and the type's own.
        pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
        where
            T: FromStr<Err: Display>,
            D: Deserializer<'de>,
        {
            let text = Cow::<'de, str>::deserialize(deserializer)?;
            match &*text {
                "" => Ok(None),
                text => text.parse().map(Some).map_err(D::Error::custom),
            }
        }
    }
}

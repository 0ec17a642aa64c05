//! Types that go over gob as their text.

/// For `#[serde(with = "plugwire_gob::as_string")]`: a field that goes over gob as the string it prints as.
///
/// Nothing is learned from the type's `Deserialize`, which may refuse everything, and need not exist: the type has
/// `Display` and `FromStr`. An empty string, which is also what a field becomes that the sender left out, is the type's
/// `Default`, and the `Default` goes out as an empty string.
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
/// `gob::as_string::option` is the same for an `Option`, whose `None` is the empty string; it needs no `Default`:
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

    /// Writes the value's text; nothing for its default.
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
    /// Those of the deserializer, and the type's own where the text is none of its.
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

        /// Writes the value's text; nothing for `None`.
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
        /// Those of the deserializer, and the type's own where the text is none of its.
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

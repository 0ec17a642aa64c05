//! Go's `time.Duration`.

/// For `#[serde(with = "plugwire_gob::duration")]`: a [`Duration`](std::time::Duration) as Go's
/// `time.Duration`, an `int64` of nanoseconds.
///
/// ```
/// use std::time::Duration;
/// use plugwire_gob as gob;
/// # use serde::{Deserialize, Serialize};
///
/// // type Retry struct { Wait time.Duration; Limit *time.Duration }
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Retry {
///     #[serde(with = "gob::duration")]
///     wait: Duration,
///     #[serde(with = "gob::duration::option")]
///     limit: Option<Duration>,
/// }
///
/// let retry = Retry { wait: Duration::from_millis(1500), limit: None };
/// assert_eq!(gob::from_slice::<Retry>(&gob::to_vec(&retry)?)?, retry);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Writing is an error for more than 292 years, the most that Go has. Reading is an error for a
/// negative duration, which Rust has none of: read those as an `i64`.
///
/// `gob::duration::option` is the same for an `Option`, Go's `*time.Duration`, whose `None` is nil.
/// As with every pointer in gob, `Some` of zero arrives as `None`.
pub mod duration {
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer};
    use serde::ser::Serializer;

    fn nanoseconds<E: serde::ser::Error>(value: Duration) -> Result<i64, E> {
        i64::try_from(value.as_nanos()).map_err(|_| {
            E::custom(format_args!(
                "a duration of {} s, where Go's time.Duration ends at {} s",
                value.as_secs(),
                i64::MAX / 1_000_000_000
            ))
        })
    }

    fn duration<E: serde::de::Error>(nanoseconds: i64) -> Result<Duration, E> {
        let unsigned = u64::try_from(nanoseconds).map_err(|_| {
            E::custom(format_args!(
                "a duration of {nanoseconds} ns, where a Duration is not negative"
            ))
        })?;
        Ok(Duration::from_nanos(unsigned))
    }

    /// Writes the duration's nanoseconds.
    ///
    /// # Errors
    ///
    /// When the duration is longer than Go's, and those of the serializer.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(nanoseconds(*value)?)
    }

    /// Reads a number of nanoseconds.
    ///
    /// # Errors
    ///
    /// When the number is negative, and those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        duration(i64::deserialize(deserializer)?)
    }

    /// The same for an `Option`, where `None` is a nil pointer.
    pub mod option {
        use super::*;

        /// Writes the duration's nanoseconds, or none.
        ///
        /// # Errors
        ///
        /// When the duration is longer than Go's, and those of the serializer.
        pub fn serialize<S: Serializer>(
            value: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match value {
                None => serializer.serialize_none(),
                Some(value) => serializer.serialize_some(&nanoseconds::<S::Error>(*value)?),
            }
        }

        /// Reads a number of nanoseconds, or none.
        ///
        /// # Errors
        ///
        /// When the number is negative, and those of the deserializer.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            let value = Option::<i64>::deserialize(deserializer)?;
            value.map(duration).transpose()
        }
    }
}

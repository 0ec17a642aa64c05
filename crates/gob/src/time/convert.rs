//! Conversions between [`Time`] and other types for times.

use std::time::{Duration, SystemTime};

use super::moment::Time;

/// A [`Time`] that the other type has no value for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time {0} is out of range")]
pub struct TimeRangeError(Time);

impl TryFrom<Time> for SystemTime {
    type Error = TimeRangeError;

    fn try_from(time: Time) -> Result<Self, TimeRangeError> {
        let seconds = time.unix_seconds();
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let start = match seconds {
            0.. => Self::UNIX_EPOCH.checked_add(whole),
            _ => Self::UNIX_EPOCH.checked_sub(whole),
        };
        start
            .and_then(|start| start.checked_add(Duration::from_nanos(time.nanos.into())))
            .ok_or(TimeRangeError(time))
    }
}

/// Builds a time out of the parts that every crate knows.
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
fn from_parts(seconds: i64, nanos: u32, offset: Option<i32>) -> Time {
    // None of the crates reaches to where these seconds overflow. A leap second has more
    // nanoseconds than others.
    let time = Time::from_unix(seconds, nanos.min(999_999_999)).unwrap_or_default();
    match offset {
        Some(offset) => time.with_offset(offset).unwrap_or(time),
        None => time,
    }
}

#[cfg(feature = "chrono")]
mod with_chrono {
    use chrono::{DateTime, FixedOffset, Offset, TimeZone, Utc};

    use super::*;

    /// In UTC; another zone is sent as its offset, with `Time::from(time.fixed_offset())`.
    impl From<DateTime<Utc>> for Time {
        fn from(time: DateTime<Utc>) -> Self {
            from_parts(time.timestamp(), time.timestamp_subsec_nanos(), None)
        }
    }

    impl From<DateTime<FixedOffset>> for Time {
        fn from(time: DateTime<FixedOffset>) -> Self {
            let offset = time.offset().fix().local_minus_utc();
            from_parts(
                time.timestamp(),
                time.timestamp_subsec_nanos(),
                Some(offset),
            )
        }
    }

    impl TryFrom<Time> for DateTime<Utc> {
        type Error = TimeRangeError;

        fn try_from(time: Time) -> Result<Self, TimeRangeError> {
            DateTime::from_timestamp(time.unix_seconds(), time.nanos).ok_or(TimeRangeError(time))
        }
    }

    impl TryFrom<Time> for DateTime<FixedOffset> {
        type Error = TimeRangeError;

        fn try_from(time: Time) -> Result<Self, TimeRangeError> {
            let utc = DateTime::<Utc>::try_from(time)?.naive_utc();
            let zone = FixedOffset::east_opt(time.offset().unwrap_or(0));
            let zone = zone.ok_or(TimeRangeError(time))?;
            // Close to the ends of chrono's range the local time is outside of it.
            utc.checked_add_offset(zone)
                .ok_or(TimeRangeError(time))
                .map(|_| zone.from_utc_datetime(&utc))
        }
    }
}

#[cfg(feature = "time")]
mod with_time {
    use time::{OffsetDateTime, UtcOffset};

    use super::*;

    /// An offset of zero is taken for UTC.
    impl From<OffsetDateTime> for Time {
        fn from(time: OffsetDateTime) -> Self {
            let offset = time.offset().whole_seconds();
            let offset = (offset != 0).then_some(offset);
            from_parts(time.unix_timestamp(), time.nanosecond(), offset)
        }
    }

    impl TryFrom<Time> for OffsetDateTime {
        type Error = TimeRangeError;

        fn try_from(time: Time) -> Result<Self, TimeRangeError> {
            let error = TimeRangeError(time);
            let offset = UtcOffset::from_whole_seconds(time.offset().unwrap_or(0));
            let instant = OffsetDateTime::from_unix_timestamp(time.unix_seconds())
                .and_then(|instant| instant.replace_nanosecond(time.nanos));
            let (instant, offset) = (instant.map_err(|_| error)?, offset.map_err(|_| error)?);
            instant.checked_to_offset(offset).ok_or(error)
        }
    }
}

#[cfg(feature = "jiff")]
mod with_jiff {
    use jiff::tz::{Offset, TimeZone};
    use jiff::{Timestamp, Zoned};

    use super::*;

    impl From<Timestamp> for Time {
        fn from(time: Timestamp) -> Self {
            let mut seconds = time.as_second();
            let mut nanos = time.subsec_nanosecond();
            // Before the epoch jiff counts both down.
            if nanos < 0 {
                seconds -= 1;
                nanos += 1_000_000_000;
            }
            from_parts(seconds, nanos as u32, None)
        }
    }

    /// The offset is kept, the zone's name is not: Go does not send it either.
    impl From<&Zoned> for Time {
        fn from(time: &Zoned) -> Self {
            let instant = Time::from(time.timestamp());
            match time.time_zone() == &TimeZone::UTC {
                true => instant,
                false => instant
                    .with_offset(time.offset().seconds())
                    .unwrap_or(instant),
            }
        }
    }

    impl TryFrom<Time> for Timestamp {
        type Error = TimeRangeError;

        fn try_from(time: Time) -> Result<Self, TimeRangeError> {
            Timestamp::new(time.unix_seconds(), time.nanos as i32).map_err(|_| TimeRangeError(time))
        }
    }

    impl TryFrom<Time> for Zoned {
        type Error = TimeRangeError;

        fn try_from(time: Time) -> Result<Self, TimeRangeError> {
            let zone = match time.offset() {
                None => TimeZone::UTC,
                Some(seconds) => TimeZone::fixed(
                    Offset::from_seconds(seconds).map_err(|_| TimeRangeError(time))?,
                ),
            };
            Ok(Timestamp::try_from(time)?.to_zoned(zone))
        }
    }
}

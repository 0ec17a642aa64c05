//! [`Time`]: an instant, and an offset from UTC.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Seconds from Go's zero time, the beginning of year 1, to the Unix epoch.
pub(super) const UNIX: i64 = 62_135_596_800;

/// A Go `time.Time`: an instant, and the offset of the zone in which its sender saw it.
///
/// The default value is Go's zero time, the beginning of year 1 in UTC, for which Go has `IsZero`;
/// a field that was left out is this. There are conversions for [`SystemTime`] and, behind the
/// features `chrono`, `jiff` and `time`, for the types of these crates. Each type covers another
/// stretch of time, so conversions from a `Time` can fail.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use plugwire_gob::{self as gob, Time};
/// # use serde::{Deserialize, Serialize};
///
/// // type Meeting struct { At time.Time; Until *time.Time }
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// #[serde(rename_all = "PascalCase")]
/// struct Meeting {
///     at: Time,
///     until: Option<Time>,
/// }
///
/// let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_202_615);
/// let meeting = Meeting { at: start.into(), until: None };
/// let back: Meeting = gob::from_slice(&gob::to_vec(&meeting)?)?;
/// assert_eq!(back, meeting);
/// assert_eq!(back.at.to_string(), "2024-02-29T10:30:15Z");
/// assert_eq!(SystemTime::try_from(back.at)?, start);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In human-readable formats, such as JSON, a time is a string in the form of RFC 3339, as it is
/// for Go; in other formats the bytes of gob. plugwire's MessagePack codec has a form of its own.
///
/// Times are equal when they are the same instant in the same zone, and ordered by the instant
/// first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Since the beginning of year 1, in UTC.
    pub(super) seconds: i64,
    pub(super) nanos: u32,
    pub(super) zone: Zone,
}

/// Seconds east of UTC; UTC itself is not the same as a zone that has no offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Zone {
    #[default]
    Utc,
    East(i32),
}

impl Default for Time {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Time {
    /// Go's zero time.
    pub const ZERO: Self = Self {
        seconds: 0,
        nanos: 0,
        zone: Zone::Utc,
    };

    /// The time this many seconds and nanoseconds after the Unix epoch, in UTC, like Go's
    /// `time.Unix(…).UTC()`.
    ///
    /// None when the nanoseconds are a second or more, or the seconds overflow.
    #[must_use]
    pub fn from_unix(seconds: i64, nanos: u32) -> Option<Self> {
        let seconds = seconds.checked_add(UNIX)?;
        (nanos < 1_000_000_000).then_some(Self {
            seconds,
            nanos,
            zone: Zone::Utc,
        })
    }

    /// The time now, in UTC.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The same instant in a zone this many seconds east of UTC.
    ///
    /// None when Go could not send it: minutes that do not fit 16 bits, and the minute west of UTC,
    /// which on the wire is UTC itself. (Go sends a zone less than a minute west of UTC, but
    /// misreads it.)
    #[must_use]
    pub fn with_offset(self, seconds_east: i32) -> Option<Self> {
        let fits = seconds_east / 60 != -1 && fits(seconds_east);
        fits.then_some(Self {
            zone: Zone::East(seconds_east),
            ..self
        })
    }

    /// The same instant in UTC.
    #[must_use]
    pub fn utc(self) -> Self {
        Self {
            zone: Zone::Utc,
            ..self
        }
    }

    /// Whole seconds since the Unix epoch, negative before it.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.seconds.saturating_sub(UNIX)
    }

    /// Nanoseconds after [`Time::unix_seconds`], below one second.
    #[must_use]
    pub fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// Seconds east of UTC; None in UTC itself.
    #[must_use]
    pub fn offset(self) -> Option<i32> {
        match self.zone {
            Zone::Utc => None,
            Zone::East(seconds) => Some(seconds),
        }
    }

    /// Go's `IsZero`: whether this is the beginning of year 1, in any zone.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.seconds == 0 && self.nanos == 0
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({self})")
    }
}

/// Whether the whole minutes of an offset fit the 16 bits that they have on the wire.
pub(super) fn fits(seconds_east: i32) -> bool {
    i16::try_from(seconds_east / 60).is_ok()
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let (seconds, nanos) = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (after.as_secs() as i64, after.subsec_nanos()),
            Err(before) => before_unix(before.duration()),
        };
        Self {
            seconds: seconds.saturating_add(UNIX),
            nanos,
            zone: Zone::Utc,
        }
    }
}

/// Seconds rounded down, and the nanoseconds after them.
fn before_unix(before: Duration) -> (i64, u32) {
    let seconds = -i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
    let nanos = before.subsec_nanos();
    match nanos {
        0 => (seconds, 0),
        _ => (seconds - 1, 1_000_000_000 - nanos),
    }
}

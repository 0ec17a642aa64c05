//! The timestamps of hclog, `2006-01-02T15:04:05.000000Z07:00` in Go's notation: RFC 3339 with
//! microseconds.

#[cfg(feature = "host")]
use std::time::SystemTime;

use crate::gob::Time;

/// The time now, in UTC.
#[cfg(feature = "plugin")]
pub(crate) fn now() -> String {
    print(Time::now())
}

#[cfg(feature = "plugin")]
fn print(time: Time) -> String {
    format!("{time:.6}")
}

/// The time that `text` names, if it is in the form of RFC 3339 that Go prints: with upper-case
/// letters. It may have any number of decimal places, since hclog's time format can be changed.
#[cfg(feature = "host")]
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    if text.contains(['t', 'z', ' ']) {
        return None;
    }
    SystemTime::try_from(text.parse::<Time>().ok()?).ok()
}

#[cfg(all(test, feature = "host", feature = "plugin"))]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: i64, nanos: u32) -> SystemTime {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let moment = if seconds < 0 {
            UNIX_EPOCH - whole
        } else {
            UNIX_EPOCH + whole
        };
        moment + Duration::from_nanos(nanos.into())
    }

    // The seconds are those that `date -u -d TEXT +%s` gives.
    const MOMENTS: [(&str, i64, u32); 9] = [
        ("1970-01-01T00:00:00.000000Z", 0, 0),
        ("2006-01-02T15:04:05.000000Z", 1_136_214_245, 0),
        ("2000-02-29T23:59:59.999999Z", 951_868_799, 999_999_000),
        ("2024-02-29T12:00:00.000001Z", 1_709_208_000, 1_000),
        ("2100-03-01T00:00:00.500000Z", 4_107_542_400, 500_000_000),
        ("1969-12-31T23:59:59.250000Z", -1, 250_000_000),
        ("1900-02-28T00:00:00.000000Z", -2_203_977_600, 0),
        ("0001-01-01T00:00:00.000000Z", -62_135_596_800, 0),
        ("9999-12-31T23:59:59.000000Z", 253_402_300_799, 0),
    ];

    #[test]
    fn times_are_printed_in_utc() {
        for (text, seconds, nanos) in MOMENTS {
            assert_eq!(print(at(seconds, nanos).into()), text);
        }
        assert_eq!(print(at(0, 999).into()), MOMENTS[0].0, "no rounding up");
        assert!(parse(&now()).is_some());
    }

    #[test]
    fn times_are_read() {
        for (text, seconds, nanos) in MOMENTS {
            assert_eq!(parse(text), Some(at(seconds, nanos)), "{text}");
        }
    }

    #[test]
    fn an_offset_is_subtracted() {
        let noon = at(1_709_208_000, 0);
        for text in [
            "2024-02-29T14:00:00.000000+02:00",
            "2024-02-29T06:30:00.000000-05:30",
            "2024-03-01T00:00:00.000000+12:00",
            "2024-02-29T12:00:00.000000+00:00",
        ] {
            assert_eq!(parse(text), Some(noon), "{text}");
        }
    }

    #[test]
    fn other_precisions_are_read() {
        for (fraction, nanos) in [
            ("", 0),
            (".5", 500_000_000),
            (".123", 123_000_000),
            (".123456789", 123_456_789),
            (".1234567899999", 123_456_789),
        ] {
            let text = format!("1970-01-01T00:00:00{fraction}Z");
            assert_eq!(parse(&text), Some(at(0, nanos)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_read() {
        for text in [
            "",
            "2024",
            "2024-02-29",
            "2024-02-29T12:00:00.000000",
            "2024-02-29 12:00:00.000000Z",
            "2024-02-29t12:00:00.000000Z",
            "2024-02-29T12:00:00.000000z",
            "2024-02-29T12:00:00.Z",
            "2024-02-29T12:00:00.000000Z ",
            "2024-02-29T12:00:00.000000+0200",
            "2024-02-29T12:00:00.000000+24:00",
            "2023-02-29T12:00:00.000000Z",
            "2024-13-01T12:00:00.000000Z",
            "2024-00-01T12:00:00.000000Z",
            "2024-01-00T12:00:00.000000Z",
            "2024-01-01T24:00:00.000000Z",
            "2024-01-01T12:60:00.000000Z",
            "2024-01-01T12:00:60.000000Z",
            "+024-01-01T12:00:00.000000Z",
            "2024-01-01T12:00:00.000000\u{661}",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}

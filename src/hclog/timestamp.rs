//! The timestamps of hclog lines, `2006-01-02T15:04:05.000000Z07:00` in Go's notation: RFC 3339
//! with microseconds. Calendar arithmetic is all it takes, so there is no calendar library.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: i64 = 24 * 60 * 60;

/// The text of `time` in UTC, to the microsecond.
#[cfg(any(test, feature = "plugin"))]
pub(crate) fn print(time: SystemTime) -> String {
    let (seconds, nanos) = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => (seconds_of(since), since.subsec_nanos()),
        Err(before) => match (before.duration(), before.duration().subsec_nanos()) {
            (before, 0) => (-seconds_of(before), 0),
            (before, nanos) => (-seconds_of(before) - 1, 1_000_000_000 - nanos),
        },
    };
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let micros = nanos / 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The seconds of a time from the system. Those that have no room are of no calendar.
#[cfg(any(test, feature = "plugin"))]
fn seconds_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 2)
}

/// The moment that `text` names, if it is a timestamp of RFC 3339. Any number of digits may follow
/// the seconds, since hclog's time format can be changed.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.number(4)?;
    rest.skip(b'-')?;
    let month = rest.number(2)?;
    rest.skip(b'-')?;
    let day = rest.number(2)?;
    rest.skip(b'T')?;
    let hour = rest.number(2)?;
    rest.skip(b':')?;
    let minute = rest.number(2)?;
    rest.skip(b':')?;
    let second = rest.number(2)?;
    let nanos = match rest.skip(b'.') {
        Some(()) => rest.fraction()?,
        None => 0,
    };
    let offset = rest.offset()?;
    let days = (1..=12)
        .contains(&month)
        .then(|| days_from_civil(year, month, day))?;
    // A day that its month does not have comes back as one of the next month.
    if civil_from_days(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let moment = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    moment?.checked_add(Duration::from_nanos(nanos))
}

/// What is still to be read of a timestamp.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn skip(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// Exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + i64::from(digit - b'0'))
        })
    }

    /// Digits behind the decimal point, as nanoseconds; what is smaller is cut off.
    fn fraction(&mut self) -> Option<u64> {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let nanos = (0..9).fold(0, |nanos, place| {
            nanos * 10 + digits.get(place).map_or(0, |digit| u64::from(digit - b'0'))
        });
        (count > 0).then_some(nanos)
    }

    /// `Z`, or the hours and minutes ahead of UTC, as seconds. Nothing may follow.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.0 {
            b"Z" => return Some(0),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.number(2)?;
        self.skip(b':')?;
        let minutes = self.number(2)?;
        let is_offset = self.0.is_empty() && hours < 24 && minutes < 60;
        is_offset.then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Years that begin in March have their leap day last, so the days before a month do not depend on
/// the year; 400 of them are an era, which always has the same number of days.
const ERA: i64 = 146_097;

/// The days from 1 March of the year 0 to 1 January 1970.
const EPOCH: i64 = 719_468;

/// The days from 1 January 1970 to a date of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * ERA + year * 365 + year / 4 - year / 100 + day_of_year - EPOCH
}

/// The date that is so many days after 1 January 1970.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
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
    fn moments_are_printed_in_utc() {
        for (text, seconds, nanos) in MOMENTS {
            assert_eq!(print(at(seconds, nanos)), text);
        }
        assert_eq!(print(at(0, 999)), MOMENTS[0].0, "no rounding up");
    }

    #[test]
    fn moments_are_read() {
        for (text, seconds, nanos) in MOMENTS {
            assert_eq!(parse(text), Some(at(seconds, nanos)), "{text}");
        }
    }

    #[test]
    fn an_offset_is_taken_off() {
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
    fn what_is_no_timestamp_is_none() {
        for text in [
            "",
            "2024",
            "2024-02-29",
            "2024-02-29T12:00:00.000000",
            "2024-02-29 12:00:00.000000Z",
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

    #[test]
    fn every_day_of_eight_centuries_has_its_date() {
        let mut expected = (1700, 1, 1);
        for days in days_from_civil(1700, 1, 1)..days_from_civil(2500, 1, 1) {
            assert_eq!(civil_from_days(days), expected);
            let (year, month, day) = expected;
            assert_eq!(days_from_civil(year, month, day), days);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match (month, day == length) {
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }
}

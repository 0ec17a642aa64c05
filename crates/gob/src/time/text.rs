//! Times as text, in the form of RFC 3339 that Go's `MarshalText` uses.

use std::fmt;
use std::str::FromStr;

use super::{Time, UNIX};

/// A text that is no time in the form of RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time in the form of RFC 3339")]
pub struct ParseTimeError;

const DAY: i64 = 86_400;

/// The date of a day counted from the Unix epoch, in the calendar that goes on for ever in both directions.
///
/// Years are counted from March, so that the leap day is the last of its year, in cycles of 400 years.
fn date(day: i64) -> (i64, u32, u32) {
    let shifted = day + 719_468;
    let cycle = shifted.div_euclid(146_097);
    let of_cycle = shifted.rem_euclid(146_097);
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + cycle * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// The converse of [`date`].
fn day(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let of_cycle = year.rem_euclid(400);
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719_468
}

impl fmt::Display for Time {
    /// As Go's `time.RFC3339Nano`; seconds of the offset are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset().unwrap_or(0);
        let local = self
            .seconds
            .saturating_sub(UNIX)
            .saturating_add(offset.into());
        let (year, month, day) = date(local.div_euclid(DAY));
        let of_day = local.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        match self.offset() {
            // Go shows a zone without an offset like UTC.
            None | Some(0) => f.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.unsigned_abs() / 60;
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// Takes digits off the front, exactly so many.
fn digits(text: &mut &[u8], count: usize) -> Option<i64> {
    let (front, rest) = text.split_at_checked(count)?;
    let mut value = 0;
    for byte in front {
        value = value * 10 + i64::from(char::from(*byte).to_digit(10)?);
    }
    *text = rest;
    Some(value)
}

fn byte(text: &mut &[u8], wanted: &[u8]) -> Option<u8> {
    let (&first, rest) = text.split_first()?;
    *text = rest;
    wanted.contains(&first).then_some(first)
}

fn parse(mut text: &[u8]) -> Option<Time> {
    let text = &mut text;
    let year = digits(text, 4)?;
    byte(text, b"-")?;
    let month = digits(text, 2)?;
    byte(text, b"-")?;
    let of_month = digits(text, 2)?;
    byte(text, b"Tt ")?;
    let hour = digits(text, 2)?;
    byte(text, b":")?;
    let minute = digits(text, 2)?;
    byte(text, b":")?;
    let second = digits(text, 2)?;
    let number = day(year, month, of_month);
    let exists = (1..=12).contains(&month) && date(number) == (year, month as u32, of_month as u32);
    if !exists || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut nanos = 0;
    if text.first() == Some(&b'.') {
        *text = &text[1..];
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Digits beyond nanoseconds are cut off, as Go does.
        let kept = count.min(9);
        nanos = digits(text, kept)? * 10i64.pow(9 - kept as u32);
        *text = text.get(count - kept..)?;
        if count == 0 {
            return None;
        }
    }
    let offset = match byte(text, b"Zz+-")? {
        sign @ (b'+' | b'-') => {
            let hours = digits(text, 2)?;
            byte(text, b":")?;
            let minutes = digits(text, 2)?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            let east = (hours * 60 + minutes) * 60;
            Some(if sign == b'-' { -east } else { east })
        }
        _ => None,
    };
    if !text.is_empty() {
        return None;
    }
    let of_day = (hour * 60 + minute) * 60 + second;
    let seconds = number * DAY + of_day - offset.unwrap_or(0);
    let time = Time::from_unix(seconds, nanos as u32)?;
    match offset {
        Some(offset) => time.with_offset(offset as i32),
        None => Some(time),
    }
}

impl FromStr for Time {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        parse(text.as_bytes()).ok_or(ParseTimeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_converse() {
        for number in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, of_month) = date(number);
            assert_eq!(day(year, month.into(), of_month.into()), number);
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(-719_162), (1, 1, 1));
        assert_eq!(date(19_782), (2024, 2, 29));
    }

    #[test]
    fn texts_come_back() {
        for text in [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999999Z",
            "2024-02-29T12:30:15.5+02:00",
            "9999-12-31T23:59:59-23:59",
        ] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "2024",
            "2023-02-29T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00Zx",
            "2024-00-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Time>(), Err(ParseTimeError), "{text}");
        }
        assert_eq!(Time::ZERO.to_string(), "0001-01-01T00:00:00Z");
    }
}

//! Times as text, in the form of RFC 3339 that Go's `MarshalText` uses.

use std::fmt;
use std::str::FromStr;

use super::civil::{DAY, date_of_day, day_of_date};
use super::moment::{Time, UNIX};

/// A text that is no time in the form of RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time in the form of RFC 3339")]
pub struct ParseTimeError;

impl fmt::Display for Time {
    /// As Go's `time.RFC3339Nano`; seconds of the offset are not shown.
    ///
    /// A precision fixes the number of decimal places: `{:.6}` always prints microseconds, and cuts
    /// off what is smaller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset().unwrap_or(0);
        let local = self
            .seconds
            .saturating_sub(UNIX)
            .saturating_add(offset.into());
        let (year, month, day) = date_of_day(local.div_euclid(DAY));
        let of_day = local.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        let nanos = format!("{:09}", self.nanos);
        match f.precision() {
            Some(0) => {}
            Some(places) => write!(f, ".{nanos:0<places$.places$}")?,
            None if self.nanos == 0 => {}
            None => write!(f, ".{}", nanos.trim_end_matches('0'))?,
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

/// Takes exactly `count` digits off the front.
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
    let number = day_of_date(year, month, of_month)?;
    if hour > 23 || minute > 59 || second > 59 {
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

    #[test]
    fn a_precision_fixes_the_decimal_places() {
        let time = Time::from_unix(0, 123_456_789).unwrap();
        assert_eq!(format!("{time}"), "1970-01-01T00:00:00.123456789Z");
        assert_eq!(format!("{time:.6}"), "1970-01-01T00:00:00.123456Z");
        assert_eq!(format!("{time:.0}"), "1970-01-01T00:00:00Z");
        assert_eq!(format!("{time:.11}"), "1970-01-01T00:00:00.12345678900Z");
        let whole = Time::from_unix(0, 0).unwrap();
        assert_eq!(format!("{whole:.3}"), "1970-01-01T00:00:00.000Z");
    }
}

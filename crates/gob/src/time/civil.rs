//! The calendar: days counted from the Unix epoch, and their dates in the proleptic Gregorian
//! calendar, which runs without end in both directions.

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// Days of a cycle of 400 years, after which the calendar repeats.
const CYCLE: i64 = 146_097;

/// Days from 1 March of the year 0 to the Unix epoch. Years are counted from March here: the leap
/// day is then the last of its year, and the days before a month do not depend on the year.
const EPOCH: i64 = 719_468;

/// The year, the month and the day of the month.
pub(super) fn date_of_day(day: i64) -> (i64, i64, i64) {
    let day = day.saturating_add(EPOCH);
    let (cycle, of_cycle) = (day.div_euclid(CYCLE), day.rem_euclid(CYCLE));
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + cycle * 400 + i64::from(month <= 2), month, day)
}

/// The converse of [`date_of_day`]; None for a date that does not exist.
pub(super) fn day_of_date(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) {
        return None;
    }
    let from_march = year - i64::from(month <= 2);
    let (cycle, of_cycle) = (from_march.div_euclid(400), from_march.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let number = cycle * CYCLE + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - EPOCH;
    // A day that its month does not have comes back as one of another month.
    (date_of_day(number) == (year, month, day)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_converse() {
        for number in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, day) = date_of_day(number);
            assert_eq!(day_of_date(year, month, day), Some(number));
        }
        assert_eq!(date_of_day(0), (1970, 1, 1));
        assert_eq!(date_of_day(-719_162), (1, 1, 1));
        assert_eq!(date_of_day(19_782), (2024, 2, 29));
    }

    #[test]
    fn every_day_of_eight_centuries_has_its_date() {
        let days = |year| day_of_date(year, 1, 1).unwrap();
        let mut expected = (1700, 1, 1);
        for number in days(1700)..days(2500) {
            assert_eq!(date_of_day(number), expected);
            let (year, month, day) = expected;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            assert_eq!(day_of_date(year, month, length + 1), None);
            expected = match (month, day == length) {
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }
}

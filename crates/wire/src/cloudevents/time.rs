//! The format of `ce-time` (event-handlers.md §4.1).

const DAY_S: u64 = 86_400;
/// Four hundred years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// From 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: u64 = 719_468;
/// The last second of the year 9999; more does not fit the format.
const SECONDS_MAX: u64 = 253_402_300_799;

/// `yyyy-MM-ddTHH:mm:ssZ` for seconds since 1970; from the year 10000 on it is the end of 9999.
pub fn timestamp(seconds: u64) -> String {
    let seconds = seconds.min(SECONDS_MAX);
    let (year, month, day) = date(seconds / DAY_S);
    let second = seconds % DAY_S;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// As [`timestamp`] for milliseconds since 1970, with three digits of a second.
pub fn timestamp_ms(milliseconds: u64) -> String {
    let (seconds, below) = (milliseconds / 1_000, milliseconds % 1_000);
    let mut text = timestamp(seconds);
    text.pop();
    format!("{text}.{below:03}Z")
}

/// Year, month and day. Years begin in March here, so that a leap day is the last day of its year.
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + EPOCH_DAYS;
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    // Without its leap days an era has 365 days a year: one in 4 years, but for 100, but for 400.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, each five months have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (59, "1970-01-01T00:00:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_788_249_600, "2026-09-01T08:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (SECONDS_MAX, "9999-12-31T23:59:59Z"),
            (SECONDS_MAX + 1, "9999-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(seconds), expected);
        }
    }

    #[test]
    fn milliseconds() {
        assert_eq!(timestamp_ms(1_788_249_600_007), "2026-09-01T08:00:00.007Z");
    }

    #[test]
    fn every_day_of_eight_hundred_years() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..2 * ERA_DAYS {
            assert_eq!(date(days), (year, month, day));
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 if is_leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }
}

//! Dates of cookies, which servers write in many ways (RFC 6265 §5.1.1).

const DAY_S: u64 = 86_400;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// Days of a year that has no leap day, by month.
const MONTH_DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Seconds since 1970, 0 for anything before; `None` for what is no date.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        // The first token of each form counts.
        if time.is_none()
            && let Some(found) = clock(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some((found, _)) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_index(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some((found, _)) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    seconds(full_year(year?), month?, day?, time?)
}

fn is_delimiter(char: char) -> bool {
    matches!(char, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// A number of `min` to `max` digits at the start of a token, and what follows it, which is no digit.
fn number(token: &str, min: usize, max: usize) -> Option<(u64, &str)> {
    let digits = token.bytes().take_while(u8::is_ascii_digit).count();
    if !(min..=max).contains(&digits) {
        return None;
    }
    let (digits, rest) = token.split_at(digits);
    Some((digits.parse().ok()?, rest))
}

/// The seconds since midnight of a token such as `08:49:37`.
fn clock(token: &str) -> Option<u64> {
    let (hour, rest) = number(token, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 1, 2)?;
    let (second, _) = number(rest.strip_prefix(':')?, 1, 2)?;
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}

/// 0 for a token that begins with `jan`, in any letter case.
fn month_index(token: &str) -> Option<usize> {
    let start = token.get(..3)?;
    MONTHS.iter().position(|month| month.eq_ignore_ascii_case(start))
}

/// Years of two digits are those from 1970 to 2069.
fn full_year(year: u64) -> u64 {
    match year {
        70..=99 => 1_900 + year,
        0..=69 => 2_000 + year,
        _ => year,
    }
}

fn seconds(year: u64, month: usize, day: u64, time: u64) -> Option<u64> {
    if year < 1_601 {
        return None;
    }
    let leap_years = |until: u64| until / 4 - until / 100 + until / 400;
    let leap_day = leap_years(year) - leap_years(year - 1);
    let length = MONTH_DAYS.get(month)? + if month == 1 { leap_day } else { 0 };
    if day == 0 || day > length {
        return None;
    }
    if year < 1_970 {
        return Some(0);
    }
    let months: u64 = MONTH_DAYS[..month].iter().sum();
    let leap_days = leap_years(year - 1) - leap_years(1_969) + if month > 1 { leap_day } else { 0 };
    let days = (year - 1_970) * 365 + leap_days + months + day - 1;
    Some(days * DAY_S + time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hublet_wire::cloudevents::time::timestamp;
    use proptest::prelude::*;

    #[test]
    fn dates_of_servers() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some("1994-11-06T08:49:37Z")),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some("1994-11-06T08:49:37Z")),
            ("Sun Nov  6 08:49:37 1994", Some("1994-11-06T08:49:37Z")),
            ("Thu, 31-Dec-37 23:55:55 GMT", Some("2037-12-31T23:55:55Z")),
            ("Wed, 29 Feb 2028 0:0:0 GMT", Some("2028-02-29T00:00:00Z")),
            ("1 MARCH 2100 1:02:03.5+02:00", Some("2100-03-01T01:02:03Z")),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some("9999-12-31T23:59:59Z")),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some("1970-01-01T00:00:00Z")),
            ("Thu, 01 Jan 1601 00:00:01 GMT", Some("1970-01-01T00:00:00Z")),
            ("Sun, 31 Dec 1600 00:00:00 GMT", None),
            ("Thu, 29 Feb 2100 00:00:00 GMT", None),
            ("31 Apr 2026 00:00:00", None),
            ("0 Jan 2026 00:00:00", None),
            ("1 Jan 2026 24:00:00", None),
            ("1 Jan 2026 00:60:00", None),
            ("1 Jan 2026", None),
            ("1 Jan 00:00:00", None),
            ("Jan 2026 00:00:00 x", None),
            ("1 Foo 2026 00:00:00", None),
            ("1 Jan 20260 00:00:00", None),
            ("", None),
            ("é 用户 ja\u{301}n", None),
        ] {
            assert_eq!(parse(text).map(timestamp).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_dates_are_read_back(seconds in 0..253_402_300_800_u64) {
            let text = timestamp(seconds);
            let (year, month) = (&text[..4], MONTHS[text[5..7].parse::<usize>().unwrap() - 1]);
            let date = format!("{} {month} {year} {}", &text[8..10], &text[11..19]);
            prop_assert_eq!(parse(&date), Some(seconds));
        }

        #[test]
        fn no_text_makes_a_panic(text in any::<String>(), numbers in "[0-9:. jan]{0,30}") {
            parse(&text);
            parse(&numbers);
        }
    }
}

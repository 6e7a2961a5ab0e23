//! Durations on the command line: `30s`, `5m`, `1h`, `7d`.

use std::time::Duration;

/// A hundred years: whoever wants more has mistyped.
const MAX_S: u64 = 36_500 * 86_400;

/// Reads a duration of at least one second.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("write a number and a unit, such as 30s, 5m, 1h or 7d".to_owned());
    }
    let unit_s = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "" => {
            return Err(format!("the unit is missing: {number}s, {number}m, {number}h or {number}d?"));
        }
        _ => return Err(format!("`{unit}` is no unit: use s, m, h or d, and only one of them")),
    };
    let seconds = number.parse().ok().and_then(|number: u64| number.checked_mul(unit_s));
    match seconds {
        Some(0) => Err("it must be at least 1s".to_owned()),
        Some(seconds) if seconds <= MAX_S => Ok(Duration::from_secs(seconds)),
        _ => Err("it is longer than 36500d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h", 3_600), ("7d", 604_800), ("36500d", MAX_S)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("", "such as 30s"),
            ("h", "such as 30s"),
            ("-1h", "such as 30s"),
            ("60", "60s, 60m, 60h or 60d?"),
            ("1.5h", "`.5h` is no unit"),
            ("1H", "`H` is no unit"),
            ("1h30m", "only one of them"),
            ("0s", "at least 1s"),
            ("36501d", "longer than 36500d"),
            ("99999999999999999999s", "longer than 36500d"),
            ("18446744073709551615d", "longer than 36500d"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

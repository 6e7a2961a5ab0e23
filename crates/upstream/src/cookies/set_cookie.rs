//! One `Set-Cookie` header (RFC 6265 §5.2).

use super::date;

/// What the header says, not yet checked against the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// Without the dot at its start, in any letter case.
    pub(super) domain: Option<&'a str>,
    /// Begins with a slash.
    pub(super) path: Option<&'a str>,
    pub(super) secure: bool,
    /// Seconds since 1970.
    pub(super) expires_s: Option<u64>,
}

impl<'a> SetCookie<'a> {
    /// `None` without a name. Of repeated attributes the last counts; what cannot be read is skipped.
    pub(super) fn parse(line: &'a str, now_s: u64) -> Option<Self> {
        let mut parts = line.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return None;
        }
        let mut cookie = Self { name, value, domain: None, path: None, secure: false, expires_s: None };
        let mut max_age = None;
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.trim(), value.trim());
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("Expires") {
                cookie.expires_s = date::parse(value).or(cookie.expires_s);
            } else if is("Max-Age") {
                max_age = end(value, now_s).or(max_age);
            } else if is("Domain") {
                let domain = value.strip_prefix('.').unwrap_or(value);
                cookie.domain = (!domain.is_empty()).then_some(domain).or(cookie.domain);
            } else if is("Path") {
                cookie.path = value.starts_with('/').then_some(value);
            } else if is("Secure") {
                cookie.secure = true;
            }
        }
        cookie.expires_s = max_age.or(cookie.expires_s);
        Some(cookie)
    }
}

/// The end of a lifetime in seconds; a negative one has ended long ago.
fn end(max_age: &str, now_s: u64) -> Option<u64> {
    let digits = max_age.strip_prefix('-').unwrap_or(max_age);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if digits.len() < max_age.len() {
        return Some(0);
    }
    // More than fits is for ever.
    Some(digits.parse().map_or(u64::MAX, |seconds: u64| now_s.saturating_add(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000;

    #[test]
    fn lines() {
        let plain =
            SetCookie { name: "a", value: "b", domain: None, path: None, secure: false, expires_s: None };
        for (line, expected) in [
            ("", None),
            ("a", None),
            ("=b", None),
            (" =b; Path=/", None),
            ("; a=b", None),
            ("a=b", Some(SetCookie { ..plain })),
            (" a = b ; ; HttpOnly; SameSite=None;x", Some(SetCookie { ..plain })),
            ("a=", Some(SetCookie { value: "", ..plain })),
            ("a=\"b=c\"", Some(SetCookie { value: "\"b=c\"", ..plain })),
            ("a=b; SECURE", Some(SetCookie { secure: true, ..plain })),
            ("a=b;domain=.X.example", Some(SetCookie { domain: Some("X.example"), ..plain })),
            ("a=b;domain=x;domain=", Some(SetCookie { domain: Some("x"), ..plain })),
            ("a=b;path=/x/; Path = /y", Some(SetCookie { path: Some("/y"), ..plain })),
            ("a=b;path=/x;path=y", Some(SetCookie { ..plain })),
            ("a=b;max-age=60", Some(SetCookie { expires_s: Some(1_060), ..plain })),
            ("a=b;max-age=0", Some(SetCookie { expires_s: Some(1_000), ..plain })),
            ("a=b;max-age=-1", Some(SetCookie { expires_s: Some(0), ..plain })),
            ("a=b;max-age=99999999999999999999", Some(SetCookie { expires_s: Some(u64::MAX), ..plain })),
            ("a=b;max-age=1x;max-age=;max-age=+1;max-age=-", Some(SetCookie { ..plain })),
            ("a=b;expires=Thu, 01 Jan 1970 00:01:00 GMT", Some(SetCookie { expires_s: Some(60), ..plain })),
            ("a=b;expires=never", Some(SetCookie { ..plain })),
            // Max-Age is stronger, wherever it stands.
            (
                "a=b;max-age=60;expires=Thu, 01 Jan 1970 00:01:00 GMT",
                Some(SetCookie { expires_s: Some(1_060), ..plain }),
            ),
        ] {
            assert_eq!(SetCookie::parse(line, NOW), expected, "{line}");
        }
    }
}

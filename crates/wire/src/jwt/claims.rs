//! Reading the two JSON parts of a token, and the checks that need no key.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Authorities, TokenError, audience};

/// How far the clocks of issuer and service may differ, in seconds (client-protocols.md §1.4).
pub const CLOCK_SKEW_S: i64 = 300;

/// The header of a token, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The algorithm the issuer claims to have signed with. The key decides which one is accepted, not this.
    pub alg: String,
    /// A hint which key it was.
    pub kid: Option<String>,
}

/// The claims of a token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    /// `aud`: the URLs the token is for.
    pub aud: Vec<String>,
    /// `exp`: seconds since 1970, rounded down.
    pub exp: Option<i64>,
    /// `nbf`: seconds since 1970, rounded down.
    pub nbf: Option<i64>,
    /// `iat`: seconds since 1970, rounded down.
    pub iat: Option<i64>,
    /// `sub`: the user id.
    pub sub: Option<String>,
    /// `role`: what the connection may do (client-protocols.md §7.1).
    pub roles: Vec<String>,
    /// `webpubsub.group`: the groups to join on connecting. Not validated.
    pub groups: Vec<String>,
    /// All other claims in order, as an event handler gets them: strings as they are, other values as JSON text.
    pub other: Vec<(String, Vec<String>)>,
}

impl Header {
    pub(super) fn read(json: &[u8]) -> Result<Self, TokenError> {
        let (mut alg, mut kid) = (None, None);
        for (name, value) in members("header", json)? {
            match &*name {
                "alg" => alg = optional_string("alg", value)?,
                "kid" => kid = optional_string("kid", value)?,
                "crit" if !is_null(value) => return Err(TokenError::Critical),
                _ => {}
            }
        }
        Ok(Self { alg: alg.ok_or(TokenError::NoAlgorithm)?, kid })
    }
}

impl Claims {
    pub(super) fn read(json: &[u8]) -> Result<Self, TokenError> {
        let mut claims = Self::default();
        for (name, value) in members("payload", json)? {
            match &*name {
                "aud" => claims.aud = strings("aud", value)?,
                "exp" => claims.exp = date("exp", value)?,
                "nbf" => claims.nbf = date("nbf", value)?,
                // Nothing depends on it, so nothing is wrong with it (rest-api.md §2.3).
                "iat" => claims.iat = date("iat", value).unwrap_or_default(),
                "sub" => claims.sub = optional_string("sub", value)?,
                "role" => claims.roles = strings("role", value)?,
                "webpubsub.group" => claims.groups = strings("webpubsub.group", value)?,
                _ => claims.other.push((name.into_owned(), texts(value))),
            }
        }
        Ok(claims)
    }

    /// The values of a claim that is a string or a list of strings, by any name but those with a field of another type;
    /// of duplicates the last one. Empty when there is none.
    pub fn texts(&self, name: &str) -> &[String] {
        match name {
            "aud" => &self.aud,
            "sub" => self.sub.as_slice(),
            "role" => &self.roles,
            "webpubsub.group" => &self.groups,
            _ => {
                let claim = self.other.iter().rev().find(|(known, _)| known == name);
                claim.map_or(&[], |(_, texts)| texts.as_slice())
            }
        }
    }

    /// Checks `exp`, which a token must have, and `nbf` if there is one, at the time `now_s` in seconds since 1970.
    pub fn check_lifetime(&self, now_s: i64) -> Result<(), TokenError> {
        let exp = self.exp.ok_or(TokenError::NoExpiry)?;
        if now_s >= exp.saturating_add(CLOCK_SKEW_S) {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| now_s < nbf.saturating_sub(CLOCK_SKEW_S)) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }

    /// Checks that one of the audiences is the URL of the request: any of `paths`, at any of `authorities`.
    ///
    /// A REST request has one path. A client connection has two, the canonical `/client/hubs/{hub}` and its own
    /// (client-protocols.md §1.5). Paths are given as they stand in a URL, that is percent-encoded.
    pub fn check_audience(&self, paths: &[&str], authorities: Authorities<'_>) -> Result<(), TokenError> {
        // Most audiences are spelled like the request.
        if self.aud.iter().any(|aud| paths.iter().any(|path| audience::is_spelled(aud, path, authorities))) {
            return Ok(());
        }
        let paths: Vec<Vec<_>> = paths.iter().map(|path| audience::segments(path).collect()).collect();
        let matches =
            |aud: &String| paths.iter().any(|path| audience::matches_segments(aud, path, authorities));
        if self.aud.iter().any(matches) { Ok(()) } else { Err(TokenError::Audience) }
    }
}

/// All claims of a payload in order, a repeated one several times: strings as they are, other values as JSON text.
pub(super) fn all_texts(json: &[u8]) -> Result<Vec<(String, Vec<String>)>, TokenError> {
    let members = members("payload", json)?.into_iter();
    Ok(members.map(|(name, value)| (name.into_owned(), texts(value))).collect())
}

/// Of duplicates the last counts for [`Header`] and the named claims, since later ones overwrite; a later duplicate of
/// another claim is listed too.
fn members<'a>(part: &'static str, json: &'a [u8]) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>, TokenError> {
    crate::members::members(json).ok_or(TokenError::Json(part))
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

fn optional_string(name: &'static str, value: &RawValue) -> Result<Option<String>, TokenError> {
    serde_json::from_str(value.get()).map_err(|_| TokenError::Type(name))
}

/// One string or an array of strings: libraries write a single value either way (rest-api.md §8.2).
fn strings(name: &'static str, value: &RawValue) -> Result<Vec<String>, TokenError> {
    if is_null(value) {
        return Ok(Vec::new());
    }
    let text = value.get();
    let strings = if text.starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::from_str(text).map(|single: String| vec![single])
    };
    strings.map_err(|_| TokenError::Type(name))
}

/// A NumericDate of RFC 7519: a JSON number of seconds that may have a fraction, rounded down.
fn date(name: &'static str, value: &RawValue) -> Result<Option<i64>, TokenError> {
    if is_null(value) {
        return Ok(None);
    }
    if let Ok(seconds) = value.get().parse() {
        return Ok(Some(seconds));
    }
    let seconds: f64 = serde_json::from_str(value.get()).map_err(|_| TokenError::Type(name))?;
    // The conversion saturates, and the ends of the range are as good as any other time that far away.
    #[allow(clippy::cast_possible_truncation, reason = "rounded down and saturating")]
    let seconds = seconds.floor() as i64;
    Ok(Some(seconds))
}

/// A claim without a meaning here, as the strings of the `connect` event.
fn texts(value: &RawValue) -> Vec<String> {
    if let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(value.get()) {
        return elements.into_iter().map(text).collect();
    }
    if is_null(value) { Vec::new() } else { vec![text(value)] }
}

fn text(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Result<Claims, TokenError> {
        Claims::read(json.as_bytes())
    }

    #[test]
    fn one_string_or_many() {
        for (value, expected) in [
            (r#""a""#, Ok(vec!["a"])),
            (r#"["a"]"#, Ok(vec!["a"])),
            (r#" [ "a" , "b\u00fc" ] "#, Ok(vec!["a", "bü"])),
            ("[]", Ok(vec![])),
            ("null", Ok(vec![])),
            (r#""""#, Ok(vec![""])),
            ("1", Err(())),
            ("true", Err(())),
            ("{}", Err(())),
            (r#"["a",1]"#, Err(())),
            (r#"["a",null]"#, Err(())),
            (r#"[["a"]]"#, Err(())),
            (r#""\ud800""#, Err(())),
        ] {
            type Field = fn(Claims) -> Vec<String>;
            let fields: [(&'static str, Field); 3] =
                [("aud", |c| c.aud), ("role", |c| c.roles), ("webpubsub.group", |c| c.groups)];
            for (name, field) in fields {
                let read = claims(&format!(r#"{{"{name}":{value}}}"#)).map(field);
                let expected = expected.clone().map_err(|()| TokenError::Type(name));
                assert_eq!(
                    read,
                    expected.map(|texts| texts.into_iter().map(str::to_owned).collect()),
                    "{value}"
                );
            }
        }
    }

    #[test]
    fn claims_by_name() {
        let claims = claims(
            r#"{"iss":"a","iss":"b","aud":"c","sub":"s","role":["d","e"],"roles":"f","n":1,"z":null}"#,
        )
        .unwrap();
        for (name, expected) in [
            ("iss", &["b"][..]),
            ("aud", &["c"]),
            ("sub", &["s"]),
            ("role", &["d", "e"]),
            ("roles", &["f"]),
            ("n", &["1"]),
            ("z", &[]),
            ("none", &[]),
        ] {
            assert_eq!(claims.texts(name), expected, "{name}");
        }
    }

    #[test]
    fn dates() {
        for (value, expected) in [
            ("1790000000", Ok(Some(1_790_000_000))),
            ("1790000000.999", Ok(Some(1_790_000_000))),
            ("-1.5", Ok(Some(-2))),
            ("1.79e9", Ok(Some(1_790_000_000))),
            ("1e300", Ok(Some(i64::MAX))),
            ("-1e300", Ok(Some(i64::MIN))),
            ("9223372036854775808", Ok(Some(i64::MAX))),
            ("null", Ok(None)),
            ("1e400", Err(())),
            (r#""1790000000""#, Err(())),
            ("[1]", Err(())),
            ("true", Err(())),
            ("{}", Err(())),
        ] {
            type Field = fn(Claims) -> Option<i64>;
            let fields: [(&'static str, Field); 2] = [("exp", |c| c.exp), ("nbf", |c| c.nbf)];
            for (name, field) in fields {
                let read = claims(&format!(r#"{{"{name}":{value}}}"#)).map(field);
                assert_eq!(read, expected.map_err(|()| TokenError::Type(name)), "{value}");
            }
            let issued = claims(&format!(r#"{{"iat":{value}}}"#)).unwrap().iat;
            assert_eq!(issued, expected.unwrap_or_default(), "{value}");
        }
    }

    #[test]
    fn users_and_other_claims() {
        assert_eq!(claims(r#"{"sub":"u\u00fc"}"#).unwrap().sub.as_deref(), Some("uü"));
        assert_eq!(claims(r#"{"sub":""}"#).unwrap().sub.as_deref(), Some(""));
        assert_eq!(claims(r#"{"sub":null}"#).unwrap().sub, None);
        assert_eq!(claims(r#"{"sub":1}"#), Err(TokenError::Type("sub")));
        assert_eq!(claims(r#"{"sub":["a"]}"#), Err(TokenError::Type("sub")));

        let read = claims(
            r#"{"iss":"i","n":1.50,"t":true,"o":{"a": 1},"z":null,"l":["a",2,null],"e":[],"SUB":"x","\u0061ud":"y"}"#,
        )
        .unwrap();
        let other: Vec<(&str, Vec<&str>)> = read
            .other
            .iter()
            .map(|(name, values)| (name.as_str(), values.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(
            other,
            [
                ("iss", vec!["i"]),
                ("n", vec!["1.50"]),
                ("t", vec!["true"]),
                ("o", vec![r#"{"a": 1}"#]),
                ("z", vec![]),
                ("l", vec!["a", "2", "null"]),
                ("e", vec![]),
                // Claim names are case-sensitive, and escapes in them count.
                ("SUB", vec!["x"]),
            ]
        );
        assert_eq!((read.sub, read.aud), (None, vec!["y".to_owned()]));
    }

    #[test]
    fn the_last_of_duplicates_counts() {
        let read = claims(r#"{"sub":"a","exp":1,"role":["x","y"],"sub":"b","exp":2,"role":"z"}"#).unwrap();
        assert_eq!((read.sub.as_deref(), read.exp, read.roles), (Some("b"), Some(2), vec!["z".to_owned()]));
    }

    #[test]
    fn lifetimes() {
        const NOW: i64 = 1_790_000_000;
        const MINUTE: i64 = 60;
        for (exp, nbf, expected) in [
            (Some(NOW + 1), None, Ok(())),
            (Some(NOW - 4 * MINUTE), None, Ok(())),
            (Some(NOW - CLOCK_SKEW_S + 1), None, Ok(())),
            (Some(NOW - CLOCK_SKEW_S), None, Err(TokenError::Expired)),
            (Some(NOW - 6 * MINUTE), None, Err(TokenError::Expired)),
            (None, None, Err(TokenError::NoExpiry)),
            (Some(NOW + 1), Some(NOW + CLOCK_SKEW_S), Ok(())),
            (Some(NOW + 1), Some(NOW + CLOCK_SKEW_S + 1), Err(TokenError::NotYetValid)),
            (Some(NOW + 1), Some(NOW + 10 * MINUTE), Err(TokenError::NotYetValid)),
            (Some(NOW + 1), Some(NOW - 1), Ok(())),
            (Some(i64::MAX), Some(i64::MIN), Ok(())),
            (Some(i64::MIN), None, Err(TokenError::Expired)),
            (Some(i64::MAX), Some(i64::MAX), Err(TokenError::NotYetValid)),
        ] {
            let claims = Claims { exp, nbf, iat: Some(NOW + 1_000_000), ..Claims::default() };
            assert_eq!(claims.check_lifetime(NOW), expected, "exp {exp:?}, nbf {nbf:?}");
        }
    }

    #[test]
    fn one_audience_is_enough() {
        let claims =
            |aud: &[&str]| Claims { aud: aud.iter().map(|a| (*a).to_owned()).collect(), ..Claims::default() };
        let paths = ["/client/hubs/h", "/client/"];
        let check = |aud: &[&str]| claims(aud).check_audience(&paths, Authorities::OneOf(&["host"]));
        assert_eq!(check(&["https://other", "https://host/client/hubs/h"]), Ok(()));
        assert_eq!(check(&["ws://host/client"]), Ok(()));
        assert_eq!(check(&["https://host/client/hubs/x"]), Err(TokenError::Audience));
        assert_eq!(check(&[]), Err(TokenError::Audience));
    }
}

//! What must hold for every token: no panic, an exact split, checks that agree with each other, and silent errors.

use hublet_wire::jwt::{self, Authorities, Claims, NewToken, TokenError, UnverifiedToken};

const HOST: &str = "localhost:8080";

/// A request path, a line feed, and a token. Instead of the token there may be its parts, with a line feed between
/// them and not yet in base64, so that a fuzzer finds its way to the claims.
pub(crate) fn check(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(path), Some(token)) = (lines.next(), lines.next()) else { return };
    let path = String::from_utf8_lossy(path);
    let token = match lines.next() {
        Some(payload) => compact(token, payload),
        None => String::from_utf8_lossy(token).into_owned(),
    };
    match jwt::parse(&token) {
        Ok(parsed) => {
            check_parts(&token, &parsed);
            check_lifetime(&parsed.claims);
            check_audience(&parsed.claims, &path);
            check_new(&parsed.claims);
        }
        Err(error) => check_silent(error, &token),
    }
    check_own_url(&path);
}

/// The token with these parts and a constant signature.
fn compact(header: &[u8], payload: &[u8]) -> String {
    let header = jwt::with_signature(String::new(), header);
    jwt::with_signature(jwt::with_signature(header[1..].to_owned(), payload), b"signature")
}

/// Nothing of the token is lost or read in two ways: it can be put together again from what was read.
fn check_parts(token: &str, parsed: &UnverifiedToken<'_>) {
    assert_eq!(jwt::with_signature(parsed.signing_input.to_owned(), &parsed.signature), token);
    assert_eq!(parsed.signing_input.matches('.').count(), 1);
}

fn check_lifetime(claims: &Claims) {
    let near = |date: i64| [-301, -300, -299, 0, 299, 300, 301].map(|offset| date.saturating_add(offset));
    let dates = [claims.exp, claims.nbf, Some(0)].into_iter().flatten();
    let mut times: Vec<i64> = dates.flat_map(near).chain([i64::MIN, i64::MAX]).collect();
    times.sort_unstable();
    // First not yet valid, then valid, then expired, whatever is left out.
    let mut phase = 0;
    for time in times {
        let now = match claims.check_lifetime(time) {
            Err(TokenError::NoExpiry) => {
                assert_eq!(claims.exp, None);
                return;
            }
            Err(TokenError::NotYetValid) => 0,
            Ok(()) => 1,
            Err(TokenError::Expired) => 2,
            Err(other) => unreachable!("{other}"),
        };
        assert!(phase <= now, "at {time}");
        phase = now;
    }
}

fn check_audience(claims: &Claims, path: &str) {
    let hosts = Authorities::OneOf(&[HOST]);
    let matches = claims.check_audience(&[path], hosts).is_ok();
    assert_eq!(matches, claims.aud.iter().any(|aud| jwt::audience_matches(aud, path, hosts)));
    // Slashes at the end do not matter, and neither does a second path that is another resource.
    assert_eq!(matches, claims.check_audience(&[&format!("{path}//")], hosts).is_ok());
    assert!(!matches || claims.check_audience(&["/other", path], hosts).is_ok());
    assert!(!matches || claims.check_audience(&[path], Authorities::Any).is_ok());
    assert_eq!(claims.check_audience(&[path], Authorities::OneOf(&[])), Err(TokenError::Audience));
    assert_eq!(claims.check_audience(&[], Authorities::Any), Err(TokenError::Audience));
}

/// The URL of a request is a valid audience for it.
fn check_own_url(path: &str) {
    if path.contains(['?', '#']) {
        return;
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    let aud = format!("WSS://LocalHost:8080{slash}{path}?api-version=1#x");
    assert!(jwt::audience_matches(&aud, path, Authorities::OneOf(&["other", HOST])), "{aud}");
}

/// A token made from the claims has the claims.
fn check_new(claims: &Claims) {
    let new = NewToken {
        aud: claims.aud.first().map_or("", String::as_str),
        exp: claims.exp.unwrap_or(1),
        iat: claims.iat.unwrap_or(2),
        nbf: claims.nbf,
        iss: None,
        sub: claims.sub.as_deref(),
        roles: &claims.roles,
        groups: &claims.groups,
    };
    let token = jwt::with_signature(new.signing_input(), b"signature");
    let read = match jwt::parse(&token) {
        Ok(read) => read.claims,
        // It may be a little longer than the original, because what is absent gets a value.
        Err(error) => return assert_eq!(error, TokenError::TooLong),
    };
    let expected = Claims {
        aud: vec![new.aud.to_owned()],
        exp: Some(new.exp),
        iat: Some(new.iat),
        other: Vec::new(),
        ..claims.clone()
    };
    assert_eq!(read, expected);
}

/// No error shows anything of the token that would help to use it.
fn check_silent(error: TokenError, token: &str) {
    let message = error.to_string();
    // A part with spaces may be in a message by chance: a fuzzer learns the texts that it is compared with.
    for part in token.split('.').filter(|part| part.len() >= 16 && !part.contains(' ')) {
        assert!(!message.contains(part), "{part:?} in {message:?}");
    }
}

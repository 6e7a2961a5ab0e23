//! Who is asking: the tokens of clients and app servers (client-protocols.md §1.3 to §1.5, rest-api.md §2.3).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{AUTHORIZATION, HOST, HeaderValue};
use http::request::Parts;
use hublet_wire::jwt::{self, Authorities, Claims, TokenError};

use super::respond::header;
use crate::config::{Config, PublicEndpoint, is_loopback_host};

/// Names under which a loopback listener is reached; in development mode they are one host.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Why a token is not accepted. The texts are for logs and answers and have no part of the token in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There is none.
    Missing,
    /// No access key signed it with HS256.
    Signature,
    /// What it says does not hold here.
    Token(TokenError),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("There is no access token."),
            Self::Signature => {
                f.write_str("The signature is invalid: no access key of this service made it.")
            }
            Self::Token(error) => error.fmt(f),
        }
    }
}

impl Denied {
    /// The value of `WWW-Authenticate`, as the original's platform words it (rest-api.md §2.7).
    pub(crate) fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Missing => "Bearer",
            Self::Signature => {
                r#"Bearer error="invalid_token", error_description="The signature is invalid""#
            }
            Self::Token(TokenError::Audience) => {
                r#"Bearer error="invalid_token", error_description="The audience is invalid""#
            }
            Self::Token(TokenError::Expired) => {
                r#"Bearer error="invalid_token", error_description="The token is expired""#
            }
            Self::Token(TokenError::NoExpiry) => {
                r#"Bearer error="invalid_token", error_description="The token has no expiration""#
            }
            Self::Token(TokenError::NotYetValid) => {
                r#"Bearer error="invalid_token", error_description="The token is not yet valid""#
            }
            Self::Token(_) => r#"Bearer error="invalid_token", error_description="The token is malformed""#,
        })
    }
}

/// Checks the credential of a REST request; its audience must be the request's own path.
pub(crate) fn authenticate_request(config: &Config, request: &Parts) -> Result<Claims, Denied> {
    authenticate(config, request, bearer(request).ok_or(Denied::Missing)?, &[request.uri.path()])
}

/// The token in `Authorization: Bearer …`; the scheme's case does not matter.
pub(super) fn bearer(request: &Parts) -> Option<&str> {
    let (scheme, token) = header(&request.headers, &AUTHORIZATION)?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

/// Checks signature, lifetime and audience: any of `paths` at the host of the request or at a public endpoint.
pub(super) fn authenticate(
    config: &Config,
    request: &Parts,
    token: &str,
    paths: &[&str],
) -> Result<Claims, Denied> {
    let token = jwt::parse(token).map_err(Denied::Token)?;
    if !config.keys.verify(&token) {
        return Err(Denied::Signature);
    }
    let claims = token.claims;
    claims.check_lifetime(now_s()).map_err(Denied::Token)?;
    let host = host(request);
    let aliases = if config.development { loopback_aliases(host) } else { Vec::new() };
    let mut authorities = vec![host];
    authorities.extend(aliases.iter().map(String::as_str));
    authorities.extend(config.public_endpoints.iter().map(|endpoint| endpoint.authority.as_str()));
    claims.check_audience(paths, Authorities::OneOf(&authorities)).map_err(Denied::Token)?;
    Ok(claims)
}

/// The authority that the request was sent to; empty when it names none.
fn host(request: &Parts) -> &str {
    header(&request.headers, &HOST)
        .or_else(|| request.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or_default()
}

/// The URL under which the sender of a request knows this service, without a slash at the end.
pub(crate) fn endpoint(config: &Config, request: &Parts, secure: bool) -> String {
    match config.public_endpoints.first() {
        Some(public) => public.url(),
        None => PublicEndpoint { secure, authority: host(request).to_ascii_lowercase() }.url(),
    }
}

/// The other names of a loopback host, with its port.
fn loopback_aliases(host: &str) -> Vec<String> {
    let at = host.rfind(':').filter(|at| host[at + 1..].bytes().all(|b| b.is_ascii_digit()));
    let (name, port) = host.split_at(at.unwrap_or(host.len()));
    if !is_loopback_host(name) {
        return Vec::new();
    }
    LOOPBACK_HOSTS.iter().map(|alias| format!("{alias}{port}")).collect()
}

/// Seconds since 1970.
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_one_host() {
        assert_eq!(loopback_aliases("localhost:8080"), ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"]);
        assert_eq!(loopback_aliases("[::1]"), ["localhost", "127.0.0.1", "[::1]"]);
        assert_eq!(loopback_aliases("127.0.0.2:1"), ["localhost:1", "127.0.0.1:1", "[::1]:1"]);
        for other in ["example.com:8080", "", "10.0.0.1", "localhost.evil:80", "[::2]:1", ":80"] {
            assert_eq!(loopback_aliases(other), Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn credentials() {
        let bearer_of = |value: &str| {
            let (parts, ()) =
                http::Request::builder().header(AUTHORIZATION, value).body(()).unwrap().into_parts();
            bearer(&parts).map(str::to_owned)
        };
        assert_eq!(bearer_of("Bearer a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(bearer_of("bEARER  a ").as_deref(), Some("a"));
        for other in ["Basic a", "Bearer", "Bearer ", "a.b.c", ""] {
            assert_eq!(bearer_of(other), None, "{other}");
        }
    }
}

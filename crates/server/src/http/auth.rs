//! Who is asking: the tokens of clients and app servers (client-protocols.md §1.3 to §1.5, rest-api.md §2.3).

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use hublet_wire::jwt::{self, Algorithm, Authorities, Claims, TokenError, UnverifiedToken};

use super::respond::header;
use super::{Connection, HttpContext};
use crate::caller::{Caller, Who};
use crate::config::{Config, PublicEndpoint, is_loopback_host};
use crate::denied::{Denied, Refused};
use crate::issuer::{Access, Issuers};
use crate::keys::KeyName;

/// Names under which a loopback listener is reached; in development mode they are one host.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Checks the credential of a REST request and tells whose it is: a token, or without one the portal's cookie. The
/// audience of a token of an access key must be the request's own path; that of an issuer's token, what is configured, and
/// then its roles must allow what the request `needs`.
pub(crate) async fn authenticate_request(
    connection: &Connection,
    request: &Parts,
    needs: Access,
) -> Result<Caller, Refused> {
    if !request.headers.contains_key(AUTHORIZATION)
        && let Some(portal) = &connection.context.portal
        && let Some(signed_in) = portal.authenticate(connection, request, needs)
    {
        return signed_in;
    }
    let token = jwt::parse(bearer(request).ok_or(Denied::Missing)?).map_err(Denied::Token)?;
    authenticate_token(connection, request, token, needs).await
}

/// Checks the credential of a program that reads the live trace: `text`, for this path and for a scheme of HTTP
/// (tunnel.md §8.1).
pub(super) async fn authenticate_viewer(
    connection: &Connection,
    request: &Parts,
    text: &str,
) -> Result<Caller, Denied> {
    let mut token = jwt::parse(text).map_err(Denied::Token)?;
    let is_http = |aud: &String| {
        let scheme = aud.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        !matches!(scheme.as_deref(), Some("ws" | "wss"))
    };
    token.claims.aud.retain(is_http);
    authenticate_token(connection, request, token, Access::Read).await.map_err(|refused| refused.denied)
}

async fn authenticate_token(
    connection: &Connection,
    request: &Parts,
    token: UnverifiedToken<'_>,
    needs: Access,
) -> Result<Caller, Refused> {
    let context = &connection.context;
    let from = connection.peer;
    if let Some(algorithm) = Algorithm::named(&token.header.alg)
        && let Some(issuers) = &context.issuers
    {
        let (who, granted) = subject(issuers, &token, algorithm).await?;
        return match granted.filter(|granted| *granted >= needs) {
            Some(access) => Ok(Caller { who, access, by_portal: false, from }),
            None => Err(Refused { denied: Denied::Role, who: Some(who), by_portal: false }),
        };
    }
    let key = check_url_token(&context.config, request, &token, &[request.uri.path()])?;
    Ok(Caller { who: Who::Key(key), access: Access::All, by_portal: false, from })
}

/// Who is named by a token of an issuer, what it allows, and until when in seconds since 1970.
///
/// # Errors
/// It is not good, or allows nothing.
pub(crate) async fn authenticate_subject(
    context: &HttpContext,
    token: &str,
) -> Result<(Who, Access, i64), Denied> {
    let token = jwt::parse(token).map_err(Denied::Token)?;
    let algorithm = Algorithm::named(&token.header.alg).ok_or(Denied::Issuer)?;
    let issuers = context.issuers.as_ref().ok_or(Denied::Issuer)?;
    let (who, granted) = subject(issuers, &token, algorithm).await?;
    let ends = token.claims.exp.ok_or(Denied::Token(TokenError::NoExpiry))?;
    Ok((who, granted.ok_or(Denied::Role)?, ends))
}

async fn subject(
    issuers: &Issuers,
    token: &UnverifiedToken<'_>,
    algorithm: Algorithm,
) -> Result<(Who, Option<Access>), Denied> {
    let granted = issuers.authenticate(token, algorithm, now_s()).await?;
    let claims = &token.claims;
    // Not every issuer names programs in `sub`.
    let name = ["sub", "oid", "azp", "appid", "iss"].iter().find_map(|claim| claims.texts(claim).first());
    let issuer = claims.texts("iss").first().map_or("", String::as_str);
    Ok((Who::subject(name.map_or("", String::as_str), issuer), granted))
}

/// Checks the token of a client, made with an access key or by the service itself; its audience must be one of `paths`.
pub(super) fn authenticate_client(
    config: &Config,
    request: &Parts,
    token: &str,
    paths: &[&str],
) -> Result<Claims, Denied> {
    let token = jwt::parse(token).map_err(Denied::Token)?;
    if config.keys.verify_issued(&token) {
        check_claims(config, request, &token.claims, paths)?;
    } else {
        check_url_token(config, request, &token, paths)?;
    }
    Ok(token.claims)
}

/// The token in `Authorization: Bearer …`; the scheme's case does not matter.
pub(crate) fn bearer(request: &Parts) -> Option<&str> {
    let (scheme, token) = header(&request.headers, &AUTHORIZATION)?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

/// Checks the signature of an access key, and what the token says. Tells which key it was.
fn check_url_token(
    config: &Config,
    request: &Parts,
    token: &UnverifiedToken<'_>,
    paths: &[&str],
) -> Result<KeyName, Denied> {
    if config.auth.disable_local_auth {
        return Err(Denied::LocalAuth);
    }
    let key = config.keys.signer(token).ok_or(Denied::Signature)?;
    check_claims(config, request, &token.claims, paths)?;
    Ok(key)
}

/// Checks lifetime and audience: any of `paths` at the host of the request or at a public endpoint.
fn check_claims(config: &Config, request: &Parts, claims: &Claims, paths: &[&str]) -> Result<(), Denied> {
    claims.check_lifetime(now_s()).map_err(Denied::Token)?;
    check_audience(config, request, claims, paths).map_err(Denied::Token)
}

fn check_audience(
    config: &Config,
    request: &Parts,
    claims: &Claims,
    paths: &[&str],
) -> Result<(), TokenError> {
    // Some libraries sign for the address behind the proxy and some for the one before it (rest-api.md §2.4).
    let prefixes = config.public_endpoints.iter().map(|endpoint| endpoint.prefix.as_str());
    let prefixed: Vec<String> = prefixes
        .filter(|prefix| !prefix.is_empty())
        .flat_map(|prefix| paths.iter().map(move |path| format!("{prefix}{path}")))
        .collect();
    let mut paths = paths.to_vec();
    paths.extend(prefixed.iter().map(String::as_str));
    if config.auth.ignore_audience_host {
        return claims.check_audience(&paths, Authorities::Any);
    }
    let host = host(request);
    let mut authorities = vec![host];
    authorities.extend(config.public_endpoints.iter().map(|endpoint| endpoint.authority.as_str()));
    let checked = claims.check_audience(&paths, Authorities::OneOf(&authorities));
    if checked.is_ok() || !config.development {
        return checked;
    }
    let aliases = loopback_aliases(host);
    let aliases: Vec<&str> = aliases.iter().map(String::as_str).collect();
    claims.check_audience(&paths, Authorities::OneOf(&aliases))
}

/// The authority that the request was sent to; empty when it names none.
pub(crate) fn host(request: &Parts) -> &str {
    header(&request.headers, &HOST)
        .or_else(|| request.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or_default()
}

/// The host name that the request was sent to, lower-cased and without a port; empty when it names none.
pub(crate) fn host_name(request: &Parts) -> String {
    let host = host(request);
    let at = host.rfind(':').filter(|at| !host[*at..].contains(']'));
    host[..at.unwrap_or(host.len())].to_ascii_lowercase()
}

/// The URL under which the sender of a request knows this service, without a slash at the end.
pub(crate) fn endpoint(config: &Config, request: &Parts, secure: bool) -> String {
    match config.public_endpoints.first() {
        Some(public) => public.url(),
        None => {
            let authority = host(request).to_ascii_lowercase();
            PublicEndpoint { secure, authority, prefix: String::new() }.url()
        }
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

//! Where a request comes from, as far as browsers tell: from the page itself, or from another site that uses the
//! browser of somebody who is signed in.

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN};
use http::request::Parts;

use crate::config::is_loopback_host;
use crate::denied::Denied;
use crate::http::{Connection, host, host_name};

/// Set by the page on its requests. Another site's page can set it only after a preflight, which is refused.
const PAGE_HEADER: HeaderName = HeaderName::from_static("x-hublet-portal");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Set by proxies: then whoever is behind the connection is not who made it.
const FORWARDING: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];
/// Names of this machine that no name server can give to another one.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Checks that a request with the cookie, or one that gets it, comes from the page itself.
///
/// # Errors
/// It comes from elsewhere, or does not show that it does not.
pub(super) fn check_page(connection: &Connection, request: &Parts) -> Result<(), Denied> {
    let headers = &request.headers;
    let is_marked = text(headers, &PAGE_HEADER) == Some("1");
    let is_own = if headers.contains_key(FETCH_SITE) {
        matches!(text(headers, &FETCH_SITE), Some("same-origin" | "none"))
    } else if headers.contains_key(ORIGIN) {
        text(headers, &ORIGIN).is_some_and(|origin| is_own_origin(connection, request, origin))
    } else {
        // Browsers leave both out in plain HTTP; what the page sets, others cannot.
        is_marked
    };
    if !is_own {
        return Err(Denied::OtherSite);
    }
    if is_marked || request.method.is_safe() { Ok(()) } else { Err(Denied::PageHeader) }
}

fn is_own_origin(connection: &Connection, request: &Parts, origin: &str) -> bool {
    let is = |secure: bool, authority: &str| {
        let scheme = if secure { "https" } else { "http" };
        let port = if secure { ":443" } else { ":80" };
        let bare = authority.strip_suffix(port).unwrap_or(authority);
        origin.split_once("://").is_some_and(|(own_scheme, own)| {
            own_scheme == scheme && !bare.is_empty() && own.eq_ignore_ascii_case(bare)
        })
    };
    let endpoints = &connection.context.config.public_endpoints;
    is(connection.secure, host(request))
        || endpoints.iter().any(|endpoint| is(endpoint.secure, &endpoint.authority))
}

/// Refuses requests of browsers in development mode that came by a name which is not ours. A name server under somebody
/// else's control can give this machine any name, and then their page is of our "site".
///
/// # Errors
/// It is such a request.
pub(crate) fn check_host(connection: &Connection, request: &Parts) -> Result<(), Denied> {
    let config = &connection.context.config;
    let is_browser = request.headers.contains_key(ORIGIN) || request.headers.contains_key(FETCH_SITE);
    if !config.development || !is_browser {
        return Ok(());
    }
    let name = host_name(request);
    let is_ours = is_loopback_host(&name)
        || config.public_endpoints.iter().any(|endpoint| endpoint.host() == name.trim_matches(['[', ']']));
    if is_ours { Ok(()) } else { Err(Denied::ForeignHost) }
}

/// Checks that whoever sent a request is on this machine and meant it: nobody is asked for a key then.
///
/// # Errors
/// It does not look so.
pub(super) fn check_local(connection: &Connection, request: &Parts) -> Result<(), Denied> {
    let authority = host(request).to_ascii_lowercase();
    let default_port = if connection.secure { 443 } else { 80 };
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (authority.as_str(), Some(default_port)),
    };
    let listens = connection
        .context
        .listeners
        .iter()
        .any(|listener| listener.tls == connection.secure && Some(listener.address.port()) == port);
    let is_forwarded = FORWARDING.iter().any(|name| request.headers.contains_key(*name));
    if connection.peer.is_loopback() && LOCAL_NAMES.contains(&name) && listens && !is_forwarded {
        Ok(())
    } else {
        Err(Denied::NotLocal)
    }
}

/// Whether the browser has the page from a TLS address, of a proxy perhaps. A cookie for it must not travel otherwise.
pub(crate) fn is_secure(connection: &Connection, request: &Parts) -> bool {
    connection.secure || text(&request.headers, &ORIGIN).is_some_and(|origin| origin.starts_with("https://"))
}

/// The value of a header that is there once.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

//! Where a request comes from, as far as browsers tell: from the page itself, or from another site that uses the
//! browser of somebody who is signed in.

use http::header::{HeaderName, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Uri};

use crate::config::{Config, PublicEndpoint, is_loopback_host};
use crate::denied::Denied;
use crate::http::{Connection, host, host_name};

/// Set by the page on its requests. Another site's page can set it only after a preflight, which is refused.
const PAGE_HEADER: HeaderName = HeaderName::from_static("x-hublet-portal");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Set by proxies, and everything that begins with [`FORWARDED_PREFIX`]: then whoever is behind the connection is not who
/// made it.
const FORWARDING: [&str; 3] = ["forwarded", "x-real-ip", "via"];
const FORWARDED_PREFIX: &str = "x-forwarded";
/// Names that no website has: the domain is for private use. Containers reach their host by such a name.
const PRIVATE_DOMAIN: &str = ".internal";
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

/// Refuses requests that came by a name which is not ours, where everybody can sign tokens. A name server under somebody
/// else's control can give this machine any name; then their page is of our "site", and browsers do not tell about it.
///
/// # Errors
/// It is such a request.
pub(crate) fn check_host(connection: &Connection, request: &Parts) -> Result<(), Denied> {
    let config = &connection.context.config;
    if !config.has_public_key() {
        return Ok(());
    }
    let name = host_name(request);
    let is_container_host = config.auth.ignore_audience_host && name.ends_with(PRIVATE_DOMAIN);
    if is_ours(config, &name) || is_container_host { Ok(()) } else { Err(Denied::ForeignHost) }
}

/// Refuses requests of other websites' pages, where everybody can sign tokens.
///
/// # Errors
/// It is one of those.
pub(crate) fn check_origin(connection: &Connection, request: &Parts) -> Result<(), Denied> {
    let config = &connection.context.config;
    if !config.has_public_key() || !request.headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let origin = text(&request.headers, &ORIGIN).and_then(|origin| origin.parse::<Uri>().ok());
    let is_own = origin.as_ref().and_then(Uri::host).is_some_and(|name| is_ours(config, name));
    if is_own { Ok(()) } else { Err(Denied::ForeignOrigin) }
}

/// Whether a host is this machine, or one that the service is known by.
fn is_ours(config: &Config, name: &str) -> bool {
    let is_public =
        |endpoint: &PublicEndpoint| endpoint.host().eq_ignore_ascii_case(name.trim_matches(['[', ']']));
    is_loopback_host(name) || config.public_endpoints.iter().any(is_public)
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
    let is_direct = connection.peer.is_loopback() && !is_forwarded(&request.headers);
    if is_direct && LOCAL_NAMES.contains(&name) && listens { Ok(()) } else { Err(Denied::NotLocal) }
}

/// Whether a proxy passed a request on.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    let mut names = headers.keys().map(HeaderName::as_str);
    names.any(|name| FORWARDING.contains(&name) || name.starts_with(FORWARDED_PREFIX))
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

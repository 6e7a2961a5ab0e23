//! Cookies of event handlers: a jar for each connection, so that a load balancer finds the same server again
//! (event-handlers.md §4.5). The rules are those of RFC 6265; without a list of public suffixes, a domain needs a dot.

mod date;
mod set_cookie;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Uri};
use hublet_wire::id::ConnId;

use self::set_cookie::SetCookie;

/// Cookies of one connection (RFC 6265 §6.1 asks for this many).
const COOKIES_MAX: usize = 50;
/// Longest cookie, name and value together.
const COOKIE_BYTES_MAX: usize = 4 << 10;
/// All cookies of one connection, with their domains and paths.
const JAR_BYTES_MAX: usize = 16 << 10;

/// The jars of the connections that got a cookie; others cost nothing.
#[derive(Default)]
pub struct Jars(Mutex<HashMap<ConnId, Jar>>);

/// In the order in which the cookies came first.
#[derive(Default)]
struct Jar(Vec<Cookie>);

struct Cookie {
    name: String,
    value: String,
    /// In lower case.
    domain: String,
    /// Not for the hosts below the domain.
    host_only: bool,
    path: String,
    /// For https only.
    secure: bool,
    /// Seconds since 1970; `None`: it stays.
    expires_s: Option<u64>,
}

impl Jars {
    /// Keeps the cookies of a successful answer to an event of this connection. `uri` is that of the request, `now_s` the
    /// time in seconds since 1970. What breaks a rule or a limit is skipped; the oldest make room for new ones.
    pub fn store(&self, conn: ConnId, uri: &Uri, headers: &HeaderMap, now_s: u64) {
        let cookies = headers.get_all(SET_COOKIE).iter().filter_map(|line| Cookie::new(line, uri, now_s));
        let mut cookies = cookies.peekable();
        if cookies.peek().is_none() {
            return;
        }
        let mut jars = self.jars();
        let jar = jars.entry(conn).or_default();
        for cookie in cookies {
            jar.put(cookie, now_s);
        }
        if jar.0.is_empty() {
            jars.remove(&conn);
        }
    }

    /// `Cookie` for a request to this URL; `None`: there is nothing to send.
    pub fn header(&self, conn: ConnId, uri: &Uri, now_s: u64) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(self.jars().get(&conn)?.text(uri, now_s)?).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Drops the jar of a connection. Nothing may be stored for it afterwards.
    pub fn forget(&self, conn: ConnId) {
        self.jars().remove(&conn);
    }

    fn jars(&self) -> MutexGuard<'_, HashMap<ConnId, Jar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Jars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jars({})", self.jars().len())
    }
}

impl Jar {
    fn put(&mut self, cookie: Cookie, now_s: u64) {
        self.0.retain(|known| known.is_alive(now_s));
        match self.0.iter().position(|known| known.is_same(&cookie)) {
            // A cookie that is expired from the start takes the old one away.
            Some(at) if !cookie.is_alive(now_s) => drop(self.0.remove(at)),
            // It keeps its age (RFC 6265 §5.3).
            Some(at) => self.0[at] = cookie,
            None if !cookie.is_alive(now_s) => {}
            None => self.0.push(cookie),
        }
        let mut bytes: usize = self.0.iter().map(Cookie::bytes).sum();
        while self.0.len() > COOKIES_MAX || bytes > JAR_BYTES_MAX {
            bytes -= self.0.remove(0).bytes();
        }
    }

    /// Longer paths first, then older cookies (RFC 6265 §5.4).
    fn text(&self, uri: &Uri, now_s: u64) -> Option<String> {
        let host = host(uri)?;
        let mut sent: Vec<&Cookie> =
            self.0.iter().filter(|cookie| cookie.is_alive(now_s) && cookie.is_for(&host, uri)).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let texts: Vec<String> =
            sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

impl Cookie {
    /// A cookie that the server of this URL may set (RFC 6265 §5.3).
    fn new(line: &HeaderValue, uri: &Uri, now_s: u64) -> Option<Self> {
        let SetCookie { name, value, domain, path, secure, expires_s } =
            SetCookie::parse(line.to_str().ok()?, now_s)?;
        let host = host(uri)?;
        let domain = domain.map(str::to_ascii_lowercase);
        let (domain, host_only) = match domain {
            // The host itself may be called like a public suffix; then the cookie is for it alone.
            Some(domain) if domain != host && domain.contains('.') && is_in(&host, &domain) => {
                (domain, false)
            }
            Some(domain) if domain == host => (domain, !host.contains('.')),
            Some(_) => return None,
            None => (host, true),
        };
        let path = path.unwrap_or_else(|| default_path(uri.path()));
        let cookie = Self {
            name: name.into(),
            value: value.into(),
            domain,
            host_only,
            path: path.into(),
            secure,
            expires_s,
        };
        let is_short = cookie.name.len() + cookie.value.len() <= COOKIE_BYTES_MAX;
        (is_short && cookie.bytes() <= JAR_BYTES_MAX).then_some(cookie)
    }

    fn is_alive(&self, now_s: u64) -> bool {
        self.expires_s.is_none_or(|expires_s| now_s < expires_s)
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.domain, &self.path) == (&other.name, &other.domain, &other.path)
    }

    fn is_for(&self, host: &str, uri: &Uri) -> bool {
        let is_host = host == self.domain || (!self.host_only && is_in(host, &self.domain));
        is_host && covers(&self.path, uri.path()) && (!self.secure || uri.scheme_str() == Some("https"))
    }

    fn bytes(&self) -> usize {
        self.name.len() + self.value.len() + self.domain.len() + self.path.len()
    }
}

fn host(uri: &Uri) -> Option<String> {
    uri.host().map(str::to_ascii_lowercase)
}

/// Whether a host name is below a domain (RFC 6265 §5.1.3). Addresses are below nothing.
fn is_in(host: &str, domain: &str) -> bool {
    let is_below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    is_below && host.parse::<IpAddr>().is_err()
}

/// The folder of a path, without the slash at its end (RFC 6265 §5.1.4).
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

/// Whether a path is the cookie's, or below it (RFC 6265 §5.1.4).
fn covers(cookie_path: &str, path: &str) -> bool {
    match path.strip_prefix(cookie_path) {
        Some(rest) => rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

//! The addresses that a request may go to. Names are looked up and judged for every connection, so that a name cannot
//! change its mind after it was checked (event-handlers.md §12, "SSRF protection").

use std::net::SocketAddr;

use http::Uri;

use crate::fault::Fault;
use crate::networks::Networks;
use crate::resolver::Resolver;

/// Where handlers may be.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// Networks that are allowed although they are not public.
    pub(crate) networks: Networks,
    /// Loopback is allowed.
    pub(crate) development: bool,
}

impl Guard {
    /// Keeps the addresses that may be used.
    ///
    /// # Errors
    /// None of them may.
    pub(crate) fn retain_allowed(&self, addresses: &mut Vec<SocketAddr>) -> Result<(), Fault> {
        let mut refused = None;
        addresses.retain(|address| match self.networks.check(address.ip(), self.development) {
            Ok(()) => true,
            Err(error) => {
                refused = Some(error);
                false
            }
        });
        match refused {
            Some(refused) if addresses.is_empty() => Err(Fault::Refused(refused)),
            _ => Ok(()),
        }
    }
}

/// The addresses of the URL's host, at least one.
///
/// # Errors
/// It has none.
pub(crate) async fn addresses(resolver: &Resolver, uri: &Uri) -> Result<Vec<SocketAddr>, Fault> {
    let host = uri.host().ok_or(Fault::Url)?.trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if is_secure(uri) { 443 } else { 80 });
    resolver.addresses(host, port).await
}

/// Whether every address of the URL's host is on loopback.
pub(crate) async fn is_on_loopback(resolver: &Resolver, uri: &Uri) -> bool {
    let on_loopback = |addresses: &[SocketAddr]| addresses.iter().all(|address| address.ip().is_loopback());
    addresses(resolver, uri).await.is_ok_and(|addresses| on_loopback(&addresses))
}

/// Whether the URL asks for TLS.
pub(crate) fn is_secure(uri: &Uri) -> bool {
    uri.scheme() == Some(&http::uri::Scheme::HTTPS)
}

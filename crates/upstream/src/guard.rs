//! The addresses that a request may go to. Names are looked up and judged for every connection, so that a name cannot
//! change its mind after it was checked (event-handlers.md §12, "SSRF protection").

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Uri;

use crate::fault::Fault;
use crate::networks::Networks;

/// Where handlers may be.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// Networks that are allowed although they are not public.
    pub(crate) networks: Networks,
    /// Loopback is allowed.
    pub(crate) development: bool,
}

impl Guard {
    /// The addresses of the URL's host that may be used, at least one.
    ///
    /// # Errors
    /// The host has no address, or none that is allowed.
    pub(crate) async fn addresses(&self, uri: &Uri) -> Result<Vec<SocketAddr>, Fault> {
        let mut refused = None;
        let mut addresses = lookup(uri).await?;
        addresses.retain(|address| match self.networks.check(address.ip(), self.development) {
            Ok(()) => true,
            Err(error) => {
                refused = Some(error);
                false
            }
        });
        match (addresses.is_empty(), refused) {
            (false, _) => Ok(addresses),
            (true, Some(refused)) => Err(Fault::Refused(refused)),
            (true, None) => Err(Fault::Name(Arc::new(io::ErrorKind::NotFound.into()))),
        }
    }
}

/// Whether every address of the URL's host is on loopback.
pub(crate) async fn is_on_loopback(uri: &Uri) -> bool {
    let on_loopback = |addresses: &[SocketAddr]| addresses.iter().all(|address| address.ip().is_loopback());
    lookup(uri).await.is_ok_and(|addresses| !addresses.is_empty() && on_loopback(&addresses))
}

async fn lookup(uri: &Uri) -> Result<Vec<SocketAddr>, Fault> {
    let host = uri.host().ok_or(Fault::Url)?.trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if is_secure(uri) { 443 } else { 80 });
    let found = tokio::net::lookup_host((host, port)).await;
    Ok(found.map_err(|error| Fault::Name(Arc::new(error)))?.collect())
}

/// Whether the URL asks for TLS.
pub(crate) fn is_secure(uri: &Uri) -> bool {
    uri.scheme() == Some(&http::uri::Scheme::HTTPS)
}

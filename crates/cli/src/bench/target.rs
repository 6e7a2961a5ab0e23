//! What is measured: a Web PubSub service, or any WebSocket server that broadcasts.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use hublet_client::pubsub::Protocol;
use hublet_client::{ClientAccess, ConnectionString, Tls};

use super::process::Process;
use crate::service;

/// RFC 6455's own example. One key for all connections: making keys is not what is measured.
const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A Web PubSub service.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct MeasuredArgs {
    #[command(flatten)]
    service: service::ServiceArgs,

    /// Hub
    #[arg(long, value_name = "HUB", default_value = "bench", value_parser = service::hub, help_heading = "Service")]
    pub(super) hub: String,

    /// The service's process on this machine, to tell its memory and processor time
    #[arg(long, help_heading = "Service")]
    pid: Option<u32>,
}

impl MeasuredArgs {
    pub(super) fn connection_string(&self) -> Result<ConnectionString> {
        Ok(self.service.connection_string()?)
    }

    /// Whom to trust, where TLS may be used.
    pub(super) fn tls(&self) -> Tls {
        self.service.tls()
    }

    pub(super) fn json(&self) -> bool {
        self.service.json
    }

    pub(super) fn process(&self) -> Option<Process> {
        self.pid.map(Process::Id)
    }

    pub(super) fn target(&self) -> Result<Target> {
        let service = self.connection_string()?;
        let base_url = service.client_access(&ClientAccess::new(&self.hub))?.base_url;
        let at = Place::of(&base_url)?;
        Ok(Target { at, service: Some((service, self.hub.clone())) })
    }
}

/// A Web PubSub service or a plain WebSocket server.
#[derive(Debug, clap::Args)]
pub(super) struct TargetArgs {
    #[command(flatten)]
    pub(super) service: MeasuredArgs,
    /// Measure this WebSocket server instead (ws://…): it sends each text message to all other clients and drops
    /// binary ones
    #[arg(long, help_heading = "Service")]
    url: Option<String>,
}

impl TargetArgs {
    pub(super) fn target(&self) -> Result<Target> {
        match &self.url {
            Some(url) => Ok(Target { at: Place::of(url)?, service: None }),
            None => self.service.target(),
        }
    }
}

/// Who connects; a plain server is not told.
#[derive(Debug, Default)]
pub(super) struct Profile<'a> {
    /// What it speaks; `None`: it is a simple client.
    pub(super) protocol: Option<Protocol>,
    pub(super) user: Option<&'a str>,
    pub(super) groups: &'a [String],
    pub(super) roles: &'a [String],
    /// Added to the URL.
    pub(super) query: &'a str,
}

/// A connection to be made.
#[derive(Debug)]
pub(super) struct Opening {
    /// The opening handshake, ready to send.
    pub(super) request: Vec<u8>,
    /// The server says `connected` when it is done.
    pub(super) greeted: bool,
}

#[derive(Debug)]
pub(super) struct Target {
    pub(super) at: Place,
    /// The service and the hub; none: a plain server.
    service: Option<(ConnectionString, String)>,
}

impl Target {
    pub(super) fn is_plain(&self) -> bool {
        self.service.is_none()
    }

    pub(super) fn opening(&self, profile: &Profile<'_>) -> Result<Opening> {
        let Place { host, path, .. } = &self.at;
        let mut greeted = false;
        let (target, subprotocol) = match &self.service {
            None => (path.clone(), String::new()),
            Some((service, hub)) => {
                let Profile { user, groups, roles, .. } = *profile;
                let access = ClientAccess { user, groups, roles, ..ClientAccess::new(hub) };
                let token = service.client_access(&access)?.token;
                greeted = profile.protocol.is_some();
                let subprotocol = match profile.protocol {
                    Some(protocol) => format!("Sec-WebSocket-Protocol: {}\r\n", protocol.name()),
                    None => String::new(),
                };
                (format!("{path}?access_token={token}{}", profile.query), subprotocol)
            }
        };
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {WEBSOCKET_KEY}\r\n{subprotocol}\r\n"
        );
        Ok(Opening { request: request.into_bytes(), greeted })
    }
}

/// A URL, looked up.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    /// Host and port as in the URL.
    pub(super) host: String,
    path: String,
}

impl Place {
    fn of(url: &str) -> Result<Self> {
        Self::behind("ws://", url)
    }

    /// A web server's.
    pub(super) fn of_http(url: &str) -> Result<Self> {
        Self::behind("http://", url)
    }

    fn behind(scheme: &str, url: &str) -> Result<Self> {
        let (host, path) = split(scheme, url)?;
        let address = reachable(&with_port(host))?;
        Ok(Self { address, host: host.to_owned(), path: path.to_owned() })
    }
}

/// Host with port, and path.
fn split<'a>(scheme: &str, url: &'a str) -> Result<(&'a str, &'a str)> {
    let rest = url.strip_prefix(scheme).context(
        "only ws:// and http:// can be measured: with TLS the load generator would be measured as well",
    )?;
    let at = rest.find('/').unwrap_or(rest.len());
    match rest.split_at(at) {
        ("", _) => bail!("{url} has no host"),
        (host, "") => Ok((host, "/")),
        (host, path) => Ok((host, path)),
    }
}

fn with_port(host: &str) -> String {
    let has_port = host.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
    if has_port { host.to_owned() } else { format!("{host}:80") }
}

/// The first address of a name at which someone listens; all connections then go there.
fn reachable(host: &str) -> Result<SocketAddr> {
    let addresses = host.to_socket_addrs().with_context(|| format!("cannot look up {host}"))?;
    let mut problem = anyhow!("{host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, Duration::from_secs(3)) {
            Ok(_) => return Ok(address),
            Err(error) => problem = anyhow!("cannot connect to {address}: {error}"),
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let split = |url| split("ws://", url);
        assert_eq!(split("ws://localhost:8080/client/hubs/a").unwrap(), ("localhost:8080", "/client/hubs/a"));
        assert_eq!(split("ws://h").unwrap(), ("h", "/"));
        assert!(split("wss://h/").is_err());
        assert!(split("ws:///a").is_err());
        assert_eq!(with_port("h"), "h:80");
        assert_eq!(with_port("h:1"), "h:1");
        assert_eq!(with_port("[::1]"), "[::1]:80");
        assert_eq!(with_port("[::1]:1"), "[::1]:1");
    }

    #[test]
    fn a_service_gets_a_token_and_a_plain_server_does_not() {
        let at = Place { address: ([127, 0, 0, 1], 1).into(), host: "h:1".to_owned(), path: "/p".to_owned() };
        let service = Some((ConnectionString::development(), "bench".to_owned()));
        let profile = Profile { protocol: Some(Protocol::Json), query: "&x=y", ..Profile::default() };
        let mut target = Target { at, service };
        let opening = target.opening(&profile).unwrap();
        let request = String::from_utf8(opening.request).unwrap();
        assert!(opening.greeted);
        assert!(request.starts_with("GET /p?access_token=ey"), "{request}");
        assert!(request.contains("&x=y HTTP/1.1\r\nHost: h:1\r\n"), "{request}");
        assert!(request.ends_with("Sec-WebSocket-Protocol: json.webpubsub.azure.v1\r\n\r\n"), "{request}");

        target.service = None;
        let opening = target.opening(&profile).unwrap();
        assert!(!opening.greeted);
        assert!(opening.request.starts_with(b"GET /p HTTP/1.1\r\n"));
    }
}

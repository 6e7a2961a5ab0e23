//! What the service prints when it is ready: where it is, and in development mode all that a first client needs.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use hublet_client::{ClientAccess, ConnectionString};
use hublet_server::config::{Config, KeySource};
use hublet_server::{Endpoint, tls};

use crate::output;
use crate::token::ROLES;

/// How long the printed client access URL is good for.
const URL_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The hub of the printed client access URL; every name would do.
const HUB: &str = "chat";
const USER: &str = "me";

/// Prints it on standard output, one fact a line.
pub(super) fn print(config: &Config, endpoints: &[Endpoint], metrics: &[SocketAddr]) -> anyhow::Result<()> {
    let colour = output::has_colour(&std::io::stdout());
    let mut text = String::new();
    for (name, value) in lines(config, endpoints, metrics)? {
        if name.is_empty() {
            text.push_str(&value);
        } else if colour {
            text.push_str(&format!("  \x1b[2m{name:<18}\x1b[0m {value}"));
        } else {
            text.push_str(&format!("{name:<18} {value}"));
        }
        text.push('\n');
    }
    if std::io::stdout().is_terminal() {
        text = format!("\n{text}\n");
    }
    // A service whose output nobody reads goes on.
    let _ = output::bytes(text.as_bytes());
    Ok(())
}

fn lines(
    config: &Config,
    endpoints: &[Endpoint],
    metrics: &[SocketAddr],
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let version = env!("CARGO_PKG_VERSION");
    let mode = if config.development { "development mode" } else { "production mode" };
    let mut lines = vec![("", format!("hublet {version}, {mode}"))];
    let local = urls(endpoints);
    lines.extend(local.iter().map(|url| ("endpoint", url.clone())));
    let public: Vec<String> = config.public_endpoints.iter().map(|endpoint| endpoint.url()).collect();
    lines.extend(public.iter().map(|url| ("public endpoint", url.clone())));
    lines.extend(metrics.iter().map(|address| ("metrics", format!("http://{address}/metrics"))));

    let known = if public.is_empty() { &local } else { &public };
    // What listens everywhere is reached from here as `localhost`.
    let reached =
        |url: &String| url.replace("://0.0.0.0:", "://localhost:").replace("://[::]:", "://localhost:");
    let known: Vec<String> = known.iter().map(reached).collect();
    if config.portal {
        lines.extend(known.first().map(|url| ("portal", format!("{url}/portal/"))));
    }
    let services = known
        .iter()
        .map(|url| ConnectionString::new(url, &config.keys.primary()))
        .collect::<Result<Vec<_>, _>>()?;
    let has_keys = !config.auth.disable_local_auth;
    // A key of production is shown when it is made, and never again.
    if has_keys && (config.development || config.key_source == KeySource::Generated) {
        lines.extend(services.iter().map(|service| ("connection string", service.reveal())));
    }
    if config.development
        && has_keys
        && let Some(service) = services.first()
    {
        let roles = ROLES.map(str::to_owned);
        let access = ClientAccess {
            user: Some(USER),
            roles: &roles,
            lifetime: URL_LIFETIME,
            ..ClientAccess::new(HUB)
        };
        lines.push(("client access URL", service.client_access(&access)?.url()));
    }
    if config.tls.as_ref().is_some_and(|tls| tls.settings.cert.is_none()) {
        let ca = tls::ca_file(&config.data);
        let ca = ca.display();
        lines.push(("trust for Node", format!("NODE_EXTRA_CA_CERTS={ca}")));
        lines.push(("trust for Python", format!("SSL_CERT_FILE={ca} REQUESTS_CA_BUNDLE={ca}")));
        lines.push(("trust for Java", "see docs/tls.md".to_owned()));
    }
    lines.push(("data", config.data.display().to_string()));
    if config.development && has_keys {
        lines.extend(
            services
                .first()
                .map(|service| ("try it", format!("hublet connect --hub {HUB}{}", chosen(service)))),
        );
    }
    Ok(lines)
}

/// How a command is told of the service, if it would ask another one by itself.
fn chosen(service: &ConnectionString) -> String {
    match service.reveal() {
        known if known == ConnectionString::development().reveal() => String::new(),
        other => format!(" --connection-string '{other}'"),
    }
}

/// The addresses as URLs. Both loopback addresses with one port are `localhost`, and so is what listens everywhere.
fn urls(endpoints: &[Endpoint]) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for endpoint in endpoints {
        let Endpoint { address, tls } = *endpoint;
        let scheme = if tls { "https" } else { "http" };
        let is_both = endpoints.iter().any(|other| {
            other.tls == tls
                && other.address.port() == address.port()
                && other.address.ip().is_loopback()
                && other.address.is_ipv4() != address.is_ipv4()
        });
        let url = if address.ip().is_loopback() && is_both {
            format!("{scheme}://localhost:{}", address.port())
        } else {
            format!("{scheme}://{address}")
        };
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        let of = |addresses: &[(&str, bool)]| {
            let endpoints: Vec<Endpoint> = addresses
                .iter()
                .map(|(address, tls)| Endpoint { address: address.parse().unwrap(), tls: *tls })
                .collect();
            urls(&endpoints)
        };
        assert_eq!(of(&[("127.0.0.1:8080", false), ("[::1]:8080", false)]), ["http://localhost:8080"]);
        assert_eq!(of(&[("127.0.0.1:8080", false)]), ["http://127.0.0.1:8080"]);
        assert_eq!(
            of(&[("127.0.0.1:1", false), ("[::1]:2", false), ("[::1]:1", true)]),
            ["http://127.0.0.1:1", "http://[::1]:2", "https://[::1]:1"]
        );
        assert_eq!(of(&[("0.0.0.0:80", false)]), ["http://0.0.0.0:80"]);
    }
}

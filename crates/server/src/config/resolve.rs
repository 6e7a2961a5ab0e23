//! From what is written to what is meant: defaults, checks, and the keys.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use hublet_hub::directory::SHARDS_MAX;

use super::settings::{LimitSettings, ReliableSettings, TlsListenSettings};
use super::trace::{LiveTrace, ResourceLogs};
use super::upstream::{self, Shown};
use super::{
    AllowedOrigins, Auth, Config, ConfigError, KeySource, Limits, Metrics, Otlp, PublicEndpoint, Rest,
    Settings, TlsListeners, hubs,
};
use crate::keys::{self, AccessKeys};
use crate::tls::TlsSettings;

const DEFAULT_LISTEN: [&str; 2] = ["127.0.0.1:8080", "[::1]:8080"];
const DEFAULT_TLS_LISTEN: [&str; 2] = ["127.0.0.1:8443", "[::1]:8443"];
const DEFAULT_DATA: &str = "hublet-data";
const DEFAULT_LOG: &str = "info";
/// Seconds that a reliable connection can be asked to wait.
const RECOVERY_S: std::ops::RangeInclusive<u32> = 1..=86_400;
/// Seconds between pings that can be asked for (client-protocols.md §9.1).
const KEEP_ALIVE_S: std::ops::RangeInclusive<u32> = 1..=120;

impl Config {
    /// Completes and checks settings. In production mode without configured keys it reads the stored ones, or makes a
    /// pair, which [`crate::Server::start`] stores.
    ///
    /// # Errors
    /// A value that cannot be meant, or keys that cannot be read or stored.
    pub fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let listens_by_default = settings.listen.is_none();
        let listen = addresses("listen", settings.listen.as_deref(), &DEFAULT_LISTEN)?;
        let tls = settings.tls.as_ref().map(tls).transpose()?;
        let public_endpoints = settings
            .public_endpoints
            .iter()
            .flatten()
            .map(|url| PublicEndpoint::parse(url))
            .collect::<Result<Vec<_>, _>>()?;
        let all = || listen.iter().chain(tls.iter().flat_map(|tls| &tls.listen));
        if all().next().is_none() {
            return Err(ConfigError::new(
                "There is no address to listen on. Add one to `listen`, or turn TLS on.",
            ));
        }
        let metrics = Metrics::new(&settings.metrics)?;
        metrics.check_apart(all().copied())?;
        let exposed = all()
            .find(|address| !address.ip().is_loopback())
            .map(|address| format!("the address {address} is not on loopback"))
            .or_else(|| {
                let public = public_endpoints.iter().find(|endpoint| !is_loopback_host(endpoint.host()));
                public.map(|endpoint| format!("the public endpoint {} is not on loopback", endpoint.url()))
            })
            .or_else(|| settings.production.unwrap_or(false).then(|| "production mode is on".to_owned()));
        let data = settings.data.clone().unwrap_or_else(|| DEFAULT_DATA.into());
        let auth = Auth::new(&settings.auth, exposed.as_deref())?;
        // The service's own key follows from the access key: with a well-known one anybody could make client tokens.
        let only_issuers = auth.disable_local_auth.then_some("`auth.disable_local_auth` is on");
        let (keys, key_source) = match (&settings.auth.access_keys, exposed.as_deref().or(only_issuers)) {
            (Some(texts), secret) => (configured_keys(texts, secret)?, KeySource::Configured),
            (None, None) => (AccessKeys::development(), KeySource::Development),
            (None, Some(_)) => keys::stored(&data)?,
        };
        let development = exposed.is_none();
        let signing_keys = (!auth.disable_local_auth).then_some(&keys);
        let environment = upstream::environment(settings, development, &public_endpoints, signing_keys)?;
        Ok(Self {
            development,
            listen,
            listens_by_default,
            tls,
            public_endpoints,
            data,
            shards: shards(settings.shards)?,
            log: settings.log.clone().unwrap_or_else(|| DEFAULT_LOG.to_owned()),
            log_format: settings.log_format.unwrap_or_default(),
            keys,
            key_source,
            auth,
            rest: Rest {
                legacy_path_decoding: settings.rest.legacy_path_decoding.unwrap_or_default(),
                strict_api_versions: settings.rest.strict_api_versions.unwrap_or_default(),
                allowed_origins: allowed_origins(settings.rest.allowed_origins.as_deref())?,
            },
            portal: settings.portal.enabled.unwrap_or(true),
            hubs: hubs::compile(&settings.hubs, &environment)?,
            environment,
            durability: settings.reliable.durability.unwrap_or_default(),
            metrics,
            limits: limits(&settings.limits)?,
            live_trace: LiveTrace::new(&settings.live_trace, development)?,
            resource_logs: settings.resource_logs.as_ref().map_or(Ok(None), ResourceLogs::new)?,
            otlp: settings.otlp.as_ref().map(Otlp::new).transpose()?,
            shown: Shown::of(settings),
        })
    }

    /// Whether everybody can sign tokens: the well-known key is in use, which needs all addresses to be on loopback.
    pub(crate) fn has_public_key(&self) -> bool {
        self.development && self.keys.has_development()
    }

    /// The configuration in effect as settings, for people: secrets are masked.
    pub fn effective(&self) -> Settings {
        let list = |addresses: &[SocketAddr]| addresses.iter().map(ToString::to_string).collect();
        let limits = &self.limits;
        Settings {
            production: Some(!self.development),
            listen: Some(list(&self.listen)),
            public_endpoints: Some(self.public_endpoints.iter().map(PublicEndpoint::url).collect()),
            data: Some(self.data.clone()),
            shards: Some(self.shards),
            log: Some(self.log.clone()),
            log_format: Some(self.log_format),
            auth: self.auth.effective(self.keys.texts().iter().map(|_| "***".to_owned()).collect()),
            rest: super::RestSettings {
                legacy_path_decoding: Some(self.rest.legacy_path_decoding),
                strict_api_versions: Some(self.rest.strict_api_versions),
                allowed_origins: Some(match &self.rest.allowed_origins {
                    AllowedOrigins::None => Vec::new(),
                    AllowedOrigins::Any => vec!["*".to_owned()],
                    AllowedOrigins::These(these) => these.clone(),
                }),
            },
            portal: super::PortalSettings { enabled: Some(self.portal) },
            tls: self.tls.as_ref().map(|tls| TlsListenSettings {
                listen: Some(list(&tls.listen)),
                cert: tls.settings.cert.clone(),
                key: tls.settings.key.clone(),
            }),
            reliable: ReliableSettings { durability: Some(self.durability) },
            metrics: self.metrics.effective(),
            limits: LimitSettings {
                message_bytes: Some(limits.message_bytes),
                outgoing_queue_bytes: Some(limits.outgoing_queue_bytes),
                groups_per_connection: Some(limits.groups_per_connection),
                connections_max: Some(limits.connections_max),
                rest_requests_per_second: Some(limits.rest_requests_per_second.map_or(0, Into::into)),
                keep_alive_interval_s: Some(limits.keep_alive_interval_s),
                recovery_timeout_s: u32::try_from(limits.recovery_timeout.as_secs()).ok(),
                head_timeout_s: u32::try_from(limits.head_timeout.as_secs()).ok(),
            },
            live_trace: self.live_trace.effective(),
            resource_logs: self.resource_logs.as_ref().map(ResourceLogs::effective),
            otlp: self.otlp.as_ref().map(Otlp::effective),
            identity: self.shown.identity.clone(),
            upstream: self.shown.upstream.clone(),
            secrets: self.shown.secrets.clone(),
            hubs: self
                .hubs
                .iter()
                .map(|(name, rules)| (name.clone(), rules.settings.masked_with_queries()))
                .collect(),
        }
    }
}

pub(super) fn addresses(
    key: &str,
    texts: Option<&[String]>,
    default: &[&str],
) -> Result<Vec<SocketAddr>, ConfigError> {
    let parse = |text: &str| {
        let with_host = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        with_host.as_deref().unwrap_or(text).parse().map_err(|_| {
            ConfigError::new(format!(
                "{text:?} in `{key}` is not an address. Write an IP address and a port, such as 127.0.0.1:8080 or [::]:8080."
            ))
        })
    };
    match texts {
        Some(texts) => texts.iter().map(|text| parse(text.trim())).collect(),
        None => default.iter().map(|text| parse(text)).collect(),
    }
}

fn tls(settings: &TlsListenSettings) -> Result<TlsListeners, ConfigError> {
    let (cert, key) = (settings.cert.clone(), settings.key.clone());
    if cert.is_some() != key.is_some() {
        return Err(ConfigError::new(
            "Only one of `tls.cert` and `tls.key` is set. Set both for your own certificate, or none for a local one.",
        ));
    }
    Ok(TlsListeners {
        listen: addresses("tls.listen", settings.listen.as_deref(), &DEFAULT_TLS_LISTEN)?,
        listens_by_default: settings.listen.is_none(),
        settings: TlsSettings { cert, key },
    })
}

fn allowed_origins(texts: Option<&[String]>) -> Result<AllowedOrigins, ConfigError> {
    let texts = texts.unwrap_or_default();
    if texts.iter().any(|text| text.trim() == "*") {
        return Ok(AllowedOrigins::Any);
    }
    let these = texts.iter().map(|text| origin(text.trim())).collect::<Result<Vec<_>, _>>()?;
    Ok(if these.is_empty() { AllowedOrigins::None } else { AllowedOrigins::These(these) })
}

/// An origin as browsers write it: in lower case, without the scheme's own port and without a slash at the end.
fn origin(text: &str) -> Result<String, ConfigError> {
    let wrong = || {
        ConfigError::new(format!(
            "{text:?} in `rest.allowed_origins` is not the address of a site. Write a scheme and a host, such as \
             https://app.example.com, without a path, or * for all sites."
        ))
    };
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://").ok_or_else(wrong)?;
    let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong())?;
    if scheme.is_empty() || authority.contains('@') || parsed.host().is_empty() || authority.contains('*') {
        return Err(wrong());
    }
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    Ok(format!("{scheme}://{}", authority.strip_suffix(port).unwrap_or(authority)))
}

/// Whether a host name or address can only mean this machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

fn configured_keys(texts: &[String], exposed: Option<&str>) -> Result<AccessKeys, ConfigError> {
    if let Some(why) = exposed
        && texts.iter().any(|text| keys::is_development(text))
    {
        return Err(ConfigError::new(format!(
            "The well-known development key is among `auth.access_keys`, but {why}: everybody could sign tokens. \
             Choose keys of your own, or leave them out and a pair is made for you."
        )));
    }
    AccessKeys::new(texts)
}

fn shards(configured: Option<usize>) -> Result<usize, ConfigError> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from).min(SHARDS_MAX);
    match configured {
        None => Ok(cores()),
        Some(shards @ 1..=SHARDS_MAX) => Ok(shards),
        Some(shards) => {
            Err(ConfigError::new(format!("`shards` is {shards}. It must be between 1 and {SHARDS_MAX}.")))
        }
    }
}

fn limits(settings: &LimitSettings) -> Result<Limits, ConfigError> {
    let default = Limits::default();
    let at_least = |key: &str, value: Option<usize>, default: usize, min: usize| match value {
        None => Ok(default),
        Some(value) if value >= min => Ok(value),
        Some(value) => {
            Err(ConfigError::new(format!("`limits.{key}` is {value}. It must be at least {min}.")))
        }
    };
    let keep_alive_interval_s = settings.keep_alive_interval_s.unwrap_or(default.keep_alive_interval_s);
    if !KEEP_ALIVE_S.contains(&keep_alive_interval_s) {
        return Err(ConfigError::new(format!(
            "`limits.keep_alive_interval_s` is {keep_alive_interval_s}. It must be between 1 and 120."
        )));
    }
    let recovery_timeout = match settings.recovery_timeout_s {
        None => default.recovery_timeout,
        Some(seconds) if RECOVERY_S.contains(&seconds) => Duration::from_secs(seconds.into()),
        Some(seconds) => {
            return Err(ConfigError::new(format!(
                "`limits.recovery_timeout_s` is {seconds}. It must be between 1 and 86400."
            )));
        }
    };
    let head_timeout = match settings.head_timeout_s {
        None => default.head_timeout,
        Some(0) => return Err(ConfigError::new("`limits.head_timeout_s` is 0. It must be at least 1.")),
        Some(seconds) => Duration::from_secs(seconds.into()),
    };
    Ok(Limits {
        message_bytes: at_least("message_bytes", settings.message_bytes, default.message_bytes, 1_024)?,
        outgoing_queue_bytes: at_least(
            "outgoing_queue_bytes",
            settings.outgoing_queue_bytes,
            default.outgoing_queue_bytes,
            64 << 10,
        )?,
        groups_per_connection: at_least(
            "groups_per_connection",
            settings.groups_per_connection,
            default.groups_per_connection,
            1,
        )?,
        connections_max: at_least("connections_max", settings.connections_max, default.connections_max, 1)?,
        rest_requests_per_second: settings.rest_requests_per_second.and_then(NonZeroU32::new),
        keep_alive_interval_s,
        recovery_timeout,
        head_timeout,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, ConfigError> {
        Config::new(&Settings::from_toml(text).expect("readable settings"))
    }

    fn error(text: &str) -> String {
        config(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn nothing_configured_is_development_mode() {
        let config = config("").unwrap();
        assert!(config.development && config.listens_by_default);
        assert_eq!(config.key_source, KeySource::Development);
        assert_eq!(config.listen, ["127.0.0.1:8080".parse().unwrap(), "[::1]:8080".parse().unwrap()]);
        assert!(config.tls.is_none() && config.shards >= 1);
    }

    #[test]
    fn the_development_key_is_for_loopback_only() {
        let keys = "[auth]\naccess_keys = [\"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH\"]\n";
        assert!(config(keys).unwrap().development);
        for exposed in [
            "listen = [\"0.0.0.0:1\"]\n",
            "listen = [\"[::]:1\"]\n",
            "listen = [\"10.1.1.1:1\"]\n",
            "production = true\n",
            "public_endpoints = [\"https://ws.example.com\"]\n",
        ] {
            let error = error(&format!("{exposed}{keys}"));
            assert!(error.starts_with("The well-known development key"), "{error}");
        }
        assert!(error(&format!("{keys}[tls]\nlisten = [\"0.0.0.0:443\"]\n")).contains("0.0.0.0:443"));
    }

    #[test]
    fn own_keys_on_any_address() {
        let keys = "[auth]\naccess_keys = [\"0123456789abcdef0123456789abcdef\"]\n";
        let config = config(&format!("listen = [\"0.0.0.0:0\"]\n{keys}")).unwrap();
        assert!(!config.development);
        assert_eq!(config.key_source, KeySource::Configured);
        assert!(!format!("{:?} {:?}", config, config.effective()).contains("0123456789abcdef"));
        let shown = toml::to_string(&config.effective()).unwrap();
        assert!(shown.contains("***") && !shown.contains("0123456789abcdef"), "{shown}");
        assert!(Settings::from_toml(&shown).is_ok(), "what is shown can be read back");
    }

    #[test]
    fn mistakes_say_what_to_change() {
        for (text, part) in [
            ("listen = [\"8080\"]", "\"8080\" in `listen` is not an address"),
            ("listen = []", "There is no address to listen on"),
            ("public_endpoints = [\"ws.example.com\"]", "is not the address of a service"),
            ("public_endpoints = [\"https://h/path?x\"]", "is not the address of a service"),
            ("shards = 0", "between 1 and 64"),
            ("shards = 65", "between 1 and 64"),
            ("[tls]\ncert = \"c\"", "Only one of"),
            ("[limits]\nkeep_alive_interval_s = 121", "between 1 and 120"),
            ("[limits]\nmessage_bytes = 1", "at least 1024"),
            ("[limits]\nhead_timeout_s = 0", "at least 1"),
            ("[hubs.\"1x\"]", "not a hub name"),
            ("[hubs.Chat]\n[hubs.chat]", "configured twice"),
            ("[rest]\nallowed_origins = [\"app.example.com\"]", "is not the address of a site"),
            ("[rest]\nallowed_origins = [\"https://h/path\"]", "without a path"),
            ("[rest]\nallowed_origins = [\"https://*.example.com\"]", "* for all sites"),
            ("[auth]\naccess_keys = []", "at least one"),
            ("[auth]\naccess_keys = [\"short\"]", "at least 32"),
        ] {
            let error = error(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn origins() {
        let origins = |list: &str| {
            let config = config(&format!("[rest]\nallowed_origins = {list}\n")).unwrap();
            (config.effective().rest.allowed_origins.unwrap(), config.rest.allowed_origins)
        };
        assert_eq!(origins("[]"), (vec![], AllowedOrigins::None));
        let all = vec!["*".to_owned()];
        assert_eq!(origins("[\"https://a.example\", \"*\"]"), (all, AllowedOrigins::Any));
        let (shown, these) =
            origins("[\"https://A.example:443/\", \"http://[::1]:80\", \"https://b:80\", \"app://x\"]");
        assert_eq!(shown, ["https://a.example", "http://[::1]", "https://b:80", "app://x"]);
        assert_eq!(these, AllowedOrigins::These(shown));
    }
}

//! The configuration as it is written: every key optional, unknown keys refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hublet_upstream::nearest;
use hublet_upstream::settings::HubSettings;
use serde::{Deserialize, Serialize};

use super::file::position;
use super::trace::{LiveTraceSettings, LogFormat, ResourceLogSettings};
use super::{
    AuthSettings, ConfigError, IdentitySettings, MetricsSettings, OtlpSettings, SecretSettings,
    UpstreamSettings,
};

/// One layer of configuration. The same keys in TOML, in lower case with underscores.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Refuse the well-known development key even on loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production: Option<bool>,
    /// Addresses without TLS, as `127.0.0.1:8080` or `[::1]:8080`; an empty list turns plain HTTP off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Vec<String>>,
    /// URLs under which clients and app servers know this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_endpoints: Option<Vec<String>>,
    /// Folder for keys and certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Threads that serve connections; default: one a core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<usize>,
    /// Filter of the log: `error`, `warn`, `info`, `debug`, `trace`, or by target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// How its lines are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,
    /// Who may use the service.
    pub auth: AuthSettings,
    /// The REST API.
    pub rest: RestSettings,
    /// The portal.
    pub portal: PortalSettings,
    /// TLS; present means on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsListenSettings>,
    /// Reliable clients.
    pub reliable: ReliableSettings,
    /// What is counted, and who may see it.
    pub metrics: MetricsSettings,
    /// Limits.
    pub limits: LimitSettings,
    /// What is kept for whoever looks.
    pub live_trace: LiveTraceSettings,
    /// What is written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_logs: Option<ResourceLogSettings>,
    /// Where spans go; present means on. Not in every build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpSettings>,
    /// Where bearer tokens for event handlers come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentitySettings>,
    /// Event handlers and listeners of all hubs.
    pub upstream: UpstreamSettings,
    /// What URLs of event handlers refer to.
    #[serde(skip_serializing_if = "SecretSettings::is_empty")]
    pub secrets: SecretSettings,
    /// Settings of hubs by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hubs: BTreeMap<String, HubSettings>,
}

/// `[rest]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestSettings {
    /// Leave `%2F` in paths as it is, as the original does, instead of taking it for a slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legacy_path_decoding: Option<bool>,
    /// Refuse an operation that is newer than the api-version of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_api_versions: Option<bool>,
    /// Sites whose pages may call it, as `https://app.example.com`, or `*` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_origins: Option<Vec<String>>,
}

/// `[portal]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortalSettings {
    /// Whether there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// `[reliable]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReliableSettings {
    /// What sessions of reliable clients outlive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
}

/// What sessions of reliable clients outlive besides their sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing: they end when the service stops.
    None,
    /// A planned stop, if the next start has the same data folder.
    #[default]
    Restart,
    /// A process that is killed, too: a log in the data folder has everything before anybody learns of it.
    Wal,
}

/// `[tls]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsListenSettings {
    /// Addresses with TLS; default: port 8443 on loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Vec<String>>,
    /// Certificate chain in PEM; without it a local authority makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// The certificate's private key in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

/// `[limits]`, as [`super::Limits`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Bytes of a message from a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_bytes: Option<usize>,
    /// Bytes that may wait for one client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outgoing_queue_bytes: Option<usize>,
    /// Groups of one connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_per_connection: Option<usize>,
    /// Client connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_max: Option<usize>,
    /// REST requests in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest_requests_per_second: Option<u32>,
    /// Seconds between pings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive_interval_s: Option<u32>,
    /// Seconds that a reliable connection waits for a client that lost its socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_timeout_s: Option<u32>,
    /// Seconds for a request head or a TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_timeout_s: Option<u32>,
}

impl Settings {
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// It is not TOML, or has an unknown key or a value of the wrong type; the text names line and column.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            // The library's own text quotes the line, which may hold a key.
            let at = error.span().map_or_else(String::new, |span| position(text, span.start));
            let message = nearest::in_words(error.message().trim());
            let hint = nearest::in_message(&message)
                .map_or_else(String::new, |name| format!(" Did you mean `{name}`?"));
            ConfigError::new(format!("{at}{message}.{hint}"))
        })
    }

    /// This layer over the variables that OpenTelemetry has for `[otlp]`. `variable` has the value of one by its name.
    ///
    /// # Errors
    /// A variable that counts cannot be read.
    pub fn or_variables(self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self { otlp: OtlpSettings::over_variables(self.otlp, variable)?, ..self })
    }

    /// This layer over a `lower` one: what is not set here is taken from there.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        let mut hubs = lower.hubs;
        hubs.extend(self.hubs);
        Self {
            production: self.production.or(lower.production),
            listen: self.listen.or(lower.listen),
            public_endpoints: self.public_endpoints.or(lower.public_endpoints),
            data: self.data.or(lower.data),
            shards: self.shards.or(lower.shards),
            log: self.log.or(lower.log),
            log_format: self.log_format.or(lower.log_format),
            auth: self.auth.or(lower.auth),
            rest: RestSettings {
                legacy_path_decoding: self.rest.legacy_path_decoding.or(lower.rest.legacy_path_decoding),
                strict_api_versions: self.rest.strict_api_versions.or(lower.rest.strict_api_versions),
                allowed_origins: self.rest.allowed_origins.or(lower.rest.allowed_origins),
            },
            portal: PortalSettings { enabled: self.portal.enabled.or(lower.portal.enabled) },
            tls: match (self.tls, lower.tls) {
                (Some(upper), Some(lower)) => Some(TlsListenSettings {
                    listen: upper.listen.or(lower.listen),
                    cert: upper.cert.or(lower.cert),
                    key: upper.key.or(lower.key),
                }),
                (upper, lower) => upper.or(lower),
            },
            reliable: ReliableSettings { durability: self.reliable.durability.or(lower.reliable.durability) },
            metrics: self.metrics.or(lower.metrics),
            limits: LimitSettings {
                message_bytes: self.limits.message_bytes.or(lower.limits.message_bytes),
                outgoing_queue_bytes: self.limits.outgoing_queue_bytes.or(lower.limits.outgoing_queue_bytes),
                groups_per_connection: self
                    .limits
                    .groups_per_connection
                    .or(lower.limits.groups_per_connection),
                connections_max: self.limits.connections_max.or(lower.limits.connections_max),
                rest_requests_per_second: self
                    .limits
                    .rest_requests_per_second
                    .or(lower.limits.rest_requests_per_second),
                keep_alive_interval_s: self
                    .limits
                    .keep_alive_interval_s
                    .or(lower.limits.keep_alive_interval_s),
                recovery_timeout_s: self.limits.recovery_timeout_s.or(lower.limits.recovery_timeout_s),
                head_timeout_s: self.limits.head_timeout_s.or(lower.limits.head_timeout_s),
            },
            live_trace: self.live_trace.or(lower.live_trace),
            resource_logs: match (self.resource_logs, lower.resource_logs) {
                (Some(upper), Some(lower)) => Some(upper.or(lower)),
                (upper, lower) => upper.or(lower),
            },
            otlp: match (self.otlp, lower.otlp) {
                (Some(upper), Some(lower)) => Some(upper.or(lower)),
                (upper, lower) => upper.or(lower),
            },
            // In the file only: tables are not for command lines.
            identity: self.identity.or(lower.identity),
            upstream: UpstreamSettings {
                allowed_networks: self.upstream.allowed_networks.or(lower.upstream.allowed_networks),
                extra_roots: self.upstream.extra_roots.or(lower.upstream.extra_roots),
            },
            secrets: if self.secrets.is_empty() { lower.secrets } else { self.secrets },
            hubs,
        }
    }
}

#[cfg(test)]
mod tests {
    use hublet_upstream::settings::Policy;

    use super::*;

    fn error(text: &str) -> String {
        Settings::from_toml(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn a_whole_file() {
        let text = r#"
            listen = ["127.0.0.1:8080", "[::1]:8080"]
            public_endpoints = ["https://ws.example.com"]
            data = "d"
            log = "debug"
            [auth]
            access_keys = ["k1"]
            [tls]
            cert = "c.pem"
            [limits]
            message_bytes = 5
            [hubs.chat]
            anonymousConnectPolicy = "allow"
        "#;
        let settings = Settings::from_toml(text).unwrap();
        assert_eq!(settings.listen.as_ref().unwrap().len(), 2);
        assert_eq!(settings.limits.message_bytes, Some(5));
        assert_eq!(settings.hubs["chat"].anonymous_connect_policy, Some(Policy::Allow));
        assert!(!format!("{settings:?}").contains("k1"));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        assert_eq!(
            error("data = \"x\"\nlisten_on = []\n"),
            "line 2, column 1: unknown field `listen_on`, expected one of `production`, `listen`, \
             `public_endpoints`, `data`, `shards`, `log`, `log_format`, `auth`, `rest`, `portal`, `tls`, `reliable`, \
             `metrics`, `limits`, `live_trace`, `resource_logs`, `otlp`, `identity`, `upstream`, `secrets`, `hubs`. \
             Did you mean `listen`?"
        );
        assert!(error("[limits]\nmessage_byte = 1\n").ends_with("Did you mean `message_bytes`?"));
        assert!(error("[hubs.chat]\nanonymousConnectPolicy = \"alow\"\n").ends_with("Did you mean `allow`?"));
        assert!(error("[reliable]\ndurability = \"restrat\"\n").ends_with("Did you mean `restart`?"));
        assert!(error("nothing_like_it = 1").ends_with("`hubs`."));
        assert!(error("shards = \"two\"").starts_with("line 1, column 10: invalid type"));
        assert!(error("shards = -1").starts_with("line 1, column 10: invalid value"));
        // A line with a key in it is not quoted.
        assert!(!error("[auth]\naccess_keys = [\"secret\" 1]").contains("secret"));
    }

    #[test]
    fn the_upper_layer_wins_key_by_key() {
        let upper =
            Settings::from_toml("shards = 2\n[limits]\nmessage_bytes = 1\n[tls]\ncert = \"c\"\n").unwrap();
        let lower = "shards = 3\nlog = \"warn\"\n[limits]\nmessage_bytes = 9\nconnections_max = 7\n[tls]\nkey = \"k\"\n";
        let merged = upper.or(Settings::from_toml(lower).unwrap());
        assert_eq!((merged.shards, merged.log.as_deref()), (Some(2), Some("warn")));
        assert_eq!((merged.limits.message_bytes, merged.limits.connections_max), (Some(1), Some(7)));
        let tls = merged.tls.unwrap();
        assert_eq!((tls.cert, tls.key), (Some("c".into()), Some("k".into())));
    }
}

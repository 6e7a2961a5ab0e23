//! Configuration: what is written ([`Settings`]) and what follows from it ([`Config`]).
//!
//! Settings come in layers (a file, the environment, flags); [`Settings::or`] lays one over the other. [`Config::new`]
//! fills in defaults and checks the whole; nothing after it can be wrong.

mod auth;
mod endpoint;
mod file;
mod hubs;
mod metrics;
mod otlp;
mod resolve;
mod settings;
mod trace;
mod upstream;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

pub use auth::{Auth, AuthSettings, Issuer, IssuerSettings, KeyLocation};
pub(crate) use auth::{bare_audience, http_url};
pub use endpoint::PublicEndpoint;
pub use file::ConfigFile;
pub use hubs::RulesByHub;
pub(crate) use hubs::{check_listeners, compile as compile_hubs};
pub use metrics::{Metrics, MetricsSettings};
pub use otlp::{Otlp, OtlpSettings};
pub(crate) use resolve::is_loopback_host;
pub use settings::{
    Durability, LimitSettings, PortalSettings, ReliableSettings, RestSettings, Settings, TlsListenSettings,
};
pub use trace::{
    Category, LiveTrace, LiveTraceSettings, LogFormat, LogOutput, ResourceLogSettings, ResourceLogs,
};
pub use upstream::{IdentitySettings, SecretSettings, UpstreamSettings};

use hublet_upstream::Environment;

use crate::keys::AccessKeys;
use crate::tls::TlsSettings;

/// Everything a running service needs to know; checked and complete.
#[derive(Debug, Clone)]
pub struct Config {
    /// Loopback only, and the well-known access key unless others are configured.
    pub development: bool,
    /// Addresses without TLS.
    pub listen: Vec<SocketAddr>,
    /// `listen` is the default: an address family that the machine lacks is left out instead of failing.
    pub listens_by_default: bool,
    /// Addresses with TLS and their certificate.
    pub tls: Option<TlsListeners>,
    /// Public endpoints, in order of their configuration.
    pub public_endpoints: Vec<PublicEndpoint>,
    /// Where keys and certificates are kept. It is made when something is first written to it.
    pub data: PathBuf,
    /// Threads that serve connections, 1 to 64.
    pub shards: usize,
    /// Filter of the log in the syntax of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// How its lines are written.
    pub log_format: LogFormat,
    /// The keys that sign tokens, the primary one first: those in effect, also after they were replaced.
    pub keys: AccessKeys,
    /// Where the keys come from.
    pub key_source: KeySource,
    /// Who may use the service besides the holders of the keys.
    pub auth: Auth,
    /// The REST API.
    pub rest: Rest,
    /// The portal is served, and its sessions are good.
    pub portal: bool,
    /// What the event handlers of all hubs share.
    pub environment: Environment,
    /// Hubs of the configuration file by lower-cased name; hubs that are not listed have the defaults.
    pub hubs: RulesByHub,
    /// What sessions of reliable clients outlive.
    pub durability: Durability,
    /// Who may see what it counts.
    pub metrics: Metrics,
    /// Limits.
    pub limits: Limits,
    /// The live trace.
    pub live_trace: LiveTrace,
    /// Resource logs; `None`: off.
    pub resource_logs: Option<ResourceLogs>,
    /// Where spans go; `None`: there are none.
    pub otlp: Option<Otlp>,
    /// Parts of the settings, for [`Config::effective`].
    shown: upstream::Shown,
}

/// Addresses with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsListeners {
    /// The addresses.
    pub listen: Vec<SocketAddr>,
    /// The addresses are the default ones, as [`Config::listens_by_default`].
    pub listens_by_default: bool,
    /// The certificate.
    pub settings: TlsSettings,
}

/// Where the access keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// The well-known key of development mode.
    Development,
    /// The configuration.
    Configured,
    /// The data folder.
    Stored,
    /// Made just now; written to the data folder when the service starts, and to be shown then, once.
    Generated,
}

/// The REST API: how it reads requests, and which pages may call it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rest {
    /// `%2F` in a path stays as it is (rest-api.md §1.2).
    pub legacy_path_decoding: bool,
    /// An operation that is newer than the request's api-version is refused (rest-api.md §1.5).
    pub strict_api_versions: bool,
    /// Sites whose pages may call it (CORS).
    pub allowed_origins: AllowedOrigins,
}

/// Sites whose pages may call the REST API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// The service's own pages only.
    #[default]
    None,
    /// All.
    Any,
    /// These besides its own, as `https://app.example.com`.
    These(Vec<String>),
}

/// Limits that the operator may set; those that nobody needs to change stand beside the code that they bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A message from a client, all fragments together (client-protocols.md §9.4).
    pub message_bytes: usize,
    /// What may wait for one client; beyond it the client is cut as a slow consumer.
    pub outgoing_queue_bytes: usize,
    /// Groups that one connection may be in.
    pub groups_per_connection: usize,
    /// Client connections of the whole service; beyond it the handshake is answered 429.
    pub connections_max: usize,
    /// REST requests in a second, all callers together; beyond it they are answered 429. `None`: no limit.
    pub rest_requests_per_second: Option<NonZeroU32>,
    /// Seconds between pings to a client, 1 to 120.
    pub keep_alive_interval_s: u32,
    /// How long a reliable connection waits for a client that lost its socket, a second to a day
    /// (client-protocols.md §5.6).
    pub recovery_timeout: Duration,
    /// How long the head of a request and a TLS handshake may take.
    pub head_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let hub = hublet_hub::Limits::default();
        Self {
            message_bytes: 1 << 20,
            outgoing_queue_bytes: hub.queue_bytes_max,
            groups_per_connection: hub.groups_per_connection_max,
            connections_max: 1_000_000,
            rest_requests_per_second: None,
            keep_alive_interval_s: hub.keep_alive_interval_s,
            recovery_timeout: Duration::from_millis(hub.retention_ms),
            head_timeout: Duration::from_secs(10),
        }
    }
}

/// What is wrong with the configuration: a sentence that says what and one that says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ConfigError {
    text: String,
    /// The hub as it is written and the property that it is about, see [`ConfigFile::locate`].
    in_hub: Option<(String, String)>,
}

impl ConfigError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), in_hub: None }
    }

    fn in_hub(hub: &str, property: &str, text: String) -> Self {
        Self { text, in_hub: Some((hub.to_owned(), property.to_owned())) }
    }
}

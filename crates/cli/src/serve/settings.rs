//! The options of `hublet serve`. Each is also an environment variable and a key of the configuration file; an option
//! wins over a variable, and a variable over the file.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use hublet_server::config::{
    AuthSettings, Config, ConfigError, ConfigFile, LimitSettings, LogFormat, MetricsSettings, PortalSettings,
    RestSettings, Settings, TlsListenSettings,
};

use super::CONFIG_HINT;
use crate::failure::Failure;

/// Read when no other file is named and this one is in the current folder.
const DEFAULT_FILE: &str = "hublet.toml";
/// Not an option: other users of the machine can read the command lines of processes.
pub(super) const ACCESS_KEYS_VARIABLE: &str = "HUBLET_ACCESS_KEYS";

/// Arguments of `hublet serve`, and of `hublet` without a command.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Configuration file in TOML; default: hublet.toml in the current folder, if there is one
    #[arg(long, value_name = "FILE", env = "HUBLET_CONFIG")]
    config: Option<PathBuf>,
    /// Refuse the well-known development key even on loopback
    #[arg(long, value_name = "BOOL", env = "HUBLET_PRODUCTION", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    production: Option<bool>,
    /// Address without TLS, several with commas or by repeating; default: 127.0.0.1:8080 and [::1]:8080
    #[arg(long, value_name = "ADDRESS", env = "HUBLET_LISTEN", value_delimiter = ',')]
    listen: Vec<String>,
    /// URL under which clients and app servers know the service
    #[arg(
        long = "public-endpoint",
        value_name = "URL",
        env = "HUBLET_PUBLIC_ENDPOINTS",
        value_delimiter = ','
    )]
    public_endpoints: Vec<String>,
    /// Folder for access keys, certificates and hub settings; default: hublet-data
    #[arg(long, value_name = "FOLDER", env = "HUBLET_DATA")]
    data: Option<PathBuf>,
    /// Threads that serve connections; default: one a core
    #[arg(long, value_name = "NUMBER", env = "HUBLET_SHARDS")]
    shards: Option<usize>,
    /// Speak TLS too, with a certificate of a local authority unless --tls-cert is given
    #[arg(long, value_name = "BOOL", env = "HUBLET_TLS", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    tls: Option<bool>,
    /// Address with TLS; default: 127.0.0.1:8443 and [::1]:8443
    #[arg(long, value_name = "ADDRESS", env = "HUBLET_TLS_LISTEN", value_delimiter = ',')]
    tls_listen: Vec<String>,
    /// Certificate chain in PEM
    #[arg(long, value_name = "FILE", env = "HUBLET_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM
    #[arg(long, value_name = "FILE", env = "HUBLET_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Site whose pages may call the REST API, or * for all; default: none but its own
    #[arg(
        long = "rest-allowed-origin",
        value_name = "ORIGIN",
        env = "HUBLET_REST_ALLOWED_ORIGINS",
        value_delimiter = ','
    )]
    rest_allowed_origins: Vec<String>,
    /// Serve the portal at /portal/; default: true
    #[arg(long, value_name = "BOOL", env = "HUBLET_PORTAL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    portal: Option<bool>,
    /// Address that serves /metrics and health to everybody, and nothing else
    #[arg(long, value_name = "ADDRESS", env = "HUBLET_METRICS_LISTEN", value_delimiter = ',')]
    metrics_listen: Vec<String>,
    /// Accept tokens for any host, in development mode only
    #[arg(long, value_name = "BOOL", env = "HUBLET_IGNORE_AUDIENCE_HOST", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    ignore_audience_host: Option<bool>,
    /// Refuse tokens of access keys; needs issuers in the configuration file
    #[arg(long, value_name = "BOOL", env = "HUBLET_DISABLE_LOCAL_AUTH", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    disable_local_auth: Option<bool>,
    /// What to log: error, warn, info, debug or trace; default: info
    #[arg(long, value_name = "FILTER", env = "HUBLET_LOG")]
    log: Option<String>,
    /// How lines of the log are written: text for people, or one JSON object a line; default: text
    #[arg(long, value_name = "FORMAT", env = "HUBLET_LOG_FORMAT", value_parser = PossibleValuesParser::new(["text", "json"]).map(|name| log_format(&name)))]
    log_format: Option<LogFormat>,
    #[command(flatten)]
    limits: Limits,
}

/// Limits of the service
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// Longest message from a client; default: 1048576
    #[arg(long, value_name = "BYTES", env = "HUBLET_MESSAGE_BYTES")]
    message_bytes: Option<usize>,
    /// What may wait for one client before it is cut as a slow consumer; default: 4194304
    #[arg(long, value_name = "BYTES", env = "HUBLET_OUTGOING_QUEUE_BYTES")]
    outgoing_queue_bytes: Option<usize>,
    /// Groups that one connection may be in; default: 1000
    #[arg(long, value_name = "NUMBER", env = "HUBLET_GROUPS_PER_CONNECTION")]
    groups_per_connection: Option<usize>,
    /// Client connections; default: 1000000
    #[arg(long, value_name = "NUMBER", env = "HUBLET_CONNECTIONS_MAX")]
    connections_max: Option<usize>,
    /// REST requests in a second, beyond which they are answered 429; default: 0, no limit
    #[arg(long, value_name = "NUMBER", env = "HUBLET_REST_REQUESTS_PER_SECOND")]
    rest_requests_per_second: Option<u32>,
    /// Time between pings to a client, 1 to 120; default: 20
    #[arg(long, value_name = "SECONDS", env = "HUBLET_KEEP_ALIVE_INTERVAL")]
    keep_alive_interval: Option<u32>,
    /// Time that a reliable connection waits for a client that lost its socket; default: 60
    #[arg(long, value_name = "SECONDS", env = "HUBLET_RECOVERY_TIMEOUT")]
    recovery_timeout: Option<u32>,
    /// Time for a request head or a TLS handshake; default: 10
    #[arg(long, value_name = "SECONDS", env = "HUBLET_HEAD_TIMEOUT")]
    head_timeout: Option<u32>,
}

impl Args {
    /// Where the configuration file is, or would be.
    pub(super) fn file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE))
    }

    /// The configuration: options and variables over the file, completed and checked.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let file = Some(self.file()).filter(|file| self.config.is_some() || file.is_file());
        let file = file.map(|file| ConfigFile::read(&file)).transpose().map_err(|error| wrong(&error))?;
        let lower = file.as_ref().map(ConfigFile::settings).transpose().map_err(|error| wrong(&error))?;
        let mut lower = lower.unwrap_or_default();
        if self.tls == Some(false) {
            lower.tls = None;
        }
        let keys = std::env::var(ACCESS_KEYS_VARIABLE).ok().filter(|keys| !keys.is_empty());
        let settings = self.upper(keys.as_deref()).or(lower);
        let settings =
            settings.or_variables(|name| std::env::var(name).ok()).map_err(|error| wrong(&error))?;
        let config = Config::new(&settings);
        config.map_err(|error| wrong(&file.map_or_else(|| error.clone(), |file| file.locate(error.clone()))))
    }

    fn upper(&self, access_keys: Option<&str>) -> Settings {
        let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.to_vec());
        let has_tls = self.tls == Some(true)
            || !self.tls_listen.is_empty()
            || self.tls_cert.is_some()
            || self.tls_key.is_some();
        Settings {
            production: self.production,
            listen: list(&self.listen),
            public_endpoints: list(&self.public_endpoints),
            data: self.data.clone(),
            shards: self.shards,
            log: self.log.clone(),
            log_format: self.log_format,
            auth: AuthSettings {
                access_keys: access_keys
                    .map(|keys| keys.split(',').map(|key| key.trim().to_owned()).collect()),
                ignore_audience_host: self.ignore_audience_host,
                disable_local_auth: self.disable_local_auth,
                issuers: None,
            },
            rest: RestSettings {
                allowed_origins: list(&self.rest_allowed_origins),
                ..RestSettings::default()
            },
            portal: PortalSettings { enabled: self.portal },
            metrics: MetricsSettings { listen: list(&self.metrics_listen), ..MetricsSettings::default() },
            tls: has_tls.then(|| TlsListenSettings {
                listen: list(&self.tls_listen),
                cert: self.tls_cert.clone(),
                key: self.tls_key.clone(),
            }),
            limits: LimitSettings {
                message_bytes: self.limits.message_bytes,
                outgoing_queue_bytes: self.limits.outgoing_queue_bytes,
                groups_per_connection: self.limits.groups_per_connection,
                connections_max: self.limits.connections_max,
                rest_requests_per_second: self.limits.rest_requests_per_second,
                keep_alive_interval_s: self.limits.keep_alive_interval,
                recovery_timeout_s: self.limits.recovery_timeout,
                head_timeout_s: self.limits.head_timeout,
            },
            ..Settings::default()
        }
    }
}

fn log_format(name: &str) -> LogFormat {
    if name == "json" { LogFormat::Json } else { LogFormat::Text }
}

fn wrong(error: &ConfigError) -> Failure {
    Failure::usage(error.to_string(), CONFIG_HINT)
}

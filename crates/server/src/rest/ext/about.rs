//! `/api/ext/about`: what this service is, and with which configuration it runs.

use std::time::SystemTime;

use http::StatusCode;
use serde::Serialize;

use super::hubs::document;
use super::time::rfc3339;
use crate::config::PublicEndpoint;
use crate::http::{Connection, Response};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    version: &'static str,
    started_at: String,
    platform: String,
    features: &'static [&'static str],
    data_folder: String,
    listeners: Vec<Listener>,
    public_endpoints: Vec<String>,
    configuration: String,
}

#[derive(Serialize)]
struct Listener {
    address: String,
    tls: bool,
}

/// Cargo features that change what the service can do.
const FEATURES: &[&str] = match (cfg!(feature = "amqp"), cfg!(feature = "otlp")) {
    (true, true) => &["amqp", "otlp"],
    (true, false) => &["amqp"],
    (false, true) => &["otlp"],
    (false, false) => &[],
};

/// All of it; secrets are masked.
pub(super) fn show(connection: &Connection) -> Response {
    let context = &connection.context;
    let config = &context.config;
    let uptime = std::time::Duration::from_millis(context.node.now());
    let listeners = context.listeners.iter();
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        started_at: rfc3339(SystemTime::now().checked_sub(uptime).unwrap_or(SystemTime::UNIX_EPOCH)),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        features: FEATURES,
        data_folder: config.data.display().to_string(),
        listeners: listeners
            .map(|listener| Listener { address: listener.address.to_string(), tls: listener.tls })
            .collect(),
        public_endpoints: config.public_endpoints.iter().map(PublicEndpoint::url).collect(),
        // Numbers, texts and lists always serialise.
        configuration: toml::to_string(&config.effective()).unwrap_or_default(),
    };
    document(StatusCode::OK, &about)
}

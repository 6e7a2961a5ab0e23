//! `[metrics]`: who may see what the service counts, as it is written and as it is meant.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::resolve::addresses;

/// `[metrics]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSettings {
    /// Whether there is `/metrics` at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether everybody may read it on the addresses of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// Addresses that serve it to everybody, with `/health` and `/ready`, and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Vec<String>>,
}

impl MetricsSettings {
    /// This layer over a `lower` one.
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            enabled: self.enabled.or(lower.enabled),
            open: self.open.or(lower.open),
            listen: self.listen.or(lower.listen),
        }
    }
}

/// Who may see what the service counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// There is `/metrics`.
    pub enabled: bool,
    /// On the addresses of the service it asks for no credential.
    pub open: bool,
    /// Addresses without TLS that serve it, health and readiness to everybody, and nothing else.
    pub listen: Vec<SocketAddr>,
}

impl Metrics {
    pub(super) fn new(settings: &MetricsSettings) -> Result<Self, ConfigError> {
        let metrics = Self {
            enabled: settings.enabled.unwrap_or(true),
            open: settings.open.unwrap_or_default(),
            listen: addresses("metrics.listen", settings.listen.as_deref(), &[])?,
        };
        if !metrics.enabled && (metrics.open || !metrics.listen.is_empty()) {
            return Err(ConfigError::new(
                "`metrics.enabled` is false, but `metrics.open` or `metrics.listen` is set. Turn metrics on, or leave the \
                 others out.",
            ));
        }
        Ok(metrics)
    }

    /// Checks that no address is one of the service, `those`, too: only one of the two would ever be asked.
    ///
    /// # Errors
    /// One is. A port that the system chooses is a different one each time.
    pub(super) fn check_apart(&self, mut those: impl Iterator<Item = SocketAddr>) -> Result<(), ConfigError> {
        match those.find(|address| address.port() != 0 && self.listen.contains(address)) {
            Some(address) => Err(ConfigError::new(format!(
                "The address {address} is in `metrics.listen` and also one that the service listens on. Choose another port \
                 for metrics, or leave `metrics.listen` out: /metrics is on the addresses of the service too."
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn effective(&self) -> MetricsSettings {
        MetricsSettings {
            enabled: Some(self.enabled),
            open: Some(self.open),
            listen: Some(self.listen.iter().map(ToString::to_string).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Settings};

    fn config(text: &str) -> Result<Config, super::ConfigError> {
        Config::new(&Settings::from_toml(text).expect("readable settings"))
    }

    #[test]
    fn metrics_are_on_and_closed_by_default() {
        config("listen = [\"127.0.0.1:0\"]\n[metrics]\nlisten = [\"127.0.0.1:0\"]\n").unwrap();
        let metrics = config("").unwrap().metrics;
        assert!(metrics.enabled && !metrics.open && metrics.listen.is_empty());
        let config = config("[metrics]\nlisten = [\"0.0.0.0:9464\", \"localhost:1\"]\n").unwrap();
        assert!(config.development, "they show no secret, so they may listen anywhere");
        let shown = toml::to_string(&config.effective()).unwrap();
        assert!(shown.contains("listen = [\"0.0.0.0:9464\", \"127.0.0.1:1\"]"), "{shown}");
    }

    #[test]
    fn mistakes_say_what_to_change() {
        for (text, part) in [
            ("[metrics]\nlisten = [\"9464\"]", "\"9464\" in `metrics.listen` is not an address"),
            (
                "listen = [\"127.0.0.1:9464\"]\n[metrics]\nlisten = [\"localhost:9464\"]",
                "127.0.0.1:9464 is in",
            ),
            ("[tls]\nlisten = [\"[::1]:9464\"]\n[metrics]\nlisten = [\"[::1]:9464\"]", "[::1]:9464 is in"),
            ("[metrics]\nlisten = [\"127.0.0.1:8080\"]", "127.0.0.1:8080 is in"),
            ("[metrics]\nenabled = false\nopen = true", "Turn metrics on"),
            ("[metrics]\nenabled = false\nlisten = [\"127.0.0.1:9464\"]", "Turn metrics on"),
        ] {
            let error = config(text).expect_err("it is wrong").to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

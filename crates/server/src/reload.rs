//! What of a configuration that was read again takes effect at once, and what only with a restart.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::config::Config;
use crate::hubs::HubChanges;

/// Tables that take effect at once.
const LIVE: [&str; 2] = ["hubs", "secrets"];

/// What came of reading the configuration again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What happened to hubs; it is in effect.
    pub hubs: HubChanges,
    /// The access keys have changed; it is in effect.
    pub keys: bool,
    /// Keys with another value than at the start, as `limits.message_bytes`, which takes effect with a restart.
    pub restart: Vec<String>,
}

/// The keys whose change needs a restart, in the order of their names.
pub(crate) fn needs_restart(running: &Config, new: &Config) -> Vec<String> {
    let mut keys = BTreeSet::new();
    differing("", &table(running), &table(new), &mut keys);
    // Secrets look all the same.
    if running.keys.texts() != new.keys.texts() {
        keys.insert("auth.access_keys".to_owned());
    }
    if running.environment.identity != new.environment.identity {
        keys.insert("identity".to_owned());
        keys.retain(|key| !key.starts_with("identity."));
    }
    let headers = |config: &Config| config.otlp.as_ref().map(|otlp| otlp.headers.clone());
    if running.otlp.is_some() && new.otlp.is_some() && headers(running) != headers(new) {
        keys.insert("otlp.headers".to_owned());
        keys.retain(|key| !key.starts_with("otlp.headers."));
    }
    keys.into_iter().collect()
}

/// The configuration as it is shown.
fn table(config: &Config) -> Table {
    // Numbers, texts and lists always serialise.
    let mut table = Table::try_from(config.effective()).unwrap_or_default();
    table.retain(|key, _| !LIVE.contains(&key));
    table
}

fn differing(prefix: &str, old: &Table, new: &Table, keys: &mut BTreeSet<String>) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(Value::Table(old)), Some(Value::Table(new))) => {
                differing(&format!("{prefix}{name}."), old, new, keys);
            }
            (old, new) if old != new => _ = keys.insert(format!("{prefix}{name}")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn config(text: &str) -> Config {
        Config::new(&Settings::from_toml(text).expect("readable settings")).expect("a good configuration")
    }

    #[test]
    fn changed_keys_are_named() {
        let keys = |primary: &str| format!("[auth]\naccess_keys = [\"{}\"]\n", primary.repeat(32));
        let identity = |secret: &str| {
            format!(
                "[identity]\ntoken_endpoint = \"https://h/t\"\nclient_id = \"c\"\nclient_secret = \"{secret}\"\n"
            )
        };
        for (old, new, expected) in [
            ("", "", &[][..]),
            ("", "[hubs.chat]\n[secrets]\n\"https://v/s\" = \"x\"\n", &[]),
            (
                "shards = 1\n",
                "shards = 2\n[limits]\nmessage_bytes = 2048\n",
                &["limits.message_bytes", "shards"],
            ),
            ("", "[upstream]\nallowed_networks = [\"any\"]\n", &["upstream.allowed_networks"]),
            ("", "[tls]\n", &["tls"]),
            (&keys("a"), &keys("b"), &["auth.access_keys"]),
            (&identity("a"), &identity("b"), &["identity"]),
            ("", &identity("a"), &["identity"]),
            (&identity("a"), "[identity]\ntoken_file = \"f\"\n", &["identity"]),
        ] {
            assert_eq!(needs_restart(&config(old), &config(new)), expected, "{old} {new}");
        }
    }
}

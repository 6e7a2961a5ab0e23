//! Which hubs have settings: those of the configuration file, and those that were made by the admin API and are kept in
//! the data folder. A hub of the file goes before one of the same name in the data folder.

mod change;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hublet_store::{Store, StoreError};
use hublet_upstream::rules::{HubRules, Listener, ListenerEndpoint, SettingsError};
use hublet_upstream::settings::HubSettings;
use hublet_upstream::{Environment, Upstream};

use crate::config::{Config, ConfigError, RulesByHub, check_listeners, compile_hubs};
pub use change::HubChanges;

/// Hubs that the admin API makes.
const HUBS_MAX: usize = 1_000;
/// Settings of one hub as they are kept.
pub(crate) const SETTINGS_BYTES_MAX: usize = 256 << 10;

/// Called with the rules of all hubs when they have changed.
pub(crate) type OnChange = Box<dyn Fn(&RulesByHub) + Send + Sync>;

/// All hubs that have settings.
pub(crate) struct Hubs {
    store: Store,
    upstream: Arc<Upstream>,
    on_change: OnChange,
    /// Held while something is changed, for as long as the disk takes.
    layers: Mutex<Layers>,
    /// What is in effect; never held while something else is waited for.
    current: RwLock<Arc<Current>>,
}

struct Layers {
    file: RulesByHub,
    /// Settings as they are kept. Those of hubs that are in the file, too, have no effect and need not fit.
    stored: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone)]
struct Current {
    rules: RulesByHub,
    sources: BTreeMap<String, Source>,
    environment: Environment,
}

/// Where the settings of a hub come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The configuration file; they cannot be changed otherwise.
    File,
    /// The admin API.
    Api,
}

impl Source {
    /// For people and programs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
        }
    }
}

/// Why settings are not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// They cannot be meant.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The hub is in the configuration file.
    #[error("The hub {0:?} is in the configuration file. Change it there, or remove it there first.")]
    ReadOnly(String),
    /// There would be more listeners than there may be.
    #[error("{0}")]
    Listeners(String),
    /// There are too many hubs.
    #[error("There are {HUBS_MAX} hubs with settings. Delete some that are not used.")]
    TooMany,
    /// The store cannot keep them.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service stops before it is done.
    #[error("The service is stopping.")]
    Stopping,
}

impl Hubs {
    /// The hubs of the configuration and of the store. Reads from the disk.
    ///
    /// # Errors
    /// The store cannot be read, or there is a hub in it that cannot be meant with this configuration. Without its
    /// settings, its clients would be let in by their tokens alone, so the service must not start.
    pub(crate) fn new(
        config: &Config,
        store: Store,
        upstream: Arc<Upstream>,
        on_change: OnChange,
    ) -> io::Result<Arc<Self>> {
        let stored: BTreeMap<_, _> = store.hubs().map_err(io::Error::other)?.into_iter().collect();
        for hub in stored.keys().filter(|hub| config.hubs.contains_key(*hub)) {
            tracing::warn!(hub, "the settings in the configuration file go before those in the data folder");
        }
        let current =
            Current::of(&config.hubs, &stored, config.environment.clone()).map_err(io::Error::other)?;
        if current.rules.values().any(|rules| rules.handlers.iter().any(|handler| handler.durable)) {
            // Else the first event would find out, when nobody looks.
            store.prepare().map_err(io::Error::other)?;
        }
        let layers = Layers { file: config.hubs.clone(), stored };
        let hubs = Self {
            store,
            upstream,
            on_change,
            layers: Mutex::new(layers),
            current: RwLock::new(Arc::new(current)),
        };
        hubs.tell(&hubs.current());
        Ok(Arc::new(hubs))
    }

    /// The rules of a hub by lower-cased name.
    pub(crate) fn get(&self, hub: &str) -> Option<Arc<HubRules>> {
        self.current().rules.get(hub).cloned()
    }

    /// The rules of a hub by lower-cased name, and where they come from.
    pub(crate) fn find(&self, hub: &str) -> Option<(Source, Arc<HubRules>)> {
        let current = self.current();
        Some((*current.sources.get(hub)?, Arc::clone(current.rules.get(hub)?)))
    }

    /// All hubs in the order of their names.
    pub(crate) fn list(&self) -> Vec<(String, Source)> {
        self.current().sources.iter().map(|(hub, source)| (hub.clone(), *source)).collect()
    }

    /// Checks settings from the admin API. Secrets that are masked become what they were.
    ///
    /// # Errors
    /// They cannot be meant or are too large, or the hub is in the configuration file.
    pub(crate) fn check(&self, hub: &str, mut settings: HubSettings) -> Result<Arc<HubRules>, Refusal> {
        let old = self.find(hub);
        if let Some((Source::File, _)) = old {
            return Err(Refusal::ReadOnly(hub.to_owned()));
        }
        let none = HubSettings::default();
        settings.unmask(old.as_ref().map_or(&none, |(_, rules)| &rules.settings))?;
        let rules = HubRules::compile(hub, &settings, &self.current().environment)?;
        let is_file = |listener: &Arc<Listener>| matches!(listener.endpoint, ListenerEndpoint::File { .. });
        if let Some(index) = rules.listeners.iter().position(is_file) {
            // An access key is no permission to write anywhere on the disk.
            return Err(Refusal::Settings(SettingsError::new(
                format!("eventListeners[{index}].endpoint.type"),
                "Listeners that write files can be set in the configuration file only. Move the hub there, or choose \
                 another type.",
            )));
        }
        let environment = &self.current().environment;
        let refused = |listener: &Arc<Listener>| {
            let address = listener_address(&listener.endpoint)?;
            environment.allowed_networks.check(address, environment.development).err()
        };
        if let Some((index, refused)) =
            rules.listeners.iter().enumerate().find_map(|(index, listener)| Some((index, refused(listener)?)))
        {
            let property = format!("eventListeners[{index}].endpoint");
            return Err(Refusal::Settings(SettingsError::new(property, refused.to_string())));
        }
        Ok(Arc::new(rules))
    }

    /// Keeps checked settings of a hub, by lower-cased name, and puts them into effect. Says whether the hub is new.
    /// Blocks until they are on the disk.
    ///
    /// # Errors
    /// The hub came into the configuration file, there are too many hubs or listeners, or the store cannot keep them.
    pub(crate) fn put(&self, hub: &str, rules: &Arc<HubRules>) -> Result<bool, Refusal> {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        if layers.file.contains_key(hub) {
            return Err(Refusal::ReadOnly(hub.to_owned()));
        }
        let is_new = !layers.stored.contains_key(hub);
        if is_new && layers.stored.len() >= HUBS_MAX {
            return Err(Refusal::TooMany);
        }
        let json = json(&rules.settings)?;
        let mut current = Current::clone(&self.current());
        current.sources.insert(hub.to_owned(), Source::Api);
        current.rules.insert(hub.to_owned(), Arc::clone(rules));
        check_listeners(current.rules.values()).map_err(Refusal::Listeners)?;
        self.store.put_hub(hub, &json)?;
        layers.stored.insert(hub.to_owned(), json);
        self.publish(current);
        Ok(is_new)
    }

    /// Removes the settings of a hub, by lower-cased name, and says whether there were any. Blocks until they are gone
    /// from the disk.
    ///
    /// # Errors
    /// The hub is in the configuration file, or the store cannot forget it.
    pub(crate) fn delete(&self, hub: &str) -> Result<bool, Refusal> {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        if layers.file.contains_key(hub) {
            return Err(Refusal::ReadOnly(hub.to_owned()));
        }
        if !layers.stored.contains_key(hub) {
            return Ok(false);
        }
        self.store.delete_hub(hub)?;
        layers.stored.remove(hub);
        let mut current = Current::clone(&self.current());
        current.sources.remove(hub);
        current.rules.remove(hub);
        self.publish(current);
        Ok(true)
    }

    /// Replaces the hubs of the configuration file and the secrets, all or nothing. What else handlers share stays as it
    /// was at the start. Hubs whose settings are the same keep their rules.
    ///
    /// # Errors
    /// A hub needs what only a restart brings, or a secret that is not there any more; or there are too many listeners.
    pub(crate) fn reload_file(&self, config: &Config) -> Result<HubChanges, ConfigError> {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let secrets = config.environment.secrets.clone();
        let environment = Environment { secrets, ..before.environment.clone() };
        let settings = config.hubs.iter().map(|(hub, rules)| (hub.clone(), rules.settings.clone())).collect();
        let file = compile_hubs(&settings, &environment)?;
        let mut new = Current::of(&file, &layers.stored, environment).map_err(ConfigError::new)?;
        let same_secrets = new.environment.secrets == before.environment.secrets;
        for (hub, rules) in &mut new.rules {
            let is_same = |old: &&Arc<HubRules>| {
                old.settings == rules.settings && (same_secrets || !has_references(&old.settings))
            };
            if let Some(old) = before.rules.get(hub).filter(is_same) {
                *rules = Arc::clone(old);
            }
        }
        let changes = HubChanges::between(&before.rules, &new.rules);
        layers.file = file;
        self.publish(new);
        Ok(changes)
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, current: Current) {
        let current = Arc::new(current);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&current);
        self.tell(&current);
    }

    fn tell(&self, current: &Current) {
        self.upstream.set_rules(current.rules.clone());
        (self.on_change)(&current.rules);
    }
}

impl Current {
    /// What the layers are together.
    ///
    /// # Errors
    /// Settings that are kept cannot be meant in this environment, or there are too many listeners. The text says what to
    /// change.
    fn of(
        file: &RulesByHub,
        stored: &BTreeMap<String, Vec<u8>>,
        environment: Environment,
    ) -> Result<Self, String> {
        let mut rules = file.clone();
        let mut sources: BTreeMap<_, _> = file.keys().map(|hub| (hub.clone(), Source::File)).collect();
        for (hub, json) in stored.iter().filter(|(hub, _)| !file.contains_key(*hub)) {
            let compiled = HubSettings::from_json(json)
                .and_then(|settings| HubRules::compile(hub, &settings, &environment))
                .map_err(|error| {
                    format!(
                        "The settings of the hub {hub:?} in the data folder do not fit the configuration: {error} Or \
                         write [hubs.{hub}] into the configuration file, which goes before."
                    )
                })?;
            rules.insert(hub.clone(), Arc::new(compiled));
            sources.insert(hub.clone(), Source::Api);
        }
        check_listeners(rules.values())?;
        Ok(Self { rules, sources, environment })
    }
}

/// Settings as they are kept.
fn json(settings: &HubSettings) -> Result<Vec<u8>, SettingsError> {
    // Names and texts always serialise.
    let json = serde_json::to_vec(settings).unwrap_or_default();
    if json.len() > SETTINGS_BYTES_MAX {
        let text = format!("The settings have {} bytes. At most {SETTINGS_BYTES_MAX} are kept.", json.len());
        return Err(SettingsError::new("", text));
    }
    Ok(json)
}

/// Whether a URL refers to a secret.
fn has_references(settings: &HubSettings) -> bool {
    settings.event_handlers.iter().any(|handler| handler.url_template.contains("{@"))
}

impl fmt::Debug for Hubs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hubs").field("sources", &self.current().sources).finish_non_exhaustive()
    }
}

/// The address that a listener's endpoint names, if it names one and not a host.
fn listener_address(endpoint: &ListenerEndpoint) -> Option<IpAddr> {
    let text = match endpoint {
        ListenerEndpoint::Nats { url, .. } => url,
        ListenerEndpoint::EventHub { connection_string: Some(text), .. } => text,
        ListenerEndpoint::EventHub { namespace, .. } => namespace,
        ListenerEndpoint::File { .. } => return None,
    };
    let authority = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let authority = authority.split(['/', ';', ',']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    if host.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    host.parse().ok()
}

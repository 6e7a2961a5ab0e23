//! `[hubs.NAME]`: the settings of hubs that are in the configuration file.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hublet_upstream::Environment;
use hublet_upstream::rules::{HubRules, LISTENERS_MAX};
use hublet_upstream::settings::HubSettings;

use super::ConfigError;

/// Rules of hubs by lower-cased name.
pub type RulesByHub = HashMap<String, Arc<HubRules>>;

/// Checks the settings of all hubs.
///
/// # Errors
/// A value that cannot be meant, the same hub twice, or more listeners than there may be.
pub(crate) fn compile(
    hubs: &BTreeMap<String, HubSettings>,
    environment: &Environment,
) -> Result<RulesByHub, ConfigError> {
    let mut rules = RulesByHub::new();
    for (hub, settings) in hubs {
        let compiled = HubRules::compile(hub, settings, environment).map_err(|error| {
            let text = match error.property() {
                "" => format!("{hub:?} in `hubs` cannot be: {error}"),
                _ => format!("In the hub {hub:?}, {error}"),
            };
            ConfigError::in_hub(hub, error.property(), text)
        })?;
        if rules.insert(hub.to_ascii_lowercase(), Arc::new(compiled)).is_some() {
            let text = format!(
                "The hub {hub:?} is configured twice: hub names do not differ by case. Remove one of them."
            );
            return Err(ConfigError::in_hub(hub, "", text));
        }
    }
    check_listeners(rules.values()).map_err(ConfigError::new)?;
    Ok(rules)
}

/// Checks what all hubs have together.
///
/// # Errors
/// There are more listeners than there may be; the text says what to change.
pub(crate) fn check_listeners<'a>(rules: impl Iterator<Item = &'a Arc<HubRules>>) -> Result<(), String> {
    match rules.map(|rules| rules.listeners.len()).sum::<usize>() {
        0..=LISTENERS_MAX => Ok(()),
        count => Err(format!(
            "There are {count} event listeners in all hubs together. At most {LISTENERS_MAX} are allowed."
        )),
    }
}

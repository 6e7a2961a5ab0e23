//! What a new configuration file changed.

use std::fmt;
use std::sync::Arc;

use crate::config::RulesByHub;

/// Hubs by what happened to them, each list in the order of names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HubChanges {
    /// They had no settings before.
    pub added: Vec<String>,
    /// They have other settings.
    pub changed: Vec<String>,
    /// They have no settings any more.
    pub removed: Vec<String>,
}

impl HubChanges {
    pub(super) fn between(before: &RulesByHub, after: &RulesByHub) -> Self {
        let mut changes = Self::default();
        for (hub, rules) in after {
            match before.get(hub) {
                None => changes.added.push(hub.clone()),
                Some(old) if !Arc::ptr_eq(old, rules) => changes.changed.push(hub.clone()),
                Some(_) => {}
            }
        }
        changes.removed.extend(before.keys().filter(|hub| !after.contains_key(*hub)).cloned());
        for list in [&mut changes.added, &mut changes.changed, &mut changes.removed] {
            list.sort_unstable();
        }
        changes
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// `added a, b; changed c`.
impl fmt::Display for HubChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)];
        let mut separator = "";
        for (what, hubs) in lists.into_iter().filter(|(_, hubs)| !hubs.is_empty()) {
            write!(f, "{separator}{what} {}", hubs.join(", "))?;
            separator = "; ";
        }
        Ok(())
    }
}

//! Which handler and which listeners an event is for (event-handlers.md §1.1, §1.2, §8).

use std::sync::Arc;

use hublet_hub::{EventKind, HubPolicy};

use crate::pattern::EventPattern;
use crate::rules::{Handler, HubRules};

impl HubRules {
    /// The handler of an event: the first that wants it.
    pub fn handler_for(&self, kind: &EventKind) -> Option<&Arc<Handler>> {
        self.handlers.iter().find(|handler| handler.wants(kind))
    }

    /// What the settings mean for the shards.
    pub fn policy(&self) -> HubPolicy {
        let system = || {
            let of_handlers = self.handlers.iter().map(|handler| handler.system_events);
            of_handlers.chain(self.listeners.iter().map(|listener| listener.system_events))
        };
        let patterns = self.handlers.iter().map(|handler| &handler.user_events);
        let patterns = patterns.chain(self.listeners.iter().map(|listener| &listener.user_events));
        HubPolicy {
            keep_alive_interval_s: self.keep_alive_interval_s,
            wants_lifecycle: system().any(|events| events.connected || events.disconnected),
            wants_presence: !self.handlers.iter().all(|handler| handler.presence.is_none()),
            wants_user_events: patterns.into_iter().any(|pattern| *pattern != EventPattern::None),
        }
    }
}

impl Handler {
    /// Whether its settings name the event. What a user event is called does not make it a system event.
    fn wants(&self, kind: &EventKind) -> bool {
        match kind {
            EventKind::Connect(_) => self.system_events.connect,
            EventKind::Connected => self.system_events.connected,
            EventKind::Disconnected { .. } => self.system_events.disconnected,
            EventKind::User { name, .. } => self.user_events.matches(name),
            EventKind::GroupJoined(group) => self.presence.matches_joined(group),
            EventKind::GroupLeft(group) => self.presence.matches_left(group),
        }
    }
}

#[cfg(test)]
mod tests;

//! Group state: what this client has set and subscribed to, and how it comes back on a new connection
//! (client-protocols.md §3.8).

use std::collections::{BTreeMap, BTreeSet};

use super::requests::Kind;
use crate::pubsub::GroupState;

/// What the service should know, by group.
#[derive(Debug, Default)]
pub(super) struct OwnStates {
    set: BTreeMap<String, GroupState>,
    subscribed: BTreeSet<String>,
}

impl OwnStates {
    /// The service has taken a state, or has cleared it.
    pub(super) fn set(&mut self, group: String, state: Option<GroupState>) {
        match state {
            Some(state) => drop(self.set.insert(group, state)),
            None => self.forget(&group),
        }
    }

    /// The client has no state there any more.
    pub(super) fn forget(&mut self, group: &str) {
        self.set.remove(group);
    }

    pub(super) fn subscribed(&mut self, group: String) {
        self.subscribed.insert(group);
    }

    pub(super) fn unsubscribed(&mut self, group: &str) {
        self.subscribed.remove(group);
    }

    pub(super) fn state(&self, group: &str) -> Option<&GroupState> {
        self.set.get(group)
    }

    /// What makes the service know all of this again: states end with their connection.
    pub(super) fn restorations(&self) -> impl Iterator<Item = Kind> {
        let set = self.set.keys().cloned().map(Kind::RestoreState);
        set.chain(self.subscribed.iter().cloned().map(Kind::RestoreSubscription))
    }
}

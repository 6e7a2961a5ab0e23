//! Which connections of a hub a message or a command is for, by name and resolved on one shard.

use std::sync::Arc;

use hublet_wire::id::ConnId;

use crate::conn::{Conn, Slot};
use crate::index::{GroupKey, HubKey, Hubs};
use crate::members::Members;
use crate::shard::Shard;

/// Connections of one hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Every connection of the hub.
    All,
    /// The members of a group.
    Group(Arc<str>),
    /// The connections of a user.
    User(Arc<str>),
    /// One connection.
    Connection(ConnId),
}

/// The connections of a target on this shard, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Audience {
    All(HubKey),
    Group(HubKey, GroupKey),
    User(HubKey, Arc<str>),
    Connection(Slot),
}

impl Audience {
    pub(crate) fn contains(&self, slot: Slot, conn: &Conn) -> bool {
        match self {
            Self::All(hub) => conn.hub == *hub,
            Self::Group(hub, group) => conn.hub == *hub && conn.is_member(*group),
            Self::User(hub, user) => conn.hub == *hub && conn.user.as_ref() == Some(user),
            Self::Connection(only) => slot == *only,
        }
    }

    /// Calls `visit` for each connection.
    pub(crate) fn for_each(&self, hubs: &Hubs, mut visit: impl FnMut(Slot)) {
        if let Self::Connection(slot) = self {
            visit(*slot);
        } else if let Some(members) = self.members(hubs) {
            members.slots().for_each(visit);
        }
    }

    pub(crate) fn len(&self, hubs: &Hubs) -> usize {
        match self {
            Self::Connection(_) => 1,
            _ => self.members(hubs).map_or(0, Members::len),
        }
    }

    fn members<'a>(&self, hubs: &'a Hubs) -> Option<&'a Members> {
        match self {
            Self::All(hub) => Some(&hubs.get(*hub)?.all),
            Self::Group(hub, group) => hubs.get(*hub)?.groups.get(*group),
            Self::User(hub, user) => hubs.get(*hub)?.users.get(user),
            Self::Connection(_) => None,
        }
    }
}

impl Shard {
    /// `None` when this shard has no connection of the target.
    pub(crate) fn resolve(&self, hub: &str, target: &Target) -> Option<Audience> {
        let hub_key = self.hubs.key(hub)?;
        let hub = self.hubs.get(hub_key)?;
        match target {
            Target::All => Some(Audience::All(hub_key)),
            Target::Group(group) => hub.groups.key(group).map(|key| Audience::Group(hub_key, key)),
            Target::User(user) => {
                hub.users.contains_key(user).then(|| Audience::User(hub_key, Arc::clone(user)))
            }
            Target::Connection(id) => self.slot_of(hub_key, id).map(Audience::Connection),
        }
    }
}

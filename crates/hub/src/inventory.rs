//! Who is there, a slice at a time: a look at a shard visits at most [`SLICE_SLOTS`] connections or groups, so that it holds
//! up nothing. Whoever asks goes on at the slot where the last look ended.
//!
//! A connection keeps its slot, so that one that stays is seen exactly once, whoever comes and goes meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use hublet_wire::id::ConnId;

use crate::conn::{Conn, Phase, Slot};
use crate::counters::PROTOCOLS;
use crate::index::{GroupKey, HubIndex, HubKey};
use crate::members::{Members, position};
use crate::permission::Permissions;
use crate::reliable::Reliable;
use crate::shard::Shard;

/// Connections or groups that one look visits.
pub(crate) const SLICE_SLOTS: usize = 4_096;

/// Part of a name, in whatever case.
#[derive(Debug, Clone)]
pub struct Part {
    lower: Box<str>,
}

impl Part {
    /// Names that have this in them.
    pub fn new(text: &str) -> Self {
        Self { lower: text.to_lowercase().into() }
    }

    fn is_in(&self, name: &str) -> bool {
        if self.lower.is_ascii() && name.is_ascii() {
            let (name, part) = (name.as_bytes(), self.lower.as_bytes());
            return part.is_empty()
                || name.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
        }
        name.to_lowercase().contains(&*self.lower)
    }
}

/// Connections of one hub; what is `None` does not matter.
#[derive(Debug, Clone)]
pub struct ConnectionQuery {
    /// Lower-cased hub name.
    pub hub: Arc<str>,
    /// Of this user.
    pub user: Option<Arc<str>>,
    /// In this group.
    pub group: Option<Arc<str>>,
    /// With this in their ids or users.
    pub search: Option<Part>,
    /// What they speak, one of [`PROTOCOLS`].
    pub protocol: Option<&'static str>,
}

/// A connection as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionEntry {
    /// Its id, which has its slot.
    pub id: ConnId,
    /// Its user.
    pub user: Option<Arc<str>>,
    /// The subprotocol that was negotiated, one that only the application understands included; `simple` without one.
    pub protocol: Arc<str>,
    /// A reliable connection that waits for its client.
    pub detached: bool,
    /// When it came, or was taken up from the process before, in seconds since 1970.
    pub connected_s: u64,
    /// Some of its groups.
    pub groups: Vec<Arc<str>>,
    /// How many it has.
    pub group_count: usize,
    /// Some of its roles, as tokens spell them.
    pub roles: Vec<String>,
    /// Bytes that wait for its socket.
    pub queued_bytes: usize,
    /// Messages that its client has not acknowledged; `None` for clients that do not.
    pub unacked: Option<u64>,
}

/// Names in their order, the first ones behind another one, each with a number of connections. What is put in several times
/// is added.
#[derive(Debug, Clone)]
pub struct Names {
    after: Option<Box<str>>,
    limit: usize,
    counts: BTreeMap<Arc<str>, usize>,
}

impl Names {
    /// The first `limit` names behind `after`, or of all.
    pub fn new(after: Option<&str>, limit: usize) -> Self {
        Self { after: after.map(Into::into), limit, counts: BTreeMap::new() }
    }

    fn takes(&self, name: &str) -> bool {
        self.after.as_deref().is_none_or(|after| name > after)
            && (self.counts.len() < self.limit
                || self.counts.last_key_value().is_some_and(|(last, _)| name <= &**last))
    }

    /// A name that has so many connections more.
    fn add(&mut self, name: &Arc<str>, connections: usize) {
        if !self.takes(name) {
            return;
        }
        if let Some(count) = self.counts.get_mut(name) {
            *count += connections;
            return;
        }
        self.counts.insert(Arc::clone(name), connections);
        if self.counts.len() > self.limit {
            // It can never come back: enough names before it are known.
            self.counts.pop_last();
        }
    }

    /// Those of another shard, which were asked for in the same way.
    pub fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(name, count)| self.add(name, *count));
    }

    /// The names.
    pub fn into_counts(self) -> impl Iterator<Item = (Arc<str>, usize)> {
        self.counts.into_iter()
    }
}

/// Where a look goes.
enum Way<'a> {
    /// To these slots in ascending order.
    Few(Vec<Slot>),
    /// To all slots, for the members of a group or of the hub that are too many to be put in order.
    All(Option<GroupKey>, &'a HubIndex),
}

impl Shard {
    /// Connections from a slot on, in the order of slots, at most `limit`, each with at most `details_max` groups and roles;
    /// and the slot to go on with, if there may be more.
    pub fn connections_from(
        &self,
        query: &ConnectionQuery,
        from: Slot,
        limit: usize,
        details_max: usize,
    ) -> (Vec<ConnectionEntry>, Option<Slot>) {
        let mut found = Vec::new();
        let next = self.visit(&query.hub, query.user.as_ref(), query.group.as_deref(), from, |conn, hub| {
            if query.takes(conn) {
                found.push(self.entry(conn, hub, details_max));
            }
            found.len() < limit
        });
        (found, next)
    }

    /// One connection, with at most `details_max` groups and roles.
    pub fn connection(&self, hub: &str, id: &ConnId, details_max: usize) -> Option<ConnectionEntry> {
        let hub_key = self.hubs.key(hub)?;
        let slot = self.slot_of(hub_key, id)?;
        Some(self.entry(self.conns.get(slot as usize)?, self.hubs.get(hub_key)?, details_max))
    }

    /// Puts users that have connections from a slot on into `names`, and tells the slot to go on with, if there are more.
    pub fn users_from(
        &self,
        hub: &str,
        group: Option<&str>,
        search: Option<&Part>,
        from: Slot,
        names: &mut Names,
    ) -> Option<Slot> {
        self.visit(hub, None, group, from, |conn, _| {
            // Each connection counts itself: one that stays is visited, whatever becomes of the others of its user.
            if let Some(user) = &conn.user
                && search.is_none_or(|part| part.is_in(user))
            {
                names.add(user, 1);
            }
            true
        })
    }

    /// Puts groups from a number on into `names`, and tells the number to go on with, if there are more.
    pub fn groups_from(&self, hub: &str, search: Option<&Part>, from: u32, names: &mut Names) -> Option<u32> {
        let groups = &self.hubs.key(hub).and_then(|key| self.hubs.get(key))?.groups;
        let end = (from as usize).saturating_add(SLICE_SLOTS);
        for key in (from as usize..end.min(groups.capacity())).map(position) {
            if let (Some(name), Some(members)) = (groups.name(key), groups.get(key))
                && search.is_none_or(|part| part.is_in(name))
            {
                names.add(name, members.len());
            }
        }
        (end < groups.capacity()).then(|| position(end))
    }

    /// Shows open connections of a hub, of a user and in a group if those are given, from a slot on in the order of slots,
    /// until it has visited enough of them or `wants_more` says no. Returns the slot to go on with.
    fn visit(
        &self,
        hub: &str,
        user: Option<&Arc<str>>,
        group: Option<&str>,
        from: Slot,
        mut wants_more: impl FnMut(&Conn, &HubIndex) -> bool,
    ) -> Option<Slot> {
        let hub_key = self.hubs.key(hub)?;
        let index = self.hubs.get(hub_key)?;
        match self.way(index, user, group, from)? {
            Way::Few(slots) => {
                for slot in slots {
                    if let Some(conn) = self.conns.get(slot as usize)
                        && is_of(conn, hub_key, user)
                        && !wants_more(conn, index)
                    {
                        return slot.checked_add(1);
                    }
                }
                None
            }
            Way::All(group, index) => {
                let end = (from as usize).saturating_add(SLICE_SLOTS);
                for at in from as usize..end.min(self.conns.capacity()) {
                    if let Some(conn) = self.conns.get(at)
                        && is_of(conn, hub_key, user)
                        && group.is_none_or(|group| conn.is_member(group))
                        && !wants_more(conn, index)
                    {
                        return position(at).checked_add(1);
                    }
                }
                (end < self.conns.capacity()).then(|| position(end))
            }
        }
    }

    /// `None`: there are none.
    fn way<'a>(
        &self,
        index: &'a HubIndex,
        user: Option<&Arc<str>>,
        group: Option<&str>,
        from: Slot,
    ) -> Option<Way<'a>> {
        let of_user = user.map(|user| index.users.get(user)).map_or(Some(None), |found| found.map(Some))?;
        let group = group.map(|group| index.groups.key(group)).map_or(Some(None), |found| found.map(Some))?;
        let of_group = group.and_then(|group| index.groups.get(group));
        let lists = [of_user, of_group, Some(&index.all)];
        let smallest = lists.into_iter().flatten().min_by_key(|members| members.len())?;
        if smallest.len() > SLICE_SLOTS {
            return Some(Way::All(group, index));
        }
        let is_member = |slot: &Slot| {
            let conn = self.conns.get(*slot as usize);
            group.is_none_or(|group| conn.is_some_and(|conn| conn.is_member(group)))
        };
        let mut slots: Vec<Slot> =
            Members::slots(smallest).filter(|slot| *slot >= from).filter(is_member).collect();
        slots.sort_unstable();
        Some(Way::Few(slots))
    }

    fn entry(&self, conn: &Conn, hub: &HubIndex, details_max: usize) -> ConnectionEntry {
        let groups = conn.groups.iter().filter_map(|membership| hub.groups.name(membership.group));
        let protocol = conn.subprotocol().map_or_else(|| Arc::from(PROTOCOLS[0]), Arc::from);
        ConnectionEntry {
            id: conn.id,
            user: conn.user.clone(),
            protocol,
            detached: conn.reliable().is_some_and(Reliable::is_detached),
            connected_s: self.epoch_ms / 1_000 + u64::from(conn.entered_s),
            groups: groups.take(details_max).cloned().collect(),
            group_count: conn.groups.len(),
            roles: roles(&conn.permissions, details_max),
            queued_bytes: conn.queue.queued_bytes(),
            unacked: conn.reliable().map(|reliable| reliable.unacked.len()),
        }
    }
}

impl ConnectionQuery {
    fn takes(&self, conn: &Conn) -> bool {
        self.protocol.is_none_or(|protocol| PROTOCOLS[conn.protocol.index()] == protocol)
            && self.search.as_ref().is_none_or(|part| {
                conn.user.as_deref().is_some_and(|user| part.is_in(user)) || part.is_in(&conn.id.to_string())
            })
    }
}

fn is_of(conn: &Conn, hub: HubKey, user: Option<&Arc<str>>) -> bool {
    conn.phase == Phase::Open && conn.hub == hub && user.is_none_or(|user| conn.user.as_ref() == Some(user))
}

/// Permissions as the roles that give them (client-protocols.md §7.1). What was taken away at run time is left out.
fn roles(permissions: &Permissions, max: usize) -> Vec<String> {
    let (join_all, send_all) = permissions.for_all_groups();
    let kinds = [("joinLeaveGroup", join_all), ("sendToGroup", send_all)];
    let mut roles: Vec<String> = Vec::new();
    for ((kind, all), (literals, patterns)) in kinds.into_iter().zip(permissions.for_some_groups()) {
        roles.extend(all.then(|| format!("webpubsub.{kind}")));
        roles.extend(patterns.into_iter().map(|pattern| format!("webpubsub.{kind}s.{pattern}")));
        let allowed = literals.into_iter().filter(|(_, allowed)| *allowed);
        roles.extend(allowed.take(max).map(|(group, _)| format!("webpubsub.{kind}.{group}")));
    }
    roles.truncate(max);
    roles
}

#[cfg(test)]
mod tests;

//! What commands do to the connections they select.

use hublet_wire::id::ConnId;
use hublet_wire::odata::Filter;

use crate::Millis;
use crate::command::{Command, ConnOp, MemberEntry, Outcome};
use crate::conn::{Phase, Slot};
use crate::filter::Candidate;
use crate::index::HubKey;
use crate::shard::Shard;
use crate::target::Target;

impl Shard {
    /// Carries out a command from REST, another shard or the service itself.
    pub fn apply(&mut self, command: Command, now: Millis) {
        match command {
            Command::Deliver(publish) => self.deliver(publish),
            Command::Forwarded { from, number, publish } => self.forwarded(from, number, publish),
            Command::Connections { hub, target, filter, op, reply } => {
                let outcome = self.act(&hub, &target, filter.as_deref(), &op, now);
                if let Some(reply) = reply {
                    reply(outcome);
                }
            }
            Command::Members { hub, group, after, limit, reply } => {
                reply(self.members(&hub, &group, &after, limit));
            }
            Command::Verdict { conn, event, verdict } => self.verdict(conn, event, verdict, now),
            Command::Configure(policies) => self.configure(policies),
            Command::Stop { keep_reliable } => self.stop(keep_reliable, now),
        }
    }

    fn act(
        &mut self,
        hub: &str,
        target: &Target,
        filter: Option<&Filter>,
        op: &ConnOp,
        now: Millis,
    ) -> Outcome {
        let Some(audience) = self.resolve(hub, target) else { return Outcome::default() };
        if *op == ConnOp::Exists && filter.is_none() {
            return Outcome { selected: audience.len(&self.hubs), refused: 0 };
        }
        // A snapshot: the operation changes the very lists it is selected from.
        let mut slots = Vec::with_capacity(audience.len(&self.hubs));
        audience.for_each(&self.hubs, |slot| slots.push(slot));
        if let Some(filter) = filter {
            slots.retain(|slot| self.matches(*slot, filter));
        }
        let refused = slots.iter().filter(|slot| !self.operate(**slot, op, now)).count();
        Outcome { selected: slots.len(), refused }
    }

    /// Does it to one connection; `false` when it could not be done.
    fn operate(&mut self, slot: Slot, op: &ConnOp, now: Millis) -> bool {
        let conn = self.conns.get_mut(slot as usize);
        match op {
            ConnOp::Exists => {}
            ConnOp::Close { reason, excluded } => {
                if !conn.is_some_and(|conn| excluded.contains(&conn.id)) {
                    self.close_by_application(slot, reason, now);
                }
            }
            ConnOp::Join(groups) => {
                // All or none: who is refused is where it was.
                if !self.has_room(slot, groups) {
                    return false;
                }
                for group in groups.iter() {
                    self.join(slot, group);
                }
            }
            ConnOp::Leave(groups) => groups.iter().for_each(|group| self.leave(slot, group)),
            ConnOp::LeaveAll => self.leave_all(slot),
            ConnOp::Grant(permission, group) => {
                let granted = conn.is_none_or(|conn| conn.permissions.grant(*permission, group).is_ok());
                self.changed(slot);
                return granted;
            }
            ConnOp::Revoke(permission, group) => {
                let revoked = conn.is_none_or(|conn| conn.permissions.revoke(*permission, group).is_ok());
                self.changed(slot);
                return revoked;
            }
            ConnOp::Check(permission, group) => {
                return conn.is_some_and(|conn| conn.permissions.has(*permission, group));
            }
        }
        true
    }

    /// Whether a filter is true for a connection.
    fn matches(&mut self, slot: Slot, filter: &Filter) -> bool {
        let Some(conn) = self.conns.get(slot as usize) else { return false };
        let Some(hub) = self.hubs.get(conn.hub) else { return false };
        filter.matches(&Candidate { conn, groups: &hub.groups }, &mut self.scratch)
    }

    /// The first members of a group behind an id, in the order of their ids' text.
    fn members(&self, hub: &str, group: &str, after: &str, limit: usize) -> Vec<MemberEntry> {
        let members = self.hubs.key(hub).and_then(|hub_key| {
            let hub = self.hubs.get(hub_key)?;
            hub.groups.get(hub.groups.key(group)?)
        });
        let conns = members.into_iter().flat_map(|members| members.slots());
        let mut entries: Vec<MemberEntry> = conns
            .filter_map(|slot| self.conns.get(slot as usize))
            .map(|conn| MemberEntry { id: conn.id.to_string(), user: conn.user.clone() })
            .filter(|entry| entry.id.as_str() > after)
            .collect();
        if entries.len() > limit {
            entries.select_nth_unstable(limit);
            entries.truncate(limit);
        }
        entries.sort_unstable();
        entries
    }

    /// The slot of an open connection of the hub with exactly this id.
    pub(crate) fn slot_of(&self, hub_key: HubKey, id: &ConnId) -> Option<Slot> {
        let conn = self.conns.get(id.slot as usize)?;
        (conn.id == *id && conn.hub == hub_key && conn.phase == Phase::Open).then_some(id.slot)
    }
}

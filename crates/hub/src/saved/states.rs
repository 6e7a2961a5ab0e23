//! Group states and subscriptions to them, as records of every connection that has any: a subscriber may outlive those that
//! cannot come back, and has to learn that their states are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hublet_wire::id::ConnId;

use super::bytes::{Reader, Writer};
use super::message::{read_id, write_id};
use super::{STATE, SUBSCRIPTION, Saved};
use crate::conn::Conn;
use crate::group_state::{Item, OwnStates};
use crate::shard::Shard;

/// States and subscriptions that a process left, until the connections that have them are taken up.
#[derive(Debug, Default)]
pub struct SavedStates(BTreeMap<ConnId, Of>);

/// What one connection left, by group.
#[derive(Debug)]
struct Of {
    hub: Arc<str>,
    set: BTreeMap<Arc<str>, Item>,
    subscribed: BTreeSet<Arc<str>>,
}

/// A connection set its state in a group, or cleared it.
pub(super) fn write_state(out: &mut Writer, conn: ConnId, hub: &str, group: &str, item: &Item) {
    out.byte(STATE);
    write_id(out, conn);
    out.text(hub);
    out.text(group);
    item.write(out);
}

/// A connection subscribed to the states of a group, or does not want them any more.
pub(super) fn write_subscription(out: &mut Writer, conn: ConnId, hub: &str, group: &str, wanted: bool) {
    out.byte(SUBSCRIPTION);
    write_id(out, conn);
    out.text(hub);
    out.text(group);
    out.flag(wanted);
}

impl SavedStates {
    /// Takes them out of what was read for each shard.
    pub fn take(saved: &mut [(usize, Saved)]) -> Self {
        Self(saved.iter_mut().flat_map(|(_, saved)| std::mem::take(&mut saved.states.0)).collect())
    }

    /// What follows the kind of a record. `None`: it is none.
    pub(super) fn read(&mut self, kind: u8, from: &mut Reader<'_>) -> Option<()> {
        let (conn, hub, group) = (read_id(from)?, from.name()?, from.name()?);
        let empty = || Of { hub, set: BTreeMap::new(), subscribed: BTreeSet::new() };
        let of = self.0.entry(conn).or_insert_with(empty);
        match kind {
            STATE => {
                let item = Item::read(from)?;
                if item.is_cleared() {
                    of.set.remove(&group)
                } else {
                    of.set.insert(group, item)
                };
            }
            _ if from.flag()? => _ = of.subscribed.insert(group),
            _ => _ = of.subscribed.remove(&group),
        }
        if of.set.is_empty() && of.subscribed.is_empty() {
            self.0.remove(&conn);
        }
        Some(())
    }

    /// Gives the sessions that a shard has taken up their states and subscriptions back.
    pub fn restore(&mut self, shard: &mut Shard) {
        let is_there = |conn: &ConnId, _: &mut Of| usize::from(conn.shard) == shard.index && shard.has(*conn);
        let here: Vec<_> = self.0.extract_if(.., is_there).collect();
        for (conn, Of { set, subscribed, .. }) in here {
            let Some((hub, _)) = shard.hub_and_id(conn.slot) else { continue };
            let own = OwnStates { set: set.keys().cloned().collect(), subscribed: subscribed.clone() };
            for (group, item) in set {
                shard.directory.states.restore((Arc::clone(&hub), group), conn, item);
            }
            for group in subscribed {
                shard.directory.states.subscribe((Arc::clone(&hub), group), conn);
            }
            if let Some(conn) = shard.conns.get_mut(conn.slot as usize) {
                conn.extra.get_or_insert_default().states = Some(own);
            }
        }
    }

    /// Tells the subscribers of all shards what is gone: the states of connections that no shard has taken up. To be called
    /// before there are clients, when all shards have their sessions.
    pub fn clear(self, shards: &mut [&mut Shard]) {
        for (conn, Of { hub, set, .. }) in self.0 {
            for (group, item) in set {
                let Some(first) = shards.first() else { return };
                let key = (Arc::clone(&hub), Arc::clone(&group));
                let cleared = first.directory.states.cleared(&key, item, first.epoch_ms + first.now);
                let Some((subscribers, item)) = cleared else { continue };
                for subscriber in subscribers {
                    let has_it = |shard: &&mut &mut Shard| shard.index == usize::from(subscriber.shard);
                    if let Some(shard) = shards.iter_mut().find(has_it) {
                        let message = item.clone().news(Arc::clone(&hub), subscriber, &group, conn);
                        shard.deliver(Arc::new(message));
                    }
                }
            }
        }
    }
}

impl Shard {
    /// Writes the states and subscriptions of a connection.
    pub(super) fn write_states(&self, out: &mut Writer, conn: &Conn) {
        let states = conn.extra.as_ref().and_then(|extra| extra.states.as_ref());
        let (Some(own), Some(hub)) = (states, self.hubs.name(conn.hub)) else { return };
        for group in &own.set {
            let item = self.directory.states.get(&(Arc::clone(hub), Arc::clone(group)), conn.id);
            if let Some(item) = item {
                write_state(out, conn.id, hub, group, &item);
            }
        }
        for group in &own.subscribed {
            write_subscription(out, conn.id, hub, group, true);
        }
    }
}

//! Group state, a preview feature: a small map that each client may set in a group, and that others subscribe to
//! (client-protocols.md §3.8).
//!
//! States and subscriptions are kept once for all shards. Every change goes to each subscriber as a message of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hublet_wire::client::{
    AckError, Format, GroupAction, GroupState, GroupStateItem, GroupStateKind, Payload, SharedMessage,
};
use hublet_wire::id::ConnId;

use crate::conn::Slot;
use crate::publish::Publish;
use crate::saved::{Reader, Writer, read_id, write_id};
use crate::shard::Shard;
use crate::target::Target;

/// The states and subscriptions of all groups that have any, by hub and group.
#[derive(Debug, Default)]
pub(crate) struct GroupStates(Mutex<Groups>);

/// Hub and group.
type Key = (Arc<str>, Arc<str>);
type Groups = HashMap<Key, GroupEntry>;

#[derive(Debug, Default)]
struct GroupEntry {
    states: BTreeMap<ConnId, Item>,
    subscribers: BTreeSet<ConnId>,
    /// Time of the last change, so that no two changes have the same one.
    updated_at_ms: u64,
}

/// What is known of a connection's state in a group.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    user: Option<Arc<str>>,
    /// `None` in the news that it was cleared.
    state: Option<Arc<GroupState>>,
    updated_at_ms: u64,
}

/// States on their way to one subscriber.
#[derive(Debug)]
pub(crate) struct StateNews {
    kind: GroupStateKind,
    group: Arc<str>,
    items: Vec<(ConnId, Item)>,
}

/// The groups in which a connection has a state, and those whose states it wants.
#[derive(Debug, Default)]
pub(crate) struct OwnStates {
    pub(crate) set: BTreeSet<Arc<str>>,
    pub(crate) subscribed: BTreeSet<Arc<str>>,
}

impl StateNews {
    pub(crate) fn frame(&self, format: Format) -> bytes::Bytes {
        format.group_state_frame(self.kind, &self.group, &self.items())
    }

    pub(crate) fn shared(&self, format: Format) -> SharedMessage {
        format.shared_group_state(self.kind, &self.group, &self.items())
    }

    /// The news as bytes, for a receiver that gets them after a restart.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.flag(self.kind == GroupStateKind::Update);
        out.text(&self.group);
        out.len(self.items.len());
        for (conn, item) in &self.items {
            write_id(out, *conn);
            item.write(out);
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let kind = if from.flag()? { GroupStateKind::Update } else { GroupStateKind::Snapshot };
        let group = from.name()?;
        let items = from.list(|from| Some((read_id(from)?, Item::read(from)?)))?;
        Some(Self { kind, group, items })
    }

    fn to(self, hub: Arc<str>, subscriber: ConnId) -> Publish {
        let nothing = Payload::Text(bytes::Bytes::new());
        let mut message = Publish::new(hub, Target::Connection(subscriber), nothing);
        message.state = Some(Box::new(self));
        message
    }

    fn items(&self) -> Vec<GroupStateItem<'_>> {
        self.items
            .iter()
            .map(|(conn, item)| GroupStateItem {
                connection_id: *conn,
                user_id: item.user.as_deref(),
                state: item.state.as_deref(),
                updated_at_ms: item.updated_at_ms,
            })
            .collect()
    }
}

impl Item {
    pub(crate) fn is_cleared(&self) -> bool {
        self.state.is_none()
    }

    /// The news of it for one subscriber.
    pub(crate) fn news(self, hub: Arc<str>, subscriber: ConnId, group: &Arc<str>, conn: ConnId) -> Publish {
        let items = vec![(conn, self)];
        StateNews { kind: GroupStateKind::Update, group: Arc::clone(group), items }.to(hub, subscriber)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.option(self.user.as_deref(), Writer::text);
        out.option(self.state.as_deref(), |out, state| {
            out.len(state.iter().count());
            for (key, value) in state.iter() {
                out.text(key);
                out.text(value);
            }
        });
        out.number(self.updated_at_ms);
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let user = from.option(Reader::name)?;
        let state = from.option(|from| {
            let mut state = GroupState::default();
            for (key, value) in from.list(|from| Some((from.text()?, from.text()?)))? {
                state.insert(key.to_owned(), value.to_owned()).ok()?;
            }
            Some(Arc::new(state))
        })?;
        Some(Self { user, state, updated_at_ms: from.count()? })
    }
}

impl GroupStates {
    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets or clears a state. Returns who is to be told, and what; nothing when there was nothing to clear.
    fn set(
        &self,
        key: Key,
        conn: ConnId,
        user: Option<Arc<str>>,
        state: Option<Arc<GroupState>>,
        now_ms: u64,
    ) -> Option<(Vec<ConnId>, Item)> {
        let mut groups = self.lock();
        let entry = groups.entry(key.clone()).or_default();
        let known = match &state {
            Some(_) => true,
            None => entry.states.contains_key(&conn),
        };
        let item = known.then(|| {
            entry.updated_at_ms = now_ms.max(entry.updated_at_ms + 1);
            Item { user, state, updated_at_ms: entry.updated_at_ms }
        });
        match &item {
            Some(item) if item.state.is_some() => {
                entry.states.insert(conn, item.clone());
            }
            _ => {
                entry.states.remove(&conn);
            }
        }
        let subscribers = entry.subscribers.iter().copied().collect();
        forget_if_empty(&mut groups, &key);
        item.map(|item| (subscribers, item))
    }

    /// The state of a connection.
    pub(crate) fn get(&self, key: &Key, conn: ConnId) -> Option<Item> {
        self.lock().get(key)?.states.get(&conn).cloned()
    }

    /// A state that a former process knew, and that nobody has to be told.
    pub(crate) fn restore(&self, key: Key, conn: ConnId, item: Item) {
        let mut groups = self.lock();
        let entry = groups.entry(key).or_default();
        entry.updated_at_ms = entry.updated_at_ms.max(item.updated_at_ms);
        entry.states.insert(conn, item);
    }

    /// A state that a former process knew is gone. Returns who is to be told, and what.
    pub(crate) fn cleared(&self, key: &Key, item: Item, now_ms: u64) -> Option<(Vec<ConnId>, Item)> {
        let mut groups = self.lock();
        let entry = groups.get_mut(key)?;
        entry.updated_at_ms = now_ms.max(entry.updated_at_ms.max(item.updated_at_ms) + 1);
        let subscribers = entry.subscribers.iter().copied().collect();
        Some((subscribers, Item { state: None, updated_at_ms: entry.updated_at_ms, ..item }))
    }

    pub(crate) fn subscribe(&self, key: Key, conn: ConnId) -> Vec<(ConnId, Item)> {
        let mut groups = self.lock();
        let entry = groups.entry(key).or_default();
        entry.subscribers.insert(conn);
        entry.states.iter().map(|(conn, item)| (*conn, item.clone())).collect()
    }

    fn unsubscribe(&self, key: &Key, conn: ConnId) {
        let mut groups = self.lock();
        if let Some(entry) = groups.get_mut(key) {
            entry.subscribers.remove(&conn);
        }
        forget_if_empty(&mut groups, key);
    }
}

fn forget_if_empty(groups: &mut Groups, key: &Key) {
    if groups.get(key).is_some_and(|entry| entry.states.is_empty() && entry.subscribers.is_empty()) {
        groups.remove(key);
    }
}

impl Shard {
    pub(crate) fn set_group_state(
        &mut self,
        slot: Slot,
        group: &str,
        state: Option<GroupState>,
        ack_id: Option<u64>,
    ) {
        let mut changed = false;
        self.acknowledged(slot, ack_id, |shard| {
            if !shard.is_member(slot, group) {
                shard.check(slot, GroupAction::Join, group)?;
            }
            let max = shard.limits.groups_per_connection_max;
            let Some(conn) = shard.conns.get_mut(slot as usize) else { return Ok(()) };
            let own = conn.extra.get_or_insert_default().states.get_or_insert_default();
            match &state {
                Some(_) if own.set.len() >= max && !own.set.contains(group) => {
                    return Err(AckError::BadRequest(
                        "The connection has a state in too many groups: clear one first.",
                    ));
                }
                Some(_) => own.set.insert(Arc::from(group)),
                None => own.set.remove(group),
            };
            changed = true;
            Ok(())
        });
        if changed {
            self.change_state(slot, &Arc::from(group), state);
        }
    }

    pub(crate) fn subscribe_group_state(&mut self, slot: Slot, group: &str, ack_id: Option<u64>) {
        let mut subscribed = false;
        self.acknowledged(slot, ack_id, |shard| {
            shard.check(slot, GroupAction::Join, group)?;
            let max = shard.limits.groups_per_connection_max;
            let Some(conn) = shard.conns.get_mut(slot as usize) else { return Ok(()) };
            let own = conn.extra.get_or_insert_default().states.get_or_insert_default();
            if own.subscribed.len() >= max && !own.subscribed.contains(group) {
                return Err(AckError::BadRequest(
                    "The connection has too many subscriptions: end one first.",
                ));
            }
            own.subscribed.insert(Arc::from(group));
            subscribed = true;
            Ok(())
        });
        let Some((hub, conn)) = self.hub_and_id(slot).filter(|_| subscribed) else { return };
        let group: Arc<str> = Arc::from(group);
        if let Some(log) = &mut self.log {
            log.subscription(conn, &hub, &group, true);
        }
        let items = self.directory.states.subscribe((Arc::clone(&hub), Arc::clone(&group)), conn);
        self.publish(StateNews { kind: GroupStateKind::Snapshot, group, items }.to(hub, conn));
    }

    pub(crate) fn unsubscribe_group_state(&mut self, slot: Slot, group: &str, ack_id: Option<u64>) {
        self.acknowledged(slot, ack_id, |_| Ok(()));
        let Some((hub, conn)) = self.hub_and_id(slot) else { return };
        if self.own_states(slot).is_some_and(|states| states.subscribed.remove(group)) {
            self.end_subscription(hub, conn, Arc::from(group));
        }
    }

    /// A connection left a group: its state there goes.
    pub(crate) fn drop_state(&mut self, slot: Slot, group: &str) {
        let states = self.own_states(slot);
        if let Some(group) = states.and_then(|states| states.set.take(group)) {
            self.change_state(slot, &group, None);
        }
    }

    /// A connection left all groups: all its states go, those in groups that it was not in as well.
    pub(crate) fn clear_states(&mut self, slot: Slot) {
        while let Some(group) = self.own_states(slot).and_then(|states| states.set.pop_first()) {
            self.change_state(slot, &group, None);
        }
    }

    /// A connection ends: nothing of it stays.
    pub(crate) fn drop_states(&mut self, slot: Slot) {
        if let Some((hub, conn)) = self.hub_and_id(slot) {
            while let Some(group) = self.own_states(slot).and_then(|states| states.subscribed.pop_first()) {
                self.end_subscription(Arc::clone(&hub), conn, group);
            }
        }
        self.clear_states(slot);
    }

    fn own_states(&mut self, slot: Slot) -> Option<&mut OwnStates> {
        self.conns.get_mut(slot as usize)?.extra.as_mut()?.states.as_mut()
    }

    fn end_subscription(&mut self, hub: Arc<str>, conn: ConnId, group: Arc<str>) {
        if let Some(log) = &mut self.log {
            log.subscription(conn, &hub, &group, false);
        }
        self.directory.states.unsubscribe(&(hub, group), conn);
    }

    fn change_state(&mut self, slot: Slot, group: &Arc<str>, state: Option<GroupState>) {
        let Some((hub, conn)) = self.hub_and_id(slot) else { return };
        let user = self.conns.get(slot as usize).and_then(|conn| conn.user.clone());
        let key = (Arc::clone(&hub), Arc::clone(group));
        let now_ms = self.epoch_ms + self.now;
        let Some((subscribers, item)) =
            self.directory.states.set(key, conn, user, state.map(Arc::new), now_ms)
        else {
            return;
        };
        if let Some(log) = &mut self.log {
            log.state(conn, &hub, group, &item);
        }
        for subscriber in subscribers {
            self.publish(item.clone().news(Arc::clone(&hub), subscriber, group, conn));
        }
    }

    pub(crate) fn hub_and_id(&self, slot: Slot) -> Option<(Arc<str>, ConnId)> {
        let conn = self.conns.get(slot as usize)?;
        Some((Arc::clone(self.hubs.name(conn.hub)?), conn.id))
    }

    fn is_member(&self, slot: Slot, group: &str) -> bool {
        let conn = self.conns.get(slot as usize);
        conn.is_some_and(|conn| {
            let key = self.hubs.get(conn.hub).and_then(|hub| hub.groups.key(group));
            key.is_some_and(|key| conn.is_member(key))
        })
    }
}

#[cfg(test)]
mod tests;

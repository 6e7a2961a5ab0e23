//! How clients come in: a reserved id first, then a place in every index.

use std::sync::Arc;

use hublet_wire::id::ConnId;

use crate::Millis;
use crate::conn::{Accept, Conn, Extra, Phase, Protocol, Slot};
use crate::index::HubKey;
use crate::members::{Member, position};
use crate::permission::Permissions;
use crate::queue::OutQueue;
use crate::reliable::Reliable;
use crate::shard::Shard;

impl Shard {
    /// Makes a connection id for a client that an event handler is asked about. Until [`Shard::activate`] the client is
    /// in no index: nobody can see it (event-handlers.md §5.1).
    ///
    /// `nonce` is what the random part of the connection id is made of. All effects must have been carried out before:
    /// the slot may be one that was just given up.
    pub fn reserve(&mut self, nonce: [u8; 11], now: Millis) -> ConnId {
        let slot = position(self.conns.vacant_key());
        let shard = u8::try_from(self.index).unwrap_or(u8::MAX);
        let id = ConnId { nonce: ConnId::nonce(nonce), shard, slot, node: self.node };
        self.conns.insert(Conn { last_received: now, ..self.placeholder(id) });
        id
    }

    /// A connection of which only the id is known.
    pub(crate) fn placeholder(&self, id: ConnId) -> Conn {
        Conn {
            id,
            hub: HubKey::MAX,
            phase: Phase::Reserved,
            dirty: false,
            announced: false,
            ends_well: false,
            user: None,
            position_all: 0,
            position_user: 0,
            groups: smallvec::SmallVec::new(),
            permissions: Permissions::default(),
            protocol: Protocol::SimpleEvent,
            acks: None,
            queue: OutQueue::default(),
            last_received: 0,
            entered_s: 0,
            host: Arc::clone(&self.message_event),
            // 0 is `connect`, whether or not a handler wants it.
            next_event: 1,
            extra: None,
        }
    }

    /// Registers a client and queues its `connected` message (client-protocols.md §1.14). From now on messages are
    /// queued for it, whether or not its socket is there already. Nothing happens when its reservation is gone.
    ///
    /// `token` is what the client of a reliable connection comes back with.
    pub fn activate(&mut self, id: ConnId, accept: Accept, token: Option<&str>, now: Millis) {
        self.settle();
        let slot = id.slot;
        let is_reserved = |conn: &&Conn| conn.id == id && conn.phase == Phase::Reserved;
        if self.conns.get(slot as usize).filter(is_reserved).is_none() {
            return;
        }
        let groups = self.enter(slot, accept, now);
        self.counters.opened += 1;
        let Some(conn) = self.conns.get(slot as usize) else { return };
        let format = conn.protocol.format();
        let connected = format.map(|format| format.connected_frame(conn.user.as_deref(), &conn.id, token));
        if let Some(frame) = connected {
            self.enqueue(slot, frame);
        }
        for group in &groups {
            self.join(slot, group);
        }
    }

    /// Makes a client of a connection of which only the id is known: now it is in the indices of its hub and its user.
    /// Returns the groups that it is to join.
    pub(crate) fn enter(&mut self, slot: Slot, accept: Accept, now: Millis) -> Vec<Arc<str>> {
        let Accept { hub: hub_name, user, permissions, groups, protocol, custom_subprotocol, host, state } =
            accept;
        let (hub, first) = self.hubs.key_or_insert(&hub_name);
        if first {
            self.directory.enter_hub(&hub_name, self.index);
        }
        let Some(conn) = self.conns.get_mut(slot as usize) else { return groups };
        conn.hub = hub;
        conn.phase = Phase::Open;
        conn.user = user;
        conn.permissions = permissions;
        let is_reliable = protocol.is_reliable();
        let protocol_index = protocol.index();
        conn.protocol = protocol;
        conn.last_received = now;
        conn.entered_s = u32::try_from(now / 1_000).unwrap_or(u32::MAX);
        conn.host = host;
        if custom_subprotocol.is_some() || state.is_some() || is_reliable {
            let reliable = is_reliable.then(Reliable::default);
            let extra = Extra { custom_subprotocol, state, reliable, ..Extra::default() };
            conn.extra = Some(Box::new(extra));
        }
        if let Some(index) = self.hubs.get_mut(hub) {
            if first {
                index.policy = self.policies.get(&hub_name).copied().unwrap_or_default();
            }
            index.by_protocol[protocol_index] += 1;
            let member = Member { slot, back: 0 };
            conn.position_all = index.all.push(member);
            if let Some(user) = &conn.user {
                let members = index.users.entry_ref(user).or_insert_with(|| {
                    self.directory.enter_user(&hub_name, user, self.index);
                    Default::default()
                });
                conn.position_user = members.push(member);
            }
        }
        groups
    }
}

//! What clients do, and what the application answers.

use std::collections::VecDeque;
use std::sync::Arc;

use hublet_wire::client::Payload;
use hublet_wire::ws::{Decoder, Role};

use super::model::{Client, Ledger};
use super::speak::{Ask, Speaks, Written};
use super::{GROUPS, HUBS, USERS, World};
use crate::limits::UNACKED_MESSAGES_MAX;
use crate::{Accept, ClientEvent, Command, EventKind, Permissions, Publish, Slot, Target, Verdict};

impl World {
    pub(super) fn connect(&mut self) {
        let shard = self.rng.below(self.shards.len());
        let hub = *self.rng.pick(&HUBS);
        let user = (self.rng.below(4) > 0).then(|| *self.rng.pick(&USERS));
        let speaks = *self.rng.pick(&[Speaks::Simple, Speaks::Json, Speaks::Protobuf]);
        let reliable = speaks != Speaks::Simple && self.rng.below(2) == 0;
        let groups: Vec<&'static str> = (0..self.rng.below(3)).map(|_| *self.rng.pick(&GROUPS)).collect();
        self.nonce += 1;
        let mut nonce = [0; 11];
        nonce[..8].copy_from_slice(&self.nonce.to_le_bytes());
        self.shards[shard].settle();
        self.effects(shard);
        let accept = Accept {
            hub: hub.into(),
            user: user.map(Arc::from),
            permissions: Permissions::from_roles(["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]),
            groups: groups.iter().map(|g| Arc::from(*g)).collect(),
            protocol: speaks.protocol(reliable),
            custom_subprotocol: None,
            host: "localhost".into(),
            state: None,
        };
        let id = self.shards[shard].reserve(nonce, self.now);
        let slot = id.slot;
        self.shards[shard].activate(id, accept, reliable.then_some("token"), self.now);
        self.shards[shard].attached(slot);
        let client = Client {
            shard,
            slot,
            id,
            hub,
            user,
            speaks,
            reliable: reliable.then(Ledger::default),
            groups: groups.into_iter().collect(),
            decoder: Decoder::new(Role::Client, 1 << 20),
            expected: VecDeque::new(),
            reads: true,
            next_ack: 1,
            closing: false,
            waits: false,
        };
        self.clients.insert((shard, slot), client);
    }

    pub(super) fn with_client(&mut self, act: impl FnOnce(&mut Self, (usize, Slot))) {
        let mut keys: Vec<_> = self.clients.iter().filter(|(_, c)| !c.closing).map(|(key, _)| *key).collect();
        keys.sort_unstable();
        if !keys.is_empty() {
            let key = *self.rng.pick(&keys);
            act(self, key);
        }
    }

    pub(super) fn disconnect(&mut self, (shard, slot): (usize, Slot)) {
        self.shards[shard].disconnected(slot);
    }

    pub(super) fn client_acknowledges(&mut self, key: (usize, Slot)) {
        let Some(client) = self.clients.get_mut(&key).filter(|client| client.can_ask()) else { return };
        if let Some(ledger) = &mut client.reliable {
            ledger.acknowledged = ledger.seen;
            let request = client.speaks.write(&Ask::SequenceAck(ledger.seen), None);
            self.shards[key.0].received(key.1, request.event(), self.now);
        }
    }

    pub(super) fn client_join(&mut self, key: (usize, Slot)) {
        let group = *self.rng.pick(&GROUPS);
        let max = self.limits.groups_per_connection_max;
        self.client_request(key, |client, ack| {
            let fits = client.groups.contains(group) || client.groups.len() < max;
            if fits {
                client.groups.insert(group);
            }
            client.expected.push_back(format!("ack {ack} {fits}"));
            client.speaks.write(&Ask::Join(group), Some(ack))
        });
    }

    pub(super) fn client_leave(&mut self, key: (usize, Slot)) {
        let group = *self.rng.pick(&GROUPS);
        self.client_request(key, |client, ack| {
            client.groups.remove(group);
            client.expected.push_back(format!("ack {ack} true"));
            client.speaks.write(&Ask::Leave(group), Some(ack))
        });
    }

    pub(super) fn client_request(
        &mut self,
        key: (usize, Slot),
        make: impl FnOnce(&mut Client, u64) -> Written,
    ) {
        let Some(client) = self.clients.get_mut(&key).filter(|client| client.can_ask()) else {
            return;
        };
        let ack = client.next_ack;
        client.next_ack += 1;
        let request = make(client, ack);
        self.shards[key.0].received(key.1, request.event(), self.now);
    }

    pub(super) fn client_event(&mut self, key: (usize, Slot)) {
        self.client_request(key, |client, ack| {
            if client.hub == HUBS[0] {
                client.waits = true;
            } else {
                // Nobody wants it.
                client.expected.push_back(format!("ack {ack} false"));
            }
            client.speaks.write(&Ask::Event(&format!("e{ack}")), Some(ack))
        });
    }

    /// The application answers one of the events that wait, or that waited until their client went.
    pub(super) fn answer_event(&mut self) {
        if self.unanswered.is_empty() {
            return;
        }
        let at = self.rng.below(self.unanswered.len());
        let event = self.unanswered.swap_remove(at);
        let EventKind::User { name, .. } = &event.kind else { unreachable!("only these are kept") };
        let conn = event.client.conn;
        let handled = self.rng.below(3) > 0;
        self.message += 1;
        let text = format!("m{} answer", self.message);
        let client = self.clients.values_mut().find(|client| client.id == conn && !client.closing);
        if let Some(client) = client {
            client.waits = false;
            if handled {
                client.expect(text.clone());
            }
            if !client.is_cut() {
                client.expected.push_back(format!("ack {} {handled}", &name[1..]));
            }
            self.answered += 1;
        }
        let reply = Some((Payload::Text(text.into()), Vec::new()));
        let verdict = if handled { Verdict::Handled { reply, state: None } } else { Verdict::Failed };
        let command = Command::Verdict { conn, event: event.id, verdict };
        self.shards[usize::from(conn.shard)].apply(command, self.now);
    }

    /// What the application is told about a connection makes sense: `connected` first, `disconnected` last and once,
    /// and groups as they are.
    pub(super) fn note(&mut self, event: ClientEvent) {
        assert_eq!(&*event.client.hub, HUBS[0], "nobody wants events of the other hub");
        let told = self.told.entry(event.client.conn).or_default();
        assert!(!told.gone, "nothing is told after disconnected");
        assert!(event.id > told.last_id, "numbers grow");
        assert_eq!(told.last_id == 0, event.kind == EventKind::Connected, "connected is the first and once");
        told.last_id = event.id;
        match &event.kind {
            EventKind::GroupJoined(group) => assert!(told.groups.insert(group.to_string())),
            EventKind::GroupLeft(group) => assert!(told.groups.remove(&**group)),
            EventKind::Disconnected { .. } => {
                assert!(told.groups.is_empty(), "all groups are left before");
                told.gone = true;
            }
            EventKind::User { .. } => self.unanswered.push(event),
            EventKind::Connected => {}
            EventKind::Connect(_) => unreachable!("the handshake asks, not the shard"),
        }
    }

    pub(super) fn client_send(&mut self, key: (usize, Slot)) {
        let group = *self.rng.pick(&GROUPS);
        let Some(client) = self.clients.get(&key).filter(|client| client.can_ask()) else {
            return;
        };
        let (hub, no_echo, wants_ack) = (client.hub, self.rng.below(3) == 0, self.rng.below(2) == 0);
        let size = if self.rng.below(20) == 0 { 5_000 } else { self.rng.below(60) };
        self.message += 1;
        let text = format!("m{} {}", self.message, "x".repeat(size));
        let excluded = no_echo.then_some(client.id);
        self.expect(key.0, hub, &Target::Group(group.into()), None, excluded, &text);
        let Some(client) = self.clients.get_mut(&key) else { return };
        let ack = wants_ack.then_some(client.next_ack);
        if let Some(ack) = ack {
            client.expected.push_back(format!("ack {ack} true"));
            client.next_ack += 1;
        }
        let request = client.speaks.write(&Ask::Send { group, text: &text, no_echo }, ack);
        self.shards[key.0].received(key.1, request.event(), self.now);
        self.check_forwarding(key.0, hub, group, &text);
    }

    /// Every other shard that has members now must have got the message.
    pub(super) fn check_forwarding(&mut self, from: usize, hub: &str, group: &str, text: &str) {
        self.effects(from);
        let wants = |c: &&Client| c.hub == hub && !c.closing && c.shard != from && c.groups.contains(group);
        for client in self.clients.values().filter(wants) {
            let last = self.mailboxes[client.shard].back();
            assert!(
                matches!(last, Some(Command::Forwarded { publish, .. }) if publish.payload.bytes() == text),
                "shard {} has members but got no message",
                client.shard
            );
        }
    }

    /// More than any client may leave unacknowledged, to everybody in a hub on one shard.
    pub(super) fn flood(&mut self) {
        let (shard, hub) = (self.rng.below(self.shards.len()), *self.rng.pick(&HUBS));
        for _ in 0..=UNACKED_MESSAGES_MAX {
            // Each for itself: messages that are delivered together overflow a queue together.
            self.flush(shard);
            self.message += 1;
            let text = format!("m{} flood", self.message);
            self.expect(shard, hub, &Target::All, None, None, &text);
            let publish = Publish::new(hub.into(), Target::All, Payload::Text(text.into()));
            self.shards[shard].apply(Command::Deliver(Arc::new(publish)), self.now);
        }
        self.flush(shard);
        for client in self.clients.values() {
            assert!(
                client.closing || client.reliable.is_none() || client.shard != shard || client.hub != hub
            );
        }
        self.floods += 1;
    }
}

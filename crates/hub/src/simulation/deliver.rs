//! What shards deliver, and what clients read of it.

use std::io::IoSlice;
use std::sync::Arc;

use hublet_wire::odata::Filter;
use hublet_wire::ws::{Decoder, Role};

use super::model::{Client, passes, selects};
use super::speak::observed;
use super::{GROUPS, World};
use crate::{AfterFlush, Command, ConnOp, Effect, Slot, Target};

impl World {
    /// Notes who must get a message when `shard` delivers it now.
    pub(super) fn expect(
        &mut self,
        shard: usize,
        hub: &str,
        target: &Target,
        filter: Option<&Filter>,
        excluded: Option<hublet_wire::id::ConnId>,
        text: &str,
    ) {
        for client in self.clients.values_mut() {
            let selected = client.shard == shard
                && client.hub == hub
                && !client.closing
                && selects(target, client)
                && passes(filter, client);
            if selected && excluded != Some(client.id) {
                client.expect(text.to_owned());
            }
        }
    }

    pub(super) fn drain_mailbox(&mut self, shard: usize) {
        for _ in 0..=self.rng.below(5) {
            let Some(command) = self.mailboxes[shard].pop_front() else { return };
            match &command {
                Command::Deliver(publish) | Command::Forwarded { publish, .. } => {
                    let text = String::from_utf8_lossy(publish.payload.bytes()).into_owned();
                    let hub = publish.hub.to_string();
                    let excluded = publish.excluded.first().copied();
                    self.expect(shard, &hub, &publish.target, publish.filter.as_deref(), excluded, &text);
                }
                Command::Connections { hub, target, filter, op, .. } => {
                    let max = self.limits.groups_per_connection_max;
                    let here = |c: &&mut Client| {
                        c.shard == shard
                            && c.hub == &**hub
                            && !c.closing
                            && selects(target, c)
                            && passes(filter.as_deref(), c)
                    };
                    for client in self.clients.values_mut().filter(here) {
                        match op {
                            ConnOp::Exists => {}
                            ConnOp::Close { .. } => {
                                client.closing = true;
                                client.expected.push_back("closed".to_owned());
                            }
                            ConnOp::Join(groups) => {
                                let mut all = client.groups.clone();
                                for group in groups.iter() {
                                    all.extend(GROUPS.iter().find(|name| ***name == **group));
                                }
                                if all.len() <= max {
                                    client.groups = all;
                                }
                            }
                            ConnOp::Leave(groups) => {
                                groups.iter().for_each(|group| {
                                    client.groups.remove(&**group);
                                });
                            }
                            ConnOp::LeaveAll => client.groups.clear(),
                            ConnOp::Grant(..) | ConnOp::Revoke(..) | ConnOp::Check(..) => {
                                unreachable!("not sent here")
                            }
                        }
                    }
                }
                Command::Members { .. }
                | Command::Verdict { .. }
                | Command::Configure(_)
                | Command::Stop { .. } => {}
            }
            self.shards[shard].apply(command, self.now);
        }
    }

    /// Carries out the effects of a shard; a dropped client must have had no more to come than it could not read.
    pub(super) fn effects(&mut self, shard: usize) {
        self.write_log(shard);
        for effect in self.shards[shard].take_effects() {
            match effect {
                Effect::Forward { shards, number, publish } => {
                    assert!(!shards.contains(shard), "a shard forwards nothing to itself");
                    for to in shards.iter() {
                        let publish = Arc::clone(&publish);
                        self.mailboxes[to].push_back(Command::Forwarded { from: shard, number, publish });
                    }
                }
                Effect::Event(event) => self.note(*event),
                Effect::CancelEvent { conn, event, .. } => {
                    assert!(
                        self.unanswered.iter().any(|known| known.client.conn == conn && known.id == event),
                        "only what waits is cancelled"
                    );
                }
                Effect::DropSocket(slot) => {
                    let client = self.clients.get_mut(&(shard, slot)).expect("a client");
                    let ledger = client.reliable.as_mut().expect("a reliable one");
                    ledger.cut = true;
                    // What was queued is lost, but for data messages; and a message may be cut in two.
                    client.expected.clear();
                    client.decoder = Decoder::new(Role::Client, 1 << 20);
                }
                Effect::Trace(_) => panic!("nobody looks"),
                Effect::Resume(_) => panic!("no client of the simulation sends while it waits"),
                Effect::Drop(slot) => {
                    self.clients.remove(&(shard, slot));
                }
            }
        }
    }

    /// Lets clients read: all of a queue, a part of it, or nothing for those that do not read.
    pub(super) fn flush(&mut self, shard: usize) {
        self.shards[shard].settle();
        self.effects(shard);
        while let Some(slot) = self.shards[shard].next_dirty() {
            self.read_from(shard, slot, true);
        }
        self.effects(shard);
    }

    pub(super) fn read_from(&mut self, shard: usize, slot: Slot, partly: bool) {
        let Some(client) = self.clients.get_mut(&(shard, slot)) else { return };
        if !client.reads {
            return;
        }
        let Some(queue) = self.shards[shard].queue(slot) else { return };
        let mut slices = [IoSlice::new(&[]); 16];
        let mut bytes: Vec<u8> = match queue.io_slices(&mut slices) {
            0 => queue.joined().concat(),
            count => slices[..count].iter().flat_map(|slice| slice.to_vec()).collect(),
        };
        if partly && self.rng.below(4) == 0 {
            bytes.truncate(self.rng.below(bytes.len() + 1));
        }
        self.shards[shard].wrote(slot, bytes.len());
        let mut input = &mut bytes[..];
        while let Some(event) = client.decoder.next(&mut input).expect("the server writes valid frames") {
            self.received += 1;
            let Some((got, number)) = observed(client.speaks, &event) else { continue };
            if let (Some(ledger), Some(number)) = (&mut client.reliable, number) {
                let at = usize::try_from(number).unwrap() - 1;
                assert_eq!(Some(&got), ledger.messages.get(at), "{} reads message {number}", client.id);
                assert!(number <= ledger.seen + 1, "no number is left out");
                ledger.seen = ledger.seen.max(number);
            } else {
                let expected = client.expected.pop_front();
                assert_eq!(Some(got), expected, "{} reads in order, exactly once", client.id);
            }
        }
        let empty = self.shards[shard].queue(slot).is_some_and(|queue| queue.is_empty());
        if empty && self.shards[shard].flushed(slot) == AfterFlush::Drop {
            self.shards[shard].disconnected(slot);
        } else if !empty {
            self.shards[shard].mark_dirty(slot);
            if !partly {
                self.read_from(shard, slot, false);
            }
        }
    }
}

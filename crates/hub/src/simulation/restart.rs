//! Sockets that break, and shards whose sessions outlive them.

use std::sync::Arc;

use hublet_wire::ws::Event;

use super::World;
use super::kill::{EPOCH_MS, save};
use super::model::Ledger;
use crate::{Command, Saved, Shard, Slot, Undelivered};

impl World {
    /// The socket of a reliable client breaks, or the client is back with a new one.
    pub(super) fn break_or_come_back(&mut self, key: (usize, Slot)) {
        let Some(client) = self.clients.get(&key) else { return };
        match &client.reliable {
            Some(Ledger { cut: true, .. }) => self.come_back(key),
            Some(_) => self.shards[key.0].disconnected(key.1),
            None => {}
        }
    }

    pub(super) fn come_back(&mut self, key: (usize, Slot)) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let shard = &mut self.shards[key.0];
        assert!(shard.resume(client.id, if client.hub == "h1" { "h2" } else { "h1" }).is_none());
        let (_, given_up) = shard.resume(client.id, client.hub).expect("its time is not over");
        let (_, attempt) = shard.resume(client.id, client.hub).expect("it may try again");
        assert!(shard.resumed(client.id, given_up, "token").is_err(), "the last attempt counts");
        shard.not_resumed(client.id, given_up);
        if let Some(ledger) = &mut client.reliable {
            ledger.cut = false;
        }
        assert!(shard.resumed(client.id, attempt, "token").is_ok());
        self.resumed += 1;
    }

    /// A new process takes up what a shard has. Clients that are not reliable are gone, and so are the sockets of the others.
    pub(super) fn restart(&mut self) {
        let at = self.rng.below(self.shards.len());
        self.shards[at].apply(Command::Stop { keep_reliable: true }, self.now);
        let mut slots: Vec<Slot> = self.shards[at].conns.iter().map(|(_, conn)| conn.id.slot).collect();
        slots.retain(|slot| {
            let ledger = self.clients[&(at, *slot)].reliable.as_ref();
            ledger.is_none_or(|ledger| !ledger.cut)
        });
        for slot in slots {
            // Some answer the close frame, the sockets of others break.
            if self.rng.below(2) == 0 {
                self.shards[at].received(slot, Event::Close { code: Some(1012), reason: "" }, self.now);
            }
            self.shards[at].disconnected(slot);
        }
        self.effects(at);
        for client in self.clients.values_mut().filter(|client| client.shard == at) {
            // The answer of the event handler finds nobody.
            client.waits = false;
        }
        self.unanswered.retain(|event| usize::from(event.client.conn.shard) != at);
        let waits = self.shards[at].conns.iter().any(|(_, conn)| conn.turn().is_some());
        assert_eq!(self.shards[at].is_at_rest(), !waits);
        let (count, chunks) = save(&mut self.shards[at]);
        let mut saved = Saved::new(EPOCH_MS);
        for chunk in &chunks {
            saved.read(chunk).expect("what was saved");
        }
        assert_eq!(saved.len(), count);
        let mut saved = [(at, saved)];
        let undelivered = Undelivered::take(&mut saved);
        let [(_, saved)] = saved;
        let mut shard = Shard::new(at, 1, self.limits.clone(), Arc::clone(&self.directory));
        shard.apply(Command::Configure(Arc::clone(&self.shards[at].policies)), self.now);
        shard.begin_turn(self.now);
        assert_eq!(shard.restore(saved), count);
        if let Some(logs) = &mut self.logs {
            shard.begin_log(EPOCH_MS, &undelivered);
            logs[at].clone_from(&chunks);
        }
        assert!(chunks == save(&mut shard).1, "the same state");
        self.shards[at] = shard;
        self.restarted += count as u64;
    }
}

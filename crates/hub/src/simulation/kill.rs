//! Processes that are killed, and what their logs know.

use std::collections::BTreeSet;
use std::sync::Arc;

use hublet_wire::client::Payload;
use hublet_wire::id::ConnId;
use hublet_wire::ws::{Decoder, Role};

use super::speak::Ask;
use super::{GROUPS, HUBS, World};
use crate::{Command, Directory, Publish, Saved, Shard, Target, Undelivered};

/// When the clocks of all shards began.
pub(super) const EPOCH_MS: u64 = 7;

/// The sessions of a shard, and their number.
pub(super) fn save(shard: &mut Shard) -> (usize, Vec<Vec<u8>>) {
    let mut chunks = Vec::new();
    let count = shard.save(EPOCH_MS, |chunk| {
        chunks.push(chunk.to_vec());
        Ok::<(), ()>(())
    });
    (count.expect("it cannot fail"), chunks)
}

impl World {
    /// From now on there is a log of everything.
    pub(super) fn begin_logs(&mut self) {
        let begin = |shard: &mut Shard| {
            shard.begin_log(EPOCH_MS, &Undelivered::default());
            save(shard).1
        };
        self.logs = Some(self.shards.iter_mut().map(begin).collect());
    }

    /// Writes what has changed on a shard; now and then the log begins anew.
    pub(super) fn write_log(&mut self, shard: usize) {
        let Some(logs) = &mut self.logs else { return };
        let write = |chunk: &[u8]| {
            logs[shard].push(chunk.to_vec());
            Ok::<(), ()>(())
        };
        self.shards[shard].write_log(write).expect("it cannot fail");
        if logs[shard].len() > 200 {
            logs[shard] = save(&mut self.shards[shard]).1;
        }
    }

    /// The process is killed in the middle of something, and another one goes on from the logs.
    pub(super) fn kill(&mut self) {
        if self.logs.is_none() {
            return;
        }
        let known: BTreeSet<ConnId> = self
            .shards
            .iter()
            .flat_map(|shard| &shard.conns)
            .filter(|(_, conn)| conn.outlives_socket())
            .map(|(_, conn)| conn.id)
            .collect();
        self.do_in_vain();
        // What other shards were sent comes once more. What REST sent goes: nobody was told that it was taken.
        for shard in 0..self.shards.len() {
            let mut letters: Vec<(usize, Arc<Publish>)> = self.mailboxes[shard]
                .drain(..)
                .filter_map(|command| match command {
                    Command::Forwarded { from, publish, .. } => Some((from, publish)),
                    _ => None,
                })
                .collect();
            letters.sort_by_key(|(from, _)| *from);
            for (_, publish) in letters {
                let text = String::from_utf8_lossy(publish.payload.bytes()).into_owned();
                let excluded = publish.excluded.first().copied();
                self.expect(shard, &publish.hub, &publish.target, None, excluded, &text);
            }
        }
        self.clients.retain(|_, client| known.contains(&client.id));
        self.unanswered.clear();
        for client in self.clients.values_mut() {
            client.waits = false;
            client.expected.clear();
            client.decoder = Decoder::new(Role::Client, 1 << 20);
            client.reliable.as_mut().expect("others are gone").cut = true;
        }
        // A start that is killed itself, when it has written some of the logs.
        let written = self.rng.below(self.shards.len() + 1);
        self.start(written);
        let found = self.start(self.shards.len());
        assert_eq!(
            found,
            self.clients.values().map(|client| client.id).collect(),
            "everybody who can come back"
        );
        self.kills += 1;
    }

    /// Begins from the logs, and begins so many logs anew. Returns whom it found.
    fn start(&mut self, written: usize) -> BTreeSet<ConnId> {
        let logs = self.logs.as_mut().expect("logs");
        let read = |(at, chunks): (usize, &Vec<Vec<u8>>)| {
            let mut saved = Saved::new(EPOCH_MS);
            chunks.iter().for_each(|chunk| saved.read(chunk).expect("what was written"));
            (at, saved)
        };
        let mut saved: Vec<(usize, Saved)> = logs.iter().enumerate().map(read).collect();
        let found = saved.iter().flat_map(|(_, saved)| saved.ids()).collect();
        let undelivered = Undelivered::take(&mut saved);
        let policies = Arc::clone(&self.shards[0].policies);
        self.directory = Arc::new(Directory::new(logs.len()));
        let restore = |(at, saved): (usize, Saved)| {
            let mut shard = Shard::new(at, 1, self.limits.clone(), Arc::clone(&self.directory));
            shard.apply(Command::Configure(Arc::clone(&policies)), self.now);
            shard.begin_turn(self.now);
            shard.restore(saved);
            undelivered.deliver(&mut shard);
            shard
        };
        self.shards = saved.into_iter().map(restore).collect();
        for (shard, log) in self.shards.iter_mut().zip(logs).take(written) {
            shard.begin_log(EPOCH_MS, &undelivered);
            *log = save(shard).1;
            shard.log_is_begun();
        }
        found
    }

    /// Everybody does something that nobody learns of, so that the model has nothing of it.
    fn do_in_vain(&mut self) {
        let mut clients: Vec<_> =
            self.clients.values().filter(|client| client.can_ask() && !client.closing).collect();
        clients.sort_unstable_by_key(|client| client.id);
        for client in clients {
            let shard = &mut self.shards[client.shard];
            let group = *self.rng.pick(&GROUPS);
            let ask = match self.rng.below(4) {
                0 => Ask::Join(group),
                1 => Ask::Leave(group),
                2 => Ask::Event("in-vain"),
                _ => Ask::Send { group, text: "in vain", no_echo: false },
            };
            let request = client.speaks.write(&ask, Some(client.next_ack));
            shard.received(client.slot, request.event(), self.now);
            if self.rng.below(8) == 0 {
                shard.settle();
            }
        }
        let publish = Publish::new(HUBS[0].into(), Target::All, Payload::Text("in vain".into()));
        self.shards[0].apply(Command::Deliver(Arc::new(publish)), self.now);
    }
}

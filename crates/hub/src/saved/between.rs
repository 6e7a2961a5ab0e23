//! Messages between shards. The log of the sender has each of them until the logs of all that it is for tell what came of
//! it, so that none is lost with a mailbox.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Saved;
use crate::command::Command;
use crate::directory::ShardSet;
use crate::publish::Publish;
use crate::shard::Shard;

/// A message to other shards.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// Counts the messages of the sender, from 1.
    pub(super) number: u64,
    pub(super) shards: ShardSet,
    pub(super) publish: Arc<Publish>,
}

/// What one shard sent to others, and what it has of them.
#[derive(Debug, Default)]
pub(super) struct Between {
    /// What some shard may not have, and what is not yet known to be with all; oldest first.
    pub(super) sent: VecDeque<Sent>,
    /// Number of the last one that was sent.
    pub(super) last: u64,
    /// Of each other shard, the number of the last message that came.
    pub(super) applied: BTreeMap<usize, u64>,
}

/// Which messages of each shard the others have in their logs; shared by all shards.
#[derive(Debug)]
pub(crate) struct Confirmed {
    shards: usize,
    /// For each receiver the senders' numbers.
    numbers: Box<[AtomicU64]>,
}

impl Confirmed {
    pub(crate) fn new(shards: usize) -> Self {
        Self { shards, numbers: (0..shards * shards).map(|_| AtomicU64::new(0)).collect() }
    }

    fn cell(&self, receiver: usize, sender: usize) -> Option<&AtomicU64> {
        let is_here = receiver < self.shards && sender < self.shards;
        self.numbers.get(receiver * self.shards + sender).filter(|_| is_here)
    }

    /// The receiver will not lose the sender's messages up to this number.
    pub(super) fn confirm(&self, receiver: usize, sender: usize, number: u64) {
        if let Some(cell) = self.cell(receiver, sender) {
            cell.store(number, Ordering::Release);
        }
    }

    /// Whether all receivers have confirmed a message. Shards that are no more need none.
    fn by_all(&self, sender: usize, sent: &Sent) -> bool {
        let has = |receiver| {
            self.cell(receiver, sender).is_none_or(|cell| cell.load(Ordering::Acquire) >= sent.number)
        };
        sent.shards.iter().all(has)
    }
}

impl Between {
    /// Forgets what all receivers have confirmed.
    pub(super) fn forget_confirmed(&mut self, own: usize, confirmed: &Confirmed) {
        while self.sent.pop_front_if(|sent| confirmed.by_all(own, sent)).is_some() {}
    }

    fn applied(&self, sender: usize) -> u64 {
        self.applied.get(&sender).copied().unwrap_or(0)
    }
}

/// Messages between shards that a process left when it was killed.
#[derive(Debug, Default)]
pub struct Undelivered(BTreeMap<usize, Between>);

impl Undelivered {
    /// Takes them out of what was read for each shard.
    pub fn take(saved: &mut [(usize, Saved)]) -> Self {
        Self(saved.iter_mut().map(|(shard, saved)| (*shard, std::mem::take(&mut saved.between))).collect())
    }

    /// Gives a shard the messages that it was sent and has not got. To be called when the sessions of the shard are taken up.
    pub fn deliver(&self, shard: &mut Shard) {
        let index = shard.index;
        let own = self.0.get(&index);
        for (from, between) in self.0.iter().filter(|(from, _)| **from != index) {
            let applied = own.map_or(0, |own| own.applied(*from));
            let is_due = |sent: &&Sent| sent.shards.contains(index) && sent.number > applied;
            for Sent { number, publish, .. } in between.sent.iter().filter(is_due) {
                let (number, publish) = (*number, Arc::clone(publish));
                shard.apply(Command::Forwarded { from: *from, number, publish }, shard.now);
            }
        }
        shard.settle();
    }

    /// What the new log of a shard begins with: it has all that it was sent. What others were sent stays until their new
    /// logs say so, too.
    pub(super) fn of(&self, shard: usize) -> Between {
        let own = self.0.get(&shard);
        let mut new = Between {
            sent: VecDeque::new(),
            last: own.map_or(0, |own| own.last),
            applied: own.map(|own| own.applied.clone()).unwrap_or_default(),
        };
        let is_missing = |sent: &&Sent| {
            let has =
                |receiver| self.0.get(&receiver).is_some_and(|other| other.applied(shard) >= sent.number);
            !sent.shards.iter().all(has)
        };
        new.sent = own.iter().flat_map(|own| &own.sent).filter(is_missing).cloned().collect();
        for (from, other) in self.0.iter().filter(|(from, _)| **from != shard) {
            // Numbers go on even if the log of the sender is lost.
            new.last = new.last.max(other.applied(shard));
            let last = other.last.max(new.applied(*from));
            new.applied.insert(*from, last);
        }
        new
    }
}

//! What changes on a shard, as records that follow its sessions: a process that is killed loses nothing that anybody has
//! learned of.
//!
//! Messages have records of their own, and so have acknowledgements. Of anything else that changes a session, the record
//! is the whole session without its messages, once for each chunk.

use std::collections::BTreeSet;
use std::sync::Arc;

use hublet_wire::id::ConnId;

use super::between::{Between, Sent, Undelivered};
use super::bytes::Writer;
use super::message::{Epoch, write_publish};
use super::states::{write_state, write_subscription};
use super::{
    ACKNOWLEDGED, APPLIED, Batches, CHUNK_BYTES, DELIVERED, ENDED, EXPIRED, LAST_SENT, SENT, SUCCEEDED,
    write_alone, write_messages,
};
use crate::Millis;
use crate::conn::{Conn, Slot};
use crate::directory::ShardSet;
use crate::group_state::Item;
use crate::publish::Publish;
use crate::shard::Shard;
use crate::unacked::Batch;

/// What happened since the last chunk, and what later chunks need.
#[derive(Debug)]
pub(crate) struct Log {
    epoch: Epoch,
    records: Writer,
    /// Sessions that are to be written once more.
    changed: BTreeSet<Slot>,
    between: Between,
    /// Shards whose messages came since the last chunk.
    heard: BTreeSet<usize>,
}

impl Log {
    /// Sessions have a batch, each with its next numbers.
    pub(crate) fn delivered(&mut self, batch: &Batch, receivers: &[Slot]) {
        self.records.byte(DELIVERED);
        write_messages(&mut self.records, batch, self.epoch);
        self.records.len(receivers.len());
        receivers.iter().for_each(|slot| self.records.number((*slot).into()));
    }

    /// A session needs its messages up to a number no more.
    pub(crate) fn acknowledged(&mut self, slot: Slot, number: u64) {
        self.records.byte(ACKNOWLEDGED);
        self.records.number(slot.into());
        self.records.number(number);
    }

    /// A session needs its messages no more that have expired by now.
    pub(crate) fn expired(&mut self, slot: Slot, now: Millis) {
        self.records.byte(EXPIRED);
        self.records.number(slot.into());
        self.records.number(self.epoch.wall_ms(now));
    }

    /// A request of a session succeeded.
    pub(crate) fn succeeded(&mut self, slot: Slot, ack_id: u64) {
        self.records.byte(SUCCEEDED);
        self.records.number(slot.into());
        self.records.number(ack_id);
    }

    /// A session is over.
    pub(crate) fn ended(&mut self, slot: Slot) {
        self.changed.remove(&slot);
        self.records.byte(ENDED);
        self.records.number(slot.into());
    }

    /// A connection set or cleared its state in a group.
    pub(crate) fn state(&mut self, conn: ConnId, hub: &str, group: &str, item: &Item) {
        write_state(&mut self.records, conn, hub, group, item);
    }

    /// A connection subscribed to the states of a group, or does not want them any more.
    pub(crate) fn subscription(&mut self, conn: ConnId, hub: &str, group: &str, wanted: bool) {
        write_subscription(&mut self.records, conn, hub, group, wanted);
    }

    /// A message goes to other shards. Returns its number.
    pub(crate) fn sent(&mut self, shards: ShardSet, publish: &Arc<Publish>) -> u64 {
        self.between.last += 1;
        let sent = Sent { number: self.between.last, shards, publish: Arc::clone(publish) };
        write_sent(&mut self.records, &sent, self.epoch);
        self.between.sent.push_back(sent);
        self.between.last
    }

    /// What a message of another shard does is recorded.
    pub(crate) fn applied(&mut self, from: usize, number: u64) {
        self.between.applied.insert(from, number);
        self.heard.insert(from);
    }

    /// Everything about messages between shards, for the beginning of a log.
    pub(super) fn write_between(&self, out: &mut Writer) {
        self.between.sent.iter().for_each(|sent| write_sent(out, sent, self.epoch));
        out.byte(LAST_SENT);
        out.number(self.between.last);
        self.between.applied.iter().for_each(|(from, number)| write_applied(out, *from, *number));
    }
}

fn write_sent(out: &mut Writer, sent: &Sent, epoch: Epoch) {
    out.byte(SENT);
    out.number(sent.number);
    out.number(sent.shards.bits());
    write_publish(out, &sent.publish, epoch);
}

fn write_applied(out: &mut Writer, from: usize, number: u64) {
    out.byte(APPLIED);
    out.len(from);
    out.number(number);
}

impl Shard {
    /// Records all changes from now on. The log has to begin with [`Shard::save`], and to go on with what
    /// [`Shard::write_log`] gives. `epoch_ms` is when the shard's clock began, in milliseconds since 1970.
    pub fn begin_log(&mut self, epoch_ms: u64, undelivered: &Undelivered) {
        self.log = Some(Box::new(Log {
            epoch: Epoch(epoch_ms),
            records: Writer::default(),
            changed: BTreeSet::new(),
            between: undelivered.of(self.index),
            heard: BTreeSet::new(),
        }));
    }

    /// Gives what has changed to `write` as a chunk of whole records, if anything has. To be called before effects are
    /// carried out and queues are written: nobody may learn of what is not written.
    ///
    /// # Errors
    /// Those of `write`; then the log has to end.
    pub fn write_log<E>(&mut self, write: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.log.is_none() {
            return Ok(());
        }
        self.settle();
        let Some(log) = &mut self.log else { return Ok(()) };
        for slot in std::mem::take(&mut log.changed) {
            if let Some(conn) = self.conns.get(slot as usize) {
                write_alone(&mut log.records, &self.hubs, conn);
            }
        }
        for from in &log.heard {
            let number = log.between.applied.get(from).copied().unwrap_or(0);
            write_applied(&mut log.records, *from, number);
        }
        if log.records.written() == 0 {
            return Ok(());
        }
        write(log.records.as_bytes())?;
        if log.records.written() > CHUNK_BYTES {
            // Such turns are rare.
            log.records = Writer::default();
        } else {
            log.records.clear();
        }
        for from in std::mem::take(&mut log.heard) {
            let number = log.between.applied.get(&from).copied().unwrap_or(0);
            self.directory.confirmed.confirm(self.index, from, number);
        }
        log.between.forget_confirmed(self.index, &self.directory.confirmed);
        Ok(())
    }

    /// Tells other shards that the beginning of the log is written: they need not keep what this one had before.
    pub fn log_is_begun(&self) {
        for (from, number) in self.log.iter().flat_map(|log| &log.between.applied) {
            self.directory.confirmed.confirm(self.index, *from, *number);
        }
    }

    /// Records nothing more.
    pub fn end_log(&mut self) {
        // What is not written stays undone for ever, as far as others are concerned.
        self.log_is_begun();
        self.log = None;
    }

    /// A session begins to be worth keeping.
    pub(crate) fn log_session(&mut self, slot: Slot) {
        let Some(log) = &mut self.log else { return };
        let Some(conn) = self.conns.get(slot as usize).filter(|conn| conn.outlives_socket()) else { return };
        log.changed.remove(&slot);
        Batches::default().write_session(&mut log.records, &self.hubs, conn, log.epoch);
    }

    /// Something about a connection changed that is no message.
    pub(crate) fn changed(&mut self, slot: Slot) {
        if let Some(log) = &mut self.log
            && self.conns.get(slot as usize).is_some_and(Conn::outlives_socket)
        {
            log.changed.insert(slot);
        }
    }

    /// The log, for what happens to a session.
    pub(crate) fn log_of(&mut self, slot: Slot) -> Option<&mut Log> {
        self.log.as_deref_mut().filter(|_| self.conns.get(slot as usize).is_some_and(Conn::outlives_socket))
    }

    /// A message of another shard came; without a number if that one has no log.
    pub(crate) fn forwarded(&mut self, from: usize, number: u64, publish: Arc<Publish>) {
        self.deliver(publish);
        match &mut self.log {
            _ if number == 0 => {}
            Some(log) => log.applied(from, number),
            None => self.directory.confirmed.confirm(self.index, from, number),
        }
    }
}

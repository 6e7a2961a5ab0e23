//! Fan-out: from one message to the queues of its receivers on this shard.
//!
//! Messages that follow each other to the same audience wait in [`Pending`] until something else needs the queues.
//! Then their frames are joined once, and every receiver gets one reference: the walk over the members, the queue
//! entry and the kernel's per-slice cost are paid once per batch instead of once per message.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::conn::{Conn, Slot};
use crate::filter::Candidate;
use crate::limits::{JOINED_BYTES_MAX, JOINED_FRAME_BYTES_MAX};
use crate::publish::{Publish, Variant};
use crate::shard::{Effect, Shard};
use crate::target::Audience;

/// Messages to one audience that are not in the queues yet.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    audience: Option<Audience>,
    publishes: Vec<Arc<Publish>>,
    payload_bytes: usize,
}

impl Shard {
    /// Sends a message to its receivers on all shards of the node.
    pub(crate) fn publish(&mut self, publish: Publish) {
        let publish = Arc::new(publish);
        let shards = self.directory.shards_of(&publish.hub, &publish.target);
        let others = shards.without(self.index);
        if !others.is_empty() {
            self.effects.push(Effect::Forward { shards: others, publish: Arc::clone(&publish) });
        }
        if shards.contains(self.index) {
            self.deliver(publish);
        }
    }

    /// Sends a message to its receivers on this shard.
    pub(crate) fn deliver(&mut self, publish: Arc<Publish>) {
        let bytes = publish.payload.bytes().len();
        let joins = self.pending.publishes.last().is_some_and(|last| last.same_audience(&publish))
            && self.pending.payload_bytes + bytes <= JOINED_BYTES_MAX;
        if !joins {
            self.flush_pending();
            self.pending.audience = self.resolve(&publish.hub, &publish.target);
            if self.pending.audience.is_none() {
                return;
            }
        }
        self.pending.payload_bytes += bytes;
        self.pending.publishes.push(publish);
    }

    /// Whether a connection is to receive a message that still waits.
    pub(crate) fn is_pending_receiver(&self, slot: Slot) -> bool {
        match (&self.pending.audience, self.conns.get(slot as usize)) {
            (Some(audience), Some(conn)) => audience.contains(slot, conn),
            _ => false,
        }
    }

    /// Puts the waiting messages into the queues of their receivers.
    pub(crate) fn flush_pending(&mut self) {
        let Some(audience) = self.pending.audience.take() else { return };
        let mut publishes = std::mem::take(&mut self.pending.publishes);
        self.pending.payload_bytes = 0;
        self.fan_out(&audience, &publishes);
        publishes.clear();
        self.pending.publishes = publishes;
    }

    fn fan_out(&mut self, audience: &Audience, publishes: &[Arc<Publish>]) {
        let Some(first) = publishes.first() else { return };
        let (excluded, filter) = (first.excluded.as_slice(), first.filter.as_deref());
        let mut walk = Walk {
            blocks: [None, None],
            publishes,
            queue_bytes_max: self.limits.queue_bytes_max,
            shard_queue_bytes_max: self.limits.shard_queue_bytes_max,
            queued_bytes: self.queued_bytes,
            slow: Vec::new(),
        };
        let (conns, dirty, scratch) = (&mut self.conns, &mut self.dirty, &mut self.scratch);
        let hubs = &self.hubs;
        let mut passes = |conn: &Conn| match filter {
            None => true,
            Some(filter) => hubs
                .get(conn.hub)
                .is_some_and(|hub| filter.matches(&Candidate { conn, groups: &hub.groups }, scratch)),
        };
        let give = |slot: Slot| {
            if let Some(conn) = conns.get_mut(slot as usize)
                && !excluded.contains(&conn.id)
                && passes(conn)
            {
                walk.give(slot, conn);
                if !conn.dirty {
                    conn.dirty = true;
                    dirty.push_back(slot);
                }
            }
        };
        audience.for_each(hubs, give);
        self.queued_bytes = walk.queued_bytes;
        for slot in walk.slow {
            self.cut_slow_consumer(slot);
        }
    }
}

/// The state of one walk over the receivers of a batch.
struct Walk<'a> {
    /// The batch as each variant sees it, encoded on first need.
    blocks: [Option<Vec<Bytes>>; 2],
    publishes: &'a [Arc<Publish>],
    queue_bytes_max: usize,
    shard_queue_bytes_max: usize,
    queued_bytes: usize,
    slow: Vec<Slot>,
}

impl Walk<'_> {
    fn give(&mut self, slot: Slot, conn: &mut Conn) {
        let variant = conn.protocol.variant();
        let blocks = self.blocks[variant as usize].get_or_insert_with(|| join(self.publishes, variant));
        // A shard that holds too much lets each connection hold less, so that the slowest go first.
        let limit = if self.queued_bytes > self.shard_queue_bytes_max {
            self.queue_bytes_max / 16
        } else {
            self.queue_bytes_max
        };
        let before = conn.queue.queued_bytes();
        for block in blocks {
            conn.queue.push(block.clone());
        }
        let after = conn.queue.queued_bytes();
        self.queued_bytes += after - before;
        // A queue that was empty may hold any one batch.
        if before > 0 && conn.queue.exceeds(limit) {
            self.slow.push(slot);
        }
    }
}

/// The frames of a batch for one variant: small ones copied together once, large ones as they are.
fn join(publishes: &[Arc<Publish>], variant: Variant) -> Vec<Bytes> {
    if let [only] = publishes {
        return vec![only.frame(variant).clone()];
    }
    let mut blocks = Vec::new();
    let mut joined = BytesMut::new();
    for publish in publishes {
        let frame = publish.frame(variant);
        if frame.len() > JOINED_FRAME_BYTES_MAX {
            if !joined.is_empty() {
                blocks.push(joined.split().freeze());
            }
            blocks.push(frame.clone());
        } else {
            joined.extend_from_slice(frame);
        }
    }
    if !joined.is_empty() {
        blocks.push(joined.freeze());
    }
    blocks
}

//! Fan-out: from one message to the queues of its receivers on this shard.
//!
//! Messages that follow each other to the same audience wait in [`Pending`] until something else needs the queues.
//! Then their frames are joined once, and every receiver gets one reference: the walk over the members, the queue
//! entry and the kernel's per-slice cost are paid once per batch instead of once per message.

use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::client::Format;

use crate::conn::{Conn, Slot};
use crate::filter::Candidate;
use crate::limits::JOINED_BYTES_MAX;
use crate::publish::{Publish, Variant};
use crate::queue::Blocks;
use crate::shard::{Effect, Shard};
use crate::target::Audience;
use crate::trace::Receivers;
use crate::unacked::Batch;

/// Different numbers for one batch that are looked for: a group whose members came at the same time has one, and a search
/// among many would cost more than it gains.
const ALIGNED_MAX: usize = 4;

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
            let number = self.log.as_mut().map_or(0, |log| log.sent(others, &publish));
            self.effects.push(Effect::Forward { shards: others, number, publish: Arc::clone(&publish) });
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
            blocks: [const { None }; Variant::COUNT],
            batch: None,
            aligned: Vec::new(),
            publishes,
            queue_bytes_max: self.limits.queue_bytes_max,
            shard_queue_bytes_max: self.limits.shard_queue_bytes_max,
            queued_bytes: self.queued_bytes,
            recorded: self.log.as_ref().map(|_| Vec::new()),
            traced: self.traces_messages().then(Receivers::default),
            receivers: 0,
            unacked: 0,
            slow: Vec::new(),
            overflowed: Vec::new(),
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
        self.counters.messages_out += walk.receivers * publishes.len() as u64;
        self.unacked += walk.unacked * publishes.len() as u64;
        let Walk { batch, recorded, slow, overflowed, traced, .. } = walk;
        if let (Some(log), Some(batch), Some(receivers)) = (&mut self.log, batch, recorded)
            && !receivers.is_empty()
        {
            log.delivered(&batch, &receivers);
        }
        if let Some(receivers) = traced {
            self.trace_publishes(publishes, &receivers);
        }
        for slot in slow {
            self.cut_slow_consumer(slot);
        }
        for slot in overflowed {
            self.overflowed(slot);
        }
    }
}

/// The state of one walk over the receivers of a batch.
struct Walk<'a> {
    /// The batch as each variant sees it, encoded on first need.
    blocks: [Option<Vec<Bytes>>; Variant::COUNT],
    /// The batch as reliable receivers keep it.
    batch: Option<Batch>,
    /// The batch with the numbers that several reliable receivers have for it: made for the second one.
    aligned: Vec<Aligned>,
    publishes: &'a [Arc<Publish>],
    queue_bytes_max: usize,
    shard_queue_bytes_max: usize,
    queued_bytes: usize,
    /// Sessions that have the batch, if that is recorded.
    recorded: Option<Vec<Slot>>,
    /// Only if somebody looks.
    traced: Option<Receivers>,
    receivers: u64,
    /// Receivers that keep the batch.
    unacked: u64,
    slow: Vec<Slot>,
    overflowed: Vec<Slot>,
}

/// A batch with numbers.
struct Aligned {
    format: Format,
    first: u64,
    blocks: Option<Vec<Bytes>>,
}

impl Walk<'_> {
    fn give(&mut self, slot: Slot, conn: &mut Conn) {
        self.receivers += 1;
        if let Some(receivers) = &mut self.traced {
            receivers.note(slot);
        }
        let before = conn.queue.queued_bytes();
        if conn.protocol.is_reliable() {
            self.give_reliable(slot, conn);
        } else {
            let variant = conn.protocol.variant();
            let blocks = self.blocks[variant as usize].get_or_insert_with(|| join(self.publishes, variant));
            for block in blocks {
                conn.queue.push(block.clone());
            }
        }
        // A shard that holds too much lets each connection hold less, so that the slowest go first.
        let limit = if self.queued_bytes > self.shard_queue_bytes_max {
            self.queue_bytes_max / 16
        } else {
            self.queue_bytes_max
        };
        let after = conn.queue.queued_bytes();
        self.queued_bytes += after - before;
        // A queue that was empty may hold any one batch.
        if before > 0 && conn.queue.exceeds(limit) {
            self.slow.push(slot);
        }
    }

    fn give_reliable(&mut self, slot: Slot, conn: &mut Conn) {
        let Some(format) = conn.protocol.format() else { return };
        let Some(reliable) = conn.extra.as_mut().and_then(|extra| extra.reliable.as_mut()) else { return };
        let batch = self.batch.get_or_insert_with(|| self.publishes.into());
        let numbered = reliable.unacked.push(Arc::clone(batch));
        self.unacked += 1;
        if let Some(recorded) = &mut self.recorded
            && conn.announced
        {
            recorded.push(slot);
        }
        if reliable.is_full() {
            self.overflowed.push(slot);
        }
        if !reliable.has_socket() {
            return;
        }
        let first = numbered.first;
        let same = |aligned: &&mut Aligned| aligned.format == format && aligned.first == first;
        match self.aligned.iter_mut().find(same) {
            Some(aligned) => {
                let blocks = aligned.blocks.get_or_insert_with(|| number(self.publishes, first, format));
                for block in blocks {
                    conn.queue.push(block.clone());
                }
            }
            None => {
                if self.aligned.len() < ALIGNED_MAX {
                    self.aligned.push(Aligned { format, first, blocks: None });
                }
                conn.queue.push_batch(numbered, 0, format);
            }
        }
    }
}

/// The frames of a batch with numbers from `first` on: small ones copied together, large ones as they are.
fn number(publishes: &[Arc<Publish>], first: u64, format: Format) -> Vec<Bytes> {
    let mut blocks = Blocks::default();
    for (number, publish) in (first..).zip(publishes) {
        blocks.numbered(publish.shared(format), number);
    }
    blocks.finish()
}

/// The frames of a batch for one variant: small ones copied together once, large ones as they are.
fn join(publishes: &[Arc<Publish>], variant: Variant) -> Vec<Bytes> {
    if let [only] = publishes {
        return vec![only.frame(variant).clone()];
    }
    let mut blocks = Blocks::default();
    for publish in publishes {
        blocks.frames(publish.frame(variant));
    }
    blocks.finish()
}

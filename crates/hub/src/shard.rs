//! One shard: the connections of one thread, their indices, and everything that changes them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::id::ConnId;
use hublet_wire::odata::Scratch;
use slab::Slab;

use crate::Millis;
use crate::conn::{Conn, Membership, Phase, Slot};
use crate::counters::{CloseCategory, Counters, Ending};
use crate::directory::{Directory, ShardSet, Topic};
use crate::event::{ClientEvent, EventKind};
use crate::fanout::Pending;
use crate::index::{GroupKey, Hubs};
use crate::limits::{CLOSE_TIMEOUT_MS, Limits};
use crate::members::{Member, position};
use crate::publish::Publish;
use crate::queue::OutQueue;
use crate::saved::Log;
use crate::trace::{Fact, Trace, TraceLevel};
use crate::upstream::HubPolicies;

/// How connections end (client-protocols.md §9.3).
const CONNECTION_ENDED: Ending<'_> = Ending::new(CloseCategory::Normal, "The connection ended.");
const QUEUE_FULL: Ending<'_> = Ending::new(CloseCategory::SlowClient, "The outbound message queue is full.");

/// What a shard asks its driver to do.
#[derive(Debug)]
pub enum Effect {
    /// Hand a message to other shards of the node.
    Forward {
        /// The shards that have receivers, without this one.
        shards: ShardSet,
        /// Its number among those of this shard, for [`crate::Command::Forwarded`]; 0 when there is no log.
        number: u64,
        /// The message.
        publish: Arc<Publish>,
    },
    /// Take an event to the application; the answer to a user event comes back as [`crate::Command::Verdict`].
    Event(Box<ClientEvent>),
    /// Nobody needs the answer to a user event any more.
    CancelEvent {
        /// The client that sent it.
        conn: ConnId,
        /// The event's number.
        event: u64,
        /// It was an invocation; else, what the client sent after it is no longer wanted either.
        invoked: bool,
    },
    /// A reliable connection lost its socket and stays: drop the socket alone.
    DropSocket(Slot),
    /// Something happened that somebody looks for, see [`Shard::set_trace_level`].
    Trace(Box<Trace>),
    /// Read on from a connection that was [`Shard::is_paused`].
    Resume(Slot),
    /// The connection is gone from the hub: drop its socket.
    Drop(Slot),
}

/// What the driver does with a socket whose queue was written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFlush {
    /// Nothing; the connection goes on.
    Keep,
    /// Close the writing side and throw away what still arrives.
    ShutdownWrite,
    /// Drop the socket and tell [`Shard::disconnected`].
    Drop,
}

/// The connections of one thread. All methods are synchronous and take the time as an argument.
#[derive(Debug)]
pub struct Shard {
    pub(crate) index: usize,
    pub(crate) node: u16,
    pub(crate) limits: Limits,
    pub(crate) directory: Arc<Directory>,
    pub(crate) conns: Slab<Conn>,
    pub(crate) hubs: Hubs,
    pub(crate) pending: Pending,
    pub(crate) effects: Vec<Effect>,
    pub(crate) dirty: VecDeque<Slot>,
    /// Connections whose close handshake must end by the given time, in that order.
    pub(crate) closing: VecDeque<(Millis, ConnId)>,
    /// Reliable connections without a socket, and when they end, in about that order.
    pub(crate) waiting: VecDeque<(Millis, ConnId)>,
    pub(crate) queued_bytes: usize,
    /// Connections that publish streams.
    pub(crate) streaming: BTreeSet<Slot>,
    /// Connections whose streams made progress in this turn.
    pub(crate) stream_acks: Vec<Slot>,
    /// A planned stop has begun: reliable connections wait for the next process.
    pub(crate) stopping: bool,
    /// All connections in slots below are at rest, since the stop began.
    pub(crate) at_rest_below: usize,
    /// When this turn began.
    pub(crate) now: Millis,
    /// Milliseconds since 1970 at time 0.
    pub(crate) epoch_ms: u64,
    pub(crate) policies: Arc<HubPolicies>,
    /// Name of the events of simple clients.
    pub(crate) message_event: Arc<str>,
    pub(crate) counters: Counters,
    /// Messages that reliable clients have not acknowledged.
    pub(crate) unacked: u64,
    pub(crate) ticks: u64,
    /// What is still to be written, if changes are recorded.
    pub(crate) log: Option<Box<Log>>,
    /// What is told as [`Effect::Trace`].
    pub(crate) trace_level: TraceLevel,
    /// Room for the texts that filters make, kept from one to the next.
    pub(crate) scratch: Scratch,
}

impl Shard {
    /// An empty shard, `index` of the node's directory.
    pub fn new(index: usize, node: u16, limits: Limits, directory: Arc<Directory>) -> Self {
        Self {
            index,
            node,
            limits,
            directory,
            conns: Slab::new(),
            hubs: Hubs::default(),
            pending: Pending::default(),
            effects: Vec::new(),
            dirty: VecDeque::new(),
            closing: VecDeque::new(),
            waiting: VecDeque::new(),
            queued_bytes: 0,
            streaming: BTreeSet::new(),
            stream_acks: Vec::new(),
            stopping: false,
            at_rest_below: 0,
            now: 0,
            epoch_ms: 0,
            policies: Arc::default(),
            message_event: Arc::from("message"),
            counters: Counters::default(),
            unacked: 0,
            ticks: 0,
            log: None,
            trace_level: TraceLevel::Nothing,
            scratch: Scratch::default(),
        }
    }

    /// Its number on the node.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Tells what the clock on the wall showed at time 0, in milliseconds since 1970.
    pub fn set_epoch(&mut self, epoch_ms: u64) {
        self.epoch_ms = epoch_ms;
    }

    /// A turn of the driver begins. What has no time as an argument takes this one.
    pub fn begin_turn(&mut self, now: Millis) {
        self.now = now;
    }

    /// Connections on this shard, those that are closing included.
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// Whether this very connection, and not a later one in its slot, is still here; reserved and closing ones are.
    pub fn has(&self, id: ConnId) -> bool {
        self.conns.get(id.slot as usize).is_some_and(|conn| conn.id == id)
    }

    /// The socket is gone, or the driver drops it after [`AfterFlush::Drop`]. A reliable connection stays for a while.
    pub fn disconnected(&mut self, slot: Slot) {
        if self.lose_socket(slot, CONNECTION_ENDED.category) {
            return;
        }
        if let Some(conn) = self.conns.get(slot as usize)
            && conn.phase == Phase::Open
            && let Some(turn) = conn.turn()
        {
            self.effects.push(Effect::CancelEvent { conn: conn.id, event: turn.event(), invoked: false });
        }
        self.remove(slot, CONNECTION_ENDED);
    }

    /// Makes all queued deliveries visible in the queues. The driver calls it before it writes.
    pub fn settle(&mut self) {
        self.acknowledge_streams();
        self.flush_pending();
    }

    /// Whether messages of a connection are still to be decoded; those of a paused one later.
    pub fn is_readable(&self, slot: Slot) -> bool {
        let phase = self.conns.get(slot as usize).map(|conn| conn.phase);
        matches!(phase, Some(Phase::Open | Phase::AwaitingClose)) && !self.is_leaving(slot)
    }

    /// Makes the driver look at a connection's queue once more, because its socket may take more now.
    pub fn mark_dirty(&mut self, slot: Slot) {
        if let Some(conn) = self.conns.get_mut(slot as usize)
            && !conn.dirty
        {
            conn.dirty = true;
            self.dirty.push_back(slot);
        }
    }

    /// Takes the next connection that has something to write.
    pub fn next_dirty(&mut self) -> Option<Slot> {
        loop {
            let slot = self.dirty.pop_front()?;
            if let Some(conn) = self.conns.get_mut(slot as usize)
                && conn.dirty
            {
                conn.dirty = false;
                return Some(slot);
            }
        }
    }

    /// The outgoing queue of a connection.
    pub fn queue(&self, slot: Slot) -> Option<&OutQueue> {
        self.conns.get(slot as usize).map(|conn| &conn.queue)
    }

    /// Tells that `written` bytes of the queue went to the socket.
    pub fn wrote(&mut self, slot: Slot, written: usize) {
        if let Some(conn) = self.conns.get_mut(slot as usize) {
            let before = conn.queue.queued_bytes();
            conn.queue.advance(written);
            self.counters.bytes_out += written as u64;
            self.queued_bytes -= before - conn.queue.queued_bytes();
        }
    }

    /// What to do with a connection whose queue is empty now.
    pub fn flushed(&self, slot: Slot) -> AfterFlush {
        match self.conns.get(slot as usize).map(|conn| conn.phase) {
            Some(Phase::Open) if self.is_leaving(slot) => AfterFlush::Drop,
            Some(Phase::Reserved | Phase::Open | Phase::AwaitingClose) => AfterFlush::Keep,
            Some(Phase::Discarding) => AfterFlush::ShutdownWrite,
            Some(Phase::Closed) | None => AfterFlush::Drop,
        }
    }

    /// Takes the effects since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Puts a frame into a connection's own queue, after everything published before.
    pub(crate) fn enqueue(&mut self, slot: Slot, frame: Bytes) {
        if self.is_pending_receiver(slot) {
            self.flush_pending();
        }
        let Some(conn) = self.conns.get_mut(slot as usize).filter(|conn| conn.has_socket()) else { return };
        let before = conn.queue.queued_bytes();
        conn.queue.push(frame);
        self.queued_bytes += conn.queue.queued_bytes() - before;
        let full = conn.queue.exceeds(self.limits.queue_bytes_max);
        self.mark_dirty(slot);
        if full {
            self.cut_slow_consumer(slot);
        }
    }

    /// Ends a connection that does not read: its queue is full, so no close frame could reach it. A reliable client gets a
    /// new try with a new socket.
    pub(crate) fn cut_slow_consumer(&mut self, slot: Slot) {
        self.counters.slow_consumers += 1;
        if !self.lose_socket(slot, QUEUE_FULL.category) {
            self.remove(slot, QUEUE_FULL);
        }
    }

    /// Adds a connection to a group; `false` when it is in too many already.
    pub(crate) fn join(&mut self, slot: Slot, group: &Arc<str>) -> bool {
        self.settle();
        let Some(conn) = self.conns.get(slot as usize) else { return true };
        let Some(hub) = self.hubs.get(conn.hub) else { return true };
        let known = hub.groups.key(group);
        if known.is_some_and(|key| conn.is_member(key)) {
            return true;
        }
        if conn.groups.len() >= self.limits.groups_per_connection_max {
            return false;
        }
        self.add_to_group(slot, group);
        self.trace(TraceLevel::Messages, slot, || Fact::Joined(Arc::clone(group)));
        self.tell_presence(slot, group, EventKind::GroupJoined);
        true
    }

    /// Adds a connection to a group that it is not in.
    pub(crate) fn add_to_group(&mut self, slot: Slot, group: &Arc<str>) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let Some(hub) = self.hubs.get_mut(conn.hub) else { return };
        let (key, first) = hub.groups.key_or_insert(group);
        if let Some(members) = hub.groups.get_mut(key) {
            let position = members.push(Member { slot, back: position(conn.groups.len()) });
            conn.groups.push(Membership { group: key, position });
        }
        if first && let Some(hub_name) = self.hubs.name(conn.hub) {
            self.directory.enter_group(hub_name, group, self.index);
        }
        self.changed(slot);
    }

    /// Whether a connection may be in all these groups, too.
    pub(crate) fn has_room(&self, slot: Slot, groups: &[Arc<str>]) -> bool {
        let max = self.limits.groups_per_connection_max;
        let Some(conn) = self.conns.get(slot as usize) else { return true };
        if conn.groups.len() + groups.len() <= max {
            return true;
        }
        let Some(hub) = self.hubs.get(conn.hub) else { return true };
        let is_new = |group: &str| !hub.groups.key(group).is_some_and(|key| conn.is_member(key));
        let new: BTreeSet<&str> = groups.iter().map(|group| &**group).filter(|group| is_new(group)).collect();
        conn.groups.len() + new.len() <= max
    }

    /// Removes a connection from a group it may or may not be in. Its state there goes in both cases: one may be set without
    /// being a member.
    pub(crate) fn leave(&mut self, slot: Slot, group: &str) {
        self.drop_state(slot, group);
        self.settle();
        let Some(conn) = self.conns.get(slot as usize) else { return };
        let Some(key) = self.hubs.get(conn.hub).and_then(|hub| hub.groups.key(group)) else { return };
        if let Some(at) = conn.groups.iter().position(|membership| membership.group == key) {
            self.leave_at(slot, at);
        }
    }

    /// Ends the membership at index `at` of the connection's list.
    fn leave_at(&mut self, slot: Slot, at: usize) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let hub_key = conn.hub;
        let Membership { group, position: at_group } = conn.groups.swap_remove(at);
        let moved_membership = conn.groups.get(at).copied();
        conn.groups.shrink_to_fit();
        let Some(hub) = self.hubs.get_mut(hub_key) else { return };
        if let Some(moved) = moved_membership
            && let Some(members) = hub.groups.get_mut(moved.group)
        {
            members.set_back(moved.position, position(at));
        }
        let Some(members) = hub.groups.get_mut(group) else { return };
        let moved_member = members.remove(at_group);
        let emptied = members.is_empty();
        let name = hub.groups.name(group).cloned();
        if let Some(Member { slot, back }) = moved_member
            && let Some(conn) = self.conns.get_mut(slot as usize)
            && let Some(membership) = conn.groups.get_mut(back as usize)
        {
            membership.position = at_group;
        }
        if emptied {
            self.drop_group(hub_key, group);
        }
        self.changed(slot);
        if let Some(name) = name {
            self.drop_state(slot, &name);
            self.trace(TraceLevel::Messages, slot, || Fact::Left(Arc::clone(&name)));
            self.tell_presence(slot, &name, EventKind::GroupLeft);
        }
    }

    fn drop_group(&mut self, hub_key: u32, group: GroupKey) {
        let name = self.hubs.get_mut(hub_key).and_then(|hub| hub.groups.remove(group));
        if let (Some(hub_name), Some(name)) = (self.hubs.name(hub_key), name) {
            self.directory.leave(hub_name, Topic::Group(&name), self.index);
        }
    }

    /// Removes a connection from all groups it is in.
    pub(crate) fn leave_all(&mut self, slot: Slot) {
        self.settle();
        while let Some(last) = self.conns.get(slot as usize).and_then(|conn| conn.groups.len().checked_sub(1))
        {
            self.leave_at(slot, last);
        }
        self.clear_states(slot);
    }

    /// Takes a connection out of every index, so that it receives and counts no more; its slot and queue stay. The
    /// application is told why.
    fn detach(&mut self, slot: Slot, ending: Ending<'_>) {
        self.counters.closed.count(ending.category);
        self.cancel_invocations(slot);
        // First its subscriptions: of what it leaves now it is told no more.
        self.drop_states(slot);
        self.leave_all(slot);
        self.cancel_streams(slot);
        self.trace_end(slot, ending.told);
        self.tell_disconnected(slot, ending.told);
        if let Some(log) = self.log_of(slot) {
            log.ended(slot);
        }
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let (hub_key, user) = (conn.hub, conn.user.take());
        let (at_all, at_user, protocol) = (conn.position_all, conn.position_user, conn.protocol.index());
        let (Some(hub_name), Some(_)) = (self.hubs.name(hub_key).cloned(), self.hubs.get(hub_key)) else {
            return;
        };
        let Some(hub) = self.hubs.get_mut(hub_key) else { return };
        hub.by_protocol[protocol] -= 1;
        if let Some(moved) = hub.all.remove(at_all)
            && let Some(conn) = self.conns.get_mut(moved.slot as usize)
        {
            conn.position_all = at_all;
        }
        if let Some(user) = user
            && let Some(members) = hub.users.get_mut(&user)
        {
            if let Some(moved) = members.remove(at_user)
                && let Some(conn) = self.conns.get_mut(moved.slot as usize)
            {
                conn.position_user = at_user;
            }
            if members.is_empty() {
                hub.users.remove(&user);
                self.directory.leave(&hub_name, Topic::User(&user), self.index);
            }
        }
        if hub.all.is_empty() {
            self.hubs.remove(hub_key);
            self.directory.leave(&hub_name, Topic::Hub, self.index);
        }
    }

    /// Forgets a connection and asks the driver to drop its socket. The application is told why if it does not
    /// know already that the client is gone.
    pub(crate) fn remove(&mut self, slot: Slot, ending: Ending<'_>) {
        if self.is_open(slot) {
            self.detach(slot, ending);
        }
        if let Some(conn) = self.conns.try_remove(slot as usize) {
            self.queued_bytes -= conn.queue.queued_bytes();
            self.unacked -= conn.reliable().map_or(0, |reliable| reliable.unacked.len());
            self.effects.push(Effect::Drop(slot));
        }
    }

    pub(crate) fn is_open(&self, slot: Slot) -> bool {
        self.conns.get(slot as usize).is_some_and(|conn| conn.phase == Phase::Open)
    }

    /// Marks a connection as closing: out of all indices, and gone for good after the close time-out.
    pub(crate) fn begin_closing(&mut self, slot: Slot, phase: Phase, ending: Ending<'_>, now: Millis) {
        self.detach(slot, ending);
        self.end_turn(slot);
        if let Some(conn) = self.conns.get_mut(slot as usize) {
            conn.phase = phase;
            self.closing.push_back((now + CLOSE_TIMEOUT_MS, conn.id));
        }
    }
}

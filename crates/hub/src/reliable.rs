//! Connections that survive their socket (client-protocols.md §5).

use std::sync::Arc;

use hublet_wire::client::Subprotocol;
use hublet_wire::id::ConnId;
use hublet_wire::ws::{self, CloseCode};

use crate::Millis;
use crate::close::SERVICE_RELOADING;
use crate::conn::{Conn, Phase, Slot};
use crate::counters::{CloseCategory, Ending};
use crate::limits::{CLOSE_TIMEOUT_MS, UNACKED_BYTES_MAX, UNACKED_MESSAGES_MAX};
use crate::publish::Publish;
use crate::shard::{Effect, Shard};
use crate::trace::{Fact, TraceLevel};
use crate::unacked::{Batch, Numbered, Unacked};

/// Why a connection ended that the application is told (client-protocols.md §9.3).
pub(crate) const RECOVERY_TIMED_OUT: &str = "The connection recovery timeout expired.";
const BUFFER_FULL: Ending<'_> =
    Ending::new(CloseCategory::SlowClient, "The reliable message buffer is full.");

/// What a reliable connection has beyond others.
#[derive(Debug, Default)]
pub(crate) struct Reliable {
    pub(crate) unacked: Unacked,
    socket: Socket,
    /// A client that knows the token is being let in; the last one who asked.
    resuming: Option<Attempt>,
    /// How many asked so far.
    attempts: u32,
}

/// One attempt of a client to come back. A later one of the same client counts instead: who tries again does so because
/// nothing came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt(u32);

/// Why a client that was about to come back is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotResumed {
    /// Its connection has ended: it has to be told, or it tries again and again (client-protocols.md §5.4).
    Ended,
    /// The connection goes on without this attempt: the client tried again, or is to come back to the next process.
    GoesOn,
}

/// Where the socket of a reliable connection is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Socket {
    /// There, or about to be.
    #[default]
    Attached,
    /// There, until the answer to the client's close frame is written.
    Leaving,
    /// There, until the client answers the close frame of a planned stop.
    Dismissed,
    /// Gone for this reason; the connection ends at this time.
    Gone { ends: Millis, why: CloseCategory },
}

impl Reliable {
    pub(crate) fn has_socket(&self) -> bool {
        self.socket == Socket::Attached
    }

    /// Whether it waits for its client to come back.
    pub(crate) fn is_detached(&self) -> bool {
        matches!(self.socket, Socket::Gone { .. })
    }

    /// Whether its client was told to come back to the next process.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.socket == Socket::Dismissed
    }

    /// Whether there is more than may wait for a client.
    pub(crate) fn is_full(&self) -> bool {
        self.unacked.len() > UNACKED_MESSAGES_MAX || self.unacked.bytes() > UNACKED_BYTES_MAX
    }
}

impl Shard {
    /// The client has everything up to this number.
    pub(crate) fn acknowledged_up_to(&mut self, slot: Slot, sequence_id: u64) {
        self.settle();
        let conn = self.conns.get_mut(slot as usize);
        if let Some(reliable) = conn.and_then(Conn::reliable_mut) {
            let before = reliable.unacked.len();
            reliable.unacked.acknowledge(sequence_id);
            self.unacked -= before - reliable.unacked.len();
            if let Some(log) = self.log_of(slot) {
                log.acknowledged(slot, sequence_id);
            }
        }
    }

    /// Gives a reliable connection a message of its own, in order with everything else.
    pub(crate) fn deliver_to(&mut self, slot: Slot, message: Publish) {
        self.settle();
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let Some(format) = conn.protocol.format() else { return };
        let Some(reliable) = conn.reliable_mut() else { return };
        let batch: Batch = [Arc::new(message)].into();
        let numbered = reliable.unacked.push(Arc::clone(&batch));
        self.unacked += 1;
        self.counters.messages_out += 1;
        let (full, attached) = (reliable.is_full(), reliable.has_socket());
        if attached {
            let before = conn.queue.queued_bytes();
            conn.queue.push_batch(numbered, 0, format);
            self.queued_bytes += conn.queue.queued_bytes() - before;
            self.mark_dirty(slot);
        }
        if let Some(log) = self.log_of(slot) {
            log.delivered(&batch, &[slot]);
        }
        if full {
            self.overflowed(slot);
        }
    }

    /// More waits for a client than may: without what has expired it may fit, else the connection is lost for good
    /// (client-protocols.md §5.3, §9.4).
    pub(crate) fn overflowed(&mut self, slot: Slot) {
        if self.drop_expired(slot) {
            return;
        }
        if self.conns.get(slot as usize).is_some_and(Conn::has_socket) {
            self.counters.slow_consumers += 1;
            self.close_with(slot, CloseCode::POLICY_VIOLATION, BUFFER_FULL, true, self.now);
        } else {
            self.remove(slot, BUFFER_FULL);
        }
    }

    /// Drops the messages of a client that have expired: their numbers are left out, which clients allow for
    /// (client-protocols.md §9.4). Whether what is left may wait.
    fn drop_expired(&mut self, slot: Slot) -> bool {
        let now = self.now;
        let conn = self.conns.get_mut(slot as usize);
        let Some(reliable) = conn.and_then(Conn::reliable_mut) else { return false };
        let before = reliable.unacked.len();
        reliable.unacked.drop_expired(now);
        self.unacked -= before - reliable.unacked.len();
        let fits = !reliable.is_full();
        if let Some(log) = self.log_of(slot).filter(|_| fits) {
            log.expired(slot, now);
        }
        fits
    }

    /// Whether losing the socket leaves the connection for a client that comes back; then it is told so. If it does not
    /// come, that is why the connection ended.
    pub(crate) fn lose_socket(&mut self, slot: Slot, why: CloseCategory) -> bool {
        let ends = self.now + self.limits.retention_ms;
        let Some(conn) = self.conns.get_mut(slot as usize) else { return false };
        if conn.phase != Phase::Open || !conn.announced {
            return false;
        }
        let id = conn.id;
        let Some(reliable) = conn.reliable_mut() else { return false };
        reliable.socket = Socket::Gone { ends, why };
        self.queued_bytes -= conn.queue.queued_bytes();
        conn.queue.clear();
        self.waiting.push_back((ends, id));
        self.cancel_invocations(slot);
        self.trace(TraceLevel::Lifecycle, slot, || Fact::Detached);
        self.effects.push(Effect::DropSocket(slot));
        true
    }

    /// The client of a reliable connection closed it in a way that lets it come back (client-protocols.md §5.7): once the
    /// answer is written, the socket is gone. False for all others.
    pub(crate) fn let_go(&mut self, slot: Slot) -> bool {
        let conn = self.conns.get_mut(slot as usize).filter(|conn| conn.phase == Phase::Open);
        let Some(reliable) = conn.and_then(Conn::reliable_mut) else { return false };
        reliable.socket = Socket::Leaving;
        true
    }

    pub(crate) fn is_leaving(&self, slot: Slot) -> bool {
        let conn = self.conns.get(slot as usize).filter(|conn| conn.phase == Phase::Open);
        conn.and_then(Conn::reliable).is_some_and(|reliable| reliable.socket == Socket::Leaving)
    }

    /// Tells the client of a reliable connection that the service stops, and keeps the connection for the next process.
    /// False for all others, and for those whose clients have not come to be connected.
    pub(crate) fn dismiss(&mut self, slot: Slot, now: Millis) -> bool {
        let conn = self.conns.get(slot as usize).filter(|conn| conn.announced);
        let Some((conn, reliable)) = conn.and_then(|conn| Some((conn, conn.reliable()?))) else {
            return false;
        };
        if !reliable.has_socket() {
            return true;
        }
        let id = conn.id;
        self.cancel_invocations(slot);
        self.control(slot, |format| format.disconnected_frame(SERVICE_RELOADING));
        self.enqueue(slot, ws::encode_close(CloseCode::SERVICE_RESTART, SERVICE_RELOADING));
        // The socket may have been too slow for it.
        let conn = self.conns.get_mut(slot as usize).filter(|conn| conn.has_socket());
        if let Some(reliable) = conn.and_then(Conn::reliable_mut) {
            reliable.socket = Socket::Dismissed;
            self.closing.push_back((now + CLOSE_TIMEOUT_MS, id));
        }
        true
    }

    /// Whether nothing more can happen to the connections that are left by a planned stop: they are without sockets, and
    /// no event handler owes an answer.
    pub fn is_at_rest(&mut self) -> bool {
        let is_at_rest = |conn: &Conn| {
            let is_gone = |reliable: &Reliable| matches!(reliable.socket, Socket::Gone { .. });
            conn.phase == Phase::Open && conn.reliable().is_some_and(is_gone) && conn.turn().is_none()
        };
        // A connection at rest stays so, since no client comes back to a service that stops.
        while self.stopping && self.at_rest_below < self.conns.capacity() {
            if self.conns.get(self.at_rest_below).is_some_and(|conn| !is_at_rest(conn)) {
                return false;
            }
            self.at_rest_below += 1;
        }
        self.stopping
    }

    /// Begins to let a client back in; `None` when there is no such connection, it is not reliable, or the service stops. Ends with
    /// [`Shard::resumed`] or [`Shard::not_resumed`]. An attempt that is still under way is given up.
    pub fn resume(&mut self, id: ConnId, hub: &str) -> Option<(Subprotocol, Attempt)> {
        if self.stopping {
            return None;
        }
        let hub_key = self.hubs.key(hub)?;
        let slot = self.slot_of(hub_key, &id)?;
        let conn = self.conns.get_mut(slot as usize)?;
        let subprotocol = conn.protocol.pubsub()?;
        let reliable = conn.reliable_mut()?;
        reliable.attempts = reliable.attempts.wrapping_add(1);
        let attempt = Attempt(reliable.attempts);
        reliable.resuming = Some(attempt);
        Some((subprotocol, attempt))
    }

    /// The client that was to be let in did not come.
    pub fn not_resumed(&mut self, id: ConnId, attempt: Attempt) {
        let conn = self.conns.get_mut(id.slot as usize).filter(|conn| conn.id == id);
        let reliable = conn.and_then(Conn::reliable_mut);
        if let Some(reliable) = reliable.filter(|reliable| reliable.resuming == Some(attempt)) {
            reliable.resuming = None;
            if let Socket::Gone { ends, .. } = reliable.socket {
                // Its time may have come meanwhile.
                self.waiting.push_back((ends, id));
            }
        }
    }

    /// The client is back, on a new socket; the old one, if there is one, is dropped by the caller. It is told that it is
    /// connected, gets everything that it has not acknowledged, and then goes on (client-protocols.md §5.4, decision D8).
    ///
    /// # Errors
    /// The connection ended meanwhile, the client tried again, or the service stops.
    pub fn resumed(&mut self, id: ConnId, attempt: Attempt, token: &str) -> Result<(), NotResumed> {
        if self.stopping {
            self.not_resumed(id, attempt);
            return Err(NotResumed::GoesOn);
        }
        let now = self.now;
        self.settle();
        let slot = id.slot;
        let is_it = |conn: &&mut Conn| conn.id == id && conn.phase == Phase::Open;
        let conn = self.conns.get_mut(slot as usize).filter(is_it).ok_or(NotResumed::Ended)?;
        let format = conn.protocol.format().ok_or(NotResumed::Ended)?;
        if conn.reliable().is_none_or(|reliable| reliable.resuming != Some(attempt)) {
            return Err(NotResumed::GoesOn);
        }
        let connected = format.connected_frame(conn.user.as_deref(), &conn.id, Some(token));
        conn.last_received = now;
        self.queued_bytes -= conn.queue.queued_bytes();
        conn.queue.clear();
        conn.queue.push(connected);
        let reliable = conn.extra.as_mut().and_then(|extra| extra.reliable.as_mut());
        let reliable = reliable.ok_or(NotResumed::Ended)?;
        reliable.socket = Socket::Attached;
        reliable.resuming = None;
        let acknowledged = reliable.unacked.acknowledged();
        for numbered in reliable.unacked.batches() {
            if numbered.batch.iter().all(|message| message.is_due(now)) {
                conn.queue.push_batch(numbered.clone(), acknowledged, format);
                continue;
            }
            for (number, message) in numbered.after(acknowledged).filter(|(_, message)| message.is_due(now)) {
                let alone = Numbered { first: number, batch: [Arc::clone(message)].into() };
                conn.queue.push_batch(alone, 0, format);
            }
        }
        self.queued_bytes += conn.queue.queued_bytes();
        self.counters.recovered += 1;
        self.mark_dirty(slot);
        self.trace(TraceLevel::Lifecycle, slot, || Fact::Resumed);
        Ok(())
    }

    /// Ends the connections whose clients did not come back in time.
    pub(crate) fn end_abandoned(&mut self, now: Millis) {
        if self.stopping {
            // The next process waits for them once more.
            return;
        }
        while let Some((ends, id)) = self.waiting.pop_front_if(|(ends, _)| *ends <= now) {
            let conn = self.conns.get(id.slot as usize).filter(|conn| conn.id == id);
            let reliable = conn.and_then(Conn::reliable).filter(|reliable| reliable.resuming.is_none());
            if let Some(Socket::Gone { ends: really, why }) = reliable.map(|reliable| reliable.socket)
                && really == ends
            {
                self.counters.expired += 1;
                self.remove(id.slot, Ending::new(why, RECOVERY_TIMED_OUT));
            }
        }
    }
}

#[cfg(test)]
mod tests;

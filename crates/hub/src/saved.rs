//! Sessions that outlive the process: a shard's reliable connections as bytes, and back.
//!
//! A record is a byte for its kind and what belongs to it. Messages come before the first session that has them, once
//! however many have them. Chunks are whole records. What happens later may follow: see `log.rs`.

mod between;
mod bytes;
mod log;
mod message;
mod replay;
mod session;
mod states;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hublet_wire::client::Subprotocol;
use hublet_wire::id::ConnId;

use self::between::Between;
pub(crate) use self::between::Confirmed;
pub use self::between::Undelivered;
pub(crate) use self::bytes::{Reader, Writer};
pub(crate) use self::log::Log;
use self::message::{Epoch, write_message};
pub(crate) use self::message::{read_id, write_id};
use self::session::{Session, read_session, write_session};
pub use self::states::SavedStates;
use crate::conn::{Accept, Conn, Phase, Protocol, Slot};
use crate::counters::{CloseCategory, Ending};
use crate::index::Hubs;
use crate::limits::SLOTS_MAX;
use crate::publish::Publish;
use crate::reliable::RECOVERY_TIMED_OUT;
use crate::shard::Shard;
use crate::unacked::Batch;

/// A batch of messages that sessions refer to.
const BATCH: u8 = 1;
/// A session with its messages.
const SESSION: u8 = 2;
/// A session without its messages: it has those that it had.
const CHANGED: u8 = 3;
/// A batch of messages, and the sessions that have it.
const DELIVERED: u8 = 4;
/// A session's messages up to a number are acknowledged.
const ACKNOWLEDGED: u8 = 5;
/// A request of a session succeeded.
const SUCCEEDED: u8 = 6;
/// A session is over.
const ENDED: u8 = 7;
/// A message to other shards.
const SENT: u8 = 8;
/// The number of the last message to other shards.
const LAST_SENT: u8 = 9;
/// The number of the last message of another shard that came.
const APPLIED: u8 = 10;
/// A connection's state in a group changed.
const STATE: u8 = 11;
/// A connection's subscription to the states of a group began or ended.
const SUBSCRIPTION: u8 = 12;
/// A session's messages that had expired by some time are dropped.
const EXPIRED: u8 = 13;
/// When a chunk has so many bytes, the next one begins.
const CHUNK_BYTES: usize = 256 << 10;

/// The bytes are no sessions, or those of another version. What was read before stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// Sessions on their way from bytes back to a shard.
#[derive(Debug, Default)]
pub struct Saved {
    epoch: Epoch,
    batches: HashMap<u64, Batch>,
    sessions: BTreeMap<Slot, Session>,
    between: Between,
    states: SavedStates,
}

impl Saved {
    /// No sessions. `epoch_ms` is when the clock of the shard that will have them began, in milliseconds since 1970.
    pub fn new(epoch_ms: u64) -> Self {
        Self { epoch: Epoch(epoch_ms), ..Self::default() }
    }

    /// Takes in a chunk of [`Shard::save`] or [`Shard::write_log`]; chunks come in their order.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(&mut self, chunk: &[u8]) -> Result<(), Unreadable> {
        let mut from = Reader::new(chunk);
        while !from.is_empty() {
            self.read_record(&mut from).ok_or(Unreadable)?;
        }
        Ok(())
    }

    fn read_record(&mut self, from: &mut Reader<'_>) -> Option<()> {
        match from.byte()? {
            BATCH => {
                let number = from.number()?;
                let batch = self.messages(from)?;
                self.batches.insert(number, batch);
            }
            SESSION => {
                let session = read_session(from, |number| self.batches.get(&number).cloned())?;
                self.sessions.insert(session.id.slot, session);
            }
            kind => self.replay(kind, from)?,
        }
        Some(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Takes out the sessions of other shards: with them the bytes are those of another shard, and what they tell of
    /// messages between shards is not of this one either.
    pub fn take_strangers(&mut self, shard: usize) -> Self {
        let is_strange = |_: &Slot, session: &mut Session| usize::from(session.id.shard) != shard;
        let sessions: BTreeMap<_, _> = self.sessions.extract_if(.., is_strange).collect();
        if !sessions.is_empty() {
            self.between = Between::default();
        }
        Self { epoch: self.epoch, sessions, ..Self::default() }
    }

    /// Forgets sessions of these connections.
    pub fn forget(&mut self, ids: &HashSet<ConnId>) {
        self.sessions.retain(|_, session| !ids.contains(&session.id));
    }

    /// Their connections.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> {
        self.sessions.values().map(|session| session.id)
    }
}

impl Shard {
    /// Gives all sessions that can outlive the process to `write`, in chunks of whole records, and returns how many there
    /// are. The shard should have been stopped with them kept. `epoch_ms` is when its clock began, in milliseconds since
    /// 1970.
    ///
    /// # Errors
    /// Those of `write`; nothing is given to it after one.
    pub fn save<E>(
        &mut self,
        epoch_ms: u64,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, E> {
        self.settle();
        let (mut out, mut batches, mut count) = (Writer::default(), Batches::default(), 0);
        for (_, conn) in self.conns.iter().filter(|(_, conn)| conn.outlives_socket()) {
            count += usize::from(batches.write_session(&mut out, &self.hubs, conn, Epoch(epoch_ms)));
            if out.written() >= CHUNK_BYTES {
                write(out.as_bytes())?;
                out.clear();
            }
        }
        for (_, conn) in &self.conns {
            self.write_states(&mut out, conn);
            if out.written() >= CHUNK_BYTES {
                write(out.as_bytes())?;
                out.clear();
            }
        }
        if let Some(log) = &self.log {
            log.write_between(&mut out);
        }
        if out.written() > 0 {
            write(out.as_bytes())?;
        }
        Ok(count)
    }

    /// Takes sessions up that a former process had: each under its id, as if its client had lost its socket just now.
    /// Those that have no place here end at once. To be called before there are clients. Returns how many connections there
    /// are now, those that end included: each is dropped by an effect.
    pub fn restore(&mut self, saved: Saved) -> usize {
        let (own, strangers): (Vec<Session>, Vec<Session>) =
            saved.sessions.into_values().partition(|session| self.has_place(session));
        if !own.is_empty() {
            let pairs = own.iter().map(|session| (session.id.slot as usize, self.placeholder(session.id)));
            self.conns = pairs.collect();
        }
        let count = own.len() + strangers.len();
        for session in own {
            self.take_up(session.id.slot, session);
        }
        strangers.into_iter().for_each(|session| self.end_session(session));
        count
    }

    /// Ends sessions that a former process had on a shard that is no more, or wherever it was. There may be clients.
    pub fn end_sessions(&mut self, saved: Saved) {
        saved.sessions.into_values().for_each(|session| self.end_session(session));
    }

    fn end_session(&mut self, session: Session) {
        let slot = crate::members::position(self.conns.insert(self.placeholder(session.id)));
        self.take_up(slot, session);
        self.remove(slot, Ending::new(CloseCategory::Normal, RECOVERY_TIMED_OUT));
    }

    /// Whether a session was of this shard, and no slot that was never used by so many connections.
    fn has_place(&self, session: &Session) -> bool {
        usize::from(session.id.shard) == self.index && session.id.slot < SLOTS_MAX
    }

    /// Gives a session to the connection in a slot, of which only the id is known.
    fn take_up(&mut self, slot: Slot, session: Session) {
        let now = self.now;
        let accept = Accept {
            hub: session.hub,
            user: session.user,
            permissions: session.permissions,
            groups: session.groups,
            protocol: Protocol::PubSub(Subprotocol { format: session.format, reliable: true }),
            custom_subprotocol: None,
            host: session.host,
            state: session.state,
        };
        let groups = self.enter(slot, accept, now);
        self.counters.restored += 1;
        for group in &groups {
            self.add_to_group(slot, group);
        }
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        conn.announced = true;
        conn.next_event = session.next_event;
        conn.acks = (!session.acks.is_empty()).then(|| Box::new(session.acks));
        if let Some(extra) = conn.extra.as_mut() {
            extra.streams = session.streams.into_iter().collect();
            extra.streams.values_mut().for_each(|stream| stream.touch(now));
            if !extra.streams.is_empty() {
                self.streaming.insert(slot);
            }
            if let Some(reliable) = extra.reliable.as_mut() {
                self.unacked += session.unacked.len();
                reliable.unacked = session.unacked;
            }
        }
        self.lose_socket(slot, CloseCategory::Normal);
    }
}

impl Conn {
    /// Whether its client could come back to it.
    pub(crate) fn outlives_socket(&self) -> bool {
        self.phase == Phase::Open && self.announced && self.reliable().is_some()
    }
}

/// The batches that were written, and their numbers. What it was given has to live as long, so that no two batches have the
/// same address.
#[derive(Debug, Default)]
struct Batches(HashMap<*const Arc<Publish>, u64>);

impl Batches {
    /// Writes a session behind the messages that it has; false when its hub is unknown.
    fn write_session(&mut self, out: &mut Writer, hubs: &Hubs, conn: &Conn, epoch: Epoch) -> bool {
        let Some((hub, groups)) = names(hubs, conn) else { return false };
        let mut session = Writer::default();
        let unacked = conn.reliable().map(|reliable| &reliable.unacked);
        write_session(&mut session, conn, hub, &groups, unacked, |batch| {
            let next = self.0.len() as u64;
            *self.0.entry(batch.as_ptr()).or_insert_with(|| {
                out.byte(BATCH);
                out.number(next);
                write_messages(out, batch, epoch);
                next
            })
        });
        out.byte(SESSION);
        out.fixed(session.as_bytes());
        true
    }
}

/// Writes a session without its messages.
fn write_alone(out: &mut Writer, hubs: &Hubs, conn: &Conn) {
    if let Some((hub, groups)) = names(hubs, conn) {
        out.byte(CHANGED);
        write_session(out, conn, hub, &groups, None, |_| 0);
    }
}

/// The hub and the groups of a connection.
fn names<'a>(hubs: &'a Hubs, conn: &Conn) -> Option<(&'a Arc<str>, Vec<&'a Arc<str>>)> {
    let (hub, name) = (hubs.get(conn.hub)?, hubs.name(conn.hub)?);
    let groups = conn.groups.iter().filter_map(|membership| hub.groups.name(membership.group));
    Some((name, groups.collect()))
}

fn write_messages(out: &mut Writer, batch: &Batch, epoch: Epoch) {
    out.len(batch.len());
    batch.iter().for_each(|message| write_message(out, message, epoch));
}

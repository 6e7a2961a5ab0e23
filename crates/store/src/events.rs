//! Events that must reach the application, and the connections whose end it must be told of.

mod writer;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use redb::{ReadableTable, ReadableTableMetadata as _, TableDefinition, TableError};

use crate::Store;
use crate::error::{Failure, StoreError};

use writer::Usage;

/// Number of an entry, and what it holds. Numbers grow.
const OUTBOX: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("outbox");
/// A connection, and what is needed to tell of its end.
const LIVE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("live");
/// Changes that may wait for the disk.
const QUEUE_CHANGES_MAX: usize = 1 << 18;
/// Connections whose end is written in one transaction, so that its memory has a bound.
const RECOVERED_AT_ONCE: usize = 10_000;

/// How much the log may hold.
#[derive(Debug, Clone, Copy)]
pub struct EventLimits {
    /// Entries.
    pub entries_max: u64,
    /// Their bytes together.
    pub bytes_max: u64,
}

/// A change of the log. All that one change does happens in one transaction. The log does not look into the bytes.
#[derive(Debug)]
pub enum Change {
    /// Adds an entry.
    Append(Vec<u8>),
    /// A connection has come: adds an entry if there is one, and keeps `farewell` for the end of the connection.
    Enter {
        /// The connection.
        conn: Vec<u8>,
        /// The entry.
        entry: Option<Vec<u8>>,
        /// What is needed to tell of its end.
        farewell: Vec<u8>,
    },
    /// A connection has gone: adds an entry if there is one, and forgets its farewell. A connection that is known has
    /// room in a full log, since its end is the more important the longer handlers are away.
    Leave {
        /// The connection.
        conn: Vec<u8>,
        /// The entry.
        entry: Option<Vec<u8>>,
    },
    /// Removes an entry.
    Remove(u64),
    /// Changes nothing: it is done when everything before it is.
    Barrier,
}

/// Told when a change is on the disk, with the number of its entry, or failed. It runs on the writer's thread, in the
/// order of the changes, and must not block.
pub type Done = Box<dyn FnOnce(Result<Option<u64>, StoreError>) + Send>;

/// Entries in order, and connections that have not ended. One thread writes: everything that came while it wrote shares
/// the next transaction. Copies are the same log.
#[derive(Clone)]
pub struct EventLog(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// What callers and the writer share.
struct Shared {
    store: Store,
    limits: EventLimits,
    queue: Mutex<Queue>,
    wake: Condvar,
    /// What the log holds.
    usage: Mutex<Usage>,
}

#[derive(Default)]
struct Queue {
    changes: VecDeque<(Change, Done)>,
    closed: bool,
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog").field("store", &self.0.shared.store).finish_non_exhaustive()
    }
}

impl Store {
    /// The log of events, which this starts a thread for. A store has one log.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn event_log(&self, limits: EventLimits) -> io::Result<EventLog> {
        let shared = Arc::new(Shared {
            store: self.clone(),
            limits,
            queue: Mutex::default(),
            wake: Condvar::new(),
            usage: Mutex::default(),
        });
        let for_writer = Arc::clone(&shared);
        let writer = thread::Builder::new().name("outbox".to_owned()).spawn(move || for_writer.write())?;
        Ok(EventLog(Arc::new(Inner { shared, writer: Some(writer) })))
    }
}

impl EventLog {
    /// Hands a change to the writer and returns at once.
    pub fn submit(&self, change: Change, done: Done) {
        let shared = &self.0.shared;
        let waiting = {
            let mut queue = shared.queue();
            // There are no more removals than entries, and one that is lost brings its event again.
            if queue.changes.len() < QUEUE_CHANGES_MAX
                || matches!(change, Change::Remove(_) | Change::Barrier)
            {
                queue.changes.push_back((change, done));
                drop(queue);
                shared.wake.notify_one();
                return;
            }
            queue.changes.len()
        };
        done(Err(StoreError::Behind(waiting)));
    }

    /// Ends the connections of a process that is no more, but for those that live on: `entry` makes the entry that tells of
    /// an end, from connection and farewell; without one the connection is only forgotten. To be called before any
    /// connection enters: whatever has entered is ended. Returns how many ended.
    ///
    /// Killed on the way, it leaves each connection either ended or to be ended.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn recover(
        &self,
        lives: impl Fn(&[u8]) -> bool,
        mut entry: impl FnMut(&[u8], &[u8]) -> Option<Vec<u8>>,
    ) -> Result<u64, StoreError> {
        let file = &self.0.shared.store.file;
        if file.read(count)?.unwrap_or(0) == 0 {
            return Ok(0);
        }
        // Keeps the writer out, and makes it count again.
        let mut usage = self.0.shared.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.is_counted = false;
        let (mut ended, mut after) = (0, Vec::new());
        loop {
            let (seen, some) = file.write(|transaction| {
                let mut live = transaction.open_table(LIVE)?;
                let mut outbox = transaction.open_table(OUTBOX)?;
                let mut next = usage.next.max(writer::next_entry(&outbox)?);
                let mut found = Vec::new();
                let from = (Bound::Excluded(after.as_slice()), Bound::Unbounded);
                for row in live.range::<&[u8]>(from)?.take(RECOVERED_AT_ONCE) {
                    let (conn, farewell) = row?;
                    found.push((conn.value().to_owned(), farewell.value().to_owned()));
                }
                let mut ended = 0;
                for (conn, farewell) in found.iter().filter(|(conn, _)| !lives(conn)) {
                    live.remove(conn.as_slice())?;
                    if let Some(entry) = entry(conn, farewell) {
                        outbox.insert(next, &*entry)?;
                        next += 1;
                    }
                    ended += 1;
                }
                let seen = found.len();
                after = found.pop().map(|(conn, _)| conn).unwrap_or_default();
                Ok((seen, ended))
            })?;
            ended += some;
            if seen < RECOVERED_AT_ONCE {
                return Ok(ended);
            }
        }
    }

    /// Shows all entries, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entries(&self, mut visit: impl FnMut(u64, &[u8])) -> Result<(), StoreError> {
        let read = self.0.shared.store.file.read(|transaction| {
            let outbox = match transaction.open_table(OUTBOX) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(()),
                outbox => outbox?,
            };
            for row in outbox.iter()? {
                let (id, entry) = row?;
                visit(id.value(), entry.value());
            }
            Ok(())
        });
        read.map(Option::unwrap_or_default)
    }

    /// An entry, if it is there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entry(&self, id: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.0.shared.store.file.read(|transaction| match transaction.open_table(OUTBOX) {
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            outbox => Ok(outbox?.get(id)?.map(|entry| entry.value().to_owned())),
        });
        read.map(Option::flatten)
    }
}

/// Connections that have not ended.
fn count(transaction: &redb::ReadTransaction) -> Result<u64, Failure> {
    match transaction.open_table(LIVE) {
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        live => Ok(live?.len()?),
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    /// The writer writes what it has, and the file is closed when this returns.
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != thread::current().id()
        {
            // If it panicked there is nothing left to be written.
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests;

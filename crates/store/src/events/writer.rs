//! The thread that writes: group commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use redb::{ReadableTable, Table, WriteTransaction};

use super::{Change, Done, EventLimits, LIVE, OUTBOX, Shared};
use crate::error::{Failure, StoreError};

/// Changes in one transaction. More would make each of them wait longer and save little.
const BATCH_CHANGES_MAX: usize = 4096;

/// What the log holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    /// Whether the rest is known.
    pub(super) is_counted: bool,
    /// The number of the next entry. None is used twice by a process, even for entries that may not have been stored.
    pub(super) next: u64,
    entries: u64,
    bytes: u64,
}

/// What became of a change, if the transaction takes place.
enum Outcome {
    Stored(Option<u64>),
    Refused(Usage),
}

impl Shared {
    /// Writes until the log is dropped.
    pub(super) fn write(&self) {
        // Removals that the disk did not take; without them their events would come again.
        let mut removals = Vec::new();
        while let Some((changes, done)) = self.next_batch() {
            // A failure of the database must not end the thread: callers would wait for ever.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.commit(&changes, &removals)));
            match outcome.unwrap_or_else(|_| Err(self.store.file.damaged("the database failed an assertion")))
            {
                Ok(outcomes) => {
                    removals.clear();
                    for (outcome, done) in outcomes.into_iter().zip(done) {
                        done(match outcome {
                            Outcome::Stored(id) => Ok(id),
                            Outcome::Refused(Usage { entries, bytes, .. }) => {
                                Err(StoreError::Full { entries, bytes })
                            }
                        });
                    }
                }
                Err(error) => {
                    removals.extend(changes.iter().filter_map(|change| match change {
                        Change::Remove(id) => Some(*id),
                        _ => None,
                    }));
                    done.into_iter().for_each(|done| done(Err(error.clone())));
                }
            }
        }
    }

    /// Waits for changes; `None`: there will be no more.
    fn next_batch(&self) -> Option<(Vec<Change>, Vec<Done>)> {
        let mut queue = self.queue();
        loop {
            if !queue.changes.is_empty() {
                let count = queue.changes.len().min(BATCH_CHANGES_MAX);
                return Some(queue.changes.drain(..count).unzip());
            }
            if queue.closed {
                return None;
            }
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn commit(&self, changes: &[Change], removals: &[u64]) -> Result<Vec<Outcome>, StoreError> {
        if removals.is_empty() && changes.iter().all(|change| matches!(change, Change::Barrier)) {
            return Ok(changes.iter().map(|_| Outcome::Stored(None)).collect());
        }
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let known = *usage;
        // If it fails, whether the transaction took place is unknown: all is counted again.
        usage.is_counted = false;
        let (outcomes, used) = self.store.file.write(|transaction| {
            let mut tables = Tables::open(transaction, self.limits, known)?;
            for id in removals {
                tables.remove(*id)?;
            }
            let outcomes = changes.iter().map(|change| tables.apply(change)).collect::<Result<_, _>>();
            usage.next = tables.usage.next;
            Ok((outcomes?, tables.usage))
        })?;
        *usage = used;
        Ok(outcomes)
    }
}

/// The log within a transaction.
struct Tables<'t> {
    outbox: Table<'t, u64, &'static [u8]>,
    live: Table<'t, &'static [u8], &'static [u8]>,
    limits: EventLimits,
    usage: Usage,
}

impl<'t> Tables<'t> {
    fn open(
        transaction: &'t WriteTransaction,
        limits: EventLimits,
        mut usage: Usage,
    ) -> Result<Self, Failure> {
        let outbox = transaction.open_table(OUTBOX)?;
        if !usage.is_counted {
            usage = counted(&outbox, usage.next)?;
        }
        Ok(Self { outbox, live: transaction.open_table(LIVE)?, limits, usage })
    }

    fn apply(&mut self, change: &Change) -> Result<Outcome, Failure> {
        match change {
            Change::Append(entry) if self.is_full(entry) => Ok(Outcome::Refused(self.usage)),
            Change::Append(entry) => self.append(Some(entry)),
            Change::Enter { entry, farewell, .. } if self.is_full(entry.as_ref().unwrap_or(farewell)) => {
                Ok(Outcome::Refused(self.usage))
            }
            Change::Enter { conn, entry, farewell } => {
                self.live.insert(&**conn, &**farewell)?;
                self.append(entry.as_ref())
            }
            Change::Leave { conn, entry } => {
                let was_live = self.live.remove(&**conn)?.is_some();
                match entry {
                    Some(entry) if !was_live && self.is_full(entry) => Ok(Outcome::Refused(self.usage)),
                    entry => self.append(entry.as_ref()),
                }
            }
            Change::Remove(id) => self.remove(*id),
            Change::Barrier => Ok(Outcome::Stored(None)),
        }
    }

    fn is_full(&self, entry: &[u8]) -> bool {
        self.usage.entries >= self.limits.entries_max
            || self.usage.bytes.saturating_add(entry.len() as u64) > self.limits.bytes_max
    }

    fn append(&mut self, entry: Option<&Vec<u8>>) -> Result<Outcome, Failure> {
        let Some(entry) = entry else { return Ok(Outcome::Stored(None)) };
        let id = self.usage.next;
        self.outbox.insert(id, &**entry)?;
        self.usage.next += 1;
        self.usage.entries += 1;
        self.usage.bytes += entry.len() as u64;
        Ok(Outcome::Stored(Some(id)))
    }

    fn remove(&mut self, id: u64) -> Result<Outcome, Failure> {
        if let Some(entry) = self.outbox.remove(id)? {
            self.usage.entries = self.usage.entries.saturating_sub(1);
            self.usage.bytes = self.usage.bytes.saturating_sub(entry.value().len() as u64);
        }
        Ok(Outcome::Stored(None))
    }
}

/// The number for the next entry.
pub(super) fn next_entry(outbox: &Table<'_, u64, &'static [u8]>) -> Result<u64, Failure> {
    Ok(outbox.last()?.map_or(0, |(id, _)| id.value() + 1))
}

fn counted(outbox: &Table<'_, u64, &'static [u8]>, next_min: u64) -> Result<Usage, Failure> {
    let next = next_min.max(next_entry(outbox)?);
    let mut usage = Usage { is_counted: true, next, entries: 0, bytes: 0 };
    for row in outbox.iter()? {
        usage.entries += 1;
        usage.bytes += row?.1.value().len() as u64;
    }
    Ok(usage)
}

//! The last items of a stream, for whoever reads along: bounded in bytes, numbered, and read by cursors that say what was
//! missed.

mod read;

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{Semaphore, watch};

pub(crate) use self::read::{Asked, TooMany};

/// Requests that wait for items at the same time.
const WAITING_MAX: usize = 64;

/// Digits of each part of a cursor.
const DIGITS_MAX: usize = 15;

/// See the module.
pub(crate) struct Recent<T> {
    items: Mutex<Items<T>>,
    bytes_max: usize,
    count_max: usize,
    news: watch::Sender<()>,
    waiting: Semaphore,
    /// Differs from process to process, so that a cursor of another one is known for what it is.
    epoch: u64,
}

struct Items<T> {
    /// With what each is charged.
    kept: VecDeque<(usize, Arc<T>)>,
    bytes: usize,
    /// Number of the first one that is kept; numbers begin with 1.
    first: u64,
}

/// A place between two items: behind the one of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    epoch: u64,
    pub(crate) id: u64,
}

/// Items in order, with their numbers.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<(u64, Arc<T>)>,
    /// How many between the cursor and the first one are kept no longer.
    pub(crate) lost: u64,
}

impl<T> fmt::Debug for Recent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

impl<T> Recent<T> {
    /// Keeps at most so many bytes and so many items.
    pub(crate) fn new(bytes_max: usize, count_max: usize) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            items: Mutex::new(Items { kept: VecDeque::new(), bytes: 0, first: 1 }),
            bytes_max,
            count_max,
            news: watch::Sender::new(()),
            waiting: Semaphore::new(WAITING_MAX),
            epoch: u64::try_from(since.as_millis()).unwrap_or_default(),
        }
    }

    /// Adds items, each with the bytes that it is charged with, and drops the oldest ones that have no room.
    pub(crate) fn push(&self, items: impl IntoIterator<Item = (usize, Arc<T>)>) {
        let mut dropped = Vec::new();
        let mut own = self.lock();
        for (bytes, item) in items {
            own.bytes += bytes;
            own.kept.push_back((bytes, item));
            while own.bytes > self.bytes_max || own.kept.len() > self.count_max {
                let Some((bytes, item)) = own.kept.pop_front() else { break };
                own.bytes -= bytes;
                own.first += 1;
                dropped.push(item);
            }
        }
        drop(own);
        // Not under the lock.
        drop(dropped);
        if self.news.receiver_count() > 0 {
            self.news.send_replace(());
        }
    }

    /// The first `count` items behind a number.
    pub(crate) fn after(&self, id: u64, count: usize) -> Page<T> {
        let own = self.lock();
        let from = (id + 1).max(own.first);
        let skipped = usize::try_from(from - own.first).unwrap_or(usize::MAX);
        let kept = own.kept.iter().skip(skipped).take(count).map(|(_, item)| Arc::clone(item));
        Page { items: (from..).zip(kept).collect(), lost: from - (id + 1) }
    }

    /// The last `count` items before a number, in order.
    fn before(&self, id: u64, count: usize) -> Vec<(u64, Arc<T>)> {
        let own = self.lock();
        let end = usize::try_from(id.saturating_sub(own.first)).unwrap_or(usize::MAX).min(own.kept.len());
        let start = end.saturating_sub(count);
        let kept = own.kept.range(start..end).map(|(_, item)| Arc::clone(item));
        (own.first + start as u64..).zip(kept).collect()
    }

    /// The number of the last item there has been; 0: there was none.
    pub(crate) fn newest(&self) -> u64 {
        let own = self.lock();
        own.first + own.kept.len() as u64 - 1
    }

    /// Becomes ready when there is something new.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    fn cursor(&self, id: u64) -> Cursor {
        Cursor { epoch: self.epoch, id }
    }

    /// The number that a cursor stands behind. One of another process stands before everything.
    fn place(&self, cursor: Cursor) -> u64 {
        let newest = self.newest();
        if cursor.epoch == self.epoch { cursor.id.min(newest) } else { self.lock().first - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, Items<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.epoch, self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, id) = text.split_once('-').ok_or(())?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_short = |part: &str| (1..=DIGITS_MAX).contains(&part.len());
        let is_written_so = epoch.bytes().all(is_hex) && id.bytes().all(|byte| byte.is_ascii_digit());
        if !is_written_so || !is_short(epoch) || !is_short(id) {
            return Err(());
        }
        let epoch = u64::from_str_radix(epoch, 16).map_err(drop)?;
        Ok(Self { epoch, id: id.parse().map_err(drop)? })
    }
}

#[cfg(test)]
mod tests;

//! What became of the events for one handler.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::failure::Failure;

/// Numbers that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    handled: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    /// Counts one more event.
    pub(crate) fn count<T>(&self, outcome: &Result<T, Failure>) {
        let counter = match outcome {
            Ok(_) => &self.handled,
            Err(Failure::NotValidated(_) | Failure::Gone | Failure::Crowded) => &self.dropped,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Events that were handled, that failed, and that were not sent.
    pub(crate) fn read(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.handled), read(&self.failed), read(&self.dropped))
    }
}

//! The limit on requests per second (rest-api.md §5.5).

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How far requests may run ahead of the rate: a second's worth of them at once is fine.
const BURST: Duration = Duration::from_secs(1);

/// A rate that all shards share, as one number: the time at which the next request would be due if all kept to it
/// (the generic cell rate algorithm).
#[derive(Debug)]
pub(crate) struct RateLimit {
    start: Instant,
    interval_ns: u64,
    due_ns: AtomicU64,
}

impl RateLimit {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self {
            start: Instant::now(),
            interval_ns: 1_000_000_000 / u64::from(per_second.get()),
            due_ns: AtomicU64::new(0),
        }
    }

    /// Takes one request; `false` when there were too many.
    pub(crate) fn take(&self) -> bool {
        self.take_at(self.start.elapsed())
    }

    fn take_at(&self, now: Duration) -> bool {
        let [now, burst] = [now, BURST].map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let next = |due: u64| {
            let due = due.max(now) + self.interval_ns;
            (due <= now + burst).then_some(due)
        };
        self.due_ns.try_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_at_once_and_then_the_rate() {
        let limit = RateLimit::new(NonZeroU32::new(10).unwrap());
        let taken =
            |now_ms, tries| (0..tries).filter(|_| limit.take_at(Duration::from_millis(now_ms))).count();
        assert_eq!(taken(5_000, 20), 10);
        assert_eq!(taken(5_099, 5), 0);
        assert_eq!(taken(5_300, 5), 3);
        assert_eq!(taken(60_000, 20), 10);
    }
}

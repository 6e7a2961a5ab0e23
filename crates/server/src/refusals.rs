//! Keeps the service's log readable when somebody is refused again and again.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::rest::RateLimit;

/// Lines about refusals in a second, all kinds together. Anybody can cause them, and they must not push out everything else.
const LINES_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("it is not 0");
/// Lines in a second that say how many were left out.
const SUMMARIES_PER_SECOND: NonZeroU32 = NonZeroU32::MIN;

/// Says which refusals have a line in the log. One for all shards.
#[derive(Debug)]
pub(crate) struct Refusals {
    lines: RateLimit,
    summaries: RateLimit,
    left_out: AtomicU64,
}

impl Refusals {
    pub(crate) fn new() -> Self {
        Self {
            lines: RateLimit::new(LINES_PER_SECOND),
            summaries: RateLimit::new(SUMMARIES_PER_SECOND),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether one more refusal may have a line. Says how many had none, if it is time for that.
    pub(crate) fn may_tell(&self) -> bool {
        let may = self.lines.take();
        if let Some(left_out) = self.note(may, || self.summaries.take()) {
            tracing::info!(left_out, "more requests were refused than the log tells of");
        }
        may
    }

    /// How many had no line since that was said last, if there are any and it `is_due` to say so.
    fn note(&self, has_line: bool, is_due: impl FnOnce() -> bool) -> Option<u64> {
        if !has_line {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        let is_due = self.left_out.load(Ordering::Relaxed) > 0 && is_due();
        // Another shard may have said it.
        is_due.then(|| self.left_out.swap(0, Ordering::Relaxed)).filter(|left_out| *left_out > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_said_now_and_then() {
        let refusals = Refusals::new();
        let note = |has_line, is_due| refusals.note(has_line, || is_due);
        assert_eq!(note(true, true), None, "nothing was left out");
        assert_eq!(note(false, true), Some(1));
        assert_eq!([note(false, false), note(true, false), note(false, false)], [None; 3]);
        assert_eq!(note(true, true), Some(2), "with a line that is there again");
        assert_eq!(note(true, true), None);
    }
}

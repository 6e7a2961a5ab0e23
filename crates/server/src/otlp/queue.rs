//! Spans that wait to be exported. It never holds anybody up: what finds it full is counted and gone.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::span::Span;

/// Spans that may wait: some MiB.
const SPANS_MAX: usize = 8_192;
/// Spans of one request to the collector.
pub(super) const BATCH_MAX: usize = 512;
/// How long spans wait for others.
const GATHER: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// There is a first span, or a whole batch.
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    spans: VecDeque<Span>,
    dropped: u64,
}

impl Queue {
    pub(super) fn push(&self, span: Span) {
        let mut waiting = self.lock();
        if waiting.spans.len() >= SPANS_MAX {
            waiting.dropped += 1;
            return;
        }
        waiting.spans.push_back(span);
        let count = waiting.spans.len();
        drop(waiting);
        if count == 1 || count == BATCH_MAX {
            self.filled.notify_one();
        }
    }

    /// Waits until a batch is worth sending.
    pub(super) async fn gathered(&self) {
        self.holds(1).await;
        // What there is then is enough.
        let _ = timeout(GATHER, self.holds(BATCH_MAX)).await;
    }

    async fn holds(&self, count: usize) {
        while self.lock().spans.len() < count {
            self.filled.notified().await;
        }
    }

    /// The next batch, and how many spans found no room since the last one. Both may be nothing.
    pub(super) fn take(&self) -> (Vec<Span>, u64) {
        let mut waiting = self.lock();
        let count = waiting.spans.len().min(BATCH_MAX);
        let batch = waiting.spans.drain(..count).collect();
        (batch, std::mem::take(&mut waiting.dropped))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::span;
    use super::*;

    #[test]
    fn what_has_no_room_is_counted() {
        let queue = Queue::default();
        for _ in 0..SPANS_MAX + 3 {
            queue.push(span());
        }
        let (batch, dropped) = queue.take();
        assert_eq!((batch.len(), dropped), (BATCH_MAX, 3));
        queue.push(span());
        let mut left = 0;
        loop {
            let (batch, dropped) = queue.take();
            assert_eq!(dropped, 0);
            if batch.is_empty() {
                break;
            }
            left += batch.len();
        }
        assert_eq!(left, SPANS_MAX - BATCH_MAX + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn few_spans_wait_for_others_and_many_do_not() {
        let queue = Queue::default();
        let began = tokio::time::Instant::now();
        queue.push(span());
        queue.gathered().await;
        assert_eq!(began.elapsed(), GATHER);
        for _ in 0..BATCH_MAX {
            queue.push(span());
        }
        queue.gathered().await;
        assert_eq!(began.elapsed(), GATHER, "no time has passed");
        queue.take();
        let left = timeout(GATHER * 10, async {
            queue.take();
            queue.gathered().await;
        });
        assert!(left.await.is_err(), "nothing is not worth sending");
    }
}

//! Events that wait for one target: bounded, filled by shards without waiting, emptied by one task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hublet_hub::{ClientEvent, EventKind};
use tokio::sync::Notify;

/// Events that may wait for one target, those that are just delivered included.
pub(super) const ENTRIES_MAX: usize = 10_000;
/// Bytes of all of them.
pub(super) const BYTES_MAX: usize = 32 << 20;
/// What an event takes besides what the client sent.
const OVERHEAD_BYTES: usize = 512;

/// Events that are delivered together.
const BATCH_ENTRIES_MAX: usize = 256;
/// Bytes from which on no further event joins a batch.
const BATCH_BYTES: usize = 4 << 20;

/// An event on its way.
#[derive(Debug)]
pub(super) struct Entry {
    /// What happened.
    pub(super) event: Arc<ClientEvent>,
    /// When, in seconds since 1970.
    pub(super) at_s: u64,
}

impl Entry {
    fn bytes(&self) -> usize {
        let sent = match &self.event.kind {
            EventKind::User { payload, metadata, .. } => {
                let pairs: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
                payload.bytes().len() + pairs
            }
            _ => 0,
        };
        OVERHEAD_BYTES + sent + self.event.client.state.as_ref().map_or(0, |state| state.len())
    }
}

/// The queue of one target.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something was put in, or nothing will be any more.
    filled: Notify,
    /// Nothing is left in it.
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Entry>,
    /// Those that wait and those that were taken last.
    entries: usize,
    bytes: usize,
    /// Of those that were taken last.
    taken_entries: usize,
    taken_bytes: usize,
    closed: bool,
    counters: Counters,
}

/// What has become of the events for one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Those that the target has.
    pub(super) delivered: u64,
    /// Those that the target will never have.
    pub(super) dropped: u64,
}

impl Queue {
    /// Puts an event in, unless there is no room.
    ///
    /// # Errors
    /// The number of events that were dropped, this one included.
    pub(super) fn push(&self, entry: Entry) -> Result<(), u64> {
        let bytes = entry.bytes();
        let mut state = self.state();
        if state.closed || state.entries >= ENTRIES_MAX || state.bytes + bytes > BYTES_MAX {
            state.counters.dropped += 1;
            return Err(state.counters.dropped);
        }
        state.waiting.push_back(entry);
        state.entries += 1;
        state.bytes += bytes;
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for events and takes the first ones. What was taken before is done with. Returns whether there are any: not
    /// when the queue is closed and empty.
    pub(super) async fn take(&self, batch: &mut VecDeque<Entry>) -> bool {
        loop {
            let filled = self.filled.notified();
            {
                let mut state = self.state();
                state.release();
                state.fill(batch);
                if !batch.is_empty() {
                    return true;
                }
                if state.entries == 0 {
                    self.emptied.notify_waiters();
                }
                if state.closed {
                    return false;
                }
            }
            filled.await;
        }
    }

    /// Lets nothing more in. What waits can still be taken.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
    }

    /// Drops all events, those that were taken last included, and counts them.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.counters.dropped += state.entries as u64;
        *state = State { closed: state.closed, counters: state.counters, ..State::default() };
        self.emptied.notify_waiters();
    }

    /// Whether it lets nothing more in.
    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Waits until it is empty and all that was taken is done with.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.waiting() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Events that are not done with.
    pub(super) fn waiting(&self) -> usize {
        self.state().entries
    }

    /// Counts what has become of some of the events that were taken.
    pub(super) fn count(&self, delivered: usize, dropped: usize) {
        let counters = &mut self.state().counters;
        counters.delivered += delivered as u64;
        counters.dropped += dropped as u64;
    }

    /// What has become of all events so far.
    pub(super) fn counters(&self) -> Counters {
        self.state().counters
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn release(&mut self) {
        self.entries -= std::mem::take(&mut self.taken_entries);
        self.bytes -= std::mem::take(&mut self.taken_bytes);
    }

    fn fill(&mut self, batch: &mut VecDeque<Entry>) {
        while self.taken_entries < BATCH_ENTRIES_MAX && self.taken_bytes < BATCH_BYTES {
            let Some(entry) = self.waiting.pop_front() else { return };
            self.taken_entries += 1;
            self.taken_bytes += entry.bytes();
            batch.push_back(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use hublet_wire::client::Payload;

    use super::super::record::tests::{event, user_event};
    use super::*;

    fn entry(bytes: usize) -> Entry {
        let payload = Payload::Binary(vec![0; bytes].into());
        Entry { event: Arc::new(user_event("e", payload, Vec::new())), at_s: 0 }
    }

    async fn take(queue: &Queue) -> usize {
        let mut batch = VecDeque::new();
        assert!(queue.take(&mut batch).await);
        batch.len()
    }

    #[tokio::test]
    async fn events_are_limited_and_counted() {
        let queue = Queue::default();
        for _ in 0..ENTRIES_MAX {
            queue.push(entry(0)).unwrap();
        }
        assert_eq!(queue.push(entry(0)), Err(1));
        assert_eq!(queue.push(entry(0)), Err(2));
        assert_eq!(take(&queue).await, BATCH_ENTRIES_MAX);
        assert_eq!(queue.push(entry(0)), Err(3), "what is under way still counts");
        assert_eq!(take(&queue).await, BATCH_ENTRIES_MAX);
        for _ in 0..BATCH_ENTRIES_MAX {
            queue.push(entry(0)).unwrap();
        }
        assert_eq!(queue.push(entry(0)), Err(4));
        queue.count(2, 1);
        assert_eq!(queue.counters(), Counters { delivered: 2, dropped: 5 });
    }

    #[tokio::test]
    async fn bytes_are_limited() {
        let queue = Queue::default();
        let (large, each) = (1 << 20, (1 << 20) + OVERHEAD_BYTES);
        let fitting = BYTES_MAX / each;
        for _ in 0..fitting {
            queue.push(entry(large)).unwrap();
        }
        assert_eq!(queue.push(entry(large)), Err(1));
        assert_eq!(take(&queue).await, BATCH_BYTES / each + 1);
        let state = Entry { event: Arc::new(event(EventKind::Connected)), at_s: 0 };
        queue.push(state).unwrap();
        assert_eq!(queue.waiting(), fitting + 1);
    }

    #[tokio::test]
    async fn it_is_empty_when_the_last_batch_is_done_with() {
        let queue = Arc::new(Queue::default());
        queue.emptied().await;
        queue.push(entry(0)).unwrap();
        let mut batch = VecDeque::new();
        assert!(queue.take(&mut batch).await);
        let waiter = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.emptied().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished() && queue.waiting() == 1);
        batch.clear();
        queue.close();
        assert!(!queue.take(&mut batch).await);
        waiter.await.unwrap();
        assert_eq!(queue.waiting(), 0);
    }

    #[tokio::test]
    async fn a_closed_queue_gives_what_is_left() {
        let queue = Queue::default();
        queue.push(entry(0)).unwrap();
        queue.close();
        assert_eq!(queue.push(entry(0)), Err(1));
        assert_eq!(take(&queue).await, 1);
        assert!(!queue.take(&mut VecDeque::new()).await);
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let queue = Arc::new(Queue::default());
        let taker = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { take(&queue).await }
        });
        tokio::task::yield_now().await;
        queue.push(entry(0)).unwrap();
        assert_eq!(taker.await.unwrap(), 1);
    }
}

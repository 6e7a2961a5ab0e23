//! Which event is delivered when: in order for each connection and handler, side by side for different ones.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hublet_wire::id::ConnId;
use tokio::time::Instant;

use super::record::Record;

/// Deliveries to one handler at a time.
pub(super) const SIDE_BY_SIDE_MAX: usize = 64;
/// Failures in a row, of whatever connections, after which a handler is taken for down.
const FAILURES_MAX: u32 = 8;
/// How often a handler that is down is tried, with one event at a time.
const DOWN_PAUSE: Duration = Duration::from_secs(1);
/// Seconds to wait after the first, second, … failure of an event; then always the last (event-handlers.md §7.2, which
/// ends after the third).
const DELAYS_S: [u64; 7] = [1, 3, 5, 10, 20, 40, 60];

/// An event that waits or is being delivered, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its number in the log.
    pub(super) id: u64,
    pub(super) key: Key,
    pub(super) conn: ConnId,
}

/// A handler of a hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) hub: Arc<str>,
    pub(super) handler: Arc<str>,
}

impl Entry {
    /// `None`: the record names no connection.
    pub(super) fn of(id: u64, record: &Record) -> Option<Self> {
        let key = Key { hub: record.hub().into(), handler: record.handler().into() };
        Some(Self { id, key, conn: record.conn()? })
    }
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It went well.
    Delivered,
    /// It is to be tried again.
    Failed,
    /// It failed, and is not tried again.
    GivenUp,
}

/// All events that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    handlers: HashMap<Key, Handler>,
}

#[derive(Debug, Default)]
struct Handler {
    chains: HashMap<ConnId, Chain>,
    /// Connections whose first event may be delivered.
    ready: VecDeque<ConnId>,
    /// Connections whose first event failed, and when it may be tried again.
    later: BTreeSet<(Instant, ConnId)>,
    running: usize,
    /// In a row.
    failures: u32,
    /// Of one that is down: when it may be tried again.
    down_until: Option<Instant>,
}

/// The events of one connection for one handler. It is in `ready`, in `later`, or its first event is being delivered.
#[derive(Debug)]
struct Chain {
    events: VecDeque<u64>,
    failures: usize,
}

impl Queue {
    pub(super) fn push(&mut self, Entry { id, key, conn }: Entry) {
        let handler = self.handlers.entry(key).or_default();
        let chain = handler.chains.entry(conn).or_insert_with(|| {
            handler.ready.push_back(conn);
            Chain { events: VecDeque::with_capacity(1), failures: 0 }
        });
        chain.events.push_back(id);
    }

    /// The next event to be delivered now.
    pub(super) fn start(&mut self, now: Instant) -> Option<Entry> {
        self.handlers.iter_mut().find_map(|(key, handler)| {
            let (id, conn) = handler.start(now)?;
            Some(Entry { id, key: key.clone(), conn })
        })
    }

    /// When there may be something to start, if nothing arrives or ends before.
    pub(super) fn next_start(&self) -> Option<Instant> {
        self.handlers.values().filter_map(Handler::next_start).min()
    }

    pub(super) fn end(&mut self, Entry { key, conn, .. }: &Entry, end: End, now: Instant) {
        let Some(handler) = self.handlers.get_mut(key) else { return };
        handler.end(*conn, end, now);
        if handler.chains.is_empty() && handler.failures == 0 {
            self.handlers.remove(key);
        }
    }
}

impl Handler {
    fn may_run(&self) -> usize {
        if self.failures < FAILURES_MAX { SIDE_BY_SIDE_MAX } else { 1 }
    }

    fn start(&mut self, now: Instant) -> Option<(u64, ConnId)> {
        if self.running >= self.may_run() || self.down_until.is_some_and(|until| now < until) {
            return None;
        }
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            self.ready.extend(self.later.pop_first().map(|(_, conn)| conn));
        }
        let conn = self.ready.pop_front()?;
        let id = *self.chains.get(&conn)?.events.front()?;
        self.running += 1;
        Some((id, conn))
    }

    fn next_start(&self) -> Option<Instant> {
        if self.running >= self.may_run() {
            return None;
        }
        let later = self.later.first().map(|(at, _)| *at);
        match self.down_until {
            Some(until) if !self.ready.is_empty() => Some(until),
            Some(until) => later.map(|later| later.max(until)),
            // What is ready was started.
            None => later,
        }
    }

    fn end(&mut self, conn: ConnId, end: End, now: Instant) {
        self.running = self.running.saturating_sub(1);
        if end == End::Delivered {
            self.failures = 0;
            self.down_until = None;
        } else {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= FAILURES_MAX {
                self.down_until = Some(now + DOWN_PAUSE);
            }
        }
        let Some(chain) = self.chains.get_mut(&conn) else { return };
        if end == End::Failed {
            let seconds = DELAYS_S.get(chain.failures).or(DELAYS_S.last()).copied().unwrap_or_default();
            chain.failures += 1;
            self.later.insert((now + Duration::from_secs(seconds), conn));
            return;
        }
        chain.events.pop_front();
        chain.failures = 0;
        if chain.events.is_empty() {
            self.chains.remove(&conn);
        } else {
            self.ready.push_back(conn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conn(slot: u32) -> ConnId {
        ConnId { nonce: [1; 11], shard: 0, slot, node: 1 }
    }

    fn waiting(id: u64, handler: &str, slot: u32) -> Entry {
        Entry { id, key: Key { hub: "chat".into(), handler: handler.into() }, conn: conn(slot) }
    }

    /// Everything that can be started now.
    fn start_all(queue: &mut Queue, now: Instant) -> Vec<Entry> {
        std::iter::from_fn(|| queue.start(now)).collect()
    }

    fn ids(started: &[Entry]) -> Vec<u64> {
        let mut ids: Vec<u64> = started.iter().map(|started| started.id).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn in_order_for_each_connection_and_side_by_side_for_others() {
        let now = Instant::now();
        let mut queue = Queue::default();
        for (id, handler, slot) in [(1, "a", 1), (2, "a", 1), (3, "a", 2), (4, "b", 1), (5, "a", 1)] {
            queue.push(waiting(id, handler, slot));
        }
        let first = start_all(&mut queue, now);
        assert_eq!(ids(&first), [1, 3, 4]);
        for started in &first {
            queue.end(started, End::Delivered, now);
        }
        let second = start_all(&mut queue, now);
        assert_eq!(ids(&second), [2]);
        queue.push(waiting(6, "a", 1));
        assert_eq!(start_all(&mut queue, now), []);
        queue.end(&second[0], End::GivenUp, now);
        let third = start_all(&mut queue, now);
        assert_eq!(ids(&third), [5]);
        queue.end(&third[0], End::Delivered, now);
        let last = start_all(&mut queue, now);
        assert_eq!(ids(&last), [6]);
        queue.end(&last[0], End::Delivered, now);
        assert!(queue.handlers.is_empty(), "nothing is kept of what is done");
    }

    #[test]
    fn a_failed_event_comes_again_after_growing_delays() {
        let mut now = Instant::now();
        let mut queue = Queue::default();
        queue.push(waiting(1, "a", 1));
        queue.push(waiting(2, "a", 1));
        let mut delays = Vec::new();
        for _ in 0..9 {
            let started = queue.start(now).unwrap();
            assert_eq!((started.id, queue.next_start()), (1, None), "the second one waits");
            queue.end(&started, End::Failed, now);
            let next = queue.next_start().unwrap();
            assert_eq!(queue.start(next - Duration::from_millis(1)), None);
            delays.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(delays, [1, 3, 5, 10, 20, 40, 60, 60, 60]);
        let started = queue.start(now).unwrap();
        queue.end(&started, End::Delivered, now);
        let second = queue.start(now).unwrap();
        queue.end(&second, End::Failed, now);
        assert_eq!(queue.next_start(), Some(now + Duration::from_secs(1)), "each event has its own delays");
    }

    #[test]
    fn a_handler_that_is_down_gets_one_event_a_second() {
        let mut now = Instant::now();
        let mut queue = Queue::default();
        for slot in 0..200 {
            queue.push(waiting(slot.into(), "a", slot));
        }
        queue.push(waiting(1000, "b", 1));
        let started = start_all(&mut queue, now);
        assert_eq!(started.len(), SIDE_BY_SIDE_MAX + 1);
        for started in started.iter().filter(|started| started.id < 1000) {
            queue.end(started, End::Failed, now);
        }
        for slot in 0..100 {
            queue.push(waiting(2000 + u64::from(slot), "b", 2 + slot));
        }
        assert_eq!(
            start_all(&mut queue, now).len(),
            SIDE_BY_SIDE_MAX - 1,
            "the other one has nothing to do with it"
        );
        for _ in 0..5 {
            now = queue.next_start().unwrap();
            let started = start_all(&mut queue, now);
            assert_eq!(started.len(), 1);
            queue.end(&started[0], End::Failed, now);
            assert_eq!(queue.next_start(), Some(now + DOWN_PAUSE));
        }
        now += DOWN_PAUSE;
        let started = start_all(&mut queue, now);
        queue.end(&started[0], End::Delivered, now);
        assert_eq!(start_all(&mut queue, now).len(), SIDE_BY_SIDE_MAX, "it is up again");
    }
}

//! Notifications of `durable` handlers: on the disk before they count as sent, and delivered at least once.
//!
//! `connected`, `disconnected` and group events go through here. With `connected` the connection is written down as
//! living, with `disconnected` it is taken off, each in one transaction: after a kill of the process, connections that
//! are still written down are told to be gone.

mod queue;
mod record;
mod run;

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use hublet_hub::{ClientEvent, EventKind};
use hublet_store::{Change, EventLimits, EventLog, Store, StoreError};
use hublet_wire::id::ConnId;
use tokio::sync::{Notify, oneshot};

use queue::Entry;
use record::{Farewell, Record};

/// Events that may wait for their handlers, all handlers together, and their bytes in the store.
const LIMITS: EventLimits = EventLimits { entries_max: 500_000, bytes_max: 256 << 20 };
/// Number of a `disconnected` whose true number died with the process: the largest whole number that JavaScript holds
/// exactly. It sorts last, and is the same however often the service is killed while it recovers.
pub const LAST_ID: u64 = (1 << 53) - 1;
/// The reason of such a `disconnected`.
pub const RESTARTED: &str = "The service was restarted.";

/// Where a notification goes. Handlers are named by the text of their URL template.
#[derive(Debug, Clone, Copy, Default)]
pub struct Route<'a> {
    /// The durable handler that gets the event; `None`: none does.
    pub handler: Option<&'a str>,
    /// With `connected`: the durable handler that is to be told of the end; `None`: none is.
    pub farewell: Option<&'a str>,
}

/// An event on its way out of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Text of the URL template of the handler that it was written for. The settings may have changed since.
    pub handler: String,
    /// The event. Of one that a former process left, all is as it was written.
    pub event: ClientEvent,
    /// `x-ms-client-request-id`: the same at each attempt, also after a restart.
    pub request_id: String,
    /// When it happened, in seconds since 1970.
    pub time_s: u64,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The handler has it, or nobody wants it any more: it is forgotten.
    Done,
    /// It has to be delivered again, later.
    Retry,
}

/// Numbers since the service was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Events that wait for their handlers now.
    pub waiting: u64,
    /// Events that were done with.
    pub delivered: u64,
    /// Events that were lost: the outbox was full, the disk failed, or the handler was away for too long.
    pub dropped: u64,
}

/// Notifications on their way to durable handlers. Copies are the same outbox.
#[derive(Debug, Clone)]
pub struct Outbox {
    log: EventLog,
    inbox: Arc<Inbox>,
}

/// What the writer's thread, the shards and [`Outbox::run`] share.
#[derive(Debug, Default)]
struct Inbox {
    /// On the disk, and not yet seen by [`Outbox::run`]. The log's limits bound it.
    stored: Mutex<Vec<Entry>>,
    /// Something was stored.
    arrived: Notify,
    /// Nothing waits any more.
    emptied: Notify,
    waiting: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
    /// How many were refused since one was stored, so that the log of the service is not flooded.
    refused: AtomicU64,
    /// Some connection may be written down as living.
    has_living: AtomicBool,
}

impl Outbox {
    /// Opens the outbox: connections of a former process are ended, and what it left is ready to be delivered. To be
    /// called before there are clients. Starts a thread; makes no file.
    ///
    /// # Errors
    /// The store cannot be used, or the thread cannot be started.
    pub fn open(store: &Store) -> io::Result<Self> {
        Self::open_with(store, LIMITS, |_| false)
    }

    /// As [`Self::open`], but connections that `lives` knows are taken up by this process and not ended.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_among(store: &Store, lives: impl Fn(ConnId) -> bool) -> io::Result<Self> {
        Self::open_with(store, LIMITS, lives)
    }

    fn open_with(store: &Store, limits: EventLimits, lives: impl Fn(ConnId) -> bool) -> io::Result<Self> {
        let log = store.event_log(limits)?;
        let outbox = Self { log, inbox: Arc::default() };
        outbox.recover(lives, now_s()).map_err(io::Error::other)?;
        Ok(outbox)
    }

    fn recover(&self, lives: impl Fn(ConnId) -> bool, now_s: u64) -> Result<(), StoreError> {
        let lives = |conn: &[u8]| {
            let conn = std::str::from_utf8(conn).ok().and_then(|conn| conn.parse().ok());
            let is_living = conn.is_some_and(&lives);
            if is_living {
                self.inbox.has_living.store(true, Ordering::Relaxed);
            }
            is_living
        };
        let ended = self.log.recover(lives, |conn, farewell| {
            let record = Farewell::read(farewell).and_then(|farewell| farewell.told(now_s));
            if record.is_none() {
                tracing::error!(
                    conn = %String::from_utf8_lossy(conn),
                    "A connection of the former process cannot be read, so its end is told to nobody."
                );
            }
            record.map(|record| record.bytes())
        })?;
        if ended > 0 {
            tracing::warn!(
                connections = ended,
                "The service was not stopped the last time: durable handlers are told that its connections are gone."
            );
        }
        let mut left = Vec::new();
        self.log.entries(|id, bytes| {
            match Record::read(bytes).and_then(|record| Entry::of(id, &record)) {
                Some(event) => left.push(event),
                None => {
                    tracing::error!(entry = id, "An event in the outbox cannot be read, so it stays there.");
                }
            }
        })?;
        if !left.is_empty() {
            tracing::info!(events = left.len(), "The outbox has events of the last time to deliver.");
        }
        self.inbox.store(left);
        Ok(())
    }

    /// Takes a notification in and returns at once; the outbox delivers it once it is on the disk. `connected` and
    /// `disconnected` also count when no durable handler gets them, as long as the other of the two has one: they say
    /// which connections live. Events that are no notifications are left alone.
    ///
    /// Events of one connection have to come in their order.
    pub fn append(&self, event: &ClientEvent, route: Route<'_>) -> Stored {
        self.append_at(event, route, now_s())
    }

    fn append_at(&self, event: &ClientEvent, route: Route<'_>, time_s: u64) -> Stored {
        let record = route.handler.and_then(|handler| Record::of(event, handler, time_s));
        let waiting = record.as_ref().and_then(|record| Entry::of(0, record));
        let entry = record.map(|record| record.bytes());
        let conn = || event.client.conn.to_string().into_bytes();
        let change = match (&event.kind, route.farewell, entry) {
            (EventKind::Connected, Some(handler), entry) => {
                self.inbox.has_living.store(true, Ordering::Relaxed);
                let farewell = Farewell::of(&event.client, handler).bytes();
                Change::Enter { conn: conn(), entry, farewell }
            }
            (EventKind::Disconnected { .. }, _, entry)
                if entry.is_some() || self.inbox.has_living.load(Ordering::Relaxed) =>
            {
                Change::Leave { conn: conn(), entry }
            }
            (_, _, Some(entry)) => Change::Append(entry),
            (_, _, None) => return Stored(None),
        };
        let inbox = Arc::clone(&self.inbox);
        let (tell, told) = oneshot::channel();
        self.log.submit(
            change,
            Box::new(move |outcome| {
                let outcome = inbox.note(outcome, waiting);
                // Nobody may want to know.
                let _ = tell.send(outcome);
            }),
        );
        Stored(Some(told))
    }

    /// Waits until everything that was taken in or delivered so far is on the disk.
    pub async fn flushed(&self) {
        let (tell, told) = oneshot::channel();
        self.log.submit(
            Change::Barrier,
            Box::new(move |_| {
                let _ = tell.send(());
            }),
        );
        let _ = told.await;
    }

    /// Waits until everything was delivered and the disk knows it. Handlers that do not answer make it wait for ever.
    pub async fn delivered(&self) {
        self.flushed().await;
        loop {
            let emptied = self.inbox.emptied.notified();
            if self.inbox.waiting.load(Ordering::Acquire) == 0 {
                break;
            }
            emptied.await;
        }
        self.flushed().await;
    }

    /// Numbers for metrics.
    pub fn counts(&self) -> OutboxCounts {
        let Inbox { waiting, delivered, dropped, .. } = &*self.inbox;
        OutboxCounts {
            waiting: waiting.load(Ordering::Relaxed),
            delivered: delivered.load(Ordering::Relaxed),
            dropped: dropped.load(Ordering::Relaxed),
        }
    }
}

impl Inbox {
    /// Takes in what is on the disk.
    fn store(&self, events: Vec<Entry>) {
        self.waiting.fetch_add(events.len() as u64, Ordering::AcqRel);
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).extend(events);
        self.arrived.notify_one();
    }

    /// Hears what became of an event that was to be stored; `None`: it was only about who lives.
    fn note(&self, outcome: Result<Option<u64>, StoreError>, event: Option<Entry>) -> Result<(), StoreError> {
        match (outcome, event) {
            (Ok(Some(id)), Some(event)) => {
                self.refused.store(0, Ordering::Relaxed);
                self.store(vec![Entry { id, ..event }]);
                Ok(())
            }
            (Ok(_), _) => Ok(()),
            (Err(error), event) => {
                if event.is_some() {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
                if refused.is_power_of_two() {
                    tracing::error!(refused, "An event of a durable handler was lost. {error}");
                }
                Err(error)
            }
        }
    }

    /// An event waits no more.
    fn finish(&self, is_delivered: bool) {
        let count = if is_delivered { &self.delivered } else { &self.dropped };
        count.fetch_add(1, Ordering::Relaxed);
        if self.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.emptied.notify_waiters();
        }
    }
}

/// Whether an event is on the disk. It gets there also when nobody waits for this.
#[derive(Debug)]
#[must_use = "await it, or drop it explicitly"]
pub struct Stored(Option<oneshot::Receiver<Result<(), StoreError>>>);

impl Future for Stored {
    /// An error: the event is lost, and the log of the service says so.
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            None => Poll::Ready(Ok(())),
            // The writer tells all, or the process ends.
            Some(told) => Pin::new(told).poll(context).map(|told| told.unwrap_or(Ok(()))),
        }
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests;

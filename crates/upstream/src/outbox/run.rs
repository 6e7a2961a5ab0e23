//! Takes events from the outbox to their handlers, for as long as the service runs.

use std::collections::HashMap;
use std::sync::PoisonError;

use hublet_store::{Change, EventLog};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::queue::{End, Entry, Queue};
use super::record::Record;
use super::{Outbox, Outcome, Prepared, now_s};

/// How long an event is tried, in seconds from when it happened.
const RETENTION_S: u64 = 24 * 60 * 60;

impl Outbox {
    /// Delivers events until it is dropped; what is under way then is delivered again after a restart. To be called once.
    ///
    /// `deliver` is called for one event of a connection after another, and side by side for those of different
    /// connections and handlers.
    pub async fn run<D, F>(&self, deliver: D)
    where
        D: Fn(Prepared) -> F,
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut queue = Queue::default();
        let mut deliveries = JoinSet::new();
        let mut under_way: HashMap<Id, (Entry, u64)> = HashMap::new();
        loop {
            // Before the look at what arrived, so that nothing is missed.
            let arrived = self.inbox.arrived.notified();
            let stored =
                std::mem::take(&mut *self.inbox.stored.lock().unwrap_or_else(PoisonError::into_inner));
            stored.into_iter().for_each(|event| queue.push(event));
            while let Some(started) = queue.start(Instant::now()) {
                match read(&self.log, &started) {
                    Ok(prepared) => {
                        let time_s = prepared.time_s;
                        let handle = deliveries.spawn(deliver(prepared));
                        under_way.insert(handle.id(), (started, time_s));
                    }
                    Err(end) => self.end(&mut queue, &started, end),
                }
            }
            let next_start = queue.next_start();
            tokio::select! {
                () = arrived => {}
                Some(ended) = deliveries.join_next_with_id() => {
                    let (id, outcome) = outcome(ended);
                    if let Some((started, time_s)) = under_way.remove(&id) {
                        self.end(&mut queue, &started, end(outcome, &started, time_s));
                    }
                }
                () = until(next_start) => {}
            }
        }
    }

    fn end(&self, queue: &mut Queue, started: &Entry, end: End) {
        queue.end(started, end, Instant::now());
        if end != End::Failed {
            self.log.submit(
                Change::Remove(started.id),
                Box::new(|outcome| {
                    if let Err(error) = outcome {
                        tracing::error!("A delivered event could not be removed and may come again. {error}");
                    }
                }),
            );
            self.inbox.finish(end == End::Delivered);
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// An event from the store, where it is since it was taken in; or how its delivery ends without it.
fn read(log: &EventLog, started: &Entry) -> Result<Prepared, End> {
    let bytes = log.entry(started.id).map_err(|error| {
        tracing::error!("An event cannot be read from the outbox. {error}");
        End::Failed
    })?;
    bytes.and_then(|bytes| Record::read(&bytes)?.prepared()).ok_or_else(|| {
        tracing::error!(entry = started.id, conn = %started.conn, "An event is no longer in the outbox.");
        End::GivenUp
    })
}

/// A delivery that panicked is one that failed.
fn outcome(ended: Result<(Id, Outcome), JoinError>) -> (Id, Outcome) {
    ended.unwrap_or_else(|error| (error.id(), Outcome::Retry))
}

fn end(outcome: Outcome, started: &Entry, time_s: u64) -> End {
    match outcome {
        Outcome::Done => End::Delivered,
        Outcome::Retry if now_s().saturating_sub(time_s) < RETENTION_S => End::Failed,
        Outcome::Retry => {
            // Behind the question mark there may be a secret.
            let handler = started.key.handler.split('?').next().unwrap_or_default();
            tracing::error!(
                hub = %started.key.hub,
                handler,
                conn = %started.conn,
                "An event is dropped, since its handler did not take it for 24 hours. See why with `hublet hub test`."
            );
            End::GivenUp
        }
    }
}

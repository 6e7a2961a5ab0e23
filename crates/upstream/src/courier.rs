//! Takes the events of one shard's clients to handlers and listeners.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::StatusCode;
use hublet_hub::{ClientEvent, EventKind, Verdict};
use hublet_wire::cloudevents::answer::ConnectAnswer;
use hublet_wire::id::ConnId;

use crate::delivery::{Delivery, Parcel, Purpose, now_s};
use crate::destinations::Destination;
use crate::echo;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::gate::Gate;
use crate::lanes::{Lane, Lanes, Turn};
use crate::meaning::Meaning;
use crate::node::Upstream;
use crate::report;

/// Takes a user event's answer back to the shard.
pub type OnVerdict = Box<dyn FnOnce(Verdict) + Send>;

/// A client that its event handler lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// What changes about it.
    pub answer: ConnectAnswer,
    /// Its connection state.
    pub state: Option<Bytes>,
}

/// Takes the events of one shard's clients to handlers and listeners. Its connections to handlers belong to the runtime
/// that it is used in, and a client's events all have to go through the same one.
#[derive(Clone)]
pub struct Courier {
    shard: Arc<Shard>,
}

struct Shard {
    upstream: Arc<Upstream>,
    delivery: Delivery,
    lanes: Lanes<Job>,
    /// Of the endpoints that had events, by number.
    gates: Mutex<HashMap<u64, Arc<Gate>>>,
}

/// What is done in a lane.
enum Job {
    /// An event goes to its handler.
    Deliver { parcel: Parcel, on_verdict: Option<OnVerdict> },
    /// Nobody wants to know of the connection's end, but what is kept for it goes.
    End,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").finish_non_exhaustive()
    }
}

impl Courier {
    /// One for a shard.
    pub fn new(upstream: Arc<Upstream>) -> Self {
        let delivery = Delivery::new(Arc::clone(&upstream));
        Self {
            shard: Arc::new(Shard { upstream, delivery, lanes: Lanes::default(), gates: Mutex::default() }),
        }
    }

    /// What it is the shard's part of.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.shard.upstream
    }

    /// Whether some handler of the hub wants `connect`, so that its body is worth making.
    pub fn asks_before_connect(&self, hub: &str) -> bool {
        let rules = self.shard.upstream.rules(hub);
        rules.is_some_and(|rules| rules.handlers.iter().any(|handler| handler.system_events.connect))
    }

    /// Asks the handler whether a client may connect. Dropping the future cancels the request.
    ///
    /// # Errors
    /// The status for the client's handshake (event-handlers.md §6.1).
    pub async fn connect(&self, event: ClientEvent) -> Result<Admission, StatusCode> {
        let destinations = self.shard.upstream.destinations(&event.client.hub);
        let destination = destinations.as_ref().and_then(|destinations| destinations.of(&event.kind));
        let Some(Destination::Endpoint(endpoint)) = destination else { return Ok(Admission::default()) };
        let conn = event.client.conn;
        let outcome = match self.shard.parcel(endpoint, Arc::new(event)) {
            Ok(parcel) => self.shard.delivery.deliver(&parcel).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(Meaning::Admitted { answer, state }) => Ok(Admission { answer, state }),
            Ok(Meaning::Replied { .. } | Meaning::Noted) => Ok(Admission::default()),
            Err(failure) => {
                self.forget(conn);
                Err(failure.handshake_status())
            }
        }
    }

    /// Takes an event other than `connect` on its way, and returns at once. The answer to a user event goes to
    /// `on_verdict`, which may be called before this returns; nobody waits for the others.
    ///
    /// Per connection: user events reach the handler one after another; so do notifications; `disconnected` comes after
    /// everything else.
    pub fn dispatch(&self, event: ClientEvent, on_verdict: Option<OnVerdict>) {
        let shard = &self.shard;
        let (conn, is_last) = (event.client.conn, matches!(event.kind, EventKind::Disconnected { .. }));
        let event = Arc::new(event);
        let destinations = shard.upstream.destinations(&event.client.hub);
        let verdict = match destinations.as_ref().and_then(|destinations| destinations.of(&event.kind)) {
            Some(Destination::Endpoint(endpoint)) => match shard.parcel(endpoint, event) {
                Ok(parcel) => return shard.enqueue(conn, Job::Deliver { parcel, on_verdict }),
                Err(_) => Verdict::Failed,
            },
            Some(Destination::Echo) => echo::answer(&event.kind),
            // Nobody can answer, but the event is not lost (event-handlers.md §6.3).
            None if destinations.as_ref().is_some_and(|to| to.has_listener(&event.kind)) => {
                Verdict::Handled { reply: None, state: None }
            }
            None => {
                if matches!(event.kind, EventKind::User { .. }) {
                    report::not_wanted(destinations.as_deref(), shard.upstream.complaints(), &event);
                }
                Verdict::Failed
            }
        };
        if is_last {
            shard.end(conn);
        }
        if let Some(on_verdict) = on_verdict {
            on_verdict(verdict);
        }
    }

    /// Drops what is kept for a connection, its cookies. `disconnected` does it too; this is for a client that was let in
    /// and never came to be connected.
    pub fn forget(&self, conn: ConnId) {
        self.shard.upstream.jars().forget(conn);
    }

    /// The client's socket broke: a request that waits for the answer to its user event is cancelled, and `on_verdict` is
    /// not called.
    pub fn cancel(&self, conn: ConnId) {
        self.shard.lanes.cancel(conn);
    }

    /// Waits until nothing is under way but `connect`, whose futures belong to the callers.
    pub async fn idle(&self) {
        self.shard.lanes.idle().await;
    }
}

impl Shard {
    /// Takes an event in, if its endpoint has room for one more.
    fn parcel(&self, endpoint: &Arc<Endpoint>, event: Arc<ClientEvent>) -> Result<Parcel, Failure> {
        let Some(ticket) = self.gate(endpoint).enter(weight(&event)) else {
            self.crowded(endpoint, &event);
            return Err(Failure::Crowded);
        };
        let endpoint = Arc::clone(endpoint);
        Ok(Parcel { event, endpoint, ticket, time_s: now_s(), purpose: Purpose::Client })
    }

    fn crowded(&self, endpoint: &Endpoint, event: &ClientEvent) {
        endpoint.counters.count::<()>(&Err(Failure::Crowded));
        report::not_handled(endpoint, event, &Failure::Crowded);
    }

    fn gate(&self, endpoint: &Endpoint) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&endpoint.number) {
            return Arc::clone(gate);
        }
        // Those of endpoints that are no more go when a new one comes.
        gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        let gate = Gate::new(endpoint.handler.max_concurrency);
        gates.insert(endpoint.number, Arc::clone(&gate));
        gate
    }

    fn enqueue(self: &Arc<Self>, conn: ConnId, job: Job) {
        let lane = match &job {
            Job::Deliver { parcel, .. } => match parcel.event.kind {
                EventKind::User { .. } => Lane::User,
                EventKind::Disconnected { .. } => return self.enqueue_last(conn, job),
                _ => Lane::Notification,
            },
            Job::End => return self.enqueue_last(conn, job),
        };
        match self.lanes.push(conn, lane, job) {
            Ok(true) => _ = tokio::spawn(Arc::clone(self).run(conn, lane)),
            Ok(false) | Err(Job::End) => {}
            Err(Job::Deliver { parcel, on_verdict }) => {
                self.crowded(&parcel.endpoint, &parcel.event);
                if let Some(on_verdict) = on_verdict {
                    on_verdict(Verdict::Failed);
                }
            }
        }
    }

    fn enqueue_last(self: &Arc<Self>, conn: ConnId, job: Job) {
        if self.lanes.push_last(conn, job) {
            tokio::spawn(Arc::clone(self).run(conn, Lane::Notification));
        }
    }

    /// Drops what is kept for a connection when nothing of it is under way any more.
    fn end(self: &Arc<Self>, conn: ConnId) {
        if self.lanes.is_idle(conn) {
            self.upstream.jars().forget(conn);
        } else {
            self.enqueue_last(conn, Job::End);
        }
    }

    /// Does one job of a lane after another.
    async fn run(self: Arc<Self>, conn: ConnId, lane: Lane) {
        while let Some(Turn { job, cancelled }) = self.lanes.next(conn, lane) {
            let Job::Deliver { parcel, on_verdict } = job else {
                self.upstream.jars().forget(conn);
                continue;
            };
            let delivery = self.delivery.deliver(&parcel);
            let outcome = match cancelled {
                Some(cancelled) => tokio::select! {
                    biased;
                    Ok(()) = cancelled => continue,
                    outcome = delivery => outcome,
                },
                None => delivery.await,
            };
            if matches!(parcel.event.kind, EventKind::Disconnected { .. }) {
                self.upstream.jars().forget(conn);
            }
            if let Some(on_verdict) = on_verdict {
                on_verdict(match outcome {
                    Ok(Meaning::Replied { reply, state }) => Verdict::Handled { reply, state },
                    Ok(Meaning::Admitted { .. } | Meaning::Noted) => {
                        Verdict::Handled { reply: None, state: None }
                    }
                    Err(_) => Verdict::Failed,
                });
            }
        }
    }
}

/// The bytes that an event keeps while it waits.
fn weight(event: &ClientEvent) -> usize {
    match &event.kind {
        EventKind::Connect(body) => body.len(),
        EventKind::User { payload, metadata, .. } => {
            let pair = |(key, value): &(String, String)| key.len() + value.len();
            payload.bytes().len() + metadata.iter().map(pair).sum::<usize>()
        }
        EventKind::Disconnected { reason: text }
        | EventKind::GroupJoined(text)
        | EventKind::GroupLeft(text) => text.len(),
        EventKind::Connected => 0,
    }
}

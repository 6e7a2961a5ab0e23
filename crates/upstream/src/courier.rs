//! Takes the events of one shard's clients to handlers and listeners.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use hublet_hub::{ClientEvent, EventKind, Verdict};
use hublet_wire::cloudevents::answer::ConnectAnswer;
use hublet_wire::id::ConnId;
use hublet_wire::trace_context::TraceContext;
use tokio::sync::oneshot;

use crate::delivery::{Delivery, Parcel, Purpose, now_s};
use crate::destinations::{Destination, Destinations};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::gate::Gates;
use crate::lanes::{Lane, Lanes, Owner, Turn};
use crate::meaning::Meaning;
use crate::node::Upstream;
use crate::report;
use crate::{durable, echo};

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
    gates: Gates,
}

/// What is done in a lane.
enum Job {
    /// An event goes to its handler.
    Deliver(Parcel, Option<OnVerdict>),
    /// A connection ends.
    End(End),
}

struct End {
    event: Arc<ClientEvent>,
    destinations: Option<Arc<Destinations>>,
    /// For a handler that is not durable.
    parcel: Option<Parcel>,
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
            shard: Arc::new(Shard { upstream, delivery, lanes: Lanes::default(), gates: Gates::default() }),
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
        self.connect_within(event, None).await
    }

    /// As [`Self::connect`], as a part of a distributed trace: that of the client's handshake.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_within(
        &self,
        event: ClientEvent,
        parent: Option<TraceContext>,
    ) -> Result<Admission, StatusCode> {
        let destinations = self.shard.upstream.destinations(&event.client.hub);
        let destination = destinations.as_ref().and_then(|destinations| destinations.of(&event.kind));
        let Some(Destination::Endpoint(endpoint)) = destination else { return Ok(Admission::default()) };
        let conn = event.client.conn;
        let outcome = match self.shard.parcel(endpoint, Arc::new(event)) {
            Some(parcel) => self.shard.delivery.deliver(&Parcel { parent, ..parcel }).await,
            None => Err(Failure::Crowded),
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

    /// Takes an event other than `connect` on its way, and returns at once. To be called within the courier's runtime. The
    /// answer to a user event goes to `on_verdict`, which may be called before this returns; nobody waits for the others.
    ///
    /// Per connection: user events reach the handler one after another; so do notifications; `disconnected` comes after
    /// everything else.
    pub fn dispatch(&self, event: ClientEvent, on_verdict: Option<OnVerdict>) {
        let shard = &self.shard;
        let event = Arc::new(event);
        let destinations = shard.upstream.destinations(&event.client.hub);
        // Listeners come first, and share the event's number (event-handlers.md §8).
        let is_heard = destinations.as_ref().is_some_and(|destinations| {
            shard.upstream.listeners().offer(&destinations.rules.listeners, &event)
        });
        match (&event.kind, destinations) {
            (EventKind::User { .. }, destinations) => {
                let verdict = shard.ask(destinations.as_deref(), event, is_heard, on_verdict);
                if let Some((verdict, on_verdict)) = verdict {
                    on_verdict(verdict);
                }
            }
            (EventKind::Disconnected { .. }, destinations) => shard.end(destinations, event),
            (_, Some(destinations)) => shard.notify(&destinations, event),
            (_, None) => {}
        }
    }

    /// Drops what is kept for a connection, its cookies. `disconnected` does it too; this is for a client that was let in
    /// and never came to be connected.
    pub fn forget(&self, conn: ConnId) {
        self.shard.upstream.jars().forget(conn);
    }

    /// The client's socket broke: the request that waits for the answer to its user event is cancelled, and `on_verdict` is
    /// not called.
    pub fn cancel(&self, conn: ConnId) {
        self.shard.lanes.cancel(Owner::connection(conn));
    }

    /// Cancels an invocation by the number of its event: `on_verdict` is not called.
    pub fn cancel_invocation(&self, conn: ConnId, event: u64) {
        self.shard.lanes.cancel(Owner::invocation(conn, event));
    }

    /// Waits until nothing is under way but `connect`, whose futures belong to the callers.
    pub async fn idle(&self) {
        self.shard.lanes.idle().await;
    }
}

impl Shard {
    /// Takes a user event to its handler. What is returned is known at once and still to be told.
    fn ask(
        self: &Arc<Self>,
        destinations: Option<&Destinations>,
        event: Arc<ClientEvent>,
        is_heard: bool,
        on_verdict: Option<OnVerdict>,
    ) -> Option<(Verdict, OnVerdict)> {
        let verdict = match destinations.and_then(|destinations| destinations.of(&event.kind)) {
            Some(Destination::Endpoint(endpoint)) => match self.parcel(endpoint, event) {
                Some(parcel) => return self.enqueue(Lane::User, parcel, on_verdict),
                None => Verdict::Failed,
            },
            Some(Destination::Echo) => echo::answer(&event.kind),
            // Nobody can answer, but the event is not lost (event-handlers.md §6.3).
            None if is_heard => Verdict::Heard,
            None => {
                report::not_wanted(destinations, self.upstream.complaints(), &event);
                Verdict::Unwanted
            }
        };
        Some(verdict).zip(on_verdict)
    }

    /// Takes a notification but `disconnected` to its handler.
    fn notify(self: &Arc<Self>, destinations: &Destinations, event: Arc<ClientEvent>) {
        let outbox = self.upstream.outbox();
        if let Some(outbox) = outbox {
            durable::tell(outbox, destinations, &event);
        }
        if let Some(Destination::Endpoint(endpoint)) = destinations.of(&event.kind)
            && !(outbox.is_some() && endpoint.handler.durable)
            && let Some(parcel) = self.parcel(endpoint, event)
        {
            self.enqueue(Lane::Notification, parcel, None);
        }
    }

    /// Takes `disconnected` to its handler when nothing else of the connection is under way.
    fn end(self: &Arc<Self>, destinations: Option<Arc<Destinations>>, event: Arc<ClientEvent>) {
        let conn = event.client.conn;
        let destination = destinations.as_ref().and_then(|destinations| destinations.of(&event.kind));
        let is_stored = |endpoint: &Endpoint| self.upstream.outbox().is_some() && endpoint.handler.durable;
        let parcel = match destination {
            Some(Destination::Endpoint(endpoint)) if !is_stored(endpoint) => {
                self.parcel(endpoint, Arc::clone(&event))
            }
            _ => None,
        };
        let end = End { event, destinations, parcel };
        if end.parcel.is_none() && self.lanes.is_idle(Owner::connection(conn)) {
            self.settle(&end);
        } else if let Some(turn) = self.lanes.push_last(Owner::connection(conn), Job::End(end)) {
            tokio::spawn(Arc::clone(self).run(Owner::connection(conn), Lane::Notification, turn));
        }
    }

    /// Does what an end needs beside its event. Nothing of the connection is under way.
    fn settle(&self, end: &End) {
        if let (Some(outbox), Some(destinations)) = (self.upstream.outbox(), &end.destinations) {
            durable::tell(outbox, destinations, &end.event);
        }
        self.upstream.jars().forget(end.event.client.conn);
    }

    /// Takes an event in, if its endpoint has room for one more.
    fn parcel(&self, endpoint: &Arc<Endpoint>, event: Arc<ClientEvent>) -> Option<Parcel> {
        let Some(ticket) = self.gates.of(endpoint).enter(weight(&event)) else {
            self.crowded(endpoint, &event);
            return None;
        };
        let endpoint = Arc::clone(endpoint);
        Some(Parcel { event, endpoint, ticket, time_s: now_s(), purpose: Purpose::Client, parent: None })
    }

    /// An endpoint has no room for an event.
    fn crowded(&self, endpoint: &Endpoint, event: &ClientEvent) {
        let outcome: Result<(), Failure> = Err(Failure::Crowded);
        endpoint.counters.count(&outcome);
        self.upstream.meters().count(&endpoint.hub, &event.kind, None, &outcome, 0);
        report::not_handled(endpoint, event, &Failure::Crowded);
    }

    /// Puts an event into a lane. What is returned is known at once and still to be told.
    fn enqueue(
        self: &Arc<Self>,
        lane: Lane,
        parcel: Parcel,
        on_verdict: Option<OnVerdict>,
    ) -> Option<(Verdict, OnVerdict)> {
        let conn = parcel.event.client.conn;
        let owner = match parcel.event.kind {
            EventKind::User { invoked: true, .. } => Owner::invocation(conn, parcel.event.id),
            _ => Owner::connection(conn),
        };
        match self.lanes.push(owner, lane, Job::Deliver(parcel, on_verdict)) {
            Ok(turn) => {
                if let Some(turn) = turn {
                    tokio::spawn(Arc::clone(self).run(owner, lane, turn));
                }
                None
            }
            Err(Job::Deliver(parcel, on_verdict)) => {
                self.crowded(&parcel.endpoint, &parcel.event);
                Some(Verdict::Failed).zip(on_verdict)
            }
            Err(Job::End(_)) => None,
        }
    }

    /// Does one job of a lane after another, beginning with this one.
    async fn run(self: Arc<Self>, owner: Owner, lane: Lane, first: Turn<Job>) {
        let mut turn = Some(first);
        while let Some(Turn { job, cancelled }) = turn {
            self.work(job, cancelled).await;
            turn = self.lanes.next(owner, lane);
        }
    }

    async fn work(&self, job: Job, cancelled: Option<oneshot::Receiver<()>>) {
        let (parcel, on_verdict) = match job {
            Job::Deliver(parcel, on_verdict) => (parcel, on_verdict),
            Job::End(end) => {
                if let Some(parcel) = &end.parcel {
                    // The log has been told if it failed.
                    let _ = self.delivery.deliver(parcel).await;
                }
                return self.settle(&end);
            }
        };
        let delivery = self.delivery.deliver(&parcel);
        let outcome = match cancelled {
            Some(cancelled) => tokio::select! {
                biased;
                Ok(()) = cancelled => return,
                outcome = delivery => outcome,
            },
            None => delivery.await,
        };
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

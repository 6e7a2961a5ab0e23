//! One event on its way to a web server and the answer on its way back (event-handlers.md §6, §7).

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use http_body_util::Full;
use hublet_hub::{ClientEvent, EventKind};
use hublet_wire::client::{Metadata, Payload};
use hublet_wire::cloudevents::answer::{self, ConnectAnswer};
use hublet_wire::cloudevents::header;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::failure::{Failure, STATE_BYTES_MAX};
use crate::fault::Fault;
use crate::gate::Ticket;
use crate::guard;
use crate::node::Upstream;
use crate::origin::Origin;
use crate::report;
use crate::retry::{self, Step};
use crate::transport::{ANSWER_BYTES_MAX, Transport, drain, read};
use crate::validation::{Refusal, validate};

/// Takes events to web servers, in one runtime.
#[derive(Debug)]
pub(crate) struct Delivery {
    upstream: Arc<Upstream>,
    transport: Transport,
}

/// An event for a web server.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) event: ClientEvent,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) ticket: Ticket,
    /// When it happened, in seconds since 1970.
    pub(crate) time_s: u64,
}

/// What a handler's success means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The client may connect.
    Admitted { answer: ConnectAnswer, state: Option<Bytes> },
    /// The user event was handled.
    Replied { reply: Option<(Payload, Metadata)>, state: Option<Bytes> },
    /// The notification arrived.
    Noted,
}

impl Delivery {
    pub(crate) fn new(upstream: Arc<Upstream>) -> Self {
        let transport = Transport::new(upstream.connector());
        Self { upstream, transport }
    }

    /// Takes an event to its handler, with all retries and within the handler's time.
    ///
    /// # Errors
    /// It was not handled; the log has been told.
    pub(crate) async fn deliver(&self, parcel: &Parcel) -> Result<Meaning, Failure> {
        let endpoint = &parcel.endpoint;
        let mut sent = None;
        let outcome = timeout(endpoint.handler.timeout, self.send(parcel, &mut sent)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            // What waited here for most of its time says nothing about the handler.
            if sent.is_some_and(|sent: Instant| sent.elapsed() >= endpoint.handler.timeout / 2) {
                self.failed(endpoint);
            }
            Err(Failure::Fault(Fault::TimedOut))
        });
        if let Err(failure) = &outcome {
            report::not_handled(endpoint, &parcel.event, failure);
        }
        outcome
    }

    /// `sent` is when the attempt that is under way began.
    async fn send(&self, parcel: &Parcel, sent: &mut Option<Instant>) -> Result<Meaning, Failure> {
        let Parcel { event, endpoint, ticket, time_s } = parcel;
        let pace = self.upstream.pace();
        if !endpoint.breaker.admits(Instant::now(), pace) {
            return Err(Failure::Gone);
        }
        let maker = self.upstream.request_maker();
        self.validated(endpoint, maker.origin(&event.client.host)).await.map_err(Failure::NotValidated)?;
        let _slot = ticket.slot().await;
        let request = maker.make(event, endpoint.url(&event.kind), *time_s).map_err(Failure::Unsendable)?;
        let answer =
            retry::send(&self.transport, request.map(Full::new), &pace.retry_delays, |step| match step {
                Step::Sent => *sent = Some(Instant::now()),
                Step::Answered => {
                    *sent = None;
                    endpoint.breaker.succeeded();
                }
                Step::Failed(fault) => {
                    *sent = None;
                    if fault.is_retried() {
                        self.failed(endpoint);
                    }
                }
            });
        let (head, body) = answer.await.map_err(Failure::Fault)?.into_parts();
        if !head.status.is_success() {
            drain(body, 0).await;
            return Err(Failure::Status(head.status));
        }
        match &event.kind {
            EventKind::Connect(_) => {
                let body = read(body, ANSWER_BYTES_MAX).await.map_err(Failure::Fault)?;
                let answer = answer::connect_answer(&body).map_err(Failure::Answer)?;
                Ok(Meaning::Admitted { answer, state: state(&head.headers)? })
            }
            EventKind::User { .. } => {
                let body = read(body, ANSWER_BYTES_MAX).await.map_err(Failure::Fault)?;
                let state = state(&head.headers)?;
                Ok(Meaning::Replied { reply: reply(&head.headers, body)?, state })
            }
            EventKind::Connected
            | EventKind::Disconnected { .. }
            | EventKind::GroupJoined(_)
            | EventKind::GroupLeft(_) => {
                drain(body, 0).await;
                Ok(Meaning::Noted)
            }
        }
    }

    async fn validated(&self, endpoint: &Arc<Endpoint>, origin: &str) -> Result<(), Refusal> {
        let attempt = || {
            let (upstream, transport) = (Arc::clone(&self.upstream), self.transport.clone());
            let (endpoint, origin) = (Arc::clone(endpoint), Origin::new(origin));
            async move {
                let url = endpoint.validation_url();
                if upstream.environment().development && guard::is_on_loopback(url).await {
                    report::trusted(&endpoint);
                    return Ok(());
                }
                let origin = origin.ok_or(Refusal::Host)?;
                let verdict = validate(&transport, url, &origin, upstream.pace()).await;
                if let Err(refusal) = &verdict {
                    report::refused(&endpoint, refusal);
                }
                verdict
            }
        };
        endpoint.validation(origin).check(self.upstream.pace(), attempt).await
    }

    fn failed(&self, endpoint: &Endpoint) {
        if endpoint.breaker.failed(Instant::now(), self.upstream.pace()) {
            report::gone(endpoint);
        }
    }
}

/// The connection state of an answer, the last one if there are several (event-handlers.md §4.4).
fn state(headers: &HeaderMap) -> Result<Option<Bytes>, Failure> {
    let lines = headers.get_all(HeaderName::from_static(header::CONNECTION_STATE));
    let Some(state) = lines.iter().next_back() else { return Ok(None) };
    if state.len() > STATE_BYTES_MAX {
        return Err(Failure::StateTooLarge(state.len()));
    }
    if state.to_str().is_err() {
        return Err(Failure::StateNotAscii);
    }
    // A copy: the state stays for long, and what it is a part of is larger.
    Ok(Some(Bytes::copy_from_slice(state.as_bytes())))
}

fn reply(headers: &HeaderMap, body: Bytes) -> Result<Option<(Payload, Metadata)>, Failure> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    let lines = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    answer::reply(content_type, lines, body).map_err(Failure::Answer)
}

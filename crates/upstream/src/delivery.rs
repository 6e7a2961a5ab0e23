//! One event on its way to a web server and the answer on its way back (event-handlers.md §6, §7).

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::Full;
use hublet_hub::{ClientEvent, EventKind};
use hublet_wire::cloudevents::header;
use hublet_wire::trace_context::TraceContext;
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::doctor::{KEPT_BYTES_MAX, Record};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::gate::Ticket;
use crate::guard;
use crate::meaning::Meaning;
use crate::node::Upstream;
use crate::observer::{CallSpan, HandlerCall, Notice};
use crate::origin::Origin;
use crate::report;
use crate::resolver::Resolver;
use crate::retry::{self, Step};
use crate::rules::HandlerAuth;
use crate::transport::{ANSWER_BYTES_MAX, Transport, drain, read};
use crate::validation::{Refusal, validate};

/// How long an event of a test or a replay may take at most: somebody waits for it.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Takes events to web servers, in one runtime.
#[derive(Debug)]
pub(crate) struct Delivery {
    upstream: Arc<Upstream>,
    transport: Transport,
}

/// An event for a web server.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) event: Arc<ClientEvent>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) ticket: Ticket,
    /// When it happened, in seconds since 1970.
    pub(crate) time_s: u64,
    pub(crate) purpose: Purpose,
    /// The place in a distributed trace of what caused the event, if it is known.
    pub(crate) parent: Option<TraceContext>,
}

/// Why an event is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It happened to a client.
    Client,
    /// So it did some time ago, and its requests have had this id ever since. The connection may be gone.
    Outbox(String),
    /// Somebody wants to see what happens: it is sent once, whatever is known about the handler, and leaves no trace.
    Trial,
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
        self.deliver_recorded(parcel).await.1
    }

    /// As [`Self::deliver`], with the number that the exchange has in the endpoint's journal.
    pub(crate) async fn deliver_recorded(&self, parcel: &Parcel) -> (u64, Result<Meaning, Failure>) {
        let Parcel { endpoint, event, purpose, .. } = parcel;
        let (began, mut record) = (Instant::now(), Record::new());
        let span = self.upstream.span(parcel.parent.as_ref());
        let limit = match purpose {
            Purpose::Trial => endpoint.handler.timeout.min(TRIAL_TIMEOUT),
            Purpose::Client | Purpose::Outbox(_) => endpoint.handler.timeout,
        };
        let outcome = timeout(limit, self.send(parcel, span.as_ref(), &mut record)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            // What waited here for most of its time says nothing about the handler.
            if record.unanswered_for().is_some_and(|time| time >= limit / 2) {
                self.failed(endpoint);
            }
            Err(record.given_up())
        });
        if let Err(failure) = &outcome {
            report::not_handled(endpoint, event, failure);
        }
        endpoint.counters.count(&outcome);
        if *purpose != Purpose::Trial {
            let status = record.response.as_ref().map(|(status, ..)| *status);
            let duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.upstream.meters().count(&endpoint.hub, &event.kind, status, &outcome, duration_us);
        }
        let number = self.upstream.next_exchange();
        let entry = endpoint.journal.push(number, event, record, outcome.as_ref().err());
        self.upstream.observe(&Notice::Called(HandlerCall::new(&entry, endpoint, span)));
        (number, outcome)
    }

    async fn send(
        &self,
        parcel: &Parcel,
        span: Option<&CallSpan>,
        record: &mut Record,
    ) -> Result<Meaning, Failure> {
        let Parcel { event, endpoint, ticket, purpose, .. } = parcel;
        let pace = self.upstream.pace();
        let is_trial = *purpose == Purpose::Trial;
        if !is_trial && !endpoint.breaker.admits(Instant::now(), pace) {
            return Err(Failure::Gone);
        }
        if !is_trial {
            let maker = self.upstream.request_maker();
            let verdict = self.validated(endpoint, maker.origin(&event.client.host)).await;
            verdict.map_err(Failure::NotValidated)?;
        }
        let _slot = ticket.slot().await;
        let request = record.request.insert(self.request(parcel, span).await?);
        let delays = if is_trial { &[][..] } else { &pace.retry_delays };
        let attempts = &mut record.attempts;
        let body_bytes = usize::try_from(request.body().size_hint().lower()).unwrap_or_default();
        let answer = retry::send(&self.transport, request, delays, |step| {
            attempts.note(&step);
            match step {
                Step::Sent => self.upstream.meters().sent(body_bytes),
                Step::Answered(_) => endpoint.breaker.succeeded(),
                Step::Failed(fault) if fault.is_retried() => self.failed(endpoint),
                Step::Failed(_) => {}
            }
        });
        let (head, body) = answer.await.map_err(Failure::Fault)?.into_parts();
        let response = record.response.insert((head.status, head.headers, Bytes::new()));
        if !head.status.is_success() {
            response.2 = drain(body, KEPT_BYTES_MAX).await;
            return Err(Failure::Status(head.status));
        }
        response.2 = match &event.kind {
            EventKind::Connect(_) | EventKind::User { .. } => {
                read(body, ANSWER_BYTES_MAX).await.map_err(Failure::Fault)?
            }
            EventKind::Connected
            | EventKind::Disconnected { .. }
            | EventKind::GroupJoined(_)
            | EventKind::GroupLeft(_) => drain(body, KEPT_BYTES_MAX).await,
        };
        // Behind the last wait: whoever gives the event up before takes the connection's cookies away for good.
        if *purpose == Purpose::Client && !matches!(event.kind, EventKind::Disconnected { .. }) {
            self.upstream.jars().store(event.client.conn, request.uri(), &response.1, now_s());
        }
        Meaning::of(&event.kind, &response.1, response.2.clone())
    }

    async fn request(
        &self,
        parcel: &Parcel,
        span: Option<&CallSpan>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let Parcel { event, endpoint, time_s, purpose, .. } = parcel;
        let url = endpoint.url(&event.kind);
        let cookies = self.upstream.jars().header(event.client.conn, &url, now_s());
        let request = self.upstream.request_maker().make(event, url, *time_s);
        let mut request = request.map_err(Failure::Unsendable)?.map(Full::new);
        let headers = request.headers_mut();
        if let Some(cookies) = cookies {
            headers.insert(COOKIE, cookies);
        }
        if let Purpose::Outbox(id) = purpose
            && let Ok(id) = HeaderValue::from_str(id)
        {
            headers.insert(HeaderName::from_static(header::REQUEST_ID), id);
        }
        if let Some(span) = span {
            span.put_headers(headers);
        }
        self.authorize(headers, endpoint).await?;
        Ok(request)
    }

    /// Adds what the handler wants as a proof of where requests come from.
    async fn authorize(&self, headers: &mut HeaderMap, endpoint: &Endpoint) -> Result<(), Failure> {
        match &endpoint.handler.auth {
            HandlerAuth::None => {}
            HandlerAuth::Bearer { resource } => {
                let token = self.upstream.tokens().authorization(resource).await.map_err(Failure::Token)?;
                headers.insert(AUTHORIZATION, token);
            }
            HandlerAuth::Header(name, value) => _ = headers.insert(name, value.clone()),
        }
        Ok(())
    }

    async fn validated(&self, endpoint: &Arc<Endpoint>, origin: &str) -> Result<(), Refusal> {
        let attempt = || {
            let (upstream, transport) = (Arc::clone(&self.upstream), self.transport.clone());
            let (endpoint, text) = (Arc::clone(endpoint), origin.to_owned());
            async move {
                let url = endpoint.validation_url();
                if upstream.environment().development
                    && guard::is_on_loopback(&Resolver::default(), url).await
                {
                    report::trusted(&endpoint);
                    return Ok(());
                }
                let pace = upstream.pace();
                let verdict = match Origin::new(&text) {
                    Some(origin) => {
                        validate(&transport, url, &origin, pace.validation_timeout, &pace.retry_delays).await
                    }
                    None => Err(Refusal::Host),
                };
                if let Err(refusal) = &verdict {
                    report::refused(&endpoint, &text, refusal);
                    if let Some((name, text)) = report::refusal_name(&endpoint, refusal) {
                        upstream.observe(&Notice::NotValidated { hub: &endpoint.hub, name, text: &text });
                    }
                }
                verdict
            }
        };
        endpoint.validation(origin).check(self.upstream.pace(), attempt).await
    }

    /// The validation of an endpoint as it goes now, without a second attempt and without anything that is known. A good
    /// one counts for clients too.
    pub(crate) async fn try_validation(&self, endpoint: &Endpoint, origin: &str) -> Result<(), Refusal> {
        let text = origin;
        let origin = Origin::new(text).ok_or(Refusal::Host)?;
        let pace = self.upstream.pace();
        validate(&self.transport, endpoint.validation_url(), &origin, pace.validation_timeout, &[]).await?;
        endpoint.validation(text).settle_good(pace);
        Ok(())
    }

    fn failed(&self, endpoint: &Endpoint) {
        if endpoint.breaker.failed(Instant::now(), self.upstream.pace()) {
            report::gone(endpoint);
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

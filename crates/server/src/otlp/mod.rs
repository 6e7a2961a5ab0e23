//! Traces for OpenTelemetry collectors: a span for each request to the REST API, and one for each call of an event handler,
//! which is told of it by `traceparent` (W3C Trace Context).
//!
//! Spans are made where requests and calls end, and exported by the control thread. Nobody waits for that.

mod encode;
mod export;
mod ids;
mod queue;
mod span;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, StatusCode};
use hublet_upstream::{CallSpan, Client, HandlerCall};
use hublet_wire::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use self::export::Exporter;
use self::ids::Ids;
use self::queue::Queue;
pub(crate) use self::span::ServerSpan;
use self::span::{Span, Value};
use crate::config::Otlp;
use crate::rest::RateLimit;

/// How long a stop waits for the collector.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// Requests that end with 4xx of which there is a span, in a second. Anybody can cause them, and they must not push out
/// everything else.
const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("it is not 0");

/// See the module. One for all shards.
#[derive(Debug)]
pub(crate) struct Spans {
    settings: Otlp,
    ids: Ids,
    queue: Queue,
    refusals: RateLimit,
    /// Set once, by a stop.
    ending: watch::Sender<bool>,
    /// Everything is exported.
    ended: Notify,
}

impl Spans {
    pub(crate) fn new(settings: &Otlp) -> Self {
        Self {
            settings: settings.clone(),
            ids: Ids::new(settings.sample_ratio),
            queue: Queue::default(),
            refusals: RateLimit::new(REFUSALS_PER_SECOND),
            ending: watch::Sender::new(false),
            ended: Notify::new(),
        }
    }

    /// A request begins, on this hub, by this route; `None`: its trace is not recorded.
    pub(crate) fn begin(&self, request: &Parts, hub: Option<&Arc<str>>, route: &str) -> Option<ServerSpan> {
        let parent = parent(&request.headers);
        let own = self.ids.span(parent.as_ref());
        let begin = || ServerSpan::begin(own.clone(), parent.map(|parent| parent.span), request, hub, route);
        own.sampled.then(begin)
    }

    /// It is answered.
    pub(crate) fn finish(&self, span: ServerSpan, status: StatusCode) {
        if !status.is_client_error() || self.refusals.take() {
            self.queue.push(span.end(status));
        }
    }

    /// The place of a call of an event handler, below `parent` if it is known.
    pub(crate) fn call_span(&self, parent: Option<&TraceContext>) -> CallSpan {
        CallSpan { context: self.ids.span(parent), parent: parent.map(|parent| parent.span) }
    }

    /// A call has ended.
    pub(crate) fn called(&self, call: &HandlerCall<'_>) {
        if let Some(span) = call.span().filter(|span| span.context.sampled) {
            self.queue.push(Span::of_call(call, span));
        }
    }

    /// Exports spans until [`Self::flush`]. For the control thread.
    pub(crate) async fn export(&self, client: Client) {
        let mut ending = self.ending.subscribe();
        let mut exporter = Exporter::new(client, &self.settings, self.resource());
        loop {
            let is_ending = tokio::select! {
                () = self.queue.gathered() => false,
                () = ended(&mut ending) => true,
            };
            exporter.drain(&self.queue, &mut ending).await;
            if is_ending {
                exporter.end();
                return self.ended.notify_one();
            }
        }
    }

    /// Waits until what there is has been exported, for at most 2 s. [`Self::export`] must go on meanwhile.
    pub(crate) async fn flush(&self) {
        self.ending.send_replace(true);
        if timeout(FLUSH_TIMEOUT, self.ended.notified()).await.is_err() {
            tracing::warn!("The last spans were not exported in time. Check the collector and `otlp`.");
        }
    }

    /// What this process is.
    fn resource(&self) -> Vec<span::Attribute> {
        let text = |text: String| Value::Text(text.into());
        vec![
            ("service.name", text(self.settings.service_name.clone())),
            ("service.version", Value::Text(env!("CARGO_PKG_VERSION").into())),
            ("service.instance.id", text(format!("{:016x}{:016x}", self.ids.next(), self.ids.next()))),
        ]
    }
}

/// Waits for a stop.
async fn ended(ending: &mut watch::Receiver<bool>) {
    // Its sender lives as long as everything else here.
    let _ = ending.wait_for(|ending| *ending).await;
}

/// The place in a distributed trace that a request has.
pub(crate) fn parent(headers: &HeaderMap) -> Option<TraceContext> {
    let values = |name: &str| headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
    TraceContext::parse(values(TRACEPARENT), values(TRACESTATE))
}

#[cfg(test)]
mod tests;

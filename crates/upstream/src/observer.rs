//! What goes on between the service and event handlers, for whoever looks. No body, no token and no query of a URL is in
//! it, and texts are made only when they are asked for.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use hublet_hub::ClientEvent;
use hublet_wire::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};

use crate::attributes;
use crate::doctor::{Entry, Site, sentence};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::report;

/// Is told of each notice, on the thread where it happens.
pub type Observer = Box<dyn Fn(&Notice<'_>) + Send + Sync>;

/// Says which place a call has in a distributed trace, from that of what caused it; `None`: nothing that is known.
pub type SpanMaker = Box<dyn Fn(Option<&TraceContext>) -> CallSpan + Send + Sync>;

/// The place of a call in a distributed trace (W3C Trace Context). The handler is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSpan {
    /// The call's own.
    pub context: TraceContext,
    /// The span that it is a part of; `None`: it begins the trace.
    pub parent: Option<u64>,
}

impl CallSpan {
    /// Adds what the handler is told.
    pub(crate) fn put_headers(&self, headers: &mut HeaderMap) {
        let Self { context, .. } = self;
        if let Ok(parent) = HeaderValue::from_str(&context.to_string()) {
            headers.insert(HeaderName::from_static(TRACEPARENT), parent);
        }
        if !context.state.is_empty()
            && let Ok(state) = HeaderValue::from_str(&context.state)
        {
            headers.insert(HeaderName::from_static(TRACESTATE), state);
        }
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum Notice<'a> {
    /// An event was sent, or could not be sent.
    Called(HandlerCall<'a>),
    /// A handler does not say that it wants events.
    NotValidated {
        /// Lower-cased name of the hub.
        hub: &'a str,
        /// `AbuseProtectionResponse…`, as the cloud service has it (operations.md §4).
        name: &'static str,
        /// Its text (operations.md §17).
        text: &'a str,
    },
}

/// One exchange with a handler, all attempts together.
#[derive(Debug)]
pub struct HandlerCall<'a> {
    entry: &'a Entry,
    endpoint: &'a Endpoint,
    span: Option<CallSpan>,
}

/// One attempt of an exchange, with times since the beginning of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// When it was sent.
    pub sent: Duration,
    /// The status of its answer; `None`: there was none.
    pub status: Option<u16>,
}

impl<'a> HandlerCall<'a> {
    pub(crate) fn new(entry: &'a Entry, endpoint: &'a Endpoint, span: Option<CallSpan>) -> Self {
        Self { entry, endpoint, span }
    }

    /// Its place in a distributed trace; `None`: nobody wants to know, see [`crate::Upstream::use_spans`].
    pub fn span(&self) -> Option<&CallSpan> {
        self.span.as_ref()
    }

    /// When it began.
    pub fn began(&self) -> SystemTime {
        self.entry.at
    }

    /// Host and port of the handler, the port only if the URL has one.
    pub fn authority(&self) -> &str {
        self.endpoint.authority()
    }

    /// Whose event it was. What it carried is not to be shown.
    pub fn event(&self) -> &ClientEvent {
        &self.entry.event
    }

    /// The event's name.
    pub fn event_name(&self) -> &str {
        attributes::event_name(&self.entry.event.kind)
    }

    /// The URL template of the handler, without its query.
    pub fn url_template(&self) -> String {
        self.endpoint.shown()
    }

    /// The number of the exchange, as the admin API lists it.
    pub fn exchange(&self) -> u64 {
        self.entry.number
    }

    /// The status of the last answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.entry.response.as_ref().map(|(status, ..)| status.as_u16())
    }

    /// How long it took, waiting and retries included.
    pub fn duration(&self) -> Duration {
        self.entry.took
    }

    /// How often it was sent.
    pub fn attempts(&self) -> usize {
        self.entry.attempts.len()
    }

    /// Each time that it was sent.
    pub fn each_attempt(&self) -> impl Iterator<Item = Attempt> {
        self.entry.attempts.iter().map(|attempt| {
            let answer = attempt.ended.as_ref().and_then(|(_, end)| end.as_ref().ok());
            Attempt { sent: attempt.sent, status: answer.map(|status| status.as_u16()) }
        })
    }

    /// Whether the event can be sent again.
    pub fn can_be_replayed(&self) -> bool {
        self.entry.is_whole
    }

    /// Whether the event was not handled.
    pub fn has_failed(&self) -> bool {
        self.entry.failure.is_some()
    }

    /// The cloud service's sentence about an answer that is no success (operations.md §17); `None` for everything else.
    pub fn unexpected_status(&self) -> Option<String> {
        match self.entry.failure {
            Some(Failure::Status(status)) => {
                let text = report::unexpected(&self.entry.event, status);
                Some(text.split_once(": ").map_or_else(|| text.clone(), |(_, text)| text.to_owned()))
            }
            _ => None,
        }
    }

    /// Why the event was not handled, in a word.
    pub fn failure_kind(&self) -> Option<&'static str> {
        self.entry.failure.as_ref().map(Failure::kind)
    }

    /// Why the event was not handled, and what to change.
    pub fn failure(&self) -> Option<String> {
        let site = Site { host: self.endpoint.authority(), origin: &self.entry.event.client.host };
        self.entry.failure.as_ref().map(|failure| sentence(failure, &site))
    }
}

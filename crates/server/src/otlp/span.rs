//! Spans of requests and calls, with the attributes of OpenTelemetry's semantic conventions for HTTP.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::request::Parts;
use http::uri::Authority;
use http::{Method, StatusCode};
use hublet_upstream::{CallSpan, HandlerCall, attributes};
use hublet_wire::trace_context::TraceContext;

/// Longest text of a span, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// What a method is called that HTTP does not have.
const OTHER_METHOD: &str = "_OTHER";

/// What a collector is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) context: TraceContext,
    /// `None`: it begins the trace.
    pub(super) parent: Option<u64>,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: Vec<Attribute>,
    pub(super) events: Vec<SpanEvent>,
    /// Why it is a failure, if it is one; may be empty.
    pub(super) error: Option<String>,
}

pub(super) type Attribute = (&'static str, Value);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(Cow<'static, str>),
    Number(u64),
}

/// Which side of a request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Client,
}

/// Something within a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SpanEvent {
    pub(super) time_ns: u64,
    pub(super) name: &'static str,
    pub(super) attributes: Vec<Attribute>,
}

/// A request while it is answered.
#[derive(Debug)]
pub(crate) struct ServerSpan {
    span: Span,
    began: Instant,
}

impl ServerSpan {
    /// A request of this moment, by this route.
    pub(super) fn begin(
        context: TraceContext,
        parent: Option<u64>,
        request: &Parts,
        hub: Option<&Arc<str>>,
        route: &str,
    ) -> Self {
        let method = known(&request.method);
        let mut attributes = vec![
            ("http.request.method", text(method)),
            ("http.route", text(format!("/{route}"))),
            ("url.path", text(shortened(request.uri.path()).to_owned())),
        ];
        if let Some(hub) = hub {
            attributes.push(("hublet.hub", text(hub.to_string())));
        }
        let name = if method == OTHER_METHOD { "HTTP" } else { method };
        let start_ns = nanoseconds(SystemTime::now());
        let span = Span {
            context,
            parent,
            name: format!("{name} /{route}"),
            kind: Kind::Server,
            start_ns,
            end_ns: start_ns,
            attributes,
            events: Vec::new(),
            error: None,
        };
        Self { span, began: Instant::now() }
    }

    /// It is answered.
    pub(super) fn end(self, status: StatusCode) -> Span {
        let Self { mut span, began } = self;
        span.end_ns = after(span.start_ns, began.elapsed());
        span.attributes.push(("http.response.status_code", Value::Number(status.as_u16().into())));
        if status.is_server_error() {
            span.attributes.push(("error.type", text(status.as_str().to_owned())));
            span.error = Some(String::new());
        }
        span
    }
}

impl Span {
    /// An exchange with an event handler, all attempts together: they are copies of one request.
    pub(super) fn of_call(call: &HandlerCall<'_>, CallSpan { context, parent }: &CallSpan) -> Self {
        let event = call.event();
        let (template, authority) = (call.url_template(), call.authority());
        let path = template.split_once(authority).map_or("/", |(_, path)| path);
        let start_ns = nanoseconds(call.began());
        let mut attributes = vec![
            ("http.request.method", text("POST")),
            ("url.template", text(shortened(path).to_owned())),
            ("cloudevents.event_type", text(attributes::event_type(&event.kind))),
            ("hublet.hub", text(event.client.hub.to_string())),
            // As `hublet hub exchanges` has it.
            ("hublet.exchange", Value::Number(call.exchange())),
        ];
        if let Ok(authority) = authority.parse::<Authority>() {
            let default = if template.starts_with("https:") { 443 } else { 80 };
            let host = authority.host().trim_matches(['[', ']']).to_owned();
            attributes.push(("server.address", text(host)));
            attributes.push(("server.port", Value::Number(authority.port_u16().unwrap_or(default).into())));
        }
        let status = call.status();
        if let Some(status) = status {
            attributes.push(("http.response.status_code", Value::Number(status.into())));
        }
        let resent = call.attempts().saturating_sub(1);
        if resent > 0 {
            attributes.push(("http.request.resend_count", Value::Number(resent as u64)));
        }
        if let Some(kind) = call.failure_kind() {
            let status = status.filter(|_| kind == "status");
            attributes.push(("error.type", status.map_or_else(|| text(kind), |code| text(code.to_string()))));
        }
        Self {
            context: context.clone(),
            parent: *parent,
            name: format!("POST {}", shortened(path)),
            kind: Kind::Client,
            start_ns,
            end_ns: after(start_ns, call.duration()),
            attributes,
            events: if resent > 0 { attempts(call, start_ns) } else { Vec::new() },
            error: call.failure().map(|failure| shortened(&failure).to_owned()),
        }
    }
}

fn attempts(call: &HandlerCall<'_>, start_ns: u64) -> Vec<SpanEvent> {
    let attempts = call.each_attempt().map(|attempt| {
        let status = attempt.status.map(|status| ("http.response.status_code", Value::Number(status.into())));
        SpanEvent {
            time_ns: after(start_ns, attempt.sent),
            name: "attempt",
            attributes: status.into_iter().collect(),
        }
    });
    attempts.collect()
}

/// A method as attributes have it: others could be anything.
fn known(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    known.into_iter().find(|known| method.as_str() == *known).unwrap_or(OTHER_METHOD)
}

fn text(text: impl Into<Cow<'static, str>>) -> Value {
    Value::Text(text.into())
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

/// Since 1970.
fn nanoseconds(at: SystemTime) -> u64 {
    after(0, at.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn after(start_ns: u64, time: Duration) -> u64 {
    start_ns.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

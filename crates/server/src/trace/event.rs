//! One event of the live trace: facts, and the texts that are made of them when somebody reads it.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use hublet_wire::client::Payload;
use hublet_wire::cloudevents::time;
use hublet_wire::id::ConnId;
use hublet_wire::trace_context::TraceContext;

use super::catalogue::Kind;

/// How much of a message is shown.
const PREVIEW_BYTES_MAX: usize = 4 << 10;
/// Longest text that a peer has a part in.
const DETAIL_BYTES_MAX: usize = 1 << 10;

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// When, in milliseconds since 1970.
    pub(crate) time_ms: u64,
    pub(crate) kind: Kind,
    pub(crate) hub: Option<Arc<str>>,
    pub(crate) connection: Option<ConnId>,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) remote: Option<IpAddr>,
    pub(crate) trace_id: Option<TraceId>,
    /// What the text says that no other field has.
    pub(crate) detail: Option<Box<str>>,
    pub(crate) payload: Option<Preview>,
    pub(crate) receivers: Option<usize>,
    pub(crate) http: Option<Box<HttpFacts>>,
    pub(crate) handler: Option<Box<HandlerFacts>>,
    pub(crate) exception: Option<Box<str>>,
}

/// The W3C trace id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId(u128);

impl TraceId {
    /// From `traceparent`; `None` when it is not in the form of the standard.
    pub(crate) fn parse(traceparent: &str) -> Option<Self> {
        TraceContext::parse([traceparent.as_bytes()], []).map(|context| Self(context.trace))
    }
}

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What is told of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preview {
    /// `text`, `json`, `binary` or `protobuf`.
    pub(crate) kind: &'static str,
    pub(crate) bytes: usize,
    /// Its beginning, if that may be shown and is text.
    pub(crate) text: Option<Box<str>>,
}

impl Preview {
    pub(crate) fn of(payload: &Payload, with_text: bool) -> Self {
        let kind = match payload {
            Payload::Text(_) => "text",
            Payload::Json(_) => "json",
            Payload::Binary(_) => "binary",
            Payload::Protobuf(_) => "protobuf",
        };
        let bytes = payload.bytes();
        let is_text = matches!(payload, Payload::Text(_) | Payload::Json(_));
        let text = (with_text && is_text).then(|| {
            let start = &bytes[..bytes.len().min(PREVIEW_BYTES_MAX)];
            match std::str::from_utf8(start) {
                Ok(text) => text,
                // A character may be cut at the end.
                Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
            }
        });
        Self { kind, bytes: bytes.len(), text: text.map(Into::into) }
    }
}

/// A request to the REST API, or a handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HttpFacts {
    pub(crate) method: Box<str>,
    /// Without the query, which may have a token.
    pub(crate) path: Box<str>,
    pub(crate) route: Box<str>,
    pub(crate) status: Option<u16>,
    pub(crate) duration_ms: Option<u64>,
}

/// An exchange with an event handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandlerFacts {
    pub(crate) event: Box<str>,
    pub(crate) url_template: Box<str>,
    pub(crate) status: Option<u16>,
    pub(crate) duration_ms: u64,
    pub(crate) attempts: usize,
    pub(crate) exchange: u64,
    pub(crate) can_be_replayed: bool,
}

impl Event {
    pub(crate) fn new(kind: Kind, time_ms: u64) -> Self {
        Self {
            time_ms,
            kind,
            hub: None,
            connection: None,
            user: None,
            group: None,
            remote: None,
            trace_id: None,
            detail: None,
            payload: None,
            receivers: None,
            http: None,
            handler: None,
            exception: None,
        }
    }

    /// Adds what no other field has, cut if it is long.
    pub(crate) fn detail(mut self, text: &str) -> Self {
        self.detail = Some(shortened(text).into());
        self
    }

    /// What it costs to keep, in bytes.
    pub(crate) fn size(&self) -> usize {
        let shared = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len() + 16);
        let own = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let preview = self.payload.as_ref().and_then(|payload| payload.text.as_ref()).map_or(0, |t| t.len());
        let http = self.http.as_ref().map_or(0, |http| {
            size_of::<HttpFacts>() + http.method.len() + http.path.len() + http.route.len()
        });
        let handler = self.handler.as_ref().map_or(0, |handler| {
            size_of::<HandlerFacts>() + handler.event.len() + handler.url_template.len()
        });
        let names = shared(&self.hub) + shared(&self.user) + shared(&self.group);
        size_of::<Self>() + names + own(&self.detail) + own(&self.exception) + preview + http + handler
    }

    /// What stands at a place of the text.
    pub(crate) fn value(&self, place: &str) -> String {
        let http = self.http.as_deref();
        let handler = self.handler.as_deref();
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let number = |value: Option<u64>| or_none(value.map(|value| value.to_string()));
        match place {
            "detail" => self.detail.as_deref().unwrap_or_default().to_owned(),
            "group" => self.group.as_deref().unwrap_or_default().to_owned(),
            "bytes" => number(self.payload.as_ref().map(|payload| payload.bytes as u64)),
            "receivers" => number(self.receivers.map(|receivers| receivers as u64)),
            "method" => or_none(http.map(|http| http.method.to_string())),
            "route" => or_none(http.map(|http| http.route.to_string())),
            "traceId" => or_none(self.trace_id.map(|id| id.to_string())),
            "event" => or_none(handler.map(|handler| handler.event.to_string())),
            "urlTemplate" => or_none(handler.map(|handler| handler.url_template.to_string())),
            "status" => {
                let status = handler.map_or_else(|| http.and_then(|http| http.status), |h| h.status);
                number(status.map(u64::from))
            }
            "durationMs" => {
                let of_http = || http.and_then(|http| http.duration_ms);
                number(handler.map_or_else(of_http, |handler| Some(handler.duration_ms)))
            }
            _ => String::new(),
        }
    }

    /// The text for people.
    pub(crate) fn message(&self) -> String {
        let template = self.kind.entry().template;
        let mut parts = template.split('{');
        let mut message = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (place, rest) = part.split_once('}').unwrap_or(("", part));
            message.push_str(&self.value(place));
            message.push_str(rest);
        }
        message
    }
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn rfc3339(time_ms: u64) -> String {
    let mut text = time::timestamp(time_ms / 1_000);
    text.pop();
    // Writing to a text cannot fail.
    let _ = write!(text, ".{:03}Z", time_ms % 1_000);
    text
}

/// A text as it is, or its beginning.
pub(super) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(DETAIL_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled() {
        let mut event = Event::new(Kind::SentMessage, 1_788_249_600_123).detail("group g");
        event.receivers = Some(3);
        event.payload = Some(Preview::of(&Payload::Text("hello".into()), true));
        assert_eq!(event.message(), "Sent a message of 5 bytes to group g. Receivers: 3.");
        assert_eq!(rfc3339(event.time_ms), "2026-09-01T08:00:00.123Z");
        let mut event = Event::new(Kind::ReceivedMessageFromRestApi, 0);
        let facts =
            HttpFacts { method: "POST".into(), route: "api/hubs/{hub}/:send".into(), ..HttpFacts::default() };
        event.http = Some(Box::new(facts));
        event.trace_id = TraceId::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(
            event.message(),
            "Received a message 0af7651916cd43dd8448eb211c80319c from REST API: POST api/hubs/{hub}/:send."
        );
    }

    #[test]
    fn trace_ids() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(TraceId::parse(good).unwrap().to_string(), "0af7651916cd43dd8448eb211c80319c");
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn previews_are_cut_between_characters() {
        let long = "é".repeat(PREVIEW_BYTES_MAX);
        let preview = Preview::of(&Payload::Text(format!("x{long}").into()), true);
        assert_eq!(preview.bytes, 2 * PREVIEW_BYTES_MAX + 1);
        let text = preview.text.unwrap();
        assert_eq!(text.len(), PREVIEW_BYTES_MAX - 1);
        assert!(text.ends_with('é'));
        assert_eq!(Preview::of(&Payload::Binary("abc".into()), true).text, None);
        assert_eq!(Preview::of(&Payload::Text("abc".into()), false).text, None);
    }

    #[test]
    fn what_is_kept_is_charged() {
        let small = Event::new(Kind::ConnectionStarted, 0);
        let mut large = Event::new(Kind::ReceivedMessageFromClient, 0).detail(&"d".repeat(5_000));
        large.payload = Some(Preview::of(&Payload::Text("x".repeat(1 << 20).into()), true));
        large.user = Some("u".repeat(100).into());
        let extra = large.size() - small.size();
        assert_eq!(extra, DETAIL_BYTES_MAX + PREVIEW_BYTES_MAX + 116);
    }
}

//! An exchange as it is shown: for people, and without secrets.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hublet_hub::EventKind;
use hublet_wire::cloudevents::time;
use serde::Serialize;

use super::diagnosis::{Site, fault_sentence, sentence};
use super::journal::{Entry, Kept};
use super::mask;
use crate::attributes;
use crate::endpoint::Endpoint;

/// One event, the requests that were made for it, and what came of them. Secrets are masked, and URLs have no query.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// Names it, for a replay.
    pub id: String,
    /// When it began: RFC 3339, in UTC, with milliseconds.
    pub time: String,
    /// Name of the event.
    pub event: String,
    /// `ce-type` of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The connection.
    pub connection_id: String,
    /// Number of the event within the connection.
    pub event_id: u64,
    /// The handler.
    pub url_template: String,
    /// Status of the last answer.
    pub status: Option<u16>,
    /// Whether the event was handled.
    pub ok: bool,
    /// What came of it, and what to change.
    pub sentence: String,
    /// How long it took, waiting and retries included.
    pub duration_ms: u64,
    /// All attempts, in order.
    pub attempts: Vec<Attempt>,
    /// What was sent, if anything was.
    pub request: Option<Message>,
    /// What came back last.
    pub response: Option<Message>,
    /// Whether it can be sent again.
    pub can_be_replayed: bool,
}

/// One attempt of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it was sent, since the beginning of the exchange.
    pub sent_after_ms: u64,
    /// How long it took; absent: it was given up.
    pub duration_ms: Option<u64>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
}

/// A request or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Values by name.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The first 4 KiB; absent: it is not text, or may hold secrets of the client.
    pub body: Option<String>,
    /// How long it was; of an answer that did not matter, how much was read.
    pub body_bytes: usize,
    /// Whether `body` is all of it.
    pub is_body_whole: bool,
}

impl Exchange {
    pub(super) fn of(entry: &Entry, endpoint: &Endpoint, origin: &str) -> Self {
        let site = Site { host: endpoint.authority(), origin };
        let is_connect = matches!(entry.event.kind, EventKind::Connect(_));
        let name = attributes::event_name(&entry.event.kind);
        let request = (!entry.request_headers.is_empty()).then(|| Message {
            url: Some(endpoint.shown_url(name)),
            ..message(&entry.request_headers, &entry.request_body, is_connect)
        });
        Self {
            id: entry.number.to_string(),
            time: timestamp(entry.at),
            event: name.to_owned(),
            kind: attributes::event_type(&entry.event.kind).into_owned(),
            connection_id: entry.event.client.conn.to_string(),
            event_id: entry.event.id,
            url_template: endpoint.shown(),
            status: entry.response.as_ref().map(|(status, ..)| status.as_u16()),
            ok: entry.failure.is_none(),
            sentence: match &entry.failure {
                Some(failure) => sentence(failure, &site),
                None => "The handler handled the event.".to_owned(),
            },
            duration_ms: milliseconds(entry.took),
            attempts: entry
                .attempts
                .iter()
                .map(|attempt| Attempt {
                    sent_after_ms: milliseconds(attempt.sent),
                    duration_ms: attempt.ended.as_ref().map(|(ended, _)| milliseconds(*ended - attempt.sent)),
                    status: attempt
                        .ended
                        .as_ref()
                        .and_then(|(_, end)| end.as_ref().ok())
                        .map(|status| status.as_u16()),
                    error: attempt
                        .ended
                        .as_ref()
                        .and_then(|(_, end)| end.as_ref().err())
                        .map(|fault| fault_sentence(fault, &site)),
                })
                .collect(),
            request,
            response: entry.response.as_ref().map(|(_, headers, body)| message(headers, body, false)),
            can_be_replayed: entry.is_whole,
        }
    }
}

fn message(headers: &http::HeaderMap, body: &Kept, is_connect: bool) -> Message {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in mask::headers(headers) {
        shown.entry(name).or_default().push(value);
    }
    let text = if is_connect { mask::connect_body(&body.bytes) } else { mask::body(&body.bytes) };
    Message { url: None, headers: shown, body: text, body_bytes: body.length, is_body_whole: body.is_whole() }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339 with milliseconds.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = time::timestamp(since.as_secs());
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), since.subsec_millis())
}

//! An event as the admin API shows it.

use serde::Serialize;

use super::event::{Event, rfc3339};

/// See the module. What is unknown is absent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document<'a> {
    id: u64,
    time: String,
    category: &'static str,
    name: &'static str,
    level: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receivers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<Handler<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Payload<'a> {
    r#type: &'static str,
    bytes: usize,
    text: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Handler<'a> {
    event: &'a str,
    url_template: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    duration_ms: u64,
    attempts: usize,
    exchange_id: String,
    can_be_replayed: bool,
}

impl<'a> Document<'a> {
    pub(crate) fn new(id: u64, event: &'a Event) -> Self {
        let entry = event.kind.entry();
        Self {
            id,
            time: rfc3339(event.time_ms),
            category: entry.category.name(),
            name: entry.name,
            level: entry.level.name(),
            message: event.message(),
            hub: event.hub.as_deref(),
            connection_id: event.connection.map(|id| id.to_string()),
            user_id: event.user.as_deref(),
            group: event.group.as_deref(),
            remote_address: event.remote.map(|address| address.to_string()),
            trace_id: event.trace_id.map(|id| id.to_string()),
            payload: event.payload.as_ref().map(|payload| Payload {
                r#type: payload.kind,
                bytes: payload.bytes,
                text: payload.text.as_deref(),
            }),
            receivers: event.receivers,
            http: event.http.as_deref().map(|http| Http {
                method: &http.method,
                path: &http.path,
                route: &http.route,
                status: http.status,
                duration_ms: http.duration_ms,
            }),
            handler: event.handler.as_deref().map(|handler| Handler {
                event: &handler.event,
                url_template: &handler.url_template,
                status: handler.status,
                duration_ms: handler.duration_ms,
                attempts: handler.attempts,
                exchange_id: handler.exchange.to_string(),
                can_be_replayed: handler.can_be_replayed,
            }),
            exception: event.exception.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Kind;
    use super::*;

    #[test]
    fn what_is_unknown_is_absent() {
        let event = Event::new(Kind::ConnectionStarted, 1_000);
        assert_eq!(
            serde_json::to_value(Document::new(7, &event)).unwrap(),
            serde_json::json!({
                "id": 7,
                "time": "1970-01-01T00:00:01.000Z",
                "category": "ConnectivityLogs",
                "name": "ConnectionStarted",
                "level": "Informational",
                "message": "Connection started.",
            })
        );
    }
}

//! The form of a record (operations.md §4). No message is ever in it.

use serde::Serialize;

use super::super::event::{Event, rfc3339};

/// What all records say.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) resource_id: String,
    pub(super) location: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    time: String,
    level: &'static str,
    resource_id: &'a str,
    location: &'a str,
    category: &'static str,
    operation_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_ip_address: Option<String>,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    message: String,
    collection: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_template: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl Form {
    /// The record of an event as a line.
    pub(super) fn line(&self, event: &Event) -> Vec<u8> {
        let entry = event.kind.entry();
        let (http, handler) = (event.http.as_deref(), event.handler.as_deref());
        // Seven digits, as Azure writes them.
        let time = rfc3339(event.time_ms).replace('Z', "0000Z");
        let record = Record {
            time,
            level: entry.level.name(),
            resource_id: &self.resource_id,
            location: &self.location,
            category: entry.category.name(),
            operation_name: entry.name,
            caller_ip_address: event.remote.map(|address| address.to_string()),
            properties: Properties {
                message: event.message(),
                collection: entry.collection,
                connection_id: event.connection.map(|id| id.to_string()),
                user_id: event.user.as_deref(),
                hub: event.hub.as_deref(),
                route_template: http.map(|http| &*http.route),
                http_method: http.map(|http| &*http.method),
                url: http.map(|http| &*http.path),
                status_code: http.map_or_else(|| handler.and_then(|h| h.status), |http| http.status),
                duration: http
                    .map_or_else(|| handler.map(|handler| handler.duration_ms), |http| http.duration_ms),
                trace_id: event.trace_id.map(|id| id.to_string()),
            },
        };
        // Texts and numbers always serialise.
        let mut line = serde_json::to_vec(&record).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use hublet_wire::client::Payload;
    use serde_json::Value;

    use super::super::super::catalogue::Kind;
    use super::super::super::event::Preview;
    use super::*;

    #[test]
    fn the_form_is_azures() {
        let form = Form { resource_id: "/R".to_owned(), location: "here".to_owned() };
        let mut event = Event::new(Kind::ConnectionStarted, 1_788_249_600_123);
        event.hub = Some("chat".into());
        event.user = Some("alice".into());
        event.remote = Some([167, 220, 255, 79].into());
        assert_eq!(
            String::from_utf8(form.line(&event)).unwrap(),
            "{\"time\":\"2026-09-01T08:00:00.1230000Z\",\"level\":\"Informational\",\"resourceId\":\"/R\",\
             \"location\":\"here\",\"category\":\"ConnectivityLogs\",\"operationName\":\"ConnectionStarted\",\
             \"callerIpAddress\":\"167.220.255.79\",\"properties\":{\"message\":\"Connection started.\",\
             \"collection\":\"Connection\",\"userId\":\"alice\",\"hub\":\"chat\"}}\n"
        );
    }

    #[test]
    fn messages_are_not_in_it() {
        let form = Form { resource_id: "/R".to_owned(), location: "here".to_owned() };
        let mut event = Event::new(Kind::ReceivedMessageFromClient, 0).detail("group g");
        event.payload = Some(Preview::of(&Payload::Text("secret".into()), true));
        let line: Value = serde_json::from_slice(&form.line(&event)).unwrap();
        assert!(!line.to_string().contains("secret"), "{line}");
        let message = "Received a message of 6 bytes from the client for group g.";
        assert_eq!(line["properties"]["message"], message);
    }
}

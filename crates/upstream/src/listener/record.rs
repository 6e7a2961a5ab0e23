//! A client event as listeners get it, whatever way it goes (event-handlers.md §8).

use std::borrow::Cow;

use bytes::Bytes;
use hublet_hub::{ClientEvent, EventKind};
use hublet_wire::client::Payload;
use hublet_wire::cloudevents::header::METADATA_PREFIX;
use hublet_wire::cloudevents::time::timestamp;
use hublet_wire::cloudevents::{
    self, CONTENT_TYPE_JSON, TYPE_CONNECT, TYPE_CONNECTED, TYPE_DISCONNECTED, TYPE_GROUP_JOINED,
    TYPE_GROUP_LEFT, TYPE_USER_PREFIX,
};

/// What a listener gets of an event: no signature and no cookies.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// Unlike the event's id unique in the whole service.
    #[cfg_attr(not(feature = "amqp"), allow(dead_code, reason = "only AMQP has it"))]
    pub(super) message_id: String,
    /// Events with the same key stay in order.
    #[cfg_attr(not(feature = "amqp"), allow(dead_code, reason = "only AMQP has it"))]
    pub(super) partition_key: String,
    /// Name of the event without what its type says.
    pub(super) event_name: &'a str,
    /// The attribute `datacontenttype`; text has no charset here.
    pub(super) content_type: &'static str,
    /// The other attributes of the CloudEvent, by their names in lower case.
    pub(super) attributes: Vec<(&'static str, Cow<'a, str>)>,
    /// What the client sent along, by lower-cased key.
    pub(super) metadata: Vec<(String, &'a str)>,
    /// The data.
    pub(super) body: Bytes,
}

impl<'a> Record<'a> {
    /// An event that happened at this time, in seconds since 1970.
    pub(super) fn new(event: &'a ClientEvent, at_s: u64) -> Self {
        let mut metadata = Vec::new();
        let system = |kind: &'static str, name, body| (kind.into(), name, CONTENT_TYPE_JSON, body);
        let (kind, name, content_type, body): (Cow<'a, str>, &'a str, _, _) = match &event.kind {
            EventKind::Connect(body) => system(TYPE_CONNECT, "connect", body.clone()),
            EventKind::Connected => system(TYPE_CONNECTED, "connected", cloudevents::connected_body()),
            EventKind::Disconnected { reason } => {
                system(TYPE_DISCONNECTED, "disconnected", cloudevents::disconnected_body(reason))
            }
            EventKind::GroupJoined(group) => {
                system(TYPE_GROUP_JOINED, "joined", cloudevents::group_body(group))
            }
            EventKind::GroupLeft(group) => system(TYPE_GROUP_LEFT, "left", cloudevents::group_body(group)),
            EventKind::User { name, payload, metadata: pairs, .. } => {
                for (key, value) in pairs {
                    put(&mut metadata, key.to_ascii_lowercase(), value);
                }
                let kind = format!("{TYPE_USER_PREFIX}{name}").into();
                (kind, name, content_type(payload), payload.bytes().clone())
            }
        };
        let client = &event.client;
        let connection = client.conn.to_string();
        let mut attributes: Vec<(&'static str, Cow<'a, str>)> = vec![
            ("specversion", cloudevents::VERSION.into()),
            ("awpsversion", cloudevents::VERSION.into()),
            ("type", kind),
            ("source", cloudevents::source(&client.hub, &client.conn).into()),
            ("id", event.id.to_string().into()),
            ("time", timestamp(at_s).into()),
            ("hub", (&*client.hub).into()),
            ("eventname", name.into()),
            ("connectionid", connection.clone().into()),
        ];
        let state = client.state.as_deref().map(String::from_utf8_lossy);
        for (name, value) in [
            ("userid", client.user.as_deref().map(Cow::Borrowed)),
            ("subprotocol", client.subprotocol.as_deref().map(Cow::Borrowed)),
            ("connectionstate", state),
        ] {
            attributes.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value)));
        }
        Self {
            message_id: format!("{connection}/{}", event.id),
            partition_key: connection,
            event_name: name,
            content_type,
            attributes,
            metadata,
            body,
        }
    }

    /// The metadata under the names that it has outside of the attributes.
    pub(super) fn metadata_properties(&self) -> impl Iterator<Item = (String, &'a str)> {
        self.metadata.iter().map(|(key, value)| (format!("{METADATA_PREFIX}{key}"), *value))
    }
}

/// The last one of several keys that differ in case counts, as in headers (event-handlers.md §4.1).
fn put<'a>(metadata: &mut Vec<(String, &'a str)>, key: String, value: &'a str) {
    match metadata.iter_mut().find(|(known, _)| *known == key) {
        Some((_, known)) => *known = value,
        None => metadata.push((key, value)),
    }
}

/// As for handlers, but without a charset (event-handlers.md §8).
fn content_type(payload: &Payload) -> &'static str {
    match payload {
        Payload::Text(_) => "text/plain",
        _ => cloudevents::content_type(payload),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use hublet_hub::ClientInfo;
    use hublet_wire::client::Metadata;
    use hublet_wire::id::ConnId;

    use super::*;

    pub(in crate::listener) fn event(kind: EventKind) -> ClientEvent {
        let conn = ConnId { nonce: [7; 11], shard: 1, slot: 2, node: 3 };
        let client = ClientInfo {
            conn,
            hub: "chat".into(),
            user: None,
            subprotocol: None,
            host: "wps.example".into(),
            state: None,
        };
        ClientEvent { client, id: 4, kind }
    }

    pub(in crate::listener) fn user_event(name: &str, payload: Payload, metadata: Metadata) -> ClientEvent {
        event(EventKind::User { name: name.into(), payload, metadata, invoked: false })
    }

    fn record(event: &ClientEvent) -> Record<'_> {
        Record::new(event, 1_788_249_600)
    }

    fn attributes(record: &Record<'_>) -> Vec<(&'static str, String)> {
        record.attributes.iter().map(|(name, value)| (*name, value.clone().into_owned())).collect()
    }

    #[test]
    fn the_table_of_the_reference() {
        let mut event = user_event("greet", Payload::Text("hi".into()), Metadata::new());
        let id = event.client.conn.to_string();
        let source = format!("/hubs/chat/client/{id}");
        let always = [
            ("specversion", "1.0"),
            ("awpsversion", "1.0"),
            ("type", "azure.webpubsub.user.greet"),
            ("source", &source),
            ("id", "4"),
            ("time", "2026-09-01T08:00:00Z"),
            ("hub", "chat"),
            ("eventname", "greet"),
            ("connectionid", &id),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let found = record(&event);
        assert_eq!(found.message_id, format!("{id}/4"));
        assert_eq!(found.partition_key, id);
        assert_eq!((found.content_type, &*found.body), ("text/plain", &b"hi"[..]));
        assert_eq!(attributes(&found), always);

        // Only if there is something in them.
        event.client.user = Some("".into());
        event.client.subprotocol = Some("".into());
        event.client.state = Some(Bytes::new());
        assert_eq!(attributes(&record(&event)), always);
        event.client.user = Some("用户".into());
        event.client.subprotocol = Some("json.webpubsub.azure.v1".into());
        event.client.state = Some("eyJrIjoxfQ==".into());
        let more = [
            ("userid", "用户"),
            ("subprotocol", "json.webpubsub.azure.v1"),
            ("connectionstate", "eyJrIjoxfQ=="),
        ];
        let more = more.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(attributes(&record(&event)), [&always[..], &more].concat());
    }

    #[test]
    fn system_events() {
        let connected = event(EventKind::Connected);
        let found = record(&connected);
        assert_eq!((found.content_type, &*found.body), ("application/json", &b"{}"[..]));
        assert!(found.attributes.contains(&("type", "azure.webpubsub.sys.connected".into())));
        assert!(found.attributes.contains(&("eventname", "connected".into())));

        let disconnected = event(EventKind::Disconnected { reason: "a \"b\"".into() });
        let found = record(&disconnected);
        assert_eq!((found.content_type, &*found.body), ("application/json", &br#"{"reason":"a \"b\""}"#[..]));
        assert!(found.attributes.contains(&("type", "azure.webpubsub.sys.disconnected".into())));
        assert!(found.attributes.contains(&("eventname", "disconnected".into())));
    }

    #[test]
    fn content_types_and_bytes() {
        for (payload, content_type) in [
            (Payload::Text("é".into()), "text/plain"),
            (Payload::Json("[1, 2]".into()), "application/json"),
            (Payload::Binary(vec![0, 255].into()), "application/octet-stream"),
            (Payload::Protobuf(vec![10, 0].into()), "application/x-protobuf"),
        ] {
            let bytes = payload.bytes().clone();
            let event = user_event("e", payload, Metadata::new());
            let found = record(&event);
            assert_eq!((found.content_type, &found.body), (content_type, &bytes));
        }
    }

    #[test]
    fn metadata_keeps_its_values() {
        let pairs = [("Trace-Id", " a, b "), ("n", ""), ("trace-id", "last")];
        let metadata = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        let event = user_event("e", Payload::Text("".into()), metadata);
        let found: Vec<(String, &str)> = record(&event).metadata_properties().collect();
        let expected = [("x-webpubsub-metadata-trace-id", "last"), ("x-webpubsub-metadata-n", "")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn a_state_that_is_no_text_is_shown_as_far_as_it_is() {
        let mut event = event(EventKind::Connected);
        event.client.state = Some(vec![b'a', 0xff].into());
        assert!(record(&event).attributes.contains(&("connectionstate", "a\u{fffd}".into())));
    }
}

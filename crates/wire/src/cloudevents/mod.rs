//! Client events as CloudEvents, and the answers of event handlers (event-handlers.md §4 to §6). No I/O, no cryptography.

pub mod answer;
pub mod connect;
pub mod header;
pub mod time;

use bytes::Bytes;
use serde::Serialize;

use crate::client::Payload;
use crate::id::ConnId;

/// `ce-specversion` and `ce-awpsversion` (event-handlers.md §4.1).
pub const VERSION: &str = "1.0";

/// `ce-type` of `connect` (event-handlers.md §2).
pub const TYPE_CONNECT: &str = "azure.webpubsub.sys.connect";
/// `ce-type` of `connected`.
pub const TYPE_CONNECTED: &str = "azure.webpubsub.sys.connected";
/// `ce-type` of `disconnected`.
pub const TYPE_DISCONNECTED: &str = "azure.webpubsub.sys.disconnected";
/// `ce-type` of a group's `joined` (event-handlers.md §5.7).
pub const TYPE_GROUP_JOINED: &str = "azure.webpubsub.gp.joined";
/// `ce-type` of a group's `left`.
pub const TYPE_GROUP_LEFT: &str = "azure.webpubsub.gp.left";
/// `ce-type` of a user event, before its name.
pub const TYPE_USER_PREFIX: &str = "azure.webpubsub.user.";

/// `Content-Type` of system events and group events (event-handlers.md §4.1).
pub const CONTENT_TYPE_JSON: &str = "application/json";

/// `ce-source`, always in the long form (event-handlers.md §0.1).
pub fn source(hub: &str, conn: &ConnId) -> String {
    format!("/hubs/{hub}/client/{conn}")
}

/// `Content-Type` of a user event (event-handlers.md §5.4).
pub fn content_type(payload: &Payload) -> &'static str {
    match payload {
        Payload::Text(_) => "text/plain; charset=utf-8",
        Payload::Json(_) => CONTENT_TYPE_JSON,
        Payload::Binary(_) => "application/octet-stream",
        Payload::Protobuf(_) => "application/x-protobuf",
    }
}

/// Body of `connected`: an official middleware fails on an empty one (event-handlers.md §5.2).
pub fn connected_body() -> Bytes {
    Bytes::from_static(b"{}")
}

/// Body of `disconnected` (event-handlers.md §5.3).
pub fn disconnected_body(reason: &str) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        reason: &'a str,
    }
    json(&Body { reason })
}

/// Body of a group's `joined` and `left` (event-handlers.md §5.7).
pub fn group_body(group: &str) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        group: &'a str,
    }
    json(&Body { group })
}

fn json(body: &impl Serialize) -> Bytes {
    // Strings, lists and maps of strings always serialise, so there is no error to report.
    serde_json::to_vec(body).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_system_and_group_events() {
        assert_eq!(connected_body(), "{}");
        assert_eq!(disconnected_body(""), r#"{"reason":""}"#);
        assert_eq!(disconnected_body("a \"b\"\n用户"), r#"{"reason":"a \"b\"\n用户"}"#);
        assert_eq!(group_body("room\\1"), r#"{"group":"room\\1"}"#);
    }

    #[test]
    fn content_types_of_user_events() {
        for (kind, expected) in [
            (Payload::Text as fn(Bytes) -> Payload, "text/plain; charset=utf-8"),
            (Payload::Json, "application/json"),
            (Payload::Binary, "application/octet-stream"),
            (Payload::Protobuf, "application/x-protobuf"),
        ] {
            assert_eq!(content_type(&kind(Bytes::new())), expected);
        }
    }

    #[test]
    fn the_source_has_hub_and_connection() {
        let conn = ConnId { nonce: [0; 11], shard: 0, slot: 0, node: 1 };
        assert_eq!(source("chat", &conn), format!("/hubs/chat/client/{conn}"));
    }
}

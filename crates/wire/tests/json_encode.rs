//! Messages of the JSON subprotocol, byte by byte (client-protocols.md §3.5).
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use bytes::Bytes;
use hublet_wire::client::{AckError, Format, GroupAction, Message, MessageFrom, Metadata, Payload};
use hublet_wire::id::ConnId;
use hublet_wire::ws::{Decoder, Event, Role, encode_message};
use hublet_wire::ws::{FRAGMENT_BYTES_MAX, Opcode};
use proptest::prelude::*;
use serde_json::Value;

const JSON: Format = Format::Json;

/// The text of the one message in `frames`.
fn text(frames: &Bytes) -> String {
    let mut decoder = Decoder::new(Role::Client, 1 << 24);
    let mut bytes = frames.to_vec();
    let mut input = bytes.as_mut_slice();
    let text = match decoder.next(&mut input) {
        Ok(Some(Event::Text(text))) => text.to_owned(),
        other => unreachable!("not a text message: {other:?}"),
    };
    assert_eq!(decoder.next(&mut input), Ok(None));
    assert!(decoder.is_idle());
    text
}

fn message_frame(from: MessageFrom<'_>, payload: &Payload, metadata: &Metadata) -> Bytes {
    JSON.message_frame(&Message { from, payload, metadata, stream: None })
}

fn group<'a>(group: &'a str, from_user: Option<&'a str>) -> MessageFrom<'a> {
    MessageFrom::Group { group, from_user }
}

#[test]
fn data_messages() {
    let none = Metadata::new();
    let trace = vec![("trace".to_owned(), "7".to_owned()), ("A".to_owned(), "\"\\".to_owned())];
    let server = MessageFrom::Server;
    for (from, payload, metadata, expected) in [
        (
            server,
            Payload::Text("Hello".into()),
            &none,
            r#"{"type":"message","from":"server","dataType":"text","data":"Hello"}"#,
        ),
        (
            server,
            Payload::Binary(Bytes::from_static(&[5, 1, 1])),
            &none,
            r#"{"type":"message","from":"server","dataType":"binary","data":"BQEB"}"#,
        ),
        (
            server,
            Payload::Protobuf(Bytes::from_static(&[0x12, 0])),
            &none,
            r#"{"type":"message","from":"server","dataType":"protobuf","data":"EgA="}"#,
        ),
        (
            server,
            Payload::Json("null".into()),
            &none,
            r#"{"type":"message","from":"server","dataType":"json","data":null}"#,
        ),
        (
            group("room", Some("alice")),
            Payload::Json(r#"{"a": 1e400}"#.into()),
            &none,
            r#"{"type":"message","from":"group","group":"room","fromUserId":"alice","dataType":"json","data":{"a": 1e400}}"#,
        ),
        (
            group("room", None),
            Payload::Text("via REST".into()),
            &trace,
            r#"{"type":"message","from":"group","group":"room","fromUserId":null,"dataType":"text","data":"via REST","metadata":{"trace":"7","A":"\"\\"}}"#,
        ),
        (
            group("\"ü\\", Some("")),
            Payload::Text("\u{0}\u{8}\u{c}\n\r\t\u{1f}\u{7f}/é𝄞".into()),
            &none,
            "{\"type\":\"message\",\"from\":\"group\",\"group\":\"\\\"ü\\\\\",\"fromUserId\":\"\",\"dataType\":\"text\",\
             \"data\":\"\\u0000\\b\\f\\n\\r\\t\\u001f\u{7f}/é𝄞\"}",
        ),
        (
            server,
            Payload::Text(Bytes::new()),
            &none,
            r#"{"type":"message","from":"server","dataType":"text","data":""}"#,
        ),
        (
            server,
            Payload::Binary(Bytes::new()),
            &none,
            r#"{"type":"message","from":"server","dataType":"binary","data":""}"#,
        ),
    ] {
        assert_eq!(text(&message_frame(from, &payload, metadata)), expected);
    }
}

#[test]
fn system_messages() {
    let id = ConnId { nonce: [7; 11], shard: 1, slot: 2, node: 3 };
    assert_eq!(
        text(&JSON.connected_frame(Some("alice"), &id, None)),
        format!(r#"{{"type":"system","event":"connected","userId":"alice","connectionId":"{id}"}}"#)
    );
    assert_eq!(
        text(&JSON.connected_frame(None, &id, None)),
        format!(r#"{{"type":"system","event":"connected","userId":null,"connectionId":"{id}"}}"#)
    );
    assert_eq!(
        text(&JSON.connected_frame(Some("alice"), &id, Some("a.b-c"))),
        format!(
            r#"{{"type":"system","event":"connected","userId":"alice","connectionId":"{id}","reconnectionToken":"a.b-c"}}"#
        )
    );
    assert_eq!(
        text(&JSON.disconnected_frame("a \"reason\"")),
        r#"{"type":"system","event":"disconnected","message":"a \"reason\""}"#
    );
    assert_eq!(text(&JSON.pong_frame()), r#"{"type":"pong"}"#);
    assert_eq!(JSON.pong_frame(), encode_message(Opcode::Text, br#"{"type":"pong"}"#));
}

#[test]
fn acks() {
    let forbidden = |action| AckError::Forbidden(action, "a \"b\"");
    for (ack_id, error, expected) in [
        (1, None, r#"{"type":"ack","ackId":1,"success":true}"#),
        (0, None, r#"{"type":"ack","ackId":0,"success":true}"#),
        (u64::MAX, None, r#"{"type":"ack","ackId":18446744073709551615,"success":true}"#),
        (
            1,
            Some(forbidden(GroupAction::Join)),
            r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"The client does not have permission to join group 'a \"b\"'."}}"#,
        ),
        (
            1,
            Some(forbidden(GroupAction::Leave)),
            r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"The client does not have permission to leave group 'a \"b\"'."}}"#,
        ),
        (
            1,
            Some(forbidden(GroupAction::Send)),
            r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"The client does not have permission to send to group 'a \"b\"'."}}"#,
        ),
        (
            5,
            Some(AckError::Duplicate(5)),
            r#"{"type":"ack","ackId":5,"success":false,"error":{"name":"Duplicate","message":"Message with ack-id: 5 has been processed"}}"#,
        ),
        (
            2,
            Some(AckError::InternalServerError),
            r#"{"type":"ack","ackId":2,"success":false,"error":{"name":"InternalServerError","message":"Internal server error"}}"#,
        ),
        (
            2,
            Some(AckError::BadRequest("Too much.")),
            r#"{"type":"ack","ackId":2,"success":false,"error":{"name":"BadRequest","message":"Too much."}}"#,
        ),
    ] {
        assert_eq!(text(&JSON.ack_frame(ack_id, error.as_ref())), expected);
    }
}

#[test]
fn long_messages_come_in_fragments() {
    let data = "ü".repeat(150 << 10);
    let frames = message_frame(MessageFrom::Server, &Payload::Text(data.clone().into()), &Metadata::new());
    assert!(frames.len() > 4 * FRAGMENT_BYTES_MAX);
    let value: Value = serde_json::from_str(&text(&frames)).unwrap();
    assert_eq!(value["data"], data);
}

proptest! {
    #[test]
    fn any_text_is_read_back(
        data in "\\PC{0,60}|[\\x00-\\x7f\u{e9}\u{1d11e}]{0,60}",
        name in "\\PC{1,20}",
        user in prop::option::of("[\\x00-\\x7f\u{fc}]{0,20}"),
        metadata in prop::collection::btree_map("[!-~]{1,9}", "[ -~]{0,20}", 0..4),
    ) {
        let pairs: Metadata = metadata.clone().into_iter().collect();
        let frames = message_frame(group(&name, user.as_deref()), &Payload::Text(data.clone().into()), &pairs);
        let value: Value = serde_json::from_str(&text(&frames)).unwrap();
        prop_assert_eq!(&value["data"], &data);
        prop_assert_eq!(&value["group"], &name);
        prop_assert_eq!(value["fromUserId"].as_str(), user.as_deref());
        prop_assert_eq!(value.get("metadata").is_some(), !metadata.is_empty());
        for (key, text) in &metadata {
            prop_assert_eq!(&value["metadata"][key], text);
        }
    }
}

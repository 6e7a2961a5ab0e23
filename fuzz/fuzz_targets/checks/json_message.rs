//! What must hold for every text message: no panic, and what was decoded keeps the rules and survives a round trip.

use hublet_wire::client::{ClientOp, MessageFrom, Metadata, Payload, any, json, raw};
use hublet_wire::name;
use hublet_wire::ws::{Decoder, Event, Role};

/// How a request begins, and how the message that it becomes begins.
const REQUEST: &str = r#"{"type":"sendToGroup","#;
const MESSAGE: &str = r#"{"type":"message","from":"group","#;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match json::decode(text) {
        Ok(ClientOp::SendToGroup { group, payload, metadata, ttl_seconds, .. }) => {
            assert!(ttl_seconds.is_none_or(|ttl| ttl <= 300));
            check_payload(&payload);
            check_metadata(&metadata);
            check_round_trip(group.into_owned(), payload, metadata);
        }
        Ok(ClientOp::Event { event, payload, metadata, .. }) => {
            assert!(name::is_valid_event(&event));
            check_payload(&payload);
            check_metadata(&metadata);
            check_round_trip(event.into_owned(), payload, metadata);
        }
        Ok(ClientOp::JoinGroup { group, .. } | ClientOp::LeaveGroup { group, .. }) => {
            assert!(name::is_valid_group(&group));
        }
        Ok(ClientOp::Ping | ClientOp::SequenceAck { .. } | ClientOp::GroupState { .. }) | Err(_) => {}
    }
}

fn check_payload(payload: &Payload) {
    match payload {
        Payload::Text(text) => assert!(std::str::from_utf8(text).is_ok()),
        Payload::Json(json) => {
            assert!(std::str::from_utf8(json).is_ok_and(|json| json.trim() == json && json != "null"));
        }
        Payload::Binary(_) => {}
        Payload::Protobuf(bytes) => assert!(any::is_any(bytes)),
    }
    raw::message_frame(payload);
}

fn check_metadata(metadata: &Metadata) {
    let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(bytes <= 8 << 10);
    for (index, (key, value)) in metadata.iter().enumerate() {
        assert!((1..=256).contains(&key.len()) && key.is_ascii() && value.len() <= 1_024 && value.is_ascii());
        // Enough of the earlier keys to notice a missing check, few enough to stay quick.
        assert!(metadata[..index].iter().take(50).all(|(earlier, _)| earlier != key));
    }
}

/// The message that receivers get is JSON with the same data: put back into a request, it decodes to the same.
fn check_round_trip(group: String, payload: Payload, metadata: Metadata) {
    let from = MessageFrom::Group { group: &group, from_user: Some("u\"\\\n") };
    let message = text(&json::message_frame(from, &payload, &metadata));
    let members = message.strip_prefix(MESSAGE).expect("the documented beginning");
    let request = format!("{REQUEST}{members}");
    let again = json::decode(&request);
    let sent = ClientOp::SendToGroup {
        group: group.as_str().into(),
        ack_id: None,
        no_echo: false,
        payload,
        metadata,
        ttl_seconds: None,
    };
    assert_eq!(again, Ok(sent), "{message}");
}

/// The text of the one message that `frames` must hold.
fn text(frames: &[u8]) -> String {
    let mut decoder = Decoder::new(Role::Client, usize::MAX >> 1);
    let mut frames = frames.to_vec();
    let mut input = frames.as_mut_slice();
    let text = match decoder.next(&mut input) {
        Ok(Some(Event::Text(text))) => text.to_owned(),
        other => unreachable!("not a text message: {other:?}"),
    };
    assert_eq!(decoder.next(&mut input), Ok(None), "one message");
    text
}

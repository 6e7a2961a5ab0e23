//! What must hold for every text message: no panic, and what was decoded keeps the rules and survives a round trip.

use hublet_wire::client::{Format, json};

use super::request;

/// How a request begins, and how the message that it becomes begins.
const REQUEST: &str = r#"{"type":"sendToGroup","#;
const MESSAGE: &str = r#"{"type":"message","from":"group","#;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(op) = json::decode(text) else { return };
    request::check(&op);
    // The message that receivers get is JSON with the same data: put back into a request, it decodes to the same.
    let Some(published) = request::published(op) else { return };
    let frames = Format::Json.message_frame(&published.message());
    let message = String::from_utf8(request::payload(&frames)).expect("text");
    let members = message.strip_prefix(MESSAGE).expect("the documented beginning");
    let again = format!("{REQUEST}{members}");

    let shared = request::shared_payload(&Format::Json.shared_message(&published.message()), u64::MAX);
    assert_eq!(shared, format!(r#"{{"sequenceId":{},{}"#, u64::MAX, &message[1..]).into_bytes());
    assert_eq!(json::decode(&again), Ok(published.request()), "{message}");
}

//! Messages of the service. Keys stand in the order of client-protocols.md §3.5 and nothing is written but what is
//! shown there, because official tests compare the raw text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::client::{AckError, MessageFrom, Metadata, Payload};
use crate::id::ConnId;
use crate::ws::{MessageWriter, Opcode};

/// Room for the keys and punctuation of the longest message beside its variable parts.
const ENVELOPE_BYTES: usize = 128;

/// A data message as complete frames. It is built in one allocation, which the frames then share.
pub fn message_frame(from: MessageFrom<'_>, payload: &Payload, metadata: &Metadata) -> Bytes {
    let mut writer = MessageWriter::new(Opcode::Text, message_bytes(from, payload, metadata));
    let out = writer.buf();
    match from {
        MessageFrom::Server => put(out, r#"{"type":"message","from":"server""#),
        MessageFrom::Group { group, from_user } => {
            put(out, r#"{"type":"message","from":"group","group":"#);
            put_string(out, group.as_bytes());
            // Written as null for anonymous senders and REST (decision D2).
            put(out, r#","fromUserId":"#);
            put_optional_string(out, from_user);
        }
    }
    match payload {
        Payload::Text(text) => {
            put(out, r#","dataType":"text","data":"#);
            put_string(out, text);
        }
        Payload::Json(json) => {
            put(out, r#","dataType":"json","data":"#);
            out.extend_from_slice(json);
        }
        Payload::Binary(bytes) => {
            put(out, r#","dataType":"binary","data":"#);
            put_base64(out, bytes);
        }
        Payload::Protobuf(any) => {
            put(out, r#","dataType":"protobuf","data":"#);
            put_base64(out, any);
        }
    }
    for (index, (key, value)) in metadata.iter().enumerate() {
        put(out, if index == 0 { r#","metadata":{"# } else { "," });
        put_string(out, key.as_bytes());
        put(out, ":");
        put_string(out, value.as_bytes());
    }
    put(out, if metadata.is_empty() { "}" } else { "}}" });
    writer.finish()
}

/// The first message on a new connection.
pub fn connected_frame(user_id: Option<&str>, connection_id: &ConnId) -> Bytes {
    let mut writer = MessageWriter::new(Opcode::Text, ENVELOPE_BYTES + user_id.map_or(0, string_bytes));
    let out = writer.buf();
    put(out, r#"{"type":"system","event":"connected","userId":"#);
    put_optional_string(out, user_id);
    put(out, r#","connectionId":""#);
    put(out, &connection_id.to_string());
    put(out, r#""}"#);
    writer.finish()
}

/// The last message before the service closes the connection.
pub fn disconnected_frame(message: &str) -> Bytes {
    let mut writer = MessageWriter::new(Opcode::Text, ENVELOPE_BYTES + string_bytes(message));
    let out = writer.buf();
    put(out, r#"{"type":"system","event":"disconnected","message":"#);
    put_string(out, message.as_bytes());
    put(out, "}");
    writer.finish()
}

/// The answer to a request with an ack id. On success there is no `error` key: some clients fail on one.
pub fn ack_frame(ack_id: u64, error: Option<&AckError<'_>>) -> Bytes {
    let message = error.map(ToString::to_string);
    let message_bytes = message.as_deref().map_or(0, string_bytes);
    let mut writer = MessageWriter::new(Opcode::Text, ENVELOPE_BYTES + message_bytes);
    let out = writer.buf();
    put(out, r#"{"type":"ack","ackId":"#);
    put(out, &ack_id.to_string());
    match (error, message) {
        (Some(error), Some(message)) => {
            put(out, r#","success":false,"error":{"name":""#);
            put(out, error_name(error));
            put(out, r#"","message":"#);
            put_string(out, message.as_bytes());
            put(out, "}}");
        }
        _ => put(out, r#","success":true}"#),
    }
    writer.finish()
}

/// The answer to a `ping`.
pub fn pong_frame() -> Bytes {
    Bytes::from_static(b"\x81\x0f{\"type\":\"pong\"}")
}

fn error_name(error: &AckError<'_>) -> &'static str {
    match error {
        AckError::Forbidden(..) => "Forbidden",
        AckError::Duplicate(_) => "Duplicate",
        AckError::InternalServerError => "InternalServerError",
        AckError::BadRequest(_) => "BadRequest",
    }
}

/// At least the bytes of the message, so that its buffer never grows.
fn message_bytes(from: MessageFrom<'_>, payload: &Payload, metadata: &Metadata) -> usize {
    let names = match from {
        MessageFrom::Server => 0,
        MessageFrom::Group { group, from_user } => string_bytes(group) + from_user.map_or(0, string_bytes),
    };
    let data = match payload {
        Payload::Text(text) => escaped_bytes(text) + 2,
        Payload::Json(json) => json.len(),
        Payload::Binary(bytes) | Payload::Protobuf(bytes) => base64_bytes(bytes.len()) + 2,
    };
    let metadata: usize =
        metadata.iter().map(|(key, value)| string_bytes(key) + string_bytes(value) + 2).sum();
    ENVELOPE_BYTES + names + data + metadata
}

/// At least the bytes of `text` as a JSON string.
fn string_bytes(text: &str) -> usize {
    escaped_bytes(text.as_bytes()) + 2
}

/// At least the bytes of `text` inside a JSON string. Each escape is counted as the longest one.
fn escaped_bytes(text: &[u8]) -> usize {
    text.len() + 5 * text.iter().filter(|byte| is_escaped(**byte)).count()
}

fn base64_bytes(len: usize) -> usize {
    len.div_ceil(3) * 4
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn put_optional_string(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_string(out, text.as_bytes()),
        None => put(out, "null"),
    }
}

/// Appends UTF-8 as a JSON string. It is not checked again: whoever made the payload knew that it is text.
fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| is_escaped(*byte)) {
        out.extend_from_slice(&rest[..at]);
        put_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends the bytes as a JSON string of standard base64, encoded where they stay.
fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + base64_bytes(bytes.len()), 0);
    // The room is exactly what the encoding takes, so this cannot fail.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_buffer_never_grows(
            data in "[\\x00-\\x7f\u{fc}]{0,40}",
            name in "[\\x00-\\x7f]{1,20}",
            user in prop::option::of("[\\x00-\\x7f]{0,20}"),
            kind in 0..4,
        ) {
            let bytes = Bytes::from(data);
            let payload = match kind {
                0 => Payload::Text(bytes),
                1 => Payload::Json(bytes),
                2 => Payload::Binary(bytes),
                _ => Payload::Protobuf(bytes),
            };
            let from = MessageFrom::Group { group: &name, from_user: user.as_deref() };
            let metadata = vec![(name.clone(), name.clone()), ("k".to_owned(), String::new())];
            let frame_bytes = message_frame(from, &payload, &metadata).len();
            // The frame has a header of at least two bytes.
            prop_assert!(frame_bytes - 2 <= message_bytes(from, &payload, &metadata));
        }
    }
}

//! Data messages. Keys stand in the order of client-protocols.md §3.5 and nothing is written but what is shown there,
//! because official tests compare the raw text.

use bytes::Bytes;

use super::text::{
    base64_bytes, escaped_bytes, put, put_base64, put_optional_string, put_string, string_bytes,
};
use crate::client::message::StreamError;
use crate::client::shared::{Numbering, SharedMessage};
use crate::client::{Message, MessageFrom, Metadata, Payload, StreamInfo};
use crate::ws::{MessageWriter, Opcode};

/// Room for the keys and punctuation of the longest message beside its variable parts.
pub(super) const ENVELOPE_BYTES: usize = 128;
/// The same for the `stream` of a message.
const STREAM_BYTES: usize = 192;

/// A data message as complete frames. It is built in one allocation, which the frames then share.
pub(in crate::client) fn message_frame(message: &Message<'_>) -> Bytes {
    let mut writer = MessageWriter::new(Opcode::Text, message_bytes(message));
    let out = writer.buf();
    put(out, "{");
    put_message(out, message);
    writer.finish()
}

/// A data message for receivers with sequence ids, which stand first so that everything else is shared.
pub(in crate::client) fn shared_message(message: &Message<'_>) -> SharedMessage {
    let mut rest = Vec::with_capacity(message_bytes(message));
    put_message(&mut rest, message);
    SharedMessage::new(Numbering::Json, rest)
}

/// Everything after the opening brace.
fn put_message(out: &mut Vec<u8>, message: &Message<'_>) {
    match message.from {
        MessageFrom::Server => put(out, r#""type":"message","from":"server""#),
        MessageFrom::Group { group, from_user } => {
            put(out, r#""type":"message","from":"group","group":"#);
            put_string(out, group.as_bytes());
            // Written as null for anonymous senders and REST (decision D2).
            put(out, r#","fromUserId":"#);
            put_optional_string(out, from_user);
        }
    }
    put_payload(out, message.payload, message.metadata);
    if let Some(stream) = message.stream {
        put_stream(out, stream);
    }
    put(out, "}");
}

/// Data type, data and metadata, with a comma before.
pub(super) fn put_payload(out: &mut Vec<u8>, payload: &Payload, metadata: &Metadata) {
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
    if !metadata.is_empty() {
        put(out, "}");
    }
}

fn put_stream(out: &mut Vec<u8>, stream: StreamInfo<'_>) {
    put(out, r#","stream":{"streamId":"#);
    put_string(out, stream.stream_id.as_bytes());
    put(out, r#","streamSequenceId":"#);
    put(out, &stream.sequence_id.to_string());
    if let Some(outcome) = stream.end {
        put(out, r#","endOfStream":true"#);
        if let Some(StreamError { name, message, user_error_code }) = outcome.error() {
            put(out, r#","error":{"name":""#);
            put(out, name);
            put(out, r#"""#);
            for (key, text) in [(r#","message":"#, message), (r#","userErrorCode":"#, user_error_code)] {
                if let Some(text) = text {
                    put(out, key);
                    put_string(out, text.as_bytes());
                }
            }
            put(out, "}");
        }
    }
    put(out, "}");
}

/// At least the bytes of the message, so that its buffer never grows.
fn message_bytes(message: &Message<'_>) -> usize {
    let names = match message.from {
        MessageFrom::Server => 0,
        MessageFrom::Group { group, from_user } => string_bytes(group) + from_user.map_or(0, string_bytes),
    };
    let stream = message.stream.map_or(0, |stream| {
        let error = stream.end.and_then(|outcome| outcome.error());
        let texts = error.map_or([None; 2], |error| [error.message, error.user_error_code]);
        STREAM_BYTES
            + string_bytes(stream.stream_id)
            + texts.into_iter().flatten().map(string_bytes).sum::<usize>()
    });
    ENVELOPE_BYTES + names + payload_bytes(message.payload, message.metadata) + stream
}

/// At least the bytes of data and metadata without their keys.
pub(super) fn payload_bytes(payload: &Payload, metadata: &Metadata) -> usize {
    let data = match payload {
        Payload::Text(text) => escaped_bytes(text) + 2,
        Payload::Json(json) => json.len(),
        Payload::Binary(bytes) | Payload::Protobuf(bytes) => base64_bytes(bytes.len()) + 2,
    };
    let pairs = metadata.iter().map(|(key, value)| string_bytes(key) + string_bytes(value) + 2);
    data + pairs.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::StreamOutcome;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_buffer_never_grows(
            data in "[\\x00-\\x7f\u{fc}]{0,40}",
            name in "[\\x00-\\x7f]{1,20}",
            user in prop::option::of("[\\x00-\\x7f]{0,20}"),
            kind in 0..4,
            end in 0..4,
        ) {
            let bytes = Bytes::from(data);
            let payload = match kind {
                0 => Payload::Text(bytes),
                1 => Payload::Json(bytes),
                2 => Payload::Binary(bytes),
                _ => Payload::Protobuf(bytes),
            };
            let end = match end {
                0 => None,
                1 => Some(StreamOutcome::Complete),
                2 => Some(StreamOutcome::InternalServerError),
                _ => Some(StreamOutcome::UserError { message: Some(&name), user_error_code: Some(&name) }),
            };
            let message = Message {
                from: MessageFrom::Group { group: &name, from_user: user.as_deref() },
                payload: &payload,
                metadata: &vec![(name.clone(), name.clone()), ("k".to_owned(), String::new())],
                stream: Some(StreamInfo { stream_id: &name, sequence_id: u64::MAX, end }),
            };
            // The frame has a header of at least two bytes.
            prop_assert!(message_frame(&message).len() - 2 <= message_bytes(&message));
        }
    }
}

//! Data messages (client-protocols.md §4.3).

use bytes::Bytes;

use super::write::{Out, bytes_tag, count, number_tag};
use crate::client::message::StreamError;
use crate::client::shared::{Numbering, SharedMessage};
use crate::client::{Message, MessageFrom, Metadata, Payload, StreamInfo};
use crate::ws::{MessageWriter, Opcode};

/// `data_message` in the downstream message, and `sequence_id` in it.
const DATA_MESSAGE: u8 = 2;
const SEQUENCE_ID: u8 = 4;

/// A data message as complete frames.
pub(in crate::client) fn message_frame(message: &Message<'_>) -> Bytes {
    frame(|out| out.message(DATA_MESSAGE, |out| put_message(out, message)))
}

/// A data message for receivers with sequence ids, which stand first so that everything else is shared. Fields may
/// come in any order.
pub(in crate::client) fn shared_message(message: &Message<'_>) -> SharedMessage {
    shared(DATA_MESSAGE, SEQUENCE_ID, |out| put_message(out, message))
}

/// One binary message.
pub(super) fn frame(content: impl Fn(&mut Out<'_>)) -> Bytes {
    let mut writer = MessageWriter::new(Opcode::Binary, count(&content));
    content(&mut Out::Write(writer.buf()));
    writer.finish()
}

/// A message with a sequence id, of which `content` writes the other fields.
pub(super) fn shared(message: u8, sequence_id: u8, content: impl Fn(&mut Out<'_>)) -> SharedMessage {
    let mut rest = Vec::with_capacity(count(&content));
    content(&mut Out::Write(&mut rest));
    let numbering =
        Numbering::Protobuf { message_tag: bytes_tag(message), sequence_tag: number_tag(sequence_id) };
    SharedMessage::new(numbering, rest)
}

fn put_message(out: &mut Out<'_>, message: &Message<'_>) {
    match message.from {
        MessageFrom::Server => out.text(1, "server"),
        // The sender has no field.
        MessageFrom::Group { group, from_user: _ } => {
            out.text(1, "group");
            out.bytes(2, group.as_bytes());
        }
    }
    put_payload(out, 3, message.payload);
    put_metadata(out, 5, message.metadata);
    if let Some(stream) = message.stream {
        out.message(6, |out| put_stream(out, stream));
    }
}

/// The data as its own kind. An empty payload is written too: it says which kind it is.
pub(super) fn put_payload(out: &mut Out<'_>, field: u8, payload: &Payload) {
    let kind = match payload {
        Payload::Text(_) => 1,
        Payload::Binary(_) => 2,
        // The bytes are those of the inner message.
        Payload::Protobuf(_) => 3,
        Payload::Json(_) => 4,
    };
    out.message(field, |out| out.bytes(kind, payload.bytes()));
}

pub(super) fn put_metadata(out: &mut Out<'_>, field: u8, metadata: &Metadata) {
    for (key, value) in metadata {
        out.entry(field, key, value);
    }
}

fn put_stream(out: &mut Out<'_>, stream: StreamInfo<'_>) {
    out.text(1, stream.stream_id);
    out.number(2, stream.sequence_id);
    let Some(outcome) = stream.end else { return };
    out.number(3, 1);
    if let Some(StreamError { name, message, user_error_code }) = outcome.error() {
        out.message(4, |out| {
            out.text(1, name);
            out.text(2, message.unwrap_or_default());
            out.text(3, user_error_code.unwrap_or_default());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_counted_is_what_is_written(
            data in prop::collection::vec(any::<u8>(), 0..300),
            name in "\\PC{0,200}",
            number: u64,
        ) {
            let payload = Payload::Binary(data.into());
            let message = Message {
                from: MessageFrom::Group { group: &name, from_user: None },
                payload: &payload,
                metadata: &vec![(name.clone(), name.clone()), (String::new(), String::new())],
                stream: Some(StreamInfo {
                    stream_id: &name,
                    sequence_id: number,
                    end: Some(crate::client::StreamOutcome::UserError { message: None, user_error_code: Some(&name) }),
                }),
            };
            let mut written = Vec::new();
            put_message(&mut Out::Write(&mut written), &message);
            prop_assert_eq!(written.len(), count(|out| put_message(out, &message)));
        }
    }
}

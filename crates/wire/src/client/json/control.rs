//! Messages that answer a client or tell it of its connection (client-protocols.md §3.5, §3.8, §6).

use bytes::Bytes;

use super::encode::{ENVELOPE_BYTES, payload_bytes, put_payload};
use super::text::{put, put_error, put_optional_string, put_string, string_bytes};
use crate::client::error::{INVALID_SEQUENCE_ID, nack_message};
use crate::client::shared::{Numbering, SharedMessage};
use crate::client::{
    AckError, GroupStateItem, GroupStateKind, InvokeError, Metadata, Payload, StreamClosedError,
};
use crate::id::ConnId;
use crate::ws::{MessageWriter, Opcode};

/// One text message, written by `write` into a buffer of about `variable_bytes` beside keys and punctuation.
fn frame(variable_bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut writer = MessageWriter::new(Opcode::Text, ENVELOPE_BYTES + variable_bytes);
    write(writer.buf());
    writer.finish()
}

pub(in crate::client) fn connected_frame(
    user_id: Option<&str>,
    connection_id: &ConnId,
    reconnection_token: Option<&str>,
) -> Bytes {
    frame(user_id.map_or(0, string_bytes) + reconnection_token.map_or(0, string_bytes), |out| {
        put(out, r#"{"type":"system","event":"connected","userId":"#);
        // Written as null for anonymous clients (decision D1).
        put_optional_string(out, user_id);
        put(out, r#","connectionId":""#);
        put(out, &connection_id.to_string());
        put(out, r#"""#);
        if let Some(token) = reconnection_token {
            put(out, r#","reconnectionToken":"#);
            put_string(out, token.as_bytes());
        }
        put(out, "}");
    })
}

pub(in crate::client) fn disconnected_frame(message: &str) -> Bytes {
    frame(string_bytes(message), |out| {
        put(out, r#"{"type":"system","event":"disconnected","message":"#);
        put_string(out, message.as_bytes());
        put(out, "}");
    })
}

/// On success there is no `error` key: some clients fail on one.
pub(in crate::client) fn ack_frame(ack_id: u64, error: Option<&AckError<'_>>) -> Bytes {
    let message = error.map(ToString::to_string).unwrap_or_default();
    frame(string_bytes(&message), |out| {
        put(out, r#"{"type":"ack","ackId":"#);
        put(out, &ack_id.to_string());
        put_outcome(out, error.map(AckError::name), &message);
        put(out, "}");
    })
}

pub(in crate::client) fn pong_frame() -> Bytes {
    Bytes::from_static(b"\x81\x0f{\"type\":\"pong\"}")
}

pub(in crate::client) fn invoke_response_frame(
    invocation_id: &str,
    result: Result<Option<(&Payload, &Metadata)>, &InvokeError>,
) -> Bytes {
    let message = result.err().map(ToString::to_string).unwrap_or_default();
    let answer = result.ok().flatten();
    let answer_bytes = answer.map_or(0, |(payload, metadata)| payload_bytes(payload, metadata));
    frame(string_bytes(invocation_id) + string_bytes(&message) + answer_bytes, |out| {
        put(out, r#"{"type":"invokeResponse","invocationId":"#);
        put_string(out, invocation_id.as_bytes());
        put_outcome(out, result.err().map(InvokeError::name), &message);
        if let Some((payload, metadata)) = answer {
            put_payload(out, payload, metadata);
        }
        put(out, "}");
    })
}

/// The success of a request, or the name and the message of its error.
fn put_outcome(out: &mut Vec<u8>, error_name: Option<&str>, message: &str) {
    match error_name {
        Some(name) => {
            put(out, r#","success":false"#);
            put_error(out, name, message);
        }
        None => put(out, r#","success":true"#),
    }
}

pub(in crate::client) fn stream_ack_frame(stream_id: &str, expected_sequence_id: u64) -> Bytes {
    frame(string_bytes(stream_id), |out| {
        put(out, r#"{"type":"streamAck","streamId":"#);
        put_string(out, stream_id.as_bytes());
        put_expected(out, expected_sequence_id);
    })
}

pub(in crate::client) fn stream_nack_frame(stream_id: &str, expected_sequence_id: u64) -> Bytes {
    let message = nack_message(expected_sequence_id);
    frame(string_bytes(stream_id) + string_bytes(&message), |out| {
        put(out, r#"{"type":"streamNack","streamId":"#);
        put_string(out, stream_id.as_bytes());
        put(out, r#","name":""#);
        put(out, INVALID_SEQUENCE_ID);
        put(out, r#"","message":"#);
        put_string(out, message.as_bytes());
        put_expected(out, expected_sequence_id);
    })
}

/// The last member of a stream's ack or nack.
fn put_expected(out: &mut Vec<u8>, expected_sequence_id: u64) {
    put(out, r#","expectedSequenceId":"#);
    put(out, &expected_sequence_id.to_string());
    put(out, "}");
}

pub(in crate::client) fn stream_closed_frame(
    stream_id: &str,
    error: Option<&StreamClosedError<'_>>,
) -> Bytes {
    let message = error.map(ToString::to_string).unwrap_or_default();
    frame(string_bytes(stream_id) + string_bytes(&message), |out| {
        put(out, r#"{"type":"streamClosed","streamId":"#);
        put_string(out, stream_id.as_bytes());
        if let Some(error) = error {
            put_error(out, error.name(), &message);
        }
        put(out, "}");
    })
}

pub(in crate::client) fn group_state_frame(
    kind: GroupStateKind,
    group: &str,
    items: &[GroupStateItem<'_>],
) -> Bytes {
    frame(states_bytes(group, items), |out| {
        put(out, "{");
        put_group_state(out, kind, group, items);
    })
}

pub(in crate::client) fn shared_group_state(
    kind: GroupStateKind,
    group: &str,
    items: &[GroupStateItem<'_>],
) -> SharedMessage {
    let mut rest = Vec::with_capacity(ENVELOPE_BYTES + states_bytes(group, items));
    put_group_state(&mut rest, kind, group, items);
    SharedMessage::new(Numbering::Json, rest)
}

/// Everything after the opening brace.
fn put_group_state(out: &mut Vec<u8>, kind: GroupStateKind, group: &str, items: &[GroupStateItem<'_>]) {
    put(
        out,
        match kind {
            GroupStateKind::Snapshot => r#""type":"groupStateSnapshot","group":"#,
            GroupStateKind::Update => r#""type":"groupStateUpdate","group":"#,
        },
    );
    put_string(out, group.as_bytes());
    put(out, r#","items":["#);
    for (index, item) in items.iter().enumerate() {
        put(out, if index == 0 { r#"{"connectionId":""# } else { r#",{"connectionId":""# });
        put(out, &item.connection_id.to_string());
        put(out, r#"""#);
        if let Some(user_id) = item.user_id {
            put(out, r#","userId":"#);
            put_string(out, user_id.as_bytes());
        }
        if let Some(state) = item.state {
            put(out, r#","state":{"#);
            for (index, (key, value)) in state.iter().enumerate() {
                put(out, if index == 0 { "" } else { "," });
                put_string(out, key.as_bytes());
                put(out, ":");
                put_string(out, value.as_bytes());
            }
            put(out, "}");
        }
        put(out, r#","updatedAt":"#);
        put(out, &item.updated_at_ms.to_string());
        put(out, "}");
    }
    put(out, "]}");
}

/// About the bytes of the items; what is escaped or in many small entries may make the buffer grow.
fn states_bytes(group: &str, items: &[GroupStateItem<'_>]) -> usize {
    let item = |item: &GroupStateItem<'_>| {
        ENVELOPE_BYTES + item.user_id.map_or(0, str::len) + item.state.map_or(0, |state| 2 * state.bytes())
    };
    string_bytes(group) + items.iter().map(item).sum::<usize>()
}

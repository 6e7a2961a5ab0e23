//! Messages that answer a client or tell it of its connection (client-protocols.md §4.3).

use bytes::Bytes;

use super::encode::{frame, put_metadata, put_payload, shared};
use super::write::Out;
use crate::client::error::{INVALID_SEQUENCE_ID, nack_message};
use crate::client::shared::SharedMessage;
use crate::client::{
    AckError, GroupStateItem, GroupStateKind, InvokeError, Metadata, Payload, StreamClosedError,
};
use crate::id::ConnId;

/// Fields of the downstream message.
const ACK: u8 = 1;
const SYSTEM: u8 = 3;
const INVOKE_RESPONSE: u8 = 5;
const STREAM_ACK: u8 = 6;
const STREAM_NACK: u8 = 7;
const STREAM_CLOSED: u8 = 8;
const GROUP_STATE_UPDATE: u8 = 9;
const GROUP_STATE_SNAPSHOT: u8 = 10;

pub(in crate::client) fn connected_frame(
    user_id: Option<&str>,
    connection_id: &ConnId,
    reconnection_token: Option<&str>,
) -> Bytes {
    let connection_id = connection_id.to_string();
    frame(|out| {
        out.message(SYSTEM, |out| {
            out.message(1, |out| {
                out.text(1, &connection_id);
                out.text(2, user_id.unwrap_or_default());
                if let Some(token) = reconnection_token {
                    out.bytes(3, token.as_bytes());
                }
            });
        });
    })
}

pub(in crate::client) fn disconnected_frame(message: &str) -> Bytes {
    frame(|out| out.message(SYSTEM, |out| out.message(2, |out| out.text(2, message))))
}

pub(in crate::client) fn ack_frame(ack_id: u64, error: Option<&AckError<'_>>) -> Bytes {
    let message = error.map(ToString::to_string).unwrap_or_default();
    frame(|out| {
        out.message(ACK, |out| {
            if ack_id != 0 {
                out.number(1, ack_id);
            }
            match error {
                Some(error) => put_error(out, 3, error.name(), &message),
                None => out.number(2, 1),
            }
        });
    })
}

pub(in crate::client) fn pong_frame() -> Bytes {
    Bytes::from_static(b"\x82\x02\x22\x00")
}

pub(in crate::client) fn invoke_response_frame(
    invocation_id: &str,
    result: Result<Option<(&Payload, &Metadata)>, &InvokeError>,
) -> Bytes {
    let message = result.err().map(ToString::to_string).unwrap_or_default();
    frame(|out| {
        out.message(INVOKE_RESPONSE, |out| {
            out.text(1, invocation_id);
            match result {
                Ok(answer) => {
                    out.number(2, 1);
                    if let Some((payload, metadata)) = answer {
                        put_payload(out, 3, payload);
                        put_metadata(out, 5, metadata);
                    }
                }
                Err(error) => put_error(out, 4, error.name(), &message),
            }
        });
    })
}

pub(in crate::client) fn stream_ack_frame(stream_id: &str, expected_sequence_id: u64) -> Bytes {
    frame(|out| {
        out.message(STREAM_ACK, |out| {
            out.text(1, stream_id);
            out.number(2, expected_sequence_id);
        });
    })
}

pub(in crate::client) fn stream_nack_frame(stream_id: &str, expected_sequence_id: u64) -> Bytes {
    let message = nack_message(expected_sequence_id);
    frame(|out| {
        out.message(STREAM_NACK, |out| {
            out.text(1, stream_id);
            out.text(2, INVALID_SEQUENCE_ID);
            out.text(3, &message);
            out.number(4, expected_sequence_id);
        });
    })
}

pub(in crate::client) fn stream_closed_frame(
    stream_id: &str,
    error: Option<&StreamClosedError<'_>>,
) -> Bytes {
    let message = error.map(ToString::to_string).unwrap_or_default();
    frame(|out| {
        out.message(STREAM_CLOSED, |out| {
            out.text(1, stream_id);
            if let Some(error) = error {
                put_error(out, 2, error.name(), &message);
            }
        });
    })
}

pub(in crate::client) fn group_state_frame(
    kind: GroupStateKind,
    group: &str,
    items: &[GroupStateItem<'_>],
) -> Bytes {
    frame(|out| out.message(group_state_field(kind), |out| put_group_state(out, group, items)))
}

pub(in crate::client) fn shared_group_state(
    kind: GroupStateKind,
    group: &str,
    items: &[GroupStateItem<'_>],
) -> SharedMessage {
    shared(group_state_field(kind), 3, |out| put_group_state(out, group, items))
}

fn group_state_field(kind: GroupStateKind) -> u8 {
    match kind {
        GroupStateKind::Snapshot => GROUP_STATE_SNAPSHOT,
        GroupStateKind::Update => GROUP_STATE_UPDATE,
    }
}

fn put_group_state(out: &mut Out<'_>, group: &str, items: &[GroupStateItem<'_>]) {
    out.text(1, group);
    for item in items {
        let connection_id = item.connection_id.to_string();
        out.message(2, |out| {
            out.text(1, &connection_id);
            if let Some(user_id) = item.user_id {
                out.bytes(2, user_id.as_bytes());
            }
            if let Some(state) = item.state {
                out.message(3, |out| state.iter().for_each(|(key, value)| out.entry(1, key, value)));
            }
            if item.updated_at_ms != 0 {
                out.number(4, item.updated_at_ms);
            }
        });
    }
}

fn put_error(out: &mut Out<'_>, field: u8, name: &str, message: &str) {
    out.message(field, |out| {
        out.text(1, name);
        out.text(2, message);
    });
}

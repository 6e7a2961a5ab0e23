//! The two byte formats of the subprotocols behind one set of functions.

use bytes::Bytes;

use super::error::{AckError, InvokeError, StreamClosedError};
use super::message::Message;
use super::shared::SharedMessage;
use super::state::{GroupStateItem, GroupStateKind};
use super::{Metadata, Payload, json, protobuf};
use crate::id::ConnId;

/// How requests and messages are written. All frames are complete WebSocket frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON objects in text messages (client-protocols.md §3).
    Json,
    /// Protobuf in binary messages (client-protocols.md §4).
    Protobuf,
}

impl Format {
    /// A data message for clients without sequence ids.
    pub fn message_frame(self, message: &Message<'_>) -> Bytes {
        match self {
            Self::Json => json::message_frame(message),
            Self::Protobuf => protobuf::message_frame(message),
        }
    }

    /// A data message for reliable clients, each of which has its own sequence id.
    pub fn shared_message(self, message: &Message<'_>) -> SharedMessage {
        match self {
            Self::Json => json::shared_message(message),
            Self::Protobuf => protobuf::shared_message(message),
        }
    }

    /// The first message on a socket, with a reconnection token on a reliable connection (client-protocols.md §5.5).
    pub fn connected_frame(self, user: Option<&str>, id: &ConnId, reconnection_token: Option<&str>) -> Bytes {
        match self {
            Self::Json => json::connected_frame(user, id, reconnection_token),
            Self::Protobuf => protobuf::connected_frame(user, id, reconnection_token),
        }
    }

    /// The last message before the service closes the connection.
    pub fn disconnected_frame(self, message: &str) -> Bytes {
        match self {
            Self::Json => json::disconnected_frame(message),
            Self::Protobuf => protobuf::disconnected_frame(message),
        }
    }

    /// The answer to a request with an ack id.
    pub fn ack_frame(self, ack_id: u64, error: Option<&AckError<'_>>) -> Bytes {
        match self {
            Self::Json => json::ack_frame(ack_id, error),
            Self::Protobuf => protobuf::ack_frame(ack_id, error),
        }
    }

    /// The answer to a `ping`.
    pub fn pong_frame(self) -> Bytes {
        match self {
            Self::Json => json::pong_frame(),
            Self::Protobuf => protobuf::pong_frame(),
        }
    }

    /// The answer to an invocation: the handler's answer, if it has any, or why there is none. JSON `null` counts as
    /// no answer (decision D14).
    pub fn invoke_response_frame(
        self,
        invocation_id: &str,
        result: Result<Option<(&Payload, &Metadata)>, &InvokeError>,
    ) -> Bytes {
        let result = result.map(|answer| answer.filter(|(payload, _)| !is_null(payload)));
        match self {
            Self::Json => json::invoke_response_frame(invocation_id, result),
            Self::Protobuf => protobuf::invoke_response_frame(invocation_id, result),
        }
    }

    /// All parts of a stream before this number have arrived. Never more than were sent (client-protocols.md §6.2.4).
    pub fn stream_ack_frame(self, stream_id: &str, expected_sequence_id: u64) -> Bytes {
        match self {
            Self::Json => json::stream_ack_frame(stream_id, expected_sequence_id),
            Self::Protobuf => protobuf::stream_ack_frame(stream_id, expected_sequence_id),
        }
    }

    /// A part of a stream was not taken, because this number was expected.
    pub fn stream_nack_frame(self, stream_id: &str, expected_sequence_id: u64) -> Bytes {
        match self {
            Self::Json => json::stream_nack_frame(stream_id, expected_sequence_id),
            Self::Protobuf => protobuf::stream_nack_frame(stream_id, expected_sequence_id),
        }
    }

    /// A stream is over, for its publisher.
    pub fn stream_closed_frame(self, stream_id: &str, error: Option<&StreamClosedError<'_>>) -> Bytes {
        match self {
            Self::Json => json::stream_closed_frame(stream_id, error),
            Self::Protobuf => protobuf::stream_closed_frame(stream_id, error),
        }
    }

    /// States of a group's members for clients without sequence ids.
    pub fn group_state_frame(self, kind: GroupStateKind, group: &str, items: &[GroupStateItem<'_>]) -> Bytes {
        match self {
            Self::Json => json::group_state_frame(kind, group, items),
            Self::Protobuf => protobuf::group_state_frame(kind, group, items),
        }
    }

    /// States of a group's members for reliable clients, each of which has its own sequence id.
    pub fn shared_group_state(
        self,
        kind: GroupStateKind,
        group: &str,
        items: &[GroupStateItem<'_>],
    ) -> SharedMessage {
        match self {
            Self::Json => json::shared_group_state(kind, group, items),
            Self::Protobuf => protobuf::shared_group_state(kind, group, items),
        }
    }
}

fn is_null(payload: &Payload) -> bool {
    matches!(payload, Payload::Json(json) if json.trim_ascii() == b"null")
}

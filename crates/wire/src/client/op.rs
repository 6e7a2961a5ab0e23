//! What clients ask for, decoded from whichever format they speak, and the rules that no format has for itself.

use std::borrow::Cow;

use bytes::Bytes;

use super::state::GroupState;
use super::{Metadata, Payload};

/// Longest id that a client may choose for an invocation or a stream, in bytes. No source names a limit
/// (client-protocols.md §6); SDKs use counters and UUIDs, and each id is kept as long as what it stands for.
pub const ID_BYTES_MAX: usize = 128;
/// How long a stream may be idle when its start does not say (client-protocols.md §6.2.3).
pub const STREAM_IDLE_TIMEOUT_MS: u32 = 300_000;
/// Longest time a message may wait for a receiver (client-protocols.md §9.4).
pub const TTL_SECONDS_MAX: u16 = 300;

/// The bytes are not a request of the subprotocol; the connection is closed with
/// [`Subprotocol::invalid_message_reason`](super::Subprotocol::invalid_message_reason) (client-protocols.md §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The client message is not a request of its subprotocol.")]
pub struct InvalidMessage;

/// One request of a PubSub client.
///
/// The `Malformed…` requests break a rule but name what an answer can go to: they are refused by that answer, and the
/// connection stays. Everything else that is wrong is an [`InvalidMessage`].
#[derive(Debug, Clone, PartialEq)]
pub enum ClientOp<'a> {
    /// Join a group.
    JoinGroup {
        /// The group, already validated.
        group: Cow<'a, str>,
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
    },
    /// Leave a group.
    LeaveGroup {
        /// The group, already validated.
        group: Cow<'a, str>,
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
    },
    /// Publish to a group.
    SendToGroup {
        /// The group, already validated.
        group: Cow<'a, str>,
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
        /// Leave the sender's own connection out.
        no_echo: bool,
        /// What to publish.
        payload: Payload,
        /// Metadata for the receivers; empty when there is none.
        metadata: Metadata,
        /// Seconds the message may wait for a receiver, 0 to 300; 0 or absent is for ever.
        ttl_seconds: Option<u16>,
    },
    /// An event for the application's event handler.
    Event {
        /// The event name, already validated.
        event: Cow<'a, str>,
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
        /// What to deliver.
        payload: Payload,
        /// Metadata for the handler; empty when there is none.
        metadata: Metadata,
    },
    /// Application-level ping.
    Ping,
    /// Acknowledgement of received messages; without effect on non-reliable protocols.
    SequenceAck {
        /// Highest sequence id the client has seen.
        sequence_id: u64,
    },
    /// An event for the application's event handler, whose answer is the answer to this request
    /// (client-protocols.md §6.1).
    Invoke {
        /// The client's name for the answer, 1 to [`ID_BYTES_MAX`] bytes.
        invocation_id: Cow<'a, str>,
        /// The event name, already validated.
        event: Cow<'a, str>,
        /// What to deliver; an invocation may have no data.
        payload: Option<Payload>,
        /// Metadata for the handler; empty when there is none.
        metadata: Metadata,
    },
    /// An invocation that breaks a rule: answer it with [`InvokeError::BadRequest`](super::InvokeError::BadRequest).
    MalformedInvoke {
        /// The client's name for the answer; not empty, of any length.
        invocation_id: Cow<'a, str>,
    },
    /// The answer to an invocation is no longer wanted. Nothing is answered, an unknown id is ignored.
    CancelInvocation {
        /// The id of the invocation; not empty, of any length.
        invocation_id: Cow<'a, str>,
    },
    /// Begin a stream to a group (client-protocols.md §6.2).
    StreamStart {
        /// The group, already validated.
        group: Cow<'a, str>,
        /// The client's name for the stream, 1 to [`ID_BYTES_MAX`] bytes.
        stream_id: Cow<'a, str>,
        /// How long the stream may be idle, at least 1.
        idle_timeout_ms: u32,
        /// Leave the sender's own connection out.
        no_echo: bool,
        /// Acknowledgement wanted under this id, before the first `streamAck`.
        ack_id: Option<u64>,
    },
    /// The start of a stream that breaks a rule: answer it with `streamClosed` and
    /// [`StreamClosedError::BadRequest`](super::StreamClosedError::BadRequest). A live stream of that id stays.
    MalformedStreamStart {
        /// The client's name for the stream; not empty, of any length.
        stream_id: Cow<'a, str>,
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
    },
    /// The next part of a stream.
    StreamData {
        /// The stream; not empty, of any length.
        stream_id: Cow<'a, str>,
        /// Number of the part, at least 1.
        sequence_id: u64,
        /// What to publish.
        payload: Payload,
    },
    /// The stream is alive although nothing is sent.
    StreamKeepalive {
        /// The stream; not empty, of any length.
        stream_id: Cow<'a, str>,
    },
    /// The end of a stream.
    StreamEnd {
        /// The stream; not empty, of any length.
        stream_id: Cow<'a, str>,
        /// Why it ended, if the application calls that an error.
        error: Option<StreamFailure<'a>>,
    },
    /// Data or an end of a stream that breaks a rule: the stream, if there is one, is over, with `streamClosed` and
    /// [`StreamClosedError::BadRequest`](super::StreamClosedError::BadRequest) (client-protocols.md §6.2.2).
    MalformedStream {
        /// The stream; not empty, of any length.
        stream_id: Cow<'a, str>,
    },
    /// Set or clear the connection's state in a group (client-protocols.md §3.8).
    SetGroupState {
        /// The group, already validated.
        group: Cow<'a, str>,
        /// The new state; `None` clears it.
        state: Option<GroupState>,
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
    },
    /// A state that is no object of strings, or too large: refused by an ack, never by a close.
    MalformedGroupState {
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
    },
    /// Ask for the states of a group's members, now and whenever one changes.
    SubscribeGroupState {
        /// The group, already validated.
        group: Cow<'a, str>,
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
    },
    /// Ask for no more states.
    UnsubscribeGroupState {
        /// The group, already validated.
        group: Cow<'a, str>,
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
    },
}

/// What a publisher says of a stream that it ended with an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFailure<'a> {
    /// A sentence for people.
    pub message: Option<Cow<'a, str>>,
    /// A code of the application.
    pub user_error_code: Option<Cow<'a, str>>,
}

/// A value that a request may have: `None` when it breaks a rule, `Some(None)` when it is absent.
pub(super) type Optional<T> = Option<Option<T>>;

/// The rest of this file is what the formats decide alike once they have found the values of a request.
impl<'a> ClientOp<'a> {
    pub(super) fn stream_start(
        group: Cow<'a, str>,
        stream_id: Cow<'a, str>,
        idle_timeout_ms: Optional<u64>,
        has_data: bool,
        no_echo: bool,
        ack_id: Option<u64>,
    ) -> Self {
        let idle_timeout_ms = match idle_timeout_ms {
            Some(Some(0)) | None => None,
            Some(Some(ms)) => u32::try_from(ms).ok(),
            Some(None) => Some(STREAM_IDLE_TIMEOUT_MS),
        };
        match idle_timeout_ms {
            Some(idle_timeout_ms) if !has_data && stream_id.len() <= ID_BYTES_MAX => {
                Self::StreamStart { group, stream_id, idle_timeout_ms, no_echo, ack_id }
            }
            _ => Self::MalformedStreamStart { stream_id, ack_id },
        }
    }

    /// Data has a number and a payload, a keepalive neither.
    pub(super) fn stream_data(
        stream_id: Cow<'a, str>,
        sequence_id: Optional<u64>,
        payload: Optional<Payload>,
    ) -> Self {
        match (sequence_id, payload) {
            (Some(None), Some(None)) => Self::StreamKeepalive { stream_id },
            (Some(Some(sequence_id @ 1..)), Some(Some(payload))) => {
                Self::StreamData { stream_id, sequence_id, payload }
            }
            _ => Self::MalformedStream { stream_id },
        }
    }

    pub(super) fn set_group_state(
        group: Cow<'a, str>,
        state: Optional<GroupState>,
        ack_id: Option<u64>,
    ) -> Self {
        match state {
            Some(state) => Self::SetGroupState { group, state, ack_id },
            None => Self::MalformedGroupState { ack_id },
        }
    }
}

/// The payload of a message that must have one, unless it consists of metadata alone: then it is an empty text
/// (client-protocols.md §3.3).
pub(super) fn required(payload: Option<Payload>, metadata: &Metadata) -> Option<Payload> {
    payload.or_else(|| (!metadata.is_empty()).then(|| Payload::Text(Bytes::new())))
}

/// A time to live in its range.
pub(super) fn ttl_seconds(seconds: u64) -> Option<u16> {
    u16::try_from(seconds).ok().filter(|seconds| *seconds <= TTL_SECONDS_MAX)
}

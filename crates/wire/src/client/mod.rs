//! The client subprotocols: one set of operations in, one set of messages out, one file per byte format.

pub mod any;
pub mod json;
pub mod metadata;
pub mod raw;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

/// Name of the JSON subprotocol as negotiated in `Sec-WebSocket-Protocol`.
pub const JSON_SUBPROTOCOL: &str = "json.webpubsub.azure.v1";

/// What an application sent, in the four kinds of the conversion matrix (client-protocols.md §3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// UTF-8 text.
    Text(Bytes),
    /// One JSON value as its original text.
    Json(Bytes),
    /// Arbitrary bytes.
    Binary(Bytes),
    /// A serialised `google.protobuf.Any`.
    Protobuf(Bytes),
}

impl Payload {
    /// The bytes of the payload, whatever its kind.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Text(b) | Self::Json(b) | Self::Binary(b) | Self::Protobuf(b) => b,
        }
    }
}

/// Application metadata of a message: ordered key and value pairs (client-protocols.md §3.4).
pub type Metadata = Vec<(String, String)>;

/// One request of a PubSub client, decoded from whichever subprotocol it speaks.
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
    /// A group-state request (preview feature that is not offered): refused with an ack, never with a close.
    GroupState {
        /// Acknowledgement wanted under this id.
        ack_id: Option<u64>,
    },
}

/// Why an acknowledged request failed: the `error.name` and `error.message` of an ack (client-protocols.md §3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AckError<'a> {
    /// The roles do not allow the action, with the action and the group.
    Forbidden(GroupAction, &'a str),
    /// This ack id already succeeded on the connection.
    Duplicate(u64),
    /// No event handler, a failed handler, or a fault of the service.
    InternalServerError,
    /// A request this service does not support, or a limit that was reached; with the sentence for the developer.
    BadRequest(&'static str),
}

/// The `error.message` on the wire.
impl fmt::Display for AckError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(action, group) => {
                let action = match action {
                    GroupAction::Join => "join",
                    GroupAction::Leave => "leave",
                    GroupAction::Send => "send to",
                };
                write!(f, "The client does not have permission to {action} group '{group}'.")
            }
            Self::Duplicate(id) => write!(f, "Message with ack-id: {id} has been processed"),
            Self::InternalServerError => f.write_str("Internal server error"),
            Self::BadRequest(sentence) => f.write_str(sentence),
        }
    }
}

/// An action on a group that needs a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupAction {
    /// `joinGroup`.
    Join,
    /// `leaveGroup`.
    Leave,
    /// `sendToGroup`.
    Send,
}

/// Where a delivered message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFrom<'a> {
    /// REST or an event handler, addressed to a connection, a user or a hub.
    Server,
    /// A group publish, by a client or by REST.
    Group {
        /// The group that was published to.
        group: &'a str,
        /// User of the publishing connection; `None` for REST and anonymous senders.
        from_user: Option<&'a str>,
    },
}

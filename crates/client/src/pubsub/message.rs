//! Messages that a PubSub client gets.

use std::collections::BTreeMap;

use super::data::Data;
use super::state::GroupStateMessage;

/// Metadata of a message: names and values (client-protocols.md §3.4).
pub type Metadata = BTreeMap<String, String>;

/// What the service sent (client-protocols.md §3.5, §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The first message of a connection, and of each socket of a reliable one.
    Connected {
        /// The id of the connection.
        connection_id: String,
        /// The user id in the token.
        user_id: Option<String>,
        /// What a lost socket can be replaced with; only of reliable connections.
        reconnection_token: Option<String>,
    },
    /// The service is about to close the connection.
    Disconnected {
        /// Why.
        message: String,
    },
    /// The answer to a request with an ack id.
    Ack {
        /// The id of the request.
        ack_id: u64,
        /// Whether it succeeded.
        outcome: Result<(), AckError>,
    },
    /// Somebody published to a group.
    Group(GroupMessage),
    /// A message of the app server.
    Server(ServerMessage),
    /// States in a group.
    GroupState(GroupStateMessage),
    /// The answer to a ping.
    Pong,
    /// The answer to an invocation.
    InvokeResponse {
        /// The id of the invocation.
        invocation_id: String,
        /// What the app server answered; `None`: nothing.
        outcome: Result<Option<Data>, AckError>,
    },
    /// All parts of an own stream before a number have arrived.
    StreamAck {
        /// The stream.
        stream_id: String,
        /// The number.
        expected_sequence_id: u64,
    },
    /// A part of an own stream was not taken, because another one was expected.
    StreamNack {
        /// The stream.
        stream_id: String,
        /// The number of the expected one.
        expected_sequence_id: u64,
        /// Why.
        error: AckError,
    },
    /// An own stream is over.
    StreamClosed {
        /// The stream.
        stream_id: String,
        /// Why, unless its end was asked for.
        error: Option<AckError>,
    },
    /// A kind of message that this crate does not know, as text.
    Unknown(String),
}

/// A message that was published to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMessage {
    /// The group.
    pub group: String,
    /// The user that published it; `None` for anonymous clients, for app servers, and with the protobuf subprotocols,
    /// which do not tell it.
    pub from_user_id: Option<String>,
    /// The content.
    pub data: Data,
    /// What the sender said about it.
    pub metadata: Metadata,
    /// Its number among the messages of this connection; only of reliable connections.
    pub sequence_id: Option<u64>,
    /// Set if it is a part of a stream.
    pub stream: Option<StreamPart>,
}

/// The place of a message in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPart {
    /// The publisher's name for the stream.
    pub stream_id: String,
    /// The number of the part, from 1.
    pub sequence_id: u64,
    /// The stream ends with this message, whose content is none of the stream's.
    pub end: bool,
    /// Why it ended, unless all went well.
    pub error: Option<StreamError>,
}

/// Why a stream ended before its publisher was done with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {}", message.as_deref().unwrap_or("the stream ended with an error"))]
pub struct StreamError {
    /// The kind: `IdleTimeout`, `InternalServerError`, `Forbidden`, `Cancelled`, or `UserError` if the publisher said
    /// so.
    pub name: String,
    /// In words.
    pub message: Option<String>,
    /// A code of the application.
    pub user_error_code: Option<String>,
}

/// A message of the app server to this connection, its user, or the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMessage {
    /// The content.
    pub data: Data,
    /// What the app server said about it.
    pub metadata: Metadata,
    /// Its number among the messages of this connection; only of reliable connections.
    pub sequence_id: Option<u64>,
}

/// Why the service refused a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct AckError {
    /// The kind, for example `Forbidden`.
    pub name: String,
    /// In words.
    pub message: String,
}

impl AckError {
    /// The request was repeated after it had succeeded.
    pub fn is_duplicate(&self) -> bool {
        self.name == "Duplicate"
    }
}

impl Message {
    /// The sequence id of a data message.
    pub fn sequence_id(&self) -> Option<u64> {
        match self {
            Self::Group(message) => message.sequence_id,
            Self::Server(message) => message.sequence_id,
            Self::GroupState(message) => message.sequence_id,
            _ => None,
        }
    }
}

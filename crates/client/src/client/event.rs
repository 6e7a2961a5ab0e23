//! What a client tells its program.

use crate::pubsub::{AckError, Frame, GroupMessage, GroupStateMessage, ServerMessage};

/// What happened, in its order. See [`Events`](crate::Events).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A new connection is there. If it is not the first one, its groups are being joined again.
    Connected {
        /// The id of the connection.
        connection_id: String,
        /// The user id in the client access URL.
        user_id: Option<String>,
    },
    /// The socket is lost, and a reliable connection is to be recovered: nothing is lost so far.
    Recovering {
        /// The close frame, if there was one.
        close: Option<CloseReason>,
    },
    /// The connection is the old one, on a new socket. What was missed follows.
    Recovered,
    /// The connection has ended for good. Unless the client was stopped, it makes a new one.
    Disconnected {
        /// The id of the connection.
        connection_id: String,
        /// What the service said about it.
        message: Option<String>,
        /// The close frame, if there was one.
        close: Option<CloseReason>,
    },
    /// A group that the old connection was in could not be joined on the new one.
    RejoinFailed {
        /// The group.
        group: String,
        /// Why.
        error: AckError,
    },
    /// A message that was published to a group.
    GroupMessage(GroupMessage),
    /// A message of the app server.
    ServerMessage(ServerMessage),
    /// States in a group that was subscribed to with
    /// [`subscribe_group_state`](crate::WebPubSubClient::subscribe_group_state).
    GroupState(GroupStateMessage),
    /// The own state in a group could not be set again after a recovery or on a new connection.
    StateLost {
        /// The group.
        group: String,
        /// Why.
        error: AckError,
    },
    /// The states of a group could not be subscribed to again after a recovery or on a new connection.
    SubscriptionLost {
        /// The group.
        group: String,
        /// Why.
        error: AckError,
    },
    /// A message as it came, before whatever it brings about; only with
    /// [`Builder::raw_messages`](crate::Builder::raw_messages).
    Raw(Frame),
    /// The client has stopped. Nothing follows.
    Stopped,
}

/// The close frame of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// The code, if there is one.
    pub code: Option<u16>,
    /// The reason, possibly empty.
    pub reason: String,
}

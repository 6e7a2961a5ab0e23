//! Requests of a PubSub client.

use super::data::Data;
use super::message::Metadata;
use super::state::GroupState;

/// What a client asks for (client-protocols.md §3.2, §6).
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    /// Get what is published to a group from now on.
    JoinGroup {
        /// The group.
        group: &'a str,
    },
    /// Get it no more.
    LeaveGroup {
        /// The group.
        group: &'a str,
    },
    /// Publish to a group.
    SendToGroup {
        /// The group.
        group: &'a str,
        /// The message.
        data: &'a Data,
        /// What else there is to say.
        options: &'a SendOptions,
    },
    /// Send an event to the app server.
    Event {
        /// Its name.
        event: &'a str,
        /// Its data.
        data: &'a Data,
        /// Metadata for the app server.
        metadata: &'a Metadata,
    },
    /// Ask whether the service is there.
    Ping,
    /// All messages up to a number have arrived; only of reliable connections.
    SequenceAck {
        /// The number.
        sequence_id: u64,
    },
    /// Send an event to the app server, whose answer is the answer to this request.
    Invoke {
        /// The client's name for the answer.
        invocation_id: &'a str,
        /// The name of the event.
        event: &'a str,
        /// Its data, if it has any.
        data: Option<&'a Data>,
        /// Metadata for the app server.
        metadata: &'a Metadata,
    },
    /// The answer to an invocation is no longer wanted.
    CancelInvocation {
        /// The invocation.
        invocation_id: &'a str,
    },
    /// Begin a stream to a group.
    StreamStart {
        /// The group.
        group: &'a str,
        /// The client's name for the stream.
        stream_id: &'a str,
        /// Leave this client out, even if it is a member.
        no_echo: bool,
        /// How long the stream may be idle; `None`: as the service says.
        idle_timeout_ms: Option<u32>,
    },
    /// The next part of a stream.
    StreamData {
        /// The stream.
        stream_id: &'a str,
        /// The number of the part, from 1.
        sequence_id: u64,
        /// The part.
        data: &'a Data,
    },
    /// The stream is alive although nothing is sent.
    StreamKeepalive {
        /// The stream.
        stream_id: &'a str,
    },
    /// The end of a stream.
    StreamEnd {
        /// The stream.
        stream_id: &'a str,
        /// Why, if the application calls it an error.
        error: Option<&'a StreamFailure>,
    },
    /// Set the own state in a group.
    SetGroupState {
        /// The group.
        group: &'a str,
        /// The state; `None`: clear it.
        state: Option<&'a GroupState>,
    },
    /// Get all states in a group, and then what changes.
    SubscribeGroupState {
        /// The group.
        group: &'a str,
    },
    /// Get them no more.
    UnsubscribeGroupState {
        /// The group.
        group: &'a str,
    },
}

/// How a message is published to a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Leave this client out, even if it is a member.
    pub no_echo: bool,
    /// Metadata for the receivers; names and values are ASCII.
    pub metadata: Metadata,
    /// Seconds that the message may wait for a receiver, 0 to 300.
    pub ttl_seconds: Option<u16>,
}

/// What a publisher says of a stream that it ends with an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamFailure {
    /// A sentence for people.
    pub message: Option<String>,
    /// A code of the application.
    pub user_error_code: Option<String>,
}

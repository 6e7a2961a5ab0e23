//! Refusals, as clients see them: the `name` is for programs, the text of `Display` is the `message` for people.

use std::fmt;

/// Why an acknowledged request failed: the `error` of an ack (client-protocols.md §3.5).
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

impl AckError<'_> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Forbidden(..) => FORBIDDEN,
            Self::Duplicate(_) => "Duplicate",
            Self::InternalServerError => INTERNAL_SERVER_ERROR,
            Self::BadRequest(_) => BAD_REQUEST,
        }
    }
}

impl fmt::Display for AckError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(action, group) => forbidden(f, *action, group),
            Self::Duplicate(id) => write!(f, "Message with ack-id: {id} has been processed"),
            Self::InternalServerError => f.write_str(INTERNAL_TEXT),
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

/// Why an invocation failed: the `error` of an `invokeResponse` (client-protocols.md §6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvokeError {
    /// The request breaks a rule; with the sentence for the developer.
    BadRequest(&'static str),
    /// The event only has listeners, which cannot answer.
    NotFound,
    /// No event handler, a failed handler, or a fault of the service.
    InternalServerError,
}

impl InvokeError {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => BAD_REQUEST,
            Self::NotFound => "NotFound",
            Self::InternalServerError => INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequest(sentence) => sentence,
            Self::NotFound => {
                "Nothing answers this event: set an event handler for it, since a listener cannot answer."
            }
            Self::InternalServerError => INTERNAL_TEXT,
        })
    }
}

/// Why the service closed a stream: the `error` of `streamClosed`, for its publisher (client-protocols.md §6.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamClosedError<'a> {
    /// No stream of this id is open on the connection.
    StreamNotFound,
    /// The roles do not allow to send to this group.
    Forbidden(&'a str),
    /// The request breaks a rule; with the sentence for the developer.
    BadRequest(&'static str),
    /// A fault of the service.
    InternalServerError,
    /// Nothing was sent for longer than the idle time.
    IdleTimeout,
}

impl StreamClosedError<'_> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::StreamNotFound => "StreamNotFound",
            Self::Forbidden(_) => FORBIDDEN,
            Self::BadRequest(_) => BAD_REQUEST,
            Self::InternalServerError => INTERNAL_SERVER_ERROR,
            Self::IdleTimeout => "IdleTimeout",
        }
    }
}

impl fmt::Display for StreamClosedError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StreamNotFound => {
                f.write_str("The connection has no open stream of this id: start one before sending to it.")
            }
            Self::Forbidden(group) => forbidden(f, GroupAction::Send, group),
            Self::BadRequest(sentence) => f.write_str(sentence),
            Self::InternalServerError => f.write_str(INTERNAL_TEXT),
            Self::IdleTimeout => {
                f.write_str("The stream was idle for too long: send data or keepalives more often.")
            }
        }
    }
}

/// The `name` of a `streamNack`. `TransientError` is never sent: nothing is lost inside the service (decision D13).
pub(super) const INVALID_SEQUENCE_ID: &str = "InvalidSequenceId";

/// The `message` of a `streamNack`.
pub(super) fn nack_message(expected_sequence_id: u64) -> String {
    format!("The next part of the stream must have the sequence id {expected_sequence_id}.")
}

const BAD_REQUEST: &str = "BadRequest";
const FORBIDDEN: &str = "Forbidden";
const INTERNAL_SERVER_ERROR: &str = "InternalServerError";
const INTERNAL_TEXT: &str = "Internal server error";

fn forbidden(f: &mut fmt::Formatter<'_>, action: GroupAction, group: &str) -> fmt::Result {
    let action = match action {
        GroupAction::Join => "join",
        GroupAction::Leave => "leave",
        GroupAction::Send => "send to",
    };
    write!(f, "The client does not have permission to {action} group '{group}'.")
}

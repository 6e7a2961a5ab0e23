//! What the service delivers, before it has a format.

use super::{Metadata, Payload};

/// A data message on its way to clients.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Where it came from.
    pub from: MessageFrom<'a>,
    /// What was sent.
    pub payload: &'a Payload,
    /// Application metadata; empty for none.
    pub metadata: &'a Metadata,
    /// The message is a part of a stream.
    pub stream: Option<StreamInfo<'a>>,
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

/// The place of a message in a stream (client-protocols.md §6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamInfo<'a> {
    /// The publisher's name for the stream.
    pub stream_id: &'a str,
    /// Number of the message in the stream, from 1; the end has the number after the last part.
    pub sequence_id: u64,
    /// Set on the message that ends the stream. Its payload is an empty text (decision D15).
    pub end: Option<StreamOutcome<'a>>,
}

/// How a stream ended, for those who receive it (client-protocols.md §6.2.2, §6.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamOutcome<'a> {
    /// As its publisher wanted.
    Complete,
    /// Its publisher sent nothing for too long.
    IdleTimeout,
    /// A fault of the service.
    InternalServerError,
    /// Its publisher may no longer send to the group.
    Forbidden,
    /// Its publisher is gone or broke the rules of streams.
    Cancelled,
    /// Its publisher called the end an error.
    UserError {
        /// A sentence for people.
        message: Option<&'a str>,
        /// A code of the application.
        user_error_code: Option<&'a str>,
    },
}

/// The `error` of the last message of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamError<'a> {
    pub(super) name: &'static str,
    pub(super) message: Option<&'a str>,
    pub(super) user_error_code: Option<&'a str>,
}

impl<'a> StreamOutcome<'a> {
    pub(super) fn error(self) -> Option<StreamError<'a>> {
        let (name, message) = match self {
            Self::Complete => return None,
            Self::IdleTimeout => ("IdleTimeout", "The publisher of the stream sent nothing for too long."),
            Self::InternalServerError => ("InternalServerError", "Internal server error"),
            Self::Forbidden => ("Forbidden", "The publisher of the stream may no longer send to the group."),
            Self::Cancelled => ("Cancelled", "The stream was given up before its end."),
            Self::UserError { message, user_error_code } => {
                return Some(StreamError { name: "UserError", message, user_error_code });
            }
        };
        Some(StreamError { name, message: Some(message), user_error_code: None })
    }
}

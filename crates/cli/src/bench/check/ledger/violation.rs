//! What must not be.

use std::fmt::{Display, Formatter};

/// Something that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum What {
    Message(usize),
    /// The parts of a stream are numbered from 1; its end is the last one.
    Part {
        stream: usize,
        part: u64,
    },
}

impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Message(number) => write!(f, "message {number}"),
            Self::Part { stream, part } => write!(f, "part {part} of stream {stream}"),
        }
    }
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Violation {
    /// A reliable member did not get it.
    Lost { client: usize, what: What },
    /// It came twice.
    Twice { client: usize, what: What },
    /// It came after a later message of the same sender to the same group, or after a later part of its stream.
    Disordered { client: usize, what: What, after: What },
    /// It was sent after the leave had been acknowledged, or before any join.
    NotAMember { client: usize, what: What },
    /// A stream ended in another way than its publisher ended it; the way is what the receiver was told.
    WrongEnd { client: usize, stream: usize, way: String },
    /// The answer to an invocation was not what the handler sends back.
    WrongAnswer { client: usize },
    /// The answer to an invocation was lost, and no socket with it.
    AnswerLost { client: usize },
    /// Something came that nobody sent, or to another group: what, in words.
    Unknown { client: usize, what: String },
    /// A reliable connection was not recovered; why, if the service said so.
    ConnectionLost { client: usize, why: String },
    /// A request failed that should not.
    Refused { client: usize, what: String },
}

//! Why an event was not handled.

use http::StatusCode;
use hublet_wire::cloudevents::answer::InvalidAnswer;

use crate::fault::Fault;
use crate::request::Unsendable;
use crate::tokens::TokenError;
use crate::validation::Refusal;

/// Longest connection state (event-handlers.md §12).
pub(crate) const STATE_BYTES_MAX: usize = 16 << 10;

/// Why an event was not handled.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The handler does not say that it wants events.
    NotValidated(Refusal),
    /// The handler is gone; nothing was sent.
    Gone,
    /// There is no bearer token for the handler; nothing was sent.
    Token(TokenError),
    /// Too many events wait for the handler; nothing was sent.
    Crowded,
    /// No request can carry the event.
    Unsendable(Unsendable),
    /// There is no answer.
    Fault(Fault),
    /// The answer is no success.
    Status(StatusCode),
    /// The answer has more connection state than fits.
    StateTooLarge(usize),
    /// The answer has connection state that cannot be sent back.
    StateNotAscii,
    /// The answer cannot be meant.
    Answer(InvalidAnswer),
}

impl Failure {
    /// Whether a request was made: whether it took any time says something about the handler.
    pub(crate) fn was_sent(&self) -> bool {
        !matches!(
            self,
            Self::NotValidated(_) | Self::Gone | Self::Token(_) | Self::Crowded | Self::Unsendable(_)
        )
    }

    /// In a word, for what counts and compares failures.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotValidated(_) => "not_validated",
            Self::Gone => "gone",
            Self::Token(_) => "no_token",
            Self::Crowded => "crowded",
            Self::Unsendable(_) => "unsendable",
            Self::Fault(Fault::TimedOut | Fault::ConnectTimeout) => "timeout",
            Self::Fault(_) => "no_answer",
            Self::Status(_) => "status",
            Self::StateTooLarge(_) | Self::StateNotAscii | Self::Answer(_) => "invalid_answer",
        }
    }

    /// The status for the handshake of a client that asked to connect (event-handlers.md §6.1). A handler chooses it only
    /// among those that refuse.
    pub(crate) fn handshake_status(&self) -> StatusCode {
        match self {
            Self::Status(status) if status.is_client_error() || status.is_server_error() => *status,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

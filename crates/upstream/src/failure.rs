//! Why an event was not handled.

use http::StatusCode;
use hublet_wire::cloudevents::answer::InvalidAnswer;

use crate::fault::Fault;
use crate::request::Unsendable;
use crate::validation::Refusal;

/// Longest connection state (event-handlers.md §12).
pub(crate) const STATE_BYTES_MAX: usize = 16 << 10;

/// Why an event was not handled.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// The handler does not say that it wants events.
    #[error("the handler does not allow our events")]
    NotValidated(Refusal),
    /// The handler is gone; nothing was sent.
    #[error("nobody is at the handler for a while now, so nothing was sent; check whether it runs")]
    Gone,
    /// Too many events wait for the handler; nothing was sent.
    #[error(
        "too many events wait for the handler, so it was dropped; make the handler faster, or raise `maxConcurrency`"
    )]
    Crowded,
    /// No request can carry the event.
    #[error(transparent)]
    Unsendable(Unsendable),
    /// There is no answer.
    #[error(transparent)]
    Fault(Fault),
    /// The answer is no success.
    #[error("the handler answered {0}")]
    Status(StatusCode),
    /// The answer has more connection state than fits.
    #[error("the answer has {0} bytes of connection state, more than {STATE_BYTES_MAX}; keep it elsewhere")]
    StateTooLarge(usize),
    /// The answer has connection state that cannot be sent back.
    #[error("the answer has connection state that is not ASCII; encode it, as base64 for example")]
    StateNotAscii,
    /// The answer cannot be meant.
    #[error(transparent)]
    Answer(InvalidAnswer),
}

impl Failure {
    /// The status for the handshake of a client that asked to connect (event-handlers.md §6.1). A handler chooses it only
    /// among those that refuse.
    pub(crate) fn handshake_status(&self) -> StatusCode {
        match self {
            Self::Status(status) if status.is_client_error() || status.is_server_error() => *status,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

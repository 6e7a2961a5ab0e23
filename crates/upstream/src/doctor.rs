//! Shows what goes on between the service and event handlers, and says what is wrong.

mod check;
mod diagnosis;
mod exchange;
mod journal;
mod mask;
mod record;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub(crate) use self::diagnosis::{Site, refusal_sentence, sentence};
pub use self::exchange::{Attempt, Exchange, Message};
pub(crate) use self::journal::{Entry, Journal};
pub(crate) use self::record::{KEPT_BYTES_MAX, Record};

/// What a test of one event handler found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandlerReport {
    /// Its URL template, without the query.
    pub url_template: String,
    /// Whether everything went well.
    pub ok: bool,
    /// What was tried, in order.
    pub steps: Vec<StepReport>,
    /// The result in a sentence or two, and what to change.
    pub sentence: String,
}

/// One thing that a test tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// `validation`, or `event`.
    pub name: &'static str,
    /// Whether it went well.
    pub ok: bool,
    /// What happened, and what to change.
    pub sentence: String,
}

/// Why an event cannot be sent again. The text says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// No such exchange.
    #[error("There is no exchange with this id any more. List those that there are.")]
    Unknown,
    /// Its event is not kept whole.
    #[error("The event had a body of more than 4 KiB, which is not kept. Have a client send it again.")]
    Cut,
}

/// Numbers of one event handler since its settings were loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandlerStatus {
    /// Its URL template, without the query.
    pub url_template: String,
    /// Events that it handled.
    pub handled: u64,
    /// Events that were sent and not handled.
    pub failed: u64,
    /// Events that were not sent: the handler was gone, too many waited, or it does not want events from here.
    pub dropped: u64,
    /// Whether it counts as gone.
    pub is_gone: bool,
}

//! The log, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Reads the filter of the log.
pub(super) fn filter(text: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::builder().parse(text).map_err(|_| {
        Failure::usage(
            format!("{text:?} is not a filter for the log."),
            "Use one of error, warn, info, debug and trace.",
        )
    })
}

/// Starts logging. Standard output stays free for what the service prints when it starts.
pub(super) fn start(filter: EnvFilter) {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // It would report a log that cannot be written with `eprintln!`, which then panics: nobody could connect any more.
        .log_internal_errors(false)
        .init();
}

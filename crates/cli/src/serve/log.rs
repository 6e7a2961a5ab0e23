//! The log, on standard error; and its last lines, for the admin API.

mod line;

use std::io::{self, IsTerminal};

use hublet_server::LogTail;
use hublet_server::config::LogFormat;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use self::line::{JsonLines, Keep};

use crate::failure::Failure;

/// This library reports each of its attempts to connect; what matters of them is told by who uses it. A filter may still
/// name it.
const SILENCED: &str = "async_nats=off";

/// Reads the filter of the log.
pub(super) fn filter(text: &str) -> Result<EnvFilter, Failure> {
    let wrong = || {
        Failure::usage(
            format!("{text:?} is not a filter for the log."),
            "Use one of error, warn, info, debug and trace.",
        )
    };
    // A word that is no level would be the name of a module, and a misspelt level would silence the log.
    let is_known = |directive: &str| directive.contains('=') || directive.parse::<LevelFilter>().is_ok();
    if !text.split(',').map(str::trim).filter(|directive| !directive.is_empty()).all(is_known) {
        return Err(wrong());
    }
    EnvFilter::builder().parse(format!("{SILENCED},{text}")).map_err(|_| wrong())
}

/// Starts logging, and returns the last lines. Standard output stays free for what the service prints when it starts.
pub(super) fn start(filter: EnvFilter, format: LogFormat) -> LogTail {
    let tail = LogTail::default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        // It would report a log that cannot be written with `eprintln!`, which then panics: nobody could connect any more.
        .log_internal_errors(false);
    let lines: Box<dyn Layer<_> + Send + Sync> = match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
        LogFormat::Json => lines.event_format(JsonLines).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).with(Keep(tail.clone())).init();
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_speaks_only_when_asked() {
        for (text, directives) in
            [("info", ["async_nats=off", "info"]), ("async_nats=debug,warn", ["async_nats=debug", "warn"])]
        {
            let shown = filter(text).map_err(|_| text).unwrap().to_string();
            let mut found: Vec<&str> = shown.split(',').collect();
            found.sort_unstable();
            assert_eq!(found, directives);
        }
        assert!(filter("inof").is_err());
    }
}

//! The last lines of the service's own log, for the admin API.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::Level;

use crate::recent::Recent;
use crate::trace::rfc3339;

/// What is kept.
const BYTES_MAX: usize = 1 << 20;
const LINES_MAX: usize = 1_000;
/// What a line costs beside its texts.
const LINE_BYTES: usize = 128;

/// The last 1,000 lines of the log, at most 1 MiB. A clone is another handle to the same lines.
#[derive(Debug, Clone)]
pub struct LogTail(Arc<Recent<LogLine>>);

/// A line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// How much it matters.
    pub level: Level,
    /// The module that wrote it.
    pub target: String,
    /// The sentence.
    pub message: String,
    /// Everything else that it says.
    pub fields: Map<String, Value>,
}

/// A line as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    time: String,
    level: &'static str,
    target: &'a str,
    message: &'a str,
    fields: &'a Map<String, Value>,
}

impl Default for LogTail {
    fn default() -> Self {
        Self(Arc::new(Recent::new(BYTES_MAX, LINES_MAX)))
    }
}

impl LogTail {
    /// Adds a line.
    pub fn push(&self, line: LogLine) {
        self.0.push([(line.size(), Arc::new(line))]);
    }

    pub(crate) fn recent(&self) -> &Recent<LogLine> {
        &self.0
    }
}

impl LogLine {
    /// The line as one JSON object.
    pub fn to_json(&self) -> String {
        // Texts and numbers always serialise.
        serde_json::to_string(&self.shown(None)).unwrap_or_default()
    }

    pub(crate) fn shown(&self, id: Option<u64>) -> ShownLine<'_> {
        ShownLine {
            id,
            time: rfc3339(self.time_ms),
            level: self.level.as_str(),
            target: &self.target,
            message: &self.message,
            fields: &self.fields,
        }
    }

    fn size(&self) -> usize {
        let value = |value: &Value| value.as_str().map_or(8, str::len);
        let fields = self.fields.iter().map(|(name, own)| name.len() + value(own) + LINE_BYTES / 2);
        LINE_BYTES + self.target.len() + self.message.len() + fields.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> LogLine {
        let fields = [("hub".to_owned(), Value::from("chat"))].into_iter().collect();
        LogLine {
            time_ms: 1,
            level: Level::WARN,
            target: "t".to_owned(),
            message: message.to_owned(),
            fields,
        }
    }

    #[test]
    fn lines_as_json() {
        assert_eq!(
            line("a \"b\"").to_json(),
            "{\"time\":\"1970-01-01T00:00:00.001Z\",\"level\":\"WARN\",\"target\":\"t\",\
             \"message\":\"a \\\"b\\\"\",\"fields\":{\"hub\":\"chat\"}}"
        );
    }

    #[test]
    fn it_is_bounded_in_both_ways() {
        let tail = LogTail::default();
        (0..2_000).for_each(|_| tail.push(line("short")));
        assert_eq!(tail.recent().after(0, 5_000).items.len(), LINES_MAX);
        (0..20).for_each(|_| tail.push(line(&"x".repeat(100_000))));
        assert_eq!(tail.recent().after(0, 5_000).items.len(), BYTES_MAX / 100_225);
    }
}

//! A line of the log by its parts: for the admin API, and as JSON.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use hublet_server::{LogLine, LogTail};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Keeps each line.
pub(super) struct Keep(pub(super) LogTail);

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.push(line(event));
    }
}

/// Writes each line as one JSON object.
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writeln!(writer, "{}", line(event).to_json())
    }
}

fn line(event: &Event<'_>) -> LogLine {
    let mut parts = Parts::default();
    event.record(&mut parts);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let metadata = event.metadata();
    LogLine {
        time_ms: u64::try_from(since.as_millis()).unwrap_or_default(),
        level: *metadata.level(),
        target: metadata.target().to_owned(),
        message: parts.message,
        fields: parts.fields,
    }
}

#[derive(Default)]
struct Parts {
    message: String,
    fields: Map<String, Value>,
}

impl Parts {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            // What libraries that speak to the crate `log` say about themselves.
            (name, _) if name.starts_with("log.") => {}
            (name, value) => _ = self.fields.insert(name.to_owned(), value),
        }
    }
}

impl Visit for Parts {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<LogLine>>>);

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(line(event));
        }
    }

    #[test]
    fn a_line_has_its_parts() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(hub = "chat", count = 3, reason = %"why", "a client {}", "came");
        });
        let lines = lines.0.lock().unwrap();
        assert_eq!((lines[0].message.as_str(), lines[0].level), ("a client came", tracing::Level::WARN));
        assert_eq!(
            Value::from(lines[0].fields.clone()),
            serde_json::json!({"hub": "chat", "count": 3, "reason": "why"})
        );
        let json: Value = serde_json::from_str(&lines[0].to_json()).unwrap();
        assert_eq!((&json["level"], &json["fields"]["count"]), (&"WARN".into(), &3.into()));
        assert!(json["target"].as_str().unwrap().contains("log::line"), "{json}");
    }
}

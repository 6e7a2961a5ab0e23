//! `/api/ext/trace` and `/api/ext/logs`: what happens, and what the service says about it.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use http::header::ACCEPT;
use http::request::Parts;
use serde::Serialize;
use tracing::Level;

use super::super::error::RestError;
use super::super::parameters::Parameters;
use super::hubs::document;
use crate::config::Category;
use crate::http::{HttpContext, Response, typed};
use crate::log_tail::ShownLine;
use crate::recent::{Asked, TooMany};
use crate::trace::{Document, Filter};

/// Longest time that a request waits for something to happen, in seconds.
const WAIT_S_MAX: u32 = 25;
/// Items in one answer, and how many there are when nobody says.
const TOP_MAX: u32 = 1_000;
const TOP: u32 = 200;
/// The type of an export: one JSON object a line.
const LINES: &str = "application/jsonl";
/// Longest text that is looked for, in characters.
const TEXT_CHARS_MAX: usize = 256;

#[derive(Serialize)]
struct Trace<'a> {
    value: Vec<Document<'a>>,
    next: String,
    lost: u64,
    /// Messages are told as long as somebody looks.
    messages: bool,
}

#[derive(Serialize)]
struct Logs<'a> {
    value: Vec<ShownLine<'a>>,
    next: String,
    lost: u64,
}

/// The events of the live trace.
pub(super) async fn trace(
    context: &HttpContext,
    request: &Parts,
    parameters: &Parameters<'_>,
) -> Result<Response, RestError> {
    let tracer = &context.tracer;
    if !tracer.is_enabled() {
        let sentence = "The live trace is turned off. Set live_trace.enabled = true in the configuration.";
        return Err(RestError::Conflict(sentence.to_owned()));
    }
    let text = |name| Ok::<_, RestError>(parameters.single(name)?.map(str::to_owned));
    let filter = Filter {
        hub: text("hub")?.map(|hub| hub.to_ascii_lowercase()),
        connection: text("connectionId")?,
        user: text("userId")?,
        group: text("group")?,
        category: one_of(parameters, "category", &Category::ALL.map(|known| (known.name(), known)))?,
        name: text("name")?,
        text: searched(parameters)?,
    };
    let asked = asked(parameters)?;
    tracer.look();
    let matches = |event: &_| filter.matches(event);
    let found = tracer.recent().read(asked, matches, context.node.stopped()).await.map_err(too_many)?;
    // Who waited still looks.
    tracer.look();
    let value: Vec<Document<'_>> = found.items.iter().map(|(id, event)| Document::new(*id, event)).collect();
    if wants_lines(request) {
        return Ok(typed(LINES, lines(&value)));
    }
    let messages = tracer.wants(Category::MessagingLogs);
    let trace = Trace { value, next: found.next.to_string(), lost: found.lost, messages };
    Ok(document(StatusCode::OK, &trace))
}

/// The last lines of the service's own log.
pub(super) async fn logs(
    context: &HttpContext,
    request: &Parts,
    parameters: &Parameters<'_>,
) -> Result<Response, RestError> {
    let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]
        .map(|level| (level.as_str(), level));
    let level = one_of(parameters, "level", &levels)?;
    let text = searched(parameters)?;
    let recent = context.log_tail.recent();
    let found = recent
        .read(
            asked(parameters)?,
            |line| {
                level.is_none_or(|level| line.level <= level)
                    && text.as_ref().is_none_or(|text| line.to_json().to_lowercase().contains(text))
            },
            context.node.stopped(),
        )
        .await
        .map_err(too_many)?;
    let value: Vec<ShownLine<'_>> = found.items.iter().map(|(id, line)| line.shown(Some(*id))).collect();
    if wants_lines(request) {
        return Ok(typed(LINES, lines(&value)));
    }
    Ok(document(StatusCode::OK, &Logs { value, next: found.next.to_string(), lost: found.lost }))
}

fn asked(parameters: &Parameters<'_>) -> Result<Asked, RestError> {
    let after = parameters.single("after")?.map(str::parse).transpose().map_err(|()| {
        let message =
            "The value is not valid. Pass `next` of an answer, or nothing for the newest.".to_owned();
        RestError::Validation { target: Cow::Borrowed("after"), message }
    })?;
    let wait = parameters.number("wait", 0, WAIT_S_MAX)?.unwrap_or_default();
    let top = parameters.number("top", 1, TOP_MAX)?.unwrap_or(TOP);
    Ok(Asked { after, top: top as usize, wait: Duration::from_secs(wait.into()) })
}

/// What is looked for, in lower case.
fn searched(parameters: &Parameters<'_>) -> Result<Option<String>, RestError> {
    match parameters.single("text")?.filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > TEXT_CHARS_MAX => Err(RestError::Validation {
            target: Cow::Borrowed("text"),
            message: format!("The value has more than {TEXT_CHARS_MAX} characters."),
        }),
        text => Ok(text.map(str::to_lowercase)),
    }
}

/// A value among known names, which have no case.
fn one_of<T: Copy>(
    parameters: &Parameters<'_>,
    name: &'static str,
    known: &[(&'static str, T)],
) -> Result<Option<T>, RestError> {
    let Some(text) = parameters.single(name)? else { return Ok(None) };
    let found = known.iter().find(|(own, _)| own.eq_ignore_ascii_case(text));
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let message = format!("The value '{text}' is not valid. It must be one of {}.", names.join(", "));
        RestError::Validation { target: Cow::Borrowed(name), message }
    })
}

fn wants_lines(request: &Parts) -> bool {
    let accepted = request.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(LINES))
}

fn lines(value: &[impl Serialize]) -> Vec<u8> {
    let mut lines = Vec::new();
    for item in value {
        // Texts and numbers always serialise, and a vector takes everything.
        let _ = serde_json::to_writer(&mut lines, item);
        lines.push(b'\n');
    }
    lines
}

fn too_many(_: TooMany) -> RestError {
    RestError::Unavailable("Too many requests wait for something to happen. Ask without `wait`.")
}

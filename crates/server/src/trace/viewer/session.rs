//! What a reader says and is told, without its socket.

use std::collections::BTreeMap;
use std::time::Duration;

use hublet_wire::signalr::{self, ClientMessage, Invalid};
use hublet_wire::ws::{self, CloseCode, Decoder, Event as Frame, Opcode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::Tracer;
use super::super::catalogue::{Entry, Kind};
use super::super::event::{Event, rfc3339};
use super::super::now_ms;
use super::{close_frame, frame};

/// When a reader gets events that has not asked for them: after a reconnect the original's page does not ask again.
const START_BY_ITSELF: Duration = Duration::from_secs(2);
/// Calls in a second that a reader may make. Its page makes one for each kind of event.
const CALLS_PER_SECOND_MAX: u32 = 100;
/// Events in one message.
const EVENTS_MAX: usize = 256;
/// The event that says that others were missed; it is in no catalogue, since only a reader has it.
const DROPPED: Entry = Entry {
    id: 901,
    name: "TraceEventsDropped",
    template: "{count} events were dropped: this viewer or its connection is too slow.",
    ..Kind::ConnectionAborted.entry()
};

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    state: State,
    /// The last event that was told.
    seen: u64,
    /// Kinds whose texts were told.
    told: Vec<u16>,
    calls: u32,
    calls_since: Instant,
    output: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The handshake of SignalR has not come.
    New,
    /// It has; events begin by themselves at this time.
    Open(Instant),
    Streaming,
}

impl Session {
    /// One that is told what happens from now on.
    pub(super) fn new(tracer: &Tracer) -> Self {
        Self {
            state: State::New,
            seen: tracer.recent().newest(),
            told: Vec::new(),
            calls: 0,
            calls_since: Instant::now(),
            output: Vec::new(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state != State::New
    }

    pub(super) fn is_streaming(&mut self, now: Instant) -> bool {
        if matches!(self.state, State::Open(begin) if now >= begin) {
            self.state = State::Streaming;
        }
        self.state == State::Streaming
    }

    /// When events begin by themselves, if they have not begun.
    pub(super) fn begins(&self) -> Option<Instant> {
        match self.state {
            State::Open(begin) => Some(begin),
            State::New | State::Streaming => None,
        }
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    pub(super) fn ping() -> Vec<u8> {
        frame(signalr::ping())
    }

    /// What is said when the service stops.
    pub(super) fn farewell() -> Vec<u8> {
        let mut bytes = frame(&signalr::close(None, true));
        bytes.extend(close_frame(CloseCode::SERVICE_RESTART, ""));
        bytes
    }

    /// Takes bytes of the socket; true: it is over when the output is written.
    pub(super) fn receive(&mut self, decoder: &mut Decoder, input: &mut [u8]) -> bool {
        let mut input = input;
        loop {
            match decoder.next(&mut input) {
                Ok(None) => return false,
                Ok(Some(Frame::Text(text))) => match self.message(text) {
                    Ok(false) => {}
                    Ok(true) => {
                        self.output.extend(close_frame(CloseCode::NORMAL, ""));
                        return true;
                    }
                    Err(Refused(code, reason)) => {
                        self.output.extend(frame(&signalr::close(Some(&reason), false)));
                        self.output.extend(close_frame(code, &reason));
                        return true;
                    }
                },
                Ok(Some(Frame::Binary(_))) => {
                    self.output.extend(close_frame(CloseCode::UNSUPPORTED_DATA, "Only text is understood."));
                    return true;
                }
                Ok(Some(Frame::Ping(payload))) => {
                    self.output.extend_from_slice(&ws::encode_control(Opcode::Pong, payload));
                }
                Ok(Some(Frame::Pong(_))) => {}
                Ok(Some(Frame::Close { code, .. })) => {
                    self.output.extend(match code {
                        Some(code) => close_frame(CloseCode(code), ""),
                        None => ws::encode_control(Opcode::Close, &[]).to_vec(),
                    });
                    return true;
                }
                Err(error) => {
                    self.output.extend(close_frame(error.close_code(), &error.to_string()));
                    return true;
                }
            }
        }
    }

    /// Takes a message; true: the reader says that it goes.
    fn message(&mut self, text: &str) -> Result<bool, Refused> {
        let mut records = signalr::records(text)?.into_iter();
        if self.state == State::New {
            let handshake = signalr::read_handshake(records.next().unwrap_or_default());
            self.output.extend(frame(&signalr::handshake_answer(handshake.err())));
            handshake?;
            self.state = State::Open(Instant::now() + START_BY_ITSELF);
        }
        let mut answer = String::new();
        let mut goes = false;
        for record in records {
            match signalr::read_message(record)? {
                ClientMessage::Invocation { id, target, arguments } => {
                    self.count_call()?;
                    let result = self.call(&target, &arguments, &mut answer);
                    if let Some(id) = id {
                        signalr::completion(&mut answer, &id, result.err());
                    }
                }
                ClientMessage::Close => goes = true,
                ClientMessage::Ping | ClientMessage::Other => {}
            }
        }
        if !answer.is_empty() {
            self.output.extend(frame(&answer));
        }
        Ok(goes)
    }

    fn count_call(&mut self) -> Result<(), Refused> {
        if self.calls_since.elapsed() >= Duration::from_secs(1) {
            (self.calls, self.calls_since) = (0, Instant::now());
        }
        self.calls += 1;
        if self.calls > CALLS_PER_SECOND_MAX {
            let reason = "There are too many calls in a second.".to_owned();
            return Err(Refused(CloseCode::POLICY_VIOLATION, reason));
        }
        Ok(())
    }

    /// A method is called; names have no case (tunnel.md §8.2).
    fn call(&mut self, target: &str, arguments: &[Value], answer: &mut String) -> Result<(), &'static str> {
        if target.eq_ignore_ascii_case("startListeningToLogEvents") {
            self.state = State::Streaming;
            return Ok(());
        }
        if target.eq_ignore_ascii_case("LogProperty") {
            let id =
                arguments.first().and_then(Value::as_u64).ok_or("LogProperty takes the id of an event.")?;
            let entry =
                Kind::numbered(id).map(Kind::entry).or((id == u64::from(DROPPED.id)).then_some(DROPPED));
            let entry = entry.ok_or("There is no event of this id.")?;
            signalr::invocation(answer, "LogProperty", &property(&entry));
            return Ok(());
        }
        Err("There is no such method.")
    }

    /// Tells what happened since the last time, as far as one message goes; false: nothing did.
    pub(super) fn tell(&mut self, tracer: &Tracer) -> bool {
        let page = tracer.recent().after(self.seen, EVENTS_MAX);
        let mut text = String::new();
        if page.lost > 0 {
            self.introduce(&DROPPED, &mut text);
            let event = log_event(now_ms(), DROPPED.id, &BTreeMap::new(), &[page.lost.to_string()], None);
            signalr::invocation(&mut text, "logEvent", &event);
            self.seen += page.lost;
        }
        for (id, event) in page.items {
            self.seen = id;
            let entry = event.kind.entry();
            self.introduce(&entry, &mut text);
            let values: Vec<String> = entry.places().map(|place| event.value(place)).collect();
            let shown =
                log_event(event.time_ms, entry.id, &context(&event), &values, event.exception.as_deref());
            signalr::invocation(&mut text, "logEvent", &shown);
        }
        if text.is_empty() {
            return false;
        }
        self.output.extend(frame(&text));
        true
    }

    /// Tells the text of a kind of event before the first one: the original's page asks too late for some.
    fn introduce(&mut self, entry: &Entry, text: &mut String) {
        if !self.told.contains(&entry.id) {
            self.told.push(entry.id);
            signalr::invocation(text, "LogProperty", &property(entry));
        }
    }
}

/// The connection is closed with this code and reason.
struct Refused(CloseCode, String);

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        Self(CloseCode::POLICY_VIOLATION, invalid.to_string())
    }
}

fn property(entry: &Entry) -> String {
    json!({
        "eventId": entry.id,
        "eventName": entry.name,
        "template": entry.template,
        "logLevel": entry.level.number(),
    })
    .to_string()
}

fn log_event(
    time_ms: u64,
    id: u16,
    context: &BTreeMap<&'static str, String>,
    values: &[String],
    exception: Option<&str>,
) -> String {
    let mut event = json!({
        "time": rfc3339(time_ms),
        "eventId": id,
        "logContext": context,
        "values": values,
    });
    if let Some(exception) = exception {
        event["exceptionMessage"] = exception.into();
    }
    event.to_string()
}

/// The columns of an event, by the names that users know (operations.md §5). Messages are not among them.
fn context(event: &Event) -> BTreeMap<&'static str, String> {
    let http = event.http.as_deref();
    let handler = event.handler.as_deref();
    let columns = [
        ("Hub", event.hub.as_deref().map(str::to_owned)),
        ("ConnectionId", event.connection.map(|id| id.to_string())),
        ("UserId", event.user.as_deref().map(str::to_owned)),
        ("Group", event.group.as_deref().map(str::to_owned)),
        ("IP", event.remote.map(|address| address.to_string())),
        ("RouteTemplate", http.map(|http| http.route.to_string())),
        ("HttpMethod", http.map(|http| http.method.to_string())),
        ("Url", http.map(|http| http.path.to_string())),
        ("TraceId", event.trace_id.map(|id| id.to_string())),
        ("StatusCode", http.and_then(|http| http.status).or_else(|| handler?.status).map(|s| s.to_string())),
        (
            "Duration",
            http.and_then(|http| http.duration_ms)
                .or_else(|| handler.map(|handler| handler.duration_ms))
                .map(|ms| ms.to_string()),
        ),
    ];
    columns.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests;

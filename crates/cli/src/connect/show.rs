//! What arrives, as lines for people.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hublet_client::pubsub::{
    Data, Frame, GroupMessage, GroupStateItem, GroupStateKind, GroupStateMessage, Message, StreamPart,
};
use hublet_client::ws::Event;
use serde_json::json;

use crate::output::printable;

/// Bytes of a binary message that are shown.
const BYTES_SHOWN: usize = 32;

/// What a line is about: its first column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connected,
    Joined,
    Left,
    Sent,
    Handled,
    Answered,
    Opened,
    Ended,
    Set,
    Cleared,
    Watching,
    Unwatched,
    Done,
    Refused,
    Group,
    Stream,
    State,
    Server,
    Message,
    Pong,
    Lost,
    Recovered,
    Closing,
    Other,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Sent => "sent",
            Self::Handled => "handled",
            Self::Answered => "answered",
            Self::Opened => "opened",
            Self::Ended => "ended",
            Self::Set => "set",
            Self::Cleared => "cleared",
            Self::Watching => "watching",
            Self::Unwatched => "unwatched",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Group => "group",
            Self::Stream => "stream",
            Self::State => "state",
            Self::Server => "server",
            Self::Message => "message",
            Self::Pong => "pong",
            Self::Lost => "lost",
            Self::Recovered => "recovered",
            Self::Closing => "closing",
            Self::Other => "other",
        }
    }

    /// How a request that would have had this outcome begins in words.
    pub(super) fn request(self) -> &'static str {
        match self {
            Self::Joined => "join ",
            Self::Left => "leave ",
            Self::Sent => "send ",
            Self::Ended => "end ",
            Self::Set => "set ",
            Self::Cleared => "clear ",
            Self::Watching => "watch ",
            Self::Unwatched => "unwatch ",
            _ => "",
        }
    }

    /// The colour, as a terminal takes it.
    fn colour(self) -> &'static str {
        match self {
            Self::Connected | Self::Joined | Self::Left | Self::Handled | Self::Answered => "32",
            Self::Opened | Self::Ended | Self::Recovered | Self::Done => "32",
            Self::Set | Self::Cleared | Self::Watching | Self::Unwatched => "32",
            Self::Sent | Self::Pong | Self::Other => "2",
            Self::Refused | Self::Lost | Self::Closing => "31",
            Self::Group | Self::Stream | Self::State => "36",
            Self::Server | Self::Message => "35",
        }
    }
}

/// A line: what it is about, and the rest.
pub(super) fn line(kind: Kind, text: &str, in_colour: bool) -> String {
    let (name, colour, text) = (kind.name(), kind.colour(), printable(text));
    let line = match in_colour {
        true => format!("\x1b[{colour}m{name:<9}\x1b[0m  {text}"),
        false => format!("{name:<9}  {text}"),
    };
    line.trim_end().to_owned()
}

/// The content of a message.
pub(super) fn data(data: &Data) -> String {
    match data {
        Data::Text(text) | Data::Json(text) => text.clone(),
        Data::Binary(bytes) => binary(bytes),
        Data::Protobuf(bytes) => format!("protobuf, {}", binary(bytes)),
    }
}

/// A message of a group: what it is, and what it says.
pub(super) fn group(message: &GroupMessage) -> (Kind, String) {
    let GroupMessage { group, from_user_id, data: content, stream, .. } = message;
    let user = from_user_id.as_ref().map(|user| format!("{user}: ")).unwrap_or_default();
    let content = data(content);
    match stream {
        None => (Kind::Group, format!("{group}  {user}{content}")),
        Some(StreamPart { stream_id, sequence_id, end: false, .. }) => {
            (Kind::Stream, format!("{group}  {stream_id}  {sequence_id}  {user}{content}"))
        }
        Some(StreamPart { stream_id, error, .. }) => {
            let how = error.as_ref().map(|error| format!(" with {error}")).unwrap_or_default();
            (Kind::Stream, format!("{group}  {stream_id}  ended{how}"))
        }
    }
}

/// The states in a group, a line for each.
pub(super) fn states(message: &GroupStateMessage) -> Vec<String> {
    let GroupStateMessage { group, kind, items, .. } = message;
    match kind {
        GroupStateKind::Snapshot if items.is_empty() => vec![format!("{group}  nobody has one")],
        _ => items.iter().map(|item| format!("{group}  {}", state(item))).collect(),
    }
}

fn state(item: &GroupStateItem) -> String {
    let GroupStateItem { connection_id, user_id, state, .. } = item;
    let user = user_id.as_ref().map(|user| format!("{user}: ")).unwrap_or_default();
    let pairs = state.as_ref().map(|state| {
        let pairs = state.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("  ")
    });
    format!("{connection_id}  {user}{}", pairs.unwrap_or_else(|| "cleared".to_owned()))
}

/// What came on the wire, for a person.
pub(super) fn frame(frame: &Frame) -> String {
    match frame {
        Frame::Text(text) => text.to_string(),
        Frame::Binary(bytes) => binary(bytes),
    }
}

/// What came on the wire, for a program: JSON as it is, and protobuf as JSON, if it could be read.
pub(super) fn raw_json(frame: &Frame, message: Option<&Message>) -> String {
    match (frame, message) {
        // Line ends can only be between the parts of a JSON value.
        (Frame::Text(text), _) => text.replace(['\r', '\n'], " "),
        (Frame::Binary(_), Some(message)) => message.to_json(),
        (Frame::Binary(bytes), None) => {
            json!({ "type": "unknown", "data": STANDARD.encode(bytes) }).to_string()
        }
    }
}

/// A message to a simple client; `None` for what is not one.
pub(super) fn simple(event: &Event) -> Option<String> {
    match event {
        Event::Text(text) => Some(text.clone()),
        Event::Binary(bytes) => Some(binary(bytes)),
        Event::Pong(_) | Event::Close { .. } => None,
    }
}

/// A message to a simple client, in JSON: named as in the subprotocol.
pub(super) fn simple_json(event: &Event) -> Option<String> {
    match event {
        Event::Text(text) => Some(json!({ "dataType": "text", "data": text }).to_string()),
        Event::Binary(bytes) => {
            Some(json!({ "dataType": "binary", "data": STANDARD.encode(bytes) }).to_string())
        }
        Event::Pong(_) | Event::Close { .. } => None,
    }
}

fn binary(bytes: &[u8]) -> String {
    let mut text = match bytes.len() {
        1 => "1 byte".to_owned(),
        count => format!("{count} bytes"),
    };
    for (index, byte) in bytes.iter().take(BYTES_SHOWN).enumerate() {
        let separator = if index == 0 { ": " } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{byte:02x}");
    }
    if bytes.len() > BYTES_SHOWN {
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned() {
        assert_eq!(line(Kind::Group, "room  hi", false), "group      room  hi");
        assert_eq!(line(Kind::Connected, "c", false), "connected  c");
        assert_eq!(line(Kind::Pong, "", false), "pong");
        assert_eq!(line(Kind::Server, "a\n\u{1b}b", false), "server     a\\n\\u{1b}b");
        assert_eq!(line(Kind::Joined, "room", true), "\x1b[32mjoined   \x1b[0m  room");
    }

    #[test]
    fn contents() {
        assert_eq!(data(&Data::Text("ü".to_owned())), "ü");
        assert_eq!(data(&Data::Json("[1.50]".to_owned())), "[1.50]");
        assert_eq!(data(&Data::Binary(vec![5, 255])), "2 bytes: 05 ff");
        assert_eq!(data(&Data::Binary(Vec::new())), "0 bytes");
        assert_eq!(data(&Data::Protobuf(vec![1])), "protobuf, 1 byte: 01");
        assert!(data(&Data::Binary(vec![0; 33])).ends_with("00 …"));
    }

    #[test]
    fn streams() {
        let part = |end| StreamPart { stream_id: "s".to_owned(), sequence_id: 2, end, error: None };
        let message = |stream| GroupMessage {
            group: "g".to_owned(),
            from_user_id: Some("u".to_owned()),
            data: Data::from("x"),
            metadata: Default::default(),
            sequence_id: None,
            stream,
        };
        assert_eq!(group(&message(None)), (Kind::Group, "g  u: x".to_owned()));
        assert_eq!(group(&message(Some(part(false)))), (Kind::Stream, "g  s  2  u: x".to_owned()));
        assert_eq!(group(&message(Some(part(true)))), (Kind::Stream, "g  s  ended".to_owned()));
    }

    #[test]
    fn states_of_groups() {
        let item = |id: &str, user: Option<&str>, pairs: Option<&[(&str, &str)]>| GroupStateItem {
            connection_id: id.to_owned(),
            user_id: user.map(str::to_owned),
            state: pairs.map(|pairs| {
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
            }),
            updated_at_ms: 0,
        };
        let message =
            |kind, items| GroupStateMessage { group: "g".to_owned(), kind, items, sequence_id: None };
        let pairs: &[_] = &[("a", "1"), ("b", "two words")];
        let items = vec![item("c", Some("ann"), Some(pairs)), item("d", None, None)];
        assert_eq!(
            states(&message(GroupStateKind::Update, items)),
            ["g  c  ann: a=1  b=two words", "g  d  cleared"]
        );
        assert_eq!(states(&message(GroupStateKind::Snapshot, Vec::new())), ["g  nobody has one"]);
    }

    #[test]
    fn messages_to_simple_clients_in_json() {
        let text = simple_json(&Event::Text("\"a\"".to_owned()));
        assert_eq!(text.as_deref(), Some(r#"{"data":"\"a\"","dataType":"text"}"#));
        let binary = simple_json(&Event::Binary(vec![1, 2, 3]));
        assert_eq!(binary.as_deref(), Some(r#"{"data":"AQID","dataType":"binary"}"#));
    }
}

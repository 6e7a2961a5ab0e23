//! What arrives, as lines for people.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hublet_client::pubsub::Data;
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
    Done,
    Refused,
    Group,
    Server,
    Message,
    Pong,
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
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Group => "group",
            Self::Server => "server",
            Self::Message => "message",
            Self::Pong => "pong",
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
            _ => "",
        }
    }

    /// The colour, as a terminal takes it.
    fn colour(self) -> &'static str {
        match self {
            Self::Connected | Self::Joined | Self::Left | Self::Handled | Self::Done => "32",
            Self::Sent | Self::Pong | Self::Other => "2",
            Self::Refused | Self::Closing => "31",
            Self::Group => "36",
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
    fn messages_to_simple_clients_in_json() {
        let text = simple_json(&Event::Text("\"a\"".to_owned()));
        assert_eq!(text.as_deref(), Some(r#"{"data":"\"a\"","dataType":"text"}"#));
        let binary = simple_json(&Event::Binary(vec![1, 2, 3]));
        assert_eq!(binary.as_deref(), Some(r#"{"data":"AQID","dataType":"binary"}"#));
    }
}

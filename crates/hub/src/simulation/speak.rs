//! What clients write and read, in each of their languages.

use hublet_wire::client::{Format, Subprotocol};
use hublet_wire::ws::Event;

use crate::Protocol;

/// The language of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Payloads alone.
    Simple,
    Json,
    Protobuf,
}

/// A request of a client.
pub(super) enum Ask<'a> {
    Join(&'a str),
    Leave(&'a str),
    Send { group: &'a str, text: &'a str, no_echo: bool },
    Event(&'a str),
    SequenceAck(u64),
}

/// A request in the client's language.
pub(super) enum Written {
    Text(String),
    Binary(Vec<u8>),
}

impl Written {
    pub(super) fn event(&self) -> Event<'_> {
        match self {
            Self::Text(text) => Event::Text(text),
            Self::Binary(bytes) => Event::Binary(bytes),
        }
    }
}

impl Speaks {
    pub(super) fn protocol(self, reliable: bool) -> Protocol {
        match self {
            Self::Simple => Protocol::SimpleEvent,
            Self::Json => Protocol::PubSub(Subprotocol { format: Format::Json, reliable }),
            Self::Protobuf => Protocol::PubSub(Subprotocol { format: Format::Protobuf, reliable }),
        }
    }

    /// A request, with an ack id if one is wanted. Simple clients have none.
    pub(super) fn write(self, ask: &Ask<'_>, ack: Option<u64>) -> Written {
        if self == Self::Protobuf {
            return Written::Binary(protobuf(ask, ack));
        }
        let ack = ack.map(|id| format!(r#","ackId":{id}"#)).unwrap_or_default();
        Written::Text(match ask {
            Ask::Join(group) => format!(r#"{{"type":"joinGroup","group":"{group}"{ack}}}"#),
            Ask::Leave(group) => format!(r#"{{"type":"leaveGroup","group":"{group}"{ack}}}"#),
            Ask::Send { group, text, no_echo } => format!(
                r#"{{"type":"sendToGroup","group":"{group}","dataType":"text","data":"{text}","noEcho":{no_echo}{ack}}}"#
            ),
            Ask::Event(name) => {
                format!(r#"{{"type":"event","event":"{name}","dataType":"text","data":""{ack}}}"#)
            }
            Ask::SequenceAck(id) => format!(r#"{{"type":"sequenceAck","sequenceId":{id}}}"#),
        })
    }
}

fn protobuf(ask: &Ask<'_>, ack: Option<u64>) -> Vec<u8> {
    let ack_at = |field| ack.map(|id| number(field, id)).unwrap_or_default();
    match ask {
        Ask::Join(group) => bytes(6, &[bytes(1, group.as_bytes()), ack_at(2)].concat()),
        Ask::Leave(group) => bytes(7, &[bytes(1, group.as_bytes()), ack_at(2)].concat()),
        Ask::Send { group, text, no_echo } => {
            let data = bytes(3, &bytes(1, text.as_bytes()));
            let no_echo = number(4, u64::from(*no_echo));
            bytes(1, &[bytes(1, group.as_bytes()), ack_at(2), data, no_echo].concat())
        }
        Ask::Event(name) => {
            bytes(5, &[bytes(1, name.as_bytes()), bytes(2, &bytes(1, b"")), ack_at(3)].concat())
        }
        Ask::SequenceAck(id) => bytes(8, &number(1, *id)),
    }
}

fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | 2), &varint(content.len() as u64), content].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// What a client reads, as the model writes it, and its sequence id; nothing for messages that the model leaves out.
pub(super) fn observed(speaks: Speaks, event: &Event<'_>) -> Option<(String, Option<u64>)> {
    match event {
        Event::Text(text) if speaks == Speaks::Json => {
            let value: serde_json::Value = serde_json::from_str(text).expect("valid JSON");
            let text = match value["type"].as_str() {
                Some("message") => value["data"].as_str().expect("a text").to_owned(),
                Some("ack") => format!("ack {} {}", value["ackId"], value["success"]),
                Some("system") => return None,
                other => panic!("unexpected {other:?}"),
            };
            Some((text, value["sequenceId"].as_u64()))
        }
        Event::Binary(message) if speaks == Speaks::Protobuf => {
            let (kind, rest) = field(message).expect("one message");
            assert!(rest.is_empty(), "and no more");
            match kind {
                Field::Bytes(1, ack) => {
                    let id = find_number(ack, 1).unwrap_or_default();
                    Some((format!("ack {id} {}", find_number(ack, 2) == Some(1)), None))
                }
                Field::Bytes(2, data) => {
                    let text = find_bytes(find_bytes(data, 3).expect("data"), 1).expect("a text");
                    let text = std::str::from_utf8(text).expect("UTF-8").to_owned();
                    Some((text, find_number(data, 4)))
                }
                Field::Bytes(3, _) => None,
                other => panic!("unexpected {other:?}"),
            }
        }
        Event::Text(text) if speaks == Speaks::Simple => Some(((*text).to_owned(), None)),
        Event::Close { .. } => Some(("closed".to_owned(), None)),
        Event::Ping(_) => None,
        other => panic!("unexpected {other:?}"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Field<'a> {
    Number(u64, u64),
    Bytes(u64, &'a [u8]),
}

/// The first field of a message, and the rest.
fn field(message: &[u8]) -> Option<(Field<'_>, &[u8])> {
    if message.is_empty() {
        return None;
    }
    let (tag, rest) = read_varint(message);
    let (value, rest) = read_varint(rest);
    Some(match tag & 7 {
        0 => (Field::Number(tag >> 3, value), rest),
        2 => {
            let (content, rest) = rest.split_at(usize::try_from(value).unwrap());
            (Field::Bytes(tag >> 3, content), rest)
        }
        other => panic!("wire type {other}"),
    })
}

fn read_varint(bytes: &[u8]) -> (u64, &[u8]) {
    let len = bytes.iter().position(|byte| byte & 0x80 == 0).expect("the end of a number") + 1;
    let value = bytes[..len].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, &bytes[len..])
}

fn fields(message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::successors(field(message), |(_, rest)| field(rest)).map(|(field, _)| field)
}

fn find_number(message: &[u8], wanted: u64) -> Option<u64> {
    fields(message).find_map(|field| match field {
        Field::Number(number, value) if number == wanted => Some(value),
        _ => None,
    })
}

fn find_bytes(message: &[u8], wanted: u64) -> Option<&[u8]> {
    fields(message).find_map(|field| match field {
        Field::Bytes(number, content) if number == wanted => Some(content),
        _ => None,
    })
}

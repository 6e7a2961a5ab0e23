//! Requests of clients (client-protocols.md §3.1 to §3.4).

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::metadata::metadata;
use super::value::{self, present};
use crate::client::{ClientOp, Metadata, Payload, any};
use crate::name;

/// Longest time a message may wait for a receiver.
const TTL_SECONDS_MAX: u16 = 300;

/// The text is not a request of the JSON subprotocol; the connection is closed with this reason
/// (client-protocols.md §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The client message is not a valid JSON protocol message.")]
pub struct InvalidMessage;

/// Decodes one text message of a client.
///
/// `invoke`, `cancelInvocation`, streams and `invokeResponse` are not offered and decode as invalid messages.
pub fn decode(text: &str) -> Result<ClientOp<'_>, InvalidMessage> {
    // The nesting is checked before anything walks into it.
    if !value::is_shallow(text) {
        return Err(InvalidMessage);
    }
    let message: Message<'_> = serde_json::from_str(text).map_err(|_| InvalidMessage)?;
    message.interpret().ok_or(InvalidMessage)
}

/// The known keys of a message as they stand in the text; they are interpreted when the type is known, because keys
/// come in any order and a key that the type does not use may hold anything.
#[derive(Default)]
struct Message<'a> {
    kind: Option<&'a RawValue>,
    group: Option<&'a RawValue>,
    event: Option<&'a RawValue>,
    ack_id: Option<&'a RawValue>,
    no_echo: Option<&'a RawValue>,
    data_type: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    ttl_seconds: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    sequence_id: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    fn interpret(&self) -> Option<ClientOp<'a>> {
        let kind = value::string(self.kind?)?;
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        if is("sendToGroup") {
            return self.send_to_group();
        }
        if is("joinGroup") {
            return Some(ClientOp::JoinGroup { group: self.group()?, ack_id: self.ack_id()? });
        }
        if is("leaveGroup") {
            return Some(ClientOp::LeaveGroup { group: self.group()?, ack_id: self.ack_id()? });
        }
        if is("event") {
            let event = value::string(self.event?).filter(|event| name::is_valid_event(event))?;
            let metadata = metadata(self.metadata)?;
            let payload = self.payload(&metadata)?;
            return Some(ClientOp::Event { event, ack_id: self.ack_id()?, payload, metadata });
        }
        if is("ping") {
            return Some(ClientOp::Ping);
        }
        if is("sequenceAck") {
            return Some(ClientOp::SequenceAck { sequence_id: value::integer(self.sequence_id?)? });
        }
        if is("setGroupState") || is("subscribeGroupState") || is("unsubscribeGroupState") {
            self.group()?;
            return Some(ClientOp::GroupState { ack_id: self.ack_id()? });
        }
        None
    }

    fn send_to_group(&self) -> Option<ClientOp<'a>> {
        // The start of a stream, which has no data.
        if present(self.stream).is_some() {
            return None;
        }
        let metadata = metadata(self.metadata)?;
        Some(ClientOp::SendToGroup {
            group: self.group()?,
            ack_id: self.ack_id()?,
            no_echo: match present(self.no_echo) {
                Some(no_echo) => value::boolean(no_echo)?,
                None => false,
            },
            payload: self.payload(&metadata)?,
            ttl_seconds: self.ttl_seconds()?,
            metadata,
        })
    }

    fn group(&self) -> Option<Cow<'a, str>> {
        value::string(self.group?).filter(|group| name::is_valid_group(group))
    }

    /// `Some(None)` when no ack is wanted.
    fn ack_id(&self) -> Option<Option<u64>> {
        match present(self.ack_id) {
            Some(ack_id) => value::integer(ack_id).map(Some),
            None => Some(None),
        }
    }

    /// `Some(None)` when there is no limit.
    fn ttl_seconds(&self) -> Option<Option<u16>> {
        let Some(ttl) = present(self.ttl_seconds) else { return Some(None) };
        let ttl = u16::try_from(value::integer(ttl)?).ok()?;
        (ttl <= TTL_SECONDS_MAX).then_some(Some(ttl))
    }

    /// The data by the rules of client-protocols.md §3.3.
    fn payload(&self, metadata: &Metadata) -> Option<Payload> {
        let data_type = match present(self.data_type) {
            Some(data_type) => DataType::named(&value::string(data_type)?)?,
            None => DataType::Json,
        };
        let Some(data) = self.data else {
            // A message may consist of metadata alone.
            return (!metadata.is_empty()).then(|| Payload::Text(Bytes::new()));
        };
        match data_type {
            DataType::Json => present(Some(data)).map(|json| Payload::Json(copy(json.get()))),
            DataType::Text => Some(Payload::Text(match value::string(data)? {
                Cow::Borrowed(text) => copy(text),
                Cow::Owned(text) => text.into(),
            })),
            DataType::Binary => base64_data(data).map(Payload::Binary),
            DataType::Protobuf => base64_data(data).filter(|bytes| any::is_any(bytes)).map(Payload::Protobuf),
        }
    }
}

fn copy(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A string of standard base64 with its padding.
fn base64_data(value: &RawValue) -> Option<Bytes> {
    STANDARD.decode(value::string(value)?.as_bytes()).ok().map(Bytes::from)
}

enum DataType {
    Json,
    Text,
    Binary,
    Protobuf,
}

impl DataType {
    fn named(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("json") {
            Some(Self::Json)
        } else if is("text") {
            Some(Self::Text)
        } else if is("binary") {
            Some(Self::Binary)
        } else if is("protobuf") {
            Some(Self::Protobuf)
        } else {
            None
        }
    }
}

impl<'de> Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'de>, A::Error> {
        let mut message = Message::default();
        while let Some(key) = map.next_key::<Key>()? {
            let slot = match key {
                Key::Type => &mut message.kind,
                Key::Group => &mut message.group,
                Key::Event => &mut message.event,
                Key::AckId => &mut message.ack_id,
                Key::NoEcho => &mut message.no_echo,
                Key::DataType => &mut message.data_type,
                Key::Data => &mut message.data,
                Key::Metadata => &mut message.metadata,
                Key::TtlSeconds => &mut message.ttl_seconds,
                Key::Stream => &mut message.stream,
                Key::SequenceId => &mut message.sequence_id,
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            // The last of duplicate keys counts.
            *slot = Some(map.next_value()?);
        }
        Ok(message)
    }
}

/// The keys that some request has; they are case-sensitive.
#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Key {
    Type,
    Group,
    Event,
    AckId,
    NoEcho,
    DataType,
    Data,
    Metadata,
    TtlSeconds,
    Stream,
    SequenceId,
    #[serde(other)]
    Unknown,
}

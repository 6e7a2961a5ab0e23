//! Requests of clients (client-protocols.md §3.1 to §3.4, §3.8, §6).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;

use super::members::Members;
use super::pairs;
use super::value::{self, present};
use crate::client::op::{Optional, required, ttl_seconds};
use crate::client::{ClientOp, ID_BYTES_MAX, InvalidMessage, Payload, any};
use crate::name;

/// Decodes one text message of a client.
///
/// # Errors
/// It is no request, or one that breaks a rule and names nothing that could be answered.
pub fn decode(text: &str) -> Result<ClientOp<'_>, InvalidMessage> {
    // The nesting is checked before anything walks into it.
    if !value::is_shallow(text) {
        return Err(InvalidMessage);
    }
    let members: Members<'_> = serde_json::from_str(text).map_err(|_| InvalidMessage)?;
    members.interpret().ok_or(InvalidMessage)
}

impl<'a> Members<'a> {
    fn interpret(&self) -> Option<ClientOp<'a>> {
        let kind = value::string(self.kind?)?;
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        if is("sendToGroup") {
            return match present(self.stream) {
                Some(stream) => self.stream_start(stream),
                None => self.send_to_group(),
            };
        }
        if is("streamData") {
            return self.stream_data();
        }
        if is("event") {
            return self.event();
        }
        if is("sequenceAck") {
            return Some(ClientOp::SequenceAck { sequence_id: value::integer(self.sequence_id?)? });
        }
        if is("ping") {
            return Some(ClientOp::Ping);
        }
        if is("joinGroup") {
            return Some(ClientOp::JoinGroup { group: self.group()?, ack_id: self.ack_id()? });
        }
        if is("leaveGroup") {
            return Some(ClientOp::LeaveGroup { group: self.group()?, ack_id: self.ack_id()? });
        }
        if is("invoke") {
            return self.invoke();
        }
        if is("cancelInvocation") {
            return Some(ClientOp::CancelInvocation { invocation_id: value::id(self.invocation_id)? });
        }
        if is("streamEnd") {
            return self.stream_end();
        }
        if is("setGroupState") {
            return Some(ClientOp::set_group_state(self.group()?, pairs::state(self.state), self.ack_id()?));
        }
        if is("subscribeGroupState") {
            return Some(ClientOp::SubscribeGroupState { group: self.group()?, ack_id: self.ack_id()? });
        }
        if is("unsubscribeGroupState") {
            return Some(ClientOp::UnsubscribeGroupState { group: self.group()?, ack_id: self.ack_id()? });
        }
        None
    }

    fn send_to_group(&self) -> Option<ClientOp<'a>> {
        let metadata = pairs::metadata(self.metadata)?;
        Some(ClientOp::SendToGroup {
            group: self.group()?,
            ack_id: self.ack_id()?,
            no_echo: self.no_echo()?,
            payload: required(self.payload()?, &metadata)?,
            ttl_seconds: value::optional(self.ttl_seconds, |ttl| ttl_seconds(value::integer(ttl)?))?,
            metadata,
        })
    }

    fn event(&self) -> Option<ClientOp<'a>> {
        let metadata = pairs::metadata(self.metadata)?;
        Some(ClientOp::Event {
            event: self.event_name()?,
            ack_id: self.ack_id()?,
            payload: required(self.payload()?, &metadata)?,
            metadata,
        })
    }

    fn invoke(&self) -> Option<ClientOp<'a>> {
        let invocation_id = value::id(self.invocation_id)?;
        let parts = || {
            let target = value::string(self.target?)?;
            let is_whole = target.eq_ignore_ascii_case("event") && invocation_id.len() <= ID_BYTES_MAX;
            // Unlike other requests it may have no data, so `null` is none.
            let payload = if present(self.data).is_some() { self.payload()? } else { None };
            is_whole.then_some((self.event_name()?, payload, pairs::metadata(self.metadata)?))
        };
        Some(match parts() {
            Some((event, payload, metadata)) => ClientOp::Invoke { invocation_id, event, payload, metadata },
            None => ClientOp::MalformedInvoke { invocation_id },
        })
    }

    pub(super) fn group(&self) -> Option<Cow<'a, str>> {
        value::string(self.group?).filter(|group| name::is_valid_group(group))
    }

    fn event_name(&self) -> Option<Cow<'a, str>> {
        value::string(self.event?).filter(|event| name::is_valid_event(event))
    }

    pub(super) fn ack_id(&self) -> Optional<u64> {
        value::optional(self.ack_id, value::integer)
    }

    pub(super) fn no_echo(&self) -> Option<bool> {
        Some(value::optional(self.no_echo, value::boolean)?.unwrap_or(false))
    }

    /// The data by the rules of client-protocols.md §3.3.
    pub(super) fn payload(&self) -> Optional<Payload> {
        let data_type = match present(self.data_type) {
            Some(data_type) => DataType::named(&value::string(data_type)?)?,
            None => DataType::Json,
        };
        let Some(data) = self.data else { return Some(None) };
        Some(Some(match data_type {
            DataType::Json => Payload::Json(copy(present(Some(data))?.get())),
            DataType::Text => Payload::Text(match value::string(data)? {
                Cow::Borrowed(text) => copy(text),
                Cow::Owned(text) => text.into(),
            }),
            DataType::Binary => Payload::Binary(base64_data(data)?),
            DataType::Protobuf => Payload::Protobuf(base64_data(data).filter(|bytes| any::is_any(bytes))?),
        }))
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

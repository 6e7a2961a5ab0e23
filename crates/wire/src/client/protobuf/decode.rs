//! Requests of clients: the rules for their fields (client-protocols.md §4.2, §4.4).

use super::request::{Kind, Request, StreamStart, read};
use crate::client::op::{required, ttl_seconds};
use crate::client::{ClientOp, ID_BYTES_MAX, InvalidMessage, Metadata, Payload};
use crate::name;

/// Decodes one binary message of a client.
///
/// # Errors
/// It is no request, or one that breaks a rule and names nothing that could be answered.
pub fn decode(message: &[u8]) -> Result<ClientOp<'_>, InvalidMessage> {
    read(message).and_then(Request::interpret).ok_or(InvalidMessage)
}

impl<'a> Request<'a> {
    /// `None` when a rule is broken and nothing can be answered.
    fn interpret(self) -> Option<ClientOp<'a>> {
        match self.kind {
            Kind::SendToGroup => self.send_to_group(),
            Kind::Event => self.event(),
            Kind::JoinGroup => Some(ClientOp::JoinGroup { group: self.group()?.into(), ack_id: self.id }),
            Kind::LeaveGroup => Some(ClientOp::LeaveGroup { group: self.group()?.into(), ack_id: self.id }),
            // Proto3 leaves zero out.
            Kind::SequenceAck => Some(ClientOp::SequenceAck { sequence_id: self.id.unwrap_or(0) }),
            Kind::Ping => Some(ClientOp::Ping),
            Kind::Invoke => self.invoke(),
            Kind::CancelInvocation => {
                Some(ClientOp::CancelInvocation { invocation_id: not_empty(self.name)?.into() })
            }
            Kind::StreamData => {
                let payload = match &self.data {
                    None => Some(None),
                    // Data without a member is not a keepalive.
                    Some(data) => data.payload().filter(Option::is_some),
                };
                Some(ClientOp::stream_data(not_empty(self.name)?.into(), Some(self.id), payload))
            }
            Kind::StreamEnd => {
                Some(ClientOp::StreamEnd { stream_id: not_empty(self.name)?.into(), error: self.error })
            }
            Kind::SetGroupState => {
                let group = self.group()?.into();
                Some(ClientOp::set_group_state(group, self.state.ok(), self.id))
            }
            Kind::SubscribeGroupState => {
                Some(ClientOp::SubscribeGroupState { group: self.group()?.into(), ack_id: self.id })
            }
            Kind::UnsubscribeGroupState => {
                Some(ClientOp::UnsubscribeGroupState { group: self.group()?.into(), ack_id: self.id })
            }
        }
    }

    fn send_to_group(self) -> Option<ClientOp<'a>> {
        let group = self.group()?.into();
        let (no_echo, ack_id) = (self.no_echo, self.id);
        if let Some(StreamStart { stream_id, idle_timeout_ms }) = self.stream {
            let stream_id = not_empty(stream_id)?.into();
            let has_data = self.data.is_some();
            return Some(ClientOp::stream_start(
                group,
                stream_id,
                Some(idle_timeout_ms),
                has_data,
                no_echo,
                ack_id,
            ));
        }
        let ttl_seconds = match self.ttl_seconds {
            Some(seconds) => Some(ttl_seconds(seconds)?),
            None => None,
        };
        let (payload, metadata) = self.payload_and_metadata()?;
        let payload = required(payload, &metadata)?;
        Some(ClientOp::SendToGroup { group, ack_id, no_echo, payload, metadata, ttl_seconds })
    }

    fn event(self) -> Option<ClientOp<'a>> {
        let (event, ack_id) = (self.event_name()?.into(), self.id);
        let (payload, metadata) = self.not_a_stream()?.payload_and_metadata()?;
        let payload = required(payload, &metadata)?;
        Some(ClientOp::Event { event, ack_id, payload, metadata })
    }

    fn invoke(self) -> Option<ClientOp<'a>> {
        let invocation_id = not_empty(self.invocation_id)?.into();
        let request = self.not_a_stream()?;
        let event = request.event_name().filter(|_| request.invocation_id.len() <= ID_BYTES_MAX);
        Some(match (event, request.payload_and_metadata()) {
            (Some(event), Some((payload, metadata))) => {
                ClientOp::Invoke { invocation_id, event: event.into(), payload, metadata }
            }
            _ => ClientOp::MalformedInvoke { invocation_id },
        })
    }

    /// Streams of events are in the schema, but nothing says what they are: invalid (client-protocols.md §4.4).
    fn not_a_stream(self) -> Option<Self> {
        self.stream.is_none().then_some(self)
    }

    fn payload_and_metadata(self) -> Option<(Option<Payload>, Metadata)> {
        let payload = match self.data {
            Some(data) => data.payload()?,
            None => None,
        };
        Some((payload, self.metadata.ok()?.finish().ok()?))
    }

    fn group(&self) -> Option<&'a str> {
        Some(self.name).filter(|name| name::is_valid_group(name))
    }

    fn event_name(&self) -> Option<&'a str> {
        Some(self.name).filter(|name| name::is_valid_event(name))
    }
}

fn not_empty(id: &str) -> Option<&str> {
    Some(id).filter(|id| !id.is_empty())
}

//! What a client's frames do: the rules of simple clients and of the PubSub subprotocols.

use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::client::{AckError, ClientOp, Format, GroupAction, Payload, Subprotocol, json};
use hublet_wire::ws::{self, CloseCode, Event, Opcode, ProtocolError};
use smallvec::{SmallVec, smallvec};

use crate::Millis;
use crate::conn::{Conn, Phase, Protocol, Slot};
use crate::publish::Publish;
use crate::shard::Shard;
use crate::target::Target;

/// The one subprotocol that is offered.
const JSON: Subprotocol = Subprotocol { format: Format::Json, reliable: false };
/// Reason of the close when nothing handles a simple client's frame (client-protocols.md §2.3).
pub(crate) const INTERNAL_ERROR: &str = "Internal server error";

impl Shard {
    /// A WebSocket message or control frame arrived.
    pub fn received(&mut self, slot: Slot, event: Event<'_>, now: Millis) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        conn.last_received = now;
        match (conn.phase, event) {
            (Phase::Open, Event::Text(text)) => self.message(slot, Frame::Text(text), now),
            (Phase::Open, Event::Binary(bytes)) => self.message(slot, Frame::Binary(bytes), now),
            (Phase::Open, Event::Ping(payload)) => {
                self.enqueue(slot, ws::encode_control(Opcode::Pong, payload));
            }
            (_, Event::Close { code, reason }) => self.closed_by_peer(slot, code, reason, now),
            // After our close frame only the peer's close frame matters.
            _ => {}
        }
    }

    /// The peer broke the framing rules; nothing after it can be read.
    pub fn protocol_error(&mut self, slot: Slot, error: &ProtocolError, now: Millis) {
        let code = error.close_code();
        if self.is_open(slot) {
            // A peer that breaks the framing itself gets the close frame alone (client-protocols.md §8).
            self.close_with(slot, code, &error.to_string(), code != CloseCode::PROTOCOL_ERROR, now);
        }
        if let Some(conn) = self.conns.get_mut(slot as usize) {
            conn.phase = Phase::Discarding;
        }
    }

    /// A client's messages are carried out one after another: one that comes while an event handler owes the client
    /// an answer waits.
    fn message(&mut self, slot: Slot, frame: Frame<'_>, now: Millis) {
        if self.conns.get(slot as usize).and_then(Conn::turn).is_some() {
            self.hold(slot, frame);
        } else {
            self.execute(slot, frame, now);
        }
    }

    pub(crate) fn execute(&mut self, slot: Slot, frame: Frame<'_>, now: Millis) {
        let Some(conn) = self.conns.get(slot as usize) else { return };
        match (&conn.protocol, frame) {
            (Protocol::Json, Frame::Text(text)) => match json::decode(text) {
                Ok(op) => self.request(slot, op, now),
                Err(_) => self.invalid_message(slot, now),
            },
            (Protocol::Json, Frame::Binary(_)) => {
                let reason = JSON.wrong_opcode_reason();
                self.close_with(slot, CloseCode::UNSUPPORTED_DATA, reason, true, now);
            }
            (Protocol::SimpleEvent, frame) => {
                let name = Arc::clone(&self.message_event);
                self.ask(slot, name, None, frame.into_payload(), Vec::new(), now);
            }
            (Protocol::SimpleSendToGroup { group, no_echo }, frame) => {
                if conn.permissions.allows(GroupAction::Send, group) {
                    let (group, no_echo) = (Arc::clone(group), *no_echo);
                    self.send_to_group(slot, group, no_echo, frame.into_payload(), Vec::new());
                } else {
                    let reason = AckError::Forbidden(GroupAction::Send, group).to_string();
                    self.close_with(slot, CloseCode::POLICY_VIOLATION, &reason, false, now);
                }
            }
        }
    }

    /// Executes one request of a PubSub client.
    fn request(&mut self, slot: Slot, op: ClientOp<'_>, now: Millis) {
        match op {
            ClientOp::Ping => self.enqueue(slot, Format::Json.pong_frame()),
            // Only reliable connections have a queue of unacknowledged messages.
            ClientOp::SequenceAck { .. } => {}
            ClientOp::JoinGroup { group, ack_id } => self.acknowledged(slot, ack_id, |shard| {
                shard.check(slot, GroupAction::Join, &group)?;
                if shard.join(slot, &Arc::from(&*group)) {
                    Ok(())
                } else {
                    Err(AckError::BadRequest("The connection is in too many groups: leave one first."))
                }
            }),
            ClientOp::LeaveGroup { group, ack_id } => self.acknowledged(slot, ack_id, |shard| {
                shard.check(slot, GroupAction::Leave, &group)?;
                shard.leave(slot, &group);
                Ok(())
            }),
            ClientOp::SendToGroup { ref group, ack_id, no_echo, payload, metadata, ttl_seconds: _ } => {
                self.acknowledged(slot, ack_id, |shard| {
                    shard.check(slot, GroupAction::Send, group)?;
                    let name = shard.group_name(slot, group);
                    shard.send_to_group(slot, name, no_echo, payload, metadata);
                    Ok(())
                });
            }
            ClientOp::Event { event, ack_id, payload, metadata } => match ack_id {
                Some(ack_id) if self.has_succeeded(slot, ack_id) => {
                    self.acknowledge(slot, ack_id, Err(AckError::Duplicate(ack_id)));
                }
                _ => self.ask(slot, Arc::from(&*event), ack_id, payload, metadata, now),
            },
            ClientOp::SetGroupState { ack_id, .. }
            | ClientOp::MalformedGroupState { ack_id }
            | ClientOp::SubscribeGroupState { ack_id, .. }
            | ClientOp::UnsubscribeGroupState { ack_id, .. } => self.acknowledged(slot, ack_id, |_| {
                Err(AckError::BadRequest(
                    "Group state is a preview feature that this service does not offer.",
                ))
            }),
            // Invocations and streams are not offered.
            ClientOp::Invoke { .. }
            | ClientOp::MalformedInvoke { .. }
            | ClientOp::CancelInvocation { .. }
            | ClientOp::StreamStart { .. }
            | ClientOp::MalformedStreamStart { .. }
            | ClientOp::StreamData { .. }
            | ClientOp::StreamKeepalive { .. }
            | ClientOp::StreamEnd { .. }
            | ClientOp::MalformedStream { .. } => self.invalid_message(slot, now),
        }
    }

    /// Closes after a message that is no request (client-protocols.md §8).
    fn invalid_message(&mut self, slot: Slot, now: Millis) {
        self.close_with(slot, CloseCode::INVALID_PAYLOAD, JSON.invalid_message_reason(), true, now);
    }

    /// Runs a request unless its ack id succeeded before, and answers with an ack if one was asked for.
    fn acknowledged<'a>(
        &mut self,
        slot: Slot,
        ack_id: Option<u64>,
        run: impl FnOnce(&mut Self) -> Result<(), AckError<'a>>,
    ) {
        let Some(ack_id) = ack_id else {
            // Without an ack id a refusal is silent and the connection stays (client-protocols.md D5, D6).
            let _ = run(self);
            return;
        };
        let result =
            if self.has_succeeded(slot, ack_id) { Err(AckError::Duplicate(ack_id)) } else { run(self) };
        self.acknowledge(slot, ack_id, result);
    }

    /// Whether a request with this ack id succeeded lately.
    fn has_succeeded(&self, slot: Slot, ack_id: u64) -> bool {
        let seen = self.conns.get(slot as usize).and_then(|conn| conn.acks.as_deref());
        seen.is_some_and(|acks| acks.contains(ack_id))
    }

    /// Answers a request; the ack id of one that succeeded is remembered.
    pub(crate) fn acknowledge(&mut self, slot: Slot, ack_id: u64, result: Result<(), AckError<'_>>) {
        if result.is_ok()
            && let Some(conn) = self.conns.get_mut(slot as usize)
        {
            conn.acks.get_or_insert_default().insert(ack_id);
        }
        self.enqueue(slot, Format::Json.ack_frame(ack_id, result.as_ref().err()));
    }

    fn check<'a>(&self, slot: Slot, action: GroupAction, group: &'a str) -> Result<(), AckError<'a>> {
        let allowed =
            self.conns.get(slot as usize).is_some_and(|conn| conn.permissions.allows(action, group));
        if allowed { Ok(()) } else { Err(AckError::Forbidden(action, group)) }
    }

    /// The shared name of a group if this shard has members of it, else a new one.
    fn group_name(&self, slot: Slot, group: &str) -> Arc<str> {
        let shared = self.conns.get(slot as usize).and_then(|conn| {
            let groups = &self.hubs.get(conn.hub)?.groups;
            groups.name(groups.key(group)?).cloned()
        });
        shared.unwrap_or_else(|| Arc::from(group))
    }

    fn send_to_group(
        &mut self,
        slot: Slot,
        group: Arc<str>,
        no_echo: bool,
        payload: Payload,
        metadata: Vec<(String, String)>,
    ) {
        let Some(conn) = self.conns.get(slot as usize) else { return };
        let Some(hub) = self.hubs.name(conn.hub) else { return };
        let mut publish = Publish::new(Arc::clone(hub), Target::Group(group), payload);
        publish.from_user = conn.user.clone();
        publish.metadata = metadata;
        publish.excluded = if no_echo { smallvec![conn.id] } else { SmallVec::new() };
        self.publish(publish);
    }
}

/// A data message as it came from the socket.
pub(crate) enum Frame<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

impl Frame<'_> {
    fn into_payload(self) -> Payload {
        match self {
            Self::Text(text) => Payload::Text(Bytes::copy_from_slice(text.as_bytes())),
            Self::Binary(bytes) => Payload::Binary(Bytes::copy_from_slice(bytes)),
        }
    }
}

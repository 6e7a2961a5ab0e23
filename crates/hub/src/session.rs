//! What a client's frames do: the rules of simple clients and of the PubSub subprotocols.

use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::client::{
    AckError, ClientOp, Format, GroupAction, InvalidMessage, Payload, Subprotocol, json, protobuf,
};
use hublet_wire::ws::{self, CloseCode, Event, Opcode, ProtocolError};
use smallvec::{SmallVec, smallvec};

use crate::Millis;
use crate::conn::{Conn, Phase, Protocol, Slot};
use crate::counters::{CloseCategory, Ending};
use crate::publish::Publish;
use crate::reliable::Reliable;
use crate::shard::Shard;
use crate::target::Target;
use crate::trace::{Fact, TraceLevel};

/// Reason of the close when nothing handles a simple client's frame (client-protocols.md §2.3).
pub(crate) const INTERNAL_ERROR: &str = "Internal server error";

impl Shard {
    /// A WebSocket message or control frame arrived.
    pub fn received(&mut self, slot: Slot, event: Event<'_>, now: Millis) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        conn.last_received = now;
        if conn.reliable().is_some_and(Reliable::is_dismissed) {
            // What comes now was not read: its client sends it again when it is back.
            if let Event::Close { .. } = event {
                self.let_go(slot);
                self.mark_dirty(slot);
            }
            return;
        }
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
            let reason = error.to_string();
            let ending = Ending::new(CloseCategory::BadRequest, &reason);
            self.close_with(slot, code, ending, code != CloseCode::PROTOCOL_ERROR, now);
        }
        if let Some(conn) = self.conns.get_mut(slot as usize) {
            conn.phase = Phase::Discarding;
        }
    }

    /// A client's messages are carried out one after another: one that comes while an event handler owes the client
    /// an answer waits.
    fn message(&mut self, slot: Slot, frame: Frame<'_>, now: Millis) {
        if self.conns.get(slot as usize).and_then(Conn::turn).is_some() {
            self.hold(slot, frame, now);
        } else {
            self.execute(slot, frame, now);
        }
    }

    pub(crate) fn execute(&mut self, slot: Slot, frame: Frame<'_>, now: Millis) {
        let Some(conn) = self.conns.get(slot as usize) else { return };
        self.counters.messages_in += u64::from(conn.protocol.pubsub().is_none());
        match &conn.protocol {
            Protocol::PubSub(subprotocol) => {
                let subprotocol = *subprotocol;
                match frame.request(subprotocol) {
                    Some(Ok(op)) => self.request(slot, op, now),
                    Some(Err(InvalidMessage)) => {
                        let reason = subprotocol.invalid_message_reason();
                        let ending = Ending::new(CloseCategory::BadRequest, reason);
                        self.close_with(slot, CloseCode::INVALID_PAYLOAD, ending, true, now);
                    }
                    None => {
                        let reason = subprotocol.wrong_opcode_reason();
                        let ending = Ending::new(CloseCategory::BadRequest, reason);
                        self.close_with(slot, CloseCode::UNSUPPORTED_DATA, ending, true, now);
                    }
                }
            }
            Protocol::SimpleEvent => {
                let (name, payload) = (Arc::clone(&self.message_event), frame.into_payload());
                self.trace(TraceLevel::Messages, slot, || {
                    Fact::SentEvent(Arc::clone(&name), payload.clone())
                });
                self.ask(slot, name, None, payload, Vec::new(), now);
            }
            Protocol::SimpleSendToGroup { group, no_echo } => {
                if conn.permissions.allows(GroupAction::Send, group) {
                    let (group, no_echo, payload) = (Arc::clone(group), *no_echo, frame.into_payload());
                    self.trace(TraceLevel::Messages, slot, || {
                        Fact::SentToGroup(Arc::clone(&group), payload.clone())
                    });
                    if let Some(publish) = self.to_group(slot, group, no_echo, payload) {
                        self.publish(publish);
                    }
                } else {
                    let reason = AckError::Forbidden(GroupAction::Send, group).to_string();
                    let ending = Ending::new(CloseCategory::Unauthorized, &reason);
                    self.close_with(slot, CloseCode::POLICY_VIOLATION, ending, false, now);
                }
            }
        }
    }

    /// Executes one request of a PubSub client.
    pub(crate) fn request(&mut self, slot: Slot, op: ClientOp<'_>, now: Millis) {
        if self.traces_messages() {
            self.trace_request(slot, &op);
        }
        self.counters.messages_in += u64::from(is_data_message(&op));
        match op {
            ClientOp::Ping => self.control(slot, |format| format.pong_frame()),
            ClientOp::SequenceAck { sequence_id } => self.acknowledged_up_to(slot, sequence_id),
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
            ClientOp::SendToGroup { ref group, ack_id, no_echo, payload, metadata, ttl_seconds } => {
                self.acknowledged(slot, ack_id, |shard| {
                    shard.check(slot, GroupAction::Send, group)?;
                    let name = shard.group_name(slot, group);
                    if let Some(mut publish) = shard.to_group(slot, name, no_echo, payload) {
                        publish.metadata = metadata;
                        publish.expire_after(ttl_seconds, now);
                        shard.publish(publish);
                    }
                    Ok(())
                });
            }
            ClientOp::Event { event, ack_id, payload, metadata } => match ack_id {
                Some(ack_id) if self.has_succeeded(slot, ack_id) => {
                    self.acknowledge(slot, ack_id, Err(AckError::Duplicate(ack_id)));
                }
                _ => self.ask(slot, Arc::from(&*event), ack_id, payload, metadata, now),
            },
            ClientOp::Invoke { invocation_id, event, payload, metadata } => {
                self.invoke(slot, &invocation_id, &event, payload, metadata);
            }
            ClientOp::MalformedInvoke { invocation_id } => self.refuse_invocation(slot, &invocation_id),
            ClientOp::CancelInvocation { invocation_id } => self.cancel_invocation(slot, &invocation_id),
            ClientOp::StreamStart { group, stream_id, idle_timeout_ms, no_echo, ack_id } => {
                self.start_stream(slot, &group, &stream_id, idle_timeout_ms, no_echo, ack_id);
            }
            ClientOp::MalformedStreamStart { stream_id, ack_id } => {
                self.refuse_stream(slot, &stream_id, ack_id);
            }
            ClientOp::StreamData { stream_id, sequence_id, payload } => {
                self.stream_data(slot, &stream_id, sequence_id, payload);
            }
            ClientOp::StreamKeepalive { stream_id } => self.keep_stream(slot, &stream_id),
            ClientOp::StreamEnd { stream_id, error } => self.end_stream(slot, &stream_id, error),
            ClientOp::MalformedStream { stream_id } => self.break_stream(slot, &stream_id),
            ClientOp::SetGroupState { group, state, ack_id } => {
                self.set_group_state(slot, &group, state, ack_id);
            }
            ClientOp::MalformedGroupState { ack_id } => self.acknowledged(slot, ack_id, |_| {
                Err(AckError::BadRequest("A group state is an object of strings with at most 8192 bytes."))
            }),
            ClientOp::SubscribeGroupState { group, ack_id } => {
                self.subscribe_group_state(slot, &group, ack_id);
            }
            ClientOp::UnsubscribeGroupState { group, ack_id } => {
                self.unsubscribe_group_state(slot, &group, ack_id);
            }
        }
    }

    /// Puts a frame that is no data message into the queue of a PubSub client.
    pub(crate) fn control(&mut self, slot: Slot, frame: impl FnOnce(Format) -> Bytes) {
        if let Some(format) = self.conns.get(slot as usize).and_then(|conn| conn.protocol.format()) {
            self.enqueue(slot, frame(format));
        }
    }

    /// Runs a request unless its ack id succeeded before, and answers with an ack if one was asked for.
    pub(crate) fn acknowledged<'a>(
        &mut self,
        slot: Slot,
        ack_id: Option<u64>,
        run: impl FnOnce(&mut Self) -> Result<(), AckError<'a>>,
    ) {
        let Some(ack_id) = ack_id else {
            // Without an ack id a refusal is silent and the connection stays (client-protocols.md D5, D6).
            if let Err(error) = run(self) {
                self.trace_refusal(slot, &error);
            }
            return;
        };
        let result =
            if self.has_succeeded(slot, ack_id) { Err(AckError::Duplicate(ack_id)) } else { run(self) };
        self.acknowledge(slot, ack_id, result);
    }

    /// Whether a request with this ack id succeeded lately.
    pub(crate) fn has_succeeded(&self, slot: Slot, ack_id: u64) -> bool {
        let seen = self.conns.get(slot as usize).and_then(|conn| conn.acks.as_deref());
        seen.is_some_and(|acks| acks.contains(ack_id))
    }

    /// Answers a request; the ack id of one that succeeded is remembered.
    pub(crate) fn acknowledge(&mut self, slot: Slot, ack_id: u64, result: Result<(), AckError<'_>>) {
        if result.is_ok()
            && let Some(conn) = self.conns.get_mut(slot as usize)
        {
            conn.acks.get_or_insert_default().insert(ack_id);
            if let Some(log) = self.log_of(slot) {
                log.succeeded(slot, ack_id);
            }
        }
        if let Err(error) = &result {
            self.trace_refusal(slot, error);
        }
        self.control(slot, |format| format.ack_frame(ack_id, result.as_ref().err()));
    }

    fn trace_refusal(&mut self, slot: Slot, error: &AckError<'_>) {
        self.trace(TraceLevel::Messages, slot, || Fact::Refused(error.to_string()));
    }

    pub(crate) fn check<'a>(
        &self,
        slot: Slot,
        action: GroupAction,
        group: &'a str,
    ) -> Result<(), AckError<'a>> {
        let allowed =
            self.conns.get(slot as usize).is_some_and(|conn| conn.permissions.allows(action, group));
        if allowed { Ok(()) } else { Err(AckError::Forbidden(action, group)) }
    }

    /// The shared name of a group if this shard has members of it, else a new one.
    pub(crate) fn group_name(&self, slot: Slot, group: &str) -> Arc<str> {
        let shared = self.conns.get(slot as usize).and_then(|conn| {
            let groups = &self.hubs.get(conn.hub)?.groups;
            groups.name(groups.key(group)?).cloned()
        });
        shared.unwrap_or_else(|| Arc::from(group))
    }

    /// A message of a client to a group, ready to be published.
    pub(crate) fn to_group(
        &self,
        slot: Slot,
        group: Arc<str>,
        no_echo: bool,
        payload: Payload,
    ) -> Option<Publish> {
        let conn = self.conns.get(slot as usize)?;
        let hub = self.hubs.name(conn.hub)?;
        let mut publish = Publish::new(Arc::clone(hub), Target::Group(group), payload);
        publish.from_user = conn.user.clone();
        publish.excluded = if no_echo { smallvec![conn.id] } else { SmallVec::new() };
        Some(publish)
    }
}

/// Whether a request carries data of the application, so that it counts as a message. What only tells the service what to
/// do does not, nor do pings and acknowledgements.
fn is_data_message(op: &ClientOp<'_>) -> bool {
    matches!(
        op,
        ClientOp::SendToGroup { .. }
            | ClientOp::Event { .. }
            | ClientOp::Invoke { .. }
            | ClientOp::StreamData { .. }
            | ClientOp::SetGroupState { state: Some(_), .. }
    )
}

/// A data message as it came from the socket.
pub(crate) enum Frame<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// The request in it; `None`: the subprotocol has none in such frames.
    pub(crate) fn request(&self, subprotocol: Subprotocol) -> Option<Result<ClientOp<'a>, InvalidMessage>> {
        match (subprotocol.format, self) {
            (Format::Json, Self::Text(text)) => Some(json::decode(text)),
            (Format::Protobuf, Self::Binary(bytes)) => Some(protobuf::decode(bytes)),
            _ => None,
        }
    }

    fn into_payload(self) -> Payload {
        match self {
            Self::Text(text) => Payload::Text(Bytes::copy_from_slice(text.as_bytes())),
            Self::Binary(bytes) => Payload::Binary(Bytes::copy_from_slice(bytes)),
        }
    }
}

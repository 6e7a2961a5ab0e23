//! What a shard tells the application about its clients, and the clients that wait for the application's answer.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use hublet_wire::client::{AckError, ClientOp, Metadata, Payload};
use hublet_wire::id::ConnId;
use hublet_wire::ws::CloseCode;

use crate::Millis;
use crate::conn::{Conn, Phase, Protocol, Slot};
use crate::counters::{CloseCategory, Ending};
use crate::event::{ClientEvent, ClientInfo, EventKind, Verdict};
use crate::limits::{FRAME_OVERHEAD_BYTES, HELD_BYTES_MAX};
use crate::publish::Publish;
use crate::session::{Frame, INTERNAL_ERROR};
use crate::shard::{Effect, Shard};
use crate::target::Target;
use crate::trace::{Fact, TraceLevel};

/// What the settings of a hub mean for its shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubPolicy {
    /// Seconds between WebSocket pings, 1 to 120; `None`: as [`crate::Limits`] has it.
    pub keep_alive_interval_s: Option<u32>,
    /// Somebody wants `connected` or `disconnected`.
    pub wants_lifecycle: bool,
    /// Somebody wants to know who joins and leaves groups.
    pub wants_presence: bool,
    /// Somebody wants user events; without it they fail at once.
    pub wants_user_events: bool,
}

/// The policies of all hubs by lower-cased name; hubs that are missing have the default.
pub type HubPolicies = HashMap<Arc<str>, HubPolicy>;

/// An event whose answer a client waits for, and what it sent meanwhile.
#[derive(Debug)]
pub(crate) struct Turn {
    event: u64,
    ack_id: Option<u64>,
    held: VecDeque<Held>,
    held_bytes: usize,
}

/// A message that waits for its turn.
#[derive(Debug)]
enum Held {
    Text(Box<str>),
    Binary(Box<[u8]>),
}

impl Held {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl Turn {
    /// Number of the event.
    pub(crate) fn event(&self) -> u64 {
        self.event
    }

    /// Whether so much waits that the client should not be read for now.
    pub(crate) fn is_full(&self) -> bool {
        self.held_bytes > HELD_BYTES_MAX
    }
}

impl Shard {
    /// Takes new settings of hubs. They hold for what happens from now on; no client is closed.
    pub(crate) fn configure(&mut self, policies: Arc<HubPolicies>) {
        self.policies = policies;
        for (name, hub) in self.hubs.iter_mut() {
            hub.policy = self.policies.get(name).copied().unwrap_or_default();
        }
    }

    /// The client has its socket: now the application learns of it.
    pub fn attached(&mut self, slot: Slot) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        if conn.phase != Phase::Open {
            return;
        }
        conn.announced = true;
        self.trace(TraceLevel::Lifecycle, slot, || Fact::Started);
        self.announce(slot);
        self.log_session(slot);
    }

    /// Tells what a client brings with it.
    fn announce(&mut self, slot: Slot) {
        let policy = self.policy(slot);
        self.tell(slot, policy.wants_lifecycle, EventKind::Connected);
        if !policy.wants_presence {
            return;
        }
        let Some(conn) = self.conns.get(slot as usize) else { return };
        let Some(hub) = self.hubs.get(conn.hub) else { return };
        let groups = conn.groups.iter().filter_map(|membership| hub.groups.name(membership.group));
        for group in groups.cloned().collect::<Vec<_>>() {
            self.tell(slot, true, EventKind::GroupJoined(group));
        }
    }

    /// Tells that a client is gone for good.
    pub(crate) fn tell_disconnected(&mut self, slot: Slot, reason: &str) {
        let wanted = self.policy(slot).wants_lifecycle;
        self.tell(slot, wanted, EventKind::Disconnected { reason: Arc::from(reason) });
    }

    /// Tells that a client joined or left a group.
    pub(crate) fn tell_presence(&mut self, slot: Slot, group: &Arc<str>, kind: fn(Arc<str>) -> EventKind) {
        if self.policy(slot).wants_presence {
            self.tell(slot, true, kind(Arc::clone(group)));
        }
    }

    /// Emits an event that nobody waits for. Even one that nobody wants takes its number.
    fn tell(&mut self, slot: Slot, wanted: bool, kind: EventKind) {
        let Some(conn) = self.conns.get_mut(slot as usize).filter(|conn| conn.announced) else { return };
        let Some(hub) = self.hubs.name(conn.hub) else { return };
        let event = event(conn, hub, kind);
        if wanted {
            self.effects.push(Effect::Event(Box::new(event)));
        }
        self.changed(slot);
    }

    /// The next event of a connection.
    pub(crate) fn event(&mut self, slot: Slot, kind: EventKind) -> Option<ClientEvent> {
        let conn = self.conns.get_mut(slot as usize)?;
        let hub = self.hubs.name(conn.hub)?;
        let event = event(conn, hub, kind);
        self.changed(slot);
        Some(event)
    }

    /// What the settings of a connection's hub ask for.
    pub(crate) fn policy(&self, slot: Slot) -> HubPolicy {
        let hub = self.conns.get(slot as usize).and_then(|conn| self.hubs.get(conn.hub));
        hub.map(|hub| hub.policy).unwrap_or_default()
    }

    /// A client sent an event: the application is asked, and the client's next message waits for the answer.
    pub(crate) fn ask(
        &mut self,
        slot: Slot,
        name: Arc<str>,
        ack_id: Option<u64>,
        payload: Payload,
        metadata: Metadata,
        now: Millis,
    ) {
        self.changed(slot);
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let Some(hub) = self.hubs.get(conn.hub) else { return };
        let (Some(hub_name), policy) = (self.hubs.name(conn.hub), hub.policy) else { return };
        let event = event(conn, hub_name, EventKind::User { name, payload, metadata, invoked: false });
        if !policy.wants_user_events {
            self.answer(slot, ack_id, Verdict::Unwanted, now);
            return;
        }
        let extra = conn.extra.get_or_insert_default();
        // While what was held is emptied at the end of the connection, events follow each other unanswered.
        if extra.turn.is_none() {
            extra.turn = Some(Turn { event: event.id, ack_id, held: VecDeque::new(), held_bytes: 0 });
        }
        self.effects.push(Effect::Event(Box::new(event)));
    }

    /// Keeps a message of a client that waits for an answer; requests that need no turn are carried out at once
    /// (event-handlers.md §7.1).
    pub(crate) fn hold(&mut self, slot: Slot, frame: Frame<'_>, now: Millis) {
        let Some(conn) = self.conns.get(slot as usize) else { return };
        if let Protocol::PubSub(subprotocol) = conn.protocol
            && let Some(Ok(op)) = frame.request(subprotocol)
            && needs_no_turn(&op)
        {
            self.request(slot, op, now);
            return;
        }
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let held = match frame {
            Frame::Text(text) => Held::Text(text.into()),
            Frame::Binary(bytes) => Held::Binary(bytes.into()),
        };
        if let Some(turn) = conn.extra.as_mut().and_then(|extra| extra.turn.as_mut()) {
            turn.held_bytes += held.len() + FRAME_OVERHEAD_BYTES;
            turn.held.push_back(held);
        }
    }

    /// The application's answer to a user event.
    pub(crate) fn verdict(&mut self, id: ConnId, event: u64, verdict: Verdict, now: Millis) {
        let slot = id.slot;
        if matches!(verdict, Verdict::Handled { state: Some(_), .. }) {
            self.changed(slot);
        }
        let Some(conn) = self.conns.get_mut(slot as usize).filter(|conn| conn.id == id) else { return };
        if conn.phase != Phase::Open {
            return;
        }
        let Some(extra) = conn.extra.as_mut() else { return };
        if let Verdict::Handled { state: Some(state), .. } = &verdict {
            extra.state = Some(state.clone());
        }
        let Some(turn) = extra.turn.take_if(|turn| turn.event == event) else {
            self.answer_invocation(slot, event, &verdict);
            return;
        };
        let was_full = turn.is_full();
        self.answer(slot, turn.ack_id, verdict, now);
        self.go_on(slot, turn.held, now);
        if was_full && !self.conns.get(slot as usize).and_then(Conn::turn).is_some_and(Turn::is_full) {
            self.effects.push(Effect::Resume(slot));
        }
    }

    /// Gives a client what came of its event (event-handlers.md §6.3).
    fn answer(&mut self, slot: Slot, ack_id: Option<u64>, verdict: Verdict, now: Millis) {
        let Some(conn) = self.conns.get(slot as usize) else { return };
        let is_pubsub = conn.protocol.pubsub().is_some();
        match verdict {
            Verdict::Handled { reply, .. } => {
                if let Some((payload, metadata)) = reply {
                    self.send(slot, payload, metadata);
                }
                if let Some(ack_id) = ack_id {
                    self.acknowledge(slot, ack_id, Ok(()));
                }
            }
            Verdict::Heard => {
                if let Some(ack_id) = ack_id {
                    self.acknowledge(slot, ack_id, Ok(()));
                }
            }
            Verdict::Failed | Verdict::Unwanted if is_pubsub => {
                if let Some(ack_id) = ack_id {
                    self.acknowledge(slot, ack_id, Err(AckError::InternalServerError));
                }
            }
            Verdict::Failed => self.fail(slot, CloseCategory::SendEventFailed, now),
            Verdict::Unwanted => self.fail(slot, CloseCategory::EventHandlerNotFound, now),
        }
    }

    /// The event of a simple client came to nothing.
    fn fail(&mut self, slot: Slot, category: CloseCategory, now: Millis) {
        let ending = Ending::new(category, INTERNAL_ERROR);
        self.close_with(slot, CloseCode::INTERNAL_ERROR, ending, false, now);
    }

    /// Sends a message to one client.
    fn send(&mut self, slot: Slot, payload: Payload, metadata: Metadata) {
        self.trace(TraceLevel::Messages, slot, || Fact::Delivered { group: None, payload: payload.clone() });
        let Some(conn) = self.conns.get(slot as usize) else { return };
        let Some(hub) = self.hubs.name(conn.hub) else { return };
        let mut message = Publish::new(Arc::clone(hub), Target::Connection(conn.id), payload);
        message.metadata = metadata;
        if conn.reliable().is_some() {
            self.deliver_to(slot, message);
        } else {
            let frame = message.frame(conn.protocol.variant()).clone();
            self.counters.messages_out += 1;
            self.enqueue(slot, frame);
        }
    }

    /// Carries out what waited, until the next event.
    fn go_on(&mut self, slot: Slot, mut held: VecDeque<Held>, now: Millis) {
        while let Some(message) = held.pop_front() {
            self.execute(slot, message.frame(), now);
            let Some(conn) = self.conns.get_mut(slot as usize).filter(|conn| conn.phase == Phase::Open)
            else {
                return;
            };
            if let Some(turn) = conn.extra.as_mut().and_then(|extra| extra.turn.as_mut()) {
                turn.held_bytes = held.iter().map(|held| held.len() + FRAME_OVERHEAD_BYTES).sum();
                turn.held = held;
                return;
            }
        }
    }

    /// The client closes in good order: what it sent before counts. The events among it are told one after another, as
    /// their order is kept on the way; nobody is there to read the answers.
    pub(crate) fn finish(&mut self, slot: Slot, now: Millis) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let Some(turn) = conn.extra.as_mut().and_then(|extra| extra.turn.as_mut()) else { return };
        for message in std::mem::take(&mut turn.held) {
            if self.is_open(slot) {
                self.execute(slot, message.frame(), now);
            }
        }
    }

    /// Whether a client's messages must not be read for now, since enough of them wait for their turn.
    pub fn is_paused(&self, slot: Slot) -> bool {
        self.conns.get(slot as usize).and_then(Conn::turn).is_some_and(Turn::is_full)
    }

    /// A client that is closed waits for nothing more.
    pub(crate) fn end_turn(&mut self, slot: Slot) {
        let extra = self.conns.get_mut(slot as usize).and_then(|conn| conn.extra.as_mut());
        if extra.and_then(|extra| extra.turn.take()).is_some_and(|turn| turn.is_full()) {
            self.effects.push(Effect::Resume(slot));
        }
    }
}

impl Held {
    fn frame(&self) -> Frame<'_> {
        match self {
            Self::Text(text) => Frame::Text(text),
            Self::Binary(bytes) => Frame::Binary(bytes),
        }
    }
}

/// Requests that are carried out although an event handler owes the client an answer: answers to them may be needed in
/// time, and a client of invocations waits for none of them before it sends the next (client-protocols.md §9.6).
fn needs_no_turn(op: &ClientOp<'_>) -> bool {
    matches!(
        op,
        ClientOp::Ping
            | ClientOp::SequenceAck { .. }
            | ClientOp::Invoke { .. }
            | ClientOp::MalformedInvoke { .. }
            | ClientOp::CancelInvocation { .. }
    )
}

/// The next event of a connection.
fn event(conn: &mut Conn, hub: &Arc<str>, kind: EventKind) -> ClientEvent {
    let id = conn.next_event;
    conn.next_event += 1;
    let client = ClientInfo {
        conn: conn.id,
        hub: Arc::clone(hub),
        user: conn.user.clone(),
        subprotocol: conn.subprotocol().map(Into::into),
        host: Arc::clone(&conn.host),
        state: conn.extra.as_ref().and_then(|extra| extra.state.clone()),
    };
    ClientEvent { client, id, kind }
}

#[cfg(test)]
mod tests;

//! A connection that works: requests go out, messages come in.

use std::time::Instant;

use super::requests::{Kind, Pending};
use super::{
    CallId, Error, Event, HOUSEKEEPING, Identity, Output, Purpose, Reply, Session, State, UNACKNOWLEDGED_MAX,
};
use crate::pubsub::{AckError, Message, Request};

impl Session {
    /// A request with an ack id; if there is no connection, it waits for one.
    pub(super) fn request(&mut self, now: Instant, call: Option<CallId>, request: &Request<'_>, kind: Kind) {
        let id = self.requests.next_id();
        let frame = self.options.protocol.encode(request, Some(id));
        let sent_at = self.is_connected().then_some(now);
        if sent_at.is_some() {
            self.outputs.push_back(Output::Send(frame.clone()));
        }
        self.requests.add(id, call, kind, frame, sent_at);
    }

    /// A message of the service.
    pub(crate) fn received(&mut self, message: Message, now: Instant) {
        self.heard_at = now;
        match (self.state, &message) {
            (State::Stopped | State::Connecting { .. } | State::Waiting { .. }, _) => return,
            (State::Opening { .. }, Message::Connected { .. } | Message::Disconnected { .. }) => {}
            // The service goes on without saying `connected` again, which it may.
            (State::Opening { purpose: Purpose::Recovery { .. }, .. }, _) => self.recovered(now),
            // It has to come first.
            (State::Opening { purpose: Purpose::New, .. }, _) => return,
            (State::Connected { .. }, _) => {}
        }
        if let Some(sequence_id) = message.sequence_id() {
            // Whatever is not newer was seen before the socket was lost.
            if self.options.protocol.is_reliable() && sequence_id <= self.arrived {
                return;
            }
            self.arrived = sequence_id;
        }
        match message {
            Message::Connected { connection_id, user_id, reconnection_token } => {
                self.welcomed(Identity { connection_id, token: reconnection_token }, user_id, now);
            }
            Message::Disconnected { message } => self.farewell = Some(message),
            Message::Ack { ack_id, outcome } => {
                if let Some(pending) = self.requests.answered(ack_id) {
                    // It has been carried out, when it was sent before.
                    let outcome = outcome.or_else(|e| if e.is_duplicate() { Ok(()) } else { Err(e) });
                    self.acked(pending, outcome);
                }
            }
            Message::Group(message) => self.tell(Event::GroupMessage(message)),
            Message::Server(message) => self.tell(Event::ServerMessage(message)),
            Message::GroupState(message) => self.tell(Event::GroupState(message)),
            Message::Pong => {
                if let Some(Some(call)) = self.pings.pop_front() {
                    self.answer(call, Ok(Reply::Done));
                }
            }
            Message::InvokeResponse { invocation_id, outcome } => {
                if let Some(call) = self.invocations.answered(&invocation_id) {
                    self.answer(call, outcome.map(Reply::Answer).map_err(Error::Invocation));
                    self.send_invocations();
                }
            }
            Message::StreamAck { stream_id, expected_sequence_id } => {
                self.stream_acked(&stream_id, expected_sequence_id);
            }
            Message::StreamNack { stream_id, expected_sequence_id, .. } => {
                self.stream_nacked(&stream_id, expected_sequence_id);
            }
            Message::StreamClosed { stream_id, error } => self.stream_closed(&stream_id, error),
            Message::Unknown(_) => {}
        }
        if self.arrived.saturating_sub(self.acknowledged) >= UNACKNOWLEDGED_MAX {
            self.acknowledge();
        }
    }

    fn acked(&mut self, pending: Pending, outcome: Result<(), AckError>) {
        match (pending.kind, &outcome) {
            (Kind::Join(group), Ok(())) => {
                self.groups.insert(group);
            }
            (Kind::Leave(group), Ok(())) => {
                // It may have been joined, and a state set, while this was on its way.
                self.groups.remove(&group);
                self.states.forget(&group);
            }
            (Kind::SetState(group, state), Ok(())) => self.states.set(group, state),
            (Kind::Subscribe(group), Ok(())) => self.states.subscribed(group),
            // As with a leave.
            (Kind::Unsubscribe(group), Ok(())) => self.states.unsubscribed(&group),
            (Kind::Rejoin(group), Err(error)) => {
                self.groups.remove(&group);
                self.tell(Event::RejoinFailed { group, error: error.clone() });
            }
            (Kind::RestoreState(group), Err(error)) => {
                self.states.forget(&group);
                self.tell(Event::StateLost { group, error: error.clone() });
            }
            (Kind::RestoreSubscription(group), Err(error)) => {
                self.states.unsubscribed(&group);
                self.tell(Event::SubscriptionLost { group, error: error.clone() });
            }
            _ => {}
        }
        if let Some(call) = pending.call {
            self.answer(call, outcome.map(|()| Reply::Done).map_err(Error::Ack));
        }
    }

    /// Tells the service what need not be kept any more.
    pub(super) fn acknowledge(&mut self) {
        if self.options.protocol.is_reliable() && self.arrived > self.acknowledged {
            self.acknowledged = self.arrived;
            self.send(&Request::SequenceAck { sequence_id: self.arrived });
        }
    }

    /// What is done once a second.
    pub(super) fn keep_house(&mut self, now: Instant) {
        self.state = State::Connected { housekeeping_at: now + HOUSEKEEPING };
        if now.saturating_duration_since(self.heard_at) >= self.options.silence_max {
            self.outputs.push_back(Output::Drop);
            return self.socket_lost(None, now);
        }
        self.acknowledge();
        if now.saturating_duration_since(self.pinged_at) >= self.options.ping_interval {
            self.pinged_at = now;
            self.pings.push_back(None);
            self.send(&Request::Ping);
        }
        let (timeout, repetitions_max) = (self.options.ack_timeout, self.options.repetitions_max);
        let (frames, given_up) = self.requests.overdue(now, timeout, repetitions_max);
        self.outputs.extend(frames.into_iter().map(Output::Send));
        for Pending { call, .. } in given_up {
            if let Some(call) = call {
                self.answer(call, Err(Error::Timeout("The service".to_owned())));
            }
        }
    }
}

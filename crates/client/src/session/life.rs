//! Connections and sockets come and go (client-protocols.md §5.4, §10.1).

use std::time::Instant;

use super::requests::Kind;
use super::{
    ACCEPTED_AFTER, Attempt, CallId, CloseReason, Error, Event, HOUSEKEEPING, Identity, Output, Purpose,
    Reply, Session, State,
};
use crate::pubsub::Request;

/// Close codes that end a session, so that there is nothing to recover (client-protocols.md §5.7): the application closed
/// it, the client broke the protocol, or a recovery is refused.
const FINAL_CODES: [u16; 6] = [1000, 1002, 1003, 1007, 1008, 1009];

impl Session {
    /// Opens a socket.
    pub(super) fn try_now(&mut self, now: Instant, purpose: Purpose) {
        let recovery = match (purpose, &self.identity) {
            (Purpose::Recovery { .. }, Some(Identity { connection_id, token: Some(token) })) => {
                Some(Attempt::Recovery { connection_id: connection_id.clone(), token: token.clone() })
            }
            _ => None,
        };
        self.tried_at = now;
        self.state = State::Connecting { purpose };
        self.outputs.push_back(Output::Connect(recovery.unwrap_or(Attempt::New)));
    }

    /// The socket that was to be opened is.
    pub(crate) fn socket_opened(&mut self, now: Instant) {
        if let State::Connecting { purpose } = self.state {
            let patience = match purpose {
                Purpose::New => self.options.connect_timeout,
                Purpose::Recovery { .. } => ACCEPTED_AFTER,
            };
            self.state = State::Opening { purpose, until: now + patience };
        }
    }

    /// It could not be opened.
    pub(crate) fn socket_failed(&mut self, error: Error, now: Instant) {
        if self.is_stopped() {
            return;
        }
        if !self.established {
            return self.stopped(None, error);
        }
        self.socket_lost(None, now);
    }

    /// It is gone: with a close frame, or without one.
    pub(crate) fn socket_lost(&mut self, close: Option<CloseReason>, now: Instant) {
        match self.state {
            State::Stopped | State::Waiting { .. } => {}
            State::Connected { .. } => {
                self.fail_what_needs_the_socket();
                if self.can_recover(close.as_ref()) {
                    self.tell(Event::Recovering { close });
                    self.try_now(now, Purpose::Recovery { end: now + self.options.recovery });
                } else {
                    self.connection_lost(close, now);
                }
            }
            State::Connecting { purpose: Purpose::Recovery { end } }
            | State::Opening { purpose: Purpose::Recovery { end }, .. } => {
                let next = (self.tried_at + self.options.retry_delay).max(now);
                if is_final(close.as_ref()) || next >= end {
                    self.connection_lost(close, now);
                } else {
                    self.state = State::Waiting { purpose: Purpose::Recovery { end }, until: next };
                }
            }
            State::Connecting { purpose: Purpose::New } | State::Opening { purpose: Purpose::New, .. } => {
                if self.established {
                    let until = (self.tried_at + self.options.retry_delay).max(now);
                    self.state = State::Waiting { purpose: Purpose::New, until };
                } else {
                    let error = match close.clone() {
                        Some(CloseReason { code, reason }) => Error::Closed { code, reason },
                        None => Error::Ended,
                    };
                    self.stopped(close, error);
                }
            }
        }
    }

    /// To be called when the [`deadline`](Self::deadline) has come.
    pub(crate) fn tick(&mut self, now: Instant) {
        match self.state {
            State::Waiting { purpose, until } if until <= now => self.try_now(now, purpose),
            State::Opening { purpose: Purpose::Recovery { .. }, until } if until <= now => {
                self.recovered(now);
            }
            State::Opening { purpose: Purpose::New, until } if until <= now => {
                self.outputs.push_back(Output::Drop);
                self.socket_failed(Error::Timeout("The service".to_owned()), now);
            }
            State::Connected { housekeeping_at } if housekeeping_at <= now => self.keep_house(now),
            _ => {}
        }
    }

    /// The service has said `connected`.
    pub(super) fn welcomed(&mut self, identity: Identity, user_id: Option<String>, now: Instant) {
        match self.state {
            State::Opening { purpose: Purpose::New, .. } => self.begin(identity, user_id, now),
            State::Opening { purpose: Purpose::Recovery { .. }, .. } => {
                let is_same =
                    self.identity.as_ref().is_some_and(|known| known.connection_id == identity.connection_id);
                if is_same {
                    self.identity = Some(identity);
                    self.recovered(now);
                } else {
                    self.end_connection(None);
                    self.begin(identity, user_id, now);
                }
            }
            // It may come again with a newer token.
            _ => self.identity = Some(identity),
        }
    }

    /// A new connection: joins groups again, and sends what has waited.
    fn begin(&mut self, identity: Identity, user_id: Option<String>, now: Instant) {
        let connection_id = identity.connection_id.clone();
        self.identity = Some(identity);
        (self.arrived, self.acknowledged) = (0, 0);
        self.connected(now);
        self.tell(Event::Connected { connection_id, user_id });
        if self.established {
            self.restore(now);
        } else {
            self.established = true;
            self.answer(CallId::CONNECT, Ok(Reply::Done));
            self.send_what_waits(now);
        }
    }

    /// Asks the service for what an old connection had: groups, states and subscriptions. Then sends what has waited.
    fn restore(&mut self, now: Instant) {
        self.requests.forget_restorations();
        let mut sent = Vec::new();
        for kind in self.restorations() {
            let id = self.requests.next_id();
            let Some(request) = self.restoration(&kind) else { continue };
            let frame = self.options.protocol.encode(&request, Some(id));
            self.outputs.push_back(Output::Send(frame.clone()));
            sent.push((id, kind, frame));
        }
        self.send_what_waits(now);
        // Added last, so that they are not sent twice.
        for (id, kind, frame) in sent {
            self.requests.add(id, None, kind, frame, Some(now));
        }
    }

    fn restorations(&self) -> Vec<Kind> {
        let groups = self.groups.iter().filter(|_| self.options.rejoins);
        groups.cloned().map(Kind::Rejoin).chain(self.states.restorations()).collect()
    }

    fn restoration<'a>(&'a self, kind: &'a Kind) -> Option<Request<'a>> {
        match kind {
            Kind::Rejoin(group) => Some(Request::JoinGroup { group }),
            Kind::RestoreState(group) => {
                Some(Request::SetGroupState { group, state: Some(self.states.state(group)?) })
            }
            Kind::RestoreSubscription(group) => Some(Request::SubscribeGroupState { group }),
            _ => None,
        }
    }

    /// The old connection has a new socket.
    pub(super) fn recovered(&mut self, now: Instant) {
        self.connected(now);
        self.tell(Event::Recovered);
        self.acknowledged = 0;
        self.acknowledge();
        self.send_what_waits(now);
    }

    fn connected(&mut self, now: Instant) {
        self.farewell = None;
        (self.heard_at, self.pinged_at) = (now, now);
        self.state = State::Connected { housekeeping_at: now + HOUSEKEEPING };
    }

    fn send_what_waits(&mut self, now: Instant) {
        self.outputs.extend(self.requests.resend(now).into_iter().map(Output::Send));
        self.send_invocations();
        self.outputs.extend(self.streams.resend().into_iter().map(Output::Send));
    }

    fn can_recover(&self, close: Option<&CloseReason>) -> bool {
        self.options.protocol.is_reliable()
            && !is_final(close)
            && self.identity.as_ref().is_some_and(|identity| identity.token.is_some())
    }

    /// The connection is gone for good; a new one is made at once.
    fn connection_lost(&mut self, close: Option<CloseReason>, now: Instant) {
        if self.options.reconnects {
            self.end_connection(close);
            self.try_now(now, Purpose::New);
        } else {
            self.stopped(close, Error::Disconnected);
        }
    }

    /// Forgets the connection, and what may not be carried over to another one.
    pub(super) fn end_connection(&mut self, close: Option<CloseReason>) {
        let Some(Identity { connection_id, .. }) = self.identity.take() else { return };
        self.fail_what_needs_the_socket();
        let mut calls = self.requests.connection_ended();
        calls.append(&mut self.streams.connection_ended());
        for call in calls {
            self.answer(call, Err(Error::Disconnected));
        }
        let message = self.farewell.take();
        self.tell(Event::Disconnected { connection_id, message, close });
    }

    fn fail_what_needs_the_socket(&mut self) {
        let pings = std::mem::take(&mut self.pings).into_iter().flatten();
        let mut calls: Vec<_> = pings.chain(self.invocations.socket_lost()).collect();
        calls.append(&mut self.streams.socket_lost());
        for call in calls {
            self.answer(call, Err(Error::Disconnected));
        }
    }
}

/// Whether the service will not take its client back.
fn is_final(close: Option<&CloseReason>) -> bool {
    close.and_then(|close| close.code).is_some_and(|code| FINAL_CODES.contains(&code))
}

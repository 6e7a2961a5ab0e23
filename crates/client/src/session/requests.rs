//! Requests that are answered by an ack, and repeated under the same id until they are (client-protocols.md §5.8).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::CallId;
use crate::pubsub::{Frame, GroupState};

/// What an ack means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// The connection is in the group.
    Join(String),
    /// It is there again on a new connection. The program did not ask for it.
    Rejoin(String),
    /// It is out of it.
    Leave(String),
    /// The state of the connection in a group is this one, or none.
    SetState(String, Option<GroupState>),
    /// The connection gets the states of a group.
    Subscribe(String),
    /// It does no more.
    Unsubscribe(String),
    /// The service has the state that it may have lost. The program did not ask for it.
    RestoreState(String),
    /// The connection gets the states of a group again, likewise.
    RestoreSubscription(String),
    /// A message has gone to a group or to the app server. Twice would be wrong.
    Message,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) call: Option<CallId>,
    pub(super) kind: Kind,
    frame: Frame,
    /// `None`: it has not been sent on this connection.
    sent_at: Option<Instant>,
    repetitions: u32,
}

/// By ack id, which is the order of the calls. Ids go on over all connections.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pending: BTreeMap<u64, Pending>,
    last_id: u64,
}

impl Requests {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// The id of the next request.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Somebody else uses this id.
    pub(super) fn leave_out(&mut self, id: Option<u64>) {
        // Ids of a person who types are small; a huge one must not end the numbers.
        if let Some(id) = id.filter(|id| *id < u64::MAX / 2) {
            self.last_id = self.last_id.max(id);
        }
    }

    /// `sent_at`: when it is sent, if it is.
    pub(super) fn add(
        &mut self,
        id: u64,
        call: Option<CallId>,
        kind: Kind,
        frame: Frame,
        sent_at: Option<Instant>,
    ) {
        self.pending.insert(id, Pending { call, kind, frame, sent_at, repetitions: 0 });
    }

    /// The request that an ack answers.
    pub(super) fn answered(&mut self, id: u64) -> Option<Pending> {
        self.pending.remove(&id)
    }

    /// A socket is open: all requests are to be sent on it, in this order.
    pub(super) fn resend(&mut self, now: Instant) -> Vec<Frame> {
        let resend = |pending: &mut Pending| {
            pending.sent_at = Some(now);
            pending.frame.clone()
        };
        self.pending.values_mut().map(resend).collect()
    }

    /// The connection has ended. What may have been carried out and must not be twice is given up; the rest is kept
    /// for the next one.
    pub(super) fn connection_ended(&mut self) -> Vec<CallId> {
        let mut given_up = Vec::new();
        self.pending.retain(|_, pending| {
            let keep = match pending.kind {
                Kind::Join(_) | Kind::Leave(_) => true,
                Kind::SetState(..) | Kind::Subscribe(_) | Kind::Unsubscribe(_) => true,
                Kind::Rejoin(_) | Kind::RestoreState(_) | Kind::RestoreSubscription(_) => false,
                Kind::Message => pending.sent_at.is_none(),
            };
            pending.sent_at = None;
            if !keep {
                given_up.extend(pending.call);
            }
            keep
        });
        given_up
    }

    /// Forgets the requests to restore states and subscriptions: they are made anew for each connection.
    pub(super) fn forget_restorations(&mut self) {
        self.pending.retain(|_, pending| {
            !matches!(pending.kind, Kind::RestoreState(_) | Kind::RestoreSubscription(_))
        });
    }

    /// Repeats what has waited for an ack for longer than `timeout`, and gives up what was repeated often enough.
    pub(super) fn overdue(
        &mut self,
        now: Instant,
        timeout: Duration,
        repetitions_max: u32,
    ) -> (Vec<Frame>, Vec<Pending>) {
        let is_overdue = |pending: &Pending| pending.sent_at.is_some_and(|sent_at| sent_at + timeout <= now);
        let mut frames = Vec::new();
        for pending in self.pending.values_mut().filter(|pending| is_overdue(pending)) {
            pending.repetitions += 1;
            if pending.repetitions <= repetitions_max {
                pending.sent_at = Some(now);
                frames.push(pending.frame.clone());
            }
        }
        let given_up = self.pending.extract_if(.., |_, pending| is_overdue(pending));
        (frames, given_up.map(|(_, pending)| pending).collect())
    }

    /// Forgets everything, and says who waits.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = CallId> + use<> {
        std::mem::take(&mut self.pending).into_values().filter_map(|pending| pending.call)
    }
}

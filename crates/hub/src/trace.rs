//! What happens, for whoever looks: facts without texts, which are made where they are shown.

use std::sync::Arc;

use hublet_wire::client::{ClientOp, Payload};
use hublet_wire::id::ConnId;
use smallvec::SmallVec;

use crate::conn::Slot;
use crate::publish::Publish;
use crate::shard::{Effect, Shard};
use crate::target::Target;

/// With more receivers than this a message is told once, and not for each of them.
const TOLD_RECEIVERS_MAX: usize = 8;

/// How much a shard tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TraceLevel {
    /// Nothing.
    #[default]
    Nothing,
    /// How connections begin and end, which is rare beside everything else that a connection costs.
    Lifecycle,
    /// Messages, joins and leaves too.
    Messages,
}

/// Something that happened on a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Lower-cased hub name.
    pub hub: Arc<str>,
    /// The connection that it happened to.
    pub conn: Option<ConnId>,
    /// The connection's user.
    pub user: Option<Arc<str>>,
    /// What.
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The client has its socket.
    Started,
    /// The connection is over.
    Ended {
        /// Why, as event-handlers.md §5.3 has it; may be empty.
        reason: Arc<str>,
        /// The client or the application closed it in good order.
        expected: bool,
    },
    /// A reliable connection lost its socket and waits for its client.
    Detached,
    /// The client of a reliable connection is back.
    Resumed,
    /// The connection is now in a group.
    Joined(Arc<str>),
    /// The connection is no longer in a group.
    Left(Arc<str>),
    /// The client sent a message to a group.
    SentToGroup(Arc<str>, Payload),
    /// The client sent an event, with what it carries.
    SentEvent(Arc<str>, Payload),
    /// A request of the client was refused, for this reason.
    Refused(String),
    /// The connection got a message.
    Delivered {
        /// The group that it was for, if it was for one.
        group: Option<Arc<str>>,
        /// What it got.
        payload: Payload,
    },
    /// A message went to its receivers on this shard.
    Published {
        /// For whom it was.
        target: Target,
        /// What was sent.
        payload: Payload,
        /// How many got it.
        receivers: usize,
    },
}

/// The receivers of a message, as they are seen in the walk over them.
#[derive(Debug, Default)]
pub(crate) struct Receivers {
    count: usize,
    first: SmallVec<[Slot; TOLD_RECEIVERS_MAX]>,
}

impl Receivers {
    pub(crate) fn note(&mut self, slot: Slot) {
        self.count += 1;
        if self.first.len() < TOLD_RECEIVERS_MAX {
            self.first.push(slot);
        }
    }
}

impl Shard {
    /// Says how much of what happens from now on is wanted as [`Effect::Trace`].
    pub fn set_trace_level(&mut self, level: TraceLevel) {
        if self.trace_level != level {
            // What waits was sent before.
            self.settle();
            self.trace_level = level;
        }
    }

    pub(crate) fn traces_messages(&self) -> bool {
        self.trace_level == TraceLevel::Messages
    }

    /// Tells something about a client, if it is wanted.
    pub(crate) fn trace(&mut self, wanted: TraceLevel, slot: Slot, fact: impl FnOnce() -> Fact) {
        if self.trace_level < wanted {
            return;
        }
        let Some(conn) = self.conns.get(slot as usize) else { return };
        let Some(hub) = self.hubs.name(conn.hub).cloned() else { return };
        let trace = Trace { hub, conn: Some(conn.id), user: conn.user.clone(), fact: fact() };
        self.effects.push(Effect::Trace(Box::new(trace)));
    }

    /// Tells that a connection is over, if it was told that it began.
    pub(crate) fn trace_end(&mut self, slot: Slot, reason: &str) {
        let Some(conn) = self.conns.get(slot as usize).filter(|conn| conn.announced) else { return };
        let expected = conn.ends_well;
        self.trace(TraceLevel::Lifecycle, slot, || Fact::Ended { reason: reason.into(), expected });
    }

    /// Tells the messages among the requests of PubSub clients.
    pub(crate) fn trace_request(&mut self, slot: Slot, op: &ClientOp<'_>) {
        let fact = match op {
            ClientOp::SendToGroup { group, payload, .. } => {
                Fact::SentToGroup((**group).into(), payload.clone())
            }
            ClientOp::Event { event, payload, .. } => Fact::SentEvent((**event).into(), payload.clone()),
            ClientOp::Invoke { event, payload, .. } => {
                let payload = payload.clone().unwrap_or_else(|| Payload::Text(bytes::Bytes::new()));
                Fact::SentEvent((**event).into(), payload)
            }
            _ => return,
        };
        self.trace(TraceLevel::Messages, slot, || fact);
    }

    /// Tells that messages to the same audience went to their receivers on this shard.
    pub(crate) fn trace_publishes(&mut self, publishes: &[Arc<Publish>], receivers: &Receivers) {
        if receivers.count == 0 {
            return;
        }
        // What is told of group states is no message.
        for publish in publishes.iter().filter(|publish| publish.state.is_none()) {
            let payload = &publish.payload;
            if !matches!(publish.target, Target::Connection(_)) {
                let fact = Fact::Published {
                    target: publish.target.clone(),
                    payload: payload.clone(),
                    receivers: receivers.count,
                };
                let trace = Trace { hub: Arc::clone(&publish.hub), conn: None, user: None, fact };
                self.effects.push(Effect::Trace(Box::new(trace)));
            }
            if receivers.count <= TOLD_RECEIVERS_MAX {
                let group = match &publish.target {
                    Target::Group(group) => Some(group),
                    _ => None,
                };
                for slot in &receivers.first {
                    let fact = || Fact::Delivered { group: group.cloned(), payload: payload.clone() };
                    self.trace(TraceLevel::Messages, *slot, fact);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

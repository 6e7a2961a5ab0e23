//! One connection as the hub sees it: identity, rights, memberships and outgoing queue; no socket.

use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::client::{Format, Subprotocol};
use hublet_wire::id::ConnId;
use smallvec::SmallVec;

use crate::Millis;
use crate::acks::AckWindow;
use crate::group_state::OwnStates;
use crate::index::{GroupKey, HubKey};
use crate::invocations::Invocations;
use crate::permission::Permissions;
use crate::publish::Variant;
use crate::queue::OutQueue;
use crate::reliable::Reliable;
use crate::streams::Streams;
use crate::upstream::Turn;

/// Index of a connection in its shard; used again after the connection is gone.
pub type Slot = u32;

/// A client's identity and rights, as its token, its handshake and its event handler gave them.
#[derive(Debug, Clone)]
pub struct Accept {
    /// Lower-cased hub name.
    pub hub: Arc<str>,
    /// User id; `None` for anonymous clients.
    pub user: Option<Arc<str>>,
    /// Rights from the token's roles.
    pub permissions: Permissions,
    /// Groups to be in from the start.
    pub groups: Vec<Arc<str>>,
    /// What the client speaks.
    pub protocol: Protocol,
    /// A subprotocol that only the application understands, as the event handler chose it; for simple clients.
    pub custom_subprotocol: Option<Arc<str>>,
    /// Host name, without a port, under which the client reached the service.
    pub host: Arc<str>,
    /// The connection state that the event handler gave it.
    pub state: Option<Bytes>,
}

/// What a client speaks on its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// One of the PubSub subprotocols.
    PubSub(Subprotocol),
    /// A simple client whose frames become the event `message` (client-protocols.md §2.2).
    SimpleEvent,
    /// A simple client whose frames are published to one group (client-protocols.md §2.2).
    SimpleSendToGroup {
        /// The group.
        group: Arc<str>,
        /// Leave the sender out.
        no_echo: bool,
    },
}

impl Protocol {
    /// The PubSub subprotocol that the client speaks, which has system messages and acks.
    pub fn pubsub(&self) -> Option<Subprotocol> {
        match self {
            Self::PubSub(subprotocol) => Some(*subprotocol),
            Self::SimpleEvent | Self::SimpleSendToGroup { .. } => None,
        }
    }

    /// How system messages and acks are written for the client; `None`: it gets none.
    pub(crate) fn format(&self) -> Option<Format> {
        self.pubsub().map(|subprotocol| subprotocol.format)
    }

    /// Whether the connection survives its socket.
    pub fn is_reliable(&self) -> bool {
        self.pubsub().is_some_and(|subprotocol| subprotocol.reliable)
    }

    pub(crate) fn variant(&self) -> Variant {
        match self.format() {
            Some(Format::Json) => Variant::Json,
            Some(Format::Protobuf) => Variant::Protobuf,
            None => Variant::Simple,
        }
    }
}

/// How far the life of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its handshake waits for an event handler; it is in no index.
    Reserved,
    /// Messages flow.
    Open,
    /// Our close frame is queued or sent; the peer's is awaited.
    AwaitingClose,
    /// The peer broke the framing: nothing more can be read, so the socket is half-closed after the queue.
    Discarding,
    /// Both close frames are on their way; the socket goes after the queue.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) id: ConnId,
    pub(crate) hub: HubKey,
    pub(crate) phase: Phase,
    pub(crate) dirty: bool,
    /// The client has its socket, so that its events are told.
    pub(crate) announced: bool,
    /// The client or the application closed it in good order.
    pub(crate) ends_well: bool,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) position_all: u32,
    pub(crate) position_user: u32,
    pub(crate) groups: SmallVec<[Membership; 1]>,
    pub(crate) permissions: Permissions,
    pub(crate) protocol: Protocol,
    pub(crate) acks: Option<Box<AckWindow>>,
    pub(crate) queue: OutQueue,
    pub(crate) last_received: Millis,
    /// When it came, in seconds of the shard's clock.
    pub(crate) entered_s: u32,
    pub(crate) host: Arc<str>,
    /// Number of its next event (event-handlers.md §4.2).
    pub(crate) next_event: u64,
    /// What only some clients have.
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few connections have, so that the others need no room for it.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) custom_subprotocol: Option<Arc<str>>,
    /// The connection state (event-handlers.md §4.4).
    pub(crate) state: Option<Bytes>,
    /// The event that its event handler has not answered yet, and what came after it.
    pub(crate) turn: Option<Turn>,
    /// Of a reliable client.
    pub(crate) reliable: Option<Reliable>,
    pub(crate) streams: Streams,
    pub(crate) invocations: Invocations,
    /// Its group states, if it has any or wants others'.
    pub(crate) states: Option<OwnStates>,
}

/// A group of a connection and the connection's position in the group's member list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) group: GroupKey,
    pub(crate) position: u32,
}

impl Conn {
    pub(crate) fn is_member(&self, group: GroupKey) -> bool {
        self.groups.iter().any(|membership| membership.group == group)
    }

    /// The subprotocol that was negotiated, a custom one included.
    pub(crate) fn subprotocol(&self) -> Option<&str> {
        let custom = || self.extra.as_ref()?.custom_subprotocol.as_deref();
        self.protocol.pubsub().map(Subprotocol::name).or_else(custom)
    }

    pub(crate) fn reliable(&self) -> Option<&Reliable> {
        self.extra.as_ref()?.reliable.as_ref()
    }

    pub(crate) fn reliable_mut(&mut self) -> Option<&mut Reliable> {
        self.extra.as_mut()?.reliable.as_mut()
    }

    /// Whether frames can be put into its queue: a reliable connection may be without a socket.
    pub(crate) fn has_socket(&self) -> bool {
        self.reliable().is_none_or(Reliable::has_socket)
    }

    /// Whether its event handler owes it an answer.
    pub(crate) fn turn(&self) -> Option<&Turn> {
        self.extra.as_ref()?.turn.as_ref()
    }
}

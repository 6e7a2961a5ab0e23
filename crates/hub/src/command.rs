//! Everything that changes the hub from outside a connection's own socket, as one type.

use std::sync::Arc;

use hublet_wire::id::ConnId;

use crate::publish::Publish;

/// What a command found on one shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The connections addressed, whether or not anything changed.
    pub selected: usize,
    /// Those of them that could not be added to a group because they are in too many.
    pub refused: usize,
}

/// Takes the outcome of a command.
pub type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// A request to one shard. It takes effect in the order of arrival.
pub enum Command {
    /// Deliver a message to the members of its target on this shard.
    Deliver(Arc<Publish>),
    /// Act on the connections that match a selector on this shard.
    Connections {
        /// Lower-cased hub name.
        hub: Arc<str>,
        /// Which connections.
        select: Select,
        /// What to do with each.
        op: ConnOp,
        /// Told what was found.
        reply: Option<Reply>,
    },
    /// Close every connection for a planned stop and accept no more (client-protocols.md §9.5).
    Stop,
}

/// Which connections of a hub a command is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// Every connection of the hub.
    All,
    /// One connection.
    Connection(ConnId),
    /// The connections of a user.
    User(Arc<str>),
    /// The members of a group.
    Group(Arc<str>),
}

/// What to do with a selected connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnOp {
    /// Nothing; only count.
    Exists,
    /// Close with the text of client-protocols.md §9.3, sparing the excluded ids.
    Close {
        /// The app server's reason; empty for none.
        reason: Arc<str>,
        /// Connections that stay.
        excluded: Arc<[ConnId]>,
    },
    /// Add to a group.
    Join(Arc<str>),
    /// Remove from a group.
    Leave(Arc<str>),
}

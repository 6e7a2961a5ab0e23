//! Everything that changes the hub from outside a connection's own socket, as one type.

use std::sync::Arc;

use hublet_wire::id::ConnId;
use hublet_wire::odata::Filter;

use crate::event::Verdict;
use crate::permission::Permission;
use crate::publish::Publish;
use crate::target::Target;
use crate::upstream::HubPolicies;

/// What a command found on one shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The connections addressed, whether or not anything changed.
    pub selected: usize,
    /// Those of them that the operation could not be done to: they are in too many groups to join another, have too
    /// many single-group permissions to get another, or do not have the permission that was asked about.
    pub refused: usize,
}

/// Takes the outcome of a command.
pub type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// A request to one shard. It takes effect in the order of arrival.
pub enum Command {
    /// Deliver a message to the members of its target on this shard.
    Deliver(Arc<Publish>),
    /// Deliver a message that another shard sent, see [`crate::Effect::Forward`].
    Forwarded {
        /// The shard that sent it.
        from: usize,
        /// Its number there.
        number: u64,
        /// The message.
        publish: Arc<Publish>,
    },
    /// Act on the connections that match a selector on this shard.
    Connections {
        /// Lower-cased hub name.
        hub: Arc<str>,
        /// Which connections.
        target: Target,
        /// Of those, only the ones for which this is true; all are judged before the first is changed.
        filter: Option<Arc<Filter>>,
        /// What to do with each.
        op: ConnOp,
        /// Told what was found.
        reply: Option<Reply>,
    },
    /// List members of a group in the order of their ids' text (rest-api.md §3.4).
    Members {
        /// Lower-cased hub name.
        hub: Arc<str>,
        /// The group.
        group: Arc<str>,
        /// Only ids greater than this text.
        after: Arc<str>,
        /// At most so many.
        limit: usize,
        /// Given the members.
        reply: Box<dyn FnOnce(Vec<MemberEntry>) + Send>,
    },
    /// The application's answer to a user event.
    Verdict {
        /// The client that sent it.
        conn: ConnId,
        /// The event's number.
        event: u64,
        /// The answer.
        verdict: Verdict,
    },
    /// New settings of hubs.
    Configure(Arc<HubPolicies>),
    /// Close every connection for a planned stop and accept no more (client-protocols.md §9.5).
    Stop {
        /// Reliable connections only lose their sockets: the next process takes them up.
        keep_reliable: bool,
    },
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
    /// Add to each of these groups.
    Join(Arc<[Arc<str>]>),
    /// Remove from each of these groups.
    Leave(Arc<[Arc<str>]>),
    /// Remove from all groups.
    LeaveAll,
    /// Give a permission for one group.
    Grant(Permission, Arc<str>),
    /// Take a permission for one group away.
    Revoke(Permission, Arc<str>),
    /// Nothing; only count those without a permission for a group.
    Check(Permission, Arc<str>),
}

/// A member of a group in a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberEntry {
    /// The connection id as text; lists are in its order.
    pub id: String,
    /// Its user; `None` for anonymous clients.
    pub user: Option<Arc<str>>,
}

//! What a shard counts: plain integers that only its own thread changes. They are read as a whole, in one of its turns.

use std::sync::Arc;

use hublet_wire::client::{Format, Subprotocol};

use crate::conn::Protocol;
use crate::index::HubIndex;
use crate::shard::Shard;

/// Why a client is not connected any more (operations.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCategory {
    /// The client closed, went away, or did not come back in time.
    Normal,
    /// It is one too many.
    Throttled,
    /// Its event handler failed.
    SendEventFailed,
    /// Nothing handles its events.
    EventHandlerNotFound,
    /// It did not read what was sent to it.
    SlowClient,
    /// A fault of the service.
    ServiceTransientError,
    /// It sent what cannot be understood.
    BadRequest,
    /// The service stops or restarts.
    ServiceReload,
    /// It did what it may not do.
    Unauthorized,
    /// The application closed it.
    ClosedByAppServer,
    /// It did not answer pings.
    PingTimeout,
}

impl CloseCategory {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Normal,
        Self::Throttled,
        Self::SendEventFailed,
        Self::EventHandlerNotFound,
        Self::SlowClient,
        Self::ServiceTransientError,
        Self::BadRequest,
        Self::ServiceReload,
        Self::Unauthorized,
        Self::ClosedByAppServer,
        Self::PingTimeout,
    ];

    /// Its name as a dimension of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Throttled => "Throttled",
            Self::SendEventFailed => "SendEventFailed",
            Self::EventHandlerNotFound => "EventHandlerNotFound",
            Self::SlowClient => "SlowClient",
            Self::ServiceTransientError => "ServiceTransientError",
            Self::BadRequest => "BadRequest",
            Self::ServiceReload => "ServiceReload",
            Self::Unauthorized => "Unauthorized",
            Self::ClosedByAppServer => "ClosedByAppServer",
            Self::PingTimeout => "PingTimeout",
        }
    }
}

/// The end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending<'a> {
    /// What the application is told.
    pub(crate) told: &'a str,
    pub(crate) category: CloseCategory,
}

impl<'a> Ending<'a> {
    pub(crate) const fn new(category: CloseCategory, told: &'a str) -> Self {
        Self { told, category }
    }
}

/// Connections that ended, by category.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Closed([u64; CloseCategory::ALL.len()]);

impl Closed {
    /// One more.
    pub fn count(&mut self, category: CloseCategory) {
        self.0[category as usize] += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// So many.
    pub fn of(&self, category: CloseCategory) -> u64 {
        self.0[category as usize]
    }

    /// All of another one more.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own += other);
    }
}

/// Numbers of one shard that only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that came; those that a former process had are not among them.
    pub opened: u64,
    /// Reliable connections that a former process had.
    pub restored: u64,
    /// Connections that ended.
    pub closed: Closed,
    /// Data messages that clients sent: sends to groups, events, invocations, parts of streams and group states, whatever
    /// came of them, and each message of a simple client.
    pub messages_in: u64,
    /// Data messages for clients, once for each receiver: what groups and the service send, ends of streams and news of
    /// group states included. Answers to invocations and other requests are none.
    pub messages_out: u64,
    /// Bytes written to clients' sockets, before TLS.
    pub bytes_out: u64,
    /// Clients whose sockets were cut because they did not read.
    pub slow_consumers: u64,
    /// Reliable clients that came back to their connections.
    pub recovered: u64,
    /// Reliable connections whose clients did not come back in time.
    pub expired: u64,
}

/// What clients speak, as dimensions of metrics; the index is the one of [`HubCount::by_protocol`].
pub const PROTOCOLS: [&str; 5] = [
    "simple",
    Subprotocol { format: Format::Json, reliable: false }.name(),
    Subprotocol { format: Format::Json, reliable: true }.name(),
    Subprotocol { format: Format::Protobuf, reliable: false }.name(),
    Subprotocol { format: Format::Protobuf, reliable: true }.name(),
];

/// Connections by what they speak.
pub(crate) type ByProtocol = [u32; PROTOCOLS.len()];

impl Protocol {
    /// Its place in [`PROTOCOLS`].
    pub(crate) fn index(&self) -> usize {
        self.pubsub().map_or(0, |subprotocol| {
            let format = match subprotocol.format {
                Format::Json => 1,
                Format::Protobuf => 3,
            };
            format + usize::from(subprotocol.reliable)
        })
    }
}

/// A shard at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// What has happened so far.
    pub counters: Counters,
    /// What waits in queues of clients, in bytes, as [`crate::queue::OutQueue::queued_bytes`].
    pub queued_bytes: usize,
    /// Messages that reliable clients have not acknowledged.
    pub unacked: u64,
}

/// A hub on one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubCount {
    /// Lower-cased name.
    pub hub: Arc<str>,
    /// Its connections, by the index in [`PROTOCOLS`].
    pub by_protocol: [u32; PROTOCOLS.len()],
    /// Users on this shard.
    pub users: usize,
    /// Groups on this shard.
    pub groups: usize,
}

impl Shard {
    /// What the shard counts as a whole.
    pub fn numbers(&self) -> Numbers {
        Numbers { counters: self.counters, queued_bytes: self.queued_bytes, unacked: self.unacked }
    }

    /// Its hubs, in no particular order. It costs a visit to each hub and to no connection.
    pub fn hub_counts(&self) -> Vec<HubCount> {
        let count = |(hub, index): (&Arc<str>, &HubIndex)| HubCount {
            hub: Arc::clone(hub),
            by_protocol: index.by_protocol,
            users: index.users.len(),
            groups: index.groups.len(),
        };
        self.hubs.named().map(count).collect()
    }
}

#[cfg(test)]
mod tests;

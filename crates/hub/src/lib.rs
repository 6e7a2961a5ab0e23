//! The hublet domain: connections, groups, users, permissions and fan-out.
//!
//! A [`Shard`] is deterministic and sans-IO: it is told what arrived and what time it is, and it fills outgoing
//! queues and a list of [`Effect`]s. Its driver (the `server` crate) owns the sockets. The [`Directory`] is the only
//! thing that shards share.

pub mod directory;
pub mod queue;

mod acks;
mod admission;
mod close;
mod command;
mod conn;
mod counters;
mod event;
mod fanout;
mod filter;
mod group_state;
mod histogram;
mod index;
mod inventory;
mod invocations;
mod keepalive;
mod limits;
mod members;
mod operations;
mod permission;
mod publish;
mod reliable;
mod saved;
mod session;
mod shard;
#[cfg(test)]
mod simulation;
mod streams;
mod target;
#[cfg(test)]
mod testing;
mod trace;
mod unacked;
mod upstream;

pub use command::{Command, ConnOp, MemberEntry, Outcome, Reply};
pub use conn::{Accept, Protocol, Slot};
pub use counters::{CloseCategory, Closed, Counters, HubCount, Numbers, PROTOCOLS};
pub use directory::{Directory, ShardSet};
pub use event::{ClientEvent, ClientInfo, EventKind, Verdict};
pub use histogram::Histogram;
pub use inventory::{ConnectionEntry, ConnectionQuery, Names, Part};
pub use limits::Limits;
pub use permission::{Pattern as GroupPattern, Permission, Permissions};
pub use publish::Publish;
pub use reliable::{Attempt, NotResumed};
pub use saved::{Saved, SavedStates, Undelivered, Unreadable};
pub use shard::{AfterFlush, Effect, Shard};
pub use target::Target;
pub use trace::{Fact, Trace, TraceLevel};
pub use upstream::{HubPolicies, HubPolicy};

/// Monotonic milliseconds since the process started; the caller's clock, an argument everywhere in this crate.
pub type Millis = u64;

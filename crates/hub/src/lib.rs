//! The hublet domain: connections, groups, users, permissions and fan-out.
//!
//! A [`Shard`] is deterministic and sans-IO: it is told what arrived and what time it is, and it fills outgoing
//! queues and a list of [`Effect`]s. Its driver (the `server` crate) owns the sockets. The [`Directory`] is the only
//! thing that shards share.

pub mod acks;
pub mod command;
pub mod conn;
pub mod directory;
pub mod limits;
pub mod permission;
pub mod publish;
pub mod queue;
pub mod shard;

mod close;
mod fanout;
mod filter;
mod index;
mod keepalive;
mod members;
mod operations;
mod session;
#[cfg(test)]
mod simulation;

pub use command::{Command, ConnOp, MemberEntry, Outcome, Reply, Select};
pub use conn::{Accept, Protocol, Slot};
pub use directory::{Directory, ShardSet};
pub use limits::Limits;
pub use permission::{Permission, Permissions};
pub use publish::{Publish, Target};
pub use shard::{AfterFlush, Effect, Shard};

/// Monotonic milliseconds since the process started; the caller's clock, an argument everywhere in this crate.
pub type Millis = u64;

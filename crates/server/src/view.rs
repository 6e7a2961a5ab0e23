//! A shard as others may look at it, in one of its turns.

use std::net::IpAddr;

use hublet_hub::{Histogram, Shard, Slot};

use crate::conn_io::ConnIo;

/// Upper bounds of the buckets for the length of turns, in microseconds.
const TURN_BOUNDS_US: [u64; 11] = [10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 100_000, 1_000_000];

/// What the driver of a shard counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoopMeter {
    /// How long turns took.
    pub(crate) turns: Histogram<11>,
    /// Bytes read from clients' sockets, without TLS.
    pub(crate) bytes_in: u64,
}

impl Default for LoopMeter {
    fn default() -> Self {
        Self { turns: Histogram::new(&TURN_BOUNDS_US), bytes_in: 0 }
    }
}

/// See the module.
pub(crate) struct View<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) meter: &'a LoopMeter,
    pub(super) sockets: &'a [Option<ConnIo>],
}

impl View<'_> {
    /// Where a connection's socket comes from; `None` when it has none.
    pub(crate) fn remote(&self, slot: Slot) -> Option<IpAddr> {
        self.sockets.get(slot as usize)?.as_ref()?.peer()
    }
}

/// Looks at a shard. It must not take long, and sees the shard between two letters.
pub(crate) type Look = Box<dyn FnOnce(&View<'_>) + Send>;

//! Everything that is counted, from all shards, at about one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use hublet_hub::{Closed, Counters, HubCount, PROTOCOLS};
use hublet_upstream::{CallReport, Upstream};

use super::HttpMeters;
use super::http::HttpCounts;
use crate::node::Node;
use crate::view::LoopMeter;

/// What is counted, summed over all shards.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    pub(crate) counters: Counters,
    pub(crate) driver: LoopMeter,
    pub(crate) queued_bytes: usize,
    pub(crate) unacked: u64,
    /// By lower-cased name: the hubs that have connections.
    pub(crate) hubs: BTreeMap<Arc<str>, HubTotal>,
    pub(crate) http: HttpCounts,
    pub(crate) calls: CallReport,
}

/// One hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HubTotal {
    /// Connections by what they speak, in the order of [`PROTOCOLS`].
    pub(crate) by_protocol: [u64; PROTOCOLS.len()],
    pub(crate) users: usize,
    pub(crate) groups: usize,
}

impl HubTotal {
    pub(crate) fn connections(&self) -> u64 {
        self.by_protocol.iter().sum()
    }

    /// Adds another hub, or the same one on another shard.
    pub(crate) fn add(&mut self, other: &Self) {
        self.by_protocol.iter_mut().zip(other.by_protocol).for_each(|(own, other)| *own += other);
        self.users += other.users;
        self.groups += other.groups;
    }
}

impl From<&HubCount> for HubTotal {
    fn from(count: &HubCount) -> Self {
        Self { by_protocol: count.by_protocol.map(u64::from), users: count.users, groups: count.groups }
    }
}

impl Gathered {
    /// Asks every shard; one that has ended is left out.
    pub(crate) async fn now(node: &Node, http: &HttpMeters, upstream: &Upstream) -> Self {
        let mut all = Self { calls: upstream.calls(), hubs: hubs(node).await, ..Self::default() };
        http.iter().for_each(|meter| all.http.add(&meter.read()));
        for shard in 0..node.shards() {
            let seen = node.look(shard, |view| (view.shard.numbers(), *view.meter)).await;
            let Some((numbers, meter)) = seen else { continue };
            add(&mut all.counters, &numbers.counters);
            all.queued_bytes += numbers.queued_bytes;
            all.unacked += numbers.unacked;
            all.driver.turns.add(&meter.turns);
            all.driver.bytes_in += meter.bytes_in;
        }
        all
    }

    /// All hubs together; users and groups of different hubs are different ones.
    pub(crate) fn total(&self) -> HubTotal {
        let mut total = HubTotal::default();
        self.hubs.values().for_each(|hub| total.add(hub));
        total
    }

    /// Connections that ended and handshakes that were refused.
    pub(crate) fn closed(&self) -> Closed {
        let mut closed = self.counters.closed;
        closed.add(&self.http.refused);
        closed
    }
}

/// All hubs that have connections, by name.
pub(crate) async fn hubs(node: &Node) -> BTreeMap<Arc<str>, HubTotal> {
    let mut hubs = BTreeMap::<Arc<str>, HubTotal>::new();
    for shard in 0..node.shards() {
        let counts = node.look(shard, |view| view.shard.hub_counts()).await;
        for count in counts.into_iter().flatten() {
            hubs.entry(Arc::clone(&count.hub)).or_default().add(&(&count).into());
        }
    }
    for (name, hub) in &mut hubs {
        // What several shards have was counted by each.
        if let Some((groups, users)) = node.directory().groups_and_users(name) {
            (hub.groups, hub.users) = (groups, users);
        }
    }
    hubs
}

fn add(total: &mut Counters, more: &Counters) {
    total.opened += more.opened;
    total.restored += more.restored;
    total.closed.add(&more.closed);
    total.messages_in += more.messages_in;
    total.messages_out += more.messages_out;
    total.bytes_out += more.bytes_out;
    total.slow_consumers += more.slow_consumers;
    total.recovered += more.recovered;
    total.expired += more.expired;
}

//! What a filter costs for each connection: `cargo bench --package hublet-hub`.
//!
//! 10,000 connections on one shard are counted with a filter, as a send with that filter judges them. The first line
//! is the walk over them alone.
#![allow(clippy::print_stdout, reason = "its output is all it is for")]
#![allow(clippy::expect_used, reason = "a mistake in it may end it")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "only the crate itself may know no clock"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hublet_hub::{Accept, Command, ConnOp, Directory, Limits, Permissions, Protocol, Shard, Target};
use hublet_wire::client::{Format, Subprotocol};
use hublet_wire::odata::{Filter, QUERY_BYTES_MAX};

const CONNECTIONS: usize = 10_000;
/// For each filter.
const TIME: Duration = Duration::from_millis(500);
/// A slower filter fails the run.
const LIMIT_NS: f64 = 200.0;

const FILTERS: [&str; 9] = [
    "true",
    "userId eq 'user-77'",
    "'even' in groups",
    "not ('odd' in groups) and 'even' in groups",
    "userId ne null and startswith(userId,'user-1') and length(groups) gt 1",
    "userId in ('user-1','user-2','user-3','user-4','user-5')",
    "tolower(userId) eq 'user-77'",
    "connectionId ne 'AAAAAAAAAAAAAAAAAAAAAA01'",
    "concat(concat(userId,':'),protocol) eq 'user-1:json.webpubsub.azure.v1'",
];

fn main() {
    let mut shard = shard();
    for text in FILTERS {
        let filter = Arc::new(Filter::parse(text, QUERY_BYTES_MAX).expect("a valid filter"));
        let mut best = f64::INFINITY;
        let end = Instant::now() + TIME;
        let mut matched = 0;
        // The best of many rounds: others on the machine can only make one slower.
        while Instant::now() < end {
            let start = Instant::now();
            matched = count(&mut shard, &filter);
            best = best.min(start.elapsed().as_secs_f64() * 1e9 / CONNECTIONS as f64);
        }
        println!("{best:6.1} ns a connection, {matched:6} of {CONNECTIONS}: {text}");
        assert!(best < LIMIT_NS, "slower than {LIMIT_NS} ns");
    }
}

/// Users of many connections, anonymous ones, and groups of many sizes.
fn shard() -> Shard {
    let mut shard = Shard::new(0, 1, Limits::default(), Arc::new(Directory::new(1)));
    for number in 0..CONNECTIONS {
        let groups =
            ["all".to_owned(), ["even", "odd"][number % 2].to_owned(), format!("room-{}", number % 100)];
        let accept = Accept {
            hub: "bench".into(),
            user: (number % 10 > 0).then(|| format!("User-{}", number % 1_000).to_lowercase().into()),
            permissions: Permissions::default(),
            groups: groups.iter().map(|group| group.as_str().into()).collect(),
            protocol: Protocol::PubSub(Subprotocol { format: Format::Json, reliable: false }),
            custom_subprotocol: None,
            host: "localhost".into(),
            state: None,
        };
        let id = shard.reserve([u8::try_from(number % 251).unwrap_or(0); 11], 0);
        shard.activate(id, accept, None, 0);
        shard.take_effects();
    }
    shard
}

fn count(shard: &mut Shard, filter: &Arc<Filter>) -> usize {
    let found = Arc::new(AtomicUsize::new(0));
    let reply = {
        let found = Arc::clone(&found);
        Box::new(move |outcome: hublet_hub::Outcome| found.store(outcome.selected, Ordering::Relaxed))
    };
    let command = Command::Connections {
        hub: "bench".into(),
        target: Target::All,
        filter: Some(Arc::clone(filter)),
        op: ConnOp::Exists,
        reply: Some(reply),
    };
    shard.apply(command, 0);
    found.load(Ordering::Relaxed)
}

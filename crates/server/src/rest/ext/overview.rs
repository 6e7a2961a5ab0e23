//! `/api/ext/overview`: the service at a glance, now and in the last ten minutes.

use std::collections::BTreeMap;

use http::StatusCode;
use hublet_hub::{CloseCategory, PROTOCOLS};
use hublet_wire::cloudevents::time::timestamp_ms;
use serde::Serialize;

use crate::http::{HttpContext, Response, json};
use crate::metrics::{Gathered, Latency, STEP_S, Sample, Totals};

/// The largest hubs that are shown.
const HUBS_MAX: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overview<'a> {
    time: String,
    uptime_seconds: u64,
    state: &'static str,
    version: &'static str,
    development: bool,
    node: NodeOverview,
    connections: u64,
    by_protocol: BTreeMap<&'static str, u64>,
    hubs: Vec<Hub<'a>>,
    groups: usize,
    users: usize,
    queued_bytes: usize,
    memory_bytes: Option<u64>,
    totals: Totals,
    closed: BTreeMap<&'static str, u64>,
    handler_latency: Option<Latency>,
}

#[derive(Serialize)]
struct NodeOverview {
    name: String,
    shards: usize,
}

#[derive(Serialize)]
struct Hub<'a> {
    hub: &'a str,
    connections: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct History {
    step_seconds: u64,
    value: Vec<Moment>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Moment {
    time: String,
    connections: u64,
    queued_bytes: usize,
    memory_bytes: Option<u64>,
    totals: Totals,
    handler_latency: Option<Latency>,
}

/// The service now.
pub(super) async fn now(context: &HttpContext) -> Response {
    let all = Gathered::now(&context.node, &context.meters, context.courier.upstream()).await;
    let sample = Sample::from(&all);
    let (total, closed) = (all.total(), all.closed());
    let mut hubs: Vec<Hub<'_>> =
        all.hubs.iter().map(|(hub, total)| Hub { hub, connections: total.connections() }).collect();
    // A stable sort: hubs of one size stay in the order of their names.
    hubs.sort_by_key(|hub| std::cmp::Reverse(hub.connections));
    hubs.truncate(HUBS_MAX);
    let overview = Overview {
        time: timestamp_ms(sample.time_ms),
        uptime_seconds: context.node.now() / 1_000,
        state: if context.node.is_stopping() { "stopping" } else { "serving" },
        version: env!("CARGO_PKG_VERSION"),
        development: context.config.development,
        node: NodeOverview { name: host(), shards: context.node.shards() },
        connections: sample.connections,
        by_protocol: PROTOCOLS.into_iter().zip(total.by_protocol).collect(),
        hubs,
        groups: total.groups,
        users: total.users,
        queued_bytes: sample.queued_bytes,
        memory_bytes: sample.memory_bytes,
        totals: sample.totals,
        closed: CloseCategory::ALL
            .into_iter()
            .map(|category| (category.name(), closed.of(category)))
            .collect(),
        handler_latency: context.history.latency(&sample),
    };
    document(&overview)
}

/// The last ten minutes.
pub(super) fn history(context: &HttpContext) -> Response {
    let moment = |(sample, handler_latency): (Sample, Option<Latency>)| Moment {
        time: timestamp_ms(sample.time_ms),
        connections: sample.connections,
        queued_bytes: sample.queued_bytes,
        memory_bytes: sample.memory_bytes,
        totals: sample.totals,
        handler_latency,
    };
    let value = context.history.read().into_iter().map(moment).collect();
    document(&History { step_seconds: STEP_S, value })
}

fn document(content: &impl Serialize) -> Response {
    // Numbers and texts always serialise.
    json(StatusCode::OK, serde_json::to_vec(content).unwrap_or_default())
}

/// The name of this machine.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

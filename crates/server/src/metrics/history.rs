//! The last ten minutes, a sample every five seconds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hublet_upstream::Upstream;
use hublet_upstream::meters::Durations;
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use super::process::resident_bytes;
use super::{Gathered, HttpMeters};
use crate::node::Node;
use crate::sessions::now_ms;

/// Seconds between samples.
pub(crate) const STEP_S: u64 = 5;
/// Samples that are kept: ten minutes.
const SAMPLES_MAX: usize = 120;
/// Over how many of them the latency of handlers is told, if not over one step: a minute.
const LATENCY_SAMPLES: usize = 12;

/// The samples.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<VecDeque<Sample>>);

/// The service at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
    pub(crate) connections: u64,
    pub(crate) queued_bytes: usize,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) totals: Totals,
    durations: Option<Durations>,
}

/// What happened since the service started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Totals {
    pub(crate) connections_opened: u64,
    pub(crate) connections_closed: u64,
    pub(crate) messages_in: u64,
    pub(crate) messages_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) rest_requests: u64,
    /// With an answer from 400 on, but for 404, which answers questions.
    pub(crate) rest_errors: u64,
    pub(crate) handler_calls: u64,
    pub(crate) handler_failures: u64,
    pub(crate) slow_consumers: u64,
}

/// How long event handlers took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Latency {
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
}

impl Latency {
    /// Of the calls that ended between two moments; `None` when there were none.
    fn between(earlier: Option<&Durations>, later: &Durations) -> Option<Self> {
        let durations = earlier.map_or(*later, |earlier| later.since(earlier));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let at = |share| durations.quantile_us(share).map(|us| us as f64 / 1_000.0);
        Some(Self { p50_ms: at(0.5)?, p95_ms: at(0.95)?, p99_ms: at(0.99)? })
    }
}

impl From<&Gathered> for Totals {
    fn from(all: &Gathered) -> Self {
        let by_status = || all.http.rest.values().flat_map(|counts| &counts.by_status);
        Self {
            connections_opened: all.counters.opened,
            connections_closed: all.counters.closed.total(),
            messages_in: all.counters.messages_in,
            messages_out: all.counters.messages_out,
            bytes_in: all.driver.bytes_in,
            bytes_out: all.counters.bytes_out,
            rest_requests: by_status().map(|(_, count)| count).sum(),
            rest_errors: by_status()
                .filter(|(status, _)| **status >= 400 && **status != 404)
                .map(|(_, count)| count)
                .sum(),
            handler_calls: all.calls.calls.values().map(|calls| calls.total).sum(),
            handler_failures: all.calls.calls.values().map(|calls| calls.failed).sum(),
            slow_consumers: all.counters.slow_consumers,
        }
    }
}

impl From<&Gathered> for Sample {
    fn from(all: &Gathered) -> Self {
        Self {
            time_ms: now_ms(),
            connections: all.total().connections(),
            queued_bytes: all.queued_bytes,
            memory_bytes: resident_bytes(),
            totals: all.into(),
            durations: all.calls.durations(),
        }
    }
}

impl History {
    /// Takes samples, for as long as it is polled. A shard that is slow to answer holds up nothing else.
    pub(crate) async fn keep(&self, node: Node, http: HttpMeters, upstream: Arc<Upstream>) {
        let mut alarm = tokio::time::interval(Duration::from_secs(STEP_S));
        alarm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            alarm.tick().await;
            self.push((&Gathered::now(&node, &http, &upstream).await).into());
        }
    }

    fn push(&self, sample: Sample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.truncate(SAMPLES_MAX - 1);
        samples.push_front(sample);
    }

    /// All samples, oldest first, each with the latency of handlers since the one before.
    pub(crate) fn read(&self) -> Vec<(Sample, Option<Latency>)> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut earlier = None;
        let with_latency = |sample: Sample| {
            let latency = sample.durations.and_then(|later| Latency::between(earlier.as_ref(), &later));
            earlier = sample.durations;
            (sample, latency)
        };
        samples.into_iter().rev().map(with_latency).collect()
    }

    /// The latency of handlers in the last minute.
    pub(crate) fn latency(&self, now: &Sample) -> Option<Latency> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = samples.get(LATENCY_SAMPLES).and_then(|sample| sample.durations);
        Latency::between(earlier.as_ref(), now.durations.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_bounded_and_come_oldest_first() {
        let history = History::default();
        for time_ms in 0..SAMPLES_MAX as u64 + 30 {
            history.push(Sample { time_ms, ..(&Gathered::default()).into() });
        }
        let samples = history.read();
        assert_eq!(samples.len(), SAMPLES_MAX);
        assert!(samples.is_sorted_by(|(one, _), (next, _)| one.time_ms + 1 == next.time_ms));
        assert_eq!(samples.last().unwrap().0.time_ms, SAMPLES_MAX as u64 + 29);
        assert!(samples.iter().all(|(_, latency)| latency.is_none()));
    }

    #[test]
    fn latency_is_that_of_the_time_between() {
        const BOUNDS_US: [u64; 13] = [1_000, 2_000, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 100_000];
        let history = History::default();
        let mut durations = Durations::new(&BOUNDS_US);
        durations.count(90_000);
        let sample = |durations| Sample { durations: Some(durations), ..(&Gathered::default()).into() };
        history.push(sample(durations));
        (0..10).for_each(|_| durations.count(1_500));
        history.push(sample(durations));
        let [first, second] = &history.read()[..] else { panic!("two samples") };
        assert!(first.1.unwrap().p50_ms > 2.0);
        assert_eq!(second.1.unwrap(), Latency { p50_ms: 1.5, p95_ms: 1.95, p99_ms: 1.99 });
        assert!(
            history.latency(&sample(durations)).unwrap().p99_ms > 2.0,
            "all, while there is no whole minute"
        );
    }
}

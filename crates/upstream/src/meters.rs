//! What calls of event handlers came to, and how long they took. For all shards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use hublet_hub::{EventKind, Histogram};

use crate::failure::Failure;

/// Upper bounds of the buckets, in microseconds.
const BOUNDS_US: [u64; 13] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
    30_000_000,
    100_000_000,
];

/// Durations of calls: from the moment the event is given to its handler to the end of the last attempt.
pub type Durations = Histogram<13>;

/// Which calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// Lower-cased hub name.
    pub hub: Arc<str>,
    /// `connect`, `connected`, `disconnected`, `user`, `joined` or `left`; clients choose the names of user events.
    pub event: &'static str,
    /// Class of the last answer's status, such as `2xx`; `none` when there was none.
    pub status: &'static str,
}

/// What the calls came to.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    /// How long those took that were sent.
    pub durations: Durations,
    /// Those that came to nothing, whether or not they were sent.
    pub failed: u64,
    /// All.
    pub total: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    calls: Mutex<BTreeMap<CallKey, Calls>>,
    /// Bytes of requests' bodies, once for each attempt.
    sent_bytes: AtomicU64,
}

impl Meters {
    /// Counts a call that has ended. The answer's status, if there was one.
    pub(crate) fn count<T>(
        &self,
        hub: &Arc<str>,
        kind: &EventKind,
        status: Option<StatusCode>,
        outcome: &Result<T, Failure>,
        duration_us: u64,
    ) {
        let key = CallKey { hub: Arc::clone(hub), event: event(kind), status: class(status) };
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let calls =
            calls.entry(key).or_insert(Calls { durations: Histogram::new(&BOUNDS_US), failed: 0, total: 0 });
        calls.total += 1;
        calls.failed += u64::from(outcome.is_err());
        if outcome.as_ref().err().is_none_or(Failure::was_sent) {
            calls.durations.count(duration_us);
        }
    }

    /// An attempt begins, with a body of so many bytes.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// All so far.
    pub(crate) fn read(&self) -> CallReport {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        CallReport { calls, sent_bytes: self.sent_bytes.load(Ordering::Relaxed) }
    }
}

/// Calls of event handlers so far.
#[derive(Debug, Clone, Default)]
pub struct CallReport {
    /// What became of them.
    pub calls: BTreeMap<CallKey, Calls>,
    /// Bytes of requests' bodies, once for each attempt.
    pub sent_bytes: u64,
}

impl CallReport {
    /// How long all calls together took; `None` when there were none.
    pub fn durations(&self) -> Option<Durations> {
        self.calls.values().map(|calls| calls.durations).reduce(|mut all, more| {
            all.add(&more);
            all
        })
    }
}

/// A kind of event, as a dimension of metrics.
fn event(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Connect(_) => "connect",
        EventKind::Connected => "connected",
        EventKind::Disconnected { .. } => "disconnected",
        EventKind::User { .. } => "user",
        EventKind::GroupJoined(_) => "joined",
        EventKind::GroupLeft(_) => "left",
    }
}

fn class(status: Option<StatusCode>) -> &'static str {
    match status.map(|status| status.as_u16() / 100) {
        None => "none",
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(_) => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    #[test]
    fn calls_are_kept_apart() {
        let meters = Meters::default();
        let hub: Arc<str> = "chat".into();
        let count = |kind: &EventKind, status: Option<u16>, failure: Option<Failure>| {
            let outcome = failure.map_or(Ok(()), Err);
            meters.count(
                &hub,
                kind,
                status.and_then(|code| StatusCode::from_u16(code).ok()),
                &outcome,
                2_000,
            );
        };
        count(&EventKind::Connected, Some(204), None);
        count(&EventKind::Connected, Some(200), None);
        count(&EventKind::Connected, Some(503), Some(Failure::Status(StatusCode::SERVICE_UNAVAILABLE)));
        count(&EventKind::Connected, None, Some(Failure::Gone));
        count(&EventKind::Connected, None, Some(Failure::Fault(Fault::TimedOut)));
        meters.sent(5);
        let report = meters.read();
        let of = |status| {
            let calls = report.calls.iter().find(|(key, _)| key.status == status).unwrap().1;
            (calls.total, calls.failed, calls.durations.total())
        };
        assert_eq!((of("2xx"), of("5xx")), ((2, 0, 2), (1, 1, 1)));
        assert_eq!(of("none"), (2, 2, 1), "what was not sent took no time");
        assert_eq!(report.durations().unwrap().total(), 4);
        assert_eq!(report.sent_bytes, 5);
    }
}

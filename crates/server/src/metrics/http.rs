//! What requests on one shard came to. Only requests wait for the lock, and only while one of them is counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use hublet_hub::{CloseCategory, Closed, Histogram};

/// Upper bounds of the buckets for REST requests, in microseconds: those of the original (operations.md §3) and some below.
const BOUNDS_US: [u64; 9] = [500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct HttpMeter(Mutex<HttpCounts>);

/// Requests so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct HttpCounts {
    /// REST requests by `RestApiCategory` (operations.md §3).
    pub(crate) rest: BTreeMap<&'static str, RestCounts>,
    /// Handshakes of WebSocket clients by the status of the answer.
    pub(crate) handshakes: BTreeMap<u16, u64>,
    /// Handshakes that were refused, by why.
    pub(crate) refused: Closed,
    /// Clients that wanted to come back to a connection that is no more, or that is not theirs.
    pub(crate) not_recovered: u64,
}

/// Requests of one category.
#[derive(Debug, Clone)]
pub(crate) struct RestCounts {
    /// How long they took.
    pub(crate) durations: Histogram<9>,
    /// By the status of the answer.
    pub(crate) by_status: BTreeMap<u16, u64>,
}

impl Default for RestCounts {
    fn default() -> Self {
        Self { durations: Histogram::new(&BOUNDS_US), by_status: BTreeMap::new() }
    }
}

impl HttpMeter {
    /// A REST request was answered.
    pub(crate) fn rest(&self, category: &'static str, status: StatusCode, duration: Duration) {
        let mut counts = self.lock();
        let counts = counts.rest.entry(category).or_default();
        counts.durations.count(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        *counts.by_status.entry(status.as_u16()).or_default() += 1;
    }

    /// A handshake was answered.
    pub(crate) fn handshake(&self, status: StatusCode) {
        let mut counts = self.lock();
        *counts.handshakes.entry(status.as_u16()).or_default() += 1;
        if let Some(category) = refusal(status) {
            counts.refused.count(category);
        }
    }

    /// A client could not come back to its connection.
    pub(crate) fn not_recovered(&self) {
        self.lock().not_recovered += 1;
    }

    pub(super) fn read(&self) -> HttpCounts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HttpCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpCounts {
    /// Adds those of another shard.
    pub(super) fn add(&mut self, other: &Self) {
        for (category, more) in &other.rest {
            let counts = self.rest.entry(category).or_default();
            counts.durations.add(&more.durations);
            more.by_status
                .iter()
                .for_each(|(status, more)| *counts.by_status.entry(*status).or_default() += more);
        }
        other
            .handshakes
            .iter()
            .for_each(|(status, more)| *self.handshakes.entry(*status).or_default() += more);
        self.refused.add(&other.refused);
        self.not_recovered += other.not_recovered;
    }
}

/// Why a client with this answer to its handshake is not connected; the original counts it like a connection that ended
/// (operations.md §3, §7.1).
fn refusal(status: StatusCode) -> Option<CloseCategory> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(CloseCategory::Unauthorized),
        StatusCode::TOO_MANY_REQUESTS => Some(CloseCategory::Throttled),
        StatusCode::SERVICE_UNAVAILABLE => Some(CloseCategory::ServiceReload),
        _ if status.is_client_error() => Some(CloseCategory::BadRequest),
        _ if status.is_server_error() => Some(CloseCategory::SendEventFailed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_all_shards_are_added() {
        let meters = [HttpMeter::default(), HttpMeter::default()];
        for meter in &meters {
            meter.rest("SendToAll", StatusCode::ACCEPTED, Duration::from_millis(1));
            meter.handshake(StatusCode::SWITCHING_PROTOCOLS);
        }
        meters[1].rest("SendToAll", StatusCode::UNAUTHORIZED, Duration::from_secs(9));
        for status in [400, 401, 429, 500, 503] {
            meters[0].handshake(StatusCode::from_u16(status).unwrap());
        }
        meters[0].not_recovered();
        let mut all = HttpCounts::default();
        meters.iter().for_each(|meter| all.add(&meter.read()));
        let sends = &all.rest["SendToAll"];
        assert_eq!(sends.by_status, [(202, 2), (401, 1)].into());
        assert_eq!((sends.durations.total(), sends.durations.sum_us()), (3, 9_002_000));
        assert_eq!((all.handshakes[&101], all.handshakes[&401], all.not_recovered), (2, 1, 1));
        for category in CloseCategory::ALL {
            let expected = matches!(
                category,
                CloseCategory::BadRequest
                    | CloseCategory::Unauthorized
                    | CloseCategory::Throttled
                    | CloseCategory::SendEventFailed
                    | CloseCategory::ServiceReload
            );
            assert_eq!(all.refused.of(category), u64::from(expected), "{category:?}");
        }
    }
}

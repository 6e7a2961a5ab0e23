//! Latencies in buckets of constant relative width: constant memory, and cheap enough for every message.

use std::time::Duration;

/// Buckets per power of two, so that a value is known to within 1.6 %.
const SUB_BUCKETS: usize = 64;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Up to 2^42 ns, more than an hour; what is longer counts as that.
const BUCKETS: usize = (42 - SUB_BITS as usize + 1) * SUB_BUCKETS;

#[derive(Debug, Clone)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0 }
    }

    pub(super) fn record(&mut self, latency: Duration) {
        let at = bucket(latency).min(BUCKETS - 1);
        self.buckets[at] += 1;
        self.count += 1;
    }

    pub(super) fn clear(&mut self) {
        self.buckets.fill(0);
        self.count = 0;
    }

    /// The latency that `per_cent` of all recorded ones do not exceed; `None` when nothing was recorded.
    pub(super) fn percentile(&self, per_cent: u64) -> Option<Duration> {
        let wanted = (self.count * per_cent).div_ceil(100).max(1);
        let mut seen = 0;
        let at = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(middle(at))
    }
}

fn bucket(latency: Duration) -> usize {
    let ns = usize::try_from(latency.as_nanos()).unwrap_or(usize::MAX);
    let shift = ns.checked_ilog2().unwrap_or_default().saturating_sub(SUB_BITS);
    shift as usize * SUB_BUCKETS + (ns >> shift)
}

/// The middle of a bucket.
fn middle(at: usize) -> Duration {
    let shift = (at / SUB_BUCKETS).saturating_sub(1);
    let lowest = (at - shift * SUB_BUCKETS) << shift;
    Duration::from_nanos((lowest + (1 << shift) / 2) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_lie_side_by_side_and_give_back_what_was_put_in() {
        let mut last = 0;
        for ns in 0..100_000 {
            let at = bucket(Duration::from_nanos(ns));
            assert!(at == last || at == last + 1, "{ns}");
            last = at;
            let back = i64::try_from(middle(at).as_nanos()).unwrap();
            let off = back.abs_diff(i64::try_from(ns).unwrap());
            assert!(off * 64 <= ns, "{ns}: {back}");
        }
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile(50), None);
        for ns in 1..=100 {
            histogram.record(Duration::from_nanos(ns));
        }
        for per_cent in [1, 50, 99, 100] {
            assert_eq!(histogram.percentile(per_cent), Some(Duration::from_nanos(per_cent)));
        }
        assert_eq!(histogram.percentile(0), Some(Duration::from_nanos(1)));
        histogram.clear();
        assert_eq!(histogram.percentile(99), None);
    }

    #[test]
    fn a_very_long_latency_has_a_place() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::MAX);
        assert!(histogram.percentile(50).unwrap() > Duration::from_secs(3_600));
    }
}

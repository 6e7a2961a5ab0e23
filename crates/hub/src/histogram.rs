//! How long things take, in buckets with fixed bounds: plain integers.

/// Counts of durations in `N` buckets; what is above the last bound is in none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    bounds_us: &'static [u64; N],
    buckets: [u64; N],
    above: u64,
    sum_us: u64,
}

impl<const N: usize> Histogram<N> {
    /// Nothing has been counted. The upper bounds of the buckets, in microseconds, ascending; a duration that equals one is
    /// in its bucket.
    pub fn new(bounds_us: &'static [u64; N]) -> Self {
        Self { bounds_us, buckets: [0; N], above: 0, sum_us: 0 }
    }

    /// Counts a duration in microseconds.
    pub fn count(&mut self, duration_us: u64) {
        let at = self.bounds_us.iter().position(|bound| duration_us <= *bound);
        *at.and_then(|at| self.buckets.get_mut(at)).unwrap_or(&mut self.above) += 1;
        self.sum_us = self.sum_us.saturating_add(duration_us);
    }

    /// Adds all of another one with the same bounds.
    pub fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(own, other)| *own += other);
        self.above += other.above;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Upper bound in microseconds and count of each bucket, those below not included.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.bounds_us.iter().copied().zip(self.buckets)
    }

    /// How many durations there were.
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum::<u64>() + self.above
    }

    /// Their sum in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// What this one has more than an `earlier` one of the same.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = *self;
        since
            .buckets
            .iter_mut()
            .zip(earlier.buckets)
            .for_each(|(own, other)| *own = own.saturating_sub(other));
        since.above = since.above.saturating_sub(earlier.above);
        since.sum_us = since.sum_us.saturating_sub(earlier.sum_us);
        since
    }

    /// The duration in microseconds that `share` of all (0 to 1) do not exceed, as far as the buckets tell: evenly spread
    /// within one. `None` when there are none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub fn quantile_us(&self, share: f64) -> Option<u64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let wanted = share.clamp(0.0, 1.0) * total as f64;
        let (mut below, mut lower) = (0, 0);
        for (upper, count) in self.buckets() {
            if count > 0 && (below + count) as f64 >= wanted {
                let within = ((wanted - below as f64) / count as f64).clamp(0.0, 1.0);
                return Some(lower + ((upper - lower) as f64 * within) as u64);
            }
            below += count;
            lower = upper;
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS_US: [u64; 3] = [10, 100, 1_000];

    #[test]
    fn durations_are_in_their_buckets() {
        let mut histogram = Histogram::new(&BOUNDS_US);
        assert_eq!(histogram.quantile_us(0.5), None);
        for duration in [0, 10, 11, 1_000, 1_001, 5_000] {
            histogram.count(duration);
        }
        assert_eq!(histogram.buckets().collect::<Vec<_>>(), [(10, 2), (100, 1), (1_000, 1)]);
        assert_eq!((histogram.total(), histogram.sum_us()), (6, 7_022));
        let earlier = histogram;
        histogram.count(50);
        assert_eq!(
            histogram.since(&earlier).buckets().map(|(_, count)| count).collect::<Vec<_>>(),
            [0, 1, 0]
        );
        histogram.add(&earlier);
        assert_eq!((histogram.total(), histogram.sum_us()), (13, 14_094));
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let mut histogram = Histogram::new(&BOUNDS_US);
        (0..100).for_each(|_| histogram.count(50));
        assert_eq!(histogram.quantile_us(0.5), Some(55));
        assert_eq!(histogram.quantile_us(1.0), Some(100));
        (0..100).for_each(|_| histogram.count(10_000));
        assert_eq!(histogram.quantile_us(0.99), Some(1_000), "not more than the last bound is known");
    }
}

//! Ids of traces and spans, and which traces are recorded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use hublet_wire::trace_context::TraceContext;
use ring::rand::{SecureRandom, SystemRandom};

/// The step of SplitMix64: with it a counter passes all numbers before one comes again.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes ids from a random beginning: asking the system for each would cost more than the rest of a span. They tell spans
/// apart and prove nothing.
#[derive(Debug)]
pub(super) struct Ids {
    state: AtomicU64,
    sample_ratio: f64,
}

impl Ids {
    pub(super) fn new(sample_ratio: f64) -> Self {
        let mut seed = [0; 8];
        if SystemRandom::new().fill(&mut seed).is_err() {
            // What is told apart then is processes that did not start in the same nanosecond.
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            seed = (u64::from(now.subsec_nanos()) << 32 ^ now.as_secs()).to_le_bytes();
        }
        Self { state: AtomicU64::new(u64::from_le_bytes(seed)), sample_ratio }
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014); never 0.
    pub(super) fn next(&self) -> u64 {
        let mut mixed = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).max(1)
    }

    /// A span below `parent`, or one that begins a trace. Whether it is recorded is the parent's decision, if there is one.
    pub(super) fn span(&self, parent: Option<&TraceContext>) -> TraceContext {
        let span = self.next();
        match parent {
            Some(parent) => TraceContext { span, ..parent.clone() },
            None => {
                let [high, low] = [self.next(), self.next()];
                // As many bits as a float has: 1 is all, and 0 is none.
                let sampled = ((low >> 11) as f64) < self.sample_ratio * (1_u64 << 53) as f64;
                let trace = u128::from(high) << 64 | u128::from(low);
                TraceContext { trace, span, sampled, state: String::new() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn sampled(ratio: f64) -> usize {
        let ids = Ids::new(ratio);
        (0..10_000).filter(|_| ids.span(None).sampled).count()
    }

    #[test]
    fn the_ratio_is_kept() {
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 10_000));
        let quarter = sampled(0.25);
        assert!((2_000..3_000).contains(&quarter), "{quarter}");
    }

    #[test]
    fn a_parent_decides() {
        let parent = TraceContext { trace: 1, span: 2, sampled: true, state: "x=1".to_owned() };
        for sampled in [true, false] {
            let parent = TraceContext { sampled, ..parent.clone() };
            let own = Ids::new(0.5).span(Some(&parent));
            assert_ne!(own.span, parent.span);
            assert_eq!(TraceContext { span: 2, ..own }, parent);
        }
    }

    #[test]
    fn ids_are_told_apart() {
        let ids = Ids::new(1.0);
        let all: HashSet<u64> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(all.len(), 10_000);
        assert_ne!(Ids::new(1.0).span(None).trace, ids.span(None).trace);
    }
}

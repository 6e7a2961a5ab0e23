//! Random numbers that a seed repeats: SplitMix64.

#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Numbers of its own, which do not depend on how many are drawn elsewhere.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Any number.
    pub(super) fn any(&mut self) -> u64 {
        self.next()
    }

    /// From 0 up to `count`, which is not reached.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % (count.max(1) as u64)).unwrap_or(0)
    }

    /// From 0 up to 1.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A time until something that happens each `mean` seconds on average.
    pub(super) fn wait(&mut self, mean: f64) -> std::time::Duration {
        let seconds = -mean * (1.0 - self.fraction()).ln();
        std::time::Duration::from_secs_f64(seconds.clamp(0.0, 3_600.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_everything() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            let mut other = random.fork();
            (random.below(1_000), other.below(1_000), random.wait(1.0))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let mut random = Random::new(1);
        assert!((0..1_000).all(|_| random.below(3) < 3 && random.fraction() < 1.0));
        assert_eq!(random.below(0), 0);
    }
}

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(30);

/// How long to wait before the next try: twice as long each time, and never quite as long as another portal that lost
/// the same server at the same moment.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    seed: u64,
    tries: u32,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, tries: 0 }
    }

    /// The next wait: between half of the full one and all of it.
    pub(crate) fn next(&mut self) -> Duration {
        let full = FIRST.saturating_mul(1 << self.tries.min(16)).min(LAST);
        self.tries = self.tries.saturating_add(1);
        // One step of SplitMix64 (Steele et al., 2014).
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        full / 2 + full.mul_f64((mixed >> 11) as f64 / (1_u64 << 53) as f64) / 2
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit() {
        let mut backoff = Backoff::new(7);
        let waits: Vec<_> = (0..12).map(|_| backoff.next()).collect();
        for (tries, wait) in waits.iter().enumerate() {
            let full = FIRST.saturating_mul(1 << tries).min(LAST);
            assert!((full / 2..=full).contains(wait), "{tries}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn two_seeds_do_not_march_in_step() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..4).map(|_| backoff.next()).collect::<Vec<_>>()
        };
        assert_ne!(waits(1), waits(2));
        assert_eq!(waits(1), waits(1));
    }
}

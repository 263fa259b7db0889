//! A histogram of durations with a relative error below one percent, in a few kilobytes.

use std::time::Duration;

/// Buckets per power of two, as a power of two.
const PRECISION: u32 = 6;
const PER_OCTAVE: usize = 1 << PRECISION;
/// Enough for 18 minutes in nanoseconds; longer ones are counted as that.
const OCTAVES: usize = 35;

/// Counts of durations, log-linear: each power of two is divided into equal buckets.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; PER_OCTAVE * OCTAVES], total: 0 }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let index = index(nanos).min(self.counts.len() - 1);
        if let Some(count) = self.counts.get_mut(index) {
            *count = count.saturating_add(1);
            self.total += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total += other.total;
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The duration that the given part of all durations does not exceed, in microseconds.
    pub(crate) fn quantile_us(&self, part: f64) -> f64 {
        let rank = ((self.total as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return middle(index) / 1000.0;
            }
        }
        0.0
    }
}

/// The bucket of a value: the bits after the leading one, after the number of the octave.
fn index(nanos: u64) -> usize {
    let octave = nanos.checked_ilog2().unwrap_or(0).saturating_sub(PRECISION);
    octave as usize * PER_OCTAVE + (nanos >> octave) as usize
}

/// The value in the middle of a bucket.
fn middle(index: usize) -> f64 {
    let octave = (index / PER_OCTAVE).saturating_sub(1);
    let width = 2_f64.powi(octave as i32);
    ((index - octave * PER_OCTAVE) as f64 + 0.5) * width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_again_within_one_percent() {
        let mut nanos = 100_u64;
        while nanos < 1_000_000_000_000 {
            let found = middle(index(nanos));
            assert!((found - nanos as f64).abs() / (nanos as f64) < 0.01, "{nanos} became {found}");
            assert!(index(nanos) <= index(nanos + 1));
            nanos += nanos / 7 + 1;
        }
    }

    #[test]
    fn quantiles_are_those_of_all_parts() {
        let mut all = Histogram::default();
        for part in [1..=500, 501..=1000] {
            let mut histogram = Histogram::default();
            part.for_each(|micros| histogram.record(Duration::from_micros(micros)));
            all.merge(&histogram);
        }
        assert_eq!(all.total(), 1000);
        for (part, micros) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = all.quantile_us(part);
            assert!((found - micros).abs() / micros < 0.01, "{part}: {found}");
        }
    }

    #[test]
    fn an_endless_duration_is_counted_and_an_empty_histogram_has_no_quantile() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_us(0.99), 0.0);
        histogram.record(Duration::MAX);
        assert_eq!(histogram.total(), 1);
    }
}

//! How soon a server that went may be started again.

use std::time::Duration;

use tokio::time::Instant;

/// A process that lived this long did work; that it went is an accident and no reason to wait.
const HEALTHY: Duration = Duration::from_secs(10);

/// What became of the processes that were started one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    /// How many went early, one after the other.
    losses: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// A process went after `lived`. The first loss costs nothing, so that a server that was killed by one call is there
    /// for the next.
    pub(super) fn lose(&mut self, lived: Duration, now: Instant, first: Duration, longest: Duration) {
        self.losses = if lived < HEALTHY { self.losses.saturating_add(1) } else { 1 };
        self.until = self.losses.checked_sub(2).map(|doubled| {
            let factor = 1_u32.checked_shl(doubled).unwrap_or(u32::MAX);
            now + first.saturating_mul(factor).min(longest)
        });
    }

    /// How long it is until a process may be started; none if it may now.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.until?.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Whether the losses are so long ago that they say nothing any more.
    pub(super) fn is_over(&self, now: Instant, longest: Duration) -> bool {
        self.until.is_none_or(|until| until + longest.max(HEALTHY) <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(3);

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_longest_and_only_for_early_losses() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.wait(now), None);
        let mut waits = Vec::new();
        for _ in 0..6 {
            backoff.lose(Duration::ZERO, now, FIRST, LONGEST);
            waits.push(backoff.wait(now).map_or(0, |wait| wait.as_millis()));
        }
        assert_eq!(waits, [0, 500, 1000, 2000, 3000, 3000]);
        assert_eq!(backoff.wait(now + LONGEST), None);
        assert!(!backoff.is_over(now + LONGEST, LONGEST));
        assert!(backoff.is_over(now + LONGEST + HEALTHY, LONGEST));

        backoff.lose(HEALTHY, now, FIRST, LONGEST);
        assert_eq!(backoff.wait(now), None);
        for _ in 0..100 {
            backoff.lose(Duration::ZERO, now, FIRST, LONGEST);
        }
        assert_eq!(backoff.wait(now), Some(LONGEST));
    }
}

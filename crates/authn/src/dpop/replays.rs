use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Remembers which proofs were used.
pub trait Replays: fmt::Debug + Send + Sync + 'static {
    /// Remembers a proof from now until `until`, unless it is remembered already. Must be quick, and must not wait.
    fn remember(&self, proof: [u8; 32], until: SystemTime, now: SystemTime) -> Remembered;
}

/// Whether a proof was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It was not, and is remembered from now on.
    New,
    /// It was, or nobody can tell any more.
    Seen,
    /// It was not, and cannot be remembered, so it must not be accepted.
    Full,
}

/// Remembers proofs in memory: about 100 bytes for each, up to a number of them.
pub struct MemoryReplays {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: HashSet<[u8; 32]>,
    /// The proofs by the second in which they are forgotten.
    by_end: BTreeMap<u64, Vec<[u8; 32]>>,
    /// What ends before this second is forgotten, or about to be; a clock that goes back brings none of it back.
    forgotten: u64,
}

impl MemoryReplays {
    /// Remembers `capacity` proofs at most.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }
}

impl Replays for MemoryReplays {
    fn remember(&self, proof: [u8; 32], until: SystemTime, now: SystemTime) -> Remembered {
        let (end, now) = (seconds(until), seconds(now));
        // Nothing in here panics half way, so a poisoned state is a sound one.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.forget(now);
        if end < state.forgotten || state.seen.contains(&proof) {
            return Remembered::Seen;
        }
        if state.seen.len() >= self.capacity {
            return Remembered::Full;
        }
        state.seen.insert(proof);
        state.by_end.entry(end).or_default().push(proof);
        Remembered::New
    }
}

impl State {
    /// Proofs of the current second may still be good, so they stay. A few at a time go, so that nobody waits for many.
    fn forget(&mut self, now: u64) {
        const AT_ONCE: usize = 64;
        let mut left = AT_ONCE;
        while left > 0
            && let Some(mut first) = self.by_end.first_entry()
            && *first.key() < now
        {
            if let Some(proof) = first.get_mut().pop() {
                self.seen.remove(&proof);
                left -= 1;
            } else {
                first.remove();
            }
        }
        self.forgotten = self.forgotten.max(now);
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl fmt::Debug for MemoryReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplays").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn remembers_until_the_end_and_no_longer() {
        let replays = MemoryReplays::new(2);
        assert_eq!(replays.remember([1; 32], at(160), at(100)), Remembered::New);
        assert_eq!(replays.remember([1; 32], at(160), at(160)), Remembered::Seen);
        assert_eq!(replays.remember([2; 32], at(161), at(160)), Remembered::New);
        assert_eq!(replays.remember([3; 32], at(161), at(160)), Remembered::Full);
        assert_eq!(replays.remember([2; 32], at(161), at(160)), Remembered::Seen);
        // The first has ended, and makes room.
        assert_eq!(replays.remember([3; 32], at(221), at(161)), Remembered::New);
        assert_eq!(replays.state.lock().unwrap().seen.len(), 2);
        assert_eq!(replays.state.lock().unwrap().by_end.len(), 2);
    }

    #[test]
    fn a_clock_that_goes_back_brings_nothing_back() {
        let replays = MemoryReplays::new(10);
        assert_eq!(replays.remember([1; 32], at(160), at(100)), Remembered::New);
        assert_eq!(replays.remember([2; 32], at(260), at(200)), Remembered::New);
        assert_eq!(replays.remember([1; 32], at(160), at(100)), Remembered::Seen);
    }

    #[test]
    fn many_that_have_ended_go_a_few_at_a_time() {
        let replays = MemoryReplays::new(1_000);
        let mut id = 0_u64;
        let mut remember = |end, now| {
            id += 1;
            let mut proof = [0; 32];
            proof[..8].copy_from_slice(&id.to_be_bytes());
            replays.remember(proof, at(end), at(now))
        };
        for _ in 0..1_000 {
            assert_eq!(remember(160, 100), Remembered::New);
        }
        assert_eq!(remember(160, 100), Remembered::Full);
        for call in 1..=1_000 {
            assert_eq!(remember(260, 200), Remembered::New);
            let expected = 1_000_usize.saturating_sub(64 * call) + call;
            assert_eq!(replays.state.lock().unwrap().seen.len(), expected);
        }
        assert_eq!(remember(260, 200), Remembered::Full);
        assert_eq!(replays.state.lock().unwrap().by_end.len(), 1);
    }

    #[test]
    fn remembers_nothing_without_room() {
        assert_eq!(MemoryReplays::new(0).remember([1; 32], at(2), at(1)), Remembered::Full);
    }
}

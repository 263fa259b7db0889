//! Sessions that were deleted, and must stay so although their ids would still open.

use std::collections::{HashSet, VecDeque};

use super::token::Number;

/// Numbers of deleted sessions, each kept until the session would be over anyway.
///
/// It is bounded: when it is full, the one that was deleted first goes, and its id works again, for the principal that it
/// was made for and nobody else.
#[derive(Debug, Default)]
pub(super) struct Deleted {
    numbers: HashSet<Number>,
    /// When each would be over, in seconds since 1970, in the order of their deletion.
    order: VecDeque<(u64, Number)>,
    capacity: usize,
}

impl Deleted {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    pub(super) fn contains(&self, number: &Number) -> bool {
        self.numbers.contains(number)
    }

    /// Whether it was not there before.
    pub(super) fn insert(&mut self, number: Number, expires: u64, now: u64) -> bool {
        if self.contains(&number) {
            return false;
        }
        let is_over = |(expires, _): &(u64, Number)| *expires <= now;
        while self.order.len() >= self.capacity || self.order.front().is_some_and(is_over) {
            let Some((_, first)) = self.order.pop_front() else { return false };
            self.numbers.remove(&first);
        }
        self.order.push_back((expires, number));
        self.numbers.insert(number)
    }
}

#[cfg(test)]
mod tests {
    use super::Deleted;

    #[test]
    fn keeps_the_last_ones_until_they_are_over() {
        let mut deleted = Deleted::new(2);
        assert!(deleted.insert([1; 16], 100, 0));
        assert!(!deleted.insert([1; 16], 100, 0), "it was deleted before");
        assert!(deleted.insert([2; 16], 100, 0));
        assert!(deleted.insert([3; 16], 200, 0));
        let kept = [1, 2, 3].map(|number| deleted.contains(&[number; 16]));
        assert_eq!(kept, [false, true, true]);
        assert!(deleted.insert([4; 16], 300, 150));
        let kept = [2, 3, 4].map(|number| deleted.contains(&[number; 16]));
        assert_eq!(kept, [false, true, true]);
    }
}

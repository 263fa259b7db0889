//! How bad something must be to be told (2026-07-28, Logging, "Log Levels").

use std::sync::atomic::{AtomicU8, Ordering};

/// The levels, the least severe first.
const NAMES: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// A level; a lower one lets more through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level(u8);

impl Level {
    pub(super) fn parse(name: &str) -> Option<Self> {
        NAMES.iter().zip(1..).find(|(known, _)| **known == name).map(|(_, number)| Self(number))
    }

    pub(super) fn as_str(self) -> &'static str {
        NAMES.get(usize::from(self.0) - 1).copied().unwrap_or("emergency")
    }
}

/// A level that may change, or none.
#[derive(Debug, Default)]
pub(super) struct LevelCell(AtomicU8);

impl LevelCell {
    pub(super) fn get(&self) -> Option<Level> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| *number > 0).map(Level)
    }

    pub(super) fn set(&self, level: Option<Level>) {
        self.0.store(level.map_or(0, |level| level.0), Ordering::Relaxed);
    }

    /// Whether a message of this level is wanted.
    pub(super) fn wants(&self, level: Level) -> bool {
        self.get().is_some_and(|least| least <= level)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn levels_are_ordered_and_keep_their_names() {
        let levels = NAMES.map(|name| Level::parse(name).unwrap());
        assert!(levels.is_sorted());
        assert_eq!(levels.map(Level::as_str), NAMES);
        assert_eq!(Level::parse("verbose"), None);
    }

    #[test]
    fn a_cell_wants_what_is_at_least_as_severe() {
        let cell = LevelCell::default();
        let (info, error) = (Level::parse("info").unwrap(), Level::parse("error").unwrap());
        assert!(!cell.wants(error));
        cell.set(Some(error));
        assert!(cell.wants(error) && !cell.wants(info));
    }
}

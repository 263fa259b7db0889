use std::sync::atomic::{AtomicU8, Ordering};

use crate::Era;

/// What was found out of a server. Read with every call, so it is atomics.
#[derive(Debug, Default)]
pub(crate) struct Found {
    era: AtomicU8,
    sessions: AtomicU8,
}

const MODERN: u8 = 1;
const LEGACY: u8 = 2;
const SSE: u8 = 3;

const UNKNOWN: u8 = 0;
const YES: u8 = 1;
const NO: u8 = 2;

impl Found {
    /// None if it is not known.
    #[inline]
    pub(crate) fn era(&self) -> Option<Era> {
        match self.era.load(Ordering::Acquire) {
            MODERN => Some(Era::Modern),
            LEGACY => Some(Era::Legacy),
            SSE => Some(Era::Sse),
            _ => None,
        }
    }

    pub(crate) fn set(&self, era: Era) {
        let era = match era {
            Era::Auto => 0,
            Era::Modern => MODERN,
            Era::Legacy => LEGACY,
            Era::Sse => SSE,
        };
        self.era.store(era, Ordering::Release);
    }

    /// What was found has proved wrong, and nothing better is known.
    pub(crate) fn forget(&self) {
        self.set(Era::Auto);
        self.sessions.store(UNKNOWN, Ordering::Release);
    }

    /// Whether a modern server holds sessions as well. None if it was not asked yet.
    pub(crate) fn holds_sessions(&self) -> Option<bool> {
        match self.sessions.load(Ordering::Acquire) {
            UNKNOWN => None,
            answer => Some(answer == YES),
        }
    }

    pub(crate) fn set_sessions(&self, yes: bool) {
        self.sessions.store(if yes { YES } else { NO }, Ordering::Release);
    }
}

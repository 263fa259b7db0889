use std::sync::atomic::{AtomicU8, Ordering};

use crate::Era;

/// What was found out of a server. Read with every call, so it is one atomic.
#[derive(Debug, Default)]
pub(crate) struct Found(AtomicU8);

const MODERN: u8 = 1;
const LEGACY: u8 = 2;
const SSE: u8 = 3;

impl Found {
    /// None if it is not known.
    #[inline]
    pub(crate) fn era(&self) -> Option<Era> {
        match self.0.load(Ordering::Acquire) {
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
        self.0.store(era, Ordering::Release);
    }

    /// What was found has proved wrong, and nothing better is known.
    pub(crate) fn forget(&self) {
        self.set(Era::Auto);
    }
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what is alive, what came to its end, and what was dropped before.
///
/// Cancellation is a drop, and a drop leaves no trace of its own. Whatever a test wants to see dropped holds a
/// [`Guard`].
///
/// ```
/// use portcullis_testkit::Watch;
///
/// let watch = Watch::new();
/// let (first, second) = (watch.guard(), watch.guard());
/// first.finish();
/// assert_eq!(watch.live(), 1);
/// drop(second);
/// assert_eq!((watch.live(), watch.finished(), watch.dropped()), (0, 1, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Watch {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    live: AtomicUsize,
    finished: AtomicUsize,
    dropped: AtomicUsize,
}

impl Watch {
    /// Nothing has been counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one more thing that is alive, as long as the guard is.
    pub fn guard(&self) -> Guard {
        self.counts.live.fetch_add(1, Ordering::SeqCst);
        Guard { counts: Arc::clone(&self.counts), finished: false }
    }

    /// How many are alive.
    #[must_use]
    pub fn live(&self) -> usize {
        self.counts.live.load(Ordering::SeqCst)
    }

    /// How many came to their end.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.counts.finished.load(Ordering::SeqCst)
    }

    /// How many were dropped before they came to their end.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.counts.dropped.load(Ordering::SeqCst)
    }
}

/// One thing that a [`Watch`] counts.
#[derive(Debug)]
#[must_use = "what is counted is alive as long as its guard"]
pub struct Guard {
    counts: Arc<Counts>,
    finished: bool,
}

impl Guard {
    /// It came to its end; dropping it from here on is no cancellation.
    pub fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.counts.live.fetch_sub(1, Ordering::SeqCst);
        let end = if self.finished { &self.counts.finished } else { &self.counts.dropped };
        end.fetch_add(1, Ordering::SeqCst);
    }
}

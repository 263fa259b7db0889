use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use http::Extensions;

use crate::Refusal;

/// What one layer decided about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It let the call or the message pass.
    Allow,
    /// It let a changed message pass, in this many places.
    Change(usize),
    /// It said no.
    Refuse(Refusal),
    /// Something it depends on broke; the text is for the operator.
    Fail(Cow<'static, str>),
    /// Neither yes nor no, but worth knowing: which server was chosen, which cache answered.
    Note(Cow<'static, str>),
}

impl Verdict {
    /// Whether this is a plain yes.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

/// One line of a [`Trail`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    layer: &'static str,
    verdict: Verdict,
}

impl Entry {
    /// Which layer wrote the line, by the name of its crate without the prefix (`tool-filter`).
    #[must_use]
    pub fn layer(&self) -> &'static str {
        self.layer
    }

    /// What the layer decided.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

/// What each layer decided about one call, in the order it was decided.
///
/// The trail travels in the extensions of a request or call. Clones share their entries, so a layer may keep one while
/// the call goes on and read later what happened further in. The [`MAX_ENTRIES`](Self::MAX_ENTRIES) first entries are
/// kept and the rest are counted: a stream of a million messages cannot grow it. Room for the last
/// [`RESERVED`](Self::RESERVED) is held back for refusals and failures, so that no flood of pleasant news hides them.
///
/// ```
/// use portcullis_core::{Trail, Verdict};
///
/// let mut extensions = http::Extensions::new();
/// let outside = Trail::enter(&mut extensions);
/// let inside = Trail::enter(&mut extensions); // the same trail, seen by a layer further in
/// inside.record("portal", Verdict::Note("server github".into()));
///
/// assert_eq!(outside.entries()[0].layer(), "portal");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trail {
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    entries: Vec<Entry>,
    dropped: usize,
}

impl Trail {
    /// How many entries are kept.
    pub const MAX_ENTRIES: usize = 64;

    /// How many of them only a refusal or a failure may take.
    pub const RESERVED: usize = 16;

    /// An empty trail.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The trail of a call, begun here if no layer outside has begun one.
    pub fn enter(extensions: &mut Extensions) -> Self {
        extensions.get_or_insert_default::<Self>().clone()
    }

    /// The trail of a call, if one was begun.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Adds a line.
    pub fn record(&self, layer: &'static str, verdict: Verdict) {
        let room = match verdict {
            Verdict::Refuse(_) | Verdict::Fail(_) => Self::MAX_ENTRIES,
            _ => Self::MAX_ENTRIES - Self::RESERVED,
        };
        let mut lines = self.lines();
        if lines.entries.len() < room {
            lines.entries.push(Entry { layer, verdict });
        } else {
            lines.dropped += 1;
        }
    }

    /// A copy of the lines so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lines().entries.clone()
    }

    /// How many lines did not fit.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.lines().dropped
    }

    /// The first refusal on the trail: the one that decided the call.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.lines().entries.iter().find_map(|entry| match &entry.verdict {
            Verdict::Refuse(refusal) => Some(refusal.clone()),
            _ => None,
        })
    }

    /// A panic elsewhere while a line was pushed leaves a list that is still whole, so poisoning is ignored.
    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_entries_and_counts_the_rest() {
        let trail = Trail::new();
        for _ in 0..Trail::MAX_ENTRIES {
            trail.record("dlp", Verdict::Allow);
        }
        assert_eq!(trail.entries().len(), Trail::MAX_ENTRIES - Trail::RESERVED);
        assert_eq!(trail.dropped(), Trail::RESERVED);
    }

    #[test]
    fn a_flood_of_allowed_messages_does_not_hide_a_refusal() {
        let trail = Trail::new();
        for _ in 0..1_000 {
            trail.record("dlp", Verdict::Allow);
        }
        trail.record("dlp", Verdict::Refuse(Refusal::new(crate::Reason::Forbid, "No.")));
        assert_eq!(trail.refusal().map(|refusal| refusal.to_string()).as_deref(), Some("No."));
    }

    #[test]
    fn is_send_and_sync() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Trail>();
        assert_send_sync::<Entry>();
    }
}

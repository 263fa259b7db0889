#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How often, how soon and how much is tried again.
///
/// Only what is safe is tried again at all. A connection that could not be made is, for every call: the server has seen
/// nothing of it. A connection that broke once the request may have arrived is tried again for the reads of MCP alone -
/// `server/discover`, every `*/list`, `resources/read`, `prompts/get` and `completion/complete` - and **never** for
/// `tools/call`, which may have had its effect already, nor for `subscriptions/listen`. An answer is an answer: no status,
/// `429` and `503` included, is asked for twice, nor is a call whose time ran out.
///
/// A server in trouble must not be buried: each call earns a part of a retry
/// ([`budget_percent`](Self::budget_percent)), up to ten are saved, and without savings nothing is tried again. The waits
/// double, and half of each is random, so that a thousand callers do not come back in step.
///
/// ```
/// use std::time::Duration;
/// use portcullis_mcp_upstream::{HttpUpstream, Retries};
///
/// let patient = Retries::new(4).back_off(Duration::from_millis(100), Duration::from_secs(2));
/// assert!(HttpUpstream::builder("http://127.0.0.1:3000/mcp")?.retries(patient).build().is_ok());
///
/// let endless = Retries::new(255);
/// assert!(HttpUpstream::builder("http://127.0.0.1:3000/mcp")?.retries(endless).build().is_err());
/// # Ok::<(), portcullis_mcp_upstream::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retries {
    pub(crate) most: u8,
    percent: u8,
    first: Duration,
    longest: Duration,
}

impl Retries {
    /// The most retries one call may ask for.
    pub const MOST: u8 = 10;

    /// Up to this many retries per call, a budget of 20 %, waits from 50 ms to one second.
    pub const fn new(most: u8) -> Self {
        Self { most, percent: 20, first: Duration::from_millis(50), longest: Duration::from_secs(1) }
    }

    /// Nothing is tried again.
    pub const fn none() -> Self {
        Self::new(0)
    }

    /// How many retries a hundred calls earn together.
    pub const fn budget_percent(mut self, percent: u8) -> Self {
        self.percent = percent;
        self
    }

    /// How long the first wait is, and how long one can get.
    pub const fn back_off(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest;
        self
    }

    /// The wait before retry number `retry`, counted from 0: half of it fixed, half of it `random`.
    fn wait(&self, retry: u8, random: u64) -> Duration {
        let factor = 1_u32.checked_shl(retry.into()).unwrap_or(u32::MAX);
        let half = self.first.saturating_mul(factor).min(self.longest) / 2;
        // Microseconds hold half a million years, and the high half of a product is the random part of it.
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX);
        let extra = (u128::from(micros) * u128::from(random)) >> 64;
        half.saturating_add(Duration::from_micros(u64::try_from(extra).unwrap_or(u64::MAX)))
    }
}

impl Default for Retries {
    /// Two retries per call.
    fn default() -> Self {
        Self::new(2)
    }
}

/// How an attempt was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// No connection came about, so nothing was sent.
    Unconnected,
    /// The server's certificate is not to be trusted, and will not be in fifty milliseconds.
    Untrusted,
    /// The connection broke, or made no sense, when the request may have arrived.
    Broken,
    /// Time ran out.
    Late,
}

/// What may be asked twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The method only reads.
    Read,
    /// It may change something, or nobody knows.
    Any,
}

/// Whether asking again is safe.
pub(crate) fn is_safe(loss: Loss, effect: Effect) -> bool {
    match (loss, effect) {
        (Loss::Unconnected, _) | (Loss::Broken, Effect::Read) => true,
        (Loss::Broken, Effect::Any) | (Loss::Untrusted | Loss::Late, _) => false,
    }
}

/// What a method may do to the server, by the words of the specification. Methods of extensions may do anything.
pub(crate) fn effect(method: &str) -> Effect {
    match method {
        "server/discover"
        | "tools/list"
        | "prompts/list"
        | "resources/list"
        | "resources/templates/list"
        | "resources/read"
        | "prompts/get"
        | "completion/complete" => Effect::Read,
        _ => Effect::Any,
    }
}

/// Retries that calls have earned and nobody has used.
#[derive(Debug)]
pub(crate) struct Budget {
    retries: Retries,
    /// In hundredths of a retry.
    saved: AtomicU32,
    random: Random,
}

impl Budget {
    const ONE: u32 = 100;
    /// Ten retries: enough for a server that restarts, too few for a flood.
    const FULL: u32 = 10 * Self::ONE;

    pub(crate) fn new(retries: Retries, random: Random) -> Self {
        Self { retries, saved: AtomicU32::new(Self::FULL), random }
    }

    /// Whether a call can be asked again at all.
    pub(crate) fn is_off(&self) -> bool {
        self.retries.most == 0
    }

    /// A call was made.
    pub(crate) fn earn(&self) {
        // A full budget, which is the rule, costs one read.
        if self.saved.load(Ordering::Relaxed) < Self::FULL {
            let more = |saved: u32| Some(saved.saturating_add(self.retries.percent.into()).min(Self::FULL));
            let _ = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }

    /// The wait before retry number `retry`, counted from 0, if it is safe, allowed and paid for.
    pub(crate) fn spend(&self, loss: Loss, effect: Effect, retry: u8) -> Option<Duration> {
        if retry >= self.retries.most || !is_safe(loss, effect) {
            return None;
        }
        let less = |saved: u32| saved.checked_sub(Self::ONE);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        Some(self.retries.wait(retry, (self.random.0)()))
    }
}

/// Where randomness comes from.
#[derive(Clone)]
pub(crate) struct Random(pub(crate) std::sync::Arc<dyn Fn() -> u64 + Send + Sync>);

impl Random {
    /// The seed of a hash map: random enough to spread callers, and there without another dependency.
    pub(crate) fn of_the_system() -> Self {
        use std::hash::{BuildHasher, Hasher, RandomState};
        Self(std::sync::Arc::new(|| RandomState::new().build_hasher().finish()))
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

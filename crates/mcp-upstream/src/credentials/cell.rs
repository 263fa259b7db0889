//! Something that is had from elsewhere, is good for a while, and is asked for once however many want it.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use portcullis_fetch::BoxFuture;
use portcullis_mcp_jsonrpc::FailureKind;
use tokio::sync::watch;
use tokio::time::Instant;

use super::trouble::Trouble;

/// How long nobody asks again after a failure: at first, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How often a server's word is taken for it that what it was shown is no good. A server that refuses everybody must not
/// have a token issued for each call.
const REJECT_EVERY: Duration = Duration::from_secs(10);

/// How long before its end something is replaced, where it lasts long enough.
const AHEAD: Duration = Duration::from_secs(60);

/// What was asked for, and how long it lasts; none: until somebody refuses it.
#[derive(Debug)]
pub(crate) struct Fresh<T> {
    pub(crate) value: T,
    pub(crate) lifetime: Option<Duration>,
}

/// What is held, and which one in a row it is.
#[derive(Clone, Debug)]
pub(crate) struct Held<T> {
    pub(crate) value: T,
    pub(crate) generation: u64,
}

/// What somebody gets who needs it.
pub(crate) enum Got<T> {
    Now(Held<T>),
    Wait(BoxFuture<'static, Result<Held<T>, Trouble>>),
}

impl<T: Send + 'static> Got<T> {
    pub(crate) async fn wait(self) -> Result<Held<T>, Trouble> {
        match self {
            Self::Now(held) => Ok(held),
            Self::Wait(wait) => wait.await,
        }
    }
}

/// Holds one value and renews it.
///
/// Reading what is there takes no lock. Asking is done on a task of its own: who waits for it may go away while others
/// wait on. While what is held is still good, it is renewed in the background.
pub(crate) struct Cell<T> {
    current: ArcSwapOption<Kept<T>>,
    flight: Mutex<Flight<T>>,
}

struct Kept<T> {
    held: Held<T>,
    /// When to ask for the next, and when this one is dead.
    ends: Option<(Instant, Instant)>,
}

struct Flight<T> {
    underway: Option<Landing<T>>,
    failed: Option<Failed>,
    rejected: Option<Instant>,
    generation: u64,
}

type Landing<T> = watch::Receiver<Option<Result<Held<T>, Trouble>>>;

struct Failed {
    times: u32,
    until: Instant,
    trouble: Trouble,
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        let flight = Flight { underway: None, failed: None, rejected: None, generation: 0 };
        Self { current: ArcSwapOption::empty(), flight: Mutex::new(flight) }
    }
}

impl<T: Clone + Send + Sync + 'static> Cell<T> {
    /// What is held if it is good; else what `ask` brings, which is only called if nobody else has asked.
    pub(crate) fn get<A>(self: &Arc<Self>, ask: A) -> Got<T>
    where
        A: FnOnce() -> BoxFuture<'static, Result<Fresh<T>, Trouble>>,
    {
        if let Some(kept) = &*self.current.load() {
            let Some((renew, end)) = kept.ends else { return Got::Now(kept.held.clone()) };
            let now = Instant::now();
            if now < renew {
                return Got::Now(kept.held.clone());
            }
            if now < end {
                // Whether this comes to something is for those to know who call after the end.
                drop(self.depart(ask));
                return Got::Now(kept.held.clone());
            }
        }
        self.depart(ask)
    }

    /// A server has refused what it was shown. Gives whether another may be asked for.
    pub(crate) fn reject(&self, generation: u64) -> bool {
        let mut flight = self.lock();
        if self.current.load().as_ref().is_none_or(|kept| kept.held.generation != generation) {
            // Somebody else was told before.
            return true;
        }
        let now = Instant::now();
        if flight.rejected.is_some_and(|at| now < at + REJECT_EVERY) {
            return false;
        }
        flight.rejected = Some(now);
        self.current.store(None);
        true
    }

    /// Asks, unless somebody does, or it has just failed.
    fn depart<A>(self: &Arc<Self>, ask: A) -> Got<T>
    where
        A: FnOnce() -> BoxFuture<'static, Result<Fresh<T>, Trouble>>,
    {
        let since = Instant::now();
        let mut flight = self.lock();
        if let Some(kept) = &*self.current.load()
            && kept.ends.is_none_or(|(renew, _)| since < renew)
        {
            // It has landed since.
            return Got::Now(kept.held.clone());
        }
        // Without a sender, whoever was to bring it has gone under.
        if let Some(landing) = flight.underway.as_ref().filter(|landing| landing.has_changed().is_ok()) {
            return Got::Wait(Box::pin(landed(landing.clone())));
        }
        if let Some(failed) = flight.failed.as_ref().filter(|failed| since < failed.until) {
            return Got::Wait(Box::pin(std::future::ready(Err(failed.trouble.clone()))));
        }
        let (sender, landing) = watch::channel(None);
        flight.underway = Some(landing.clone());
        drop(flight);
        let (cell, asked) = (Arc::clone(self), ask());
        tokio::spawn(async move {
            let outcome = asked.await;
            let _ = sender.send(Some(cell.land(since, outcome)));
        });
        Got::Wait(Box::pin(landed(landing)))
    }

    fn land(&self, since: Instant, outcome: Result<Fresh<T>, Trouble>) -> Result<Held<T>, Trouble> {
        let mut flight = self.lock();
        flight.underway = None;
        match outcome {
            Ok(Fresh { value, lifetime }) => {
                flight.generation += 1;
                flight.failed = None;
                let held = Held { value, generation: flight.generation };
                let ends = lifetime.and_then(|lifetime| ends(since, lifetime));
                self.current.store(Some(Arc::new(Kept { held: held.clone(), ends })));
                Ok(held)
            }
            Err(trouble) => {
                let times = flight.failed.as_ref().map_or(0, |failed| failed.times);
                let (first, most) = BACK_OFF;
                let wait = first.saturating_mul(1 << times.min(10)).min(most);
                let until = Instant::now() + wait;
                flight.failed =
                    Some(Failed { times: times.saturating_add(1), until, trouble: trouble.clone() });
                Err(trouble)
            }
        }
    }

    /// Nothing is done under this lock that could stop half-way.
    fn lock(&self) -> MutexGuard<'_, Flight<T>> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to ask for the next - a minute before the end, or a fifth of a short life - and when it is over.
fn ends(since: Instant, lifetime: Duration) -> Option<(Instant, Instant)> {
    let renew = lifetime.saturating_sub(AHEAD).max(lifetime / 5 * 4);
    Some((since.checked_add(renew)?, since.checked_add(lifetime)?))
}

async fn landed<T: Clone>(mut landing: Landing<T>) -> Result<Held<T>, Trouble> {
    match landing.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone()) {
        Some(landed) => landed,
        None => Err(Trouble::new(FailureKind::Internal, "whoever asked for a credential has stopped")),
    }
}

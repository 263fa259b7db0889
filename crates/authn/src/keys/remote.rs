//! Keys that are fetched: what is in memory, and the one fetch that may be under way.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use portcullis_fetch::Fetch;
use tokio::sync::watch;
use tokio::time::Instant;

use super::decide::{Facts, Last, Step, decide, may_refresh};
use super::refresh::{Chain, Origin};
use super::{Freshness, KeysError};
use crate::jwk::{Algorithm, Jwks, PublicKey};

pub(super) struct Remote {
    origin: Origin,
    fetch: Arc<dyn Fetch>,
    freshness: Freshness,
    /// The last good keys. Written with `flights` locked, read without.
    held: ArcSwapOption<Held>,
    generation: AtomicU64,
    /// Whether somebody keeps the keys fresh while nobody asks for them.
    tended: AtomicBool,
    flights: Mutex<Flights>,
}

struct Held {
    keys: Jwks,
    since: Instant,
}

#[derive(Default)]
struct Flights {
    /// Ends when the one under way does: its sender is dropped, however it ends.
    current: Option<watch::Receiver<()>>,
    /// When the last one ended, and whether it brought keys.
    last: Option<(Instant, bool)>,
}

enum Look {
    Found(Arc<PublicKey>),
    Wait(watch::Receiver<()>),
}

impl Remote {
    pub(super) fn new(origin: Origin, fetch: Arc<dyn Fetch>, freshness: Freshness) -> Self {
        Self {
            origin,
            fetch,
            freshness,
            held: ArcSwapOption::empty(),
            generation: AtomicU64::new(0),
            tended: AtomicBool::new(false),
            flights: Mutex::default(),
        }
    }

    pub(super) fn with_freshness(&self, freshness: Freshness) -> Self {
        Self::new(self.origin.clone(), Arc::clone(&self.fetch), freshness)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<PublicKey>, KeysError> {
        if let Some(key) = self.fresh(kid, algorithm) {
            return Ok(key);
        }
        let mut landing = match self.look(kid, algorithm, false)? {
            Look::Found(key) => return Ok(key),
            Look::Wait(landing) => landing,
        };
        // Nothing is ever sent, so this is the end of the flight.
        while landing.changed().await.is_ok() {}
        match self.look(kid, algorithm, true)? {
            Look::Found(key) => Ok(key),
            // Nobody is asked to wait twice.
            Look::Wait(_) => Err(KeysError::Unavailable { retry_after: self.freshness.backoff }),
        }
    }

    /// The short way, without a lock.
    fn fresh(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<Arc<PublicKey>> {
        let held = self.held.load();
        let held = held.as_ref()?;
        let key = held.keys.find(kid, algorithm)?;
        (held.since.elapsed() < self.freshness.max_age).then_some(key)
    }

    fn look(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        waited: bool,
    ) -> Result<Look, KeysError> {
        let mut flights = self.lock();
        // Only now: what a flight that has ended brought is seen by whoever sees that it ended.
        let held = self.held.load();
        let key = held.as_ref().and_then(|held| held.keys.find(kid, algorithm));
        let facts = Facts { found: key.is_some(), waited, ..flights.facts(held.as_deref(), Instant::now()) };
        match (decide(&facts, &self.freshness), key) {
            (Step::Serve, Some(key)) => Ok(Look::Found(key)),
            (Step::ServeAndRefresh, Some(key)) => {
                let (flight, _) = self.board(&mut flights);
                drop(flights);
                flight.start();
                Ok(Look::Found(key))
            }
            (Step::Wait, _) => {
                if let Some(landing) = flights.current() {
                    return Ok(Look::Wait(landing));
                }
                let (flight, landing) = self.board(&mut flights);
                drop(flights);
                flight.start();
                Ok(Look::Wait(landing))
            }
            (Step::Refuse(error), _) => Err(error),
            // Nothing serves that is not there.
            (Step::Serve | Step::ServeAndRefresh, None) => Err(KeysError::Unknown),
        }
    }

    /// Keeps the keys fresh while nobody asks: of cached verdicts, none else would learn that a key was withdrawn.
    pub(super) fn watch(self: &Arc<Self>) {
        if self.tended.swap(true, Ordering::Relaxed) {
            return;
        }
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(remote) = weak.upgrade() {
                let pause = remote.tend();
                drop(remote);
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Starts what is due, and says when to look again.
    fn tend(self: &Arc<Self>) -> Duration {
        let Freshness { max_age, grace, backoff, .. } = self.freshness;
        let mut flights = self.lock();
        let held = self.held.load_full();
        let facts = flights.facts(held.as_deref(), Instant::now());
        let Some(age) = facts.age else { return backoff };
        if age >= max_age + grace {
            tracing::warn!(origin = %self.origin, "the last good keys are too old to be believed any longer");
            self.held.store(None);
            self.generation.fetch_add(1, Ordering::Release);
            return backoff;
        }
        if age < max_age {
            return max_age - age;
        }
        if may_refresh(&facts, &self.freshness) {
            let (flight, _) = self.board(&mut flights);
            drop(flights);
            flight.start();
        }
        backoff
    }

    /// A flight that all others see, to be started once the lock is released: a runtime that is shutting down drops it
    /// at once, and its end needs the lock.
    fn board(self: &Arc<Self>, flights: &mut Flights) -> (Flight, watch::Receiver<()>) {
        let (sender, landing) = watch::channel(());
        flights.current = Some(landing.clone());
        (Flight { remote: Arc::clone(self), keys: None, _landing: sender }, landing)
    }

    fn lock(&self) -> MutexGuard<'_, Flights> {
        // Nothing that runs under the lock leaves it half changed.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flights {
    /// The one under way, if any is.
    fn current(&self) -> Option<watch::Receiver<()>> {
        self.current.clone().filter(|landing| landing.has_changed().is_ok())
    }

    fn facts(&self, held: Option<&Held>, now: Instant) -> Facts {
        Facts {
            age: held.map(|held| now.saturating_duration_since(held.since)),
            found: false,
            last: self.last.map(|(end, good)| Last { since: now.saturating_duration_since(end), good }),
            running: self.current().is_some(),
            waited: false,
        }
    }
}

/// One fetch. Its end, also by a panic or with the runtime, is recorded and wakes whoever waits.
struct Flight {
    remote: Arc<Remote>,
    keys: Option<Jwks>,
    /// Dropped after `drop` has run.
    _landing: watch::Sender<()>,
}

impl Flight {
    fn start(self) {
        self.remote.watch();
        tokio::spawn(self.fly());
    }

    async fn fly(mut self) {
        let Remote { origin, fetch, freshness, .. } = &*self.remote;
        let error = match tokio::time::timeout(freshness.timeout, origin.fetch(fetch)).await {
            Ok(Ok(keys)) => {
                self.keys = Some(keys);
                return;
            }
            Ok(Err(error)) => error,
            Err(elapsed) => elapsed.into(),
        };
        tracing::warn!(%origin, error = %Chain(error), "the keys of an issuer could not be fetched");
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flights = self.remote.lock();
        let now = Instant::now();
        flights.last = Some((now, self.keys.is_some()));
        flights.current = None;
        let Some(keys) = self.keys.take() else { return };
        let previous = self.remote.held.swap(Some(Arc::new(Held { keys: keys.clone(), since: now })));
        // After the new keys are in force, so that no verdict on the old ones passes for one of the new generation.
        if previous.is_some_and(|held| held.keys.keys().any(|key| !keys.contains(key))) {
            self.remote.generation.fetch_add(1, Ordering::Release);
            tracing::info!(origin = %self.remote.origin, "an issuer has withdrawn a key");
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, freshness, .. } = self;
        f.debug_struct("Remote").field("origin", origin).field("freshness", freshness).finish_non_exhaustive()
    }
}

//! What one server answered to one question, kept for as long as the server allows and for nobody but those it
//! allows.
//!
//! An answer is either **public**, and serves everyone, or **private**, and serves the class of callers it was given
//! to. The mistake to avoid is the first in place of the second, so every doubt makes an answer private: a missing or
//! unknown `cacheScope`, a server of which the operator says so, and a public answer to a question that was asked
//! before another caller got a private one.

mod flight;
mod state;

use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_mcp_jsonrpc::FailureKind;
use tokio::time::Instant;
use tracing::Instrument;

use self::flight::{Landed, Landing};
use self::state::{Slot, State};
use crate::class::Class;
use crate::trouble::Trouble;

/// What can be kept on a shelf.
pub(crate) trait Keep: Send + Sync + 'static {
    /// How many bytes it takes, more or less.
    fn weight(&self) -> usize;

    /// Whether it says the same, so that what was made from one fits the other.
    fn says_the_same(&self, other: &Self) -> bool;
}

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Fetched<T> {
    pub(crate) value: T,
    pub(crate) ttl: Duration,
    pub(crate) private: bool,
}

/// An answer on the shelf.
#[derive(Debug)]
pub(crate) struct Stock<T> {
    pub(crate) value: Arc<T>,
    /// How long it is still fresh; zero once it is stale.
    pub(crate) fresh_for: Duration,
    /// How long it has been stale.
    pub(crate) stale_for: Duration,
    pub(crate) private: bool,
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Fresh by the server's own word, or else asked for no longer ago than this.
    Fresh(Duration),
    /// Asked for no longer ago than this, whatever the server says. What failed within that time is not tried again.
    Within(Duration),
    /// Any that is there. What was never asked is asked.
    Any,
}

/// What is to be done for an answer.
enum Step<T> {
    Found(Stock<T>),
    Wait(Landing<T>),
}

/// How much a shelf holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShelfLimits {
    pub(crate) max_classes: usize,
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
    /// How long a failure is taken for granted where any answer would do.
    pub(crate) pause: Duration,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    state: Mutex<State<T>>,
    limits: ShelfLimits,
}

impl<T: Keep> Shelf<T> {
    pub(crate) fn new(always_private: bool, limits: ShelfLimits) -> Self {
        Self { state: Mutex::new(State::new(always_private)), limits }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest answer that this class may see, however old.
    pub(crate) fn peek(&self, class: &Class) -> Option<Stock<T>> {
        self.state().newest(class)
    }

    /// Whether this class has an answer, or was in vain.
    pub(crate) fn was_tried(&self, class: &Class) -> bool {
        let state = self.state();
        state.newest(class).is_some() || state.failure(class).is_some()
    }

    /// The newest answer that anyone got, for the operator.
    pub(crate) fn latest(&self) -> Option<Arc<T>> {
        self.state().latest()
    }

    /// Makes everything stale, and whatever is being asked for right now as well.
    pub(crate) fn invalidate(&self) {
        self.state().epoch += 1;
    }

    /// An answer that is new enough: from the shelf, from a question that is under way, or from a new one.
    ///
    /// A question is a task of its own. It goes on if its caller goes away, for others may wait for it, and ends with
    /// the shelf's timeout.
    pub(crate) async fn get<F, Q>(
        self: &Arc<Self>,
        class: &Class,
        need: Need,
        ask: F,
    ) -> Result<Stock<T>, Trouble>
    where
        F: FnOnce() -> Q + Clone,
        Q: Future<Output = Result<Fetched<T>, Trouble>> + Send + 'static,
    {
        let mut alone = false;
        loop {
            let mut landing = match self.find_or_ask(class, need, alone, ask.clone())? {
                Step::Found(stock) => return Ok(stock),
                Step::Wait(landing) => landing,
            };
            match landing.wait().await {
                Landed::Answer(stock) => {
                    if !stock.private || landing.owner == *class {
                        return Ok(stock);
                    }
                }
                Landed::Trouble(trouble) => {
                    if landing.owner == *class || trouble.is_everyones() {
                        return Err(trouble);
                    }
                }
            }
            // The answer was for somebody else.
            alone = true;
        }
    }

    fn find_or_ask<F, Q>(
        self: &Arc<Self>,
        class: &Class,
        need: Need,
        alone: bool,
        ask: F,
    ) -> Result<Step<T>, Trouble>
    where
        F: FnOnce() -> Q,
        Q: Future<Output = Result<Fetched<T>, Trouble>> + Send + 'static,
    {
        let mut state = self.state();
        if let Some(stock) = state.find(class, need) {
            return Ok(Step::Found(stock));
        }
        let patience = match need {
            Need::Fresh(pause) | Need::Within(pause) => pause,
            Need::Any => self.limits.pause,
        };
        if let Some((at, trouble)) = state.failure(class)
            && at.elapsed() < patience
        {
            return Err(trouble);
        }
        if let Some(landing) = state.join(class, alone) {
            return Ok(Step::Wait(landing));
        }
        let (takeoff, landing) = state.depart(class);
        drop(state);

        let flight = flight::Guard::new(Arc::clone(self), takeoff);
        let (question, timeout) = (ask(), self.limits.timeout);
        let task = async move {
            let answer = match tokio::time::timeout(timeout, question).await {
                Ok(answer) => answer,
                Err(_) => Err(Trouble::new(FailureKind::Timeout, "the server took too long to answer")),
            };
            flight.land(answer);
        };
        tokio::spawn(task.in_current_span());
        Ok(Step::Wait(landing))
    }

    /// Puts an answer where it belongs, and tells those who wait for it.
    fn land(&self, takeoff: flight::Takeoff<T>, answer: Result<Fetched<T>, Trouble>) {
        let mut state = self.state();
        state.flights.retain(|flight| flight.number != takeoff.number);
        let landed = match answer {
            Ok(fetched) => Landed::Answer(state.store(&takeoff, fetched, &self.limits)),
            Err(trouble) => {
                let failure = Some((Instant::now(), trouble.clone()));
                match state.private.entry(takeoff.owner.clone()) {
                    Entry::Occupied(mut slot) => slot.get_mut().failure = failure,
                    Entry::Vacant(place) => {
                        place.insert(Slot { stored: None, failure, used: takeoff.number });
                    }
                }
                state.evict(&takeoff.owner, &self.limits);
                Landed::Trouble(trouble)
            }
        };
        drop(state);
        takeoff.report(landed);
    }
}

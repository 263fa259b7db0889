//! What lies on a shelf, and who may see it. No waiting in here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::flight::{Flight, Landing, Takeoff};
use super::{Fetched, Keep, Need, ShelfLimits, Stock};
use crate::class::Class;
use crate::trouble::Trouble;

/// An answer and when it came.
#[derive(Debug)]
pub(super) struct Stored<T> {
    /// The number of the question that it answers.
    number: u64,
    value: Arc<T>,
    at: Instant,
    ttl: Duration,
    epoch: u64,
}

/// What is known for one class of callers.
#[derive(Debug)]
pub(super) struct Slot<T> {
    pub(super) stored: Option<Stored<T>>,
    pub(super) failure: Option<(Instant, Trouble)>,
    pub(super) used: u64,
}

#[derive(Debug)]
pub(super) struct State<T> {
    always_private: bool,
    /// Counts invalidations: an answer from an earlier epoch is stale.
    pub(super) epoch: u64,
    /// Numbers questions and uses.
    clock: u64,
    /// When the last private answer came, by that clock.
    private_since: u64,
    /// Whether the last answer was private.
    expects_private: bool,
    public: Option<Stored<T>>,
    pub(super) private: HashMap<Class, Slot<T>>,
    pub(super) flights: Vec<Flight<T>>,
}

impl<T: Keep> State<T> {
    pub(super) fn new(always_private: bool) -> Self {
        Self {
            always_private,
            epoch: 0,
            clock: 0,
            private_since: 0,
            expects_private: always_private,
            public: None,
            private: HashMap::new(),
            flights: Vec::new(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn stock(&self, stored: &Stored<T>, private: bool) -> Stock<T> {
        let age = stored.at.elapsed();
        let ttl = if stored.epoch == self.epoch { stored.ttl } else { Duration::ZERO };
        Stock {
            value: Arc::clone(&stored.value),
            fresh_for: ttl.saturating_sub(age),
            stale_for: age.saturating_sub(stored.ttl),
            private,
        }
    }

    /// What this class may see: its own answer, and the public one.
    fn visible(&self, class: &Class) -> [Option<(&Stored<T>, bool)>; 2] {
        let own = self.private.get(class).and_then(|slot| slot.stored.as_ref());
        [own.map(|stored| (stored, true)), self.public.as_ref().map(|stored| (stored, false))]
    }

    pub(super) fn newest(&self, class: &Class) -> Option<Stock<T>> {
        let newest = self.visible(class).into_iter().flatten().max_by_key(|(stored, _)| stored.at);
        newest.map(|(stored, private)| self.stock(stored, private))
    }

    pub(super) fn latest(&self) -> Option<Arc<T>> {
        let private = self.private.values().filter_map(|slot| slot.stored.as_ref());
        private.chain(&self.public).max_by_key(|stored| stored.at).map(|stored| Arc::clone(&stored.value))
    }

    pub(super) fn find(&mut self, class: &Class, need: Need) -> Option<Stock<T>> {
        let now = self.tick();
        if let Some(slot) = self.private.get_mut(class) {
            slot.used = now;
        }
        let within = |limit: Duration| {
            let mut visible = self.visible(class).into_iter().flatten();
            let found = visible.find(|(stored, _)| stored.epoch == self.epoch && stored.at.elapsed() < limit);
            found.map(|(stored, private)| self.stock(stored, private))
        };
        let fresh = || {
            let visible = self.visible(class).into_iter().flatten();
            visible
                .map(|(stored, private)| self.stock(stored, private))
                .find(|stock| stock.fresh_for > Duration::ZERO)
        };
        match need {
            Need::Any => self.newest(class),
            Need::Fresh(limit) => fresh().or_else(|| within(limit)),
            Need::Within(limit) => within(limit),
        }
    }

    pub(super) fn failure(&self, class: &Class) -> Option<(Instant, Trouble)> {
        self.private.get(class)?.failure.clone()
    }

    /// A question under way whose answer may do for this class.
    pub(super) fn join(&self, class: &Class, alone: bool) -> Option<Landing<T>> {
        let mut flights = self.flights.iter().filter(|flight| flight.epoch == self.epoch);
        let joined = flights.find(|flight| flight.owner == *class || (flight.open && !alone))?;
        Some(Landing { owner: joined.owner.clone(), landed: joined.landed.clone() })
    }

    /// Begins a question.
    pub(super) fn depart(&mut self, class: &Class) -> (Takeoff<T>, Landing<T>) {
        let (sender, landed) = watch::channel(None);
        let (number, epoch, owner) = (self.tick(), self.epoch, class.clone());
        self.flights.push(Flight {
            number,
            owner: owner.clone(),
            open: !self.expects_private,
            epoch,
            landed: landed.clone(),
        });
        (Takeoff { number, owner: owner.clone(), epoch, landed: sender }, Landing { owner, landed })
    }

    /// Puts an answer on the shelf.
    ///
    /// A private answer takes the public one off: from now on the server tells callers apart. A public answer to a
    /// question that is older than that is not to be trusted, and stays with who asked.
    pub(super) fn store(
        &mut self,
        takeoff: &Takeoff<T>,
        fetched: Fetched<T>,
        limits: &ShelfLimits,
    ) -> Stock<T> {
        let told_apart = self.always_private || fetched.private;
        let private = told_apart || takeoff.number < self.private_since;
        let mut stored = Stored {
            number: takeoff.number,
            value: Arc::new(fetched.value),
            at: Instant::now(),
            ttl: fetched.ttl,
            epoch: takeoff.epoch,
        };
        let before = match private {
            true => self.private.get(&takeoff.owner).and_then(|slot| slot.stored.as_ref()),
            false => self.public.as_ref(),
        };
        if let Some(before) = before
            && before.value.says_the_same(&stored.value)
        {
            stored.value = Arc::clone(&before.value);
        }
        let stock = self.stock(&stored, private);
        if told_apart {
            self.private_since = self.tick();
            self.public = None;
        }
        self.expects_private = told_apart;
        // A later question may have been answered sooner; its answer is the newer one.
        let own = self.private.get(&takeoff.owner).and_then(|slot| slot.stored.as_ref());
        let before = if private { own } else { self.public.as_ref() };
        if before.is_some_and(|before| before.number > takeoff.number) {
            return stock;
        }
        if private {
            let used = self.tick();
            let slot = Slot { stored: Some(stored), failure: None, used };
            self.private.insert(takeoff.owner.clone(), slot);
            self.evict(&takeoff.owner, limits);
        } else {
            self.public = Some(stored);
            self.private.remove(&takeoff.owner);
        }
        stock
    }

    /// Takes off what was not used for longest until the rest fits. What was just put there goes last.
    pub(super) fn evict(&mut self, kept: &Class, limits: &ShelfLimits) {
        let weigh = |slot: &Slot<T>| slot.stored.as_ref().map_or(0, |stored| stored.value.weight());
        let mut bytes: usize = self.private.values().map(weigh).sum();
        while self.private.len() > limits.max_classes || bytes > limits.max_bytes {
            let others = self.private.iter().filter(|(class, _)| *class != kept);
            let oldest = others.min_by_key(|(_, slot)| slot.used).map(|(class, _)| class.clone());
            let oldest = oldest.unwrap_or_else(|| kept.clone());
            match self.private.remove(&oldest) {
                Some(slot) => bytes -= weigh(&slot),
                None => return,
            }
        }
    }
}

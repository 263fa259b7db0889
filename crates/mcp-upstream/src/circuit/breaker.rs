//! The state machine, shared by every call to one server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portcullis_mcp_jsonrpc::FailureKind;
use tokio::time::Instant;

use super::Circuit;
use super::machine::{Admission, Machine, Outcome, Phase};
use crate::health::{Health, HealthState};

/// Lets calls through, and learns what became of them.
///
/// As long as all is well, a call reads one atomic and takes no lock. The lock is held for a few instructions, never
/// across an await.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// Twice the epoch, plus one if all is well: the server is known, the circuit closed, no failure counted.
    calm: AtomicU64,
    guarded: Mutex<Guarded>,
}

#[derive(Debug)]
struct Guarded {
    machine: Machine,
    last_failure: Option<(FailureKind, Instant)>,
}

impl Breaker {
    pub(crate) fn new(rules: Circuit) -> Self {
        let machine = Machine::new(rules, Instant::now());
        Self { calm: AtomicU64::new(0), guarded: Mutex::new(Guarded { machine, last_failure: None }) }
    }

    /// A permit to call the server, or none while the circuit is open.
    pub(crate) fn admit(self: &Arc<Self>) -> Option<Permit> {
        let calm = self.calm.load(Ordering::Acquire);
        if calm & 1 == 1 {
            return Some(Permit {
                breaker: Arc::clone(self),
                epoch: calm >> 1,
                probe: false,
                settled: false,
            });
        }
        let mut guarded = self.lock();
        let admission = guarded.machine.admit(Instant::now());
        let epoch = guarded.machine.epoch();
        self.publish(&guarded);
        drop(guarded);
        let probe = match admission {
            Admission::Pass => false,
            Admission::Probe => true,
            Admission::Refuse => return None,
        };
        Some(Permit { breaker: Arc::clone(self), epoch, probe, settled: false })
    }

    pub(crate) fn health(&self) -> Health {
        let guarded = self.lock();
        let now = Instant::now();
        let (state, failures) = match guarded.machine.phase() {
            Phase::Untried => (HealthState::Unknown, 0),
            Phase::Closed { failures: 0 } => (HealthState::Up, 0),
            Phase::Closed { failures } => (HealthState::Degraded, failures),
            Phase::Open { until: Some(until) } if until <= now => (HealthState::Probing, 0),
            Phase::Open { .. } => (HealthState::Open, 0),
            Phase::Probing => (HealthState::Probing, 0),
        };
        let ago = |at: Instant| now.saturating_duration_since(at);
        Health::new(
            state,
            failures,
            ago(guarded.machine.since()),
            guarded.last_failure.map(|(kind, at)| (kind, ago(at))),
        )
    }

    fn settle(&self, epoch: u64, outcome: Result<Outcome, FailureKind>) -> u64 {
        if outcome == Ok(Outcome::Good) && self.calm.load(Ordering::Acquire) == (epoch << 1) | 1 {
            return epoch;
        }
        let mut guarded = self.lock();
        let now = Instant::now();
        if let Err(kind) = outcome {
            guarded.last_failure = Some((kind, now));
        }
        guarded.machine.settle(epoch, outcome.unwrap_or(Outcome::Bad), now);
        self.publish(&guarded);
        guarded.machine.epoch()
    }

    /// Called under the lock, so the word is never older than the machine.
    fn publish(&self, guarded: &Guarded) {
        let calm = u64::from(guarded.machine.phase() == Phase::Closed { failures: 0 });
        self.calm.store((guarded.machine.epoch() << 1) | calm, Ordering::Release);
    }

    /// Every change is made whole by one call of the machine, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to call the server once. Whoever holds it says what became of the call; if it is dropped before, the call was
/// given up and nothing is known.
#[derive(Debug)]
pub(crate) struct Permit {
    breaker: Arc<Breaker>,
    epoch: u64,
    probe: bool,
    settled: bool,
}

impl Permit {
    /// The server has answered, but not to the end.
    ///
    /// That is enough for a probe, so that a stream of an hour does not keep the others out for an hour. Elsewhere the
    /// end counts: a server that breaks off every answer is not well.
    pub(crate) fn begin(&mut self) {
        if std::mem::take(&mut self.probe) {
            self.epoch = self.breaker.settle(self.epoch, Ok(Outcome::Good));
        }
    }

    /// The server has answered.
    pub(crate) fn succeed(mut self) {
        self.settled = true;
        self.breaker.settle(self.epoch, Ok(Outcome::Good));
    }

    /// The server has not answered.
    pub(crate) fn fail(mut self, kind: FailureKind) {
        self.settled = true;
        self.breaker.settle(self.epoch, Err(kind));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // Only a probe holds something that others wait for.
        if !self.settled && self.probe {
            self.breaker.settle(self.epoch, Ok(Outcome::Unknown));
        }
    }
}

//! The circuit as a state machine: no clock, no lock, no I/O.

use tokio::time::Instant;

use super::Circuit;

/// What became of an exchange that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server answered.
    Good,
    /// It did not, or is in trouble.
    Bad,
    /// Nobody waited for the answer, so nothing is known.
    Unknown,
}

/// Whether a call may go to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Pass,
    /// The call decides about the circuit.
    Probe,
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody has heard from the server yet, either way.
    Untried,
    /// Calls pass; this many in a row have failed.
    Closed { failures: u32 },
    /// Calls are refused until then. No moment: the clock cannot hold one so far away.
    Open { until: Option<Instant> },
    /// One call is on its way to find out; the others are refused.
    Probing,
}

#[derive(Debug)]
pub(super) struct Machine {
    rules: Circuit,
    phase: Phase,
    /// Since when the phase is what it is, its count aside.
    since: Instant,
    /// Counts the changes between letting calls pass and refusing them. What an earlier epoch let through says nothing
    /// about this one: a call that hung for a minute must not close a circuit that opened meanwhile, nor fail a probe.
    epoch: u64,
}

impl Machine {
    pub(super) fn new(rules: Circuit, now: Instant) -> Self {
        Self { rules, phase: Phase::Untried, since: now, epoch: 0 }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        match self.phase {
            Phase::Untried | Phase::Closed { .. } => Admission::Pass,
            Phase::Open { until: Some(until) } if until <= now => {
                self.turn(Phase::Probing, now);
                Admission::Probe
            }
            Phase::Open { .. } | Phase::Probing => Admission::Refuse,
        }
    }

    pub(super) fn settle(&mut self, epoch: u64, outcome: Outcome, now: Instant) {
        if epoch != self.epoch {
            return;
        }
        match (self.phase, outcome) {
            (Phase::Untried, Outcome::Unknown) | (Phase::Closed { .. }, Outcome::Unknown) => {}
            (Phase::Closed { failures: 0 }, Outcome::Good) => {}
            (Phase::Untried | Phase::Closed { .. } | Phase::Probing, Outcome::Good) => {
                self.turn(Phase::Closed { failures: 0 }, now);
            }
            (Phase::Untried, Outcome::Bad) => self.fail(1, now),
            (Phase::Closed { failures }, Outcome::Bad) => self.fail(failures.saturating_add(1), now),
            (Phase::Probing, Outcome::Bad) => self.open(now),
            // The next call may try at once.
            (Phase::Probing, Outcome::Unknown) => self.turn(Phase::Open { until: Some(now) }, now),
            // Nothing is under way in this epoch.
            (Phase::Open { .. }, _) => {}
        }
    }

    fn fail(&mut self, failures: u32, now: Instant) {
        if self.rules.failures.is_some_and(|limit| failures >= limit) {
            self.open(now);
        } else if failures == 1 {
            self.turn(Phase::Closed { failures }, now);
        } else {
            self.phase = Phase::Closed { failures };
        }
    }

    fn open(&mut self, now: Instant) {
        self.turn(Phase::Open { until: now.checked_add(self.rules.open_for) }, now);
    }

    fn turn(&mut self, phase: Phase, now: Instant) {
        let passes = |phase| matches!(phase, Phase::Untried | Phase::Closed { .. });
        if !(passes(self.phase) && passes(phase)) {
            self.epoch += 1;
        }
        self.phase = phase;
        self.since = now;
    }
}

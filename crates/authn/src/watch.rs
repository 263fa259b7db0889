//! Ends a stream when the identity that opened it no longer holds.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::gate::Gate;
use crate::verdicts::Admission;

/// How often a stream's identity is looked at again.
const PERIOD: Duration = Duration::from_secs(1);

/// Looks once a second whether an admission still holds.
pub(crate) struct Watch {
    gate: Arc<Gate>,
    admission: Arc<Admission>,
    ticks: Pin<Box<Interval>>,
}

impl Watch {
    pub(crate) fn new(gate: Arc<Gate>, admission: Arc<Admission>) -> Self {
        let mut ticks = Box::pin(tokio::time::interval(PERIOD));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { gate, admission, ticks }
    }

    /// Ready once it is over.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.ticks.poll_tick(cx).is_ready() {
            if !self.gate.still_holds(&self.admission) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

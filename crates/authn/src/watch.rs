//! Ends a stream when the identity that opened it no longer holds.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

use crate::gate::{Gate, Question};
use crate::verdicts::Admission;
use crate::{BoxFuture, Denial};

/// How often a stream's identity is looked at again.
const PERIOD: Duration = Duration::from_secs(1);

/// Looks once a second whether an admission still holds. One that has ended, or was overtaken by a change, is asked for
/// again: the token may be good for longer than its verdict. Nothing passes meanwhile.
pub(crate) struct Watch {
    gate: Arc<Gate>,
    admission: Arc<Admission>,
    question: Question,
    asking: Option<BoxFuture<'static, Result<Arc<Admission>, Denial>>>,
    ticks: Pin<Box<Interval>>,
}

/// What is to become of a stream.
pub(crate) enum Watched {
    /// It goes on.
    Holds,
    /// It has to wait.
    Waits,
    /// It is over.
    Over,
}

impl Watch {
    pub(crate) fn new(gate: Arc<Gate>, admission: Arc<Admission>, question: Question) -> Self {
        let mut ticks = Box::pin(tokio::time::interval(PERIOD));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { gate, admission, question, asking: None, ticks }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Watched {
        loop {
            match self.poll_asked(cx) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Watched::Over,
                Poll::Pending => return Watched::Waits,
            }
            if self.ticks.poll_tick(cx).is_pending() {
                return Watched::Holds;
            }
            if !self.gate.still_holds(&self.admission) {
                self.asking = Some(Box::pin(Arc::clone(&self.gate).ask(self.question.clone())));
            }
        }
    }

    /// Whether the stream goes on, as soon as nobody has to be asked any more. Whoever is now known as somebody else, or
    /// in other groups, has to open another stream.
    fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(asking) = &mut self.asking else { return Poll::Ready(true) };
        let verdict = ready!(asking.as_mut().poll(cx));
        self.asking = None;
        let same = verdict.ok().filter(|admission| admission.principal == self.admission.principal);
        Poll::Ready(match same {
            Some(admission) => {
                self.admission = admission;
                true
            }
            None => false,
        })
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

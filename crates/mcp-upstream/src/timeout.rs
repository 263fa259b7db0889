#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The waits of an exchange; `None` waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// For TCP and TLS together.
    pub(crate) connect: Duration,
    /// From the start of the call to the head of the response, connecting and retries included.
    pub(crate) head: Duration,
    /// For the next bytes of a body.
    pub(crate) idle: Duration,
    /// For the next bytes of a `subscriptions/listen` stream.
    pub(crate) listen_idle: Option<Duration>,
    /// For the whole call. Never applies to `subscriptions/listen`.
    pub(crate) total: Option<Duration>,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        connect: Duration::from_secs(5),
        head: Duration::from_secs(120),
        idle: Duration::from_secs(60),
        listen_idle: Some(Duration::from_secs(600)),
        total: Some(Duration::from_secs(600)),
    };
}

/// Which wait ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Connect,
    Head,
    Idle,
    Total,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "the connection took longer than connect_timeout",
            Self::Head => "the response did not begin within head_timeout",
            Self::Idle => "the response stood still for longer than its idle timeout",
            Self::Total => "the call took longer than total_timeout",
        })
    }
}

impl std::error::Error for Stage {}

/// The two limits that run at any moment of an exchange, that of its stage and that of the whole, on **one** timer.
///
/// The timer is made when something has to be waited for and moves from stage to stage. It is only ever set *earlier*; a
/// limit that has moved away is noticed when the timer fires, so a stream of a thousand frames does not touch the timer
/// wheel a thousand times.
#[derive(Debug)]
pub(crate) struct Deadline {
    stage: Option<(Instant, Stage)>,
    total: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Starts the whole. Nothing runs out if there is no limit.
    pub(crate) fn new(total: Option<Duration>) -> Self {
        Self { stage: None, total: total.and_then(after), timer: None }
    }

    /// Starts a stage, in place of the one before.
    pub(crate) fn enter(&mut self, stage: Stage, limit: Option<Duration>) {
        self.stage = limit.and_then(after).map(|at| (at, stage));
    }

    /// Whether the whole has taken too long, for those who never have to wait.
    pub(crate) fn is_over(&self) -> bool {
        self.total.is_some_and(|total| total <= Instant::now())
    }

    /// Ready when a limit has run out, with which one it was.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Stage> {
        let (at, stage) = match (self.stage, self.total) {
            (Some((at, stage)), Some(total)) if at < total => (at, stage),
            (_, Some(total)) => (total, Stage::Total),
            (Some((at, stage)), None) => (at, stage),
            (None, None) => return Poll::Pending,
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at || timer.is_elapsed() {
            timer.as_mut().reset(at);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= at {
                return Poll::Ready(stage);
            }
            timer.as_mut().reset(at);
        }
    }
}

/// A moment so far away that the clock cannot hold it is no limit.
fn after(wait: Duration) -> Option<Instant> {
    Instant::now().checked_add(wait)
}

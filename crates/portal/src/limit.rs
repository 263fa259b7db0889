//! How much may go on at one server at a time.

use std::sync::Arc;
use std::time::Duration;

use portcullis_mcp_jsonrpc::{Failure, FailureKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// Leave to have one call, or one stream, at a server. Given back on drop.
pub(crate) type Permit = OwnedSemaphorePermit;

/// Lets a number of calls through at a time, and a number of further ones wait for a while.
#[derive(Debug)]
pub(crate) struct Gate {
    permits: Arc<Semaphore>,
    limit: usize,
    waiting: Arc<Semaphore>,
    max_waiting: usize,
    max_wait: Duration,
}

impl Gate {
    pub(crate) fn new(limit: usize, max_waiting: usize, max_wait: Duration) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        let max_waiting = max_waiting.min(Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(limit)),
            limit,
            waiting: Arc::new(Semaphore::new(max_waiting)),
            max_waiting,
            max_wait,
        }
    }

    /// A permit if there is one now. Those who wait already come first.
    pub(crate) fn try_enter(&self) -> Option<Permit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// A permit, whenever there is one. For those who lose nothing while they wait.
    pub(crate) async fn wait(&self) -> Option<Permit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// A permit, now or within the longest wait.
    pub(crate) async fn enter(&self) -> Result<Permit, Failure> {
        if let Some(permit) = self.try_enter() {
            return Ok(permit);
        }
        let _place = match self.waiting.try_acquire() {
            Ok(place) => place,
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
                return Err(overload("too many calls wait for this server"));
            }
        };
        match tokio::time::timeout(self.max_wait, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(overload("the call waited too long for its turn at this server")),
        }
    }

    /// How many permits are out.
    pub(crate) fn taken(&self) -> usize {
        self.limit.saturating_sub(self.permits.available_permits())
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.max_waiting.saturating_sub(self.waiting.available_permits())
    }
}

pub(crate) fn overload(text: &'static str) -> Failure {
    Failure::new(FailureKind::Overload).with_source(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_waits_in_line_and_the_line_is_short() {
        let gate = Arc::new(Gate::new(1, 1, Duration::from_secs(5)));
        let first = gate.enter().await.unwrap();
        let second = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter().await }
        });
        tokio::task::yield_now().await;
        assert_eq!((gate.taken(), gate.waiting()), (1, 1));
        assert_eq!(gate.enter().await.unwrap_err().kind(), FailureKind::Overload);

        drop(first);
        let second = second.await.unwrap().unwrap();
        assert_eq!((gate.taken(), gate.waiting()), (1, 0));
        drop(second);
        assert_eq!(gate.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let gate = Gate::new(1, 8, Duration::from_secs(5));
        let _first = gate.enter().await.unwrap();
        assert_eq!(gate.enter().await.unwrap_err().kind(), FailureKind::Overload);
        assert_eq!(gate.waiting(), 0);
    }
}

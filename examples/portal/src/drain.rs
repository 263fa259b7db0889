//! The end: what was begun is finished, within bounds.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tells a running portal to stop. Clones are one and the same.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    now: CancellationToken,
}

impl Shutdown {
    /// Nobody wants to stop yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Accept nothing more, finish what is under way, then stop.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Stop at once.
    pub fn stop_now(&self) {
        self.drain.cancel();
        self.now.cancel();
    }

    /// Drains on the first SIGTERM or SIGINT, stops at once on the second.
    ///
    /// # Errors
    ///
    /// If the signals cannot be waited for.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            shutdown.drain();
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("a second signal: stopping at once");
            shutdown.stop_now();
        });
        Ok(())
    }

    pub(crate) fn token(&self) -> &CancellationToken {
        &self.drain
    }

    /// Waits for the drain to begin, then for the open connections to end.
    pub(crate) async fn drained(
        &self,
        connections: &TaskTracker,
        patience: impl FnOnce() -> Duration,
    ) -> Outcome {
        self.drain.cancelled().await;
        connections.close();
        let patience = patience();
        let left = connections.len();
        tracing::info!(
            connections = left,
            timeout_s = patience.as_secs(),
            "draining: finishing what is under way"
        );
        tokio::select! {
            biased;
            () = connections.wait() => Outcome::Drained,
            () = self.now.cancelled() => Outcome::Cut(connections.len()),
            () = tokio::time::sleep(patience) => Outcome::Cut(connections.len()),
        }
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// How a portal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything under way was finished.
    Drained,
    /// So many connections were cut.
    Cut(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn waits_for_what_is_under_way_but_not_for_ever() {
        let (shutdown, connections) = (Shutdown::new(), TaskTracker::new());
        connections.spawn(tokio::time::sleep(Duration::from_secs(10)));
        shutdown.drain();
        assert_eq!(shutdown.drained(&connections, || LONG).await, Outcome::Drained);

        connections.reopen();
        connections.spawn(std::future::pending::<()>());
        assert_eq!(shutdown.drained(&connections, || LONG).await, Outcome::Cut(1));
    }

    #[tokio::test]
    async fn stops_at_once_when_told_twice() {
        let (shutdown, connections) = (Shutdown::new(), TaskTracker::new());
        connections.spawn(std::future::pending::<()>());
        shutdown.stop_now();
        assert_eq!(shutdown.drained(&connections, || LONG).await, Outcome::Cut(1));
    }
}

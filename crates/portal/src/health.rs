//! What is known about the servers of a portal, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis_mcp_jsonrpc::{Failure, FailureKind};
use tokio::time::Instant;

/// A look at all servers of a portal; see [`Portal::health`](crate::Portal::health).
#[derive(Clone, Debug)]
pub struct Health {
    servers: Vec<ServerHealth>,
}

impl Health {
    pub(crate) fn new(servers: Vec<ServerHealth>) -> Self {
        Self { servers }
    }

    /// The servers, in the order in which they were added.
    #[must_use]
    pub fn servers(&self) -> &[ServerHealth] {
        &self.servers
    }

    /// Whether any server may be able to answer: one that answered its last call, or was not called yet.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.servers.iter().any(ServerHealth::is_healthy)
    }
}

/// What is known about one server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerHealth {
    /// The server's id.
    pub id: String,
    /// Calls and their answers under way.
    pub in_flight: usize,
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// Clients that listen to this server, by however few streams of its own.
    pub listeners: usize,
    /// Answers so far, errors that the server itself gave included.
    pub answers: u64,
    /// Failures so far.
    pub failures: u64,
    /// Failures since the last answer.
    pub failures_in_a_row: u64,
    /// The last failure, however long ago.
    pub last_failure: Option<LastFailure>,
    /// How many tools the server listed last; none if it was not asked yet.
    pub tools: Option<usize>,
    /// How many prompts the server listed last.
    pub prompts: Option<usize>,
    /// How many resources the server listed last.
    pub resources: Option<usize>,
    /// How many resource templates the server listed last.
    pub templates: Option<usize>,
}

impl ServerHealth {
    /// Whether the server answered its last call, or was not called yet.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.failures_in_a_row == 0
    }
}

/// A failure in the past.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LastFailure {
    /// What broke.
    pub kind: FailureKind,
    /// What is known about it, for the operator.
    pub text: String,
    /// How long ago that was.
    pub ago: Duration,
}

/// The counters of one server.
#[derive(Debug, Default)]
pub(crate) struct Status {
    answers: AtomicU64,
    failures: AtomicU64,
    in_a_row: AtomicU64,
    last: Mutex<Option<(FailureKind, String, Instant)>>,
}

impl Status {
    pub(crate) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        // A read is cheaper than a write that all cores have to learn of.
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.in_a_row.fetch_add(1, Ordering::Relaxed);
        let line = (failure.kind(), failure.to_string(), Instant::now());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }

    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.answers), read(&self.failures), read(&self.in_a_row))
    }

    pub(crate) fn last_failure(&self) -> Option<LastFailure> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|(kind, text, at)| LastFailure {
            kind: *kind,
            text: text.clone(),
            ago: at.elapsed(),
        })
    }
}

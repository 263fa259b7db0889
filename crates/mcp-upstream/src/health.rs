use std::time::Duration;

use portcullis_mcp_jsonrpc::FailureKind;

/// How an upstream is doing, as far as the calls made so far can tell.
///
/// Nothing is sent to find out. The times count back from the moment the health was asked for.
///
/// ```
/// use portcullis_mcp_upstream::{HealthState, HttpUpstream};
///
/// let upstream = HttpUpstream::builder("http://127.0.0.1:3000/mcp")?.build()?;
/// let health = upstream.health();
/// assert_eq!(health.state(), HealthState::Unknown);
/// assert!(health.state().takes_calls());
/// assert_eq!(health.last_failure(), None);
/// # Ok::<(), portcullis_mcp_upstream::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    state: HealthState,
    failures: u32,
    since: Duration,
    last_failure: Option<(FailureKind, Duration)>,
}

/// What an upstream's calls have come to lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthState {
    /// No call has come to an end yet.
    Unknown,
    /// The last call was answered.
    Up,
    /// The last calls failed, too few to stop.
    Degraded,
    /// Too many failed: calls fail at once.
    Open,
    /// The wait is over: one call at a time goes out to see whether the server is back, the others fail at once.
    Probing,
}

impl HealthState {
    /// The word that records, metrics and health pages use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }

    /// Whether a call has a chance to be sent. Not so while the circuit is open, and only then.
    #[must_use]
    pub const fn takes_calls(self) -> bool {
        !matches!(self, Self::Open)
    }
}

impl Health {
    pub(crate) fn new(
        state: HealthState,
        failures: u32,
        since: Duration,
        last_failure: Option<(FailureKind, Duration)>,
    ) -> Self {
        Self { state, failures, since, last_failure }
    }

    /// How the upstream is doing.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.state
    }

    /// For how long it has been doing so.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.since
    }

    /// How many calls in a row have failed; counted while [`Degraded`](HealthState::Degraded) only.
    #[must_use]
    pub fn failures_in_a_row(&self) -> u32 {
        self.failures
    }

    /// What the last failure that counted was, and how long ago.
    #[must_use]
    pub fn last_failure(&self) -> Option<(FailureKind, Duration)> {
        self.last_failure
    }
}

use portcullis_core::BoxError;

/// What broke between a call and its answer: the `Err` of every service in this workspace.
///
/// A refusal is no failure; it is an answer. A failure is what tower's retry, timeout and load-shed layers look at, and
/// what the decoder turns into a JSON-RPC error if nobody else does. The caller is told the [kind](FailureKind) in one
/// sentence; the source is for the operator.
///
/// ```
/// use portcullis_mcp_jsonrpc::{Failure, FailureKind};
///
/// let failure = Failure::new(FailureKind::Unreachable).with_source("connection refused");
/// assert_eq!(failure.advice(), "The server behind the gateway cannot be reached right now.");
/// assert_eq!(failure.to_string(), "upstream unreachable: connection refused");
/// ```
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    source: Option<BoxError>,
}

/// What broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// No connection could be made, or none is tried because the last ones failed.
    Unreachable,
    /// A limit on time ran out.
    Timeout,
    /// Too much is going on already.
    Overload,
    /// The answer broke off.
    Close,
    /// The answer is not MCP, or not an answer to this call.
    Garbage,
    /// The server rejected the gateway's own credentials.
    Reject,
    /// The answer is over its size limit.
    Oversize,
    /// Anything else.
    Internal,
}

impl FailureKind {
    /// The words that records and metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "upstream unreachable",
            Self::Timeout => "timed out",
            Self::Overload => "overloaded",
            Self::Close => "answer broke off",
            Self::Garbage => "answer is not valid",
            Self::Reject => "upstream rejected the gateway",
            Self::Oversize => "answer too large",
            Self::Internal => "internal error",
        }
    }
}

impl Failure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: FailureKind) -> Self {
        Self { kind, source: None }
    }

    /// Adds what the operator should know.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Reads an error of any type: a failure is taken as it is, tower's timeout and load-shed errors are known, the
    /// rest is [`FailureKind::Internal`].
    #[must_use]
    pub fn from_error(error: BoxError) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(failure) => return *failure,
            Err(other) => other,
        };
        let kind = if error.is::<tower::timeout::error::Elapsed>() {
            FailureKind::Timeout
        } else if error.is::<tower::load_shed::error::Overloaded>() {
            FailureKind::Overload
        } else {
            FailureKind::Internal
        };
        Self::new(kind).with_source(error)
    }

    /// What broke.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What the caller is told.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self.kind {
            FailureKind::Unreachable => "The server behind the gateway cannot be reached right now.",
            FailureKind::Timeout => "The server behind the gateway did not answer in time.",
            FailureKind::Overload => "The gateway is busy; try again shortly.",
            FailureKind::Close => "The server behind the gateway broke off before it answered.",
            FailureKind::Garbage => "The server behind the gateway gave an answer that is not valid.",
            FailureKind::Reject => {
                "The server behind the gateway does not accept the gateway; tell its operator."
            }
            FailureKind::Oversize => "The answer is larger than the gateway lets through.",
            FailureKind::Internal => "Something went wrong inside the gateway.",
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.as_str())?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

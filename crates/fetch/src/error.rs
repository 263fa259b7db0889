use std::fmt;

use portcullis_core::BoxError;

/// Why there is no answer.
///
/// The text names the host and never what was sent.
#[derive(Debug)]
pub struct FetchError {
    host: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unreachable(BoxError),
    Timeout,
    Oversize,
}

impl FetchError {
    /// No connection, or one that broke.
    #[must_use]
    pub fn unreachable(host: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { host: host.into(), kind: Kind::Unreachable(source.into()) }
    }

    /// No whole answer in time.
    #[must_use]
    pub fn timeout(host: impl Into<String>) -> Self {
        Self { host: host.into(), kind: Kind::Timeout }
    }

    /// More bytes than a document of its kind has.
    #[must_use]
    pub fn oversize(host: impl Into<String>) -> Self {
        Self { host: host.into(), kind: Kind::Oversize }
    }

    /// Whether there was no whole answer in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::Timeout)
    }

    /// Whether the answer was larger than its limit.
    #[must_use]
    pub fn is_oversize(&self) -> bool {
        matches!(self.kind, Kind::Oversize)
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match &self.kind {
            Kind::Unreachable(_) => write!(f, "{host} cannot be reached"),
            Kind::Timeout => write!(f, "{host} did not answer in time"),
            Kind::Oversize => write!(f, "{host} answered with more than the limit"),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Unreachable(source) => Some(&**source),
            Kind::Timeout | Kind::Oversize => None,
        }
    }
}

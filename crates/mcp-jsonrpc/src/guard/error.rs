use std::error::Error;
use std::fmt;

use http::HeaderName;
use http::header::{HOST, ORIGIN};

use super::authority::Flaw;

/// A host or origin that [`HostGuard`](super::HostGuard) cannot be told to allow, because nothing could match it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRule {
    input: Box<str>,
    flaw: Flaw,
}

impl InvalidRule {
    pub(super) fn new(input: &str, flaw: Flaw) -> Self {
        Self { input: input.into(), flaw }
    }

    /// The text that was to be allowed.
    #[must_use]
    pub fn input(&self) -> &str {
        &self.input
    }
}

impl fmt::Display for InvalidRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot allow {:?}: {}", self.input, self.flaw.text())
    }
}

impl Error for InvalidRule {}

/// A request that [`HostGuard`](super::HostGuard) refuses; to be answered with 403.
///
/// The text says which header is at fault and how, but neither what it held nor what would be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden {
    subject: Subject,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Host,
    Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Missing,
    Repeated,
    Malformed,
    Disagrees,
    NotAllowed,
}

impl Forbidden {
    pub(super) fn host(fault: Fault) -> Self {
        Self { subject: Subject::Host, fault }
    }

    pub(super) fn origin(fault: Fault) -> Self {
        Self { subject: Subject::Origin, fault }
    }

    /// The header at fault: `Host` (which also stands for `:authority`) or `Origin`.
    #[must_use]
    pub fn header(&self) -> HeaderName {
        match self.subject {
            Subject::Host => HOST,
            Subject::Origin => ORIGIN,
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match self.subject {
            Subject::Host => "Host",
            Subject::Origin => "Origin",
        };
        let fault = match self.fault {
            Fault::Missing => "is missing",
            Fault::Repeated => "is sent more than once",
            Fault::Malformed => "is malformed",
            Fault::Disagrees => "disagrees with the request target",
            Fault::NotAllowed => "is not allowed",
        };
        write!(f, "the {subject} header {fault}")
    }
}

impl Error for Forbidden {}

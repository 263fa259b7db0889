use std::error::Error;
use std::fmt;

/// Why a [`Decoder`](super::Decoder) gave up on a stream.
///
/// The error is terminal: where the next event begins is not known any more, so every later call returns it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SseError {
    kind: Kind,
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Event,
    Backlog,
}

impl SseError {
    pub(super) fn event(limit: usize) -> Self {
        Self { kind: Kind::Event, limit }
    }

    pub(super) fn backlog(limit: usize) -> Self {
        Self { kind: Kind::Backlog, limit }
    }

    /// The limit that was passed, in bytes: what [`Decoder::max_event`](super::Decoder::max_event) was set to.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Event => write!(f, "a server-sent event is larger than the limit of {} bytes", self.limit),
            Kind::Backlog => {
                write!(f, "more than {} bytes were pushed before earlier chunks were read", self.limit)
            }
        }
    }
}

impl Error for SseError {}

//! The revisions of MCP that know sessions.

#[cfg(test)]
mod tests;

/// A revision of MCP before 2026-07-28, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2024-11-05, the first: HTTP with SSE, and batches.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, completions.
    V2025_03_26,
    /// 2025-06-18: elicitation, no more batches.
    V2025_06_18,
    /// 2025-11-25: tasks, elicitation by URL, polling of event streams.
    V2025_11_25,
}

impl Version {
    /// The newest revision that has sessions.
    pub const LATEST: Self = Self::V2025_11_25;

    const ALL: [Self; 4] = [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25];

    /// The revision to speak with a client that asked for one: that one, or else the newest.
    ///
    /// Some clients ask for 2026-07-28 in an `initialize`, which that revision does not have. They get the newest that
    /// does, since to echo theirs would promise a protocol without sessions.
    ///
    /// ```
    /// use portcullis_mcp_legacy::front::Version;
    ///
    /// assert_eq!(Version::negotiate("2025-03-26").as_str(), "2025-03-26");
    /// assert_eq!(Version::negotiate("2026-07-28"), Version::LATEST);
    /// ```
    #[must_use]
    pub fn negotiate(requested: &str) -> Self {
        Self::parse(requested).unwrap_or(Self::LATEST)
    }

    /// The revision of this name, if it is one of the four.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == name)
    }

    /// The name: a date.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }

    /// Whether several messages may come as one JSON array. 2025-06-18 took that out.
    #[must_use]
    pub fn takes_batches(self) -> bool {
        self <= Self::V2025_03_26
    }

    /// Whether an event stream begins with an empty event that carries an id, so that a client can come back to it.
    ///
    /// Clients of earlier revisions parse every event as a message and fail on an empty one.
    #[must_use]
    pub fn primes_streams(self) -> bool {
        self >= Self::V2025_11_25
    }

    pub(crate) fn has_completions(self) -> bool {
        self >= Self::V2025_03_26
    }

    pub(crate) fn has_elicitation(self) -> bool {
        self >= Self::V2025_06_18
    }

    pub(crate) fn has_elicitation_by_url(self) -> bool {
        self >= Self::V2025_11_25
    }

    pub(crate) fn has_tasks(self) -> bool {
        self >= Self::V2025_11_25
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

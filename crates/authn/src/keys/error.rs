use std::fmt;
use std::time::Duration;

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeysError {
    /// The issuer has no such key, as far as is known: what claims to be signed with it proves nothing.
    Unknown,
    /// The issuer does not answer, so nobody can tell.
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the issuer has no such key"),
            Self::Unavailable { retry_after } => {
                write!(f, "the issuer's keys cannot be fetched; try again in {} s", retry_after.as_secs())
            }
        }
    }
}

impl std::error::Error for KeysError {}

use std::fmt;

use portcullis_core::json;

/// Why a key, or a set of keys, was not taken.
///
/// The text holds nothing of a key but its `kid`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwkError {
    /// It is not JSON, or not JSON that all parsers read alike.
    Json(json::Error),
    /// It is not a JSON Web Key Set: there is no array `keys`.
    NotASet,
    /// There are more than [`Jwks::MAX_KEYS`](super::Jwks::MAX_KEYS) keys.
    TooMany,
    /// A key holds its private part. Whoever publishes that has lost the key, so nothing it signed is believed.
    Private,
    /// A key is not one for signatures that are checked here; says why.
    Unusable(&'static str),
    /// The set holds no usable key; says how many others it holds.
    NoneUsable(usize),
    /// Two different keys of one name serve the same algorithm.
    Ambiguous {
        /// The name.
        kid: String,
    },
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(_) => f.write_str("the keys are not sound JSON"),
            Self::NotASet => f.write_str("this is no JSON Web Key Set: it has no array \"keys\""),
            Self::TooMany => write!(f, "the set holds more than {} keys", super::Jwks::MAX_KEYS),
            Self::Private => f.write_str("a key was published together with its private part"),
            Self::Unusable(why) => write!(f, "the key cannot be used: {why}"),
            Self::NoneUsable(others) => {
                write!(f, "the set holds no key that can be used, and {others} that cannot")
            }
            Self::Ambiguous { kid } => write!(f, "two different keys are both named {kid:?}"),
        }
    }
}

impl std::error::Error for JwkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Json(error) => Some(error),
            _ => None,
        }
    }
}

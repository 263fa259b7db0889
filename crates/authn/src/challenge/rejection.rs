//! Why a caller is not let in, and the words for it.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use portcullis_core::json::quote;

use crate::{Denial, DenialKind};

/// Why a caller is not let in, as far as the answer depends on it.
///
/// | | status | error |
/// |---|---|---|
/// | [`Missing`](Self::Missing) | 401 | `unauthorized`, in the body only |
/// | [`Invalid`](Self::Invalid) | 401 | `invalid_token` |
/// | [`InvalidProof`](Self::InvalidProof) | 401 | `invalid_dpop_proof` |
/// | [`Malformed`](Self::Malformed) | 400 | `invalid_request` |
/// | [`WantScope`](Self::WantScope) | 403 | `insufficient_scope` |
/// | [`StepUp`](Self::StepUp) | 401 | `insufficient_user_authentication` |
/// | [`Forbid`](Self::Forbid) | 403 | `access_denied`, in the body only |
/// | [`Unavailable`](Self::Unavailable) | 503 | `temporarily_unavailable`, in the body only |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Nothing was shown that could prove an identity.
    Missing,
    /// What was shown proves nothing. The caller is never told why.
    Invalid,
    /// The token may be good, but the proof that it is in the right hands is not (RFC 9449).
    InvalidProof,
    /// The request cannot be read in one way: two credentials, a token in the query. The text says what to do about it,
    /// in ASCII without quotes and backslashes.
    Malformed(&'static str),
    /// The identity is proven and lacks a scope.
    WantScope,
    /// The identity is proven, but not strongly or not lately enough (RFC 9470).
    StepUp {
        /// Ways of proving it that would do, with spaces between them.
        acr_values: Option<String>,
        /// How many seconds ago it may have been proven.
        max_age: Option<u64>,
    },
    /// The identity is proven and not wanted here.
    Forbid,
    /// Nobody can tell now; try again after this time.
    Unavailable(Duration),
}

impl Rejection {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid | Self::InvalidProof | Self::StepUp { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::WantScope | Self::Forbid => StatusCode::FORBIDDEN,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The error code of the challenge.
    pub(super) fn error(&self) -> Option<&'static str> {
        match self {
            Self::Invalid => Some("invalid_token"),
            Self::InvalidProof => Some("invalid_dpop_proof"),
            Self::Malformed(_) => Some("invalid_request"),
            Self::WantScope => Some("insufficient_scope"),
            Self::StepUp { .. } => Some("insufficient_user_authentication"),
            Self::Missing | Self::Forbid | Self::Unavailable(_) => None,
        }
    }

    /// What to do next. Never why a credential was not believed: that would help whoever forges them.
    pub(super) fn description(&self) -> &'static str {
        match self {
            Self::Missing => {
                "Get an access token as the resource metadata describes, and send it in the Authorization header."
            }
            Self::Invalid => {
                "The access token is not valid here or no longer valid. Get a new one and try again."
            }
            Self::InvalidProof => {
                "Send a fresh DPoP proof for this request, made with the key that the token is bound to."
            }
            Self::Malformed(text) => text,
            Self::WantScope => "Get an access token that has all the scopes named, and try again.",
            Self::StepUp { .. } => {
                "Sign in again in the way that is asked for, and try again with the new token."
            }
            Self::Forbid => "This identity has no access here. Ask whoever runs the service.",
            Self::Unavailable(_) => "The identity cannot be checked at the moment. Try again later.",
        }
    }

    /// The same for people and for logs, as JSON.
    pub(super) fn body(&self) -> Bytes {
        let error = match self {
            Self::Missing => "unauthorized",
            Self::Forbid => "access_denied",
            Self::Unavailable(_) => "temporarily_unavailable",
            _ => self.error().unwrap_or_default(),
        };
        let description = quote(self.description());
        format!(r#"{{"error":"{error}","error_description":{description}}}"#).into()
    }
}

impl From<&Denial> for Rejection {
    fn from(denial: &Denial) -> Self {
        match denial.kind() {
            DenialKind::Invalid => Self::Invalid,
            DenialKind::Forbid => Self::Forbid,
            DenialKind::StepUp => {
                let wanted = denial.wanted();
                Self::StepUp {
                    acr_values: wanted.and_then(|wanted| wanted.acr_values()).map(str::to_owned),
                    max_age: wanted.and_then(|wanted| wanted.max_age_seconds()),
                }
            }
            DenialKind::Unavailable(wait) => Self::Unavailable(wait),
        }
    }
}

use std::borrow::Cow;
use std::time::Duration;

/// A verifier's no.
///
/// The caller is told what to do next and never what exactly was wrong: that would help whoever forges tokens. The
/// detail is for the operator's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    kind: DenialKind,
    detail: Cow<'static, str>,
}

/// What becomes of a caller who was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialKind {
    /// The credential proves nothing: `401`.
    Invalid,
    /// The identity is proven, and not wanted here: `403`.
    Forbid,
    /// What the verdict depends on does not answer: `503`, and when to try again.
    Unavailable(Duration),
}

impl Denial {
    /// The credential proves nothing: wrong signature, audience, issuer or time, or no credential at all.
    #[must_use]
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DenialKind::Invalid, detail: detail.into() }
    }

    /// The identity is proven and not wanted here.
    #[must_use]
    pub fn forbid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DenialKind::Forbid, detail: detail.into() }
    }

    /// Nobody can tell now; try again after `wait`.
    #[must_use]
    pub fn unavailable(wait: Duration, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DenialKind::Unavailable(wait), detail: detail.into() }
    }

    /// What becomes of the caller.
    #[must_use]
    pub fn kind(&self) -> DenialKind {
        self.kind
    }

    /// What only the operator sees. It holds no secret.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Denial {}

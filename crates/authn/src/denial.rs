use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// A verifier's no.
///
/// The caller is told what to do next and never what exactly was wrong: that would help whoever forges tokens. The
/// detail is for the operator's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    kind: DenialKind,
    detail: Cow<'static, str>,
    step_up: Option<Arc<StepUp>>,
}

/// What becomes of a caller who was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenialKind {
    /// The credential proves nothing: `401`.
    Invalid,
    /// The identity is proven, and not wanted here: `403`.
    Forbid,
    /// The identity is proven, and not well enough: `401` with a challenge of RFC 9470, of which
    /// [`Denial::wanted`] tells the rest.
    StepUp,
    /// What the verdict depends on does not answer: `503`, and when to try again.
    Unavailable(Duration),
}

impl Denial {
    /// The credential proves nothing: wrong signature, audience, issuer or time, or no credential at all.
    #[must_use]
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DenialKind::Invalid, detail: detail.into(), step_up: None }
    }

    /// The identity is proven and not wanted here.
    #[must_use]
    pub fn forbid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DenialKind::Forbid, detail: detail.into(), step_up: None }
    }

    /// The identity is proven, and the person has to prove it anew or in a stronger way.
    #[must_use]
    pub fn step_up(wanted: impl Into<Arc<StepUp>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DenialKind::StepUp, detail: detail.into(), step_up: Some(wanted.into()) }
    }

    /// Nobody can tell now; try again after `wait`.
    #[must_use]
    pub fn unavailable(wait: Duration, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DenialKind::Unavailable(wait), detail: detail.into(), step_up: None }
    }

    /// What becomes of the caller.
    #[must_use]
    pub fn kind(&self) -> DenialKind {
        self.kind
    }

    /// The authentication that would do, of a [`DenialKind::StepUp`].
    #[must_use]
    pub fn wanted(&self) -> Option<&StepUp> {
        self.step_up.as_deref()
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

/// The authentication that an operation asks for, to be told to the client (RFC 9470, section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    acr_values: Option<String>,
    max_age: Option<Duration>,
}

impl StepUp {
    /// Just another authentication.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an authentication context class that would do. The first one added is liked best.
    ///
    /// What cannot stand in a challenge is left out: anything but visible ASCII, quotes and backslashes.
    #[must_use]
    pub fn acr_value(mut self, value: &str) -> Self {
        if fits_a_challenge(value) {
            let values = self.acr_values.get_or_insert_default();
            if !values.is_empty() {
                values.push(' ');
            }
            values.push_str(value);
        }
        self
    }

    /// Sets how long ago it may have been.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The classes that would do, with spaces between them: `acr_values` of the challenge, ready to stand in quotes.
    #[must_use]
    pub fn acr_values(&self) -> Option<&str> {
        self.acr_values.as_deref()
    }

    /// How many seconds ago it may have been: `max_age` of the challenge.
    #[must_use]
    pub fn max_age_seconds(&self) -> Option<u64> {
        self.max_age.map(|age| age.as_secs())
    }
}

/// Whether a value can be one of several in a quoted string of a challenge.
pub(crate) fn fits_a_challenge(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_up_holds_what_fits_a_challenge() {
        let wanted = StepUp::new();
        assert_eq!((wanted.acr_values(), wanted.max_age_seconds()), (None, None));
        let wanted = wanted
            .acr_value("urn:gold")
            .acr_value("a\"b")
            .acr_value("two words")
            .acr_value("")
            .acr_value("a\r\nb")
            .acr_value("silver")
            .max_age(Duration::from_secs(300));
        assert_eq!((wanted.acr_values(), wanted.max_age_seconds()), (Some("urn:gold silver"), Some(300)));
        let denial = Denial::step_up(wanted.clone(), "acr");
        assert_eq!((denial.kind(), denial.wanted()), (DenialKind::StepUp, Some(&wanted)));
        assert_eq!(Denial::forbid("no").wanted(), None);
    }
}

use std::borrow::Cow;
use std::time::Duration;

/// Why a call was refused, as far as the answer depends on it.
///
/// The codec has one table that turns each reason into a JSON-RPC code and an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody verified who is asking.
    Authenticate,
    /// Policy says no.
    Forbid,
    /// Policy would say yes to more scopes: see [`Refusal::scopes`].
    WantScope,
    /// The thing asked for is not to be known about; the answer reads as if it did not exist.
    Hide,
    /// A human has to agree first.
    WantApproval,
    /// The message breaks a rule of the protocol or of its own schema.
    Malform,
    /// The message is over a size limit.
    Oversize,
    /// A budget or a rate is used up: see [`Refusal::retry_after`].
    Exhaust,
    /// What the decision depends on does not answer, so the call fails closed.
    Unavailable,
}

impl Reason {
    /// The word that records, metrics and the error's `data.reason` use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticate => "unauthenticated",
            Self::Forbid => "forbidden",
            Self::WantScope => "insufficient_scope",
            Self::Hide => "not_found",
            Self::WantApproval => "approval_required",
            Self::Malform => "malformed",
            Self::Oversize => "too_large",
            Self::Exhaust => "exhausted",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A typed no: what the caller is told, and what only the operator sees.
///
/// [`message`](Self::message) goes to the caller, often straight into a model's context. It says what to do next and
/// nothing of the policy. [`detail`](Self::detail) goes on the [`Trail`](crate::Trail) and nowhere else.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::{Reason, Refusal};
///
/// let refusal = Refusal::new(Reason::Exhaust, "The hourly budget is used up; try again later.")
///     .with_detail("rule budgets.toml:12, principal alice")
///     .with_retry_after(Duration::from_secs(600));
///
/// assert_eq!(refusal.to_string(), "The hourly budget is used up; try again later.");
/// assert_eq!(refusal.reason().as_str(), "exhausted");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    message: Cow<'static, str>,
    more: Option<Box<More>>,
}

/// What few refusals carry, kept apart so that a refusal stays small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct More {
    detail: Option<String>,
    retry_after: Option<Duration>,
    scopes: Vec<String>,
}

impl Refusal {
    /// A refusal whose `message` may be shown to the caller.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, message: message.into(), more: None }
    }

    /// What the operator should know and the caller must not: rule names, matched patterns, places.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.more_mut().detail = Some(detail.into());
        self
    }

    /// When the same call may succeed.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.more_mut().retry_after = Some(wait);
        self
    }

    /// Every scope the call needs, for a step-up challenge.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.more_mut().scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// What the caller is told.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What only the operator sees.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.more.as_ref().and_then(|more| more.detail.as_deref())
    }

    /// When the same call may succeed, if that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.more.as_ref().and_then(|more| more.retry_after)
    }

    /// Every scope the call needs; empty unless the reason is [`Reason::WantScope`].
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        self.more.as_ref().map_or(&[], |more| &more.scopes)
    }

    fn more_mut(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_caller_sees_holds_no_detail() {
        let refusal = Refusal::new(Reason::Forbid, "Not allowed.").with_detail("rule 7");
        assert_eq!(refusal.to_string(), "Not allowed.");
        assert_eq!(refusal.detail(), Some("rule 7"));
    }

    #[test]
    fn stays_small_enough_to_return_by_value() {
        assert!(size_of::<Refusal>() <= 40, "{}", size_of::<Refusal>());
    }

    #[test]
    fn is_send_and_sync() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Refusal>();
    }
}

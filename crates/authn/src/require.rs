//! What has to be known about a caller whose identity is proven.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis_core::{Actor, Kind};

use crate::denial::fits_a_challenge;
use crate::{Denial, StepUp, Verified};

mod condition;
mod error;
#[cfg(test)]
mod tests;

pub use error::RequireError;

use condition::Condition;
use error::Fault;

/// A small policy on what is known about a caller: all its conditions must hold. Without any, everybody passes.
///
/// What is not known does not hold. A condition that can never hold (an empty list, no time at all) is a mistake and is
/// told when it is made.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use portcullis_authn::{DenialKind, Require, Verified};
/// use portcullis_core::{Kind, Principal};
///
/// let finance = Require::new()
///     .any_group(["finance", "audit"])?
///     .amr_any(["mfa", "hwk"])?
///     .attribute("device_compliant", ["true"])?
///     .max_authentication_age(Duration::from_secs(8 * 3600))?;
///
/// let now = SystemTime::now();
/// let alice = Principal::new(Kind::User, "alice")
///     .with_group("finance")
///     .with_attribute("amr", "pwd mfa")
///     .with_attribute("device_compliant", "true");
/// let verified = Verified::new(alice).authenticated(now);
/// assert_eq!(finance.check(&verified, None, now)?, Some(now + Duration::from_secs(8 * 3600)));
///
/// // The next day she has to log in again, and her client is told so.
/// let denial = finance.check(&verified, None, now + Duration::from_secs(86_400)).unwrap_err();
/// assert_eq!(denial.kind(), DenialKind::StepUp);
///
/// let bob = Verified::new(Principal::new(Kind::User, "bob").with_group("engineering"));
/// let denial = finance.check(&bob, None, now).unwrap_err();
/// assert_eq!(denial.kind(), DenialKind::Forbid);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What a caller is told
///
/// Where another authentication would help (`amr`, `acr`, its age) the denial is a [`StepUp`](crate::DenialKind::StepUp).
/// Where a fresh token would help, it is as of a token that has expired, so that clients fetch one. Everything else is
/// forbidden, and that comes first: nobody is sent to log in again for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Require {
    conditions: Vec<Condition>,
    wanted: Arc<StepUp>,
}

impl Require {
    /// Asks for nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The caller is in one of these groups.
    ///
    /// # Errors
    ///
    /// If the list or one of the groups is empty.
    pub fn any_group<'a>(self, groups: impl IntoIterator<Item = &'a str>) -> Result<Self, RequireError> {
        Ok(self.and(Condition::AnyGroup(values("any_group", groups)?)))
    }

    /// The caller is in all of these groups.
    ///
    /// # Errors
    ///
    /// If the list or one of the groups is empty.
    pub fn all_groups<'a>(self, groups: impl IntoIterator<Item = &'a str>) -> Result<Self, RequireError> {
        Ok(self.and(Condition::AllGroups(values("all_groups", groups)?)))
    }

    /// The caller has authenticated by one of these methods, such as `mfa` or `hwk` (RFC 8176): the attribute `amr`
    /// holds the methods with spaces between them.
    ///
    /// # Errors
    ///
    /// If the list or one of the methods is empty, or one holds a space.
    pub fn amr_any<'a>(self, methods: impl IntoIterator<Item = &'a str>) -> Result<Self, RequireError> {
        let methods = values("amr_any", methods)?;
        match methods.iter().find(|method| method.contains(' ')) {
            Some(method) => Err(RequireError::new("amr_any", Fault::Unfit(method.clone()))),
            None => Ok(self.and(Condition::AmrAny(methods))),
        }
    }

    /// The authentication was of one of these classes: the attribute `acr`. The caller is told them, in this order.
    ///
    /// # Errors
    ///
    /// If the list or one of the classes is empty, or one cannot stand in a challenge, or this was said before.
    pub fn acr_any<'a>(self, classes: impl IntoIterator<Item = &'a str>) -> Result<Self, RequireError> {
        let classes = values("acr_any", classes)?;
        if let Some(class) = classes.iter().find(|class| !fits_a_challenge(class)) {
            return Err(RequireError::new("acr_any", Fault::Unfit(class.clone())));
        }
        let mut this = self.and_once(Condition::AcrAny(classes.clone()))?;
        let wanted = Arc::make_mut(&mut this.wanted);
        *wanted = classes.iter().fold(std::mem::take(wanted), |wanted, class| wanted.acr_value(class));
        Ok(this)
    }

    /// The attribute `name` has one of these values.
    ///
    /// # Errors
    ///
    /// If the name, the list or one of the values is empty, or this was said of the attribute before.
    pub fn attribute<'a>(
        self,
        name: &str,
        any_of: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, RequireError> {
        let any_of = values("attribute", any_of)?;
        if name.is_empty() {
            return Err(RequireError::new("attribute", Fault::Blank));
        }
        self.and_once(Condition::Attribute(name.into(), any_of))
    }

    /// The request comes from one of these networks, by the names that [`Networks`](crate::Networks) knows.
    ///
    /// # Errors
    ///
    /// If the list or one of the names is empty, or this was said before.
    pub fn networks<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, RequireError> {
        let names = values("networks", names)?;
        self.and_once(Condition::Networks(names))
    }

    /// The token was issued no longer ago than this.
    ///
    /// # Errors
    ///
    /// If that is no time at all, or was said before.
    pub fn max_token_age(self, age: Duration) -> Result<Self, RequireError> {
        self.and_once(Condition::TokenAge(some_time("max_token_age", age)?))
    }

    /// The caller has authenticated no longer ago than this (`auth_time`), whatever the age of the token.
    ///
    /// # Errors
    ///
    /// If that is less than a second, or was said before.
    pub fn max_authentication_age(self, age: Duration) -> Result<Self, RequireError> {
        let age = some_time("max_authentication_age", age)?;
        let mut this = self.and_once(Condition::AuthenticationAge(age))?;
        let wanted = Arc::make_mut(&mut this.wanted);
        *wanted = std::mem::take(wanted).max_age(age);
        Ok(this)
    }

    /// The caller is of one of these kinds.
    ///
    /// # Errors
    ///
    /// If the list is empty, or this was said before.
    pub fn kinds(self, kinds: impl IntoIterator<Item = Kind>) -> Result<Self, RequireError> {
        let kinds = some("kinds", kinds)?;
        self.and_once(Condition::Kinds(kinds))
    }

    /// One of these vouches for the caller.
    ///
    /// # Errors
    ///
    /// If the list or one of the issuers is empty, or this was said before.
    pub fn issuers<'a>(self, issuers: impl IntoIterator<Item = &'a str>) -> Result<Self, RequireError> {
        let issuers = values("issuers", issuers)?;
        self.and_once(Condition::Issuers(issuers))
    }

    /// At most so many agents stand between the caller and this service; with 0 nobody acts for anybody.
    ///
    /// # Errors
    ///
    /// If this was said before.
    pub fn max_actors(self, actors: usize) -> Result<Self, RequireError> {
        self.and_once(Condition::MaxActors(actors))
    }

    /// Every agent in between is one of these; callers without agents pass. An agent named without an issuer is one that
    /// the caller's own issuer vouches for.
    ///
    /// # Errors
    ///
    /// If the list is empty (see [`max_actors`](Self::max_actors)), or this was said before.
    pub fn actors_from(self, actors: impl IntoIterator<Item = Actor>) -> Result<Self, RequireError> {
        let actors = some("actors_from", actors)?;
        self.and_once(Condition::ActorsFrom(actors))
    }

    /// The networks that [`networks`](Self::networks) names, so that a name nobody knows can be told at the start.
    pub fn networks_named(&self) -> impl Iterator<Item = &str> {
        self.conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::Networks(names) => Some(names),
                _ => None,
            })
            .flatten()
            .map(|name| &**name)
    }

    /// Whether all conditions hold for a caller whose request comes from `network`, and until when.
    ///
    /// Until then, or until the identity itself ends, the answer may be kept: for requests from that network.
    ///
    /// # Errors
    ///
    /// The condition that does not hold.
    pub fn check(
        &self,
        verified: &Verified,
        network: Option<&str>,
        now: SystemTime,
    ) -> Result<Option<SystemTime>, Denial> {
        let mut end: Option<SystemTime> = None;
        let mut curable: Option<&Condition> = None;
        for condition in &self.conditions {
            match condition.holds(verified, network, now) {
                Some(until) => end = [end, until].into_iter().flatten().min(),
                None if condition.is_of_authentication() || condition.is_cured_by_a_token(verified) => {
                    curable = curable.or(Some(condition));
                }
                None => return Err(Denial::forbid(format!("not met: {condition}"))),
            }
        }
        match curable {
            None => Ok(end),
            Some(condition) if condition.is_of_authentication() => {
                Err(Denial::step_up(Arc::clone(&self.wanted), format!("not met: {condition}")))
            }
            Some(condition) => Err(Denial::invalid(format!("not met: {condition}"))),
        }
    }

    fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// For facts of which there is one: asked twice, the second list would replace or contradict the first.
    fn and_once(self, condition: Condition) -> Result<Self, RequireError> {
        match self.conditions.iter().any(|other| other.asks_the_same(&condition)) {
            true => Err(RequireError::new(condition.name(), Fault::Twice)),
            false => Ok(self.and(condition)),
        }
    }
}

fn values<'a>(
    condition: &'static str,
    values: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Arc<str>>, RequireError> {
    let values: Vec<Arc<str>> = some(condition, values.into_iter().map(Into::into))?;
    match values.iter().any(|value| value.is_empty()) {
        true => Err(RequireError::new(condition, Fault::Blank)),
        false => Ok(values),
    }
}

fn some<T>(condition: &'static str, values: impl IntoIterator<Item = T>) -> Result<Vec<T>, RequireError> {
    let values: Vec<T> = values.into_iter().collect();
    if values.is_empty() { Err(RequireError::new(condition, Fault::Empty)) } else { Ok(values) }
}

/// Seconds are the unit in which tokens and challenges tell the time.
fn some_time(condition: &'static str, age: Duration) -> Result<Duration, RequireError> {
    if age.as_secs() == 0 { Err(RequireError::new(condition, Fault::NoTime(age))) } else { Ok(age) }
}

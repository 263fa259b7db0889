use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portcullis_core::{Actor, Kind};

use crate::Verified;

/// One thing that must be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    AnyGroup(Vec<Arc<str>>),
    AllGroups(Vec<Arc<str>>),
    AmrAny(Vec<Arc<str>>),
    AcrAny(Vec<Arc<str>>),
    Attribute(Arc<str>, Vec<Arc<str>>),
    Networks(Vec<Arc<str>>),
    TokenAge(Duration),
    AuthenticationAge(Duration),
    Kinds(Vec<Kind>),
    Issuers(Vec<Arc<str>>),
    MaxActors(usize),
    ActorsFrom(Vec<Actor>),
}

/// Until when something holds: `None` if it does not, `Some(None)` if time does not change it.
type Held = Option<Option<SystemTime>>;

impl Condition {
    pub(super) fn holds(&self, verified: &Verified, network: Option<&str>, now: SystemTime) -> Held {
        let principal = verified.principal();
        let holds = match self {
            Self::TokenAge(age) => return recent(verified.issued, *age, now),
            Self::AuthenticationAge(age) => return recent(verified.authenticated, *age, now),
            Self::AnyGroup(groups) => groups.iter().any(|group| principal.is_in(group)),
            Self::AllGroups(groups) => groups.iter().all(|group| principal.is_in(group)),
            Self::AmrAny(methods) => principal
                .attribute("amr")
                .is_some_and(|used| used.split(' ').any(|method| lists(methods, method))),
            Self::AcrAny(classes) => principal.attribute("acr").is_some_and(|class| lists(classes, class)),
            Self::Attribute(name, values) => {
                principal.attribute(name).is_some_and(|value| lists(values, value))
            }
            Self::Networks(names) => network.is_some_and(|name| lists(names, name)),
            Self::Kinds(kinds) => kinds.contains(&principal.kind()),
            Self::Issuers(issuers) => principal.issuer().is_some_and(|issuer| lists(issuers, issuer)),
            Self::MaxActors(most) => principal.actors().len() <= *most,
            Self::ActorsFrom(known) => principal
                .actors()
                .iter()
                .all(|actor| known.iter().any(|one| is_same(one, actor, principal.issuer()))),
        };
        holds.then_some(None)
    }

    /// Whether another authentication of the same person would help.
    pub(super) fn is_of_authentication(&self) -> bool {
        matches!(self, Self::AmrAny(_) | Self::AcrAny(_) | Self::AuthenticationAge(_))
    }

    /// Whether a fresh token would help. One that does not say when it was issued would be followed by another such.
    pub(super) fn is_cured_by_a_token(&self, verified: &Verified) -> bool {
        matches!(self, Self::TokenAge(_)) && verified.issued.is_some()
    }

    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Attribute(one, _), Self::Attribute(other, _)) => one == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// The setter it comes from.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::AnyGroup(_) => "any_group",
            Self::AllGroups(_) => "all_groups",
            Self::AmrAny(_) => "amr_any",
            Self::AcrAny(_) => "acr_any",
            Self::Attribute(..) => "attribute",
            Self::Networks(_) => "networks",
            Self::TokenAge(_) => "max_token_age",
            Self::AuthenticationAge(_) => "max_authentication_age",
            Self::Kinds(_) => "kinds",
            Self::Issuers(_) => "issuers",
            Self::MaxActors(_) => "max_actors",
            Self::ActorsFrom(_) => "actors_from",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::AnyGroup(values)
            | Self::AllGroups(values)
            | Self::AmrAny(values)
            | Self::AcrAny(values)
            | Self::Networks(values)
            | Self::Issuers(values) => write!(f, "{name} {values:?}"),
            Self::Attribute(attribute, values) => write!(f, "{name} {attribute:?} any of {values:?}"),
            Self::TokenAge(age) | Self::AuthenticationAge(age) => write!(f, "{name} {age:?}"),
            Self::Kinds(kinds) => write!(f, "{name} {kinds:?}"),
            Self::MaxActors(most) => write!(f, "{name} {most}"),
            Self::ActorsFrom(actors) => {
                write!(f, "{name} {:?}", actors.iter().map(Actor::subject).collect::<Vec<_>>())
            }
        }
    }
}

fn lists(values: &[Arc<str>], value: &str) -> bool {
    values.iter().any(|one| **one == *value)
}

/// A moment too far off to be told is taken for one that is not known.
fn recent(moment: Option<SystemTime>, age: Duration, now: SystemTime) -> Held {
    let end = moment?.checked_add(age)?;
    (now < end).then_some(Some(end))
}

/// Two agents of one name under two issuers are two agents.
fn is_same(known: &Actor, actor: &Actor, own: Option<&str>) -> bool {
    known.subject() == actor.subject() && known.issuer().or(own) == actor.issuer().or(own)
}

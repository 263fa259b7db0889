//! Whose the token is, as its first block says: the only one that the root has signed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use portcullis_core::{Actor, Kind, Principal};

use super::contents::{Contents, Fact};
use crate::{Audience, Denial};

/// What the first block says.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) principal: Principal,
    pub(super) issued: Option<SystemTime>,
    pub(super) authenticated: Option<SystemTime>,
    /// The agents before the first that signs in this token, first asked first.
    pub(super) actors: Vec<Actor>,
    /// The agent that the token was handed to.
    pub(super) delegate: Option<String>,
}

/// Issuers' clocks may be ahead by so much.
const SKEW: Duration = Duration::from_secs(30);

impl Identity {
    /// Reads the facts of the first block. One that has a known name and not its form is an error: whoever minted the
    /// token meant something by it.
    pub(super) fn read(contents: &Contents, audience: &Audience, now: SystemTime) -> Result<Self, Denial> {
        let mut subject = None;
        let (mut issuer, mut issued, mut authenticated, mut delegate) = (None, None, None, None);
        let (mut addressed, mut included) = (false, false);
        let mut actors = BTreeMap::new();
        let mut rest = Vec::new();
        for fact in contents.facts(0) {
            let name = fact.name();
            let malformed =
                || Denial::invalid(format!("biscuit: the fact {name:?} is malformed or there twice"));
            let one = || fact.values().and_then(|[value]| value.text()).ok_or_else(malformed);
            let when = || fact.values().and_then(|[value]| value.date()).and_then(at).ok_or_else(malformed);
            let fresh = match name {
                "user" => subject.replace((Kind::User, one()?)).is_none(),
                "service" => subject.replace((Kind::Service, one()?)).is_none(),
                "agent" => subject.replace((Kind::Agent, one()?)).is_none(),
                "issuer" => issuer.replace(one()?).is_none(),
                "issued" => issued.replace(when()?).is_none(),
                "authenticated" => authenticated.replace(when()?).is_none(),
                "delegate" => delegate.replace(one()?.to_owned()).is_none(),
                "audience" => {
                    addressed = true;
                    included |= audience.includes(one()?);
                    true
                }
                "actor" => {
                    let (place, actor) = actor(&fact).ok_or_else(malformed)?;
                    actors.insert(place, actor).is_none()
                }
                "group" | "scope" | "attribute" => {
                    rest.push((name, fact));
                    true
                }
                _ => true,
            };
            if !fresh {
                return Err(malformed());
            }
        }
        if !included {
            let detail = match addressed {
                true => "biscuit: it is for another audience",
                false => "biscuit: the first block states no audience",
            };
            return Err(Denial::invalid(detail));
        }
        if issued.is_some_and(|at| at > now + SKEW) {
            return Err(Denial::invalid("biscuit: it was issued in the future"));
        }
        if authenticated.is_some_and(|at| at > now + SKEW) {
            return Err(Denial::invalid("biscuit: its user has authenticated in the future"));
        }
        let (kind, subject) = subject
            .ok_or_else(|| Denial::invalid("biscuit: the first block states no user, service or agent"))?;
        let mut principal = Principal::new(kind, subject);
        if let Some(issuer) = issuer {
            principal = principal.with_issuer(issuer);
        }
        for (name, fact) in rest {
            principal = known(principal, name, &fact)
                .ok_or_else(|| Denial::invalid(format!("biscuit: a fact {name:?} is malformed")))?;
        }
        let actors = actors.into_values().collect();
        Ok(Self { principal, issued, authenticated, actors, delegate })
    }
}

fn known(principal: Principal, name: &str, fact: &Fact<'_>) -> Option<Principal> {
    match name {
        "group" => fact.values().and_then(|[group]| group.text()).map(|group| principal.with_group(group)),
        "scope" => fact.values().and_then(|[scope]| scope.text()).map(|scope| principal.with_scope(scope)),
        _ => {
            let [name, value] = fact.values()?;
            let (name, value) = (name.text()?, value.any_text()?);
            // Of two values none is the right one.
            principal.attribute(name).is_none().then(|| principal.clone().with_attribute(name, value))
        }
    }
}

/// `actor(0, "planner")` or `actor(0, "planner", "https://issuer")`.
fn actor(fact: &Fact<'_>) -> Option<(i64, Actor)> {
    if let Some([place, name, issuer]) = fact.values() {
        return Some((place.integer()?, Actor::new(name.text()?).with_issuer(issuer.text()?)));
    }
    let [place, name] = fact.values()?;
    Some((place.integer()?, Actor::new(name.text()?)))
}

/// When the token ends: at the earliest end that any of its blocks states. The first must state one.
pub(super) fn end(contents: &Contents) -> Result<SystemTime, Denial> {
    let mut end: Option<u64> = None;
    for block in 0..contents.blocks().len() {
        for fact in contents.facts(block).filter(|fact| fact.name() == "expires") {
            let date = fact
                .values()
                .and_then(|[value]| value.date())
                .ok_or_else(|| Denial::invalid("biscuit: a fact \"expires\" is malformed"))?;
            end = Some(end.map_or(date, |end| end.min(date)));
        }
        if end.is_none() {
            return Err(Denial::invalid("biscuit: the first block states no \"expires\""));
        }
    }
    end.and_then(at).ok_or_else(|| Denial::invalid("biscuit: it expires when no clock can tell"))
}

pub(super) fn at(date: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(date))
}

/// The second that a time is in, as dates count.
pub(super) fn second(time: SystemTime) -> Result<u64, Denial> {
    let since = time.duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs()).map_err(|_| Denial::invalid("biscuit: the clock stands before 1970"))
}

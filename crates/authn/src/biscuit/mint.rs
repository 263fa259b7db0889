use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use biscuit_auth::Biscuit;
use biscuit_auth::builder::{BiscuitBuilder, Fact, Term, fact};
use portcullis_core::{Kind, Principal, Secret};

use super::attenuation::before;
use super::{SigningKey, encoding};

/// Makes tokens for principals that were verified.
///
/// Tokens live for five minutes, and for an hour at most, unless told otherwise. Clones share the key.
#[derive(Clone, Debug)]
#[must_use]
pub struct Mint {
    key: Arc<SigningKey>,
    key_id: Option<u32>,
    lifetime: Duration,
    max_lifetime: Duration,
}

impl Mint {
    /// A mint that signs with a root key.
    pub fn new(key: SigningKey) -> Self {
        let (lifetime, max_lifetime) = (Duration::from_secs(300), Duration::from_secs(3600));
        Self { key: Arc::new(key), key_id: None, lifetime, max_lifetime }
    }

    /// The number under which verifiers list the key.
    pub fn key_id(mut self, id: u32) -> Self {
        self.key_id = Some(id);
        self
    }

    /// How long tokens live, and how long at most where a [`Grant`] asks for another time.
    ///
    /// # Errors
    ///
    /// If the lifetime is less than a second, or more than the maximum.
    pub fn lifetime(mut self, lifetime: Duration, max: Duration) -> Result<Self, MintError> {
        if lifetime < Duration::from_secs(1) || lifetime > max {
            return Err(MintError { flaw: Flaw::Lifetime });
        }
        (self.lifetime, self.max_lifetime) = (lifetime, max);
        Ok(self)
    }

    /// Makes a token.
    ///
    /// # Errors
    ///
    /// If the grant asks for a longer life than the maximum, would end before it begins, or cannot be encoded within the
    /// size that verifiers take.
    pub fn mint(&self, grant: &Grant<'_>, now: SystemTime) -> Result<Secret, MintError> {
        let end = self.end(grant, now)?;
        let mut builder = Biscuit::builder();
        for one in facts(grant, now, end)? {
            builder = builder.fact(one).map_err(|_| MintError { flaw: Flaw::Encode })?;
        }
        self.sign(builder, end).map(Secret::new)
    }

    /// The second in which a token ends: never later than the instant that was asked for.
    pub(super) fn end(&self, grant: &Grant<'_>, now: SystemTime) -> Result<u64, MintError> {
        let lifetime = grant.lifetime.unwrap_or(self.lifetime);
        if lifetime > self.max_lifetime {
            return Err(MintError { flaw: Flaw::Lifetime });
        }
        let end = now.checked_add(lifetime).ok_or(MintError { flaw: Flaw::Lifetime })?;
        let end = grant.not_after.map_or(end, |limit| limit.min(end));
        let (end, now) = (seconds(end)?, seconds(now)?);
        if end > now { Ok(end) } else { Err(MintError { flaw: Flaw::Ended }) }
    }

    fn sign(&self, builder: BiscuitBuilder, end: u64) -> Result<String, MintError> {
        let failed = |_| MintError { flaw: Flaw::Encode };
        let mut builder = builder.check(before(end)).map_err(failed)?;
        if let Some(id) = self.key_id {
            builder = builder.root_key_id(id);
        }
        let token = builder.build(&self.key.pair()).and_then(|token| token.to_vec()).map_err(failed)?;
        let text = encoding::encode(&token);
        match text.len() > encoding::MAX_TEXT {
            true => Err(MintError { flaw: Flaw::Encode }),
            false => Ok(text),
        }
    }
}

/// What a token is to say: for whom, where, for how long.
#[derive(Clone, Debug)]
#[must_use]
pub struct Grant<'a> {
    principal: &'a Principal,
    audience: &'a str,
    scopes: Option<Vec<&'a str>>,
    lifetime: Option<Duration>,
    not_after: Option<SystemTime>,
    delegate: Option<&'a str>,
}

impl<'a> Grant<'a> {
    /// A token for a principal, with all its groups, scopes, attributes and agents, good at one service.
    pub fn new(principal: &'a Principal, audience: &'a str) -> Self {
        Self { principal, audience, scopes: None, lifetime: None, not_after: None, delegate: None }
    }

    /// Only those scopes among the principal's own.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        self.scopes = Some(scopes.into_iter().collect());
        self
    }

    /// Another lifetime than the mint's own.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// An end that the token does not outlive, such as that of the token it is given for.
    pub fn not_after(mut self, end: SystemTime) -> Self {
        self.not_after = Some(end);
        self
    }

    /// The agent that the token is handed to. It is in the chain from the start, whether or not it signs.
    pub fn delegate(mut self, agent: &'a str) -> Self {
        self.delegate = Some(agent);
        self
    }

    /// The scopes that the token is to have.
    pub(super) fn granted(&self) -> impl Iterator<Item = &'a str> {
        let principal = self.principal;
        principal.scopes().filter(|scope| self.scopes.as_ref().is_none_or(|only| only.contains(scope)))
    }
}

fn facts(grant: &Grant<'_>, now: SystemTime, end: u64) -> Result<Vec<Fact>, MintError> {
    let principal = grant.principal;
    let text = |text: &str| Term::Str(text.to_owned());
    let subject = match principal.kind() {
        Kind::User => "user",
        Kind::Service => "service",
        Kind::Agent => "agent",
        _ => return Err(MintError { flaw: Flaw::Encode }),
    };
    let mut facts = vec![
        fact(subject, &[text(principal.subject())]),
        fact("audience", &[text(grant.audience)]),
        fact("issued", &[Term::Date(seconds(now)?)]),
        fact("expires", &[Term::Date(end)]),
    ];
    facts.extend(principal.issuer().map(|issuer| fact("issuer", &[text(issuer)])));
    facts.extend(principal.groups().map(|group| fact("group", &[text(group)])));
    facts.extend(grant.granted().map(|scope| fact("scope", &[text(scope)])));
    facts.extend(principal.attributes().map(|(name, value)| fact("attribute", &[text(name), text(value)])));
    for (place, actor) in (0..).zip(principal.actors()) {
        let mut terms = vec![Term::Integer(place), text(actor.subject())];
        terms.extend(actor.issuer().map(text));
        facts.push(fact("actor", &terms));
    }
    facts.extend(grant.delegate.map(|agent| fact("delegate", &[text(agent)])));
    Ok(facts)
}

fn seconds(time: SystemTime) -> Result<u64, MintError> {
    let since = time.duration_since(UNIX_EPOCH);
    since.map(|since| since.as_secs()).map_err(|_| MintError { flaw: Flaw::Ended })
}

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MintError {
    flaw: Flaw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Lifetime,
    Ended,
    Encode,
}

impl MintError {
    /// Whether the principal's own proof ends too soon for a token.
    pub(super) fn has_ended(self) -> bool {
        self.flaw == Flaw::Ended
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.flaw {
            Flaw::Lifetime => "the lifetime is below a second or above the maximum",
            Flaw::Ended => "the token would end before it begins",
            Flaw::Encode => "the token cannot be encoded, or would be too long",
        })
    }
}

impl std::error::Error for MintError {}

//! What the claims of a proven token amount to: claims, audience and time in, verdict out.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use portcullis_core::{Kind, Principal};

use super::chain;
use super::claim_map::ClaimMap;
use super::claims::{self, Claims, SKEW, wrong};
use crate::jws::quoted;
use crate::{Audience, Denial, Verified};

/// OpenID Connect has 255; some issuers take more.
const MAX_NAME: usize = 512;

/// What a verifier knows besides the token.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) issuer: String,
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) map: ClaimMap,
    pub(crate) optional: Optional,
}

/// What need not be said. What is said is checked all the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Optional {
    pub(crate) issuer: bool,
    pub(crate) audience: bool,
    pub(crate) end: bool,
    /// A program may be named by its `client_id`.
    pub(crate) subject: bool,
}

impl Rules {
    /// Judges claims whose signature was right.
    pub(crate) fn judge(
        &self,
        claims: &Claims<'_>,
        audience: &Audience,
        now: SystemTime,
    ) -> Result<Verified, Denial> {
        let issuer = claims.string("iss")?;
        if issuer.as_deref().map_or(!self.optional.issuer, |issuer| issuer != self.issuer) {
            return Err(Denial::invalid("the token is of another issuer"));
        }
        if claims.has("aud") || !self.optional.audience {
            check_audience(claims, audience)?;
        }
        let mut verified = Verified::new(self.principal(claims)?);

        let issued = claims.time("iat")?;
        let mut end = claims.time("exp")?;
        if end.is_none() && !self.optional.end {
            return Err(Denial::invalid("the token has no end (exp)"));
        }
        if let Some(longest) = self.max_lifetime {
            let issued =
                issued.ok_or(Denial::invalid("the token does not say since when it is good (iat)"))?;
            let cap = issued.checked_add(longest);
            end = end.into_iter().chain(cap).min();
        }
        if let Some(end) = end {
            if now >= end {
                return Err(Denial::invalid("the token has expired"));
            }
            verified = verified.expires(end);
        }

        let latest = now.checked_add(SKEW).unwrap_or(now);
        if claims.time("nbf")?.is_some_and(|start| start > latest) {
            return Err(Denial::invalid("the token is not good yet (nbf)"));
        }
        if let Some(issued) = issued {
            if issued > latest {
                return Err(Denial::invalid("the token was issued in the future (iat)"));
            }
            verified = verified.issued(issued);
        }
        if let Some(authenticated) = claims.time("auth_time")? {
            if authenticated > latest {
                return Err(Denial::invalid("the caller proved their identity in the future (auth_time)"));
            }
            verified = verified.authenticated(authenticated);
        }
        if let Some(binding) = chain::binding(claims)? {
            verified = verified.bound_to(binding);
        }
        Ok(verified)
    }

    fn principal(&self, claims: &Claims<'_>) -> Result<Principal, Denial> {
        let client = client(claims)?;
        let path = &self.map.subject;
        let (subject, kind) = match (path.find(claims), &client) {
            (None, Some(client)) if self.optional.subject && is_its_own(claims, client)? => {
                (Some(client.clone()), Kind::Service)
            }
            (found, _) => (found.and_then(claims::string), kind(claims, client.as_deref())?),
        };
        let subject = subject.ok_or_else(|| Denial::invalid(format!("the token names nobody ({path})")))?;
        check_name("sub", &subject)?;

        let mut principal = Principal::new(kind, &*subject).with_issuer(&*self.issuer);
        for path in &self.map.groups {
            let Some(value) = path.find(claims) else { continue };
            let groups = claims::strings(value)
                .ok_or_else(|| wrong(&path.to_string(), "a string or a list of strings"))?;
            for group in groups {
                principal = principal.with_group(&*group);
            }
        }
        for scope in scopes(claims)? {
            principal = principal.with_scope(&*scope);
        }
        if let Some(client) = client {
            principal = principal.with_attribute("client_id", &*client);
        }
        for name in ["amr", "acr"] {
            if let Some(value) = claims.get(name) {
                principal = with_attribute(principal, name, value)?;
            }
        }
        for (name, path) in &self.map.attributes {
            if let Some(value) = path.find(claims) {
                principal = with_attribute(principal, name, value)?;
            }
        }
        Ok(chain::actors(claims, &self.issuer)?.into_iter().fold(principal, Principal::acting_through))
    }
}

fn with_attribute(principal: Principal, name: &str, value: &[u8]) -> Result<Principal, Denial> {
    match claims::text(value) {
        Ok(Some(text)) => Ok(principal.with_attribute(name, &*text)),
        Ok(None) => Ok(principal),
        Err(()) => Err(wrong(name, "a value that can be an attribute")),
    }
}

fn check_audience(claims: &Claims<'_>, audience: &Audience) -> Result<(), Denial> {
    let names = claims.strings("aud")?;
    if names.iter().any(|name| audience.includes(name)) {
        return Ok(());
    }
    Err(Denial::invalid(match names.first() {
        Some(first) => format!("the token is for {}, not for this service", quoted(first)),
        None => "the token is for nobody (aud)".to_owned(),
    }))
}

/// Names end up in policies, logs and headers, so there is nothing in them that could end a line.
pub(super) fn check_name(claim: &str, text: &str) -> Result<(), Denial> {
    if text.is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
        return Err(wrong(claim, "a name of 1 to 512 bytes without control characters"));
    }
    Ok(())
}

/// The program that the token was issued to, by whichever name its issuer has for that.
fn client<'a>(claims: &Claims<'a>) -> Result<Option<Cow<'a, str>>, Denial> {
    for name in ["client_id", "azp", "cid", "appid"] {
        if let Some(client) = claims.string(name)? {
            check_name(name, &client)?;
            return Ok(Some(client));
        }
    }
    Ok(None)
}

/// RFC 9068, section 2.2: a token that nobody but the client stands behind has the client for its subject. Entra says it
/// in a claim of its own.
fn kind(claims: &Claims<'_>, client: Option<&str>) -> Result<Kind, Denial> {
    let app = claims.string("idtyp")?.is_some_and(|kind| kind == "app");
    let own = client.is_some() && claims.string("sub")?.as_deref() == client;
    Ok(if app || own { Kind::Service } else { Kind::User })
}

/// Whether a token names nobody besides its client (RFC 7662, section 2.2). What a client does for a user whose name is
/// not where it was looked for, it does not do on its own account.
fn is_its_own(claims: &Claims<'_>, client: &str) -> Result<bool, Denial> {
    let other = |name| Ok(claims.string(name)?.is_some_and(|named| named != client));
    Ok(!other("sub")? && !other("username")?)
}

/// `scope` is a text with spaces (RFC 8693, section 4.2), `scp` a list (Okta) or a text (Entra). Both come in both forms.
fn scopes<'a>(claims: &Claims<'a>) -> Result<Vec<Cow<'a, str>>, Denial> {
    let mut scopes: Vec<Cow<'a, str>> = Vec::new();
    for name in ["scope", "scp"] {
        for text in claims.strings(name)? {
            match text {
                Cow::Borrowed(text) => scopes.extend(words(text).map(Cow::Borrowed)),
                Cow::Owned(text) => scopes.extend(words(&text).map(|word| Cow::Owned(word.to_owned()))),
            }
        }
    }
    Ok(scopes)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

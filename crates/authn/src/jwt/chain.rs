//! Who acts for whom (RFC 8693, section 4.1), and in whose hands a token is good (RFC 7800).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::Actor;

use super::claims::{Claims, string, wrong};
use super::judge::check_name;
use crate::{Binding, Denial};

/// Longer chains are not delegation any more.
const MAX_ACTORS: usize = 8;

/// More than any issuer writes into `act` or `cnf`.
const MAX_MEMBERS: usize = 32;

/// The agents of a token in the order they were asked: the outermost `act` is the one that calls now, so it comes last.
pub(crate) fn actors(claims: &Claims<'_>, issuer: &str) -> Result<Vec<Actor>, Denial> {
    let mut actors = Vec::new();
    let mut next = claims.get("act");
    while let Some(act) = next {
        if actors.len() == MAX_ACTORS {
            return Err(Denial::invalid("the token names more than 8 actors"));
        }
        let act =
            Claims::parse(act, MAX_MEMBERS).map_err(|_| wrong("act", "an object that names an actor"))?;
        let subject =
            act.get("sub").and_then(string).ok_or_else(|| wrong("act", "an object with a \"sub\""))?;
        check_name("act", &subject)?;
        // The token's issuer vouches for whom it names without saying whose they are.
        let vouching = act.string("iss").map_err(|_| wrong("act", "an object whose \"iss\" is a string"))?;
        actors.push(Actor::new(&*subject).with_issuer(vouching.as_deref().unwrap_or(issuer)));
        next = act.get("act");
    }
    actors.reverse();
    Ok(actors)
}

/// What the sender must prove to hold. A way of proof that is not known here cannot be checked, so the token is refused.
pub(crate) fn binding(claims: &Claims<'_>) -> Result<Option<Binding>, Denial> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(None) };
    let confirmation = Claims::parse(confirmation, MAX_MEMBERS).map_err(|_| wrong("cnf", "an object"))?;
    let thumbprint = |name| -> Result<Option<[u8; 32]>, Denial> {
        confirmation
            .get(name)
            .map(|value| thumbprint(value).ok_or_else(|| wrong(name, "a SHA-256 in base64url")))
            .transpose()
    };
    match (confirmation.len(), thumbprint("jkt")?, thumbprint("x5t#S256")?) {
        (1, Some(key), None) => Ok(Some(Binding::Key(key))),
        (1, None, Some(certificate)) => Ok(Some(Binding::Certificate(certificate))),
        _ => Err(Denial::invalid("the token is bound (cnf) in a way that is not checked here")),
    }
}

fn thumbprint(value: &[u8]) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(&*string(value)?).ok()?.try_into().ok()
}

//! Tells access tokens from the other tokens that an issuer signs with the same keys.

use super::claims::Claims;
use crate::Denial;
use crate::jws::quoted;

/// What access tokens are called in the header `typ`.
#[derive(Debug)]
pub(super) struct Types {
    /// Without `application/`, which RFC 7515 (section 4.1.9) has senders leave out.
    pub(super) names: Vec<String>,
    pub(super) untyped: bool,
}

impl Types {
    pub(super) fn check(&self, typ: Option<&str>, claims: &Claims<'_>) -> Result<(), Denial> {
        match typ {
            None if self.untyped => {}
            None => return Err(Denial::invalid("the token does not say of which type it is (typ)")),
            Some(typ) if self.names.iter().any(|own| own.eq_ignore_ascii_case(short(typ))) => {}
            Some(typ) => {
                return Err(Denial::invalid(format!("the token's type {} is not accepted", quoted(typ))));
            }
        }
        // Nothing but an access token is called that (RFC 9068, section 5).
        if typ.is_some_and(|typ| short(typ).eq_ignore_ascii_case("at+jwt")) {
            return Ok(());
        }
        check_kind(claims)
    }
}

/// A media type without `application/`.
pub(super) fn short(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}

/// Where the header does not tell, the claims of the others do.
pub(crate) fn check_kind(claims: &Claims<'_>) -> Result<(), Denial> {
    // OpenID Connect Core, sections 2 and 3.3.2.11, and Back-Channel Logout, section 2.4.
    let id_token = ["nonce", "at_hash", "c_hash", "events"].into_iter().find(|name| claims.has(name));
    if let Some(name) = id_token {
        return Err(Denial::invalid(format!("the token has a {name:?}, so it is no access token")));
    }
    // Keycloak's and Cognito's own.
    let is = |claim, kinds: &[&str]| -> Result<bool, Denial> {
        let kind = claims.string(claim)?;
        Ok(kind.is_some_and(|kind| kinds.iter().any(|one| one.eq_ignore_ascii_case(&kind))))
    };
    if is("typ", &["ID", "Refresh", "Offline", "Logout"])? || is("token_use", &["id"])? {
        return Err(Denial::invalid("the token says itself that it is no access token"));
    }
    Ok(())
}

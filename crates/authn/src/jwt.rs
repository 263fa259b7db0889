//! Access tokens that their issuer has signed: JWTs as RFC 9068 profiles them, and as issuers make them that do not yet.

mod builder;
mod chain;
mod claim_map;
mod claims;
mod issuer;
mod judge;
mod typ;

use std::time::SystemTime;

pub use builder::JwtVerifierBuilder;
pub use claim_map::ClaimMap;
pub(crate) use claims::{Claims, SKEW};
pub(crate) use issuer::check_issuer;
pub(crate) use judge::{Optional, Rules};
pub(crate) use typ::check_kind;

use self::typ::Types;
use crate::jws::{self, Jws, quoted};
use crate::keys::{Keys, KeysError};
use crate::{Algorithm, Audience, BoxFuture, Credential, Denial, Verified, Verifier};

/// Judges the signed access tokens of one issuer.
///
/// A token is let in if its issuer's key has signed it by an algorithm of the list, it is an access token, this service
/// is in its audience, and it is good now. What it says then becomes a [`Principal`](portcullis_core::Principal): see
/// [`ClaimMap`] for what is read from where. Agents that act for the caller (`act`, RFC 8693) end up in
/// [`actors`](portcullis_core::Principal::actors).
///
/// Refused is, besides: a token without an end; one that names its key itself (`jwk`, `jku`, `x5u` in the header are not
/// read); one that is bound to its sender (`cnf`) in a way nobody here checks; one whose JSON could be read in two ways.
///
/// ```
/// use portcullis_authn::{ClaimMap, Jwks, JwtVerifier, Keys, Verifier};
///
/// let keys = Jwks::parse(br#"{"keys": [
///     {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
/// ]}"#)?;
/// let keycloak = JwtVerifier::builder("https://login.example.com/realms/staff", Keys::fixed(keys))
///     .token_types(["at+jwt", "JWT"]) // Keycloak says at+jwt only if it is told to
///     .claims(ClaimMap::keycloak())
///     .build()?;
/// assert_eq!(keycloak.issuer(), Some("https://login.example.com/realms/staff"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it trusts
///
/// Its issuer, with everything: whoever has the issuer's key is whoever they want to be. And the clock it is asked with.
///
/// # What it costs
///
/// A signature check (tens of microseconds, for ES384 half a millisecond) and some allocations for what is kept. A
/// layer remembers verdicts, so this is paid once per token.
#[derive(Debug)]
pub struct JwtVerifier {
    keys: Keys,
    rules: Rules,
    types: Types,
    algorithms: Vec<Algorithm>,
    max_size: usize,
    max_claims: usize,
}

impl JwtVerifier {
    /// A verifier for the tokens of `issuer`, by exactly this text, signed with its `keys`.
    pub fn builder(issuer: &str, keys: Keys) -> JwtVerifierBuilder {
        JwtVerifierBuilder::new(issuer, keys)
    }

    async fn judge(&self, token: &str, audience: &Audience, now: SystemTime) -> Result<Verified, Denial> {
        if token.len() > self.max_size {
            return Err(Denial::invalid("the token is too large"));
        }
        let jws = Jws::parse(token, &self.algorithms)?;
        let key = self.keys.find(jws.kid(), jws.algorithm()).await.map_err(|error| denial(&error, &jws))?;
        if !jws.is_signed_by(&key) {
            return Err(Denial::invalid("the token's signature is wrong"));
        }
        let claims = Claims::parse(jws.payload(), self.max_claims)?;
        self.types.check(jws.typ(), &claims)?;
        self.rules.judge(&claims, audience, now)
    }
}

fn denial(error: &KeysError, jws: &Jws<'_>) -> Denial {
    match error {
        KeysError::Unavailable { retry_after } => {
            Denial::unavailable(*retry_after, "the issuer's keys cannot be had")
        }
        _ => Denial::invalid(format!(
            "the issuer has no key named {} for {}, or several and the token names none",
            jws.kid().map_or_else(|| "nothing".to_owned(), quoted),
            jws.algorithm(),
        )),
    }
}

impl Verifier for JwtVerifier {
    fn recognizes(&self, credential: &Credential) -> bool {
        let Some(token) = credential.token() else { return false };
        if token.len() > self.max_size {
            return false;
        }
        let Some(payload) = jws::peek(token) else { return false };
        Claims::parse(&payload, self.max_claims)
            .and_then(|claims| Ok(claims.string("iss")?.as_deref() == Some(self.rules.issuer.as_str())))
            .unwrap_or(false)
    }

    fn verify<'a>(
        &'a self,
        credential: &'a Credential,
        audience: &'a Audience,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        Box::pin(async move {
            let token = credential.token().ok_or(Denial::invalid("there is no token"))?;
            self.judge(token, audience, now).await
        })
    }

    fn generation(&self) -> u64 {
        self.keys.generation()
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.rules.issuer)
    }
}

#[cfg(test)]
mod tests;

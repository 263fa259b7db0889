//! Access tokens that only their issuer can read: it is asked about each (RFC 7662).

mod builder;
mod desk;

use std::time::{Duration, SystemTime};

pub use builder::IntrospectionVerifierBuilder;

use self::desk::Desk;
use crate::jwt::{Claims, Rules, check_kind};
use crate::{Audience, Binding, BoxFuture, Credential, Denial, Verified, Verifier};

#[cfg(test)]
mod tests;

/// Judges the access tokens of one issuer by asking it.
///
/// A token is let in if the issuer calls it active, is its issuer by its own word, has issued it for this service, and it
/// is good now. What else the answer says becomes a [`Principal`](portcullis_core::Principal), by the same
/// [`ClaimMap`](crate::ClaimMap) as for JWTs; tokens of programs may be named by their `client_id` alone. A token that is
/// bound to a key (`DPoP`) or a certificate is good with that only.
///
/// Refused is, besides: an answer that two parsers could read differently, `"active": "true"`, and a refresh or ID token,
/// where the answer says that it is one.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use portcullis_authn::{Credential, IntrospectionVerifier, Verifier};
/// use portcullis_core::Secret;
/// use portcullis_fetch::{BoxFuture, Endpoint, Fetch, FetchError};
///
/// /// Stands for the HTTP client of this workspace.
/// #[derive(Debug)]
/// struct Client;
///
/// impl Fetch for Client {
///     fn fetch(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>> {
///         Box::pin(async { Ok(Response::new(Bytes::from_static(br#"{"active": false}"#))) })
///     }
/// }
///
/// let verifier = IntrospectionVerifier::builder(
///     "https://login.example.com",
///     Endpoint::new("https://login.example.com/introspect")?,
///     Arc::new(Client),
///     "portal",
///     Secret::new("s3cr3t"),
/// )
/// .cache_for(Duration::from_secs(10))
/// .build()?;
///
/// assert!(verifier.recognizes(&Credential::Token(Secret::new("2YotnFZFEjr1zCsicMWpAA"))));
/// assert!(!verifier.recognizes(&Credential::Token(Secret::new("eyJhbGciOiJFUzI1NiJ9.e30.c2ln"))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it trusts
///
/// The issuer, with everything; and the connection to its endpoint, since the answer is not signed.
///
/// # What it costs
///
/// A request to the issuer for each token and each [`cache_for`](IntrospectionVerifierBuilder::cache_for). A token that
/// is revoked works until its verdict is over, which is what this setting is a choice of.
#[derive(Debug)]
pub struct IntrospectionVerifier {
    rules: Rules,
    desk: Desk,
    cache_for: Duration,
    jwt_shaped: bool,
}

/// More than any issuer says about a token.
const MAX_CLAIMS: usize = 256;

/// How long a caller waits when the issuer's answer makes no sense.
const PUZZLED: Duration = Duration::from_secs(1);

impl IntrospectionVerifier {
    async fn judge(&self, token: &str, audience: &Audience, now: SystemTime) -> Result<Verified, Denial> {
        let answer = self.desk.ask(token).await?;
        let puzzled = |why: &str| {
            let issuer = &self.rules.issuer;
            tracing::warn!(%issuer, "the answer about a token {why}");
            Denial::unavailable(PUZZLED, format!("the answer about the token {why}"))
        };
        let claims = Claims::parse(&answer, MAX_CLAIMS).map_err(|_| puzzled("is no sound JSON object"))?;
        match claims.get("active") {
            Some(b"true") => {}
            Some(b"false") => return Err(Denial::invalid("the issuer says that the token is not active")),
            _ => return Err(puzzled("does not say whether it is active")),
        }
        check_kind(&claims)?;
        let verified = self.rules.judge(&claims, audience, now)?;
        let wants_proof = claims.string("token_type")?.is_some_and(|kind| kind.eq_ignore_ascii_case("DPoP"));
        if wants_proof && !matches!(verified.binding(), Some(Binding::Key(_))) {
            return Err(Denial::invalid("the token is of the type DPoP and names no key"));
        }
        Ok(verified.expires(now.checked_add(self.cache_for).unwrap_or(now)))
    }
}

impl Verifier for IntrospectionVerifier {
    fn recognizes(&self, credential: &Credential) -> bool {
        let Some(token) = credential.token() else { return false };
        // Biscuits say what they are; what looks like a JWT is judged by who can read it.
        !token.starts_with("biscuit:") && (self.jwt_shaped || token.split('.').count() != 3)
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

    fn issuer(&self) -> Option<&str> {
        Some(&self.rules.issuer)
    }
}

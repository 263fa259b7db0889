use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use portcullis_core::json::quote;
use portcullis_core::{Principal, Secret};

use super::chain::is_name;
use super::form::Form;
use super::{Grant, Mint, encoding};
use crate::Audience;

#[cfg(test)]
mod tests;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Gives out Biscuit tokens for the tokens of users, by RFC 8693.
///
/// It answers requests that come from a caller who has been verified: the token in the `Authorization` header is the one
/// that is exchanged, and a `subject_token` in the form must be the same. The Biscuit says who the user is, has the user's
/// scopes or fewer, the agents that the user's token came through, and ends with the user's token or sooner.
///
/// Refused are tokens that are bound to a key or a certificate, since a Biscuit is not bound to anything, and Biscuits:
/// whoever holds one narrows it down without asking, and a new one could be wider.
///
/// Besides the parameters of the RFC it knows `actor`, the name of the agent that the token is handed to.
#[derive(Clone, Debug)]
#[must_use]
pub struct Exchange {
    mint: Mint,
    path: String,
}

/// The caller whose token is exchanged, after it was verified.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Subject<'a> {
    principal: &'a Principal,
    token: Token<'a>,
    end: Option<SystemTime>,
    bound: bool,
    limited: bool,
}

#[derive(Clone, Copy)]
struct Token<'a>(&'a str);

impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'a> Subject<'a> {
    /// A caller who has shown this token, which ends at `end`.
    pub fn new(principal: &'a Principal, token: &'a str, end: Option<SystemTime>) -> Self {
        Self { principal, token: Token(token), end, bound: false, limited: false }
    }

    /// Whether the token is bound to a key or a certificate ([`Binding`](crate::Binding)).
    pub fn bound(mut self, bound: bool) -> Self {
        self.bound = bound;
        self
    }

    /// Whether the token is limited to some operations ([`Allowance`](crate::Allowance)).
    pub fn limited(mut self, limited: bool) -> Self {
        self.limited = limited;
        self
    }
}

impl Exchange {
    /// The longest form that is read.
    pub const MAX_BODY: usize = 16 << 10;

    /// An endpoint at `/oauth/exchange`.
    pub fn new(mint: Mint) -> Self {
        Self { mint, path: "/oauth/exchange".to_owned() }
    }

    /// Another path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Whether a request to this path is for the endpoint.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        path == self.path
    }

    /// Answers a form of type `application/x-www-form-urlencoded` that was posted to the endpoint.
    #[must_use]
    pub fn answer(
        &self,
        subject: &Subject<'_>,
        audience: &Audience,
        form: &[u8],
        now: SystemTime,
    ) -> Response<Bytes> {
        match self.exchange(subject, audience, form, now) {
            Ok(body) => respond(StatusCode::OK, body),
            Err(refusal) => {
                let body = format!(
                    r#"{{"error":{},"error_description":{}}}"#,
                    quote(refusal.error),
                    quote(refusal.description)
                );
                respond(StatusCode::BAD_REQUEST, body)
            }
        }
    }

    fn exchange(
        &self,
        subject: &Subject<'_>,
        audience: &Audience,
        form: &[u8],
        now: SystemTime,
    ) -> Result<String, Refusal> {
        if form.len() > Self::MAX_BODY {
            return Err(invalid("The form is too long."));
        }
        let form = Form::read(form).ok_or(invalid("The form is malformed, or has a parameter twice."))?;
        check_type(&form)?;
        check_subject(subject, &form)?;
        if !form.targets.iter().all(|target| audience.includes(target)) {
            return Err(Refusal {
                error: "invalid_target",
                description: "Ask for a token for this service; it issues none for others.",
            });
        }
        let Some(resource) = audience.names().next() else {
            return Err(invalid("This service has no name that a token could be for."));
        };

        let mut grant = Grant::new(subject.principal, resource);
        if let Some(scopes) = &form.scope {
            let wanted: Vec<&str> = scopes.split(' ').filter(|scope| !scope.is_empty()).collect();
            if !wanted.iter().all(|scope| subject.principal.holds_scope(scope)) {
                return Err(Refusal {
                    error: "invalid_scope",
                    description: "Ask for no more scopes than your own token has.",
                });
            }
            grant = grant.scopes(wanted);
        }
        if let Some(end) = subject.end {
            grant = grant.not_after(end);
        }
        if let Some(agent) = &form.actor {
            if !is_name(agent) {
                return Err(invalid("Name the actor in at most 512 bytes, without control characters."));
            }
            grant = grant.delegate(agent);
        }
        let failed = |error: super::MintError| {
            invalid(match error.has_ended() {
                true => "Your own token is about to expire; get a new one first.",
                false => "No token can be made for what is known of you.",
            })
        };
        let end = self.mint.end(&grant, now).map_err(failed)?;
        let token = self.mint.mint(&grant, now).map_err(failed)?;
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let scopes: Vec<&str> = grant.granted().collect();
        Ok(format!(
            r#"{{"access_token":{},"issued_token_type":{},"token_type":"Bearer","expires_in":{},"scope":{}}}"#,
            quote(token.expose()),
            quote(ACCESS_TOKEN),
            end.saturating_sub(since),
            quote(&scopes.join(" "))
        ))
    }
}

fn check_type(form: &Form<'_>) -> Result<(), Refusal> {
    match form.grant_type.as_deref() {
        Some(TOKEN_EXCHANGE) => {}
        Some(_) => {
            return Err(Refusal {
                error: "unsupported_grant_type",
                description: "This endpoint exchanges tokens (RFC 8693) and does nothing else.",
            });
        }
        None => return Err(invalid("Say grant_type=urn:ietf:params:oauth:grant-type:token-exchange.")),
    }
    if form.requested_token_type.as_deref().is_some_and(|kind| kind != ACCESS_TOKEN) {
        return Err(invalid("Ask for an access token; there is no other kind."));
    }
    match form.actor_token {
        true => Err(invalid("Actors prove themselves by signing; send no actor_token.")),
        false => Ok(()),
    }
}

fn check_subject(subject: &Subject<'_>, form: &Form<'_>) -> Result<(), Refusal> {
    let shown = subject.token.0;
    if let Some(token) = &form.subject_token {
        if Secret::new(&**token) != Secret::new(shown) {
            return Err(invalid("The subject_token must be the token of the Authorization header."));
        }
        if !matches!(form.subject_token_type.as_deref(), Some(ACCESS_TOKEN | JWT)) {
            return Err(invalid("Say which type the subject_token has: an access token or a JWT."));
        }
    }
    if subject.bound {
        return Err(invalid("A token that is bound to a key cannot be exchanged for one that is not."));
    }
    if subject.limited || encoding::resembles(shown) {
        return Err(invalid("Narrow down the token you have; it is not exchanged for a new one."));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Refusal {
    error: &'static str,
    description: &'static str,
}

fn invalid(description: &'static str) -> Refusal {
    Refusal { error: "invalid_request", description }
}

/// Tokens must be kept by nobody on the way (RFC 6749, section 5.1).
fn respond(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

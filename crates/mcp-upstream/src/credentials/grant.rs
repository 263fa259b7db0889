//! How a token is asked for, grant by grant.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use portcullis_core::Secret;
use portcullis_fetch::{Fetch, FetchError, Form};
use portcullis_mcp_jsonrpc::FailureKind;

use super::answer::{self, ACCESS_TOKEN, ID_JAG, Wanted};
use super::cell::Fresh;
use super::client::OAuthClient;
use super::settings::{ClientCredentials, IdJag, TokenExchange};
use super::token_endpoint::TokenEndpoint;
use super::trouble::Trouble;

/// How long one answer of a token endpoint may take.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What a token is had for.
#[derive(Debug)]
pub(crate) enum Grant {
    Client(ClientCredentials),
    Exchange(TokenExchange),
    IdJag(IdJag),
}

/// Somebody who can be asked for tokens.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) fetch: Arc<dyn Fetch>,
    pub(crate) grant: Grant,
}

impl Desk {
    /// A new token: the caller's, if it is had for one.
    pub(crate) async fn issue(&self, subject: Option<&Secret>) -> Result<Fresh<HeaderValue>, Trouble> {
        let none = || Trouble::new(FailureKind::Reject, "there is no token of the caller's to exchange");
        let token = match &self.grant {
            Grant::Client(grant) => {
                let form = Form::new().field("grant_type", "client_credentials");
                let form = grant.target.fields(form);
                self.ask(&grant.endpoint, &grant.client, form, Wanted::Bearer).await?
            }
            Grant::Exchange(grant) => {
                let wanted = grant.requested.map_or(ACCESS_TOKEN, super::TokenType::as_str);
                let form = exchange(subject.ok_or_else(none)?, grant.subject);
                let form = match grant.requested {
                    Some(requested) => form.field("requested_token_type", requested.as_str()),
                    None => form,
                };
                let form = grant.target.fields(form);
                self.ask(&grant.endpoint, &grant.client, form, Wanted::Exchanged(wanted)).await?
            }
            Grant::IdJag(grant) => {
                let form = exchange(subject.ok_or_else(none)?, grant.subject);
                let form = grant.target.fields(form.field("requested_token_type", ID_JAG));
                let id_jag = self.ask(&grant.provider, &grant.provider_client, form, Wanted::IdJag).await?;
                let form =
                    Form::new().field("grant_type", JWT_BEARER).field("assertion", id_jag.value.expose());
                self.ask(&grant.endpoint, &grant.client, form, Wanted::Bearer).await?
            }
        };
        let none = || Trouble::new(FailureKind::Garbage, "the token cannot be sent in a header");
        Ok(Fresh { value: answer::bearer(&token.value).ok_or_else(none)?, lifetime: token.lifetime })
    }

    /// Posts a form and reads the answer; twice, if the client's secret turns out to have changed.
    async fn ask(
        &self,
        endpoint: &TokenEndpoint,
        client: &OAuthClient,
        form: Form,
        wanted: Wanted<'_>,
    ) -> Result<Fresh<Secret>, Trouble> {
        let endpoint = endpoint.find(&self.fetch).await?;
        let mut secret = match client.secret() {
            Some(secret) => Some(secret.wait().await?),
            None => None,
        };
        let mut is_last = false;
        loop {
            let shown = secret.as_ref().map(|held| &*held.value);
            let request = client.sign(form.clone(), shown, &endpoint)?.post(&endpoint);
            let late =
                || Trouble::new(FailureKind::Timeout, format!("{} did not answer in time", endpoint.host()));
            let response =
                tokio::time::timeout(LIMIT, self.fetch.fetch(request)).await.map_err(|_| late())?;
            let response = response.map_err(|error| of_fetch(&error))?;
            let refused = match answer::read(endpoint.host(), &response, wanted) {
                Ok(token) => return Ok(token),
                Err(refused) => refused,
            };
            let renewed = match &secret {
                Some(held) if refused.is_client && !is_last => client.renew(held.generation),
                _ => None,
            };
            let Some(renewed) = renewed else { return Err(refused.trouble) };
            let renewed = renewed.wait().await?;
            if shown.is_some_and(|shown| shown.expose() == renewed.value.expose()) {
                return Err(refused.trouble);
            }
            secret = Some(renewed);
            is_last = true;
        }
    }
}

fn exchange(subject: &Secret, kind: super::TokenType) -> Form {
    Form::new()
        .field("grant_type", EXCHANGE)
        .field("subject_token", subject.expose())
        .field("subject_token_type", kind.as_str())
}

/// The text of such an error names the host and nothing else.
fn of_fetch(error: &FetchError) -> Trouble {
    let kind = match (error.is_timeout(), error.is_oversize()) {
        (true, _) => FailureKind::Timeout,
        (_, true) => FailureKind::Garbage,
        _ => FailureKind::Unreachable,
    };
    Trouble::new(kind, error.to_string())
}

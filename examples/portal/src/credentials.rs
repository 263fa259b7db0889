//! From what is configured about a server's credentials to what its client is told.

use std::sync::Arc;

use portcullis_core::BoxError;
use portcullis_fetch::{Fetch, HttpFetch};
use portcullis_mcp_upstream::{
    BuildError, ClientCredentials, Credentials, IdJag, OAuthClient, SecretSource, TokenEndpoint,
    TokenExchange,
};

use crate::caller;
use crate::config::{self, Client, Grant, SecretFrom, TokenEndpointAt};

/// The credentials of one server.
pub(crate) fn build(config: &config::Credentials) -> Result<Credentials, BoxError> {
    let mut credentials = match &config.grant {
        Grant::Secret(None, from) => Credentials::bearer(secret(from)?),
        Grant::Secret(Some(header), from) => Credentials::secret(header, secret(from)?)?,
        Grant::Client(of, target) => {
            let mut grant = ClientCredentials::new(endpoint(of), client(of)?);
            grant = set(grant, &target.scope, |grant, text| grant.scope(text));
            grant = set(grant, &target.audience, |grant, text| grant.audience(text));
            grant = set(grant, &target.resource, |grant, text| grant.resource(text));
            Credentials::client(grant)?
        }
        Grant::Exchange(of, target, subject) => {
            let mut grant = TokenExchange::new(endpoint(of), client(of)?).subject_token_type(*subject);
            grant = set(grant, &target.scope, |grant, text| grant.scope(text));
            grant = set(grant, &target.audience, |grant, text| grant.audience(text));
            grant = set(grant, &target.resource, |grant, text| grant.resource(text));
            Credentials::exchange(grant)?
        }
        Grant::IdJag { provider, server, issuer, target, subject } => {
            let resource = target.resource.clone().unwrap_or_default();
            let (provider, server) =
                ((endpoint(provider), client(provider)?), (endpoint(server), client(server)?));
            let grant = IdJag::new(provider, server, issuer.as_str(), resource).subject_token_type(*subject);
            Credentials::id_jag(set(grant, &target.scope, |grant, text| grant.scope(text)))?
        }
    };
    if let Some(count) = config.max_callers {
        credentials = credentials.max_callers(count);
    }
    Ok(credentials.fetch_with(fetch(&config.fetch)?))
}

/// Who asks issuers and token endpoints.
pub(crate) fn fetch(config: &config::Fetch) -> Result<Arc<dyn Fetch>, BoxError> {
    let mut builder = HttpFetch::builder();
    if let Some(pem) = &config.root_certificates {
        builder = builder.extra_root_certificates(pem.as_bytes())?;
    }
    if let Some(timeout) = config.timeout {
        builder = builder.timeout(timeout);
    }
    Ok(Arc::new(builder.build()?))
}

fn endpoint(client: &Client) -> TokenEndpoint {
    match &client.at {
        TokenEndpointAt::Url(url) => url.clone().into(),
        TokenEndpointAt::Issuer(issuer) => TokenEndpoint::of_issuer(issuer.clone()),
    }
}

fn client(client: &Client) -> Result<OAuthClient, BuildError> {
    let secret = secret(&client.secret)?;
    match client.post {
        true => OAuthClient::post(&client.id, secret),
        false => OAuthClient::basic(&client.id, secret),
    }
}

fn secret(from: &SecretFrom) -> Result<SecretSource, BuildError> {
    match from {
        SecretFrom::Text(secret) => SecretSource::plain(secret),
        SecretFrom::File(path) => SecretSource::file(path),
        SecretFrom::Command(words, refresh) => {
            let (program, arguments) =
                words.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
            // The caller's token is for nobody but the caller and the portal.
            let source = SecretSource::command(program, arguments)?.without_variable(caller::VARIABLE);
            Ok(match refresh {
                Some(interval) => source.refresh(*interval),
                None => source,
            })
        }
    }
}

fn set<G>(grant: G, text: &Option<String>, apply: impl FnOnce(G, &str) -> G) -> G {
    match text {
        Some(text) => apply(grant, text),
        None => grant,
    }
}

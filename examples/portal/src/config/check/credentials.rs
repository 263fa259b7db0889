//! What the gateway shows to servers.

use std::ops::Range;

use portcullis_mcp_upstream::TokenType;
use toml::Spanned;

use super::Checker;
use crate::config::raw::{Reference, SecretText, identity as raw};
use crate::config::{Client, Credentials, Fetch, Grant, SecretFrom, Target, TokenEndpointAt};

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Secret,
    Client,
    Exchange,
    IdJag,
}

impl Checker<'_> {
    pub(super) fn credentials(&mut self, credentials: Spanned<raw::Credentials>) -> Option<Credentials> {
        let mut raw = credentials.into_inner();
        let place = raw.kind.span();
        let words = [
            ("secret", Word::Secret),
            ("client", Word::Client),
            ("exchange", Word::Exchange),
            ("id-jag", Word::IdJag),
        ];
        let word = self.choice("credentials.kind", Some(raw.kind.clone()), Word::Secret, &words);
        let subject = match word {
            Word::Exchange => TokenType::AccessToken,
            _ => TokenType::IdToken,
        };
        let types = [
            ("access-token", TokenType::AccessToken),
            ("id-token", TokenType::IdToken),
            ("jwt", TokenType::Jwt),
        ];
        let grant = match word {
            Word::Secret => {
                let header = raw.header.take().map(Spanned::into_inner);
                Grant::Secret(header, self.secret_from(&mut raw, &place)?)
            }
            Word::Client => Grant::Client(self.client(&mut raw, &place)?, target(&mut raw)),
            Word::Exchange => {
                let subject =
                    self.choice("subject_token_type", raw.subject_token_type.take(), subject, &types);
                Grant::Exchange(self.client(&mut raw, &place)?, target(&mut raw), subject)
            }
            Word::IdJag => {
                let subject =
                    self.choice("subject_token_type", raw.subject_token_type.take(), subject, &types);
                let provider = self.client(&mut raw, &place)?;
                let Some(issuer) = raw.resource_issuer.as_ref().map(|issuer| issuer.get_ref().clone()) else {
                    self.problem(place, "credentials: of kind \"id-jag\" need a resource_issuer");
                    return None;
                };
                if raw.resource.is_none() {
                    self.problem(place.clone(), "credentials: of kind \"id-jag\" need a resource");
                }
                raw.issuer = raw.resource_issuer.take();
                raw.token_url = raw.resource_token_url.take();
                raw.client_id = raw.resource_client_id.take();
                raw.client_secret = raw.resource_client_secret.take();
                if raw.token_url.is_some() {
                    raw.issuer = None;
                }
                let server = self.client(&mut raw, &place)?;
                Grant::IdJag { provider, server, issuer, target: target(&mut raw), subject }
            }
        };
        let root_certificates = raw.root_certificates.take().and_then(|file| self.certificates(&file));
        let max_callers = self.some_number("max_callers", raw.max_callers.take(), 1..=1_000_000);
        self.no_meaning(&raw);
        Some(Credentials { grant, fetch: Fetch { root_certificates, timeout: None }, max_callers })
    }

    fn client(&mut self, raw: &mut raw::Credentials, place: &Range<usize>) -> Option<Client> {
        let insecure = raw.insecure_http;
        let at = match (raw.token_url.take(), raw.issuer.take()) {
            (Some(url), None) => self.endpoint("token_url", &url, insecure).map(TokenEndpointAt::Url),
            (None, Some(issuer)) => self.endpoint("issuer", &issuer, insecure).map(TokenEndpointAt::Issuer),
            _ => {
                self.problem(
                    place.clone(),
                    "credentials: give either a token_url or an issuer that names one",
                );
                None
            }
        };
        let (Some(id), Some(secret)) = (raw.client_id.take(), raw.client_secret.take()) else {
            self.problem(place.clone(), "credentials: a client_id and a client_secret are needed");
            return None;
        };
        let ways = [("basic", false), ("post", true)];
        let post = self.choice("client_auth", raw.client_auth.clone(), false, &ways);
        Some(Client { at: at?, id: id.into_inner(), secret: self.reloaded("client_secret", secret)?, post })
    }

    fn secret_from(&mut self, raw: &mut raw::Credentials, place: &Range<usize>) -> Option<SecretFrom> {
        match (raw.value.take(), raw.command.take()) {
            (Some(value), None) => self.reloaded("value", value),
            (None, Some(command)) => {
                let words = command.into_inner().into_iter().map(Spanned::into_inner).collect();
                Some(SecretFrom::Command(words, self.some_time("refresh", raw.refresh.take())))
            }
            _ => {
                self.problem(place.clone(), "credentials: give either a value or a command that prints it");
                None
            }
        }
    }

    /// A secret that is looked up again when it changes, where that can be.
    fn reloaded(&mut self, key: &str, text: Spanned<SecretText>) -> Option<SecretFrom> {
        if let SecretText::From(Reference { env: None, file: Some(file) }) = text.get_ref() {
            return Some(SecretFrom::File(self.environment.folder.join(file)));
        }
        self.secret(key, text).map(SecretFrom::Text)
    }

    /// What the kind has read is taken out; what is still there has no meaning for it.
    fn no_meaning(&mut self, raw: &raw::Credentials) {
        let left = [
            ("issuer", span(&raw.issuer)),
            ("token_url", span(&raw.token_url)),
            ("client_id", span(&raw.client_id)),
            ("client_secret", span(&raw.client_secret)),
            ("scopes", raw.scopes.first().map(Spanned::span)),
            ("audience", span(&raw.audience)),
            ("resource", span(&raw.resource)),
            ("header", span(&raw.header)),
            ("value", span(&raw.value)),
            ("command", span(&raw.command)),
            ("refresh", span(&raw.refresh)),
            ("resource_issuer", span(&raw.resource_issuer)),
            ("resource_token_url", span(&raw.resource_token_url)),
            ("resource_client_id", span(&raw.resource_client_id)),
            ("resource_client_secret", span(&raw.resource_client_secret)),
            ("subject_token_type", span(&raw.subject_token_type)),
        ];
        for (key, place) in left {
            if let Some(place) = place {
                self.problem(place, format!("{key}: has no meaning for credentials of this kind"));
            }
        }
    }
}

fn target(raw: &mut raw::Credentials) -> Target {
    let scopes: Vec<_> = std::mem::take(&mut raw.scopes).into_iter().map(Spanned::into_inner).collect();
    Target {
        scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
        audience: raw.audience.take().map(Spanned::into_inner),
        resource: raw.resource.take().map(Spanned::into_inner),
    }
}

fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
    value.as_ref().map(Spanned::span)
}

//! What the gateway shows to servers.

use std::ops::Range;

use portcullis_mcp_upstream::TokenType;
use toml::Spanned;

use super::{Checker, span};
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
        let before = self.problems.len();
        let grant = match word {
            Word::Secret => {
                let header = raw.header.take().map(Spanned::into_inner);
                Grant::Secret(header, self.secret_from(&mut raw, &place)?)
            }
            Word::Client => Grant::Client(self.gateway(&mut raw, &place)?, target(&mut raw)),
            Word::Exchange => {
                let subject = self.subject_type(&mut raw, TokenType::AccessToken);
                Grant::Exchange(self.gateway(&mut raw, &place)?, target(&mut raw), subject)
            }
            Word::IdJag => self.id_jag(&mut raw, &place)?,
        };
        let mut credentials =
            Credentials { grant, fetch: Fetch { root_certificates: None, timeout: None }, max_callers: None };
        if word != Word::Secret {
            raw.client_auth = None;
            raw.insecure_http = false;
            let file = raw.root_certificates.take();
            credentials.fetch.root_certificates = file.and_then(|file| self.certificates(&file));
        }
        if credentials.grant.is_per_caller() {
            credentials.max_callers = self.some_number("max_callers", raw.max_callers.take(), 1..=1_000_000);
        }
        self.no_meaning(&raw);
        // What only shows when all settings come together, and in the files they name.
        if before == self.problems.len()
            && let Err(error) = crate::credentials::build(&credentials)
        {
            self.problem(place, format!("credentials: {error}"));
        }
        Some(credentials)
    }

    fn id_jag(&mut self, raw: &mut raw::Credentials, place: &Range<usize>) -> Option<Grant> {
        let subject = self.subject_type(raw, TokenType::IdToken);
        let provider = self.gateway(raw, place)?;
        if raw.resource.is_none() {
            self.problem(place.clone(), "credentials: of kind \"id-jag\" need a resource");
        }
        let Some(issuer) = raw.resource_issuer.take() else {
            self.problem(place.clone(), "credentials: of kind \"id-jag\" need a resource_issuer");
            return None;
        };
        let insecure = raw.insecure_http;
        // Both are checked: the issuer's name is what the grant is for, whether or not its metadata is asked for.
        let named = self.endpoint("resource_issuer", &issuer, insecure);
        let at = match raw.resource_token_url.take() {
            Some(url) => self.endpoint("resource_token_url", &url, insecure).map(TokenEndpointAt::Url),
            None => named.map(TokenEndpointAt::Issuer),
        };
        let (id, secret) = (raw.resource_client_id.take(), raw.resource_client_secret.take());
        let server = self.client("resource_", at, (id, secret), provider.post, place)?;
        // Who the grant is for is the issuer: an audience would say it twice.
        let audience = raw.audience.take();
        let target = target(raw);
        raw.audience = audience;
        Some(Grant::IdJag { provider, server, issuer: issuer.into_inner(), target, subject })
    }

    /// The gateway as a client of the authorization server that `token_url` or `issuer` names.
    fn gateway(&mut self, raw: &mut raw::Credentials, place: &Range<usize>) -> Option<Client> {
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
        let (id, secret) = (raw.client_id.take(), raw.client_secret.take());
        let post = self.client_auth(raw);
        self.client("", at, (id, secret), post, place)
    }

    fn client(
        &mut self,
        prefix: &str,
        at: Option<TokenEndpointAt>,
        (id, secret): (Option<Spanned<String>>, Option<Spanned<SecretText>>),
        post: bool,
        place: &Range<usize>,
    ) -> Option<Client> {
        let (Some(id), Some(secret)) = (id, secret) else {
            let text = format!("credentials: a {prefix}client_id and a {prefix}client_secret are needed");
            self.problem(place.clone(), text);
            return None;
        };
        let secret = self.reloaded(&format!("{prefix}client_secret"), secret);
        Some(Client { at: at?, id: id.into_inner(), secret: secret?, post })
    }

    fn client_auth(&mut self, raw: &raw::Credentials) -> bool {
        let ways = [("basic", false), ("post", true)];
        self.choice("client_auth", raw.client_auth.clone(), false, &ways)
    }

    fn subject_type(&mut self, raw: &mut raw::Credentials, default: TokenType) -> TokenType {
        let types = [
            ("access-token", TokenType::AccessToken),
            ("id-token", TokenType::IdToken),
            ("jwt", TokenType::Jwt),
        ];
        self.choice("subject_token_type", raw.subject_token_type.take(), default, &types)
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
            ("client_auth", span(&raw.client_auth)),
            ("insecure_http", raw.insecure_http.then(|| raw.kind.span())),
            ("root_certificates", span(&raw.root_certificates)),
            ("max_callers", span(&raw.max_callers)),
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

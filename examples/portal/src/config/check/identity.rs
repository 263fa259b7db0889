//! Who vouches for callers.

use std::fmt::Display;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use portcullis_authn::{Algorithm, ClaimMap, ForwardedHeader, Networks};
use portcullis_core::{Kind, Secret};
use portcullis_fetch::Endpoint;
use toml::Spanned;

use super::{Checker, span};
use crate::config::raw::{SecretText, identity as raw};
use crate::config::{
    Biscuits, CertificateName, CertificateRule, Fetch, Introspection, Issuer, IssuerKind, Jwt, JwtKeys,
    secrets,
};
use crate::identity::Files;

type Texts = Vec<Spanned<String>>;

pub(super) const KINDS: [(&str, Kind); 3] =
    [("user", Kind::User), ("service", Kind::Service), ("agent", Kind::Agent)];

impl Checker<'_> {
    pub(super) fn networks(&mut self, raw: raw::Network) -> Networks {
        let mut networks = Networks::new();
        for proxy in &raw.trusted_proxies {
            let added = networks.clone().trusted_proxy(proxy.get_ref());
            networks = self.taken("network.trusted_proxies", proxy.span(), added).unwrap_or(networks);
        }
        for (name, members) in &raw.named {
            let texts = members.iter().map(|member| member.get_ref().as_str());
            let added = networks.clone().named(name.get_ref(), texts);
            networks = self.taken("network.named", name.span(), added).unwrap_or(networks);
        }
        let header = self.choice(
            "network.forwarded_header",
            raw.forwarded_header,
            ForwardedHeader::XForwardedFor,
            &[("x-forwarded-for", ForwardedHeader::XForwardedFor), ("forwarded", ForwardedHeader::Forwarded)],
        );
        networks = networks.forwarded_header(header);
        if let Some(hops) = self.some_number("network.max_hops", raw.max_hops, 1..=100) {
            networks = networks.clone().max_hops(hops).unwrap_or(networks);
        }
        networks
    }

    pub(super) fn issuers(&mut self, issuers: Vec<Spanned<raw::Issuer>>) -> Vec<Issuer> {
        let mut checked: Vec<Issuer> = Vec::new();
        for issuer in issuers {
            let span = issuer.get_ref().id.span();
            let before = self.problems.len();
            let Some(issuer) = self.issuer(issuer.into_inner()) else { continue };
            if checked.iter().any(|other| other.id == issuer.id) {
                self.problem(span.clone(), format!("issuer id {:?} is there twice", issuer.id));
            }
            // What only shows when all settings come together, and in the files they name.
            if before == self.problems.len()
                && let Err(error) = crate::identity::verifier(&issuer, Files::Read)
            {
                self.problem(span, format!("issuer {:?}: {error}", issuer.id));
            }
            checked.push(issuer);
        }
        checked
    }

    fn issuer(&mut self, mut raw: raw::Issuer) -> Option<Issuer> {
        let id = self.id("issuer id", &raw.id);
        #[derive(Clone, Copy, PartialEq)]
        enum Word {
            Jwt,
            Introspection,
            Biscuit,
            ServiceTokens,
            ClientCertificates,
        }
        let word = self.choice(
            "issuer.kind",
            raw.kind.take(),
            Word::Jwt,
            &[
                ("jwt", Word::Jwt),
                ("introspection", Word::Introspection),
                ("biscuit", Word::Biscuit),
                ("service-tokens", Word::ServiceTokens),
                ("client-certificates", Word::ClientCertificates),
            ],
        );
        let kind = match word {
            Word::Jwt => self.jwt(&mut raw).map(|jwt| IssuerKind::Jwt(Box::new(jwt))),
            Word::Introspection => {
                self.introspection(&mut raw).map(|one| IssuerKind::Introspection(Box::new(one)))
            }
            Word::Biscuit => Some(IssuerKind::Biscuit(Biscuits {
                roots: self.needed_file("roots", raw.roots.take(), &raw.id),
                agents: self.some_file(raw.agents.take()),
                revocations: self.some_file(raw.revocations.take()),
                accept_unsigned_agents: std::mem::take(&mut raw.insecure_accept_unsigned_agents),
            })),
            Word::ServiceTokens => {
                Some(IssuerKind::ServiceTokens(self.needed_file("tokens", raw.tokens.take(), &raw.id)))
            }
            Word::ClientCertificates => {
                let rules = std::mem::take(&mut raw.certificate);
                Some(IssuerKind::ClientCertificates(self.certificate_rules(rules, &raw.id)))
            }
        };
        // Without a kind there was a problem already, and what it did not get to read is none.
        if kind.is_some() {
            self.nothing_left(&raw);
        }
        kind.map(|kind| Issuer { id, kind })
    }

    /// What a kind has read is taken out; what is still there has no meaning for it.
    fn nothing_left(&mut self, raw: &raw::Issuer) {
        let left = [
            ("url", span(&raw.url)),
            ("root_certificates", span(&raw.root_certificates)),
            ("fetch_timeout", span(&raw.fetch_timeout)),
            ("jwks_url", span(&raw.jwks_url)),
            ("jwks_file", span(&raw.jwks_file)),
            ("max_key_age", span(&raw.max_key_age)),
            ("key_grace", span(&raw.key_grace)),
            ("refetch_floor", span(&raw.refetch_floor)),
            ("algorithms", span(&raw.algorithms)),
            ("token_types", span(&raw.token_types)),
            ("untyped_tokens", raw.untyped_tokens.then(|| raw.id.span())),
            ("insecure_http", raw.insecure_http.then(|| raw.id.span())),
            ("max_lifetime", span(&raw.max_lifetime)),
            ("claims", span(&raw.claims)),
            ("subject_claim", span(&raw.subject_claim)),
            ("group_claims", span(&raw.group_claims)),
            ("attribute_claims", raw.attribute_claims.keys().next().map(Spanned::span)),
            ("introspection_url", span(&raw.introspection_url)),
            ("client_id", span(&raw.client_id)),
            ("client_secret", span(&raw.client_secret)),
            ("cache_for", span(&raw.cache_for)),
            ("roots", span(&raw.roots)),
            ("agents", span(&raw.agents)),
            ("revocations", span(&raw.revocations)),
            ("insecure_accept_unsigned_agents", raw.insecure_accept_unsigned_agents.then(|| raw.id.span())),
            ("tokens", span(&raw.tokens)),
            ("certificate", raw.certificate.first().map(Spanned::span)),
        ];
        for (key, place) in left {
            if let Some(place) = place {
                self.problem(place, format!("{key}: has no meaning for an issuer of this kind"));
            }
        }
    }

    fn jwt(&mut self, raw: &mut raw::Issuer) -> Option<Jwt> {
        let insecure = std::mem::take(&mut raw.insecure_http);
        let (url, endpoint) = self.issuer_url(raw, insecure)?;
        let keys = match (raw.jwks_url.take(), raw.jwks_file.take()) {
            (Some(_), Some(file)) => {
                self.problem(file.span(), "jwks_file: keys come from a URL or from a file, not from both");
                JwtKeys::Discover(endpoint)
            }
            (Some(url), None) => JwtKeys::Url(self.endpoint("jwks_url", &url, insecure).unwrap_or(endpoint)),
            (None, Some(file)) => JwtKeys::File(self.file(&file)),
            (None, None) => JwtKeys::Discover(endpoint),
        };
        if matches!(keys, JwtKeys::File(_)) {
            for (key, place) in [
                ("max_key_age", span(&raw.max_key_age)),
                ("key_grace", span(&raw.key_grace)),
                ("refetch_floor", span(&raw.refetch_floor)),
                ("fetch_timeout", span(&raw.fetch_timeout)),
                ("root_certificates", span(&raw.root_certificates)),
            ] {
                if let Some(place) = place {
                    self.problem(place, format!("{key}: can never matter beside jwks_file"));
                }
            }
        }
        Some(Jwt {
            url,
            insecure_http: insecure,
            fetch: self.fetch(raw),
            keys,
            max_key_age: self.some_time("max_key_age", raw.max_key_age.take()),
            key_grace: self.some_long_time("key_grace", raw.key_grace.take()),
            refetch_floor: self.some_time("refetch_floor", raw.refetch_floor.take()),
            algorithms: raw.algorithms.take().map(|names| self.algorithms(names)),
            token_types: raw.token_types.take().map(|types| self.texts("token_types", types)),
            untyped_tokens: std::mem::take(&mut raw.untyped_tokens),
            max_lifetime: self.some_long_time("max_lifetime", raw.max_lifetime.take()),
            claims: self.claims(raw),
        })
    }

    fn introspection(&mut self, raw: &mut raw::Issuer) -> Option<Introspection> {
        let insecure = std::mem::take(&mut raw.insecure_http);
        let (url, _) = self.issuer_url(raw, insecure)?;
        let (Some(endpoint), Some(client_id), Some(client_secret)) =
            (raw.introspection_url.take(), raw.client_id.take(), raw.client_secret.take())
        else {
            let text = "needs an introspection_url, a client_id and a client_secret";
            self.problem(raw.id.span(), format!("issuer {:?} {text}", raw.id.get_ref()));
            return None;
        };
        let endpoint = self.endpoint("introspection_url", &endpoint, insecure)?;
        Some(Introspection {
            url,
            insecure_http: insecure,
            endpoint,
            fetch: self.fetch(raw),
            client_id: client_id.into_inner(),
            client_secret: self.secret("client_secret", client_secret)?,
            cache_for: self.some_time("cache_for", raw.cache_for.take()),
            claims: self.claims(raw),
        })
    }

    /// The issuer as it is written, which is what tokens are compared with, and as what can be fetched from.
    fn issuer_url(&mut self, raw: &mut raw::Issuer, insecure: bool) -> Option<(String, Endpoint)> {
        let Some(url) = raw.url.take() else {
            self.problem(raw.id.span(), format!("issuer {:?} has no url", raw.id.get_ref()));
            return None;
        };
        let endpoint = self.endpoint("url", &url, insecure)?;
        Some((url.into_inner(), endpoint))
    }

    pub(super) fn endpoint(&mut self, key: &str, url: &Spanned<String>, insecure: bool) -> Option<Endpoint> {
        let text = url.get_ref();
        let read = if insecure { Endpoint::insecure_http(text) } else { Endpoint::new(text) };
        match read {
            Ok(endpoint) => Some(endpoint),
            Err(error) => {
                let hint = match !insecure && Endpoint::insecure_http(text).is_ok() {
                    true => "; on one machine, for tests, insecure_http = true allows it",
                    false => "",
                };
                self.problem(url.span(), format!("{key}: {text:?} {error}{hint}"));
                None
            }
        }
    }

    fn fetch(&mut self, raw: &mut raw::Issuer) -> Fetch {
        Fetch {
            root_certificates: raw.root_certificates.take().and_then(|file| self.certificates(&file)),
            timeout: self.some_time("fetch_timeout", raw.fetch_timeout.take()),
        }
    }

    fn algorithms(&mut self, names: Spanned<Texts>) -> Vec<Algorithm> {
        if names.get_ref().is_empty() {
            self.problem(names.span(), "algorithms: an empty list accepts no token");
        }
        let mut algorithms = Vec::new();
        for name in names.into_inner() {
            match Algorithm::from_name(name.get_ref()) {
                Some(algorithm) => algorithms.push(algorithm),
                None => self.problem(
                    name.span(),
                    format!("algorithms: {:?} is not an algorithm that is accepted here", name.get_ref()),
                ),
            }
        }
        algorithms
    }

    fn claims(&mut self, raw: &mut raw::Issuer) -> ClaimMap {
        type Preset = fn() -> ClaimMap;
        let presets: [(&str, Preset); 3] =
            [("standard", ClaimMap::new), ("entra", ClaimMap::entra), ("keycloak", ClaimMap::keycloak)];
        let mut map = self.choice("claims", raw.claims.take(), ClaimMap::new as Preset, &presets)();
        if let Some(path) = raw.subject_claim.take() {
            let changed = map.clone().with_subject(path.get_ref());
            map = self.taken("subject_claim", path.span(), changed).unwrap_or(map);
        }
        if let Some(paths) = raw.group_claims.take() {
            map = map.without_groups();
            for path in paths.into_inner() {
                let changed = map.clone().with_groups(path.get_ref());
                map = self.taken("group_claims", path.span(), changed).unwrap_or(map);
            }
        }
        for (name, path) in std::mem::take(&mut raw.attribute_claims) {
            // Where a request comes from is for the portal to say.
            if name.get_ref() == "network" {
                self.problem(
                    name.span(),
                    "attribute_claims: \"network\" is said by no token; see [network.named]",
                );
            }
            let changed = map.clone().with_attribute(name.into_inner(), path.get_ref());
            map = self.taken("attribute_claims", path.span(), changed).unwrap_or(map);
        }
        map
    }

    fn certificate_rules(
        &mut self,
        rules: Vec<Spanned<raw::CertificateRule>>,
        id: &Spanned<String>,
    ) -> Vec<CertificateRule> {
        if rules.is_empty() {
            self.problem(
                id.span(),
                "an issuer of kind \"client-certificates\" needs an [[issuer.certificate]]",
            );
        }
        let mut checked = Vec::new();
        for rule in rules {
            let span = rule.span();
            let rule = rule.into_inner();
            let mut names = [
                rule.uri.map(|text| CertificateName::Uri(text.into_inner())),
                rule.uri_below.map(|text| CertificateName::UriBelow(text.into_inner())),
                rule.dns.map(|text| CertificateName::Dns(text.into_inner())),
                rule.fingerprint.map(|text| CertificateName::Fingerprint(text.into_inner())),
            ]
            .into_iter()
            .flatten();
            let (Some(name), None) = (names.next(), names.next()) else {
                self.problem(span, "certificate: give one of uri, uri_below, dns and fingerprint");
                continue;
            };
            checked.push(CertificateRule {
                name,
                kind: self.choice("certificate.kind", rule.kind, Kind::Service, &KINDS),
                groups: inner(rule.groups),
                scopes: inner(rule.scopes),
            });
        }
        checked
    }

    pub(super) fn secret(&mut self, key: &str, text: Spanned<SecretText>) -> Option<Secret> {
        let span = text.span();
        let secret = secrets::resolve(text.into_inner(), self.environment);
        self.taken(key, span, secret)
    }

    pub(super) fn some_long_time(&mut self, key: &str, text: Option<Spanned<String>>) -> Option<Duration> {
        const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
        let range = Duration::from_secs(1)..=YEAR;
        text.map(|text| self.time_within(key, Some(text), YEAR, range, "is not between 1s and 366d"))
    }

    fn needed_file(&mut self, key: &str, file: Option<Spanned<String>>, id: &Spanned<String>) -> PathBuf {
        if file.is_none() {
            self.problem(id.span(), format!("issuer {:?} of this kind needs {key}, a file", id.get_ref()));
        }
        self.some_file(file).unwrap_or_default()
    }

    fn some_file(&self, file: Option<Spanned<String>>) -> Option<PathBuf> {
        file.map(|file| self.file(&file))
    }

    fn file(&self, file: &Spanned<String>) -> PathBuf {
        self.environment.folder.join(file.get_ref())
    }

    fn texts(&mut self, key: &str, texts: Spanned<Texts>) -> Vec<String> {
        if texts.get_ref().is_empty() {
            self.problem(texts.span(), format!("{key}: an empty list can never match"));
        }
        inner(texts.into_inner())
    }

    /// What a setter made of a value, or a problem at its place.
    pub(super) fn taken<T, E: Display>(
        &mut self,
        key: &str,
        place: Range<usize>,
        outcome: Result<T, E>,
    ) -> Option<T> {
        outcome.map_err(|error| self.problem(place, format!("{key}: {error}"))).ok()
    }
}

pub(super) fn inner(texts: Texts) -> Vec<String> {
    texts.into_iter().map(Spanned::into_inner).collect()
}

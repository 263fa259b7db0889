//! What portals ask of their callers.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::ops::Range;
use std::time::Duration;

use http::HeaderName;
use http::uri::PathAndQuery;
use portcullis_authn::biscuit::SigningKey;
use portcullis_authn::{CertificateHeader, Metadata, Networks, Require, Resource, Scopes};
use portcullis_core::Kind;
use toml::Spanned;

use super::Checker;
use super::identity::{KINDS, inner};
use crate::config::raw::identity as raw;
use crate::config::{Authn, Dpop, Exchange, Issuer, IssuerKind, Portal};
use crate::route;

type Texts = Vec<Spanned<String>>;

/// What portals can refer to.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) networks: &'a Networks,
    pub(super) issuers: &'a [Issuer],
}

impl Checker<'_> {
    /// What a portal asks of its callers.
    pub(super) fn authn(&mut self, authn: Spanned<raw::Authn>, known: Known<'_>) -> Option<Authn> {
        let raw = authn.into_inner();
        let resource = self.resource(&raw.resource, raw.insecure_http);
        let issuers = self.trusted(raw.issuers, known.issuers);
        for audience in &raw.audiences {
            if audience.get_ref().trim().is_empty() {
                self.problem(audience.span(), "authn.audiences: an audience must not be empty");
            }
        }
        if let (Some(page), Some(resource)) = (&raw.documentation, &resource) {
            let told = Metadata::new(resource).documentation(page.get_ref());
            self.taken("authn.documentation", page.span(), told);
        }
        let dpop = self.choice(
            "authn.dpop",
            raw.dpop,
            Dpop::Off,
            &[("off", Dpop::Off), ("accept", Dpop::Accept), ("require", Dpop::Require)],
        );
        let certificate_header =
            self.certificates_come_from(raw.certificate_header, &issuers, known.networks);
        let service_token_headers =
            self.service_token_headers(raw.service_id_header, raw.service_secret_header);
        for name in raw.require.networks.iter().flat_map(Spanned::get_ref) {
            if !known.networks.knows(name.get_ref()) {
                let text = format!("authn.require.networks: [network.named] has no {:?}", name.get_ref());
                self.problem(name.span(), text);
            }
        }
        let biscuits = issuers.iter().any(|(issuer, _)| matches!(issuer.kind, IssuerKind::Biscuit(_)));
        if let Some(exchange) = raw.exchange.as_ref().filter(|_| !biscuits) {
            let text = "authn.exchange: none of authn.issuers is of kind \"biscuit\", so nobody would accept its tokens";
            self.problem(exchange.span(), text);
        }
        Some(Authn {
            resource: resource?,
            issuers: issuers.into_iter().map(|(issuer, _)| issuer.id.clone()).collect(),
            audiences: inner(raw.audiences),
            name: raw.name.map(Spanned::into_inner),
            documentation: raw.documentation.map(Spanned::into_inner),
            dpop,
            certificate_header,
            service_token_headers,
            max_credential: raw
                .max_credential
                .map(|size| self.size("authn.max_credential", Some(size), 0, 256..=64 << 10)),
            max_cached: self.some_size("authn.max_cached", raw.max_cached),
            verify_timeout: self.some_time("authn.verify_timeout", raw.verify_timeout),
            scopes: self.scopes(raw.scopes),
            require: self.require(raw.require),
            exchange: raw.exchange.and_then(|exchange| self.exchange(exchange.into_inner())),
            hand_on_tokens: false,
        })
    }

    fn resource(&mut self, url: &Spanned<String>, insecure: bool) -> Option<Resource> {
        let text = url.get_ref();
        let read = if insecure { Resource::insecure_http(text) } else { Resource::new(text) };
        let hint = match !insecure && Resource::insecure_http(text).is_ok() {
            true => "; on one machine, for tests, authn.insecure_http = true allows it",
            false => "",
        };
        let read = read.map_err(|error| format!("{error}{hint}"));
        self.taken("authn.resource", url.span(), read)
    }

    /// The issuers that a portal trusts, in the order they are asked, and where each is named. The first that knows the
    /// form of a credential judges it alone, so one that comes too late to be asked is a mistake.
    fn trusted<'a>(&mut self, names: Spanned<Texts>, known: &'a [Issuer]) -> Vec<(&'a Issuer, Range<usize>)> {
        if names.get_ref().is_empty() {
            self.problem(names.span(), "authn.issuers: an empty list lets nobody in");
        }
        let mut trusted: Vec<(&Issuer, Range<usize>)> = Vec::new();
        for name in names.into_inner() {
            let (span, name) = (name.span(), name.into_inner());
            let Some(issuer) = known.iter().find(|issuer| issuer.id == name) else {
                self.problem(span, format!("authn.issuers: there is no [[issuer]] with the id {name:?}"));
                continue;
            };
            if trusted.iter().any(|(other, _)| other.id == name) {
                self.problem(span, format!("authn.issuers: {name:?} is there twice"));
                continue;
            }
            if let Some((other, _)) = trusted.iter().find(|(other, _)| hides(&other.kind, &issuer.kind)) {
                let text = format!(
                    "authn.issuers: {name:?} would never be asked, because {:?} stands before it and takes its credentials",
                    other.id
                );
                self.problem(span.clone(), text);
            }
            trusted.push((issuer, span));
        }
        trusted
    }

    /// The portal ends no TLS, so certificates come from a proxy or not at all.
    fn certificates_come_from(
        &mut self,
        header: Option<Spanned<String>>,
        issuers: &[(&Issuer, Range<usize>)],
        networks: &Networks,
    ) -> Option<CertificateHeader> {
        let Some(header) = header else {
            let by_certificate = |kind: &IssuerKind| matches!(kind, IssuerKind::ClientCertificates(_));
            if let Some((issuer, span)) = issuers.iter().find(|(issuer, _)| by_certificate(&issuer.kind)) {
                let text = format!(
                    "authn.issuers: {:?} knows callers by certificates, which only authn.certificate_header can bring",
                    issuer.id
                );
                self.problem(span.clone(), text);
            }
            return None;
        };
        if !networks.trusts_anybody() {
            let text = "authn.certificate_header: nobody is believed without network.trusted_proxies";
            self.problem(header.span(), text);
        }
        self.certificate_header(&header)
    }

    fn service_token_headers(
        &mut self,
        id: Option<Spanned<String>>,
        secret: Option<Spanned<String>>,
    ) -> Option<(HeaderName, HeaderName)> {
        match (id, secret) {
            (None, None) => None,
            (Some(id), Some(secret)) => {
                let place = secret.span();
                let id = self.header_name("authn.service_id_header", &id)?;
                let secret = self.header_name("authn.service_secret_header", &secret)?;
                if id == secret {
                    self.problem(
                        place,
                        format!("authn.service_secret_header: {secret} holds the id already"),
                    );
                }
                Some((id, secret))
            }
            (Some(one), None) | (None, Some(one)) => {
                self.problem(one.span(), "authn: service_id_header and service_secret_header go together");
                None
            }
        }
    }

    fn header_name(&mut self, key: &str, text: &Spanned<String>) -> Option<HeaderName> {
        self.taken(key, text.span(), text.get_ref().parse::<HeaderName>())
    }

    fn certificate_header(&mut self, text: &Spanned<String>) -> Option<CertificateHeader> {
        match text.get_ref().as_str() {
            "client-cert" => Some(CertificateHeader::Rfc9440),
            "x-forwarded-client-cert" => Some(CertificateHeader::Xfcc),
            // Proxies that pass PEM on have no name for it of their own: it is whatever the proxy was told.
            _ => self.header_name("authn.certificate_header", text).map(CertificateHeader::UrlEncodedPem),
        }
    }

    fn scopes(&mut self, raw: raw::Scopes) -> Scopes {
        let mut scopes = Scopes::new();
        let first = |texts: &Texts| texts.first().map_or(0..0, Spanned::span);
        if !raw.base.is_empty() {
            let added = scopes.clone().base(raw.base.iter().map(Spanned::get_ref));
            scopes = self.taken("authn.scopes.base", first(&raw.base), added).unwrap_or(scopes);
        }
        if !raw.supported.is_empty() {
            let added = scopes.clone().also_supported(raw.supported.iter().map(Spanned::get_ref));
            scopes = self.taken("authn.scopes.supported", first(&raw.supported), added).unwrap_or(scopes);
        }
        type Add = fn(Scopes, &str, Vec<&String>) -> Result<Scopes, portcullis_authn::ConfigError>;
        type Table = BTreeMap<Spanned<String>, Texts>;
        let tables: [(&str, Table, Add); 3] = [
            ("authn.scopes.methods", raw.methods, |scopes, name, list| scopes.method(name, list)),
            ("authn.scopes.tools", raw.tools, |scopes, name, list| scopes.tool(name, list)),
            ("authn.scopes.implies", raw.implies, |scopes, name, list| scopes.implies(name, list)),
        ];
        for (key, table, add) in tables {
            for (name, list) in table {
                let added = add(scopes.clone(), name.get_ref(), list.iter().map(Spanned::get_ref).collect());
                scopes = self.taken(key, name.span(), added).unwrap_or(scopes);
            }
        }
        scopes
    }

    fn require(&mut self, raw: raw::Require) -> Option<Require> {
        let mut require = Require::new();
        let mut any = false;
        type Add = fn(Require, Vec<&str>) -> Result<Require, portcullis_authn::RequireError>;
        let lists: [(&str, Option<Spanned<Texts>>, Add); 5] = [
            ("any_group", raw.any_group, |require, list| require.any_group(list)),
            ("all_groups", raw.all_groups, |require, list| require.all_groups(list)),
            ("amr", raw.amr, |require, list| require.amr_any(list)),
            ("acr", raw.acr, |require, list| require.acr_any(list)),
            ("networks", raw.networks, |require, list| require.networks(list)),
        ];
        for (key, list, add) in lists {
            let Some(list) = list else { continue };
            any = true;
            let texts = list.get_ref().iter().map(|text| text.get_ref().as_str()).collect();
            let added = add(require.clone(), texts);
            require = self.taken(&format!("authn.require.{key}"), list.span(), added).unwrap_or(require);
        }
        if let Some(kinds) = raw.kinds {
            any = true;
            let span = kinds.span();
            let kinds: Vec<_> = kinds
                .into_inner()
                .into_iter()
                .map(|kind| self.choice("authn.require.kinds", Some(kind), Kind::User, &KINDS))
                .collect();
            let added = require.clone().kinds(kinds);
            require = self.taken("authn.require.kinds", span, added).unwrap_or(require);
        }
        for (name, values) in raw.attributes {
            any = true;
            let texts = values.get_ref().iter().map(|text| text.get_ref().as_str());
            let added = require.clone().attribute(name.get_ref(), texts);
            require = self.taken("authn.require.attributes", name.span(), added).unwrap_or(require);
        }
        if let Some(count) = raw.max_actors {
            any = true;
            let span = count.span();
            let count = self.number("authn.require.max_actors", Some(count), 0_usize, 0..=8);
            let added = require.clone().max_actors(count);
            require = self.taken("authn.require.max_actors", span, added).unwrap_or(require);
        }
        type Limit = fn(Require, Duration) -> Result<Require, portcullis_authn::RequireError>;
        let ages: [(&str, Option<Spanned<String>>, Limit); 2] = [
            ("authn.require.max_token_age", raw.max_token_age, Require::max_token_age),
            (
                "authn.require.max_authentication_age",
                raw.max_authentication_age,
                Require::max_authentication_age,
            ),
        ];
        for (key, age, limit) in ages {
            let Some(age) = age else { continue };
            any = true;
            let span = age.span();
            let Some(age) = self.some_long_time(key, Some(age)) else { continue };
            require = self.taken(key, span, limit(require.clone(), age)).unwrap_or(require);
        }
        any.then_some(require)
    }

    fn exchange(&mut self, raw: raw::Exchange) -> Option<Exchange> {
        let path = raw.path.map_or_else(
            || "/oauth/exchange".to_owned(),
            |path| {
                let text = path.get_ref();
                if !text.starts_with('/')
                    || text.parse::<PathAndQuery>().is_ok_and(|parsed| parsed.path() != text)
                {
                    self.problem(
                        path.span(),
                        format!("authn.exchange.path: {text:?} is not the path of a URL"),
                    );
                }
                path.into_inner()
            },
        );
        let place = raw.key.span();
        let key = self.secret("authn.exchange.key", raw.key)?;
        let key = self.taken("authn.exchange.key", place, SigningKey::from_text(&key).map(|_| key))?;
        let lifetime = raw.lifetime.map(|text| {
            const LEAST: Duration = Duration::from_secs(1);
            let range = LEAST..=Duration::from_secs(24 * 3600);
            let outside = "is not between 1s and 24h";
            self.time_within("authn.exchange.lifetime", Some(text), LEAST, range, outside)
        });
        Some(Exchange {
            path,
            key,
            key_id: self.some_number("authn.exchange.key_id", raw.key_id, 0..=i64::from(u32::MAX)),
            lifetime,
        })
    }
}

/// Whether `one`, asked first, leaves nothing for `other`.
fn hides(one: &IssuerKind, other: &IssuerKind) -> bool {
    match (one, other) {
        // Each of them takes the tokens that name it.
        (IssuerKind::Jwt(one), IssuerKind::Jwt(other)) => one.url == other.url,
        // A Biscuit without a prefix looks like any other opaque token.
        (IssuerKind::Introspection(_), IssuerKind::Biscuit(_)) => true,
        _ => discriminant(one) == discriminant(other),
    }
}

/// What makes it impossible to tell the callers of two portals, or where they go, apart.
pub(super) fn clash(one: &Portal, other: &Portal) -> Option<String> {
    let resource = |portal: &Portal| portal.authn.as_ref().map(|authn| authn.resource.as_str().to_owned());
    let (theirs, ours) = (resource(one), resource(other));
    if theirs.is_some() && theirs == ours {
        return Some(format!(
            "portal {:?} has the authn.resource of portal {:?}: a token for one would open the other",
            other.id, one.id
        ));
    }
    let meet = one.host.is_none() || other.host.is_none() || one.host == other.host;
    let (desk, theirs) = (exchange_path(other), exchange_path(one));
    let taken = |desk: Option<&str>, by: &Portal| desk.is_some() && desk == by.path.as_deref();
    (meet && (taken(desk, one) || taken(theirs, other) || (desk.is_some() && desk == theirs)))
        .then(|| format!("portal {:?} and portal {:?} meet at a path of authn.exchange", other.id, one.id))
}

fn exchange_path(portal: &Portal) -> Option<&str> {
    Some(&portal.authn.as_ref()?.exchange.as_ref()?.path)
}

/// Whether tokens are exchanged where something else is.
pub(super) fn exchanges_at_a_taken_path(portal: &Portal, serves_health: bool) -> bool {
    let Some(path) = exchange_path(portal) else { return false };
    let metadata = portal.authn.iter().any(|authn| authn.resource.metadata_paths().contains(&path));
    metadata || portal.path.as_deref() == Some(path) || serves_health && route::HEALTH_PATHS.contains(&path)
}

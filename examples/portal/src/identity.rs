//! From what is configured about callers to the layers that hold it in force.

use std::sync::Arc;

use portcullis_authn::biscuit::{BiscuitVerifier, Exchange, Mint, SigningKey};
use portcullis_authn::{
    AuthnLayer, CertificateRule, ClientCertificates, ExchangeLayer, Freshness, IntrospectionVerifier,
    JwtVerifier, Keys, PermitLayer, ServiceTokens, Verifier,
};
use portcullis_core::BoxError;

use crate::config::{self, CertificateName, Config, IssuerKind, JwtKeys};
use crate::credentials::fetch;

/// The verifiers of a configuration, each built once and shared by the portals that trust it.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    all: Vec<(config::Issuer, Arc<dyn Verifier>)>,
}

impl Issuers {
    /// Builds the verifiers. One that is the same as in `before` is taken over, with the keys it has.
    pub(crate) fn build(issuers: &[config::Issuer], before: Option<&Self>) -> Result<Self, BoxError> {
        let same = |issuer: &config::Issuer| {
            let known = before?.all.iter().find(|(known, _)| known == issuer);
            known.map(|(_, verifier)| Arc::clone(verifier))
        };
        let build = |issuer: &config::Issuer| match same(issuer) {
            Some(verifier) => Ok((issuer.clone(), verifier)),
            None => verifier(issuer, Files::Watch)
                .map(|built| (issuer.clone(), built))
                .map_err(|error| format!("issuer {:?}: {error}", issuer.id).into()),
        };
        issuers.iter().map(build).collect::<Result<_, BoxError>>().map(|all| Self { all })
    }

    fn find(&self, id: &str) -> Option<Arc<dyn Verifier>> {
        let found = self.all.iter().find(|(issuer, _)| issuer.id == id);
        found.map(|(_, verifier)| Arc::clone(verifier))
    }
}

/// What stands between callers and a portal. Nothing does where nothing is configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) authn: Option<AuthnLayer>,
    pub(crate) permit: Option<PermitLayer>,
    pub(crate) exchange: Option<ExchangeLayer>,
}

impl Identity {
    /// The layers of one portal.
    pub(crate) fn build(
        portal: &config::Portal,
        config: &Config,
        issuers: &Issuers,
    ) -> Result<Self, BoxError> {
        let Some(authn) = &portal.authn else { return Ok(Self::default()) };
        let mut builder = AuthnLayer::builder(authn.resource.clone())
            .networks(config.networks.clone())
            .scopes(authn.scopes.clone());
        for verifier in authn.issuers.iter().filter_map(|id| issuers.find(id)) {
            builder = builder.shared_verifier(verifier);
        }
        for audience in &authn.audiences {
            builder = builder.audience(audience);
        }
        if let Some(require) = &authn.require {
            builder = builder.require(require.clone());
        }
        builder = match authn.dpop {
            config::Dpop::Off => builder,
            config::Dpop::Accept => builder.dpop(portcullis_authn::Dpop::new()),
            config::Dpop::Require => builder.dpop(portcullis_authn::Dpop::new().required()),
        };
        if let Some(header) = &authn.certificate_header {
            builder = builder.certificate_header(header.clone());
        }
        if let Some((id, secret)) = &authn.service_token_headers {
            builder = builder.service_token_headers(id.clone(), secret.clone());
        }
        if let Some(name) = &authn.name {
            builder = builder.resource_name(name);
        }
        if let Some(url) = &authn.documentation {
            builder = builder.resource_documentation(url);
        }
        if let Some(bytes) = authn.max_credential {
            builder = builder.max_credential(bytes);
        }
        if let Some(bytes) = authn.max_cached {
            builder = builder.max_cached_bytes(bytes as u64);
        }
        if let Some(limit) = authn.verify_timeout {
            builder = builder.verify_timeout(limit);
        }
        if authn.hand_on_tokens || authn.exchange.is_some() {
            builder = builder.hand_on_tokens();
        }
        let (layer, permit) = builder.build_with_permit()?;
        let exchange = match &authn.exchange {
            Some(desk) => Some(layer.exchange(exchange(desk)?)?),
            None => None,
        };
        Ok(Self { authn: Some(layer), permit: Some(permit), exchange })
    }
}

/// Whether files are read once, for a look, or again whenever they change.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Files {
    Read,
    Watch,
}

/// Builds the verifier of an issuer.
///
/// # Errors
///
/// A file that cannot be read or does not hold what it should, and settings that the verifier refuses.
pub(crate) fn verifier(issuer: &config::Issuer, files: Files) -> Result<Arc<dyn Verifier>, BoxError> {
    Ok(match &issuer.kind {
        IssuerKind::Jwt(jwt) => Arc::new(jwt_verifier(jwt, files)?),
        IssuerKind::Introspection(issuer) => Arc::new(introspection_verifier(issuer)?),
        IssuerKind::Biscuit(biscuits) => Arc::new(biscuit_verifier(biscuits, files)?),
        IssuerKind::ServiceTokens(path) => {
            let tokens = ServiceTokens::open(path)?;
            if files == Files::Watch {
                tokens.watch();
            }
            Arc::new(tokens)
        }
        IssuerKind::ClientCertificates(rules) => {
            let rules = rules.iter().map(certificate_rule).collect::<Result<Vec<_>, _>>()?;
            Arc::new(ClientCertificates::new(rules)?)
        }
    })
}

fn jwt_verifier(jwt: &config::Jwt, files: Files) -> Result<JwtVerifier, BoxError> {
    let mut freshness = Freshness::new();
    if let Some(age) = jwt.max_key_age {
        freshness = freshness.max_age(age);
    }
    if let Some(grace) = jwt.key_grace {
        freshness = freshness.grace(grace);
    }
    if let Some(floor) = jwt.refetch_floor {
        freshness = freshness.refetch_floor(floor);
    }
    let keys = match &jwt.keys {
        JwtKeys::Discover(issuer) => Keys::discover(issuer.clone(), fetch(&jwt.fetch)?),
        JwtKeys::Url(url) => Keys::at(url.clone(), fetch(&jwt.fetch)?),
        JwtKeys::File(path) => Keys::file(path)?,
    };
    let keys = keys.freshness(freshness);
    if files == Files::Watch {
        keys.watch();
    }
    let mut builder = JwtVerifier::builder(&jwt.url, keys).claims(jwt.claims.clone());
    if let Some(algorithms) = &jwt.algorithms {
        builder = builder.algorithms(algorithms.iter().copied());
    }
    if let Some(types) = &jwt.token_types {
        builder = builder.token_types(types);
    }
    if jwt.untyped_tokens {
        builder = builder.untyped_tokens();
    }
    if let Some(lifetime) = jwt.max_lifetime {
        builder = builder.max_lifetime(lifetime);
    }
    if jwt.insecure_http {
        builder = builder.insecure_http_issuer();
    }
    Ok(builder.build()?)
}

fn introspection_verifier(issuer: &config::Introspection) -> Result<IntrospectionVerifier, BoxError> {
    let mut builder = IntrospectionVerifier::builder(
        &issuer.url,
        issuer.endpoint.clone(),
        fetch(&issuer.fetch)?,
        &issuer.client_id,
        issuer.client_secret.clone(),
    );
    builder = builder.claims(issuer.claims.clone());
    if let Some(time) = issuer.cache_for {
        builder = builder.cache_for(time);
    }
    if issuer.insecure_http {
        builder = builder.insecure_http_issuer();
    }
    Ok(builder.build()?)
}

fn biscuit_verifier(biscuits: &config::Biscuits, files: Files) -> Result<BiscuitVerifier, BoxError> {
    let mut verifier = BiscuitVerifier::open(&biscuits.roots)?;
    if let Some(path) = &biscuits.agents {
        verifier = verifier.agents_file(path)?;
    }
    if let Some(path) = &biscuits.revocations {
        verifier = verifier.revocations_file(path)?;
    }
    if biscuits.accept_unsigned_agents {
        verifier = verifier.insecure_accept_unsigned_agents();
    }
    Ok(match files {
        Files::Read => verifier,
        Files::Watch => verifier.watch(),
    })
}

fn certificate_rule(rule: &config::CertificateRule) -> Result<CertificateRule, BoxError> {
    let known = match &rule.name {
        CertificateName::Uri(uri) => CertificateRule::uri(uri)?,
        CertificateName::UriBelow(uri) => CertificateRule::uri_below(uri)?,
        CertificateName::Dns(host) => CertificateRule::dns(host)?,
        CertificateName::Fingerprint(digits) => CertificateRule::fingerprint(digits)?,
    };
    let known = rule.groups.iter().fold(known.kind(rule.kind), |known, group| known.group(group.as_str()));
    Ok(rule.scopes.iter().fold(known, |known, scope| known.scope(scope.as_str())))
}

fn exchange(config: &config::Exchange) -> Result<Exchange, BoxError> {
    let mut mint = Mint::new(SigningKey::from_text(&config.key)?);
    if let Some(id) = config.key_id {
        mint = mint.key_id(id);
    }
    if let Some(lifetime) = config.lifetime {
        mint = mint.lifetime(lifetime, lifetime)?;
    }
    Ok(Exchange::new(mint).path(config.path.as_str()))
}

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderName;
use tower_layer::Layer;

use crate::challenge::Challenges;
use crate::dpop::Dpop;
use crate::gate::{Clock, Gate};
use crate::metadata::Metadata;
use crate::present::Places;
use crate::require::Require;
use crate::verdicts::Verdicts;
use crate::{
    Audience, Authn, CertificateHeader, ConfigError, Networks, PermitLayer, Resource, Scopes, Verifier,
};

/// Lets only requests of verified callers through.
///
/// See the [crate documentation](crate) for examples. Services made by one layer share what they know of credentials.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AuthnLayer {
    gate: Arc<Gate>,
}

impl AuthnLayer {
    /// Starts with the resource that is protected: the URL under which clients reach it.
    pub fn builder(resource: Resource) -> AuthnBuilder {
        AuthnBuilder {
            resource,
            audiences: Vec::new(),
            verifiers: Vec::new(),
            places: Places {
                service_id: HeaderName::from_static("portcullis-client-id"),
                service_secret: HeaderName::from_static("portcullis-client-secret"),
                certificate: None,
                max_credential: AuthnBuilder::DEFAULT_MAX_CREDENTIAL,
            },
            networks: Networks::new(),
            require: None,
            scopes: Scopes::new(),
            dpop: None,
            name: None,
            documentation: None,
            max_cached_bytes: AuthnBuilder::DEFAULT_MAX_CACHED_BYTES,
            verify_timeout: AuthnBuilder::DEFAULT_VERIFY_TIMEOUT,
            hand_on_tokens: false,
            clock: Arc::new(SystemTime::now),
        }
    }
}

impl AuthnLayer {
    #[cfg(feature = "biscuit")]
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

impl<S> Layer<S> for AuthnLayer {
    type Service = Authn<S>;

    fn layer(&self, inner: S) -> Authn<S> {
        Authn::new(inner, Arc::clone(&self.gate))
    }
}

/// The settings of an [`AuthnLayer`]; made by [`AuthnLayer::builder`].
#[must_use = "a builder does nothing until it builds"]
pub struct AuthnBuilder {
    resource: Resource,
    audiences: Vec<String>,
    verifiers: Vec<Arc<dyn Verifier>>,
    places: Places,
    networks: Networks,
    require: Option<Require>,
    scopes: Scopes,
    dpop: Option<Dpop>,
    name: Option<String>,
    documentation: Option<String>,
    max_cached_bytes: u64,
    verify_timeout: Duration,
    hand_on_tokens: bool,
    clock: Clock,
}

impl AuthnBuilder {
    /// The longest credential, unless [`max_credential`](Self::max_credential) says otherwise: 16 KiB.
    pub const DEFAULT_MAX_CREDENTIAL: usize = 16 * 1024;

    /// How much is kept of verdicts, unless [`max_cached_bytes`](Self::max_cached_bytes) says otherwise: 32 MiB.
    pub const DEFAULT_MAX_CACHED_BYTES: u64 = 32 * 1024 * 1024;

    /// How long a verdict may take, unless [`verify_timeout`](Self::verify_timeout) says otherwise: 10 seconds.
    pub const DEFAULT_VERIFY_TIMEOUT: Duration = Duration::from_secs(10);

    /// Asks this verifier. The first one that recognizes a credential judges it alone.
    pub fn verifier(self, verifier: impl Verifier) -> Self {
        self.shared_verifier(Arc::new(verifier))
    }

    /// As [`verifier`](Self::verifier), for one that several layers share: with its keys, say.
    pub fn shared_verifier(mut self, verifier: Arc<dyn Verifier>) -> Self {
        self.verifiers.push(verifier);
        self
    }

    /// Accepts tokens for this audience too. For issuers that name an application by something else than its URL.
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.audiences.push(name.into());
        self
    }

    /// Which scopes are needed for what.
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// What must be known about a caller besides who it is.
    pub fn require(mut self, require: Require) -> Self {
        self.require = Some(require);
        self
    }

    /// Which proxies are believed, and which networks have a name.
    pub fn networks(mut self, networks: Networks) -> Self {
        self.networks = networks;
        self
    }

    /// Accepts tokens that are bound to a key, with a proof of its possession (RFC 9449). Without this they are refused.
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// The names of the two headers in which services show id and secret: `portcullis-client-id` and
    /// `portcullis-client-secret` by default.
    pub fn service_token_headers(mut self, id: HeaderName, secret: HeaderName) -> Self {
        (self.places.service_id, self.places.service_secret) = (id, secret);
        self
    }

    /// Takes client certificates from a header of [trusted proxies](Networks::trusted_proxy), rather than from the
    /// connection.
    pub fn certificate_header(mut self, header: CertificateHeader) -> Self {
        self.places.certificate = Some(header);
        self
    }

    /// A name of the resource for people, which clients show.
    pub fn resource_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where people read about the resource.
    pub fn resource_documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// The longest credential that is looked at, in bytes.
    pub fn max_credential(mut self, bytes: usize) -> Self {
        self.places.max_credential = bytes;
        self
    }

    /// How many bytes of verdicts are kept, about. Credentials themselves are not kept.
    pub fn max_cached_bytes(mut self, bytes: u64) -> Self {
        self.max_cached_bytes = bytes;
        self
    }

    /// The most time for a verdict.
    pub fn verify_timeout(mut self, limit: Duration) -> Self {
        self.verify_timeout = limit;
        self
    }

    /// Leaves the caller's token, once it is verified, in the request's extensions, for an upstream client that
    /// exchanges it. Without this nobody further in gets to see it.
    pub fn hand_on_tokens(mut self) -> Self {
        self.hand_on_tokens = true;
        self
    }

    /// Where the time of day comes from. For tests.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings together and makes the layer.
    ///
    /// # Errors
    ///
    /// No verifier, a limit of zero, an empty audience, a network in [`Require`] that has no addresses, a certificate
    /// header without a trusted proxy; and scopes for single methods or tools, which only a layer at the message level
    /// can check: see [`build_with_permit`](Self::build_with_permit).
    pub fn build(self) -> Result<AuthnLayer, ConfigError> {
        if self.scopes.per_operation() {
            let flaw = "hold some for single methods or tools, which only build_with_permit enforces";
            return Err(ConfigError::new("scopes", "", flaw));
        }
        self.finish(false)
    }

    /// As [`build`](Self::build), with a second layer for the message level, which checks what only it can know: the
    /// scopes of single methods and tools, and tokens that are narrowed down to some operations.
    ///
    /// The second layer must stand in the same stack. Without it those limits would not hold.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build).
    pub fn build_with_permit(self) -> Result<(AuthnLayer, PermitLayer), ConfigError> {
        let layer = self.finish(true)?;
        let permit = PermitLayer::new(Arc::clone(&layer.gate.scopes));
        Ok((layer, permit))
    }

    fn finish(self, permit: bool) -> Result<AuthnLayer, ConfigError> {
        self.check()?;
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)
            .map_err(|_| ConfigError::new("salt", "", "needs random numbers, and there are none"))?;
        let mut metadata = Metadata::new(&self.resource).scopes_supported(self.scopes.supported())?;
        for issuer in self.verifiers.iter().filter_map(|verifier| verifier.issuer()) {
            metadata = metadata.authorization_server(issuer)?;
        }
        if let Some(name) = self.name {
            metadata = metadata.name(name);
        }
        if let Some(url) = &self.documentation {
            metadata = metadata.documentation(url)?;
        }
        let mut challenges = Challenges::new(&self.resource, self.scopes.supported());
        if let Some(dpop) = &self.dpop {
            metadata = metadata.dpop(dpop.algorithms(), dpop.is_required());
            challenges = challenges.dpop(dpop.algorithms());
        }
        let audience = [self.resource.as_str().to_owned()].into_iter().chain(self.audiences).collect();
        let gate = Gate {
            audience: Audience::new(audience),
            metadata: metadata.build(),
            challenges,
            resource: self.resource,
            verifiers: self.verifiers,
            places: self.places,
            networks: self.networks,
            require: self.require,
            scopes: Arc::new(self.scopes),
            dpop: self.dpop,
            verdicts: Verdicts::new(self.max_cached_bytes, salt),
            verify_timeout: self.verify_timeout,
            permit,
            hand_on_tokens: self.hand_on_tokens,
            clock: self.clock,
        };
        Ok(AuthnLayer { gate: Arc::new(gate) })
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.verifiers.is_empty() {
            return Err(ConfigError::new("verifiers", "", "are none, so nobody would ever get in"));
        }
        if self.audiences.iter().any(|name| name.trim().is_empty()) {
            return Err(ConfigError::new("audience", "", "is empty"));
        }
        if self.places.max_credential == 0 {
            return Err(ConfigError::new("max_credential", "0", "lets nobody in"));
        }
        if self.max_cached_bytes == 0 {
            return Err(ConfigError::new("max_cached_bytes", "0", "keeps no verdict"));
        }
        if self.verify_timeout.is_zero() {
            return Err(ConfigError::new("verify_timeout", "0", "leaves no time"));
        }
        if self.places.certificate.is_some() && !self.networks.trusts_anybody() {
            return Err(ConfigError::new("certificate_header", "", "is of no use without a trusted proxy"));
        }
        let networks = self.require.iter().flat_map(Require::networks_named);
        for name in networks {
            if !self.networks.knows(name) {
                return Err(ConfigError::new(
                    "require.networks",
                    name,
                    "is not a network that has addresses",
                ));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for AuthnBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthnBuilder")
            .field("resource", &self.resource)
            .field("verifiers", &self.verifiers)
            .finish_non_exhaustive()
    }
}

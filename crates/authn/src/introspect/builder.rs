use std::sync::Arc;
use std::time::Duration;

use portcullis_core::Secret;
use portcullis_fetch::{Endpoint, Fetch};

use super::IntrospectionVerifier;
use super::desk::{Desk, Limits};
use crate::jwt::{Optional, Rules, check_issuer};
use crate::{ClaimMap, ConfigError};

/// Sets an [`IntrospectionVerifier`] up.
#[derive(Debug)]
#[must_use]
pub struct IntrospectionVerifierBuilder {
    issuer: String,
    endpoint: Endpoint,
    fetch: Arc<dyn Fetch>,
    client_id: String,
    client_secret: Secret,
    insecure_http: bool,
    insecure_missing_audience: bool,
    jwt_shaped: bool,
    cache_for: Duration,
    limits: Limits,
    map: ClaimMap,
}

impl IntrospectionVerifier {
    /// A verifier for the tokens of `issuer`, by exactly this text. It asks at the `endpoint`, where this service is the
    /// client `client_id`.
    pub fn builder(
        issuer: &str,
        endpoint: Endpoint,
        fetch: Arc<dyn Fetch>,
        client_id: &str,
        client_secret: Secret,
    ) -> IntrospectionVerifierBuilder {
        IntrospectionVerifierBuilder {
            issuer: issuer.to_owned(),
            endpoint,
            fetch,
            client_id: client_id.to_owned(),
            client_secret,
            insecure_http: false,
            insecure_missing_audience: false,
            jwt_shaped: false,
            cache_for: Duration::from_secs(30),
            limits: Limits::default(),
            map: ClaimMap::new(),
        }
    }
}

impl IntrospectionVerifierBuilder {
    /// How long a verdict is believed: 30 seconds by default, and never longer than the token lasts. For so long a token
    /// works after it was revoked.
    pub fn cache_for(mut self, time: Duration) -> Self {
        self.cache_for = time;
        self
    }

    /// The most questions at once: 64 by default. Callers beyond are told to come back, and none of them waits.
    pub fn max_in_flight(mut self, questions: usize) -> Self {
        self.limits.in_flight = questions;
        self
    }

    /// How long an endpoint is left alone after it could not be reached: 2 seconds by default. Callers who come in
    /// between are told to come back. An hour is the most.
    pub fn fail_fast(mut self, time: Duration) -> Self {
        self.limits.pause = time.min(Duration::from_secs(3600));
        self
    }

    /// Where to find what in the answer.
    pub fn claims(mut self, map: ClaimMap) -> Self {
        self.map = map;
        self
    }

    /// Judges tokens that look like JWTs too. The verifiers that can read them themselves must be asked before.
    pub fn also_jwt_shaped(mut self) -> Self {
        self.jwt_shaped = true;
        self
    }

    /// Accepts tokens of which the issuer does not say whom they are for. Then any service of the issuer's can use the
    /// tokens that its callers show it to be them here.
    pub fn insecure_accept_missing_audience(mut self) -> Self {
        self.insecure_missing_audience = true;
        self
    }

    /// Allows the issuer to be an `http` URL; for tests on one machine. The endpoint says so for itself.
    pub fn insecure_http_issuer(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// If the issuer is no `https` URL of the form that RFC 8414 asks for, the client has no name, or nothing could ever
    /// be accepted.
    pub fn build(self) -> Result<IntrospectionVerifier, ConfigError> {
        check_issuer(&self.issuer, self.insecure_http)?;
        if self.client_id.is_empty() {
            return Err(ConfigError::new("client_id", "", "is empty"));
        }
        if self.cache_for.is_zero() {
            return Err(ConfigError::new("cache_for", "0", "lets no verdict last"));
        }
        if self.limits.in_flight == 0 {
            return Err(ConfigError::new("max_in_flight", "0", "lets no token be asked about"));
        }
        // RFC 7662, section 2.2: all of these may be left out.
        let optional =
            Optional { issuer: true, audience: self.insecure_missing_audience, end: true, subject: true };
        Ok(IntrospectionVerifier {
            rules: Rules { issuer: self.issuer, max_lifetime: None, map: self.map, optional },
            desk: Desk::new(self.endpoint, self.fetch, self.client_id, self.client_secret, self.limits),
            cache_for: self.cache_for,
            jwt_shaped: self.jwt_shaped,
        })
    }
}

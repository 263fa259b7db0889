use std::time::Duration;

use super::JwtVerifier;
use super::claim_map::ClaimMap;
use super::issuer::check_issuer;
use super::judge::{Optional, Rules};
use super::typ::{Types, short};
use crate::keys::Keys;
use crate::{Algorithm, ConfigError, jws};

/// Sets a [`JwtVerifier`] up.
#[derive(Debug)]
#[must_use]
pub struct JwtVerifierBuilder {
    issuer: String,
    keys: Keys,
    insecure_http: bool,
    algorithms: Vec<Algorithm>,
    types: Vec<String>,
    untyped: bool,
    max_size: usize,
    max_claims: usize,
    max_lifetime: Option<Duration>,
    map: ClaimMap,
}

impl JwtVerifierBuilder {
    pub(super) fn new(issuer: &str, keys: Keys) -> Self {
        Self {
            issuer: issuer.to_owned(),
            keys,
            insecure_http: false,
            algorithms: Algorithm::ALL.to_vec(),
            types: vec!["at+jwt".to_owned()],
            untyped: false,
            max_size: jws::MAX_SIZE,
            max_claims: 256,
            max_lifetime: None,
            map: ClaimMap::new(),
        }
    }

    /// Accepts these algorithms and no others. All of [`Algorithm`] by default: each key serves those of its own type
    /// anyway.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Accepts tokens of these types (the header `typ`), with or without `application/`; by default `at+jwt` only.
    ///
    /// Keycloak and Entra say `JWT`, unless told otherwise. So do their ID tokens, which the audience keeps out, since
    /// that is the client and not this service. ID tokens, refresh tokens and logout tokens are refused as well where
    /// their claims give them away: `nonce`, `at_hash`, `c_hash`, `events`, Keycloak's `typ`, Cognito's `token_use`.
    /// Keycloak before 24 put a `nonce` into access tokens too; have it say `at+jwt`.
    pub fn token_types<I>(mut self, types: I) -> Self
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        self.types = types.into_iter().map(|typ| short(typ.as_ref()).to_owned()).collect();
        self
    }

    /// Also accepts tokens that do not say of which type they are, as those of Okta do not. What is said of `JWT` in
    /// [`token_types`](Self::token_types) goes for them too.
    pub fn untyped_tokens(mut self) -> Self {
        self.untyped = true;
        self
    }

    /// Where to find what in the claims.
    pub fn claims(mut self, map: ClaimMap) -> Self {
        self.map = map;
        self
    }

    /// Accepts tokens for so long after they were issued, even if they last longer. Tokens must say then when they were
    /// issued.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = Some(lifetime);
        self
    }

    /// The most bytes of a token: 16 KiB by default, and at most.
    pub fn max_size(mut self, bytes: usize) -> Self {
        self.max_size = bytes;
        self
    }

    /// The most claims of a token, not counting claims inside of others: 256 by default.
    pub fn max_claims(mut self, claims: usize) -> Self {
        self.max_claims = claims;
        self
    }

    /// Allows the issuer to be an `http` URL, whose keys anybody on the way can replace; for tests on one machine.
    pub fn insecure_http_issuer(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// The verifier.
    ///
    /// # Errors
    ///
    /// If the issuer is no `https` URL of the form that RFC 8414 asks for, or nothing could ever be accepted.
    pub fn build(self) -> Result<JwtVerifier, ConfigError> {
        check_issuer(&self.issuer, self.insecure_http)?;
        let fail = |setting, value: &str, flaw| Err(ConfigError::new(setting, value, flaw));
        if self.algorithms.is_empty() {
            return fail("algorithms", "[]", "lets no token be accepted");
        }
        if self.types.is_empty() && !self.untyped {
            return fail("token_types", "[]", "lets no token be accepted");
        }
        if self.types.iter().any(String::is_empty) {
            return fail("token_types", "", "is no type; tokens without one are allowed by untyped_tokens");
        }
        if self.max_size == 0 || self.max_size > jws::MAX_SIZE {
            return fail("max_size", &self.max_size.to_string(), "is not 1 to 16384 bytes");
        }
        if self.max_claims == 0 {
            return fail("max_claims", "0", "lets no token be accepted");
        }
        if self.max_lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            return fail("max_lifetime", "0", "lets no token last");
        }
        Ok(JwtVerifier {
            keys: self.keys,
            rules: Rules {
                issuer: self.issuer,
                max_lifetime: self.max_lifetime,
                map: self.map,
                optional: Optional::default(),
            },
            types: Types { names: self.types, untyped: self.untyped },
            algorithms: self.algorithms,
            max_size: self.max_size,
            max_claims: self.max_claims,
        })
    }
}

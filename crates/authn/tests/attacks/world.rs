//! A portal with real verifiers, an issuer whose key is at hand, and a clock that stands still.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::request::Builder;
use http::{HeaderMap, Request, StatusCode};
use portcullis_authn::{AuthnBuilder, AuthnLayer, Jwks, JwtVerifier, Keys, Resource, Scopes};
use portcullis_core::Principal;
use portcullis_testkit::idp::{SigningKey, jwks};
use serde_json::{Value, json};

use crate::support::{self, Clock, Guarded, Seen};

pub const RESOURCE: &str = "https://mcp.example.com/mcp";
pub const ISSUER: &str = "https://login.example.com";
pub const NOW: u64 = 1_800_000_000;

pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

/// What a good access token says.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": RESOURCE, "client_id": "editor", "scope": "mcp",
        "iat": NOW - 60, "exp": NOW + 300, "jti": "one",
    })
}

/// A good one, with one claim changed; `null` leaves it out.
pub fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

pub fn access_token() -> Value {
    json!({"typ": "at+jwt"})
}

pub fn verifier(keys: &[&SigningKey]) -> JwtVerifier {
    let keys = Keys::fixed(Jwks::parse(jwks(keys).as_bytes()).unwrap());
    JwtVerifier::builder(ISSUER, keys).build().unwrap()
}

pub fn settings() -> AuthnBuilder {
    settings_of(RESOURCE)
}

pub fn settings_of(resource: &str) -> AuthnBuilder {
    AuthnLayer::builder(Resource::new(resource).unwrap())
        .scopes(Scopes::new().base(["mcp"]).unwrap())
        .clock(now)
}

pub fn bearer(token: &str) -> Builder {
    Request::post("/mcp").header(AUTHORIZATION, format!("Bearer {token}"))
}

/// A layer around a service that remembers what reached it.
pub struct Portal {
    service: Guarded,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// All that a caller who is refused gets to know.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn challenge(&self) -> &str {
        self.headers[WWW_AUTHENTICATE].to_str().unwrap()
    }

    pub fn challenges(&self) -> Vec<&str> {
        self.headers.get_all(WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

impl Portal {
    pub fn new(settings: AuthnBuilder) -> Self {
        Self::of(&settings.build().unwrap())
    }

    pub fn of(layer: &AuthnLayer) -> Self {
        let (service, seen) = support::around(layer);
        Self { service, seen }
    }

    /// Whose time it is can be changed.
    pub fn with_clock(settings: AuthnBuilder) -> (Self, Clock) {
        let clock = Clock::default();
        clock.set(now());
        let told = clock.clone();
        (Self::new(settings.clock(move || told.now())), clock)
    }

    pub async fn send(&self, request: Builder) -> Answer {
        let response = support::send(&self.service, request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: support::read(response).await }
    }

    /// The request gets in; says as whom.
    pub async fn admits(&self, request: Builder) -> Principal {
        let answer = self.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let seen = self.seen.lock().unwrap().pop().expect("it reached the service");
        assert!(seen.headers.get(AUTHORIZATION).is_none(), "the credential ends here");
        seen.extensions.get::<Principal>().expect("a principal").clone()
    }

    /// The request does not get in.
    pub async fn stops(&self, request: Builder) -> Answer {
        let answer = self.send(request).await;
        assert!(self.seen.lock().unwrap().is_empty(), "it reached the service");
        answer
    }

    /// The token proves nothing, and nobody learns why: the answer is the same for whatever token.
    pub async fn refuses(&self, what: &str, request: Builder) -> Answer {
        let answer = self.stops(request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!(answer, self.stops(bearer("made-up")).await, "{what}");
        assert!(answer.challenge().starts_with("Bearer error=\"invalid_token\""), "{what}: {answer:?}");
        assert!(
            answer.challenge().contains(
                r#"resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp""#
            ),
            "{what}: {answer:?}"
        );
        let told = format!("{:?}{}", answer.challenges(), answer.body).to_lowercase();
        for word in ["signature", "audience", "issuer", "expired", "kid", "algorithm", "revoked", "block"] {
            assert!(!told.contains(word), "{what}: {told}");
        }
        answer
    }
}

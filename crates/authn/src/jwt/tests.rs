#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::time::Duration;

use portcullis_testkit::idp::{SigningKey, jwks};
use serde_json::{Value, json};

use super::*;
use crate::Jwks;

mod attacks;
mod claims;
mod property;
mod settings;

const ISSUER: &str = "https://login.example.com/realm";
const RESOURCE: &str = "https://mcp.example.com/finance";
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn keys(keys: &[&SigningKey]) -> Keys {
    Keys::fixed(Jwks::parse(jwks(keys).as_bytes()).unwrap())
}

fn verifier(key: &SigningKey) -> JwtVerifier {
    JwtVerifier::builder(ISSUER, keys(&[key])).build().unwrap()
}

fn header() -> Value {
    json!({"typ": "at+jwt"})
}

/// The claims of a token that is fine.
fn good() -> Value {
    json!({
        "iss": ISSUER, "aud": RESOURCE, "sub": "alice", "client_id": "desktop", "jti": "1",
        "iat": NOW - 60, "exp": NOW + 240, "scope": "tools:list tools:call",
    })
}

/// The same, but for one claim; without it where the value is null.
fn but(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = good();
    claims[name] = value.into();
    if claims[name].is_null() {
        claims.as_object_mut().unwrap().remove(name);
    }
    claims
}

fn verify_at(verifier: &JwtVerifier, token: &str, now: SystemTime) -> Result<Verified, Denial> {
    let credential = Credential::Token(portcullis_core::Secret::new(token));
    let audience = Audience::new(vec![RESOURCE.to_owned(), "api://finance".to_owned()]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(verifier.verify(&credential, &audience, now))
}

fn verify(verifier: &JwtVerifier, token: &str) -> Result<Verified, Denial> {
    verify_at(verifier, token, at(NOW))
}

/// Why a verifier refuses a token; all refusals here are of the kind that asks for a new token.
fn refusal(verifier: &JwtVerifier, token: &str) -> String {
    let denial = verify(verifier, token).expect_err("the token is accepted");
    assert_eq!(denial.kind(), crate::DenialKind::Invalid, "{denial}");
    denial.detail().to_owned()
}

/// Why a properly signed token of these claims is refused.
fn refused(claims: Value) -> String {
    let key = SigningKey::es256();
    refusal(&verifier(&key), &key.sign(header(), claims))
}

/// Whom a properly signed token of these claims stands for.
fn accepted(claims: Value) -> Verified {
    let key = SigningKey::es256();
    verify(&verifier(&key), &key.sign(header(), claims)).unwrap()
}

#[test]
fn a_token_of_every_algorithm_is_accepted() {
    for key in [SigningKey::es256(), SigningKey::es384(), SigningKey::ed25519(), SigningKey::rs256()] {
        let verified = verify(&verifier(&key), &key.sign(header(), good())).unwrap();
        assert_eq!(verified.principal().subject(), "alice");
        assert_eq!(verified.principal().issuer(), Some(ISSUER));
        assert_eq!(verified.end(), Some(at(NOW + 240)));
    }
    let key = SigningKey::rs256();
    for algorithm in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = key.sign(json!({"typ": "at+jwt", "alg": algorithm}), good());
        assert!(verify(&verifier(&key), &token).is_ok(), "{algorithm}");
    }
}

#[test]
fn recognizes_the_tokens_of_its_issuer_and_no_others() {
    let key = SigningKey::es256();
    let verifier = verifier(&key);
    let recognizes =
        |token: &str| verifier.recognizes(&Credential::Token(portcullis_core::Secret::new(token)));
    assert!(recognizes(&key.sign(header(), good())));
    // Not its own to judge for whom, by whom or until when.
    assert!(recognizes(&SigningKey::ed25519().sign(json!({}), json!({"iss": ISSUER}))));
    for issuer in
        ["", "https://login.example.com/realm/", "https://LOGIN.example.com/realm", "https://evil.example"]
    {
        assert!(!recognizes(&key.sign(header(), but("iss", issuer))), "{issuer}");
    }
    assert!(!recognizes(&key.sign(header(), but("iss", json!([ISSUER])))));
    let twice = format!(r#"{{"iss":"{ISSUER}","iss":"https://evil.example"}}"#);
    assert!(!recognizes(&key.sign_text("", r#"{"alg":"ES256"}"#, &twice)));
    for other in ["", "opaque", "a.b", "a.b.c", "a.b.c.d"] {
        assert!(!recognizes(other), "{other}");
    }
    assert!(!recognizes(&key.sign(header(), but("fill", "x".repeat(20_000)))));
}

/// An issuer that is away.
#[derive(Debug)]
struct Away;

impl portcullis_fetch::Fetch for Away {
    fn fetch(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> BoxFuture<'_, Result<http::Response<bytes::Bytes>, portcullis_fetch::FetchError>> {
        Box::pin(async { Err(portcullis_fetch::FetchError::timeout("login.example.com")) })
    }
}

#[test]
fn without_keys_nobody_can_tell() {
    let url = portcullis_fetch::Endpoint::new("https://login.example.com/jwks").unwrap();
    let verifier = JwtVerifier::builder(ISSUER, Keys::at(url, std::sync::Arc::new(Away))).build().unwrap();
    let denial = verify(&verifier, &SigningKey::es256().sign(header(), good())).unwrap_err();
    assert!(matches!(denial.kind(), crate::DenialKind::Unavailable(_)), "{denial}");
    // What has not even the form of a token is refused without asking.
    assert!(refusal(&verifier, "a.b.c").contains("base64url"));
}

#[test]
fn is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<JwtVerifier>();
    assert_send_sync::<JwtVerifierBuilder>();
    assert_send_sync::<ClaimMap>();
}

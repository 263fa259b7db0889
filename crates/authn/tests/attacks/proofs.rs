//! Attacks on tokens that are bound to a key or to a certificate.

use http::header::AUTHORIZATION;
use http::request::Builder;
use http::{Request, StatusCode};
use portcullis_authn::{
    Audience, Binding, BoxFuture, ClientCertificate, Credential, Denial, Dpop, Verified, Verifier,
};
use portcullis_testkit::idp::{SigningKey, dpop_claims};
use serde_json::json;

use crate::world::*;

fn proven(token: &str, proof: &str) -> Builder {
    Request::post("/mcp").header(AUTHORIZATION, format!("DPoP {token}")).header("dpop", proof)
}

/// A portal that takes proofs, the client's key, and the client's token.
fn bound() -> (Portal, SigningKey, String) {
    let (issuer, client) = (SigningKey::es256(), SigningKey::es256());
    let token = issuer.sign(access_token(), claims_with("cnf", json!({"jkt": client.jkt()})));
    (Portal::new(settings().verifier(verifier(&[&issuer])).dpop(Dpop::new())), client, token)
}

#[tokio::test]
async fn replayed_dpop_proof() {
    let (portal, client, token) = bound();
    let fresh = || client.dpop("POST", RESOURCE, &token, now());
    let proof = fresh();
    assert_eq!(portal.admits(proven(&token, &proof)).await.subject(), "alice");
    for _ in 0..2 {
        let answer = portal.stops(proven(&token, &proof)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let challenge =
            answer.challenges().into_iter().find(|text| text.starts_with("DPoP ")).unwrap().to_owned();
        assert!(challenge.contains(r#"error="invalid_dpop_proof""#), "{challenge}");
        assert!(!answer.body.contains("used") && !answer.body.contains("replay"), "{answer:?}");
    }
    // Signed anew with the same id it is the same proof.
    let claims = dpop_claims("POST", RESOURCE, &token, now());
    portal.admits(proven(&token, &client.dpop_of(claims.clone()))).await;
    assert_eq!(portal.stops(proven(&token, &client.dpop_of(claims))).await.status, StatusCode::UNAUTHORIZED);
    portal.admits(proven(&token, &fresh())).await;
}

#[tokio::test]
async fn dpop_proof_for_something_else() {
    let (portal, client, token) = bound();
    let thief = SigningKey::es256();
    let changed = |name: &str, value: serde_json::Value| {
        let mut claims = dpop_claims("POST", RESOURCE, &token, now());
        claims[name] = value;
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        client.dpop_of(claims)
    };
    portal.admits(proven(&token, &client.dpop("POST", RESOURCE, &token, now()))).await;
    let mut answers = Vec::new();
    for (what, proof) in [
        ("another method", client.dpop("GET", RESOURCE, &token, now())),
        ("another path", client.dpop("POST", "https://mcp.example.com/admin", &token, now())),
        ("another host", client.dpop("POST", "https://evil.example/mcp", &token, now())),
        ("another token", client.dpop("POST", RESOURCE, "other", now())),
        ("another key", thief.dpop("POST", RESOURCE, &token, now())),
        ("an old one", client.dpop("POST", RESOURCE, &token, now() - std::time::Duration::from_secs(61))),
        ("a future one", client.dpop("POST", RESOURCE, &token, now() + std::time::Duration::from_secs(31))),
        ("no id", changed("jti", json!(null))),
        ("no time", changed("iat", json!(null))),
        ("no token", changed("ath", json!(null))),
        ("no type", client.sign(json!({"jwk": client.jwk()}), dpop_claims("POST", RESOURCE, &token, now()))),
        ("no signature", "eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.".to_owned()),
        ("garbage", "garbage".to_owned()),
        ("much", "a".repeat(100_000)),
    ] {
        let answer = portal.stops(proven(&token, &proof)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
        answers.push((what, answer));
    }
    assert!(answers.iter().all(|(_, answer)| *answer == answers[0].1), "{answers:?}");
}

#[tokio::test]
async fn bound_token_without_its_key() {
    let (portal, client, token) = bound();
    let proof = || client.dpop("POST", RESOURCE, &token, now());
    portal.admits(proven(&token, &proof())).await;
    let dpop = || Request::post("/mcp").header(AUTHORIZATION, format!("DPoP {token}"));
    for (what, request) in [
        ("as if it were not bound", bearer(&token)),
        ("as if it were not bound, with a proof", bearer(&token).header("dpop", proof())),
        ("without a proof", dpop()),
        ("with two proofs", dpop().header("dpop", proof()).header("dpop", proof())),
        ("with two in one", dpop().header("dpop", format!("{}, {}", proof(), proof()))),
    ] {
        assert_eq!(portal.stops(request).await.status, StatusCode::UNAUTHORIZED, "{what}");
    }
}

#[tokio::test]
async fn certificate_bound_token_in_other_hands() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let issuer = SigningKey::es256();
    let (ours, theirs) = (ClientCertificate::new(&b"ours"[..]), ClientCertificate::new(&b"theirs"[..]));
    let cnf = json!({"x5t#S256": URL_SAFE_NO_PAD.encode(ours.thumbprint())});
    let token = issuer.sign(access_token(), claims_with("cnf", cnf));
    let portal = Portal::new(settings().verifier(verifier(&[&issuer])));
    portal.admits(bearer(&token).extension(ours)).await;
    assert_eq!(portal.stops(bearer(&token).extension(theirs)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(portal.stops(bearer(&token)).await.status, StatusCode::UNAUTHORIZED);
    // A binding that nobody here checks is not passed over.
    let odd = issuer.sign(access_token(), claims_with("cnf", json!({"kid": "somebody"})));
    portal.refuses("a binding of another kind", bearer(&odd)).await;
}

/// Knows everybody, and binds whom it is told to.
#[derive(Debug)]
struct Binds(Option<Binding>);

impl Verifier for Binds {
    fn recognizes(&self, _: &Credential) -> bool {
        true
    }

    fn verify<'a>(
        &'a self,
        _: &'a Credential,
        _: &'a Audience,
        _: std::time::SystemTime,
    ) -> BoxFuture<'a, Result<Verified, Denial>> {
        let verified = self.0.iter().cloned().fold(crate::support::alice(), Verified::bound_to);
        Box::pin(std::future::ready(Ok(verified)))
    }
}

#[tokio::test]
async fn bound_credential_that_is_no_token() {
    let request =
        || Request::post("/mcp").header("portcullis-client-id", "a").header("portcullis-client-secret", "b");
    Portal::new(settings().verifier(Binds(None))).admits(request()).await;
    for binding in [Binding::Key([7; 32]), Binding::Certificate([7; 32])] {
        let portal = Portal::new(settings().verifier(Binds(Some(binding))).dpop(Dpop::new()));
        for _ in 0..2 {
            assert_eq!(portal.stops(request()).await.status, StatusCode::UNAUTHORIZED);
        }
    }
}

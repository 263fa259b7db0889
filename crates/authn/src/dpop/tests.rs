#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use portcullis_testkit::idp::{SigningKey, dpop_claims};
use serde_json::{Value, json};

use super::*;
use crate::{DenialKind, PublicKey};

const URL: &str = "https://mcp.example.com/finance";
const TOKEN: &str = "the.access.token";
const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn thumbprint(key: &SigningKey) -> [u8; 32] {
    PublicKey::parse(key.jwk().to_string().as_bytes()).unwrap().thumbprint()
}

/// Checks a proof for a POST to `URL` with `TOKEN`, which is bound to `key`.
fn check_at(dpop: &Dpop, key: &SigningKey, text: &str, now: SystemTime) -> Result<(), Denial> {
    let thumbprint = thumbprint(key);
    dpop.check(&Proof { text, method: &Method::POST, url: URL, token: TOKEN, thumbprint: &thumbprint, now })
}

fn check(key: &SigningKey, text: &str) -> Result<(), Denial> {
    check_at(&Dpop::new(), key, text, at(NOW))
}

fn refusal(key: &SigningKey, text: &str) -> String {
    let denial = check(key, text).expect_err("the proof is accepted");
    assert_eq!(denial.kind(), DenialKind::Invalid, "{denial}");
    denial.detail().to_owned()
}

fn good() -> Value {
    dpop_claims("POST", URL, TOKEN, at(NOW))
}

fn but(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = good();
    claims[name] = value.into();
    claims
}

#[test]
fn a_proof_of_every_kind_of_key_is_accepted() {
    for key in [SigningKey::es256(), SigningKey::es384(), SigningKey::ed25519(), SigningKey::rs256()] {
        check(&key, &key.dpop("POST", URL, TOKEN, at(NOW))).unwrap();
    }
}

#[test]
fn the_thumbprint_of_the_testkit_is_that_of_the_rfc() {
    use base64::Engine as _;
    for key in [SigningKey::es256(), SigningKey::ed25519(), SigningKey::rs256().kid("named")] {
        let own = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(thumbprint(&key));
        assert_eq!(key.jkt(), own);
    }
}

#[test]
fn a_replayed_proof() {
    let (dpop, key) = (Dpop::new(), SigningKey::es256());
    let proof = key.dpop("POST", URL, TOKEN, at(NOW));
    check_at(&dpop, &key, &proof, at(NOW)).unwrap();
    for later in 0..=60 {
        let denial = check_at(&dpop, &key, &proof, at(NOW + later)).unwrap_err();
        assert_eq!(denial.detail(), "the proof was used before");
    }
    assert_eq!(check_at(&dpop, &key, &proof, at(NOW + 61)).unwrap_err().detail(), "the proof is too old");
    // The same id in other claims is the same proof.
    let id = good()["jti"].clone();
    for made in [NOW, NOW + 1] {
        let mut claims = dpop_claims("POST", URL, TOKEN, at(made));
        claims["jti"] = id.clone();
        assert_eq!(check_at(&dpop, &key, &key.dpop_of(claims), at(NOW)).is_ok(), made == NOW);
    }
    // And a clone of the policy has the same memory.
    assert!(check_at(&dpop.clone(), &key, &proof, at(NOW)).is_err());
}

#[test]
fn an_id_that_somebody_else_used() {
    let dpop = Dpop::new();
    for key in [SigningKey::es256(), SigningKey::es256()] {
        check_at(&dpop, &key, &key.dpop_of(but("jti", "1")), at(NOW)).unwrap();
    }
}

#[test]
fn a_refused_proof_uses_up_no_id() {
    let (dpop, key, other) = (Dpop::new(), SigningKey::es256(), SigningKey::es256());
    let claims = good();
    check_at(&dpop, &key, &other.dpop_of(claims.clone()), at(NOW)).unwrap_err();
    check_at(&dpop, &key, &key.dpop_of(claims), at(NOW)).unwrap();
}

#[test]
fn a_proof_for_another_method() {
    let key = SigningKey::es256();
    for method in ["GET", "post", "POST ", ""] {
        assert!(refusal(&key, &key.dpop(method, URL, TOKEN, at(NOW))).contains("htm"), "{method}");
    }
}

#[test]
fn a_proof_for_another_url() {
    let key = SigningKey::es256();
    for url in [
        "https://mcp.example.com/engineering",
        "https://mcp.example.com/finance/",
        "https://mcp.example.com",
        "https://evil.example/finance",
        "http://mcp.example.com/finance",
        "/finance",
        "",
    ] {
        assert!(refusal(&key, &key.dpop("POST", url, TOKEN, at(NOW))).contains("htu"), "{url}");
    }
    for same in ["https://MCP.example.com:443/finance", "https://mcp.example.com/finance?a=b#c"] {
        check(&key, &key.dpop("POST", same, TOKEN, at(NOW))).unwrap();
    }
}

#[test]
fn a_request_without_a_url_has_no_proof() {
    let key = SigningKey::es256();
    for url in ["", "/finance", "https://a@b/"] {
        let text = key.dpop("POST", url, TOKEN, at(NOW));
        let (thumbprint, method) = (thumbprint(&key), Method::POST);
        let proof =
            Proof { text: &text, method: &method, url, token: TOKEN, thumbprint: &thumbprint, now: at(NOW) };
        assert!(Dpop::new().check(&proof).unwrap_err().detail().contains("htu"), "{url}");
    }
}

#[test]
fn a_proof_for_another_token() {
    let key = SigningKey::es256();
    for token in ["another.access.token", ""] {
        assert!(refusal(&key, &key.dpop("POST", URL, token, at(NOW))).contains("ath"));
    }
}

#[test]
fn a_proof_by_another_key() {
    let (key, other) = (SigningKey::es256(), SigningKey::es256());
    assert!(refusal(&key, &other.dpop("POST", URL, TOKEN, at(NOW))).contains("another key"));
    // With the right key in the header, and signed by the other.
    let stolen = other.sign(json!({"typ": "dpop+jwt", "jwk": key.jwk()}), good());
    assert!(refusal(&key, &stolen).contains("signature"));
}

#[test]
fn a_proof_that_is_old_or_of_the_future() {
    let (dpop, key) = (Dpop::new(), SigningKey::es256());
    for (made, fine) in [(-61, false), (-60, true), (0, true), (30, true), (31, false), (3600, false)] {
        let claims = dpop_claims("POST", URL, TOKEN, at(NOW.saturating_add_signed(made)));
        assert_eq!(check_at(&dpop, &key, &key.dpop_of(claims), at(NOW)).is_ok(), fine, "{made}");
    }
    for malformed in [json!("now"), json!(-1), json!(null), json!(1e300), json!(NOW * 1000)] {
        refusal(&key, &key.dpop_of(but("iat", malformed)));
    }
    let short = Dpop::new().max_age(Duration::from_secs(5));
    let proof = key.dpop("POST", URL, TOKEN, at(NOW));
    assert!(check_at(&short, &key, &proof, at(NOW + 6)).is_err());
    assert!(check_at(&short, &key, &proof, at(NOW + 5)).is_ok());
}

#[test]
fn a_claim_that_is_missing_or_of_another_type() {
    let key = SigningKey::es256();
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        refusal(&key, &key.dpop_of(claims));
        for value in [json!(null), json!([]), json!(true), json!("")] {
            refusal(&key, &key.dpop_of(but(name, value)));
        }
    }
    refusal(&key, &key.dpop_of(but("jti", "x".repeat(257))));
}

#[test]
fn a_token_that_is_no_proof() {
    let key = SigningKey::es256();
    for header in [
        json!({"jwk": key.jwk()}),
        json!({"typ": "JWT", "jwk": key.jwk()}),
        json!({"typ": "at+jwt", "jwk": key.jwk()}),
        json!({"typ": "dpop+jwt"}),
        json!({"typ": "dpop+jwt", "jwk": "key"}),
        json!({"typ": "dpop+jwt", "jwk": {"kty": "oct", "k": "AA"}}),
        json!({"typ": "dpop+jwt", "jwk": key.jwk(), "alg": "none"}),
        json!({"typ": "dpop+jwt", "jwk": key.jwk(), "alg": "HS256"}),
        json!({"typ": "dpop+jwt", "jwk": key.jwk(), "alg": "RS256"}),
        json!({"typ": "dpop+jwt", "jwk": key.jwk(), "crit": ["exp"]}),
    ] {
        refusal(&key, &key.sign(header, good()));
    }
    let mut private = key.jwk();
    private["d"] = "c2VjcmV0".into();
    assert!(refusal(&key, &key.sign(json!({"typ": "dpop+jwt", "jwk": private}), good())).contains("private"));
    for text in ["", "a.b.c", TOKEN, &"x".repeat(100_000)] {
        refusal(&key, text);
    }
    assert!(refusal(&key, &key.dpop_of(but("fill", "x".repeat(9_000)))).contains("too large"));
    let proof = key.dpop_of(good());
    assert!(check_at(&Dpop::new().with_algorithms([Algorithm::EdDsa]), &key, &proof, at(NOW)).is_err());
}

#[test]
fn a_full_memory_refuses_and_recovers() {
    let (dpop, key) = (Dpop::new().max_proofs(2), SigningKey::ed25519());
    let proof = |made| key.dpop("POST", URL, TOKEN, at(made));
    check_at(&dpop, &key, &proof(NOW), at(NOW)).unwrap();
    check_at(&dpop, &key, &proof(NOW), at(NOW)).unwrap();
    let denial = check_at(&dpop, &key, &proof(NOW), at(NOW)).unwrap_err();
    assert!(matches!(denial.kind(), DenialKind::Unavailable(_)), "{denial}");
    check_at(&dpop, &key, &proof(NOW + 61), at(NOW + 61)).unwrap();
}

#[test]
fn is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Dpop>();
    assert_send_sync::<MemoryReplays>();
}

#[test]
fn debug_shows_neither_token_nor_proof() {
    let (method, thumbprint, now) = (&Method::POST, &[7; 32], at(NOW));
    let proof = Proof { text: "the.signed.proof", method, url: URL, token: TOKEN, thumbprint, now };
    let shown = format!("{proof:?}");
    assert!(shown.contains(URL) && !shown.contains(TOKEN) && !shown.contains("signed"), "{shown}");
}

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_testkit::idp::{SigningKey, jwks};
use serde_json::{Value, json};

use super::*;

fn parse(jwk: &Value) -> Result<PublicKey, JwkError> {
    PublicKey::parse(jwk.to_string().as_bytes())
}

fn set(keys: &[Value]) -> Result<Jwks, JwkError> {
    Jwks::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

fn verify(key: &PublicKey, algorithm: Algorithm, token: &str) -> bool {
    let (message, signature) = token.rsplit_once('.').unwrap();
    key.verify(algorithm, message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
}

#[test]
fn every_algorithm_checks_its_own_signatures_and_no_other() {
    let (rsa, p256, p384, ed) =
        (SigningKey::rs256(), SigningKey::es256(), SigningKey::es384(), SigningKey::ed25519());
    for signed in Algorithm::ALL {
        let signer = match signed {
            Algorithm::Es256 => &p256,
            Algorithm::Es384 => &p384,
            Algorithm::EdDsa => &ed,
            _ => &rsa,
        };
        let token = signer.sign(json!({"alg": signed.as_str()}), json!({"sub": "alice"}));
        for public in [&rsa, &p256, &p384, &ed] {
            let key = parse(&public.jwk()).unwrap();
            for checked in Algorithm::ALL {
                let right = checked == signed && std::ptr::eq(public, signer);
                assert_eq!(verify(&key, checked, &token), right, "{signed} checked as {checked}");
            }
        }
    }
}

#[test]
fn a_changed_message_or_signature_does_not_verify() {
    for signer in [SigningKey::rs256(), SigningKey::es256(), SigningKey::es384(), SigningKey::ed25519()] {
        let algorithm = Algorithm::from_name(signer.algorithm()).unwrap();
        let key = parse(&signer.jwk()).unwrap();
        let token = signer.sign(json!({}), json!({"sub": "alice"}));
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(key.verify(algorithm, message.as_bytes(), &signature));
        assert!(!key.verify(algorithm, &message.as_bytes()[1..], &signature));
        assert!(!key.verify(algorithm, message.as_bytes(), &[]));
        assert!(!key.verify(algorithm, message.as_bytes(), &signature[1..]));
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(!key.verify(algorithm, message.as_bytes(), &changed), "{algorithm} byte {at}");
        }
    }
}

#[test]
fn a_signature_of_zeros_does_not_verify() {
    // CVE-2022-21449: r and s of zero fit every message on a naive implementation.
    let key = parse(&SigningKey::es256().jwk()).unwrap();
    assert!(!key.verify(Algorithm::Es256, b"message", &[0; 64]));
}

#[test]
fn alg_narrows_what_a_key_serves() {
    let key = parse(&with(SigningKey::rs256().jwk(), "alg", "PS256")).unwrap();
    assert!(key.serves(Algorithm::Ps256));
    for other in Algorithm::ALL.into_iter().filter(|one| *one != Algorithm::Ps256) {
        assert!(!key.serves(other), "{other}");
    }
}

#[test]
fn ed25519_has_two_names() {
    let key = parse(&with(SigningKey::ed25519().jwk(), "alg", "Ed25519")).unwrap();
    assert!(key.serves(Algorithm::EdDsa));
}

#[test]
fn refuses_keys_that_are_not_for_signatures_checked_here() {
    let (rsa, p256, ed) = (SigningKey::rs256().jwk(), SigningKey::es256().jwk(), SigningKey::ed25519().jwk());
    let weak = URL_SAFE_NO_PAD.encode([0xff; 128]);
    let huge = URL_SAFE_NO_PAD.encode([0xff; 1025]);
    let padded = format!("{}=", ed["x"].as_str().unwrap());
    for (name, jwk) in [
        ("a symmetric key", json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"})),
        ("an RSA key for HMAC", with(rsa.clone(), "alg", "HS256")),
        ("an RSA key for none", with(rsa.clone(), "alg", "none")),
        ("an RSA key for ECDSA", with(rsa.clone(), "alg", "ES256")),
        ("an EC key for RSA", with(p256.clone(), "alg", "RS256")),
        ("P-256 for P-384", with(p256.clone(), "alg", "ES384")),
        ("an encryption key", with(rsa.clone(), "use", "enc")),
        ("key_ops without verify", with(rsa.clone(), "key_ops", json!(["encrypt", "sign"]))),
        ("1024 bit", with(rsa.clone(), "n", weak)),
        ("8200 bit", with(rsa.clone(), "n", huge)),
        ("an even modulus", with(rsa.clone(), "n", URL_SAFE_NO_PAD.encode([0xfe; 256]))),
        ("no modulus", with(rsa.clone(), "n", Value::Null)),
        ("an empty modulus", with(rsa.clone(), "n", "")),
        ("exponent one", with(rsa.clone(), "e", "AQ")),
        ("exponent zero", with(rsa.clone(), "e", "AA")),
        ("an even exponent", with(rsa.clone(), "e", "BA")),
        ("a huge exponent", with(rsa.clone(), "e", URL_SAFE_NO_PAD.encode([0xff; 64]))),
        ("secp256k1", with(p256.clone(), "crv", "secp256k1")),
        ("P-521", with(p256.clone(), "crv", "P-521")),
        ("no curve", with(p256.clone(), "crv", Value::Null)),
        ("a short coordinate", with(p256.clone(), "x", URL_SAFE_NO_PAD.encode([1; 31]))),
        ("a long coordinate", with(p256.clone(), "y", URL_SAFE_NO_PAD.encode([1; 33]))),
        ("X25519", with(ed.clone(), "crv", "X25519")),
        ("padding", with(ed.clone(), "x", padded)),
        ("not base64url", with(ed.clone(), "x", "++++")),
        ("a number for a kid", with(ed.clone(), "kid", 7)),
        ("an endless kid", with(ed.clone(), "kid", "k".repeat(513))),
        ("an unknown type", json!({"kty": "AKP"})),
        ("the wrong case", with(ed.clone(), "kty", "okp")),
        ("no type", json!({})),
        ("no object", json!([])),
    ] {
        assert!(matches!(parse(&jwk), Err(JwkError::Unusable(_))), "{name}: {:?}", parse(&jwk));
        // In a set it does not stand in the way of the others, and is not found.
        let keys = set(&[jwk, with(ed.clone(), "kid", "good")]).unwrap();
        assert_eq!((keys.keys().len(), keys.skipped()), (1, 1), "{name}");
    }
}

#[test]
fn refuses_a_published_private_key() {
    let jwk = SigningKey::es256().jwk();
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        let private = with(jwk.clone(), member, "c2VjcmV0");
        assert_eq!(parse(&private), Err(JwkError::Private), "{member}");
        assert_eq!(set(&[SigningKey::es256().jwk(), private]), Err(JwkError::Private), "{member}");
    }
}

#[test]
fn a_leading_zero_changes_nothing() {
    let jwk = SigningKey::rs256().jwk();
    let mut n = vec![0];
    n.extend(URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap());
    assert_eq!(parse(&with(jwk.clone(), "n", URL_SAFE_NO_PAD.encode(n))), parse(&jwk));
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    // RFC 7638, section 3.1; RFC 8037, appendix A.3; RFC 9449, section 6.1.
    for (jwk, expected) in [
        (
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
        ),
        (
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
        (
            r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        ),
    ] {
        assert_eq!(URL_SAFE_NO_PAD.encode(PublicKey::parse(jwk.as_bytes()).unwrap().thumbprint()), expected);
    }
}

#[test]
fn finds_by_exact_name_and_without_one_only_what_is_certain() {
    let (one, two, ed) =
        (SigningKey::es256().kid("one"), SigningKey::es256().kid("two"), SigningKey::ed25519().kid("ed"));
    let keys = Jwks::parse(jwks(&[&one, &two, &ed]).as_bytes()).unwrap();
    let found = |kid, algorithm| keys.find(kid, algorithm).and_then(|key| key.kid().map(str::to_owned));
    assert_eq!(found(Some("one"), Algorithm::Es256).as_deref(), Some("one"));
    assert_eq!(found(Some("two"), Algorithm::Es256).as_deref(), Some("two"));
    assert_eq!(found(None, Algorithm::EdDsa).as_deref(), Some("ed"));
    for (kid, algorithm) in [
        (None, Algorithm::Es256),
        (None, Algorithm::Rs256),
        (Some("ed"), Algorithm::Es256),
        (Some("ONE"), Algorithm::Es256),
        (Some("on"), Algorithm::Es256),
        (Some(""), Algorithm::Es256),
        (Some("../../one"), Algorithm::Es256),
    ] {
        assert_eq!(found(kid, algorithm), None, "{kid:?} {algorithm}");
    }
}

#[test]
fn a_key_without_a_name_has_none() {
    let keys = Jwks::parse(jwks(&[&SigningKey::es256()]).as_bytes()).unwrap();
    assert!(keys.find(None, Algorithm::Es256).is_some());
    assert!(keys.find(Some(""), Algorithm::Es256).is_none());
}

#[test]
fn one_name_for_two_keys_is_refused_where_they_could_be_mixed_up() {
    let (one, two, ed) =
        (SigningKey::es256().kid("same"), SigningKey::es256().kid("same"), SigningKey::ed25519().kid("same"));
    assert_eq!(set(&[one.jwk(), two.jwk()]), Err(JwkError::Ambiguous { kid: "same".into() }));
    assert_eq!(set(&[one.jwk(), ed.jwk()]).unwrap().keys().len(), 2);
    assert_eq!(set(&[one.jwk(), one.jwk()]).unwrap().keys().len(), 1);
}

#[test]
fn equal_sets_hold_the_same_keys_in_any_order() {
    let (one, two) = (SigningKey::es256().kid("1").jwk(), SigningKey::es256().kid("2").jwk());
    let both = set(&[one.clone(), two.clone()]).unwrap();
    assert_eq!(both, set(&[two, one.clone()]).unwrap());
    let rest = set(std::slice::from_ref(&one)).unwrap();
    assert_ne!(both, rest);
    assert!(rest.contains(&parse(&one).unwrap()));
    assert!(both.keys().any(|key| !rest.contains(key)));
}

#[test]
fn refuses_what_is_no_set() {
    let jwk = SigningKey::es256().jwk();
    let many: Vec<Value> =
        (0..=Jwks::MAX_KEYS).map(|kid| with(jwk.clone(), "kid", kid.to_string())).collect();
    assert_eq!(set(&many), Err(JwkError::TooMany));
    assert_eq!(set(&many[1..]).unwrap().keys().len(), 100);
    assert_eq!(set(&[]), Err(JwkError::NoneUsable(0)));
    assert_eq!(set(&[json!({"kty": "oct", "k": "AA"})]), Err(JwkError::NoneUsable(1)));
    for text in ["{}", "[]", "null", "7", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
        assert_eq!(Jwks::parse(text.as_bytes()), Err(JwkError::NotASet), "{text}");
    }
    for text in ["", "{", "<html>", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kty":"RSA","kty":"oct"}]}"#] {
        assert!(matches!(Jwks::parse(text.as_bytes()), Err(JwkError::Json(_))), "{text}");
    }
}

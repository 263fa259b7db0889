//! Attacks on signed tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use portcullis_testkit::idp::{SigningKey, jwks};
use ring::hmac;
use serde_json::{Value, json};

use crate::world::*;

fn portal_of(keys: &[&SigningKey]) -> Portal {
    Portal::new(settings().verifier(verifier(keys)))
}

/// A token that is signed with what the attacker has instead of a key.
fn keyed_with(algorithm: hmac::Algorithm, secret: &[u8], header: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(header), encode(&claims()));
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

#[tokio::test]
async fn algorithm_confusion() {
    let (rsa, curve) = (SigningKey::rs256().kid("rsa"), SigningKey::es256().kid("curve"));
    let portal = portal_of(&[&rsa, &curve]);
    for key in [&rsa, &curve] {
        assert_eq!(portal.admits(bearer(&key.sign(access_token(), claims()))).await.subject(), "alice");
    }

    // The public key as a secret that both sides know.
    let public = jwks(&[&rsa]);
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(&modulus).unwrap();
    for secret in [public.as_bytes(), modulus.as_bytes(), &bytes, b""] {
        for (name, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let header = json!({"typ": "at+jwt", "alg": name, "kid": "rsa"});
            portal.refuses(name, bearer(&keyed_with(algorithm, secret, &header))).await;
        }
    }
    // No algorithm, in several spellings, and that of the other key.
    for algorithm in ["none", "None", "NONE", "nOnE", "", "ES256", "EdDSA", "rs256", "RS256 ", "RS1", "dir"] {
        let header = json!({"typ": "at+jwt", "alg": algorithm});
        portal.refuses(algorithm, bearer(&rsa.sign(header.clone(), claims()))).await;
        let unsigned = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims().to_string())
        );
        portal.refuses(algorithm, bearer(&unsigned)).await;
    }
    for header in [json!({"typ": "at+jwt", "alg": null}), json!({"typ": "at+jwt", "alg": ["RS256"]})] {
        portal.refuses("no algorithm", bearer(&rsa.sign(header, claims()))).await;
    }
    // Two readers of this header could each find another algorithm.
    let twice =
        rsa.sign_text("RS256", r#"{"typ":"at+jwt","alg":"none","alg":"RS256"}"#, &claims().to_string());
    portal.refuses("twice", bearer(&twice)).await;
}

#[tokio::test]
async fn kid_injection() {
    let (ours, other) = (SigningKey::es256().kid("main"), SigningKey::es256().kid("second"));
    let portal = portal_of(&[&ours, &other]);
    portal.admits(bearer(&ours.sign(access_token(), claims()))).await;

    let forger = SigningKey::es256();
    let long = "a".repeat(8 << 10);
    for kid in [
        "main",
        "second",
        "",
        "../../../../dev/null",
        "/dev/null",
        "main' UNION SELECT 'secret' --",
        "http://evil.example/key",
        "main\0",
        "main\r\nx: y",
        "$(id)",
        long.as_str(),
    ] {
        let header = json!({"typ": "at+jwt", "kid": kid});
        portal.refuses(kid, bearer(&forger.sign(header, claims()))).await;
    }
    // The key of one name under the name of the other, and names that are no text.
    portal.refuses("other", bearer(&ours.sign(json!({"typ": "at+jwt", "kid": "second"}), claims()))).await;
    for kid in [json!(["main"]), json!({"main": 1}), json!(0), json!(true)] {
        portal.refuses("no text", bearer(&ours.sign(json!({"typ": "at+jwt", "kid": kid}), claims()))).await;
    }
    // A token that brings its own key, or says where to get it.
    for (name, value) in [
        ("jwk", forger.jwk()),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = json!({"typ": "at+jwt", "kid": "main"});
        header[name] = value;
        portal.refuses(name, bearer(&forger.sign(header.clone(), claims()))).await;
        header["kid"] = "evil".into();
        portal.refuses(name, bearer(&forger.sign(header, claims()))).await;
    }
}

#[tokio::test]
async fn wrong_audience() {
    let key = SigningKey::es256();
    let portal = portal_of(&[&key]);
    for audience in [json!(RESOURCE), json!([RESOURCE]), json!(["https://other.example.com", RESOURCE])] {
        portal.admits(bearer(&key.sign(access_token(), claims_with("aud", audience)))).await;
    }
    for audience in [
        json!("https://other.example.com"),
        json!("https://mcp.example.com"),
        json!("https://mcp.example.com/mcp/admin"),
        json!("https://mcp.example.com/mcp.evil.example"),
        json!("http://mcp.example.com/mcp"),
        json!("*"),
        json!(""),
        json!([]),
        json!([[RESOURCE]]),
        json!({ RESOURCE: RESOURCE }),
        json!(format!("{RESOURCE} https://other.example.com")),
        Value::Null,
    ] {
        let name = audience.to_string();
        portal.refuses(&name, bearer(&key.sign(access_token(), claims_with("aud", audience)))).await;
    }
}

#[tokio::test]
async fn wrong_issuer() {
    let key = SigningKey::es256();
    let portal = portal_of(&[&key]);
    portal.admits(bearer(&key.sign(access_token(), claims()))).await;
    for issuer in [
        json!("https://evil.example"),
        json!("https://login.example.com/"),
        json!("https://LOGIN.example.com"),
        json!("https://login.example.com.evil.example"),
        json!("http://login.example.com"),
        json!([ISSUER]),
        json!(""),
        Value::Null,
    ] {
        let name = issuer.to_string();
        portal.refuses(&name, bearer(&key.sign(access_token(), claims_with("iss", issuer)))).await;
    }
}

#[tokio::test]
async fn expired() {
    let key = SigningKey::es256();
    let (portal, clock) = Portal::with_clock(settings().verifier(verifier(&[&key])));
    let until = |end: Value| bearer(&key.sign(access_token(), claims_with("exp", end)));
    portal.admits(until(json!(NOW + 1))).await;
    for end in
        [json!(NOW), json!(NOW - 1), json!(0), json!(-1), json!("9999999999"), json!(1e300), Value::Null]
    {
        portal.refuses(&end.to_string(), until(end.clone())).await;
    }
    // No leeway either for one that was let in before.
    clock.set(now() + std::time::Duration::from_secs(1));
    portal.refuses("since", until(json!(NOW + 1))).await;
}

#[tokio::test]
async fn not_yet_valid() {
    let key = SigningKey::es256();
    let portal = portal_of(&[&key]);
    for name in ["nbf", "iat"] {
        let from = |start: Value| bearer(&key.sign(access_token(), claims_with(name, start)));
        portal.admits(from(json!(NOW + 30))).await;
        for start in [json!(NOW + 31), json!(NOW + 3600), json!(u64::MAX), json!("now")] {
            portal.refuses(name, from(start)).await;
        }
    }
}

#[tokio::test]
async fn stripped_signature() {
    for key in [SigningKey::rs256(), SigningKey::es256(), SigningKey::ed25519()] {
        let portal = portal_of(&[&key]);
        let token = key.sign(access_token(), claims());
        portal.admits(bearer(&token)).await;
        let (unsigned, signature) = token.rsplit_once('.').unwrap();
        let zeros = URL_SAFE_NO_PAD.encode(vec![0; URL_SAFE_NO_PAD.decode(signature).unwrap().len()]);
        for stripped in [
            unsigned.to_owned(),
            format!("{unsigned}."),
            format!("{unsigned}.."),
            format!("{unsigned}.AA"),
            format!("{unsigned}.{zeros}"),
            format!("{unsigned}.{}", &signature[..signature.len() - 4]),
            format!("{token}."),
            format!("{token}.{signature}"),
            format!("{token}AAAA"),
            format!(".{token}"),
        ] {
            portal.refuses(&stripped, bearer(&stripped)).await;
        }
    }
}

#[tokio::test]
async fn claims_changed_under_a_signature() {
    let key = SigningKey::es256();
    let portal = portal_of(&[&key]);
    let token = key.sign(access_token(), claims());
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(portal.admits(bearer(&token)).await.subject(), "alice");
    let admin = URL_SAFE_NO_PAD.encode(claims_with("sub", json!("admin")).to_string());
    portal.refuses("changed", bearer(&format!("{}.{admin}.{}", parts[0], parts[2]))).await;
    let twice = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
    portal
        .refuses("twice", bearer(&key.sign_text("ES256", r#"{"alg":"ES256","typ":"at+jwt"}"#, &twice)))
        .await;
}

#[tokio::test]
async fn token_of_another_portal() {
    let key = SigningKey::es256();
    let shared: std::sync::Arc<dyn portcullis_authn::Verifier> = std::sync::Arc::new(verifier(&[&key]));
    let portal = |name: &str| Portal::new(settings_of(name).shared_verifier(std::sync::Arc::clone(&shared)));
    let (here, there) = (portal(RESOURCE), portal("https://mcp.example.com/finance"));
    let ours = key.sign(access_token(), claims());
    let theirs = key.sign(access_token(), claims_with("aud", json!("https://mcp.example.com/finance")));
    // In both orders, since the verifier is one and each portal remembers.
    for _ in 0..2 {
        here.admits(bearer(&ours)).await;
        here.refuses("theirs", bearer(&theirs)).await;
        there.admits(bearer(&theirs)).await;
        assert_eq!(there.stops(bearer(&ours)).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn token_in_the_query() {
    let key = SigningKey::es256();
    let portal = portal_of(&[&key]);
    let token = key.sign(access_token(), claims());
    portal.admits(bearer(&token)).await;
    portal.admits(bearer(&token).uri("/mcp?page=1")).await;
    for name in ["access_token", "acc%65ss_token", "x=1&access_token", "x=1;access_token"] {
        for request in [http::Request::post(format!("/mcp?{name}={token}")), {
            bearer(&token).uri(format!("/mcp?{name}={token}"))
        }] {
            let answer = portal.stops(request).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
            assert!(answer.challenge().contains(r#"error="invalid_request""#), "{answer:?}");
            assert!(answer.body.contains("never in the URL"), "{answer:?}");
        }
    }
    // Other names for it say nothing.
    for name in ["token", "Authorization", "bearer"] {
        let answer = portal.stops(http::Request::post(format!("/mcp?{name}={token}"))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[tokio::test]
async fn oversized_token() {
    let key = SigningKey::es256();
    let portal = portal_of(&[&key]);
    let padded = |bytes: usize| key.sign(access_token(), claims_with("pad", json!("x".repeat(bytes))));
    let fits = padded(11_900);
    assert!((16_000..=16_384).contains(&fits.len()), "{}", fits.len());
    portal.admits(bearer(&fits)).await;
    for bytes in [12_300, 1 << 20] {
        let answer = portal.stops(bearer(&padded(bytes))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.challenge().contains(r#"error="invalid_request""#), "{answer:?}");
    }
    // Neither does a small one unfold into much.
    let many: Value =
        (0..1000).map(|number| (format!("c{number}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
    let deep = format!("{}1{}", "[".repeat(4000), "]".repeat(4000));
    let deep = claims().to_string().replacen('{', &format!(r#"{{"deep":{deep},"#), 1);
    let mut all = claims();
    all.as_object_mut().unwrap().extend(many.as_object().unwrap().clone());
    portal.refuses("many claims", bearer(&key.sign(access_token(), all))).await;
    portal
        .refuses("deep claims", bearer(&key.sign_text("ES256", r#"{"alg":"ES256","typ":"at+jwt"}"#, &deep)))
        .await;
}

#[tokio::test]
async fn nobody_is_told_what_was_wrong() {
    let (key, other) = (SigningKey::rs256(), SigningKey::es256());
    let portal = portal_of(&[&key]);
    let token = key.sign(access_token(), claims());
    let broken = format!("{}AAAA", &token[..token.len() - 4]);
    let mut answers = Vec::new();
    for (what, token) in [
        ("a wrong signature", broken),
        ("a wrong key", other.sign(access_token(), claims())),
        ("a wrong audience", key.sign(access_token(), claims_with("aud", json!("https://other.example")))),
        ("a wrong issuer", key.sign(access_token(), claims_with("iss", json!("https://other.example")))),
        ("expired", key.sign(access_token(), claims_with("exp", json!(NOW)))),
        ("not yet valid", key.sign(access_token(), claims_with("nbf", json!(NOW + 600)))),
        ("no access token", key.sign(json!({"typ": "id+jwt"}), claims())),
        ("nothing at all", "AAAA".to_owned()),
    ] {
        // Once judged, once remembered.
        for _ in 0..2 {
            let request = bearer(&token).header("mcp-method", "tools/call");
            answers.push((what, portal.refuses(what, request).await));
        }
    }
    assert!(answers.iter().all(|(_, answer)| *answer == answers[0].1), "{answers:?}");
    assert_eq!(portal.admits(bearer(&token).header("mcp-method", "tools/call")).await.subject(), "alice");
}

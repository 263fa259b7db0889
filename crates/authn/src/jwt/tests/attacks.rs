//! Tokens that must not get in, each by the name of its trick.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::*;

fn forged(header: &Value, claims: &Value, signature: impl AsRef<[u8]>) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}.{}", encode(header), encode(claims), URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn algorithm_confusion_hmac_with_the_public_key_as_secret() {
    let key = SigningKey::rs256().kid("rsa");
    let verifier = verifier(&key);
    let jwk = key.jwk();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let secrets =
        [modulus, jwk["n"].as_str().unwrap().into(), jwk.to_string().into_bytes(), jwks(&[&key]).into()];
    for secret in secrets {
        for (name, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let header = json!({"typ": "at+jwt", "alg": name, "kid": "rsa"});
            let unsigned = forged(&header, &good(), "");
            let message = unsigned.rsplit_once('.').unwrap().0;
            let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), message.as_bytes());
            // Under its own name, and under that of the key.
            assert!(refusal(&verifier, &forged(&header, &good(), tag.as_ref())).contains("not accepted"));
            let header = json!({"typ": "at+jwt", "alg": "RS256", "kid": "rsa"});
            assert!(refusal(&verifier, &forged(&header, &good(), tag.as_ref())).contains("signature"));
        }
    }
}

#[test]
fn algorithm_confusion_another_algorithm_than_the_keys_own() {
    let ec = SigningKey::es256().kid("1");
    let verifier = verifier(&ec);
    for algorithm in ["RS256", "PS256", "ES384", "EdDSA"] {
        let header = json!({"typ": "at+jwt", "alg": algorithm});
        assert!(refusal(&verifier, &ec.sign(header, good())).contains("no key"), "{algorithm}");
    }
    // The issuer uses the key for PS256 alone.
    let rsa = SigningKey::rs256();
    let mut jwk = rsa.jwk();
    jwk["alg"] = "PS256".into();
    let keys = Keys::fixed(Jwks::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap());
    let verifier = JwtVerifier::builder(ISSUER, keys).build().unwrap();
    assert!(verify(&verifier, &rsa.sign(json!({"typ": "at+jwt", "alg": "PS256"}), good())).is_ok());
    refusal(&verifier, &rsa.sign(json!({"typ": "at+jwt", "alg": "RS256"}), good()));
}

#[test]
fn algorithm_none() {
    let verifier = verifier(&SigningKey::es256());
    for none in ["none", "None", "NONE", "nOnE"] {
        let header = json!({"typ": "at+jwt", "alg": none});
        for signature in ["", "x"] {
            refusal(&verifier, &forged(&header, &good(), signature));
        }
    }
}

#[test]
fn kid_injection() {
    let (one, two) = (SigningKey::es256().kid("one"), SigningKey::es256().kid("two"));
    let verifier = JwtVerifier::builder(ISSUER, keys(&[&one, &two])).build().unwrap();
    assert!(verify(&verifier, &one.sign(header(), good())).is_ok());
    for kid in [
        "../../../../dev/null",
        "/proc/self/environ",
        "one' OR '1'='1",
        "one\" UNION SELECT 'secret",
        "one|whoami",
        "https://evil.example/jwks.json",
        "one\u{0}",
        "one ",
        "ONE",
        "",
        "three",
    ] {
        assert!(
            refusal(&verifier, &one.sign(json!({"typ": "at+jwt", "kid": kid}), good())).contains("no key"),
            "{kid}"
        );
    }
    // Named after another key.
    let swapped = one.sign(json!({"typ": "at+jwt", "kid": "two"}), good());
    assert!(refusal(&verifier, &swapped).contains("signature"));
    // Not named, where there are two.
    let unnamed = one.sign(json!({"typ": "at+jwt", "kid": null}), good());
    assert!(refusal(&verifier, &unnamed).contains("no key"));
}

#[test]
fn a_key_that_the_token_brings_along() {
    let issuers = SigningKey::es256();
    let forgers = SigningKey::es256();
    let verifier = verifier(&issuers);
    for (name, value) in [
        ("jwk", forgers.jwk()),
        ("jku", "https://evil.example/jwks.json".into()),
        ("x5u", "https://evil.example/cert.pem".into()),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = header();
        header[name] = value;
        assert!(refusal(&verifier, &forgers.sign(header.clone(), good())).contains("signature"), "{name}");
        // It changes nothing for those of the issuer either.
        assert!(verify(&verifier, &issuers.sign(header, good())).is_ok(), "{name}");
    }
}

#[test]
fn a_key_of_another_issuer() {
    let verifier = verifier(&SigningKey::ed25519());
    assert!(refusal(&verifier, &SigningKey::ed25519().sign(header(), good())).contains("signature"));
}

#[test]
fn wrong_audience() {
    for audience in [
        json!("https://mcp.example.com/engineering"),
        json!("https://mcp.example.com"),
        json!("https://mcp.example.com/finance/x"),
        json!("https://mcp.example.com/Finance"),
        json!("desktop"),
        json!(""),
        json!([]),
        json!(["https://mcp.example.com/engineering", "desktop"]),
        Value::Null,
    ] {
        assert!(refused(but("aud", audience.clone())).contains("is for"), "{audience}");
    }
    for malformed in
        [json!(7), json!({"finance": RESOURCE}), json!([RESOURCE, 7]), json!([[RESOURCE]]), json!(true)]
    {
        assert!(refused(but("aud", malformed.clone())).contains("\"aud\""), "{malformed}");
    }
    for audience in [json!(RESOURCE), json!(["other", RESOURCE]), json!("api://finance")] {
        let _ = accepted(but("aud", audience));
    }
}

#[test]
fn wrong_issuer() {
    for issuer in [
        "https://login.example.com/realm/",
        "https://login.example.com/Realm",
        "https://LOGIN.example.com/realm",
        "https://login.example.com:443/realm",
        "http://login.example.com/realm",
        "https://login.example.com/realm?",
        " https://login.example.com/realm",
        "https://evil.example",
        "",
    ] {
        assert!(refused(but("iss", issuer)).contains("issuer"), "{issuer}");
    }
    for issuer in [Value::Null, json!([ISSUER]), json!(1)] {
        refused(but("iss", issuer));
    }
}

#[test]
fn expired_at_the_very_second() {
    let key = SigningKey::es256();
    let (verifier, token) = (verifier(&key), key.sign(header(), good()));
    let end = at(NOW + 240);
    assert!(verify_at(&verifier, &token, end - Duration::from_nanos(1)).is_ok());
    for late in [0, 1, 30, 1_000_000_000] {
        let denial = verify_at(&verifier, &token, end + Duration::from_secs(late)).unwrap_err();
        assert_eq!(denial.detail(), "the token has expired", "{late}");
    }
}

#[test]
fn without_an_end_or_with_one_that_is_no_time() {
    assert!(refused(but("exp", Value::Null)).contains("no end"));
    for end in [
        json!("1800000240"),
        json!(-1),
        json!(-1.5),
        json!(1e300),
        json!(NOW * 1000),
        json!(u64::MAX),
        json!([NOW + 240]),
        json!(true),
    ] {
        assert!(refused(but("exp", end.clone())).contains("\"exp\""), "{end}");
    }
    let key = SigningKey::es256();
    for end in ["null", "NaN", "Infinity", "1e999", "18446744073709551616", "-0.1", "1e-"] {
        let claims = good().to_string().replace(&(NOW + 240).to_string(), end);
        refusal(&verifier(&key), &key.sign_text("", r#"{"alg":"ES256","typ":"at+jwt"}"#, &claims));
    }
    let _ = accepted(but("exp", NOW as f64 + 0.5));
    assert!(refused(but("exp", NOW as f64 - 0.5)).contains("expired"));
    assert!(refused(but("exp", 0)).contains("expired"));
}

#[test]
fn not_yet_valid() {
    for claim in ["nbf", "iat", "auth_time"] {
        let _ = accepted(but(claim, NOW + 30));
        refused(but(claim, NOW + 31));
        refused(but(claim, "soon"));
        refused(but(claim, -1));
    }
    assert!(refused(but("nbf", NOW + 60)).contains("not good yet"));
}

#[test]
fn a_stripped_or_truncated_signature() {
    let key = SigningKey::es256();
    let (verifier, token) = (verifier(&key), key.sign(header(), good()));
    let start = token.rfind('.').unwrap();
    for end in start..token.len() {
        refusal(&verifier, &token[..end]);
    }
    for end in 0..start {
        refusal(&verifier, &token[..end]);
    }
}

#[test]
fn claims_swapped_under_a_signature() {
    let key = SigningKey::es256();
    let token = key.sign(header(), good());
    let admin = key.sign(header(), but("sub", "admin"));
    let (message, _) = admin.rsplit_once('.').unwrap();
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(refusal(&verifier(&key), &format!("{message}.{signature}")).contains("signature"));
}

#[test]
fn oversized() {
    let key = SigningKey::es256();
    assert!(
        refusal(&verifier(&key), &key.sign(header(), but("x", "x".repeat(20_000)))).contains("too large")
    );
    let small = JwtVerifier::builder(ISSUER, keys(&[&key])).max_size(300).build().unwrap();
    assert!(refusal(&small, &key.sign(header(), but("x", "x".repeat(300)))).contains("too large"));
    let mut many = good();
    for claim in good().as_object().unwrap().len()..256 {
        many[format!("c{claim}")] = 0.into();
    }
    assert!(verify(&verifier(&key), &key.sign(header(), many.clone())).is_ok());
    many["one more"] = 0.into();
    assert!(refusal(&verifier(&key), &key.sign(header(), many)).contains("too many claims"));
}

#[test]
fn one_claim_twice() {
    let key = SigningKey::es256();
    let verifier = verifier(&key);
    for second in [
        format!(r#""aud":"{RESOURCE}""#),
        r#""aud":"other""#.to_owned(),
        format!(r#""iss":"{ISSUER}""#),
        r#""iss":"https://evil.example""#.to_owned(),
        r#""\u0069ss":"https://evil.example""#.to_owned(),
        r#""sub":"admin""#.to_owned(),
        r#""exp":9999999999"#.to_owned(),
        r#""realm_access":{"roles":["user"],"roles":["admin"]}"#.to_owned(),
    ] {
        let claims = good().to_string();
        let claims = format!("{},{second}}}", claims.strip_suffix('}').unwrap());
        let token = key.sign_text("", r#"{"alg":"ES256","typ":"at+jwt"}"#, &claims);
        assert!(refusal(&verifier, &token).contains("two members of the same name"), "{second}");
    }
}

#[test]
fn an_id_token_or_another_token_of_the_issuer() {
    let key = SigningKey::es256();
    let strict = verifier(&key);
    for typ in ["JWT", "jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "application/x/at+jwt", "at+jwt2", ""]
    {
        assert!(refusal(&strict, &key.sign(json!({"typ": typ}), good())).contains("type"), "{typ}");
    }
    assert!(refusal(&strict, &key.sign(json!({}), good())).contains("type"));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert!(verify(&strict, &key.sign(json!({"typ": typ}), good())).is_ok(), "{typ}");
    }

    let lax =
        JwtVerifier::builder(ISSUER, keys(&[&key])).token_types(["JWT"]).untyped_tokens().build().unwrap();
    for header in [json!({"typ": "JWT"}), json!({"typ": "application/jwt"}), json!({})] {
        assert!(verify(&lax, &key.sign(header.clone(), good())).is_ok(), "{header}");
        for (claim, value) in [
            ("nonce", json!("n")),
            ("at_hash", json!("h")),
            ("c_hash", json!("h")),
            ("events", json!({})),
            ("typ", json!("ID")),
            ("typ", json!("Refresh")),
            ("typ", json!("Offline")),
            ("token_use", json!("id")),
        ] {
            let token = key.sign(header.clone(), but(claim, value));
            assert!(refusal(&lax, &token).contains("no access token"), "{claim}");
        }
        assert!(verify(&lax, &key.sign(header.clone(), but("typ", "Bearer"))).is_ok());
        // The audience of an ID token is the client.
        assert!(refusal(&lax, &key.sign(header, but("aud", "desktop"))).contains("is for"));
    }
}

#[test]
fn a_binding_that_nobody_here_checks() {
    let jkt = SigningKey::es256().jkt();
    for cnf in [
        json!({}),
        json!({"kid": "1"}),
        json!({"jwk": SigningKey::es256().jwk()}),
        json!({"jkt": jkt, "x5t#S256": jkt}),
        json!({"jkt": jkt, "new": 1}),
        json!({"jkt": "short"}),
        json!({"jkt": format!("{jkt}=")}),
        json!({"jkt": null}),
        json!(jkt),
        json!([jkt]),
        json!(null),
    ] {
        let mut claims = good();
        claims["cnf"] = cnf.clone();
        refused(claims);
    }
}

#[test]
fn an_actor_that_is_malformed_or_a_chain_without_end() {
    let nested =
        |depth| (0..depth).fold(json!({"sub": "agent"}), |act, _| json!({"sub": "agent", "act": act}));
    assert_eq!(accepted(but("act", nested(7))).principal().actors().len(), 8);
    for act in [
        nested(8),
        nested(60),
        json!("agent"),
        json!({}),
        json!([{"sub": "agent"}]),
        json!({"sub": 7}),
        json!({"sub": ""}),
        json!({"sub": "a\nb"}),
        json!({"sub": "agent", "iss": 7}),
        json!({"sub": "agent", "act": "x"}),
        json!({"sub": "agent", "act": null}),
        json!({"sub": "x".repeat(513)}),
    ] {
        let mut claims = good();
        claims["act"] = act.clone();
        assert!(refused(claims).contains("act"), "{act}");
    }
}

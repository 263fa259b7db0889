//! What can be set, and what can be set wrong.

use super::*;

#[test]
fn a_lifetime_of_its_own_ends_tokens_earlier() {
    let key = SigningKey::es256();
    let capped = |lifetime| {
        JwtVerifier::builder(ISSUER, keys(&[&key]))
            .max_lifetime(Duration::from_secs(lifetime))
            .build()
            .unwrap()
    };
    let token = key.sign(header(), good());
    // Issued 60 seconds ago.
    assert_eq!(verify(&capped(90), &token).unwrap().end(), Some(at(NOW + 30)));
    assert_eq!(verify(&capped(1_000), &token).unwrap().end(), Some(at(NOW + 240)));
    assert_eq!(verify(&capped(u64::MAX), &token).unwrap().end(), Some(at(NOW + 240)));
    assert!(refusal(&capped(60), &token).contains("expired"));
    assert!(refusal(&capped(90), &key.sign(header(), but("iat", Value::Null))).contains("iat"));
}

#[test]
fn algorithms_can_be_narrowed_down() {
    let key = SigningKey::rs256();
    let verifier =
        JwtVerifier::builder(ISSUER, keys(&[&key])).algorithms([Algorithm::Ps256]).build().unwrap();
    assert!(verify(&verifier, &key.sign(json!({"typ": "at+jwt", "alg": "PS256"}), good())).is_ok());
    assert!(refusal(&verifier, &key.sign(header(), good())).contains("not accepted"));
}

#[test]
fn what_can_accept_nothing_is_an_error() {
    let key = SigningKey::es256();
    let builder = |issuer| JwtVerifier::builder(issuer, keys(&[&key]));
    let none: [&str; 0] = [];
    for (setting, builder) in [
        ("algorithms", builder(ISSUER).algorithms([])),
        ("token_types", builder(ISSUER).token_types(none)),
        ("token_types", builder(ISSUER).token_types(["at+jwt", ""])),
        ("max_size", builder(ISSUER).max_size(0)),
        ("max_size", builder(ISSUER).max_size(16 * 1024 + 1)),
        ("max_claims", builder(ISSUER).max_claims(0)),
        ("max_lifetime", builder(ISSUER).max_lifetime(Duration::ZERO)),
        ("issuer", builder("")),
        ("issuer", builder("login.example.com")),
        ("issuer", builder("/realm")),
        ("issuer", builder("ftp://login.example.com")),
        ("issuer", builder("http://login.example.com")),
        ("issuer", builder("https://login.example.com/?realm=1")),
        ("issuer", builder("https://login.example.com/#realm")),
        ("issuer", builder("https://admin:secret@login.example.com")),
        ("issuer", builder("https://")),
    ] {
        assert_eq!(builder.build().unwrap_err().setting(), setting);
    }
    assert!(builder("http://127.0.0.1:4444").insecure_http_issuer().build().is_ok());
    assert!(builder(ISSUER).token_types(none).untyped_tokens().build().is_ok());
}

#[test]
fn paths_that_name_nothing_are_errors() {
    for path in ["", ".", "a.", ".a", "a..b", "a.b.c.d.e.f.g.h.i"] {
        assert!(ClaimMap::new().with_groups(path).is_err(), "{path}");
        assert!(ClaimMap::new().with_subject(path).is_err(), "{path}");
        assert!(ClaimMap::new().with_attribute("a", path).is_err(), "{path}");
    }
    assert!(ClaimMap::new().with_groups(r"a\.b.c\d").is_ok());
}

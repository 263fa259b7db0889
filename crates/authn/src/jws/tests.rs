#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use portcullis_testkit::idp::SigningKey;
use serde_json::{Value, json};

use super::*;

fn token(header: &str, payload: &str) -> String {
    SigningKey::ed25519().sign_text("EdDSA", header, payload)
}

/// What is wrong with a token of this header.
fn refusal(header: &str) -> String {
    Jws::parse(&token(header, "{}"), &Algorithm::ALL).expect_err(header).detail().to_owned()
}

#[test]
fn takes_a_token_apart() {
    let token = token(r#"{"alg":"EdDSA","kid":"1","typ":"JWT","jku":"https://evil.example/"}"#, r#"{"a":1}"#);
    let jws = Jws::parse(&token, &Algorithm::ALL).unwrap();
    assert_eq!((jws.algorithm(), jws.kid(), jws.typ()), (Algorithm::EdDsa, Some("1"), Some("JWT")));
    assert_eq!(jws.payload(), br#"{"a":1}"#);
    assert!(jws.jwk().is_none());
    assert_eq!(peek(&token).as_deref(), Some(&br#"{"a":1}"#[..]));
}

#[test]
fn alg_none_in_all_spellings_is_refused() {
    for none in ["none", "None", "NONE", "nOnE", "", " none", "none ", "n\\u006fne", "null"] {
        assert!(refusal(&format!(r#"{{"alg":"{none}"}}"#)).contains("is not accepted"), "{none}");
    }
    for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["EdDSA"]}"#, r#"{"alg":0}"#, r#"{"ALG":"EdDSA"}"#] {
        refusal(header);
    }
}

#[test]
fn symmetric_and_unknown_algorithms_are_refused() {
    for name in ["HS256", "HS384", "HS512", "ES512", "ES256K", "RSA-OAEP", "dir", "es256", "eddsa", "Ed448"] {
        assert!(refusal(&format!(r#"{{"alg":"{name}"}}"#)).contains("is not accepted"), "{name}");
    }
}

#[test]
fn an_algorithm_outside_of_the_list_is_refused() {
    let token = token(r#"{"alg":"EdDSA"}"#, "{}");
    assert!(Jws::parse(&token, &[Algorithm::Es256, Algorithm::Rs256]).is_err());
    assert!(Jws::parse(&token, &[]).is_err());
}

#[test]
fn extensions_that_change_the_reading_are_refused() {
    for member in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""cr\u0069t":["b64"]"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""zip":"DEF""#,
        r#""enc":"A256GCM""#,
    ] {
        assert!(refusal(&format!(r#"{{"alg":"EdDSA",{member}}}"#)).contains("extension"), "{member}");
    }
}

#[test]
fn a_header_that_can_be_read_in_two_ways_is_refused() {
    for header in [
        r#"{"alg":"EdDSA","alg":"none"}"#,
        r#"{"alg":"EdDSA","\u0061lg":"none"}"#,
        r#"{"alg":"EdDSA","kid":"a","kid":"b"}"#,
        r#"{"alg":"EdDSA","x":{"a":1,"a":2}}"#,
        r#"{"alg":"EdDSA"} {}"#,
        "\u{feff}{\"alg\":\"EdDSA\"}",
        r#"["EdDSA"]"#,
        "EdDSA",
        "",
    ] {
        refusal(header);
    }
    for member in [r#""kid":7"#, r#""kid":null"#, r#""typ":["JWT"]"#] {
        refusal(&format!(r#"{{"alg":"EdDSA",{member}}}"#));
    }
    refusal(&format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, "k".repeat(MAX_NAME + 1)));
}

#[test]
fn a_signature_that_was_stripped_is_missed() {
    let token = token(r#"{"alg":"EdDSA"}"#, "{}");
    let (message, signature) = token.rsplit_once('.').unwrap();
    for stripped in [message.to_owned(), format!("{message}."), format!("{message}..{signature}")] {
        assert!(Jws::parse(&stripped, &Algorithm::ALL).is_err(), "{stripped}");
    }
}

#[test]
fn anything_but_three_parts_is_refused() {
    let token = token(r#"{"alg":"EdDSA"}"#, "{}");
    for other in
        ["", ".", "..", "...", "a", "a.b", &format!("{token}.x"), &format!(".{token}"), &format!("{token}.")]
    {
        assert!(Jws::parse(other, &Algorithm::ALL).is_err(), "{other}");
    }
}

#[test]
fn a_token_has_one_spelling() {
    let token = token(r#"{"alg":"EdDSA"}"#, r#"{"a":"~~??~"}"#);
    assert!(Jws::parse(&token, &Algorithm::ALL).is_ok());
    let parts: Vec<&str> = token.split('.').collect();
    let padded = URL_SAFE.encode(decode(parts[1]).unwrap());
    let standard = STANDARD_NO_PAD.encode(decode(parts[1]).unwrap());
    // 64 bytes end in a character of which four bits stand for nothing, so it is one of these.
    let (start, last) = parts[2].split_at(parts[2].len() - 1);
    let twin = start.to_owned() + ["B", "R", "h", "x"]["AQgw".find(last).unwrap()];
    for spelling in [
        [parts[0], &padded, parts[2]],
        [parts[0], &standard, parts[2]],
        [parts[0], parts[1], &twin],
        [parts[0], parts[1], &format!("{}\n", parts[2])],
        [parts[0], parts[1], &format!(" {}", parts[2])],
        [&format!("{}%", parts[0]), parts[1], parts[2]],
    ] {
        assert!(Jws::parse(&spelling.join("."), &Algorithm::ALL).is_err(), "{spelling:?}");
    }
}

#[test]
fn an_oversized_token_is_refused_before_it_is_read() {
    let claims: Value = json!({"fill": "x".repeat(MAX_SIZE)});
    let token = SigningKey::ed25519().sign(json!({}), claims);
    assert!(Jws::parse(&token, &Algorithm::ALL).unwrap_err().detail().contains("16 KiB"));
    assert!(peek(&token).is_none());
}

#[test]
fn quotes_stay_short_and_on_one_line() {
    assert_eq!(quoted("a\nb\u{1b}[0m"), r#""a\nb\u{1b}[0m""#);
    assert!(quoted(&"é".repeat(10_000)).len() < 300);
}

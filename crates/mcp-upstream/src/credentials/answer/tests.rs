#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;

fn answer(status: u16, body: &str, wanted: Wanted<'_>) -> Result<Fresh<Secret>, Refused> {
    let response = Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    read("login.example.com", &response, wanted)
}

#[test]
fn a_good_answer_is_a_token_for_some_time() {
    let table = [
        (r#","expires_in":3600"#, 3600.0),
        (r#","expires_in":"3599""#, 3599.0),
        (r#","expires_in":1.5"#, 1.5),
        ("", 300.0),
        (r#","expires_in":null"#, 300.0),
        (r#","expires_in":1e300"#, 86_400.0),
        (r#","refresh_token":"never-used","scope":"a b","anything":{"else":[1]}"#, 300.0),
    ];
    for (more, seconds) in table {
        for kind in ["Bearer", "bearer", "BEARER"] {
            let body = format!(r#"{{"access_token":"t0ken","token_type":"{kind}"{more}}}"#);
            let fresh = answer(200, &body, Wanted::Bearer).unwrap();
            assert_eq!(
                (fresh.value.expose(), fresh.lifetime),
                ("t0ken", Some(Duration::from_secs_f64(seconds)))
            );
        }
    }
}

#[test]
fn what_is_no_token_is_refused_and_never_repeated() {
    let long = format!(r#"{{"access_token":"{}","token_type":"Bearer"}}"#, "a".repeat(MAX_TOKEN + 1));
    let huge =
        format!(r#"{{"access_token":"s3cr3t","token_type":"Bearer","x":"{}"}}"#, "a".repeat(MAX_ANSWER));
    let table = [
        ("nothing", ""),
        ("a page", "<html>s3cr3t"),
        ("an array", r#"["s3cr3t"]"#),
        ("no token", r#"{"token_type":"Bearer"}"#),
        ("an empty token", r#"{"access_token":"","token_type":"Bearer"}"#),
        ("two tokens", r#"{"access_token":"s3cr3t","access_token":"other","token_type":"Bearer"}"#),
        ("a line end", r#"{"access_token":"s3cr3t\r\nx-admin: 1","token_type":"Bearer"}"#),
        ("a space", r#"{"access_token":"s3cr3t other","token_type":"Bearer"}"#),
        ("not ASCII", r#"{"access_token":"s3cr3té","token_type":"Bearer"}"#),
        ("no type", r#"{"access_token":"s3cr3t"}"#),
        ("another type", r#"{"access_token":"s3cr3t","token_type":"mac"}"#),
        ("not a token", r#"{"access_token":"s3cr3t","token_type":"N_A"}"#),
        ("over at once", r#"{"access_token":"s3cr3t","token_type":"Bearer","expires_in":0}"#),
        ("over before", r#"{"access_token":"s3cr3t","token_type":"Bearer","expires_in":-1}"#),
        ("no number", r#"{"access_token":"s3cr3t","token_type":"Bearer","expires_in":"NaN"}"#),
        ("a token that is too long", &long),
        ("an answer that is too long", &huge),
    ];
    for (name, body) in table {
        let trouble = answer(200, body, Wanted::Bearer).expect_err(name).trouble;
        assert_eq!(trouble.kind(), FailureKind::Garbage, "{name}");
        assert!(!trouble.to_string().contains("s3cr3t"), "{name}: {trouble}");
        assert!(trouble.to_string().contains("login.example.com"), "{name}: {trouble}");
    }
}

#[test]
fn a_token_that_is_bound_to_a_key_is_refused_in_words_that_help() {
    let trouble =
        answer(200, r#"{"access_token":"s3cr3t","token_type":"DPoP"}"#, Wanted::Bearer).unwrap_err();
    assert_eq!(trouble.trouble.kind(), FailureKind::Reject);
    assert!(trouble.trouble.to_string().contains("DPoP"));
}

#[test]
fn an_exchange_gives_what_was_asked_for() {
    let issued = |issued: &str| {
        format!(
            r#"{{"access_token":"t","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:{issued}"}}"#
        )
    };
    let table = [
        ("access_token", Wanted::Exchanged(ACCESS_TOKEN), true),
        ("jwt", Wanted::Exchanged(ACCESS_TOKEN), true),
        ("refresh_token", Wanted::Exchanged(ACCESS_TOKEN), false),
        ("id-jag", Wanted::Exchanged(ACCESS_TOKEN), false),
        ("access_token", Wanted::Exchanged(JWT), false),
        ("jwt", Wanted::Exchanged(JWT), true),
        ("id-jag", Wanted::IdJag, true),
        ("access_token", Wanted::IdJag, false),
    ];
    for (kind, wanted, good) in table {
        assert_eq!(answer(200, &issued(kind), wanted).is_ok(), good, "{kind} {wanted:?}");
    }
    let unsaid = r#"{"access_token":"t","token_type":"Bearer"}"#;
    assert!(answer(200, unsaid, Wanted::Exchanged(ACCESS_TOKEN)).is_err());
    assert!(answer(200, unsaid, Wanted::IdJag).is_err());
    let grant = r#"{"access_token":"t","token_type":"N_A","issued_token_type":"urn:ietf:params:oauth:token-type:id-jag"}"#;
    assert!(answer(200, grant, Wanted::IdJag).is_ok());
}

#[test]
fn a_refusal_is_told_by_its_code_and_nothing_else() {
    use FailureKind::{Garbage, Overload, Reject, Unreachable};
    let table = [
        (400, r#"{"error":"invalid_grant","error_description":"s3cr3t"}"#, Reject, "invalid_grant"),
        (400, r#"{"error":"access_denied"}"#, Reject, "access_denied"),
        (403, r#"{"error":"insufficient_scope"}"#, Reject, "insufficient_scope"),
        (401, r#"{"error":"invalid_client"}"#, Reject, "invalid_client"),
        (400, r#"{"error":"s3cr3t"}"#, Reject, "400"),
        (400, "s3cr3t", Reject, "400"),
        (400, r#"{"error":"temporarily_unavailable"}"#, Unreachable, "temporarily_unavailable"),
        (429, "", Overload, "429"),
        (400, r#"{"error":"slow_down"}"#, Overload, "slow_down"),
        (500, r#"{"error":"invalid_grant"}"#, Unreachable, "invalid_grant"),
        (503, "s3cr3t", Unreachable, "503"),
        (302, "s3cr3t", Garbage, "redirects are not followed"),
        (404, "s3cr3t", Garbage, "404"),
    ];
    for (status, body, kind, text) in table {
        let refused = answer(status, body, Wanted::Bearer).unwrap_err();
        assert_eq!(refused.trouble.kind(), kind, "{status} {body}");
        let shown = refused.trouble.to_string();
        assert!(shown.contains(text) && !shown.contains("s3cr3t"), "{status} {body}: {shown}");
        assert_eq!(refused.is_client, body.contains("invalid_client"), "{status} {body}");
    }
}

use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};

use super::*;
use crate::Denial;

const METADATA: &str =
    r#"resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp""#;

fn challenges() -> Challenges {
    Challenges::new(&Resource::new("https://mcp.example.com/mcp").unwrap(), ["mcp:read"])
}

fn shown(response: &Response<Bytes>) -> Vec<String> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).into_iter();
    values.map(|value| value.to_str().unwrap().replace(METADATA, "META")).collect()
}

fn step_up(acr_values: Option<&str>, max_age: Option<u64>) -> Rejection {
    Rejection::StepUp { acr_values: acr_values.map(str::to_owned), max_age }
}

#[test]
fn each_rejection_has_its_status_and_challenge() {
    let (invalid, proof) = (Rejection::Invalid.description(), Rejection::InvalidProof.description());
    let (scope, again) = (Rejection::WantScope.description(), step_up(None, None).description());
    for (rejection, wanted, status, bearer) in [
        (Rejection::Missing, &["mcp:read"][..], 401, Some(r#"Bearer META, scope="mcp:read""#.to_owned())),
        (Rejection::Missing, &[], 401, Some("Bearer META".to_owned())),
        (
            Rejection::Missing,
            &["mcp:read", "api://finance/Tools.Call"],
            401,
            Some(r#"Bearer META, scope="mcp:read api://finance/Tools.Call""#.to_owned()),
        ),
        (
            Rejection::Invalid,
            &["mcp:read"],
            401,
            Some(format!(
                r#"Bearer error="invalid_token", error_description="{invalid}", META, scope="mcp:read""#
            )),
        ),
        (
            Rejection::InvalidProof,
            &["mcp:read"],
            401,
            // The error is not one of this scheme.
            Some(r#"Bearer META, scope="mcp:read""#.to_owned()),
        ),
        (
            Rejection::Malformed("Send one Authorization header."),
            &[],
            400,
            Some(
                r#"Bearer error="invalid_request", error_description="Send one Authorization header.", META"#
                    .to_owned(),
            ),
        ),
        (
            Rejection::WantScope,
            &["mcp:read", "mcp:write"],
            403,
            Some(format!(
                r#"Bearer error="insufficient_scope", error_description="{scope}", META, scope="mcp:read mcp:write""#
            )),
        ),
        (
            step_up(Some("urn:mfa phr"), Some(300)),
            &[],
            401,
            Some(format!(
                r#"Bearer error="insufficient_user_authentication", error_description="{again}", acr_values="urn:mfa phr", max_age="300", META"#
            )),
        ),
        (
            step_up(None, Some(0)),
            &[],
            401,
            Some(format!(
                r#"Bearer error="insufficient_user_authentication", error_description="{again}", max_age="0", META"#
            )),
        ),
        (Rejection::Forbid, &["mcp:read"], 403, None),
        (Rejection::Unavailable(Duration::from_secs(5)), &["mcp:read"], 503, None),
    ] {
        let response = challenges().answer(&Method::POST, &rejection, wanted);
        assert_eq!(response.status(), status, "{rejection:?}");
        assert_eq!(shown(&response), Vec::from_iter(bearer.clone()), "{rejection:?}");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");

        // With DPoP on, the first challenge stays and a second one follows.
        let response = challenges().dpop(["ES256", "EdDSA"]).answer(&Method::POST, &rejection, wanted);
        let dpop = bearer.clone().map(|bearer| match rejection {
            Rejection::InvalidProof => bearer.replace(
                "Bearer META",
                &format!(
                    r#"DPoP algs="ES256 EdDSA", error="invalid_dpop_proof", error_description="{proof}", META"#
                ),
            ),
            _ => bearer.replacen("Bearer ", r#"DPoP algs="ES256 EdDSA", "#, 1),
        });
        assert_eq!(shown(&response), Vec::from_iter(bearer.into_iter().chain(dpop)), "{rejection:?}");
    }
}

#[test]
fn bodies_say_what_to_do_and_never_why() {
    for (rejection, body) in [
        (
            Rejection::Missing,
            r#"{"error":"unauthorized","error_description":"Get an access token as the resource metadata describes, and send it in the Authorization header."}"#,
        ),
        (
            Rejection::Invalid,
            r#"{"error":"invalid_token","error_description":"The access token is not valid here or no longer valid. Get a new one and try again."}"#,
        ),
        (
            Rejection::InvalidProof,
            r#"{"error":"invalid_dpop_proof","error_description":"Send a fresh DPoP proof for this request, made with the key that the token is bound to."}"#,
        ),
        (
            Rejection::Malformed("Send \"one\" token."),
            r#"{"error":"invalid_request","error_description":"Send \"one\" token."}"#,
        ),
        (
            Rejection::WantScope,
            r#"{"error":"insufficient_scope","error_description":"Get an access token that has all the scopes named, and try again."}"#,
        ),
        (
            step_up(None, None),
            r#"{"error":"insufficient_user_authentication","error_description":"Sign in again in the way that is asked for, and try again with the new token."}"#,
        ),
        (
            Rejection::Forbid,
            r#"{"error":"access_denied","error_description":"This identity has no access here. Ask whoever runs the service."}"#,
        ),
        (
            Rejection::Unavailable(Duration::ZERO),
            r#"{"error":"temporarily_unavailable","error_description":"The identity cannot be checked at the moment. Try again later."}"#,
        ),
    ] {
        let response = challenges().answer(&Method::POST, &rejection, &["mcp:read"]);
        assert_eq!(response.body(), body);
        portcullis_core::json::check(response.body()).unwrap();

        let head = challenges().answer(&Method::HEAD, &rejection, &["mcp:read"]);
        assert!(head.body().is_empty());
        assert_eq!(head.status(), response.status());
        assert_eq!(head.headers()["content-length"], body.len().to_string().as_str());
        assert_eq!(shown(&head), shown(&response));
    }
}

#[test]
fn waits_are_whole_seconds_and_never_too_short() {
    for (wait, header) in [(0, "1"), (1, "1"), (999, "1"), (1_000, "1"), (1_001, "2"), (30_000, "30")] {
        let rejection = Rejection::Unavailable(Duration::from_millis(wait));
        let response = challenges().answer::<&str>(&Method::POST, &rejection, &[]);
        assert_eq!(response.headers()[RETRY_AFTER], header, "{wait} ms");
    }
    let for_ever = Rejection::Unavailable(Duration::MAX);
    assert_eq!(challenges().answer::<&str>(&Method::POST, &for_ever, &[]).status(), 503);
}

#[test]
fn nothing_breaks_out_of_the_quotes() {
    let hostile = "a\" b\\c\r\nSet-Cookie: d=\u{7f}é";
    let mut text = String::from("Bearer");
    push(&mut text, "scope", hostile);
    push(&mut text, "realm", "x");
    assert_eq!(text, r#"Bearer scope="a\" b\\c  Set-Cookie: d=  ", realm="x""#);
    assert!(HeaderValue::try_from(text).is_ok());
    let response =
        challenges().dpop([hostile]).answer(&Method::POST, &step_up(Some(hostile), None), &[hostile]);
    assert_eq!(response.headers().get_all(WWW_AUTHENTICATE).iter().count(), 2);
    assert!(!response.headers().contains_key("set-cookie"));
}

#[test]
fn descriptions_hold_what_the_grammar_of_error_description_allows() {
    // RFC 6750, section 3: no quote, no backslash, visible ASCII and space.
    for rejection in [
        Rejection::Missing,
        Rejection::Invalid,
        Rejection::InvalidProof,
        Rejection::WantScope,
        step_up(None, None),
        Rejection::Forbid,
        Rejection::Unavailable(Duration::ZERO),
    ] {
        let fits = |byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(rejection.description().bytes().all(fits), "{rejection:?}");
    }
}

#[test]
fn a_challenge_can_join_an_answer_of_somebody_else() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    challenges().append_to(&mut headers, &Rejection::WantScope, &["mcp:read".to_owned()]);
    assert_eq!(headers.len(), 2);
    assert!(headers[WWW_AUTHENTICATE].to_str().unwrap().contains(r#"scope="mcp:read""#));
}

#[test]
fn a_denial_becomes_a_rejection() {
    let wanted =
        crate::denial::StepUp::new().acr_value("gold").acr_value("silver").max_age(Duration::from_secs(60));
    let wait = Duration::from_secs(3);
    for (denial, rejection) in [
        (Denial::invalid("the signature is wrong"), Rejection::Invalid),
        (Denial::forbid("not in finance"), Rejection::Forbid),
        (Denial::step_up(wanted, "no second factor"), step_up(Some("gold silver"), Some(60))),
        (Denial::unavailable(wait, "login.example.com cannot be reached"), Rejection::Unavailable(wait)),
    ] {
        assert_eq!(Rejection::from(&denial), rejection);
        let response = challenges().dpop(["ES256"]).answer::<&str>(&Method::POST, &rejection, &[]);
        let told = format!("{:?} {:?}", response.headers(), response.body());
        assert!(!told.contains(denial.detail()), "{told}");
    }
}

#[test]
fn is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Challenges>();
    assert_send_sync::<Rejection>();
}

proptest::proptest! {
    /// Whatever the values are, a challenge is one header of so many parameters, and reads back.
    #[test]
    fn parameters_read_back(values in proptest::collection::vec(".{0,8}", 1..4)) {
        let mut text = String::from("Bearer");
        for value in &values {
            push(&mut text, "p", value);
        }
        proptest::prop_assert!(HeaderValue::try_from(&text).is_ok());
        let mut read = Vec::new();
        let mut chars = text.strip_prefix("Bearer").unwrap().chars();
        while let Some(char) = chars.next() {
            if char == '"' {
                let mut value = String::new();
                loop {
                    match chars.next().unwrap() {
                        '"' => break,
                        '\\' => value.push(chars.next().unwrap()),
                        char => value.push(char),
                    }
                }
                read.push(value);
            }
        }
        let plain = |value: &String| value.replace(|char: char| !matches!(char, ' '..='~'), " ");
        proptest::prop_assert_eq!(read, values.iter().map(plain).collect::<Vec<_>>());
    }
}

use std::time::Duration;

use portcullis_core::{Actor, Kind};

use super::*;
use crate::Verified;
use crate::biscuit::tests::{SERVICE, after, audience, now};
use crate::biscuit::{BiscuitVerifier, SigningKey};

const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange";
const ACCESS: &str = "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";

struct World {
    exchange: Exchange,
    verifier: BiscuitVerifier,
    alice: Principal,
}

impl World {
    fn new() -> Self {
        let key = SigningKey::generate();
        let verifier = BiscuitVerifier::new(key.public().to_string().parse().expect("a list"));
        let alice = Principal::new(Kind::User, "alice")
            .with_issuer("https://login.example.com")
            .with_scope("read")
            .with_scope("write")
            .acting_through(Actor::new("assistant").with_issuer("https://login.example.com"));
        Self { exchange: Exchange::new(Mint::new(key)), verifier, alice }
    }

    fn subject(&self) -> Subject<'_> {
        Subject::new(&self.alice, TOKEN, Some(after(3600)))
    }

    fn answer(&self, subject: &Subject<'_>, form: &str) -> (StatusCode, serde_json::Value) {
        let response = self.exchange.answer(subject, &audience(), form.as_bytes(), now());
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        (response.status(), serde_json::from_slice(response.body()).expect("JSON"))
    }

    fn minted(&self, subject: &Subject<'_>, form: &str) -> (Verified, serde_json::Value) {
        let (status, body) = self.answer(subject, form);
        assert_eq!(status, StatusCode::OK, "{body}");
        let token = body["access_token"].as_str().expect("a token");
        (self.verifier.judge(token, &audience(), now()).expect("verified"), body)
    }

    fn error(&self, subject: &Subject<'_>, form: &str) -> String {
        let (status, body) = self.answer(subject, form);
        assert_eq!(status, StatusCode::BAD_REQUEST, "{form}");
        assert!(body["error_description"].as_str().is_some_and(|text| text.ends_with('.')));
        body["error"].as_str().expect("an error").to_owned()
    }
}

#[test]
fn gives_a_token_that_says_who_the_user_is() {
    let world = World::new();
    let form =
        format!("{GRANT}&subject_token={TOKEN}&{ACCESS}&resource=https%3A%2F%2Fmcp.example.com&other=1");
    let (verified, body) = world.minted(&world.subject(), &form);
    assert_eq!(*verified.principal(), world.alice);
    assert_eq!(verified.end(), Some(after(300)));
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(body["scope"], "read write");
    // The token of the header is enough.
    assert_eq!(*world.minted(&world.subject(), GRANT).0.principal(), world.alice);
}

#[test]
fn gives_fewer_scopes_and_never_more() {
    let world = World::new();
    let (verified, body) = world.minted(&world.subject(), &format!("{GRANT}&scope=read"));
    assert_eq!(verified.principal().scopes().collect::<Vec<_>>(), ["read"]);
    assert_eq!(body["scope"], "read");
    for scope in ["admin", "read+admin", "Read"] {
        assert_eq!(world.error(&world.subject(), &format!("{GRANT}&scope={scope}")), "invalid_scope");
    }
}

#[test]
fn ends_with_the_users_token() {
    let world = World::new();
    let short = Subject::new(&world.alice, TOKEN, Some(after(20) + Duration::from_millis(900)));
    assert_eq!(world.minted(&short, GRANT).0.end(), Some(after(20)));
    for end in [now(), after(0), now() + Duration::from_millis(700)] {
        let ended = Subject::new(&world.alice, TOKEN, Some(end));
        assert_eq!(world.error(&ended, GRANT), "invalid_request");
    }
}

#[test]
fn names_the_first_agent() {
    let world = World::new();
    let (verified, _) = world.minted(&world.subject(), &format!("{GRANT}&actor=planner"));
    assert_eq!(crate::biscuit::tests::actors(&verified), ["assistant", "planner"]);
    assert_eq!(verified.principal().actors()[0].issuer(), Some("https://login.example.com"));
    assert_eq!(world.error(&world.subject(), &format!("{GRANT}&actor_token=x")), "invalid_request");
}

#[test]
fn is_for_this_service_only() {
    let world = World::new();
    for target in ["audience=api%3A%2F%2Ffinance", "resource=https%3A%2F%2Fmcp.example.com%2F"] {
        let _ = world.minted(&world.subject(), &format!("{GRANT}&{target}"));
    }
    for target in
        ["audience=https%3A%2F%2Fother.example", "resource=https%3A%2F%2Fmcp.example.com&audience=x"]
    {
        assert_eq!(world.error(&world.subject(), &format!("{GRANT}&{target}")), "invalid_target");
    }
}

#[test]
fn exchanges_the_token_that_was_verified_and_no_other() {
    let world = World::new();
    for form in [
        format!("{GRANT}&subject_token={TOKEN}x&{ACCESS}"),
        format!("{GRANT}&subject_token=x&{ACCESS}"),
        format!("{GRANT}&subject_token={TOKEN}"),
        format!(
            "{GRANT}&subject_token={TOKEN}&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Asaml2"
        ),
        format!("{GRANT}&subject_token={TOKEN}&subject_token={TOKEN}&{ACCESS}"),
    ] {
        assert_eq!(world.error(&world.subject(), &form), "invalid_request", "{form}");
    }
}

#[test]
fn bound_tokens_and_biscuits_are_not_exchanged() {
    let world = World::new();
    assert_eq!(world.error(&world.subject().bound(true), GRANT), "invalid_request");
    assert_eq!(world.error(&world.subject().limited(true), GRANT), "invalid_request");
    let token =
        Mint::new(SigningKey::generate()).mint(&Grant::new(&world.alice, SERVICE), now()).expect("minted");
    for text in [token.expose().to_owned(), format!("biscuit:{}", token.expose())] {
        let biscuit = Subject::new(&world.alice, &text, None);
        assert_eq!(world.error(&biscuit, GRANT), "invalid_request");
    }
}

#[test]
fn other_forms_are_refused() {
    let world = World::new();
    for (form, error) in [
        (String::new(), "invalid_request"),
        ("grant_type=".to_owned(), "invalid_request"),
        ("grant_type=client_credentials".to_owned(), "unsupported_grant_type"),
        (format!("{GRANT}&{GRANT}"), "invalid_request"),
        (format!("{GRANT}&requested_token_type=x"), "invalid_request"),
        (format!("{GRANT}&scope=%ff"), "invalid_request"),
        (format!("{GRANT}&x={}", "y".repeat(Exchange::MAX_BODY)), "invalid_request"),
        (format!("{GRANT}{}", "&x=1".repeat(40)), "invalid_request"),
    ] {
        assert_eq!(world.error(&world.subject(), &form), error, "{form}");
    }
    let refused = world.exchange.answer(&world.subject(), &audience(), &[0xff; 9], now());
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn serves_its_path_alone() {
    let exchange = World::new().exchange;
    assert!(exchange.serves("/oauth/exchange") && !exchange.serves("/oauth/exchange/"));
    assert!(exchange.path("/token").serves("/token"));
}

#[test]
fn an_actor_has_a_name_that_fits_on_a_line() {
    let world = World::new();
    for actor in ["a%0Ab", "a%00", "%C2%85", &"a".repeat(513)] {
        let form = format!("{GRANT}&actor={actor}");
        assert_eq!(world.error(&world.subject(), &form), "invalid_request", "{actor}");
    }
}

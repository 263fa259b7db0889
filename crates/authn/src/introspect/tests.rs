#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response, header};
use portcullis_core::{Kind, Secret};
use portcullis_fetch::{BoxFuture, Endpoint, Fetch, FetchError};
use tokio::sync::Notify;

use super::{IntrospectionVerifier, IntrospectionVerifierBuilder};
use crate::{Audience, Binding, Credential, Denial, DenialKind, Verified, Verifier};

const ISSUER: &str = "https://login.example.com";
const RESOURCE: &str = "https://mcp.example.com/mcp";

/// What the endpoint does.
#[derive(Clone, Debug)]
enum Act {
    Answer(u16, String),
    BreakOff,
    Hang,
    /// Answers when somebody says so.
    Wait(Arc<Notify>),
}

/// An endpoint that follows a script, and does the last of it again and again.
#[derive(Debug)]
struct Script {
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

impl Script {
    fn of(acts: impl IntoIterator<Item = Act>) -> Arc<Self> {
        Arc::new(Self { acts: Mutex::new(acts.into_iter().collect()), asked: Mutex::default() })
    }

    fn says(text: &str) -> Arc<Self> {
        Self::of([Act::Answer(200, text.to_owned())])
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Fetch for Script {
    fn fetch(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>> {
        self.asked.lock().unwrap().push(request);
        let mut acts = self.acts.lock().unwrap();
        let act = if acts.len() > 1 { acts.pop_front() } else { acts.front().cloned() };
        drop(acts);
        Box::pin(async move {
            let (status, text) = match act.expect("a script has an act") {
                Act::Answer(status, text) => (status, text),
                Act::BreakOff => return Err(FetchError::unreachable("login.example.com", "broken off")),
                Act::Hang => std::future::pending().await,
                Act::Wait(notify) => {
                    notify.notified().await;
                    (200, active(""))
                }
            };
            Ok(Response::builder().status(status).body(Bytes::from(text)).unwrap())
        })
    }
}

/// An answer that lets in, with more or other claims: of two claims of one name the later is left.
fn active(more: &str) -> String {
    let mut claims: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&format!(
        r#"{{"active": true, "sub": "alice", "aud": "{RESOURCE}", "iss": "{ISSUER}", "client_id": "app"}}"#
    ))
    .unwrap();
    let more: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!("{{{more}}}")).unwrap();
    claims.extend(more);
    claims.retain(|_, value| !value.is_null());
    serde_json::to_string(&claims).unwrap()
}

fn builder(script: &Arc<Script>) -> IntrospectionVerifierBuilder {
    let endpoint = Endpoint::new("https://login.example.com/introspect").unwrap();
    let fetch: Arc<dyn Fetch> = Arc::clone(script) as _;
    IntrospectionVerifier::builder(ISSUER, endpoint, fetch, "por tal", Secret::new("s3cr:t"))
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
}

async fn judge(verifier: &IntrospectionVerifier) -> Result<Verified, Denial> {
    let credential = Credential::Token(Secret::new("2YotnFZFEjr1zCsicMWpAA"));
    verifier.verify(&credential, &Audience::new(vec![RESOURCE.into()]), now()).await
}

async fn judge_answer(text: &str) -> Result<Verified, Denial> {
    judge(&builder(&Script::says(text)).build().unwrap()).await
}

fn is_unavailable(denial: &Denial) -> bool {
    matches!(denial.kind(), DenialKind::Unavailable(wait) if wait > Duration::ZERO)
}

#[tokio::test]
async fn asks_as_the_standard_says() {
    let script = Script::says(&active(""));
    assert!(judge(&builder(&script).build().unwrap()).await.is_ok());
    let asked = script.asked.lock().unwrap();
    let request = &asked[0];
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://login.example.com/introspect");
    assert_eq!(request.body(), "token=2YotnFZFEjr1zCsicMWpAA&token_type_hint=access_token");
    assert_eq!(request.headers()[header::ACCEPT], "application/json");
    // "por%20tal:s3cr%3At"
    assert_eq!(request.headers()[header::AUTHORIZATION], "Basic cG9yJTIwdGFsOnMzY3IlM0F0");
}

#[tokio::test]
async fn what_the_issuer_says_becomes_a_principal() {
    let verified = judge_answer(&active(
        r#""scope": "mcp echo:call", "groups": ["finance"], "amr": ["pwd", "otp"], "exp": 1000010, "iat": 999990,
           "act": {"sub": "planner", "act": {"sub": "desk"}}, "auth_time": 999000"#,
    ))
    .await
    .unwrap();
    let principal = verified.principal();
    assert_eq!((principal.kind(), principal.subject()), (Kind::User, "alice"));
    assert_eq!(principal.issuer(), Some(ISSUER));
    assert_eq!(principal.scopes().collect::<Vec<_>>(), ["mcp", "echo:call"]);
    assert!(principal.is_in("finance"));
    assert_eq!(principal.attribute("amr"), Some("pwd otp"));
    assert_eq!(principal.attribute("client_id"), Some("app"));
    let actors: Vec<_> = principal.actors().iter().map(portcullis_core::Actor::subject).collect();
    assert_eq!(actors, ["desk", "planner"]);
    assert_eq!(verified.end(), Some(now() + Duration::from_secs(10)), "the end of the token comes first");
}

#[tokio::test]
async fn a_verdict_is_believed_for_a_while_only() {
    let verified = judge_answer(&active(r#""exp": 2000000"#)).await.unwrap();
    assert_eq!(verified.end(), Some(now() + Duration::from_secs(30)));
    let verified = judge_answer(&active("")).await.unwrap();
    assert_eq!(verified.end(), Some(now() + Duration::from_secs(30)), "a token without an end of its own");
    let short = builder(&Script::says(&active(""))).cache_for(Duration::from_secs(2)).build().unwrap();
    assert_eq!(judge(&short).await.unwrap().end(), Some(now() + Duration::from_secs(2)));
}

#[tokio::test]
async fn a_program_is_named_by_its_client_id() {
    let verified = judge_answer(&active(r#""sub": null"#)).await.unwrap();
    assert_eq!((verified.principal().kind(), verified.principal().subject()), (Kind::Service, "app"));
}

#[tokio::test]
async fn a_user_whose_name_is_missing_is_not_taken_for_the_program() {
    let by_mail = crate::ClaimMap::new().with_subject("email").unwrap();
    let by_mail = |text: &str| builder(&Script::says(text)).claims(by_mail.clone()).build().unwrap();
    for verdict in [
        judge(&by_mail(&active(""))).await,
        judge_answer(&active(r#""sub": null, "username": "alice""#)).await,
    ] {
        assert_eq!(verdict.unwrap_err().kind(), DenialKind::Invalid);
    }
    for more in [r#""sub": "app""#, r#""sub": null, "username": "app""#] {
        let verified = judge(&by_mail(&active(more))).await.unwrap();
        assert_eq!((verified.principal().kind(), verified.principal().subject()), (Kind::Service, "app"));
    }
}

#[tokio::test]
async fn a_bound_token_stays_bound() {
    let thumbprint = "A".repeat(43);
    for (more, binding) in [
        (format!(r#""token_type": "DPoP", "cnf": {{"jkt": "{thumbprint}"}}"#), Binding::Key([0; 32])),
        (format!(r#""cnf": {{"jkt": "{thumbprint}"}}"#), Binding::Key([0; 32])),
        (format!(r#""cnf": {{"x5t#S256": "{thumbprint}"}}"#), Binding::Certificate([0; 32])),
    ] {
        let verified = judge_answer(&active(&more)).await.unwrap();
        assert_eq!(verified.binding(), Some(&binding), "{more}");
    }
    assert_eq!(judge_answer(&active(r#""token_type": "Bearer""#)).await.unwrap().binding(), None);
}

#[tokio::test]
async fn what_proves_nothing_is_refused() {
    for (what, text) in [
        ("not active", r#"{"active": false}"#.to_owned()),
        ("not active, with claims", active(r#""active": false"#)),
        ("of another issuer", active(r#""iss": "https://login.example.com/""#)),
        ("an issuer that is no text", active(r#""iss": 7"#)),
        ("for another service", active(r#""aud": "https://other.example.com/mcp""#)),
        ("for other services", active(r#""aud": ["https://other.example.com", "x"]"#)),
        ("for nobody", active(r#""aud": null"#)),
        ("expired", active(r#""exp": 1000000"#)),
        ("an end that is a text", active(r#""exp": "2000000""#)),
        ("not yet good", active(r#""nbf": 1000031"#)),
        ("issued in the future", active(r#""iat": 1000031"#)),
        ("nobody's", active(r#""sub": null, "client_id": null"#)),
        ("an empty name", active(r#""sub": """#)),
        ("a name of two lines", active(r#""sub": "alice\nroot""#)),
        ("DPoP without a key", active(r#""token_type": "DPoP""#)),
        (
            "DPoP with a certificate",
            active(&format!(r#""token_type": "dpop", "cnf": {{"x5t#S256": "{}"}}"#, "A".repeat(43))),
        ),
        ("bound in an unknown way", active(r#""cnf": {"kid": "x"}"#)),
        ("bound to nothing", active(r#""cnf": {}"#)),
        ("bound to a short thumbprint", active(r#""cnf": {"jkt": "AAAA"}"#)),
        ("an actor without a name", active(r#""act": {"iss": "x"}"#)),
        ("an actor that is a text", active(r#""act": "planner""#)),
        ("a refresh token of Keycloak's", active(r#""typ": "Refresh""#)),
        ("an ID token", active(r#""nonce": "n", "at_hash": "x""#)),
    ] {
        let denial = judge_answer(&text).await.expect_err(what);
        assert_eq!(denial.kind(), DenialKind::Invalid, "{what}: {denial}");
        assert!(!denial.detail().contains("2YotnFZF"), "{denial}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_lets_nobody_in() {
    let twice = format!(r#"{{"active": false, "active": true, {}"#, &active("")[1..]);
    let twice_inside = active("").replacen('}', r#", "act": {"sub": "a", "sub": "b"}}"#, 1);
    let escaped = format!(r#"{{"\u0061ctive": false, {}"#, &active("")[1..]);
    for (what, text) in [
        ("a text", active(r#""active": "true""#)),
        ("a number", active(r#""active": 1"#)),
        ("a list", active(r#""active": [true]"#)),
        ("not said", active(r#""active": null"#)),
        ("said twice", twice),
        ("said twice, once with an escape", escaped),
        ("a name twice further in", twice_inside),
        ("garbage", "<html>".to_owned()),
        ("nothing", String::new()),
        ("no object", "true".to_owned()),
        ("cut off", active("").trim_end_matches('}').to_owned()),
        ("10 MB", active(&format!(r#""x": "{}""#, "x".repeat(10_000_000)))),
        ("too many claims", active(&(0..300).map(|n| format!(r#""c{n}": 1"#)).collect::<Vec<_>>().join(","))),
    ] {
        let denial = judge_answer(&text).await.expect_err(what);
        assert!(is_unavailable(&denial), "{what}: {denial:?}");
    }
}

#[tokio::test]
async fn a_token_for_nobody_is_let_in_if_somebody_asked_for_that() {
    let lenient =
        |text: &str| builder(&Script::says(text)).insecure_accept_missing_audience().build().unwrap();
    assert!(judge(&lenient(&active(r#""aud": null"#))).await.is_ok());
    let denial = judge(&lenient(&active(r#""aud": "https://other.example.com""#))).await.unwrap_err();
    assert_eq!(
        denial.kind(),
        DenialKind::Invalid,
        "one that is for another service is still not for this one"
    );
}

#[tokio::test]
async fn a_missing_issuer_is_that_of_the_endpoint() {
    let verified = judge_answer(&active(r#""iss": null"#)).await.unwrap();
    assert_eq!(verified.principal().issuer(), Some(ISSUER));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_away_is_left_alone_for_a_while() {
    for first in [
        Act::BreakOff,
        Act::Hang,
        Act::Answer(401, String::new()),
        Act::Answer(403, String::new()),
        Act::Answer(503, String::new()),
        Act::Answer(429, String::new()),
    ] {
        let script = Script::of([first.clone(), first.clone(), Act::Answer(200, active(""))]);
        let verifier = builder(&script).fail_fast(Duration::from_secs(2)).build().unwrap();
        assert!(is_unavailable(&judge(&verifier).await.unwrap_err()), "{first:?}");
        for _ in 0..100 {
            assert!(is_unavailable(&judge(&verifier).await.unwrap_err()), "{first:?}");
        }
        assert_eq!(script.asked(), 1, "{first:?}");

        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(is_unavailable(&judge(&verifier).await.unwrap_err()), "{first:?}");
        assert!(is_unavailable(&judge(&verifier).await.unwrap_err()), "{first:?}");
        assert_eq!(script.asked(), 2, "{first:?}: one asks again");

        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(judge(&verifier).await.is_ok());
        assert!(judge(&verifier).await.is_ok());
        assert_eq!(script.asked(), 4, "{first:?}: all ask again");
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_pause_one_asks_and_the_others_do_not_wait_for_it() {
    let script = Script::of([Act::BreakOff, Act::Hang]);
    let verifier = Arc::new(builder(&script).build().unwrap());
    judge(&verifier).await.unwrap_err();
    tokio::time::advance(Duration::from_secs(2)).await;
    let probe = tokio::spawn({
        let verifier = Arc::clone(&verifier);
        async move { judge(&verifier).await }
    });
    tokio::task::yield_now().await;
    let before = tokio::time::Instant::now();
    assert!(is_unavailable(&judge(&verifier).await.unwrap_err()));
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(script.asked(), 2);
    probe.abort();
}

/// One token that its endpoint stumbles over must not lock out all others.
#[tokio::test(start_paused = true)]
async fn a_failure_over_one_token_is_no_pause_for_others() {
    for status in [400, 404, 500, 302] {
        let script = Script::of([Act::Answer(status, String::new()), Act::Answer(200, active(""))]);
        let verifier = builder(&script).build().unwrap();
        assert!(is_unavailable(&judge(&verifier).await.unwrap_err()), "{status}");
        assert!(judge(&verifier).await.is_ok());
    }
}

#[tokio::test]
async fn only_so_many_are_asked_about_at_once() {
    let notify = Arc::new(Notify::new());
    let script = Script::of([Act::Wait(Arc::clone(&notify))]);
    let verifier = Arc::new(builder(&script).max_in_flight(2).build().unwrap());
    let ask = || {
        let verifier = Arc::clone(&verifier);
        tokio::spawn(async move { judge(&verifier).await })
    };
    let (first, second) = (ask(), ask());
    while script.asked() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(is_unavailable(&judge(&verifier).await.unwrap_err()));
    assert_eq!(script.asked(), 2);

    // A caller who goes away gives the place back.
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let third = ask();
    while script.asked() < 3 {
        tokio::task::yield_now().await;
    }
    notify.notify_waiters();
    assert!(second.await.unwrap().is_ok() && third.await.unwrap().is_ok());
}

#[test]
fn recognizes_what_nobody_else_can_read() {
    let script = Script::says("{}");
    let (opaque, all) =
        (builder(&script).build().unwrap(), builder(&script).also_jwt_shaped().build().unwrap());
    let token = |text: &str| Credential::Token(Secret::new(text));
    for (credential, by_default, jwt_shaped) in [
        (token("2YotnFZFEjr1zCsicMWpAA"), true, true),
        (token("v1.local"), true, true),
        (token("a.b.c.d.e"), true, true),
        (token("eyJhbGciOiJFUzI1NiJ9.e30.c2ln"), false, true),
        (token("biscuit:En0KEwoEMTIzNBgDIgkKBwgK"), false, false),
        (Credential::ServiceToken { id: "a".into(), secret: Secret::new("b") }, false, false),
    ] {
        assert_eq!(
            (opaque.recognizes(&credential), all.recognizes(&credential)),
            (by_default, jwt_shaped),
            "{credential:?}"
        );
    }
    assert_eq!(script.asked(), 0);
}

#[test]
fn what_could_never_work_is_not_built() {
    let script = Script::says("{}");
    let endpoint = || Endpoint::new("https://login.example.com/introspect").unwrap();
    let with = |issuer: &str, client: &str| {
        IntrospectionVerifier::builder(issuer, endpoint(), Arc::clone(&script) as _, client, Secret::new("x"))
    };
    for (builder, setting) in [
        (with("", "portal"), "issuer"),
        (with("http://login.example.com", "portal"), "issuer"),
        (with(ISSUER, ""), "client_id"),
        (with(ISSUER, "portal").cache_for(Duration::ZERO), "cache_for"),
        (with(ISSUER, "portal").max_in_flight(0), "max_in_flight"),
    ] {
        assert_eq!(builder.build().unwrap_err().setting(), setting);
    }
    with("http://127.0.0.1:9", "portal").insecure_http_issuer().build().unwrap();
}

#[test]
fn shows_no_secret_and_is_shared() {
    fn assert_send_sync<T: Send + Sync>(_: &T) {}
    let verifier = builder(&Script::says("{}")).build().unwrap();
    assert_send_sync(&verifier);
    assert!(!format!("{verifier:?}").contains("s3cr"), "{verifier:?}");
}

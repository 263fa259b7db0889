//! The layer as its users see it, with a verifier that knows a few tokens.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use portcullis_authn::{AuthnLayer, Binding, Denial, Networks, Require, Resource, Scopes, Verified};
use portcullis_core::{Peer, Principal};
use tower::ServiceExt;
use tower_layer::Layer;

use support::{Known, START, Seen, alice, builder, layer, send, text};

#[tokio::test]
async fn a_verified_caller_gets_in_and_its_credential_does_not() {
    let (service, seen) = layer(builder(Known::new().token("good", Ok(alice()))));
    let request = Request::post("/mcp").header(AUTHORIZATION, "Bearer good").header("dpop", "proof");
    let response = send(&service, request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let Seen { headers, extensions } = seen.lock().unwrap().pop().unwrap();
    assert_eq!(extensions.get::<Principal>().unwrap().subject(), "alice");
    assert!(headers.get(AUTHORIZATION).is_none() && headers.get("dpop").is_none(), "{headers:?}");
}

#[tokio::test]
async fn nobody_gets_in_without_a_credential_and_is_told_where_to_get_one() {
    let (service, seen) = layer(builder(Known::new()));
    for request in [
        Request::post("/mcp"),
        Request::get("/mcp"),
        Request::delete("/mcp"),
        Request::post("/mcp").header(AUTHORIZATION, "Basic YTpi"),
        Request::post("/mcp").header("cookie", "token=good"),
    ] {
        let response = send(&service, request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(
            challenge.contains(
                r#"resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp""#
            ),
            "{challenge}"
        );
        assert!(challenge.contains(r#"scope="mcp""#) && !challenge.contains("error="), "{challenge}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn requests_that_two_readers_could_read_differently_are_refused() {
    let known = Known::new().token("good", Ok(alice()));
    let (service, seen) = layer(builder(known));
    let good = || Request::post("/mcp").header(AUTHORIZATION, "Bearer good");
    for (name, request) in [
        ("a token in the query", Request::post("/mcp?access_token=good")),
        ("a token in the query besides the header", good().uri("/mcp?a=b&access_token=good")),
        ("a token in the query, spelled with escapes", good().uri("/mcp?acces%73_token=good")),
        ("two Authorization headers", good().header(AUTHORIZATION, "Bearer other")),
        (
            "two kinds of credential",
            good().header("portcullis-client-id", "a").header("portcullis-client-secret", "b"),
        ),
        ("half a service token", Request::post("/mcp").header("portcullis-client-id", "a")),
        ("no token behind the scheme", Request::post("/mcp").header(AUTHORIZATION, "Bearer ")),
        (
            "two tokens in one header",
            Request::post("/mcp").header(AUTHORIZATION, "Bearer good, Bearer other"),
        ),
        ("a list of tokens", Request::post("/mcp").header(AUTHORIZATION, "Bearer good other")),
        (
            "an oversized token",
            Request::post("/mcp").header(AUTHORIZATION, format!("Bearer {}", "a".repeat(16 * 1024 + 1))),
        ),
    ] {
        let response = send(&service, request).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}");
        assert!(response.headers()[WWW_AUTHENTICATE].to_str().unwrap().contains("invalid_request"), "{name}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_credential_is_judged_once_and_its_denial_is_short() {
    let known = Known::new().token("good", Ok(alice())).token("bad", Err(Denial::invalid("test")));
    let asked = Arc::clone(&known.asked);
    let clock = known.clock.clone();
    let (service, _) = layer(builder(known));
    for _ in 0..3 {
        assert_eq!(text(&service, "good").await.0, StatusCode::OK);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    for _ in 0..3 {
        let (status, body) = text(&service, "bad").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(body.contains("invalid_token") && !body.contains("test"), "{body}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    clock.advance(Duration::from_secs(1));
    text(&service, "bad").await;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn of_many_who_come_with_one_credential_one_asks() {
    let known = Known::new().token("good", Ok(alice())).token("bad", Err(Denial::invalid("test")));
    let asked = Arc::clone(&known.asked);
    let (service, _) = layer(builder(known));
    for (token, status, sum) in [("good", StatusCode::OK, 1), ("bad", StatusCode::UNAUTHORIZED, 2)] {
        let all = futures_util::future::join_all((0..100).map(|_| text(&service, token))).await;
        assert!(all.iter().all(|(seen, _)| *seen == status), "{token}");
        assert_eq!(asked.load(Ordering::Relaxed), sum, "{token}");
    }
}

#[tokio::test]
async fn whoever_leaves_passes_the_turn_on() {
    let known = Known::new().token("good", Ok(alice()));
    let asked = Arc::clone(&known.asked);
    let (service, _) = layer(builder(known));
    let (mut first, mut second) = (Box::pin(text(&service, "good")), Box::pin(text(&service, "good")));
    for one in [&mut first, &mut second] {
        let once = std::future::poll_fn(|cx| std::task::Poll::Ready(one.as_mut().poll(cx).is_pending()));
        assert!(once.await);
    }
    drop(first);
    assert_eq!(second.await.0, StatusCode::OK);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_cached_verdict_ends_at_its_very_second() {
    let known = Known::new().token("short", Ok(alice().expires(START + Duration::from_secs(10))));
    let (clock, asked) = (known.clock.clone(), Arc::clone(&known.asked));
    let (service, _) = layer(builder(known));
    for (after, status) in [(0, StatusCode::OK), (9, StatusCode::OK), (10, StatusCode::UNAUTHORIZED)] {
        clock.set(START + Duration::from_secs(after));
        assert_eq!(text(&service, "short").await.0, status, "after {after} s");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_revocation_counts_with_the_next_request() {
    let known = Known::new().token("good", Ok(alice()));
    let (generation, tokens) = (Arc::clone(&known.generation), Arc::clone(&known.tokens));
    let (service, _) = layer(builder(known));
    assert_eq!(text(&service, "good").await.0, StatusCode::OK);
    tokens.lock().unwrap().clear();
    assert_eq!(text(&service, "good").await.0, StatusCode::OK, "nobody was told yet");
    generation.fetch_add(1, Ordering::Relaxed);
    assert_eq!(text(&service, "good").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_lacks_a_scope_is_told_all_that_its_operation_needs() {
    let scopes = Scopes::new().base(["mcp"]).unwrap().tool("merge", ["repo:write"]).unwrap();
    let known = Known::new()
        .token("scopeless", Ok(Verified::new(Principal::new(portcullis_core::Kind::User, "bob"))));
    let (authn, _permit) = builder(known).scopes(scopes).build_with_permit().unwrap();
    let (service, _) = support::around(&authn);
    let request = Request::post("/mcp")
        .header(AUTHORIZATION, "Bearer scopeless")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "merge");
    let response = send(&service, request).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    assert!(challenge.contains(r#"scope="mcp repo:write""#), "{challenge}");
}

#[tokio::test]
async fn what_cannot_be_checked_now_is_a_503() {
    let wait = Duration::from_millis(1500);
    let (service, _) = layer(builder(Known::new().token("any", Err(Denial::unavailable(wait, "down")))));
    let response = send(&service, Request::post("/mcp").header(AUTHORIZATION, "Bearer any")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "2");
}

#[tokio::test(start_paused = true)]
async fn a_verifier_that_hangs_is_not_waited_for() {
    let (service, seen) = layer(builder(Known::new().hanging("slow")));
    assert_eq!(text(&service, "slow").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_bound_token_is_good_in_one_pair_of_hands() {
    let certificate = portcullis_authn::ClientCertificate::new(&b"certificate"[..]);
    let bound = alice().bound_to(Binding::Certificate(certificate.thumbprint()));
    let known = Known::new()
        .token("certificate", Ok(bound))
        .token("key", Ok(alice().bound_to(Binding::Key([7; 32]))));
    let (service, _) = layer(builder(known));
    let request = |token: &str| Request::post("/mcp").header(AUTHORIZATION, token);
    let other = portcullis_authn::ClientCertificate::new(&b"other"[..]);
    for (name, request, status) in [
        ("in its hands", request("Bearer certificate").extension(certificate), StatusCode::OK),
        ("in other hands", request("Bearer certificate").extension(other), StatusCode::UNAUTHORIZED),
        ("in nobody's hands", request("Bearer certificate"), StatusCode::UNAUTHORIZED),
        ("a key nobody here checks", request("DPoP key").header("dpop", "x"), StatusCode::UNAUTHORIZED),
        ("a key, shown as if there were none", request("Bearer key"), StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(send(&service, request).await.status(), status, "{name}");
    }
}

#[tokio::test]
async fn where_a_key_is_required_a_certificate_does_not_stand_for_it() {
    let certificate = portcullis_authn::ClientCertificate::new(&b"certificate"[..]);
    let bound = alice().bound_to(Binding::Certificate(certificate.thumbprint()));
    for (dpop, status) in [
        (portcullis_authn::Dpop::new(), StatusCode::OK),
        (portcullis_authn::Dpop::new().required(), StatusCode::UNAUTHORIZED),
    ] {
        let known = Known::new().token("certificate", Ok(bound.clone()));
        let (service, _) = layer(builder(known).dpop(dpop));
        // The first is asked about, the second is known.
        for _ in 0..2 {
            let request = Request::post("/mcp").header(AUTHORIZATION, "Bearer certificate");
            assert_eq!(send(&service, request.extension(certificate.clone())).await.status(), status);
        }
    }
}

#[tokio::test]
async fn the_certificate_of_a_trusted_proxy_is_not_its_clients() {
    let certificate = portcullis_authn::ClientCertificate::new(&b"of the proxy"[..]);
    let bound = alice().bound_to(Binding::Certificate(certificate.thumbprint()));
    let networks = Networks::new().trusted_proxy("10.0.0.1").unwrap();
    let (service, _) = layer(builder(Known::new().token("bound", Ok(bound))).networks(networks));
    for (peer, status) in [("198.51.100.7", StatusCode::OK), ("10.0.0.1", StatusCode::UNAUTHORIZED)] {
        let request = Request::post("/mcp")
            .header(AUTHORIZATION, "Bearer bound")
            .extension(Peer { address: format!("{peer}:1").parse().unwrap() })
            .extension(certificate.clone());
        assert_eq!(send(&service, request).await.status(), status, "{peer}");
    }
}

#[tokio::test]
async fn a_network_counts_and_a_forged_one_does_not() {
    let networks =
        Networks::new().trusted_proxy("10.0.0.1").unwrap().named("office", ["192.0.2.0/24"]).unwrap();
    let require = Require::new().networks(["office"]).unwrap();
    let known = Known::new().token("good", Ok(alice()));
    let (service, seen) = layer(builder(known).networks(networks).require(require));
    let from = |peer: &str, forwarded: &str| {
        let address = format!("{peer}:1").parse().unwrap();
        Request::post("/mcp")
            .header(AUTHORIZATION, "Bearer good")
            .header("x-forwarded-for", forwarded)
            .extension(Peer { address })
    };
    for (name, request, status) in [
        ("from the office", from("10.0.0.1", "192.0.2.7"), StatusCode::OK),
        ("from elsewhere", from("10.0.0.1", "198.51.100.7"), StatusCode::FORBIDDEN),
        ("a forged header", from("198.51.100.7", "192.0.2.7"), StatusCode::FORBIDDEN),
        ("a forged hop", from("10.0.0.1", "192.0.2.7, 198.51.100.7"), StatusCode::FORBIDDEN),
        ("from the office again", from("10.0.0.1", "192.0.2.9"), StatusCode::OK),
    ] {
        assert_eq!(send(&service, request).await.status(), status, "{name}");
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].extensions.get::<Principal>().unwrap().attribute("network"), Some("office"));
}

#[tokio::test]
async fn a_token_cannot_say_from_where_it_comes() {
    let require = Require::new().attribute("network", ["office"]).unwrap();
    let minted = alice().principal().clone().with_attribute("network", "office");
    let known = Known::new().token("minted-in-the-office", Ok(Verified::new(minted)));
    let networks = Networks::new().named("office", ["192.0.2.0/24"]).unwrap();
    let (service, _) = layer(builder(known).networks(networks).require(require));
    for (peer, status) in [("198.51.100.7", StatusCode::FORBIDDEN), ("192.0.2.7", StatusCode::OK)] {
        let address = format!("{peer}:1").parse().unwrap();
        let request = Request::post("/mcp").header(AUTHORIZATION, "Bearer minted-in-the-office");
        let response = send(&service, request.extension(Peer { address })).await;
        assert_eq!(response.status(), status, "{peer}");
    }
}

#[tokio::test]
async fn the_metadata_is_public() {
    let (service, seen) = layer(builder(Known::new().issued_by("https://login.example.com")));
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let response = send(&service, Request::get(path)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body = support::read(response).await;
        assert!(body.contains(r#""resource":"https://mcp.example.com/mcp""#), "{body}");
        assert!(body.contains(r#""authorization_servers":["https://login.example.com"]"#), "{body}");
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_the_identity_that_opened_it() {
    use http_body_util::BodyExt;

    let known = Known::new()
        .token("short", Ok(alice().expires(START + Duration::from_secs(60))))
        .token("revoked", Ok(alice()));
    let (clock, generation) = (known.clock.clone(), Arc::clone(&known.generation));
    let tokens = Arc::clone(&known.tokens);
    let authn = builder(known).build().unwrap();
    let service = authn.layer(support::endless());
    let open = async |token: &str, method: &str| {
        let request =
            Request::builder().method(method).uri("/mcp").header(AUTHORIZATION, format!("Bearer {token}"));
        service.clone().oneshot(request.body(()).unwrap()).await.unwrap().into_body()
    };
    let (mut listening, mut calling) = (open("short", "GET").await, open("short", "POST").await);
    let mut revoked = open("revoked", "GET").await;
    let minutes = Duration::from_secs(120);
    assert!(tokio::time::timeout(minutes, listening.frame()).await.is_err(), "it holds");
    clock.set(START + Duration::from_secs(60));
    assert!(tokio::time::timeout(minutes, listening.frame()).await.unwrap().is_none(), "it is over");
    assert!(tokio::time::timeout(minutes, calling.frame()).await.is_err(), "a call is finished");
    generation.fetch_add(1, Ordering::Relaxed);
    assert!(tokio::time::timeout(minutes, revoked.frame()).await.is_err(), "another one was revoked");
    tokens.lock().unwrap().remove("revoked");
    generation.fetch_add(1, Ordering::Relaxed);
    assert!(tokio::time::timeout(minutes, revoked.frame()).await.unwrap().is_none(), "it is over");
}

#[tokio::test(start_paused = true)]
async fn a_stream_outlives_a_verdict_but_no_change_of_who_it_is() {
    use http_body_util::BodyExt;

    let until = |second| alice().expires(START + Duration::from_secs(second));
    let known = Known::new().token("renewed", Ok(until(30)));
    let (clock, tokens, asked) = (known.clock.clone(), Arc::clone(&known.tokens), Arc::clone(&known.asked));
    let authn = builder(known).build().unwrap();
    let request = Request::get("/mcp").header(AUTHORIZATION, "Bearer renewed");
    let service = authn.layer(support::endless());
    let mut body = service.clone().oneshot(request.body(()).unwrap()).await.unwrap().into_body();
    let minute = Duration::from_secs(60);
    let verdict = |verified| drop(tokens.lock().unwrap().insert("renewed".into(), Ok(verified)));

    // As an issuer that is asked about the token every half a minute would have it.
    verdict(until(60));
    clock.set(START + Duration::from_secs(30));
    assert!(tokio::time::timeout(minute, body.frame()).await.is_err(), "it goes on");
    let request = Request::post("/mcp").header(AUTHORIZATION, "Bearer renewed");
    service.oneshot(request.body(()).unwrap()).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2, "what the stream has found out, the request knows");

    let principal = alice().principal().clone().with_group("finance");
    verdict(Verified::new(principal).expires(START + Duration::from_secs(90)));
    clock.set(START + Duration::from_secs(60));
    assert!(tokio::time::timeout(minute, body.frame()).await.unwrap().is_none(), "it is over");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let resource = || Resource::new("https://mcp.example.com/mcp").unwrap();
    let known = Known::new;
    let office = Require::new().networks(["office"]).unwrap();
    let tools = Scopes::new().tool("merge", ["repo"]).unwrap();
    for (builder, named) in [
        (AuthnLayer::builder(resource()), "verifiers"),
        (builder(known()).audience(" "), "audience"),
        (builder(known()).max_credential(0), "max_credential"),
        (builder(known()).max_cached_bytes(0), "max_cached_bytes"),
        (builder(known()).verify_timeout(Duration::ZERO), "verify_timeout"),
        (builder(known()).require(office), "office"),
        (builder(known()).scopes(tools), "scopes"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[tokio::test]
async fn is_send_and_sync_and_shows_no_secret() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<AuthnLayer>();
    assert_send_sync::<portcullis_authn::Authn<()>>();
    let (service, _) = layer(builder(Known::new().token("s3cr3t", Ok(alice()))).hand_on_tokens());
    assert_eq!(text(&service, "s3cr3t").await.0, StatusCode::OK);
    let shown = format!("{service:?}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

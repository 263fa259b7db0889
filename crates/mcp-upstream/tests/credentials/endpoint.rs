//! Token endpoints that are gone, mute, or not what they should be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use portcullis_core::Body;
use portcullis_fetch::{BoxFuture, Endpoint, Fetch, FetchError};
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{Circuit, ClientCredentials, Credentials, OAuthClient, SecretSource};
use tokio::net::TcpListener;

use crate::issuer::{Issuer, client, plain, refusal, server, token, upstream};
use crate::support::field::{page, text_of};
use crate::support::{ask, call, to};

fn at(endpoint: Endpoint) -> Credentials {
    Credentials::client(ClientCredentials::new(endpoint, client())).unwrap()
}

async fn failure_of(credentials: Credentials) -> (FailureKind, String) {
    let server = server(|_| false).await;
    let upstream = upstream(&server, credentials);
    let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
    let again = Instant::now();
    assert_eq!(ask(&upstream, call("tools/call")).await.unwrap_err().kind(), failure.kind());
    assert!(again.elapsed() < Duration::from_secs(1), "the second call is told at once");
    assert_eq!(server.seen().len(), 0);
    (failure.kind(), failure.to_string())
}

#[tokio::test]
async fn gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (kind, text) =
        failure_of(at(Endpoint::insecure_http(&format!("http://{address}/token")).unwrap())).await;
    assert_eq!(kind, FailureKind::Unreachable);
    assert!(text.contains("127.0.0.1"), "{text}");
}

type Answer = fn() -> Response<Body>;

#[tokio::test]
async fn not_what_it_should_be() {
    let table: [(&str, FailureKind, Answer); 6] = [
        ("a page", FailureKind::Garbage, || page(200, "s3cr3t")),
        ("ten megabytes", FailureKind::Garbage, || page(200, &"s3cr3t".repeat(10 * 1024 * 1024 / 6))),
        ("ten megabytes of an error", FailureKind::Garbage, || {
            page(400, &"s3cr3t".repeat(10 * 1024 * 1024 / 6))
        }),
        ("in trouble", FailureKind::Unreachable, || page(503, "s3cr3t")),
        ("too busy", FailureKind::Overload, || page(429, "s3cr3t")),
        ("elsewhere", FailureKind::Garbage, || {
            let response = Response::builder().status(307).header("location", "http://127.0.0.1:1/s3cr3t");
            response.body(Body::empty()).unwrap()
        }),
    ];
    for (name, wanted, answer) in table {
        let issuer = Issuer::new(move |_, _| answer()).await;
        let (kind, text) = failure_of(at(issuer.endpoint())).await;
        assert_eq!(kind, wanted, "{name}: {text}");
        assert!(!text.contains("s3cr3t") && !text.contains("/token"), "{name}: {text}");
    }
}

/// Takes a request and never answers.
#[derive(Debug)]
struct Mute;

impl Fetch for Mute {
    fn fetch(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, FetchError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn mute() {
    let server = server(|_| false).await;
    let credentials =
        at(Endpoint::new("https://login.example.com/token").unwrap()).fetch_with(Arc::new(Mute));
    let upstream = upstream(&server, credentials);
    let start = tokio::time::Instant::now();
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move { ask(&upstream, call("tools/call")).await.unwrap_err().kind() })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), FailureKind::Timeout);
    }
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_mute_endpoint_is_not_the_servers_fault() {
    let server = server(|_| false).await;
    let credentials =
        at(Endpoint::new("https://login.example.com/token").unwrap()).fetch_with(Arc::new(Mute));
    let builder = to(server.address)
        .head_timeout(Duration::from_secs(1))
        .circuit(Circuit::new(1, Duration::from_secs(60)));
    let upstream = builder.credentials(credentials).build().unwrap();
    for _ in 0..3 {
        let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Timeout, "{failure}");
        assert_eq!(upstream.health().last_failure(), None);
    }
}

#[test]
fn secrets_go_over_tls() {
    assert!(Endpoint::new("http://login.example.com/token").is_err());
}

#[tokio::test]
async fn a_secret_that_has_changed_is_had_anew() {
    let path = std::env::temp_dir().join(format!("portcullis-client-{}", std::process::id()));
    std::fs::write(&path, "old\n").unwrap();
    let issuer = Issuer::new(|_, asked| match asked.field("client_secret") {
        Some("new") => token("token"),
        _ => refusal("invalid_client"),
    });
    let issuer = issuer.await;
    let client = OAuthClient::post("gateway", SecretSource::file(&path).unwrap()).unwrap();
    let server = server(|_| false).await;
    let credentials = Credentials::client(ClientCredentials::new(issuer.endpoint(), client)).unwrap();
    let upstream = upstream(&server, credentials);
    std::fs::write(&path, "new\n").unwrap();
    let answer = ask(&upstream, call("tools/call")).await.unwrap();
    assert_eq!((text_of(&answer).as_str(), issuer.asked().len()), ("Bearer token", 2));
    std::fs::remove_file(path).unwrap();

    // One that has not changed is not shown twice.
    let issuer = Issuer::new(|_, _| refusal("invalid_client")).await;
    let client = OAuthClient::post("gateway", plain("old")).unwrap();
    let credentials = Credentials::client(ClientCredentials::new(issuer.endpoint(), client)).unwrap();
    let upstream = crate::issuer::upstream(&server, credentials);
    assert!(ask(&upstream, call("tools/call")).await.is_err());
    assert_eq!(issuer.asked().len(), 1);
}

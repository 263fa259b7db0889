//! What is tried again, what is not, and what becomes of the connections.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::Channel;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{Circuit, HealthState, HttpUpstreamBuilder, Retries};
use support::{Play, Scripted, ask, call, json, read_request, result, serve_http, to};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn broken() -> Play {
    Play::WriteAndClose(vec![])
}

fn quick(builder: HttpUpstreamBuilder) -> HttpUpstreamBuilder {
    let retries = Retries::new(2).back_off(Duration::from_millis(2), Duration::from_millis(2));
    builder.retries(retries).randomness(|| 0)
}

#[tokio::test]
async fn only_reads_are_asked_again_once_the_server_may_have_them() {
    let table = [
        ("tools/list", 1, true, 2),
        ("resources/read", 2, true, 3),
        ("server/discover", 3, false, 3),
        ("tools/call", 1, false, 1),
        ("subscriptions/listen", 1, false, 1),
        ("acme/anything", 1, false, 1),
    ];
    for (method, failures, answered, requests) in table {
        let server = Scripted::new(vec![broken(); failures]).await;
        let upstream = quick(to(server.address)).build().unwrap();
        let outcome = ask(&upstream, call(method)).await;
        assert_eq!(outcome.is_ok(), answered, "{method}: {outcome:?}");
        assert!(
            outcome.is_ok() || outcome.is_err_and(|failure| failure.kind() == FailureKind::Close),
            "{method}"
        );
        assert_eq!(server.requests(), requests, "{method}");
    }
}

#[tokio::test]
async fn nothing_is_asked_again_when_that_is_not_wanted_or_the_server_has_answered() {
    let server = Scripted::new(vec![broken()]).await;
    let upstream = to(server.address).retries(Retries::none()).build().unwrap();
    assert!(ask(&upstream, call("tools/list")).await.is_err());
    assert_eq!(server.requests(), 1);

    let busy = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n".to_vec();
    let server = Scripted::new(vec![Play::WriteAndClose(busy)]).await;
    let upstream = quick(to(server.address)).build().unwrap();
    assert!(ask(&upstream, call("tools/list")).await.is_err());
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_call_is_sent_once_the_server_is_there() {
    // A port that is free now and taken by a server during the back-off.
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let retries = Retries::new(2).back_off(Duration::from_millis(200), Duration::from_millis(200));
    let upstream = to(address).retries(retries).build().unwrap();
    let waiting = tokio::spawn(async move { ask(&upstream, call("tools/call")).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let (mut socket, _) = listener.accept().await.unwrap();
    read_request(&mut socket).await.unwrap();
    socket.write_all(&json(&result(1))).await.unwrap();
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_pooled_connection_that_the_server_closed_costs_no_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = to(listener.local_addr().unwrap()).retries(Retries::none()).build().unwrap();
    for _ in 0..3 {
        let asked = ask(&upstream, call("tools/call"));
        let served = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            read_request(&mut socket).await.unwrap();
            socket.write_all(&json(&result(1))).await.unwrap();
            socket
        };
        let (answer, mut socket) = tokio::join!(asked, served);
        assert!(answer.is_ok(), "{answer:?}");
        // The server closes, as servers do with idle connections, and waits until the client has closed too.
        socket.shutdown().await.unwrap();
        assert_eq!(socket.read(&mut [0; 64]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_connection_is_used_again_after_every_kind_of_answer() {
    let (address, connections) = counting_server().await;
    let upstream = to(address).build().unwrap();
    for method in ["tools/call", "tools/list", "tools/call", "prompts/get", "tools/call"] {
        assert!(ask(&upstream, call(method)).await.is_ok());
        // The end of a stream comes after the answer; a moment is given to it.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// Answers `tools/call` with a stream whose end comes late, `prompts/get` with an error of HTTP, and all else with JSON.
async fn counting_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let made = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            made.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(support::serve_io(socket, |request: Request<Bytes>| async move {
                let response = Response::builder();
                if request.headers()["mcp-method"] != "tools/call" {
                    return response
                        .header("content-type", "application/json")
                        .body(Body::from(result(1)))
                        .unwrap();
                }
                let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
                tokio::spawn(async move {
                    let _ = sender.send_data(format!("data: {}\n\n", result(1)).into()).await;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                });
                response.header("content-type", "text/event-stream").body(Body::new(body)).unwrap()
            }));
        }
    });
    (address, connections)
}

#[tokio::test]
async fn a_server_that_is_down_is_left_alone_until_a_probe_finds_it() {
    let server = Scripted::new(vec![broken(), broken(), broken()]).await;
    let upstream = to(server.address)
        .retries(Retries::none())
        .circuit(Circuit::new(2, Duration::from_millis(100)))
        .build()
        .unwrap();
    let ask = || ask(&upstream, call("tools/call"));
    let kind =
        |outcome: Result<_, portcullis_mcp_jsonrpc::Failure>| outcome.map_err(|failure| failure.kind()).err();

    assert_eq!(kind(ask().await), Some(FailureKind::Close));
    assert_eq!(upstream.health().state(), HealthState::Degraded);
    assert_eq!(kind(ask().await), Some(FailureKind::Close));
    assert_eq!(upstream.health().state(), HealthState::Open);
    assert!(!upstream.health().state().takes_calls());

    for _ in 0..10 {
        assert_eq!(kind(ask().await), Some(FailureKind::Unreachable));
    }
    assert_eq!(server.requests(), 2, "nothing was sent");

    tokio::time::sleep(Duration::from_millis(110)).await;
    assert_eq!(upstream.health().state(), HealthState::Probing);
    assert_eq!(kind(ask().await), Some(FailureKind::Close));
    assert_eq!(kind(ask().await), Some(FailureKind::Unreachable));

    tokio::time::sleep(Duration::from_millis(110)).await;
    assert_eq!(kind(ask().await), None);
    assert_eq!(upstream.health().state(), HealthState::Up);
    assert_eq!(upstream.health().last_failure().map(|(kind, _)| kind), Some(FailureKind::Close));
}

#[tokio::test]
async fn a_server_that_says_no_is_up() {
    let no = [
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n".to_owned(),
        String::from_utf8(json(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#))
            .unwrap(),
    ];
    for text in no {
        let server = Scripted::new(vec![Play::Write(text.clone().into())]).await;
        let upstream = to(server.address).circuit(Circuit::new(1, Duration::from_secs(9))).build().unwrap();
        let _ = ask(&upstream, call("tools/call")).await;
        assert_eq!(upstream.health().state(), HealthState::Up, "{text}");
    }
    let trouble = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
    let server = Scripted::new(vec![Play::Write(trouble.into())]).await;
    let upstream = to(server.address).circuit(Circuit::new(1, Duration::from_secs(9))).build().unwrap();
    assert!(ask(&upstream, call("tools/call")).await.is_err());
    assert_eq!(upstream.health().state(), HealthState::Open);
}

#[tokio::test]
async fn a_server_without_an_answer_for_many_is_a_timeout_for_each() {
    let address = serve_http(|_: Request<Bytes>| std::future::pending()).await;
    let upstream = to(address).head_timeout(Duration::from_millis(100)).build().unwrap();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move { ask(&upstream, call("tools/list")).await.unwrap_err().kind() })
        })
        .collect();
    for asked in calls {
        assert_eq!(asked.await.unwrap(), FailureKind::Timeout);
    }
    assert_eq!(upstream.health().state(), HealthState::Open);
}

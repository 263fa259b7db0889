//! What a real server gets of a call: all that it needs, and nothing of the client's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use portcullis_core::{Body, Secret, Trail};
use portcullis_mcp_jsonrpc::{Call, Message};
use portcullis_mcp_upstream::HttpVersion;
use support::{ask, call, result, serve_http, to};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower::ServiceExt;

/// A server that answers every call, and what it was sent.
async fn recorder() -> (SocketAddr, UnboundedReceiver<Request<Bytes>>) {
    let (sender, receiver) = unbounded_channel();
    let address = serve_http(move |request: Request<Bytes>| {
        let _ = sender.send(request);
        let response = Response::builder().header("content-type", "application/json");
        std::future::ready(response.body(Body::from(result(1))).unwrap())
    });
    (address.await, receiver)
}

/// A call as it comes from a browser, a proxy and somebody who means harm, all in one.
fn call_with_baggage() -> Call {
    let (message, mut head) = call("tools/call").into_parts();
    let names = [
        ("authorization", "Bearer of-the-client"),
        ("proxy-authorization", "Basic of-the-client"),
        ("cookie", "session=of-the-client"),
        ("cookie", "more=of-the-client"),
        ("x-api-key", "of-the-client"),
        ("x-forwarded-for", "of-the-client"),
        ("forwarded", "for=of-the-client"),
        ("origin", "https://of-the-client"),
        ("referer", "https://of-the-client/"),
        ("user-agent", "of-the-client"),
        ("host", "of-the-client"),
        ("content-length", "7"),
        ("transfer-encoding", "chunked"),
        ("connection", "close, x-api-key"),
        ("accept", "text/html"),
        ("accept-encoding", "gzip"),
        ("mcp-session-id", "of-the-client"),
        ("last-event-id", "of-the-client"),
        ("mcp-method", "tools/list"),
        ("mcp-name", "other"),
        ("mcp-param-region", "eu"),
        ("traceparent", "of-the-client"),
    ];
    for (name, value) in names {
        head.headers.append(name, HeaderValue::from_static(value));
    }
    head.method = Method::DELETE;
    head.uri = "/of-the-client?a=b".parse().unwrap();
    head.extensions.insert(Trail::new());
    Call::from_parts(message, head)
}

#[tokio::test]
async fn nothing_of_the_client_goes_on() {
    let (address, mut sent) = recorder().await;
    let upstream = to(address)
        .bearer(Secret::new("of-the-gateway"))
        .unwrap()
        .header("X-Tenant", Secret::new("7"))
        .unwrap()
        .build()
        .unwrap();
    let call = call_with_baggage();
    let text = call.message().text().clone();
    assert!(ask(&upstream, call).await.is_ok());

    let request = sent.recv().await.unwrap();
    let (head, body) = request.into_parts();
    assert_eq!((head.method, head.uri.to_string()), (Method::POST, "/mcp".to_owned()));
    assert_eq!(body, text, "the very bytes");
    let length = text.len().to_string();
    let host = address.to_string();
    let expected = [
        ("accept", "application/json, text/event-stream"),
        ("authorization", "Bearer of-the-gateway"),
        ("content-length", &length),
        ("content-type", "application/json"),
        ("host", &host),
        ("mcp-method", "tools/call"),
        ("mcp-name", "echo"),
        ("mcp-param-region", "eu"),
        ("mcp-protocol-version", "2026-07-28"),
        ("x-tenant", "7"),
    ];
    let mut got: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    got.sort_unstable();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn the_injected_headers_go_with_every_call_and_the_clients_are_no_substitute() {
    let (address, mut sent) = recorder().await;
    let upstream = to(address).build().unwrap();
    for _ in 0..2 {
        assert!(ask(&upstream, call_with_baggage()).await.is_ok());
        let headers: HeaderMap = sent.recv().await.unwrap().headers().clone();
        assert!(!headers.contains_key("authorization"), "{headers:?}");
        assert!(!format!("{headers:?}").contains("of-the-client"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_notification_is_taken() {
    let address = serve_http(|_: Request<Bytes>| async {
        Response::builder().status(202).body(Body::empty()).unwrap()
    });
    let upstream = to(address.await).build().unwrap();
    let notification = Message::from_notification(
        "notifications/cancelled",
        &portcullis_mcp_jsonrpc::Fragment::parse(r#"{"requestId":1}"#).unwrap(),
    );
    let reply = upstream.oneshot(Call::new(notification)).await.unwrap();
    assert!(reply.is_empty());
}

#[tokio::test]
async fn http_is_spoken_as_asked_for() {
    let table = [
        (HttpVersion::Auto, Version::HTTP_11),
        (HttpVersion::Http1, Version::HTTP_11),
        (HttpVersion::Http2, Version::HTTP_2),
    ];
    for (asked, spoken) in table {
        let (address, mut sent) = recorder().await;
        let upstream = to(address).http_version(asked).build().unwrap();
        assert!(ask(&upstream, call_with_baggage()).await.is_ok());
        let request = sent.recv().await.unwrap();
        assert_eq!(request.version(), spoken, "{asked:?}");
        assert!(!format!("{:?}", request.headers()).contains("of-the-client"), "{asked:?}");
    }
}

#[tokio::test]
async fn sizes_are_limited() {
    let (address, _sent) = recorder().await;
    let length = result(1).len();
    for (limit, passes) in [(length, true), (length - 1, false)] {
        let upstream = to(address).max_answer(limit).build().unwrap();
        assert_eq!(ask(&upstream, call("tools/call")).await.is_ok(), passes, "{limit}");
    }
}

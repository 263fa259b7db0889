//! Streams without an end: what keeps them alive, and what ends them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::Channel;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::HttpVersion;
use support::{ask, call, next, result, serve_http, to};
use tower::ServiceExt;

const NEWS: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";

/// Sends so many comments, one every 50 ms, then a notification, then nothing.
async fn quiet(comments: usize) -> SocketAddr {
    serve_http(move |_: Request<Bytes>| async move {
        let (mut sender, body) = Channel::<Bytes, std::convert::Infallible>::new(1);
        tokio::spawn(async move {
            for _ in 0..comments {
                let _ = sender.send_data(Bytes::from_static(b":\n")).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let _ = sender.send_data(Bytes::from_static(NEWS.as_bytes())).await;
            std::future::pending::<()>().await;
        });
        Response::builder().header("content-type", "text/event-stream").body(Body::new(body)).unwrap()
    })
    .await
}

#[tokio::test]
async fn comments_keep_a_listening_stream_alive_past_every_other_limit() {
    let upstream = to(quiet(20).await)
        .listen_idle_timeout(Duration::from_millis(500))
        .idle_timeout(Duration::from_millis(10))
        .total_timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let mut reply = upstream.clone().oneshot(call("subscriptions/listen")).await.unwrap();
    let news = next(&mut reply).await.unwrap().unwrap();
    assert_eq!(news.method(), Some("notifications/tools/list_changed"));
    // Nothing keeps it alive from here on.
    let failure = next(&mut reply).await.unwrap().unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout, "{failure}");
    assert!(next(&mut reply).await.is_none());
}

#[tokio::test]
async fn comments_do_not_keep_any_other_call_alive_for_ever() {
    let upstream = to(quiet(1_000).await).total_timeout(Duration::from_millis(200)).build().unwrap();
    let mut reply = upstream.clone().oneshot(call("tools/call")).await.unwrap();
    let failure = next(&mut reply).await.unwrap().unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout);
    assert_eq!(failure.to_string(), "timed out: the call took longer than total_timeout");
}

#[tokio::test]
async fn a_reader_that_takes_its_time_is_no_silence() {
    let upstream = to(quiet(0).await).idle_timeout(Duration::from_millis(50)).build().unwrap();
    let mut reply = upstream.clone().oneshot(call("tools/call")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(next(&mut reply).await.unwrap().is_ok());
    tokio::time::sleep(Duration::from_millis(150)).await;
    let failure = next(&mut reply).await.unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "timed out: the response stood still for longer than its idle timeout");
}

/// hyper's server lets a connection carry 200 streams at a time.
#[tokio::test]
async fn streams_without_an_end_do_not_use_up_the_connection_of_the_calls() {
    let address = serve_http(|request: Request<Bytes>| async move {
        let response = Response::builder();
        if request.headers()["mcp-method"] != "subscriptions/listen" {
            return response.header("content-type", "application/json").body(Body::from(result(1))).unwrap();
        }
        let (mut sender, body) = Channel::<Bytes, std::convert::Infallible>::new(1);
        tokio::spawn(async move {
            let _ = sender.send_data(Bytes::from_static(NEWS.as_bytes())).await;
            std::future::pending::<()>().await;
        });
        response.header("content-type", "text/event-stream").body(Body::new(body)).unwrap()
    })
    .await;
    let upstream = to(address).http_version(HttpVersion::Http2).build().unwrap();
    let mut open = Vec::new();
    for _ in 0..200 {
        let mut reply = upstream.clone().oneshot(call("subscriptions/listen")).await.unwrap();
        assert!(next(&mut reply).await.unwrap().is_ok());
        open.push(reply);
    }
    assert!(ask(&upstream, call("tools/call")).await.is_ok());
}

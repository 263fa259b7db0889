//! When the client goes away, the server is told within 100 ms.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use portcullis_core::Body;
use portcullis_mcp_upstream::{HttpUpstream, HttpVersion};
use support::{Gone, ask, call, next, result, serve_http, to};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower::ServiceExt;

const SOON: Duration = Duration::from_millis(100);

/// A server that works for ever on every `tools/call`, before the head of its answer or after; it tells when it has
/// begun and when it has stopped. Other methods it answers.
async fn busy(after_the_head: bool) -> (SocketAddr, UnboundedReceiver<()>, UnboundedReceiver<()>) {
    let (begin, begun) = unbounded_channel();
    let (stop, stopped) = unbounded_channel();
    let address = serve_http(move |request: Request<Bytes>| {
        let (begin, gone) = (begin.clone(), Gone(stop.clone()));
        async move {
            let response = Response::builder();
            if request.headers()["mcp-method"] != "tools/call" {
                std::mem::forget(gone);
                return response
                    .header("content-type", "application/json")
                    .body(Body::from(result(1)))
                    .unwrap();
            }
            let _ = begin.send(());
            if !after_the_head {
                std::future::pending::<()>().await;
            }
            let progress = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n".to_owned();
            response.header("content-type", "text/event-stream").body(gone.after(progress)).unwrap()
        }
    });
    (address.await, begun, stopped)
}

fn upstream(address: SocketAddr, version: HttpVersion) -> HttpUpstream {
    to(address).http_version(version).build().unwrap()
}

async fn assert_stops(stopped: &mut UnboundedReceiver<()>, what: &str) {
    let start = Instant::now();
    stopped.recv().await.unwrap();
    assert!(start.elapsed() < SOON, "{what}: {:?}", start.elapsed());
}

#[tokio::test]
async fn before_the_head() {
    for version in [HttpVersion::Http1, HttpVersion::Http2] {
        let (address, mut begun, mut stopped) = busy(false).await;
        let upstream = upstream(address, version);
        let waiting = tokio::spawn(upstream.clone().oneshot(call("tools/call")));
        begun.recv().await.unwrap();
        waiting.abort();
        assert_stops(&mut stopped, &format!("{version:?}")).await;
        assert!(ask(&upstream, call("tools/list")).await.is_ok(), "{version:?}: the next call");
    }
}

#[tokio::test]
async fn within_the_answer() {
    for version in [HttpVersion::Http1, HttpVersion::Http2] {
        let (address, mut begun, mut stopped) = busy(true).await;
        let upstream = upstream(address, version);
        let mut reply = upstream.clone().oneshot(call("tools/call")).await.unwrap();
        begun.recv().await.unwrap();
        assert!(next(&mut reply).await.unwrap().is_ok());
        // The client waits for more.
        assert!(is_silent(&mut reply).await);
        drop(reply);
        assert_stops(&mut stopped, &format!("{version:?}")).await;
        assert!(ask(&upstream, call("tools/list")).await.is_ok(), "{version:?}: the next call");
    }
}

#[tokio::test]
async fn between_two_messages_or_before_the_first() {
    for version in [HttpVersion::Http1, HttpVersion::Http2] {
        for messages in [0, 1] {
            let (address, _begun, mut stopped) = busy(true).await;
            let upstream = upstream(address, version);
            let mut reply = upstream.clone().oneshot(call("tools/call")).await.unwrap();
            for _ in 0..messages {
                assert!(next(&mut reply).await.unwrap().is_ok());
            }
            drop(reply);
            assert_stops(&mut stopped, &format!("{version:?} {messages}")).await;
            assert!(ask(&upstream, call("tools/list")).await.is_ok(), "{version:?}: the next call");
        }
    }
}

/// Whether the reply has nothing to say yet.
async fn is_silent(reply: &mut portcullis_mcp_jsonrpc::Reply) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(reply.poll_message(cx).is_pending())).await
}

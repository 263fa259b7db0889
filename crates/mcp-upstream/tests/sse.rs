//! HTTP+SSE, as servers of 2024 speak it by the book and otherwise.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use portcullis_core::Secret;
use portcullis_mcp_jsonrpc::{Call, FailureKind, Fragment, Id, Message};
use portcullis_mcp_upstream::{Era, HttpUpstream, HttpUpstreamBuilder, Retries};
use support::field::{Field, events, json_response, open_events, page, status, text_of};
use support::{Play, Scripted, ask, call, call_with_id, next, to};
use tower::ServiceExt;

fn builder(server: &Field) -> HttpUpstreamBuilder {
    to(server.address).era(Era::Sse).retries(Retries::none())
}

fn upstream(server: &Field) -> HttpUpstream {
    builder(server).build().unwrap()
}

async fn said_by(upstream: &HttpUpstream) -> String {
    text_of(&ask(upstream, call("tools/call")).await.unwrap())
}

#[tokio::test]
async fn everything_comes_on_one_stream() {
    let server = Field::sse().await;
    let upstream = builder(&server).bearer(Secret::new("of-the-gateway")).unwrap().build().unwrap();
    let calls: Vec<_> = (0..20)
        .map(|id| {
            let upstream = upstream.clone();
            tokio::spawn(async move { ask(&upstream, call_with_id(id % 3, "tools/call")).await.unwrap() })
        })
        .collect();
    for (id, call) in calls.into_iter().enumerate() {
        let answer = call.await.unwrap();
        assert_eq!(answer.id(), Some(&Id::from(id as i64 % 3)));
        assert_eq!(text_of(&answer), "stream 0");
    }
    assert_eq!((server.count("GET"), server.count("POST initialize")), (1, 1));
    for seen in server.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer of-the-gateway"));
        assert!(seen.header("mcp-session-id").is_none() && seen.header("mcp-method").is_none());
        assert_eq!(seen.path, if seen.verb == Method::GET { "/mcp" } else { "/messages/0" });
    }
}

#[tokio::test]
async fn an_endpoint_is_of_the_same_origin() {
    let thief = Scripted::new(vec![]).await;
    let table = [
        ("/messages/0", true),
        ("messages/0", true),
        ("http://SERVER/messages/0", true),
        ("//SERVER/messages/0", true),
        ("http://THIEF/messages/0", false),
        ("//THIEF/messages/0", false),
        ("https://SERVER/messages/0", false),
        ("http://SERVER@THIEF/messages/0", false),
        ("ftp://SERVER/messages/0", false),
        ("javascript:alert(1)", false),
        ("http://user:pass@SERVER/messages/0", false),
        ("", false),
    ];
    for (endpoint, passes) in table {
        let server = Field::sse().await;
        let endpoint = endpoint.replace("SERVER", &server.address.to_string());
        let endpoint = endpoint.replace("THIEF", &thief.address.to_string());
        let (by_the_book, named) = (server.clone(), endpoint.clone());
        server.becomes(move |seen| {
            let (server, endpoint) = (by_the_book.clone(), named.clone());
            async move {
                Some(if seen.verb == Method::GET {
                    server.open_sse(&endpoint)
                } else {
                    server.sse_by_the_book(&seen)
                })
            }
        });
        let outcome = ask(
            &builder(&server).bearer(Secret::new("s3cr3t")).unwrap().build().unwrap(),
            call("tools/call"),
        )
        .await;
        match outcome {
            Ok(answer) => assert!(passes && text_of(&answer) == "stream 0", "{endpoint}"),
            Err(failure) => {
                assert!(!passes && failure.kind() == FailureKind::Garbage, "{endpoint}: {failure}");
                assert_eq!(server.seen().len(), 1, "{endpoint}: nothing was posted");
            }
        }
    }
    assert_eq!(thief.connections(), 0);
}

#[tokio::test]
async fn a_stream_that_does_not_begin_with_an_endpoint_is_none() {
    let endless = open_events(": open\n\n");
    let held = Arc::new(Mutex::new(Some(endless.1)));
    let server = Field::sse().await;
    type Open = Box<dyn Fn() -> http::Response<portcullis_core::Body> + Send + Sync>;
    let table: [(&str, Open, FailureKind); 8] = [
        ("another event", Box::new(|| events("data: {}\n\n")), FailureKind::Garbage),
        ("no event", Box::new(|| events(": hello\n\n")), FailureKind::Garbage),
        (
            "a huge one",
            Box::new(|| events(format!("event: endpoint\ndata: /{}\n\n", "a".repeat(70_000)))),
            FailureKind::Oversize,
        ),
        ("no text", Box::new(|| events("event: endpoint\n\n")), FailureKind::Garbage),
        ("a page", Box::new(|| page(200, "hello")), FailureKind::Garbage),
        ("404", Box::new(|| status(404)), FailureKind::Garbage),
        ("401", Box::new(|| status(401)), FailureKind::Reject),
        ("silence", Box::new(move || held.lock().unwrap().take().unwrap()), FailureKind::Timeout),
    ];
    for (name, open, kind) in table {
        let open = Arc::new(open);
        server.becomes(move |_| {
            let open = Arc::clone(&open);
            async move { Some(open()) }
        });
        let upstream =
            builder(&server).max_event(64 * 1024).head_timeout(Duration::from_millis(200)).build().unwrap();
        let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{name}: {failure}");
    }
    drop(endless.0);
}

#[tokio::test]
async fn a_session_that_was_forgotten_is_begun_anew_without_a_word() {
    // The server forgets the session, and the stream stays open.
    let server = Field::sse().await;
    let upstream = upstream(&server);
    assert_eq!(said_by(&upstream).await, "stream 0");
    let by_the_book = server.clone();
    server.becomes(move |seen| {
        let server = by_the_book.clone();
        async move {
            Some(match &*seen.path {
                "/messages/0" => page(404, "Could not find session"),
                _ => server.sse_by_the_book(&seen),
            })
        }
    });
    assert_eq!(said_by(&upstream).await, "stream 1");
    assert_eq!(server.count("POST initialize"), 2);
}

#[tokio::test]
async fn a_stream_that_ends_ends_the_calls_on_it_and_no_others() {
    let server = Field::sse().await;
    let by_the_book = server.clone();
    server.becomes(move |seen| {
        let server = by_the_book.clone();
        async move {
            let hangs = seen.method == "tools/call" && seen.path == "/messages/0";
            Some(if hangs { status(202) } else { server.sse_by_the_book(&seen) })
        }
    });
    let upstream = upstream(&server);
    let waiting = tokio::spawn({
        let upstream = upstream.clone();
        async move { ask(&upstream, call("tools/call")).await }
    });
    server.saw("POST tools/call").await;
    server.end_sse(0);
    let failure = waiting.await.unwrap().unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Close, "{failure}");
    assert_eq!(server.count("POST tools/call"), 1, "it may have had its effect");
    assert_eq!(said_by(&upstream).await, "stream 1");
}

#[tokio::test]
async fn changes_and_progress_go_where_they_belong() {
    let server = Field::sse().await;
    let by_the_book = server.clone();
    server.becomes(move |seen| {
        let server = by_the_book.clone();
        async move {
            if seen.method == "tools/call" {
                server.push_sse(0, r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#);
            }
            Some(server.sse_by_the_book(&seen))
        }
    });
    let upstream = upstream(&server);
    let params = r#"{"notifications":{"toolsListChanged":true},"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{}}}"#;
    let listen =
        Message::from_request(&Id::from(9), "subscriptions/listen", &Fragment::parse(params).unwrap());
    let mut changes = upstream.clone().oneshot(Call::new(listen)).await.unwrap();
    let first = next(&mut changes).await.unwrap().unwrap();
    assert_eq!(first.method(), Some("notifications/subscriptions/acknowledged"));
    assert_eq!(said_by(&upstream).await, "stream 0");
    let second = next(&mut changes).await.unwrap().unwrap();
    assert_eq!(second.method(), Some("notifications/tools/list_changed"));
}

#[tokio::test]
async fn time_runs_out_for_a_call_and_not_for_the_stream() {
    let server = Field::sse().await;
    let by_the_book = server.clone();
    server.becomes(move |seen| {
        let server = by_the_book.clone();
        async move { Some(if seen.method == "tools/call" { status(202) } else { server.sse_by_the_book(&seen) }) }
    });
    let upstream = builder(&server).head_timeout(Duration::from_millis(200)).build().unwrap();
    let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout, "{failure}");
    server.saw("POST notifications/cancelled").await;
    assert!(ask(&upstream, call("tools/list")).await.is_ok());
    assert_eq!(server.count("GET"), 1);
}

#[tokio::test]
async fn garbage_on_the_stream_ends_it() {
    let server = Field::sse().await;
    let by_the_book = server.clone();
    server.becomes(move |seen| {
        let server = by_the_book.clone();
        async move {
            if seen.method == "tools/call" && seen.path == "/messages/0" {
                server.push_sse(0, "{]");
                return Some(status(202));
            }
            Some(server.sse_by_the_book(&seen))
        }
    });
    let upstream = upstream(&server);
    let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Garbage, "{failure}");
    assert_eq!(said_by(&upstream).await, "stream 1");
}

#[tokio::test]
async fn credentials_are_the_gateways_affair() {
    for wrong in ["initialize", "tools/call"] {
        let server = Field::sse().await;
        let by_the_book = server.clone();
        server.becomes(move |seen| {
            let server = by_the_book.clone();
            async move {
                Some(if seen.method == wrong {
                    json_response(401, &seen.error(-32000, "session: login"))
                } else {
                    server.sse_by_the_book(&seen)
                })
            }
        });
        let failure = ask(&upstream(&server), call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Reject, "{wrong}: {failure}");
    }
}

/// Only the first event says where messages go.
#[tokio::test]
async fn a_second_endpoint_changes_nothing() {
    let server = Field::sse().await;
    let upstream = builder(&server).bearer(Secret::new("s3cr3t")).unwrap().build().unwrap();
    assert_eq!(said_by(&upstream).await, "stream 0");
    let thief = Scripted::new(vec![]).await;
    server.push_sse(0, &format!("\n\nevent: endpoint\ndata: http://{}/x", thief.address));
    server.push_sse(0, "\n\nevent: endpoint\ndata: /elsewhere");
    assert_eq!(said_by(&upstream).await, "stream 0");
    assert!(server.seen().iter().all(|seen| seen.path != "/elsewhere"));
    assert_eq!((thief.connections(), server.count("GET")), (0, 1));
}

#[tokio::test]
async fn an_event_without_end_is_not_held() {
    let endless = Play::WriteForEver(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: endpoint\ndata: /".to_vec(),
        vec![b'x'; 64 * 1024],
    );
    let server = Scripted::new(vec![endless]).await;
    let upstream =
        to(server.address).era(Era::Sse).retries(Retries::none()).max_event(1 << 20).build().unwrap();
    let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Oversize, "{failure}");
}

//! Servers that speak the words of both eras, and those that do not, asked on behalf of clients of either.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::time::Duration;

use http::{Method, Response};
use portcullis_core::{Body, json};
use portcullis_mcp_jsonrpc::{Call, FailureKind, Fragment, LegacyClient, Message};
use portcullis_mcp_upstream::{Circuit, Era, HttpUpstream, Retries};
use support::field::{Field, Seen, events, initialized, json_response, page, said, status, text_of};
use support::{ask, call, call_with_id, to};

fn auto(server: &Field) -> HttpUpstream {
    let builder =
        to(server.address).era(Era::Auto).retries(Retries::none()).circuit(Circuit::always_closed());
    builder.head_timeout(Duration::from_millis(500)).build().unwrap()
}

/// The same call, translated from what a legacy client has sent.
fn of_old(mut call: Call) -> Call {
    call.extensions_mut().insert(LegacyClient);
    call
}

async fn said_to_old(upstream: &HttpUpstream) -> String {
    text_of(&ask(upstream, of_old(call("tools/call"))).await.unwrap())
}

/// The same where a session was refused a moment ago, and another is not begun at once.
async fn said_to_old_soon(upstream: &HttpUpstream) -> String {
    let begun = std::time::Instant::now();
    loop {
        match ask(upstream, of_old(call("tools/call"))).await {
            Ok(answer) => return text_of(&answer),
            Err(failure) => assert!(begun.elapsed().as_secs() < 10, "{failure}"),
        }
        tokio::task::yield_now().await;
    }
}

async fn said_to_modern(upstream: &HttpUpstream) -> String {
    text_of(&ask(upstream, call("tools/call")).await.unwrap())
}

fn is_modern(seen: &Seen) -> bool {
    seen.header("mcp-method").is_some()
}

/// What a modern server says, unless it is asked for a session or in one.
fn modern(seen: &Seen) -> Option<Response<Body>> {
    is_modern(seen).then(|| match &*seen.method {
        "server/discover" => {
            json_response(200, &seen.result(r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#))
        }
        _ => json_response(200, &seen.result(&said("modern"))),
    })
}

/// A server of both eras.
async fn dual() -> Field {
    Field::legacy(|seen| async move { modern(&seen) }).await
}

#[tokio::test]
async fn a_server_of_both_eras_is_spoken_to_in_the_clients_own() {
    let server = dual().await;
    let upstream = auto(&server);
    for _ in 0..2 {
        assert_eq!(said_to_old(&upstream).await, "session-1");
        assert_eq!(said_to_modern(&upstream).await, "modern");
    }
    // The legacy client's question is answered by its session, the modern one's by the server.
    let answer = ask(&upstream, of_old(call("server/discover"))).await.unwrap();
    assert!(answer.result().is_some());
    assert_eq!(upstream.era(), Some(Era::Modern));
    assert_eq!((server.count("POST initialize"), server.count("POST server/discover")), (1, 1));
}

#[tokio::test]
async fn many_calls_of_old_clients_begin_one_session() {
    let server = dual().await;
    let upstream = auto(&server);
    let calls = (0..20).map(|id| ask(&upstream, of_old(call_with_id(id, "tools/call"))));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(text_of(&answer.unwrap()), "session-1");
    }
    assert_eq!((server.count("POST initialize"), server.count("POST server/discover")), (1, 1));
}

/// A question that the server pushes while it works, which in 2026-07-28 it could not.
#[tokio::test]
async fn what_a_server_of_both_eras_pushes_reaches_an_old_client() {
    let server = dual().await;
    server.becomes(|seen| async move {
        let answer = seen.method.is_empty() && seen.verb == Method::POST && !seen.body.is_empty();
        assert!(!answer || seen.header("mcp-session-id") == Some("session-1"));
        let question = r#"{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"mode":"form","message":"?","requestedSchema":{"type":"object","properties":{}}}}"#;
        match modern(&seen) {
            None if seen.method == "tools/call" => {
                Some(support::field::stream(Body::new(until_asked(question))))
            }
            other => other,
        }
    });
    let upstream = auto(&server);
    let params = r#"{"name":"echo","arguments":{},"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{}}}}}"#;
    let call = Call::new(Message::from_request(&5.into(), "tools/call", &Fragment::parse(params).unwrap()));
    let asked = ask(&upstream, of_old(call)).await.unwrap();
    let result = asked.result().unwrap();
    let kind = &result[json::find(result, &["resultType"]).unwrap().unwrap()];
    assert_eq!(kind, br#""input_required""#);
    assert!(json::find(result, &["requestState"]).unwrap().is_some());
}

/// An event stream that says one thing and stays open.
fn until_asked(
    question: &str,
) -> impl http_body::Body<Data = bytes::Bytes, Error = std::convert::Infallible> + Send + 'static {
    let (mut sender, body) = http_body_util::channel::Channel::<bytes::Bytes>::new(1);
    sender.try_send(http_body::Frame::data(format!("data: {question}\n\n").into())).unwrap();
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(sender);
    });
    body
}

#[tokio::test]
async fn a_server_without_sessions_is_asked_for_one_once() {
    type Refuse = fn(&Seen) -> Response<Body>;
    let table: [(&str, Refuse); 10] = [
        ("no such method", |seen| json_response(404, &seen.error(-32601, "Method not found"))),
        ("no such method, as a result", |seen| json_response(200, &seen.error(-32601, "Method not found"))),
        ("no such method, with a session", |seen| {
            let mut response = json_response(200, &seen.error(-32601, "Method not found"));
            response.headers_mut().insert("mcp-session-id", "none".parse().unwrap());
            response
        }),
        ("no such method, in a stream", |seen| {
            events(format!("data: {}\n\n", seen.error(-32601, "Method not found")))
        }),
        ("no such version", |seen| {
            let error = seen.error(-32022, "no");
            json_response(400, &error.replace(r#""}}"#, r#"","data":{"supported":["2026-07-28"]}}}"#))
        }),
        ("headers are missing", |seen| json_response(400, &seen.error(-32020, "Header mismatch"))),
        ("400", |_| status(400)),
        ("404", |_| page(404, "Not Found")),
        ("405", |_| status(405)),
        ("no id of a session", |seen| json_response(200, &seen.result(&initialized("2025-11-25")))),
    ];
    for (name, refuse) in table {
        let server = dual().await;
        server.becomes(move |seen| async move {
            modern(&seen)
                .or_else(|| Some(if seen.method == "initialize" { refuse(&seen) } else { status(405) }))
        });
        let upstream = auto(&server);
        for _ in 0..3 {
            assert_eq!(said_to_old(&upstream).await, "modern", "{name}");
            assert_eq!(said_to_modern(&upstream).await, "modern", "{name}");
        }
        assert_eq!(server.count("POST initialize"), 1, "{name}");
        assert_eq!((server.count("POST server/discover"), upstream.era()), (1, Some(Era::Modern)), "{name}");
    }
}

#[tokio::test]
async fn a_failure_over_the_question_for_a_session_decides_nothing() {
    type Fail = fn(&Seen) -> Response<Body>;
    let table: [(&str, Fail, FailureKind); 7] = [
        ("503", |_| status(503), FailureKind::Unreachable),
        ("500 in words", |seen| json_response(500, &seen.error(-32603, "oops")), FailureKind::Garbage),
        ("429", |_| status(429), FailureKind::Overload),
        ("401", |_| status(401), FailureKind::Reject),
        ("403 in words", |seen| json_response(403, &seen.error(-32601, "no")), FailureKind::Reject),
        ("silence", |_| status(202), FailureKind::Timeout),
        ("garbage", |_| json_response(200, "{]"), FailureKind::Garbage),
    ];
    for (name, fail, kind) in table {
        let server = dual().await;
        let upstream = auto(&server);
        server.becomes(move |seen| async move {
            modern(&seen).or_else(|| (seen.method == "initialize").then(|| fail(&seen)))
        });
        let failure = ask(&upstream, of_old(call("tools/call"))).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{name}: {failure}");
        assert_eq!(said_to_modern(&upstream).await, "modern", "{name}: others are not concerned");
        server.becomes(|seen| async move { modern(&seen) });
        assert_eq!(said_to_old_soon(&upstream).await, "session-1", "{name}: then it is well");
    }
}

#[tokio::test]
async fn a_server_of_both_eras_may_be_replaced() {
    // By a modern one.
    let server = dual().await;
    let upstream = auto(&server);
    assert_eq!(said_to_old(&upstream).await, "session-1");
    server.becomes(|seen| async move {
        modern(&seen).or_else(|| Some(json_response(400, &seen.error(-32020, "Header mismatch"))))
    });
    assert_eq!(said_to_old(&upstream).await, "modern", "the very call is answered");
    assert_eq!(said_to_modern(&upstream).await, "modern");

    // By a legacy one.
    for asks_first in ["old", "modern"] {
        let server = dual().await;
        let upstream = auto(&server);
        assert_eq!(said_to_old(&upstream).await, "session-1");
        server.becomes(|_| async { None });
        if asks_first == "modern" {
            assert_eq!(said_to_modern(&upstream).await, "session-1");
            assert_eq!(upstream.era(), Some(Era::Legacy));
        }
        assert_eq!(said_to_old(&upstream).await, "session-1");
    }

    // A modern one by one of both, and that one by a legacy one: old clients are served throughout.
    let server = dual().await;
    server.becomes(|seen| async move { modern(&seen).or_else(|| Some(status(405))) });
    let upstream = auto(&server);
    assert_eq!(said_to_old(&upstream).await, "modern");
    server.becomes(|seen| async move { modern(&seen) });
    assert_eq!(said_to_old(&upstream).await, "modern", "nobody asks again");
    server.becomes(|_| async { None });
    assert_eq!(said_to_old_soon(&upstream).await, "session-1");
    assert_eq!(upstream.era(), Some(Era::Legacy));
}

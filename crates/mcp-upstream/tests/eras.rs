//! What a server speaks is found out, remembered, and found out anew.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Response;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{Era, HttpUpstream, Retries};
use support::field::{Field, Seen, events, initialized, json_response, page, said, status, text_of};
use support::{ask, call, call_with_id, to};

fn auto(server: &Field) -> HttpUpstream {
    to(server.address).era(Era::Auto).retries(Retries::none()).build().unwrap()
}

/// A modern server.
fn modern(seen: &Seen) -> Response<Body> {
    let versions = r#","supported":["2026-07-28"]"#;
    match &*seen.method {
        "server/discover" => {
            json_response(200, &seen.result(r#"{"supportedVersions":["2026-07-28"],"capabilities":{}}"#))
        }
        "initialize" => {
            let error = seen.error(-32022, "Unsupported protocol version");
            json_response(400, &error.replace(r#""}}"#, &format!(r#"","data":{{{}}}}}}}"#, &versions[1..])))
        }
        // By its headers, this is not for it.
        _ if seen.header("mcp-method").is_none() => {
            json_response(400, &seen.error(-32020, "Header mismatch"))
        }
        _ => json_response(200, &seen.result(&said("modern"))),
    }
}

async fn said_by(upstream: &HttpUpstream) -> String {
    text_of(&ask(upstream, call("tools/call")).await.unwrap())
}

#[tokio::test]
async fn a_modern_server_is_asked_once() {
    let server = Field::legacy(|seen| async move { Some(modern(&seen)) }).await;
    let upstream = auto(&server);
    assert_eq!(upstream.era(), None);
    for _ in 0..3 {
        assert_eq!(said_by(&upstream).await, "modern");
    }
    assert_eq!(upstream.era(), Some(Era::Modern));
    let names: Vec<_> = server.seen().iter().map(Seen::name).collect();
    assert_eq!(names, ["POST server/discover", "POST tools/call", "POST tools/call", "POST tools/call"]);
    assert_eq!(server.seen()[0].header("mcp-method"), Some("server/discover"));
    assert_eq!(server.seen()[0].header("mcp-protocol-version"), Some("2026-07-28"));
}

#[tokio::test]
async fn a_call_of_discover_is_its_own_question() {
    let server = Field::legacy(|seen| async move { Some(modern(&seen)) }).await;
    let upstream = auto(&server);
    let answer = ask(&upstream, call("server/discover")).await.unwrap();
    assert!(answer.result().is_some());
    assert_eq!((server.seen().len(), upstream.era()), (1, Some(Era::Modern)));

    let server = Field::legacy(|_| async { None }).await;
    let upstream = auto(&server);
    let answer = ask(&upstream, call("server/discover")).await.unwrap();
    assert!(answer.result().is_some(), "the session answers it: {:?}", answer.text());
    assert_eq!(server.count("POST server/discover"), 1);
    assert_eq!(upstream.era(), Some(Era::Legacy));
}

#[tokio::test]
async fn many_calls_are_one_question_and_one_session() {
    let server = Field::legacy(|_| async { None }).await;
    let upstream = auto(&server);
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let upstream = upstream.clone();
            tokio::spawn(async move { said_by(&upstream).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "session-1");
    }
    assert_eq!(said_by(&upstream).await, "session-1");
    assert_eq!(server.count("POST server/discover"), 1);
    assert_eq!(server.count("POST initialize"), 1);
    assert_eq!(server.count("POST tools/call"), 21);
}

/// Field notes, 8, and what else servers make of a method they do not know.
#[tokio::test]
async fn a_legacy_server_says_no_in_its_own_way() {
    type Say = fn(&Seen) -> Response<Body>;
    let table: [(&str, Say); 12] = [
        ("server-everything", |_| {
            json_response(
                400,
                r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Server not initialized"},"id":null}"#,
            )
        }),
        ("a session of the TypeScript SDK", |_| {
            json_response(
                400,
                r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Session ID required"},"id":null}"#,
            )
        }),
        ("Python", |_| {
            json_response(
                400,
                r#"{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}"#,
            )
        }),
        ("404 in plain text", |_| page(404, "Not Found")),
        ("404 in JSON of its own", |_| json_response(404, r#"{"detail":"Not Found"}"#)),
        ("404 and no such method", |seen| json_response(404, &seen.error(-32601, "Method not found"))),
        ("400 and wrong params", |seen| json_response(400, &seen.error(-32602, "Invalid params"))),
        ("200 and no such method", |seen| json_response(200, &seen.error(-32601, "Method not found"))),
        ("a stream of no such method", |seen| {
            events(format!("event: message\r\ndata: {}\r\n\r\n", seen.error(-32601, "Method not found")))
        }),
        ("no such version", |_| {
            json_response(
                400,
                r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Unsupported protocol version: 2026-07-28"},"id":null}"#,
            )
        }),
        ("older versions, in modern words", |seen| {
            let error = seen.error(-32022, "no");
            json_response(400, &error.replace(r#""}}"#, r#"","data":{"supported":["2025-11-25"]}}}"#))
        }),
        ("older versions, as a result", |seen| {
            json_response(200, &seen.result(r#"{"supportedVersions":["2025-06-18"],"capabilities":{}}"#))
        }),
    ];
    for (name, say) in table {
        let server =
            Field::legacy(move |seen| async move { (seen.method == "server/discover").then(|| say(&seen)) });
        let server = server.await;
        let upstream = auto(&server);
        let answer = ask(&upstream, call("tools/call")).await;
        assert_eq!(
            text_of(&answer.unwrap_or_else(|failure| panic!("{name}: {failure}"))),
            "session-1",
            "{name}"
        );
        assert_eq!(upstream.era(), Some(Era::Legacy), "{name}");
    }
}

#[tokio::test]
async fn a_server_of_2024_is_found_after_three_refusals() {
    for refusal in [400, 404, 405] {
        let server = Field::sse().await;
        let by_the_book = server.clone();
        server.becomes(move |seen| {
            let server = by_the_book.clone();
            async move {
                let at_the_stream = seen.path == "/mcp" && seen.verb == http::Method::POST;
                Some(if at_the_stream { page(refusal, "no") } else { server.sse_by_the_book(&seen) })
            }
        });
        let upstream = auto(&server);
        assert_eq!(said_by(&upstream).await, "stream 0", "{refusal}");
        assert_eq!(said_by(&upstream).await, "stream 0", "{refusal}");
        assert_eq!(upstream.era(), Some(Era::Sse), "{refusal}");
        assert_eq!(server.count("GET"), 1, "{refusal}");
    }
}

#[tokio::test]
async fn a_failure_decides_nothing() {
    type Say = fn(&Seen) -> Response<Body>;
    let table: [(&str, Say, FailureKind); 6] = [
        ("401", |_| json_response(401, "{}"), FailureKind::Reject),
        ("403", |seen| json_response(403, &seen.error(-32000, "no")), FailureKind::Reject),
        ("429", |_| status(429), FailureKind::Overload),
        ("500 in words", |seen| json_response(500, &seen.error(-32603, "oops")), FailureKind::Garbage),
        ("503", |_| status(503), FailureKind::Unreachable),
        ("a web site", |_| page(200, "hello"), FailureKind::Garbage),
    ];
    for (name, say, kind) in table {
        let server = Field::legacy(move |seen| async move { Some(say(&seen)) }).await;
        let upstream = auto(&server);
        for asked in 1..=2 {
            let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
            assert_eq!(failure.kind(), kind, "{name}: {failure}");
            assert_eq!((server.seen().len(), upstream.era()), (asked, None), "{name}");
        }
        server.becomes(|_| async { None });
        assert_eq!(said_by(&upstream).await, "session-1", "{name}: then it is well");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_has_no_era() {
    let server = Field::legacy(|_| async { None }).await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let upstream = to(gone).era(Era::Auto).retries(Retries::none()).build().unwrap();
    let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
    assert_eq!((failure.kind(), upstream.era()), (FailureKind::Unreachable, None));
    drop(server);
}

#[tokio::test]
async fn what_was_said_is_not_asked() {
    let server = Field::legacy(|_| async { None }).await;
    let upstream = to(server.address).era(Era::Legacy).build().unwrap();
    assert_eq!(upstream.era(), Some(Era::Legacy));
    assert_eq!(said_by(&upstream).await, "session-1");
    assert_eq!(server.count("POST server/discover"), 0);

    let server = Field::sse().await;
    let upstream = to(server.address).era(Era::Sse).build().unwrap();
    assert_eq!(said_by(&upstream).await, "stream 0");
    assert_eq!(server.seen().iter().filter(|seen| seen.path == "/mcp").count(), 1);

    let server = Field::legacy(|_| async { None }).await;
    let upstream = to(server.address).era(Era::Modern).build().unwrap();
    let answer = ask(&upstream, call("tools/call")).await.unwrap();
    assert_eq!(answer.error_code(), Some(-32000), "nobody looks for anything else");
}

#[tokio::test]
async fn a_modern_server_may_become_a_legacy_one() {
    type Refuse = fn(&Seen) -> Option<Response<Body>>;
    let refusals: [Refuse; 5] = [
        |_| None,
        |seen| seen.header("mcp-session-id").is_none().then(|| page(404, "Not Found")),
        |seen| {
            seen.header("mcp-session-id").is_none().then(|| json_response(404, r#"{"detail":"Not Found"}"#))
        },
        |seen| seen.header("mcp-session-id").is_none().then(|| json_response(404, &seen.error(-32601, "no"))),
        |seen| seen.header("mcp-session-id").is_none().then(|| json_response(200, &seen.error(-32601, "no"))),
    ];
    for (number, refuse) in refusals.into_iter().enumerate() {
        let server = Field::legacy(|seen| async move { Some(modern(&seen)) }).await;
        let upstream = auto(&server);
        assert_eq!(said_by(&upstream).await, "modern");
        server.becomes(
            move |seen| async move { (seen.method != "initialize").then(|| refuse(&seen)).flatten() },
        );
        assert_eq!(said_by(&upstream).await, "session-1", "{number}: the very call is answered");
        assert_eq!(upstream.era(), Some(Era::Legacy), "{number}");
    }
}

#[tokio::test]
async fn a_legacy_server_may_become_a_modern_one() {
    let server = Field::legacy(|_| async { None }).await;
    let upstream = auto(&server);
    assert_eq!(said_by(&upstream).await, "session-1");
    server.becomes(|seen| async move { Some(modern(&seen)) });
    assert_eq!(said_by(&upstream).await, "modern", "the very call is answered");
    assert_eq!(upstream.era(), Some(Era::Modern));
    assert_eq!(said_by(&upstream).await, "modern");
}

#[tokio::test]
async fn a_server_of_2024_may_become_a_modern_one() {
    let server = Field::sse().await;
    let upstream = auto(&server);
    assert_eq!(said_by(&upstream).await, "stream 0");
    server.becomes(|seen| async move {
        Some(if seen.verb == http::Method::GET { status(405) } else { modern(&seen) })
    });
    server.end_sse(0);
    // That the stream has ended may be noticed by the next call or before it; that one may be lost.
    let outcome = ask(&upstream, call("tools/call")).await;
    if let Ok(answer) = &outcome {
        assert_eq!(text_of(answer), "modern");
    }
    assert_eq!(said_by(&upstream).await, "modern");
    assert_eq!(upstream.era(), Some(Era::Modern));
}

#[tokio::test]
async fn a_legacy_server_without_sessions_may_become_another() {
    let stateless = |seen: &Seen| match &*seen.method {
        "initialize" => Some(json_response(200, &seen.result(&initialized("2025-06-18")))),
        "tools/call" => Some(json_response(200, &seen.result(&said("stateless")))),
        method if method.starts_with("notifications/") => Some(status(202)),
        _ => None,
    };
    let server = Field::legacy(move |seen| async move { stateless(&seen) }).await;
    let upstream = auto(&server);
    assert_eq!(said_by(&upstream).await, "stateless");
    server.becomes(|_| async { None });
    assert_eq!(said_by(&upstream).await, "session-1", "one with sessions");
    server.becomes(move |seen| async move { stateless(&seen) });
    assert_eq!(said_by(&upstream).await, "stateless", "and back");

    let server = Field::legacy(move |seen| async move { stateless(&seen) }).await;
    let upstream = auto(&server);
    assert_eq!(said_by(&upstream).await, "stateless");
    server.becomes(|seen| async move { Some(modern(&seen)) });
    assert_eq!(said_by(&upstream).await, "modern");
}

#[tokio::test]
async fn a_transport_may_be_replaced_by_another() {
    for refusal in [404, 405] {
        // HTTP+SSE takes the place of sessions, and of a modern server.
        for before in [Era::Legacy, Era::Modern] {
            let server = Field::sse().await;
            let by_the_book = server.clone();
            server.becomes(move |seen| async move { (before == Era::Modern).then(|| modern(&seen)) });
            let upstream = auto(&server);
            assert!(ask(&upstream, call("tools/call")).await.is_ok());
            assert_eq!(upstream.era(), Some(before));
            server.becomes(move |seen| {
                let server = by_the_book.clone();
                async move {
                    let at_the_stream = seen.path == "/mcp" && seen.verb == http::Method::POST;
                    Some(if at_the_stream { status(refusal) } else { server.sse_by_the_book(&seen) })
                }
            });
            assert_eq!(said_by(&upstream).await, "stream 0", "{refusal} {before:?}");
            assert_eq!(upstream.era(), Some(Era::Sse));
        }
        // And the other way.
        let server = Field::sse().await;
        let upstream = auto(&server);
        assert_eq!(said_by(&upstream).await, "stream 0");
        server.becomes(move |seen| async move { (seen.path != "/mcp").then(|| status(refusal)) });
        assert_eq!(said_by(&upstream).await, "session-1", "{refusal}");
        assert_eq!(upstream.era(), Some(Era::Legacy));
    }
}

#[tokio::test]
async fn a_call_that_the_server_has_looked_at_is_not_made_again() {
    let (begun, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = Field::legacy(|seen| async move { Some(modern(&seen)) }).await;
    let upstream = auto(&server);
    assert_eq!(said_by(&upstream).await, "modern");
    let (counted, sessions) = (Arc::clone(&calls), Arc::clone(&begun));
    server.becomes(move |seen| {
        let (calls, begun) = (Arc::clone(&counted), Arc::clone(&sessions));
        async move {
            match &*seen.method {
                "tools/call" => calls.fetch_add(1, Ordering::SeqCst),
                "initialize" => begun.fetch_add(1, Ordering::SeqCst),
                _ => return None,
            };
            // It did something, and then failed; its words are those of another era.
            Some(json_response(500, &seen.error(-32000, "Server not initialized")))
        }
    });
    let answer = ask(&upstream, call("tools/call")).await.unwrap();
    assert_eq!(answer.error_code(), Some(-32000));
    assert_eq!((calls.load(Ordering::SeqCst), begun.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn doubts_are_looked_into_now_and_then() {
    let server = Field::legacy(|seen| async move {
        let knows = seen.method == "server/discover";
        Some(if knows { modern(&seen) } else { json_response(404, &seen.error(-32601, "Method not found")) })
    });
    let server = server.await;
    let upstream = auto(&server);
    for id in 0..50 {
        let answer = ask(&upstream, call_with_id(id, "prompts/list")).await.unwrap();
        assert_eq!(answer.error_code(), Some(-32601));
    }
    assert_eq!(server.count("POST prompts/list"), 50);
    assert!(server.count("POST server/discover") <= 6, "{}", server.count("POST server/discover"));
    // Of this one it is known that modern servers may lack it.
    let before = server.count("POST server/discover");
    let answer = ask(&upstream, call("subscriptions/listen")).await.unwrap();
    assert_eq!(answer.error_code(), Some(-32601));
    assert_eq!(server.count("POST server/discover"), before);
}

#[tokio::test]
async fn credentials_are_the_gateways_affair_in_every_era() {
    for code in [401, 403] {
        for wrong in ["server/discover", "initialize", "tools/call", "notifications/initialized"] {
            let server = Field::legacy(move |seen| async move {
                (seen.method == wrong).then(|| {
                    let mut response = json_response(code, &seen.error(-32001, "Session: unauthorized"));
                    response.headers_mut().insert("www-authenticate", "Bearer".parse().unwrap());
                    response
                })
            });
            let server = server.await;
            let upstream = auto(&server);
            match ask(&upstream, call("tools/call")).await {
                Err(failure) => assert_eq!(failure.kind(), FailureKind::Reject, "{code} {wrong}: {failure}"),
                Ok(_) => assert_eq!(wrong, "notifications/initialized", "{code}"),
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_of_initialize_is_not_taken_for_an_old_transport_without_a_stream() {
    let server = Field::legacy(|seen| async move {
        (seen.method == "initialize").then(|| json_response(400, &seen.error(-32602, "no such version")))
    });
    let server = server.await;
    let upstream = auto(&server);
    let outcome = ask(&upstream, call("tools/call")).await;
    assert!(outcome.as_ref().map_or(true, |answer| answer.error_code().is_some()), "{outcome:?}");
    assert_eq!((server.count("GET"), upstream.era()), (1, None), "and it is found out anew");
    let _ = ask(&upstream, call("tools/call")).await;
    assert_eq!(server.count("POST server/discover"), 2);
}

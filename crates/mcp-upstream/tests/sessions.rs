//! Streamable HTTP with sessions, as servers of 2025 speak it by the book and otherwise.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::channel::Sender;
use portcullis_core::{Body, Secret};
use portcullis_mcp_jsonrpc::{Call, FailureKind, Fragment, Id, Message};
use portcullis_mcp_upstream::{Era, HttpUpstream, HttpUpstreamBuilder, Retries};
use support::field::{
    Field, Seen, events, initialized, json_response, open_events, page, said, status, text_of,
};
use support::{ask, call, next, to};
use tower::ServiceExt;

fn builder(server: &Field) -> HttpUpstreamBuilder {
    to(server.address).era(Era::Legacy).retries(Retries::none())
}

fn upstream(server: &Field) -> HttpUpstream {
    builder(server).build().unwrap()
}

async fn said_by(upstream: &HttpUpstream) -> String {
    text_of(&ask(upstream, call("tools/call")).await.unwrap())
}

fn on(
    method: &'static str,
    answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
) -> impl Fn(Seen) -> std::future::Ready<Option<Response<Body>>> + Send + Sync + 'static {
    move |seen| std::future::ready((seen.name() == method).then(|| answer(&seen)))
}

#[tokio::test]
async fn what_a_session_sends_is_of_2025() {
    let server = Field::legacy(|_| async { None }).await;
    let upstream = builder(&server).bearer(Secret::new("of-the-gateway")).unwrap().build().unwrap();
    let (message, mut head) = call("tools/call").into_parts();
    for name in ["authorization", "cookie", "mcp-session-id", "mcp-param-region", "mcp-name"] {
        head.headers.insert(name, "of-the-client".parse().unwrap());
    }
    assert!(ask(&upstream, Call::from_parts(message, head)).await.is_ok());
    server.saw("GET").await;
    for seen in server.seen() {
        let name = seen.name();
        assert!(!format!("{:?}", seen.headers).contains("of-the-client"), "{name}: {:?}", seen.headers);
        assert_eq!(seen.header("authorization"), Some("Bearer of-the-gateway"), "{name}");
        assert!(seen.header("mcp-method").is_none() && seen.header("mcp-name").is_none(), "{name}");
        let first = seen.method == "initialize";
        assert_eq!(seen.header("mcp-session-id"), (!first).then_some("session-1"), "{name}");
        assert_eq!(seen.header("mcp-protocol-version"), (!first).then_some("2025-11-25"), "{name}");
        let accept = if name == "GET" { "text/event-stream" } else { "application/json, text/event-stream" };
        assert_eq!(seen.header("accept"), Some(accept), "{name}");
    }
}

#[tokio::test]
async fn a_session_is_ended_when_nobody_uses_it() {
    let server = Field::legacy(|_| async { None }).await;
    let upstream = builder(&server).session_idle(Duration::from_millis(20)).build().unwrap();
    assert_eq!(said_by(&upstream).await, "session-1");
    assert_eq!(server.saw("DELETE").await.header("mcp-session-id"), Some("session-1"));
    assert_eq!(said_by(&upstream).await, "session-2");
}

#[tokio::test]
async fn a_server_may_do_without_sessions() {
    let server = Field::legacy(|seen| async move {
        Some(match (&*seen.name(), &*seen.method) {
            ("GET" | "DELETE", _) => status(405),
            (_, "initialize") => json_response(200, &seen.result(&initialized("2025-03-26"))),
            _ if seen.id.is_empty() => status(202),
            _ => json_response(200, &seen.result(&said(seen.header("mcp-session-id").unwrap_or("none")))),
        })
    });
    let server = server.await;
    let upstream = upstream(&server);
    for _ in 0..3 {
        assert_eq!(said_by(&upstream).await, "none");
    }
    assert_eq!(server.count("POST initialize"), 1);
    assert_eq!(server.saw("POST tools/call").await.header("mcp-protocol-version"), Some("2025-03-26"));
}

#[tokio::test]
async fn a_session_that_was_forgotten_is_begun_anew_without_a_word() {
    let forgotten: [fn() -> Response<Body>; 4] = [
        || status(404),
        || {
            json_response(
                404,
                r#"{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}"#,
            )
        },
        || {
            json_response(
                400,
                r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}"#,
            )
        },
        || page(400, "Bad Request: No valid session ID provided"),
    ];
    for (number, forgotten) in forgotten.into_iter().enumerate() {
        let server = Field::legacy(|_| async { None }).await;
        let upstream = upstream(&server);
        assert_eq!(said_by(&upstream).await, "session-1", "{number}");
        server.becomes(move |seen| async move {
            (seen.header("mcp-session-id") == Some("session-1")).then(forgotten)
        });
        assert_eq!(said_by(&upstream).await, "session-2", "{number}");
        assert_eq!(said_by(&upstream).await, "session-2", "{number}");
        assert_eq!(server.count("POST initialize"), 2, "{number}");
    }
}

#[tokio::test]
async fn a_server_that_forgets_every_session_is_not_asked_for_ever() {
    let server = Field::legacy(on("POST tools/call", |_| status(404))).await;
    let failure = ask(&upstream(&server), call("tools/call")).await.unwrap_err();
    assert!(server.count("POST initialize") <= 3, "{}: {failure}", server.count("POST initialize"));
}

/// SEP-1699: the server hands out an id, closes, and answers when it is asked for more.
#[tokio::test]
async fn a_stream_that_ends_early_is_taken_up() {
    let polls = Arc::new(AtomicUsize::new(0));
    let times = Arc::new(Mutex::new(Vec::new()));
    let (counted, noted) = (Arc::clone(&polls), Arc::clone(&times));
    let server = Field::legacy(move |seen| {
        let (polls, times) = (Arc::clone(&counted), Arc::clone(&noted));
        async move {
            match (&*seen.name(), seen.header("last-event-id")) {
                ("POST tools/call", _) => {
                    times.lock().unwrap().push((Instant::now(), seen.id.clone()));
                    Some(events("id: e0\r\nretry: 60\r\ndata: \r\n\r\n"))
                }
                ("GET", Some(after)) => {
                    let poll = polls.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(after, format!("e{poll}"));
                    assert_eq!(seen.header("mcp-session-id"), Some("session-1"));
                    times.lock().unwrap().push((Instant::now(), String::new()));
                    if poll < 6 {
                        return Some(events(format!("id: e{}\ndata:\n\n", poll + 1)));
                    }
                    let id = times.lock().unwrap()[0].1.clone();
                    let answer = Seen { id, ..seen }.result(&said("late"));
                    Some(events(format!("id: last\ndata: {answer}\n\n")))
                }
                _ => None,
            }
        }
    });
    let server = server.await;
    assert_eq!(said_by(&upstream(&server)).await, "late");
    assert_eq!(polls.load(Ordering::SeqCst), 7);
    let times: Vec<_> = times.lock().unwrap().iter().map(|(time, _)| *time).collect();
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(60), "{:?}", pair[1] - pair[0]);
    }
}

#[tokio::test]
async fn a_stream_that_brings_nothing_new_is_given_up() {
    let server = Field::legacy(|seen| async move {
        match (&*seen.name(), seen.header("last-event-id")) {
            ("POST tools/call", _) => Some(events("id: e0\nretry: 1\ndata:\n\n")),
            ("GET", Some(_)) => Some(events(": nothing\n\n")),
            _ => None,
        }
    });
    let server = server.await;
    let failure = ask(&upstream(&server), call("tools/call")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Close);
    let resumed = server.seen().iter().filter(|seen| seen.header("last-event-id").is_some()).count();
    assert_eq!(resumed, 5);
    assert_eq!(server.count("POST tools/call"), 1, "it may have had its effect");
}

#[tokio::test]
async fn a_stream_that_cannot_be_taken_up_is_over() {
    for refusal in [404, 405, 400] {
        let server = Field::legacy(move |seen| async move {
            match (&*seen.name(), seen.header("last-event-id")) {
                ("POST tools/call", _) => Some(events("id: e0\nretry: 1\ndata:\n\n")),
                ("GET", Some(_)) => Some(status(refusal)),
                _ => None,
            }
        });
        let server = server.await;
        let failure = ask(&upstream(&server), call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Close, "{refusal}: {failure}");
        assert_eq!(server.count("POST tools/call"), 1, "{refusal}: it may have had its effect");
    }
}

#[tokio::test]
async fn whatever_servers_write_into_a_stream_is_read() {
    let ping = r#"{"jsonrpc":"2.0","id":"p1","method":"ping"}"#;
    let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#;
    let other = r#"{"jsonrpc":"2.0","id":"of-another","result":{}}"#;
    let table: [(&str, String); 7] = [
        ("lf", "data: ANSWER\n\n".into()),
        (
            "crlf, a type and a priming event",
            "id: 1\r\ndata:\r\n\r\nevent: message\r\ndata: ANSWER\r\n\r\n".into(),
        ),
        ("cr", "id: 1\rdata: ANSWER\r\r".into()),
        (
            "a ping of the server, a log line, a comment",
            format!("data: {ping}\n\n: hello\n\ndata: {log}\n\ndata: ANSWER\n\n"),
        ),
        (
            "events of other types",
            "event: ping\ndata: 2026-01-01\n\nevent: endpoint\ndata: /x\n\ndata: ANSWER\n\n".into(),
        ),
        ("a batch", format!("data: [{log},ANSWER]\n\n")),
        ("an answer to somebody else", format!("data: {other}\n\ndata: ANSWER\n\n")),
    ];
    for (name, text) in table {
        let server = Field::legacy(on("POST tools/call", move |seen| {
            events(text.replace("ANSWER", &seen.result(&said("here"))))
        }));
        assert_eq!(said_by(&upstream(&server.await)).await, "here", "{name}");
    }
}

#[tokio::test]
async fn a_ping_within_a_stream_is_answered_in_the_session() {
    let ping = r#"{"jsonrpc":"2.0","id":"p1","method":"ping"}"#;
    let server = Field::legacy(on("POST tools/call", move |seen| {
        events(format!("data: {ping}\n\ndata: {}\n\n", seen.result(&said("here"))))
    }));
    let server = server.await;
    assert_eq!(said_by(&upstream(&server)).await, "here");
    let pong = server.saw("POST").await;
    assert_eq!((pong.id.as_str(), pong.header("mcp-session-id")), (r#""p1""#, Some("session-1")));
}

#[tokio::test]
async fn an_answer_may_come_on_the_stream_of_the_get() {
    let get: Arc<Mutex<Option<Sender<Bytes>>>> = Arc::default();
    for taken in [true, false] {
        let held = Arc::clone(&get);
        let server = Field::legacy(move |seen| {
            let get = Arc::clone(&held);
            async move {
                match &*seen.name() {
                    "GET" => {
                        let (sender, response) = open_events(": open\n\n");
                        *get.lock().unwrap() = Some(sender);
                        Some(response)
                    }
                    "POST tools/call" => {
                        let answer = format!("data: {}\n\n", seen.result(&said("elsewhere")));
                        let mut get = get.lock().unwrap();
                        get.as_mut().unwrap().try_send(http_body::Frame::data(answer.into())).unwrap();
                        Some(if taken { status(202) } else { events(": nothing here\n\n") })
                    }
                    _ => None,
                }
            }
        });
        let server = server.await;
        let upstream = upstream(&server);
        assert!(ask(&upstream, call("tools/list")).await.is_ok());
        server.saw("GET").await;
        assert_eq!(said_by(&upstream).await, "elsewhere", "{taken}");
        get.lock().unwrap().take();
    }
}

fn listen() -> Call {
    let params = r#"{"notifications":{"toolsListChanged":true},"_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{}}}"#;
    let params = Fragment::parse(params).unwrap();
    Call::new(Message::from_request(&Id::from(9), "subscriptions/listen", &params))
}

#[tokio::test]
async fn changes_come_on_the_stream_of_the_get_which_is_taken_up_when_it_ends() {
    let changed = r#"data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let server = Field::legacy(move |seen| async move {
        match (&*seen.name(), seen.header("last-event-id")) {
            ("GET", None) => Some(events(format!("id: 1\nretry: 20\n{changed}\n\n"))),
            ("GET", Some("1")) => Some(events(format!("id: 2\n{changed}\n\n"))),
            ("GET", Some("2")) => {
                let (sender, response) = open_events(format!("{changed}\n\n"));
                std::mem::forget(sender);
                Some(response)
            }
            _ => None,
        }
    });
    let server = server.await;
    let mut reply = upstream(&server).oneshot(listen()).await.unwrap();
    let first = next(&mut reply).await.unwrap().unwrap();
    assert_eq!(first.method(), Some("notifications/subscriptions/acknowledged"));
    let second = next(&mut reply).await.unwrap().unwrap();
    assert_eq!(second.method(), Some("notifications/tools/list_changed"));
    server.saw_one(|seen| seen.header("last-event-id") == Some("2")).await;
    assert_eq!(server.count("POST initialize"), 1);
}

#[tokio::test]
async fn a_server_without_a_stream_says_so_in_many_ways() {
    let refusals: [fn() -> Response<Body>; 6] = [
        || status(405),
        || status(404),
        || status(400),
        || status(403),
        || page(200, "<h1>MCP</h1>"),
        || {
            json_response(
                406,
                r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Not Acceptable"},"id":null}"#,
            )
        },
    ];
    for (number, refuse) in refusals.into_iter().enumerate() {
        let server = Field::legacy(on("GET", move |_| refuse())).await;
        let upstream = upstream(&server);
        assert_eq!(said_by(&upstream).await, "session-1", "{number}");
        server.saw("GET").await;
        let mut reply = upstream.clone().oneshot(listen()).await.unwrap();
        assert!(next(&mut reply).await.unwrap().is_ok(), "{number}");
        assert_eq!(server.count("POST initialize"), 1, "{number}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure_and_the_session_goes_on() {
    type Say = fn(&Seen) -> Response<Body>;
    let table: [(&str, Say, FailureKind); 13] = [
        (
            "a huge answer",
            |seen| json_response(200, &seen.result(&said(&"a".repeat(70_000)))),
            FailureKind::Oversize,
        ),
        (
            "a huge event",
            |seen| events(format!("data: {}\n\n", seen.result(&said(&"a".repeat(70_000))))),
            FailureKind::Oversize,
        ),
        ("a line without end", |_| events("data: ".to_owned() + &"a".repeat(200_000)), FailureKind::Oversize),
        (
            "a batch without end",
            |_| events(format!("data: [{}1]\n\n", "{},".repeat(10_000))),
            FailureKind::Garbage,
        ),
        ("garbage", |_| events("data: {]\n\n"), FailureKind::Garbage),
        ("garbage in JSON", |_| json_response(200, "{]"), FailureKind::Garbage),
        (
            "twice the same key",
            |seen| json_response(200, &seen.result(r#"{"a":1,"a":2}"#)),
            FailureKind::Garbage,
        ),
        (
            "an answer to somebody else",
            |_| json_response(200, r#"{"jsonrpc":"2.0","id":"x","result":{}}"#),
            FailureKind::Garbage,
        ),
        ("a web site", |_| page(200, "hello"), FailureKind::Garbage),
        ("an empty stream", |_| events(""), FailureKind::Close),
        ("a redirect", |_| status(307), FailureKind::Garbage),
        ("503", |_| status(503), FailureKind::Unreachable),
        ("401", |seen| json_response(401, &seen.error(-32000, "login")), FailureKind::Reject),
    ];
    for (name, say, kind) in table {
        let broken = Arc::new(AtomicBool::new(true));
        let switch = Arc::clone(&broken);
        let server = Field::legacy(move |seen| {
            let broken = switch.swap(broken_unless(&seen, &switch), Ordering::SeqCst);
            async move { (seen.method == "tools/call" && broken).then(|| say(&seen)) }
        });
        let server = server.await;
        let upstream = builder(&server).max_answer(64 * 1024).max_event(64 * 1024).build().unwrap();
        let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), kind, "{name}: {failure}");
        assert_eq!(said_by(&upstream).await, "session-1", "{name}: the next call");
        assert_eq!(server.count("POST initialize"), 1, "{name}");
    }
}

/// Whether it is still broken after this request: no, once the call has been seen.
fn broken_unless(seen: &Seen, switch: &AtomicBool) -> bool {
    switch.load(Ordering::SeqCst) && seen.method != "tools/call"
}

#[tokio::test]
async fn time_runs_out_for_a_server_that_never_ends() {
    let progress =
        r#"data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
    for (name, text) in
        [("silence", Some(": open\n\n")), ("chatter", Some(progress)), ("taken, and no more", None)]
    {
        let server = Field::legacy(on("POST tools/call", move |_| {
            let Some(text) = text else { return status(202) };
            let (mut sender, response) = open_events(format!("{text}\n\n"));
            tokio::spawn(async move {
                // As fast as it is read, or not at all.
                while name != "chatter" || sender.send_data(format!("{progress}\n\n").into()).await.is_ok() {
                    if name != "chatter" {
                        std::future::pending::<()>().await;
                    }
                }
            });
            response
        }));
        let server = server.await;
        let upstream = builder(&server)
            .head_timeout(Duration::from_millis(300))
            .idle_timeout(Duration::from_millis(200))
            .total_timeout(Duration::from_millis(500))
            .build()
            .unwrap();
        let begun = Instant::now();
        let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Timeout, "{name}: {failure}");
        assert!(begun.elapsed() < Duration::from_secs(3), "{name}");
    }
}

#[tokio::test]
async fn the_id_of_a_session_is_checked() {
    for id in ["two words", "", &"a".repeat(5000)] {
        let id = id.to_owned();
        let server = Field::legacy(on("POST initialize", move |seen| {
            let mut response = json_response(200, &seen.result(&initialized("2025-11-25")));
            response.headers_mut().insert("mcp-session-id", id.parse().unwrap());
            response
        }));
        let failure = ask(&upstream(&server.await), call("tools/call")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Garbage, "{failure}");
    }
}

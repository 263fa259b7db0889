//! Requests, and the two forms in which they are answered.

use std::time::Duration;

use http::StatusCode;
use portcullis_core::{Answer, Reason, Refusal};
use portcullis_mcp_jsonrpc::{DecodeLayer, FailureKind, Id, Reply};
use portcullis_mcp_legacy::front::FrontLayer;
use portcullis_testkit::{Act, Scripted, read};
use tower::Layer;

use super::client::{Client, Events, call, initialize};
use super::{complete, connected, front, keys, layer, scripted};

const RESULT: &str = r#"{"resultType":"complete","content":[]}"#;

#[tokio::test(start_paused = true)]
async fn one_message_is_answered_with_json() {
    let client = connected([complete()]).await;
    let answer = client.ask(call(7)).await;
    assert_eq!(answer.id(), Some(&Id::from(7)));
    assert_eq!(answer.result(), Some(&br#"{"content":[]}"#[..]));
}

/// The SDKs of the time take another status for a broken connection.
#[tokio::test(start_paused = true)]
async fn errors_leave_with_200() {
    let acts = [
        Act::error(-32601, "Method not found"),
        Act::error(-31401, "Who are you?"),
        Act::fail(FailureKind::Unreachable),
        Act::stream().then_fail(FailureKind::Close),
        Act::stream(),
    ];
    let client = connected(acts).await;
    for code in [-32601, -31401, -31503, -31502, -31502] {
        let answer = client.ask(call(7)).await;
        assert_eq!((answer.id(), answer.error_code()), (Some(&Id::from(7)), Some(code)));
    }
}

/// But for the one status that tells them to get another token.
#[tokio::test(start_paused = true)]
async fn a_missing_scope_leaves_with_403_and_says_which() {
    let refuse = |reason| {
        let refusal = Refusal::new(reason, "No.").with_scopes(["mcp", "repo"]);
        Act::with(move |call| Ok(Reply::refuse(&call.reply_to("authn"), refusal.clone())))
    };
    for prefers_events in [false, true] {
        let mut client = connected([refuse(Reason::WantScope), refuse(Reason::WantScope), complete()]).await;
        if prefers_events {
            client = client.prefers_events();
        }
        let response = client.post(call(7)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "prefers events: {prefers_events}");
        let refusal = response.extensions().get::<Refusal>().unwrap();
        assert_eq!(refusal.scopes(), ["mcp", "repo"]);
        let (_, answer) = read::message(response).await;
        assert_eq!((answer.id(), answer.error_code()), (Some(&Id::from(7)), Some(-31403)));

        // A batch would be sent again as a whole, though parts of it were done.
        let mut old = Client::connect(front([refuse(Reason::WantScope), complete()]), "2025-03-26").await;
        if prefers_events {
            old = old.prefers_events();
        }
        let response = old.post(format!("[{},{}]", call(1), call(2))).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.extensions().get::<Refusal>().is_none());
    }
    let client = connected([refuse(Reason::Forbid)]).await;
    assert_eq!(client.ask(call(7)).await.error_code(), Some(-31403));

    // Opening a session can want scopes as well.
    let unopened = layer().layer(Scripted::in_order([refuse(Reason::WantScope)]));
    let response = Client::new(unopened).post(initialize("2025-11-25")).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(!response.headers().contains_key("mcp-session-id"));
    assert!(response.extensions().get::<Refusal>().is_some());
}

#[tokio::test(start_paused = true)]
async fn notifications_make_an_event_stream() {
    let act = Act::stream().notify(r#"{"progress":1}"#).notify(r#"{"progress":2}"#).then_result(RESULT);
    let client = connected([act]).await;
    let mut events = client.stream(call(7)).await;
    let all = events.rest().await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].1.params(), Some(&br#"{"progress":1}"#[..]));
    assert_eq!(all[2].1.id(), Some(&Id::from(7)));
    let ids: std::collections::HashSet<_> = all.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 3, "each event has an id of its own");
}

#[tokio::test(start_paused = true)]
async fn only_the_last_revision_gets_an_empty_event_first() {
    for (version, primed) in [("2025-03-26", false), ("2025-06-18", false), ("2025-11-25", true)] {
        let act = Act::stream().notify("{}").then_result(RESULT);
        let client = Client::connect(front([act]), version).await;
        let mut events = client.stream(call(1)).await;
        let first = events.event().await.unwrap();
        assert_eq!(first.data.is_empty(), primed, "{version}");
        assert_eq!(first.retry, primed.then_some(Duration::from_secs(1)));
        assert!(!first.id.unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_at_once_leaves_in_one_write() {
    let act = Act::stream().notify("{}").pending().notify("{}").pending().notify("{}").then_result(RESULT);
    let client = Client::connect(front([act]), "2025-06-18").await;
    let mut events = client.stream(call(1)).await;
    assert_eq!(events.rest().await.len(), 4);
    assert_eq!(events.frames, 1);
}

#[tokio::test(start_paused = true)]
async fn a_long_silence_becomes_an_event_stream_with_comments() {
    let decode = DecodeLayer::new().keep_alive(Duration::from_secs(10));
    let act = Act::stream().wait(Duration::from_secs(35)).then_result(RESULT);
    let front = FrontLayer::new(decode).keys(keys("a")).layer(scripted([act]));
    let client = Client::connect(front, "2025-06-18").await;
    let mut events = client.stream(call(1)).await;
    assert_eq!(events.rest().await.len(), 1);
    assert_eq!(events.comments, 3, "at once, since ten seconds had passed, and twice more");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_json_is_cancelled_with_its_connection() {
    let client = connected([Act::stream().then_hang()]).await;
    let probe = client.front.get_ref().probe();
    assert!(super::client::waits(client.post(call(1))).await);
    assert_eq!((probe.streams().live(), probe.streams().dropped()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_ends() {
    let client = connected([Act::stream().notify("{}").then_hang()]).await;
    let probe = client.front.get_ref().probe();
    let mut events = client.stream(call(5)).await;
    events.next().await.unwrap();
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#;
    let response = client.post(cancel).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert!(read::response(response).await.1.is_empty());
    let rest = events.rest().await;
    assert!(rest.last().unwrap().1.error_code().is_some());
    assert_eq!(probe.streams().live(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_request_that_was_never_made_is_refused() {
    let client = connected([]).await;
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"portcullis-1-0000000000000000","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"No."}}"#,
    ] {
        assert_eq!(client.post(text).await.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test(start_paused = true)]
async fn the_head_is_held_to_the_rules_of_the_transport() {
    let client = connected([]).await;
    let cases = [
        ("content-type", "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("content-encoding", "gzip", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("accept", "application/json", StatusCode::NOT_ACCEPTABLE),
        ("host", "evil.example", StatusCode::FORBIDDEN),
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
    ];
    for (name, value, status) in cases {
        let mut request =
            client.request("POST").header("content-type", "application/json").body(call(1)).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(client.send(request).await.status(), status, "{name}");
    }
    for (method, name, value, status) in [
        ("GET", "accept", "application/json", StatusCode::NOT_ACCEPTABLE),
        ("GET", "host", "evil.example", StatusCode::FORBIDDEN),
        ("DELETE", "origin", "https://evil.example", StatusCode::FORBIDDEN),
    ] {
        let mut request = client.request(method).body(String::new()).unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(client.send(request).await.status(), status, "{method} {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_answer_arrives_whole() {
    let text = "x".repeat(3_000_000);
    let result = format!(r#"{{"resultType":"complete","content":[],"text":"{text}"}}"#);
    let client = connected([Act::stream().notify("{}").then_result(&result)]).await;
    let all = Events::of(client.post(call(1)).await).rest().await;
    assert!(all[1].1.text().len() > text.len());
}

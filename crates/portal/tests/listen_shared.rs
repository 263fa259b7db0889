//! One stream of a server for many clients.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use portcullis_core::Trail;
use portcullis_mcp_jsonrpc::{Call, FailureKind, Message, Reply};
use portcullis_portal::Portal;
use serde_json::{Value, json};
use support::{Mock, ask, by, list_tools, next, request, settle, tools};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, advance};
use tower::Service;

const ID: &str = "io.modelcontextprotocol/subscriptionId";
const LISTEN: &str = "subscriptions/listen";

fn portal(mock: &Mock) -> Portal {
    Portal::builder("p").server(mock.server("a")).build().unwrap()
}

/// A request to listen under an id of the client's own.
fn listen(id: &str, filter: Value) -> Call {
    let (message, head) = request(LISTEN, json!({ "notifications": filter })).into_parts();
    let mut message: Value = serde_json::from_slice(message.text()).unwrap();
    message["id"] = json!(id);
    Call::from_parts(Message::parse(Bytes::from(message.to_string())).unwrap(), head)
}

fn to_tools(id: &str) -> Call {
    listen(id, json!({ "toolsListChanged": true }))
}

async fn open(portal: &Portal, call: Call) -> Reply {
    let mut reply = portal.clone().call(call).await.unwrap();
    assert_eq!(next(&mut reply).await["method"], "notifications/subscriptions/acknowledged");
    reply
}

fn begin(portal: &Portal, call: Call) -> JoinHandle<Result<Reply, portcullis_mcp_jsonrpc::Failure>> {
    tokio::spawn(portal.clone().call(call))
}

fn changed() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" })
}

/// The next message, if there is one without waiting.
async fn poll(reply: &mut Reply) -> Option<Value> {
    settle().await;
    match poll_fn(|cx| Poll::Ready(reply.poll_message(cx))).await {
        Poll::Ready(Some(message)) => Some(serde_json::from_slice(message.unwrap().text()).unwrap()),
        Poll::Ready(None) | Poll::Pending => None,
    }
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_class_share_a_stream_and_each_hears_under_its_own_id() {
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let mut first = open(&portal, to_tools("one")).await;
    let mut second = portal.clone().call(to_tools("two")).await.unwrap();
    let acknowledgement = next(&mut second).await;
    assert_eq!(acknowledgement["params"]["_meta"][ID], "two");
    assert_eq!(acknowledgement["params"]["notifications"], json!({ "toolsListChanged": true }));
    assert_eq!((mock.open(), mock.count(LISTEN)), (1, 1));
    assert_eq!(portal.health().servers()[0].listeners, 2);

    mock.send(changed());
    for (reply, id) in [(&mut first, "one"), (&mut second, "two")] {
        let heard = poll(reply).await.unwrap();
        assert_eq!((&heard["method"], &heard["params"]["_meta"][ID]), (&changed()["method"], &json!(id)));
        assert_eq!(poll(reply).await, None);
    }

    // Whoever opened it may leave.
    drop(first);
    settle().await;
    assert_eq!((mock.open(), portal.health().servers()[0].listeners), (1, 1));
    mock.send(changed());
    assert!(poll(&mut second).await.is_some());

    drop(second);
    settle().await;
    assert_eq!((mock.open(), portal.health().servers()[0].listeners), (0, 0));
    let _third = open(&portal, to_tools("three")).await;
    assert_eq!((mock.open(), mock.count(LISTEN)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn nobody_shares_a_stream_with_someone_else() {
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let mut streams = Vec::new();
    for call in [by("ann", to_tools("1")), by("bob", to_tools("2")), to_tools("3")] {
        streams.push(open(&portal, call).await);
    }
    assert_eq!(mock.open(), 3);
    for call in [by("ann", to_tools("1")), by("bob", to_tools("2")), to_tools("3")] {
        streams.push(open(&portal, call).await);
    }
    assert_eq!(mock.open(), 3);
}

#[tokio::test(start_paused = true)]
async fn only_those_who_ask_for_the_same_share() {
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let watch = |uris: Value| json!({ "resourceSubscriptions": uris });
    let mut streams = vec![open(&portal, listen("1", watch(json!(["x://1", "x://2"])))).await];
    for (filter, open_then) in [
        (watch(json!(["x://2", "x://1", "x://2"])), 1),
        (watch(json!(["x://1"])), 2),
        (json!({ "toolsListChanged": true }), 3),
        (json!({ "toolsListChanged": true, "promptsListChanged": false }), 3),
        // What only the server understands is never shared.
        (json!({ "x/own": ["1"] }), 4),
        (json!({ "x/own": ["1"] }), 5),
    ] {
        streams.push(open(&portal, listen("n", filter.clone())).await);
        assert_eq!(mock.open(), open_then, "{filter}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_opens_a_shared_stream_is_the_identity_and_nothing_else_of_a_client() {
    let mock = Mock::new().listens();
    let mut call = by("ann", to_tools("1"));
    call.headers_mut().insert("authorization", "Bearer anns".parse().unwrap());
    let _stream = open(&portal(&mock), call).await;
    let asked = mock.last(LISTEN);
    assert!(asked.extensions().get::<portcullis_core::Principal>().is_some());
    assert!(asked.headers().is_empty() && Trail::of(asked.extensions()).is_none());
    assert_eq!(asked.message().client_capabilities(), Some(&b"{}"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_opened_again_with_the_newest_credentials() {
    #[derive(Clone, Debug, PartialEq)]
    struct Token(&'static str);
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let with = |token| {
        let mut call = by("ann", to_tools(token));
        call.extensions_mut().insert(Token(token));
        call
    };
    let _streams = [open(&portal, with("old")).await, open(&portal, with("new")).await];
    assert_eq!(mock.last(LISTEN).extensions().get(), Some(&Token("old")));
    mock.cut();
    settle().await;
    advance(Duration::from_secs(1)).await;
    settle().await;
    assert_eq!((mock.open(), mock.count(LISTEN)), (1, 2));
    assert_eq!(mock.last(LISTEN).extensions().get(), Some(&Token("new")));
}

#[tokio::test(start_paused = true)]
async fn those_who_come_while_it_opens_wait_and_survive_whoever_opens_it() {
    let mock = Mock::new().listens();
    let gate = mock.hold(LISTEN);
    let portal = portal(&mock);
    let (first, second) = (begin(&portal, to_tools("1")), begin(&portal, to_tools("2")));
    settle().await;
    assert!(!first.is_finished() && !second.is_finished());
    first.abort();
    settle().await;
    gate.add_permits(1);
    let mut second = second.await.unwrap().unwrap();
    assert_eq!(next(&mut second).await["params"]["_meta"][ID], "2");
    assert_eq!((mock.open(), mock.count(LISTEN)), (1, 1));
    mock.send(changed());
    assert!(poll(&mut second).await.is_some());
    // The opening that it waited for is no news.
    assert_eq!(poll(&mut second).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_for_all_who_wait_and_for_nobody_after() {
    let refuse = |_: &Call| Ok(json!({ "error": { "code": -32601, "message": "no" } }));
    let mock = Mock::new().on(LISTEN, refuse);
    let gate = mock.hold(LISTEN);
    let portal = portal(&mock);
    let waiting = ["1", "2", "3"].map(|id| begin(&portal, to_tools(id)));
    settle().await;
    gate.add_permits(9);
    for (call, id) in waiting.into_iter().zip(["1", "2", "3"]) {
        let answer = next(&mut call.await.unwrap().unwrap()).await;
        assert_eq!((&answer["id"], &answer["error"]["message"]), (&json!(id), &json!("no")));
    }
    assert_eq!((mock.count(LISTEN), portal.health().servers()[0].listeners), (1, 0));

    mock.clone().listens();
    let _late = open(&portal, to_tools("4")).await;
    assert_eq!((mock.count(LISTEN), mock.open()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever_for_a_stream_that_another_opens() {
    let mock = Mock::new().listens();
    mock.hold(LISTEN);
    let portal = portal(&mock);
    let begun = Instant::now();
    let (first, second) = (begin(&portal, to_tools("1")), begin(&portal, to_tools("2")));
    for call in [first, second] {
        assert_eq!(call.await.unwrap().unwrap_err().kind(), FailureKind::Timeout);
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    // One attempt, one failure.
    assert_eq!((mock.count(LISTEN), portal.health().servers()[0].failures), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn after_a_break_all_hear_that_lists_may_have_changed() {
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let mut streams = [open(&portal, to_tools("1")).await, open(&portal, to_tools("2")).await];
    mock.cut();
    settle().await;
    assert_eq!((mock.open(), portal.health().servers()[0].failures), (0, 1));
    advance(Duration::from_secs(1)).await;
    for (stream, id) in streams.iter_mut().zip(["1", "2"]) {
        let heard = poll(stream).await.unwrap();
        assert_eq!((&heard["method"], &heard["params"]["_meta"][ID]), (&changed()["method"], &json!(id)));
        assert_eq!(poll(stream).await, None);
    }
    assert_eq!((mock.open(), mock.count(LISTEN)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_a_break_does_not_wait_for_the_next_try() {
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let mut first = open(&portal, to_tools("1")).await;
    mock.set(LISTEN, |_| Err(FailureKind::Unreachable));
    mock.cut();
    for _ in 0..8 {
        advance(Duration::from_secs(30)).await;
        settle().await;
    }
    let tried = mock.count(LISTEN);
    let failed = portal.clone().call(to_tools("2")).await.unwrap_err();
    assert_eq!((failed.kind(), mock.count(LISTEN)), (FailureKind::Unreachable, tried + 1));

    mock.clone().listens();
    let begun = Instant::now();
    let mut third = open(&portal, to_tools("3")).await;
    assert_eq!((begun.elapsed(), mock.open()), (Duration::ZERO, 1));
    assert_eq!(poll(&mut first).await.unwrap()["method"], changed()["method"]);
    assert_eq!(poll(&mut third).await, None);
}

#[tokio::test(start_paused = true)]
async fn who_falls_behind_hears_of_everything_at_once_and_holds_nobody_up() {
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["x://1", "x://2"] });
    let mut slow = open(&portal, listen("slow", filter.clone())).await;
    let mut quick = open(&portal, listen("quick", filter)).await;
    for _ in 0..200 {
        mock.send(changed());
        assert!(poll(&mut quick).await.is_some());
    }
    let first = [next(&mut slow).await, next(&mut slow).await, next(&mut slow).await];
    let told: Vec<_> = first.iter().map(|heard| (&heard["method"], &heard["params"]["uri"])).collect();
    let updated = json!("notifications/resources/updated");
    let (one, two) = (json!("x://1"), json!("x://2"));
    assert_eq!(told, [(&changed()["method"], &Value::Null), (&updated, &one), (&updated, &two)]);
    assert!(first.iter().all(|heard| heard["params"]["_meta"][ID] == "slow"));
    // What came last is still there, and no more than a few messages of it.
    let mut rest = 0;
    while poll(&mut slow).await.is_some() {
        rest += 1;
    }
    assert!((1..=32).contains(&rest), "{rest}");
    mock.send(changed());
    assert!(poll(&mut slow).await.is_some() && poll(&mut slow).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn when_the_server_closes_all_streams_end_in_good_order() {
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let mut streams = [open(&portal, to_tools("1")).await, open(&portal, to_tools("2")).await];
    mock.send(json!({ "jsonrpc": "2.0", "id": "portcullis", "result": { "resultType": "complete" } }));
    for (stream, id) in streams.iter_mut().zip(["1", "2"]) {
        let result = next(stream).await;
        assert_eq!((&result["id"], &result["result"]["_meta"][ID]), (&json!(id), &json!(id)));
    }
    // Who comes now gets another stream, which those who are still about to leave do not close.
    let mut third = open(&portal, to_tools("3")).await;
    drop(streams);
    settle().await;
    assert_eq!((mock.open(), mock.count(LISTEN)), (1, 2));
    mock.send(changed());
    assert!(poll(&mut third).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_change_makes_the_kept_list_stale_once() {
    let mock = Mock::new().listens().result("tools/list", tools(&["x"], 60_000, "private"));
    let portal = portal(&mock);
    let mut streams = [open(&portal, to_tools("1")).await, open(&portal, to_tools("2")).await];
    ask(&portal, list_tools()).await;
    mock.send(changed());
    for stream in &mut streams {
        assert!(poll(stream).await.is_some());
        ask(&portal, list_tools()).await;
    }
    assert_eq!(mock.count("tools/list"), 2);
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_room_joins_when_somebody_leaves() {
    let (full, other) = (Mock::new().listens(), Mock::new().listens());
    let builder = Portal::builder("p").server(full.server("a").max_listeners(1)).server(other.server("b"));
    let portal = builder.build().unwrap();
    let first = open(&portal, to_tools("1")).await;
    let mut second = open(&portal, to_tools("2")).await;
    assert_eq!((full.open(), other.open()), (1, 1));
    full.send(changed());
    assert_eq!(poll(&mut second).await, None);
    drop(first);
    // It is told that it may have missed something, and hears all from now on.
    assert_eq!(next(&mut second).await["method"], changed()["method"]);
    assert_eq!((poll(&mut second).await, full.open()), (None, 1));
    full.send(changed());
    assert!(poll(&mut second).await.is_some());
    drop(second);
    settle().await;
    assert_eq!((full.open(), other.open()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_clients_come_and_go_none_is_left_without_a_stream_and_none_stays_open() {
    let mock = Mock::new().listens();
    let portal = portal(&mock);
    let clients = (0..16).map(|client| {
        let (portal, mock) = (portal.clone(), mock.clone());
        tokio::spawn(async move {
            for round in 0..100 {
                let mut stream = open(&portal, to_tools(&format!("{client}/{round}"))).await;
                if round % 10 == client % 10 {
                    mock.send(changed());
                    assert_eq!(next(&mut stream).await["method"], changed()["method"]);
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    // The last stream is closed by another thread.
    let closed = async {
        while mock.open() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), closed).await.unwrap();
    assert_eq!(portal.health().servers()[0].listeners, 0);
}

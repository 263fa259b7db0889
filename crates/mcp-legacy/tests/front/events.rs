//! Clients that would rather have events than JSON: they poll, and come back to what they have lost.

use std::time::Duration;

use http::StatusCode;
use portcullis_mcp_jsonrpc::{DecodeLayer, FailureKind};
use portcullis_mcp_legacy::front::FrontLayer;
use portcullis_testkit::Act;
use tower::Layer;

use super::client::{Client, Events, call, waits};
use super::{complete, connected, front, keys, scripted};

const RESULT: &str = r#"{"resultType":"complete","content":[]}"#;

fn after(seconds: u64) -> Act {
    Act::result(RESULT).after(Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_with_a_stream_from_the_start() {
    let client = connected([after(5)]).await.prefers_events();
    let mut events = client.stream(call(1)).await;
    let primed = events.event().await.unwrap();
    assert_eq!((primed.data.len(), primed.retry), (0, Some(Duration::from_secs(1))));
    assert!(waits(events.event()).await, "the server has not answered");
    assert!(events.rest().await[0].1.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn earlier_revisions_begin_with_a_comment() {
    let client = Client::connect(front([after(5)]), "2025-06-18").await.prefers_events();
    let mut events = client.stream(call(1)).await;
    assert!(waits(events.event()).await);
    assert_eq!(events.comments, 1);
    assert_eq!(events.rest().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_is_an_event_too() {
    let acts = [Act::fail(FailureKind::Unreachable), Act::error(-32602, "No such tool"), Act::stream()];
    let client = connected(acts).await.prefers_events();
    for code in [-31503, -32602, -31502] {
        let all = client.stream(call(1)).await.rest().await;
        assert_eq!((all.len(), all[0].1.error_code()), (1, Some(code)));
    }
    let all = client.stream(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await.rest().await;
    assert!(all[0].1.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_order_or_the_weight_decides() {
    for (accept, stream) in [
        ("application/json, text/event-stream", false),
        ("text/event-stream, application/json", true),
        ("application/json;q=0.5, text/event-stream", true),
        ("text/event-stream;q=0.5, application/json", false),
        ("*/*", false),
    ] {
        let client = Client { accept, ..connected([complete()]).await };
        let response = client.post(call(1)).await;
        assert_eq!(response.headers()["content-type"] == "text/event-stream", stream, "{accept}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_is_made_although_the_connection_was_lost_before_a_byte_was_read() {
    let client = connected([after(5)]).await.prefers_events();
    let probe = client.front.get_ref().probe();
    drop(client.post(call(1)).await);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((probe.calls().len(), probe.futures().dropped()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn the_answer_waits_for_a_client_that_has_read_no_more_than_the_first_id() {
    let client = connected([after(5)]).await.prefers_events();
    let mut events = client.stream(call(1)).await;
    let (primed, _) = events.next().await.unwrap();
    drop(events);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut again = Events::of(client.get(Some(&primed)).await);
    assert!(again.rest().await[0].1.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_comes_back_cancels_the_call_in_the_end() {
    let client = connected([Act::hang()]).await.prefers_events();
    let probe = client.front.get_ref().probe();
    drop(client.post(call(1)).await);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(probe.futures().live(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(probe.futures().live(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_a_stream_of_its_answers() {
    let client = Client::connect(front([after(5), after(1)]), "2025-03-26").await.prefers_events();
    let mut events = client.stream(format!("[{},{}]", call(1), call(2))).await;
    assert_eq!(events.rest().await.len(), 2);
}

/// A server that answers with JSON thinks for minutes: proxies in between would cut a connection that is silent so long.
#[tokio::test(start_paused = true)]
async fn a_server_that_thinks_for_minutes_is_waited_for_with_comments() {
    let decode = DecodeLayer::new().keep_alive(Duration::from_secs(10));
    let front = FrontLayer::new(decode).keys(keys("a")).layer(scripted([after(95), after(29)]));
    let client = Client::connect(front, "2025-06-18").await;
    let mut events = client.stream(call(1)).await;
    assert_eq!(events.rest().await.len(), 1);
    assert_eq!(events.comments, 7, "after 30 seconds of silence, and each 10 seconds from then on");
    assert!(client.ask(call(2)).await.result().is_some(), "JSON, as long as it can be");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_become_a_stream_survives_its_connection() {
    let client = connected([after(120)]).await;
    let mut events = client.stream(call(1)).await;
    let (primed, _) = events.next().await.unwrap();
    drop(events);
    tokio::time::sleep(Duration::from_secs(50)).await;
    let again = client.get(Some(&primed)).await;
    assert_eq!(again.status(), StatusCode::OK);
    assert!(Events::of(again).rest().await[0].1.result().is_some());
}

//! Calls that end early: cancelled one by one, or with their session.

use std::time::Duration;

use http::StatusCode;
use portcullis_testkit::{Act, Scripted, read};
use tower::Layer;

use super::client::{Client, Events, call, waits};
use super::{complete, connected, discover, front, layer};

/// What a call that was cancelled is answered with.
const CANCELLED: Option<i64> = Some(-31499);

fn cancel(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn deleting_a_session_cancels_what_is_under_way_in_it() {
    let client =
        connected([Act::hang(), Act::stream().then_hang(), Act::stream().notify("{}").then_hang()]).await;
    let probe = client.front.get_ref().probe();
    let (head, body) = (tokio::spawn(ask(&client, call(1))), tokio::spawn(ask(&client, call(2))));
    tokio::task::yield_now().await;
    let mut events = client.stream(call(3)).await;
    events.next().await.unwrap();
    events.next().await.unwrap();
    assert_eq!((probe.futures().live(), probe.streams().live()), (1, 2));
    assert_eq!(client.delete().await, StatusCode::OK);
    for answer in [head, body] {
        assert_eq!(answer.await.unwrap(), CANCELLED);
    }
    assert!(events.rest().await.is_empty());
    assert_eq!((probe.futures().live(), probe.streams().live()), (0, 0));
    assert_eq!(client.front.sessions(), 0);
}

fn ask(client: &Client, text: String) -> impl Future<Output = Option<i64>> + use<> {
    let client = client.clone();
    async move { client.ask(text).await.error_code() }
}

#[tokio::test(start_paused = true)]
async fn deleting_a_session_cancels_calls_that_nobody_reads() {
    let client = connected([Act::hang(), Act::hang()]).await.prefers_events();
    let probe = client.front.get_ref().probe();
    let mut events = client.stream(call(1)).await;
    let (primed, _) = events.next().await.unwrap();
    drop(events);
    drop(client.post(call(2)).await);
    tokio::task::yield_now().await;
    assert_eq!(probe.futures().live(), 2);
    assert_eq!(client.delete().await, StatusCode::OK);
    tokio::task::yield_now().await;
    assert_eq!(probe.futures().live(), 0);
    assert_eq!(client.get(Some(&primed)).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn deleting_a_session_ends_a_batch() {
    let client = Client::connect(front([Act::hang(), complete()]), "2025-03-26").await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { read::response(client.post(format!("[{},{}]", call(1), call(2))).await).await.1 }
    });
    tokio::task::yield_now().await;
    assert_eq!(client.delete().await, StatusCode::OK);
    let body = waiting.await.unwrap();
    assert!(body.windows(6).any(|window| window == b"-31499"), "{body:?}");
}

#[tokio::test(start_paused = true)]
async fn deleting_a_session_ends_a_subscription_that_is_not_in_force_yet() {
    let client = connected([Act::hang()]).await;
    let mut notifications = Events::of(client.get(None).await);
    notifications.next().await.unwrap();
    assert!(waits(notifications.event()).await);
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"a:b"}}"#;
    let subscribing = tokio::spawn(ask(&client, subscribe.to_owned()));
    tokio::task::yield_now().await;
    assert_eq!(client.delete().await, StatusCode::OK);
    assert!(matches!(subscribing.await.unwrap(), None | CANCELLED));
    assert!(notifications.next().await.is_none());
    assert_eq!(client.front.get_ref().probe().futures().live(), 0);
}

/// Each is cancelled twice, the second time when it is gone.
#[tokio::test(start_paused = true)]
async fn ten_thousand_cancelled_calls_leave_nothing() {
    let acts = std::iter::once(discover()).chain(std::iter::repeat_n(Act::hang(), 10_000));
    let client = Client::connect(layer().layer(Scripted::in_order(acts)), "2025-11-25").await;
    let probe = client.front.get_ref().probe();
    for first in (0..10_000).step_by(500) {
        let calls: Vec<_> = (first..first + 500).map(|id| tokio::spawn(ask(&client, call(id)))).collect();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(probe.futures().live(), 500);
        for id in first..first + 500 {
            for _ in 0..2 {
                assert_eq!(client.post(cancel(&id.to_string())).await.status(), StatusCode::ACCEPTED);
            }
        }
        for call in calls {
            assert_eq!(call.await.unwrap(), CANCELLED);
        }
    }
    assert_eq!(probe.futures().live(), 0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.front.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_under_way_twice_is_cancelled_twice() {
    let client = connected([Act::hang(), Act::hang(), Act::hang()]).await;
    let (one, two, other) = (
        tokio::spawn(ask(&client, call(1))),
        tokio::spawn(ask(&client, call(1))),
        tokio::spawn(ask(&client, call(2))),
    );
    tokio::task::yield_now().await;
    client.post(cancel("1")).await;
    assert_eq!((one.await.unwrap(), two.await.unwrap()), (CANCELLED, CANCELLED));
    assert_eq!(client.front.get_ref().probe().futures().live(), 1);
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn what_does_not_say_which_request_cancels_none() {
    let client = connected([Act::hang()]).await;
    let call = tokio::spawn(ask(&client, call(1)));
    tokio::task::yield_now().await;
    for id in ["2", "\"1\"", "1.5", "null", "[1]", "{}", "true", "99999999999999999999", "-1"] {
        assert_eq!(client.post(cancel(id)).await.status(), StatusCode::ACCEPTED, "{id}");
    }
    for text in [
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#,
    ] {
        assert_eq!(client.post(text).await.status(), StatusCode::ACCEPTED);
    }
    assert!(!call.is_finished());
    client.post(cancel("1")).await;
    assert_eq!(call.await.unwrap(), CANCELLED);
}

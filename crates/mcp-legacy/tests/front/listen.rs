//! The stream of notifications that a client opens with GET.

use std::time::Duration;

use http::StatusCode;
use portcullis_mcp_jsonrpc::{Fragment, Message, Reply};
use portcullis_testkit::{Act, Scripted};
use tower::Layer;

use super::client::{Client, Events, waits};
use super::{connected, discover, layer};

/// Acknowledges a subscription and tells of a change each minute.
fn changes() -> Act {
    Act::with(|call| {
        assert_eq!(call.method(), "subscriptions/listen");
        let id = call.id().unwrap().to_json();
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}"#);
        let say = |method: &str, more: &str| {
            Message::from_notification(method, &Fragment::parse(format!("{{{meta}{more}}}")).unwrap())
        };
        let acknowledged =
            say("notifications/subscriptions/acknowledged", r#","notifications":{"toolsListChanged":true}"#);
        let changed = say("notifications/tools/list_changed", "");
        Ok(Reply::stream(futures_util::stream::unfold(Some(acknowledged), move |first| {
            let changed = changed.clone();
            async move {
                if let Some(first) = first {
                    return Some((Ok(first), None));
                }
                tokio::time::sleep(Duration::from_secs(60)).await;
                Some((Ok(changed), None))
            }
        })))
    })
}

async fn change(events: &mut Events) -> String {
    loop {
        let (id, message) = events.next().await.unwrap();
        if let Some(message) = message {
            assert_eq!(message.method(), Some("notifications/tools/list_changed"));
            return id;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tells_of_changes_and_comments_while_there_are_none() {
    let client = connected([changes()]).await;
    let mut events = Events::of(client.get(None).await);
    let (_, primed) = events.next().await.unwrap();
    assert!(primed.is_none());
    change(&mut events).await;
    assert!(events.comments >= 2, "{}", events.comments);
}

#[tokio::test(start_paused = true)]
async fn begins_with_a_comment_where_an_empty_event_would_be_an_error() {
    let client = Client::connect(super::front([changes()]), "2025-06-18").await;
    let mut events = Events::of(client.get(None).await);
    let id = change(&mut events).await;
    assert!(id.ends_with(".1"));
    assert!(events.comments >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_takes_over_and_the_subscription_stays() {
    let client = connected([changes()]).await;
    let mut first = Events::of(client.get(None).await);
    change(&mut first).await;
    let mut second = Events::of(client.get(None).await);
    assert!(first.next().await.is_none());
    change(&mut second).await;
    assert_eq!(client.front.get_ref().probe().calls().len(), 2, "discover and one subscription");
}

#[tokio::test(start_paused = true)]
async fn what_changed_in_between_is_told_to_who_comes_back() {
    let client = connected([changes()]).await;
    let mut events = Events::of(client.get(None).await);
    let id = change(&mut events).await;
    drop(events);
    tokio::time::sleep(Duration::from_secs(59)).await;
    let mut again = Events::of(client.get(Some(&id)).await);
    let next = change(&mut again).await;
    assert!(next.ends_with(".2"), "{next}");
}

/// SDKs give up on the stream for good when it is refused.
#[tokio::test(start_paused = true)]
async fn who_comes_back_too_late_or_elsewhere_gets_a_new_one() {
    let mut client = connected([changes(), changes()]).await;
    let mut events = Events::of(client.get(None).await);
    let id = change(&mut events).await;
    drop(events);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let mut again = Events::of(client.get(Some(&id)).await);
    change(&mut again).await;
    client.front = layer().layer(Scripted::in_order([changes()]));
    let mut elsewhere = Events::of(client.get(Some(&id)).await);
    change(&mut elsewhere).await;
    // An id that was never sent is another matter, although the stream is known.
    let forged = format!("{}.9", id.rsplit_once('.').unwrap().0);
    drop(elsewhere);
    let current = Events::of(client.get(None).await).next().await.unwrap().0;
    let ahead = format!("{}.9", current.rsplit_once('.').unwrap().0);
    assert_eq!(client.get(Some(&ahead)).await.status(), StatusCode::BAD_REQUEST);
    assert_ne!(ahead, forged);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_another_session_is_none_of_this_one() {
    let client = connected([changes(), discover()]).await;
    let mut events = Events::of(client.get(None).await);
    let id = change(&mut events).await;
    let other = Client { session: None, version: None, ..client.clone() }.open("2025-11-25").await;
    assert_eq!(other.get(Some(&id)).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_changes_is_waited_for_in_silence() {
    let client = connected([Act::error(-32601, "Method not found")]).await;
    let mut events = Events::of(client.get(None).await);
    events.next().await.unwrap();
    assert!(waits(events.next()).await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_not_listened_for_any_more() {
    let client = connected([changes()]).await;
    drop(Events::of(client.get(None).await));
    tokio::time::sleep(Duration::from_secs(180)).await;
    assert_eq!(client.front.sessions(), 0);
}

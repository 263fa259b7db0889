#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use portcullis_mcp_jsonrpc::Fragment;

use super::*;
use crate::front::Version;

fn session() -> Arc<Session> {
    let info = r#"{"name":"some-client","version":"1.2.3","title":"Some client"}"#;
    let capabilities = r#"{"roots":{},"sampling":{},"elicitation":{"form":{},"url":{}}}"#;
    Arc::new(Session::new(Client::new(Version::LATEST, info, capabilities).unwrap()))
}

fn message(text: &str) -> Message {
    Message::parse(text.to_owned().into()).unwrap()
}

fn now<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn an_idle_session_is_small() {
    let session = session();
    let client = session.client();
    let size = size_of::<Session>() + client.info.len() + client.capabilities.len() + 4 * size_of::<usize>();
    assert!(size < 1024, "{size} bytes");
}

#[test]
fn a_session_gives_its_room_back_after_a_burst() {
    let session = session();
    let limits = Limits::default();
    let burst: Vec<_> = (0..500).map(|id| session.begin(&Id::from(id), &limits).unwrap()).collect();
    let asked: Vec<_> = (0..50).map(|_| session.ask(&limits).unwrap()).collect();
    drop(burst);
    assert_eq!(session.state().calls.capacity(), 0);
    drop(asked);
    assert_eq!(session.state().asked.capacity(), 0);
}

#[test]
fn everything_a_session_holds_is_bounded() {
    let session = session();
    let mut limits = Limits::default();
    (limits.requests, limits.pending_inputs) = (2, 1);
    let first = session.begin(&Id::from(1), &limits).unwrap();
    let _second = session.begin(&Id::from(2), &limits).unwrap();
    assert_eq!(session.begin(&Id::from(3), &limits).unwrap_err(), Full);
    drop(first);
    assert!(session.begin(&Id::from(3), &limits).is_ok());

    let asked = session.ask(&limits).unwrap();
    assert_eq!(session.ask(&limits).unwrap_err(), Full);
    drop(asked);
    assert!(session.ask(&limits).is_ok());
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_bounded_in_number_and_length() {
    let session = session();
    let mut limits = Limits::default();
    (limits.subscriptions, limits.uri_bytes) = (2, 4);
    assert_eq!(session.subscribe("a:12", &limits).await, Ok(()));
    assert_eq!(session.subscribe("a:123", &limits).await, Err(Full));
    assert_eq!(session.subscribe("b:", &limits).await, Ok(()));
    assert_eq!(session.subscribe("c:", &limits).await, Err(Full));
    assert_eq!(session.subscribe("b:", &limits).await, Ok(()), "it is there already");
    session.unsubscribe("b:");
    session.unsubscribe("b:");
    assert_eq!(session.subscribe("c:", &limits).await, Ok(()));
    assert_eq!(session.subscriptions().uris, ["a:12".into(), "c:".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_waits_for_the_open_streams_and_not_for_ever() {
    let session = session();
    let limits = Limits::default();
    let before = session.subscriptions();
    let listener = session.listener();
    let mut subscribing = pin!(session.subscribe("a:b", &limits));
    assert!(now(subscribing.as_mut()).is_pending());
    session.changed(&before).await;
    listener.in_force(&session.subscriptions());
    assert_eq!(now(subscribing), Poll::Ready(Ok(())));

    let started = tokio::time::Instant::now();
    session.subscribe("c:d", &limits).await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(1));

    let mut subscribing = pin!(session.subscribe("e:f", &limits));
    assert!(now(subscribing.as_mut()).is_pending());
    drop(listener);
    assert_eq!(now(subscribing), Poll::Ready(Ok(())), "nobody listens any more");
}

#[test]
fn a_cancelled_notification_reaches_the_requests_of_that_id() {
    let session = session();
    let limits = Limits::default();
    for (id, raw) in [(Id::from(7), "7"), (Id::from("a\n"), r#""\u0061\n""#), (Id::from(0), "0")] {
        let mut meant = session.begin(&id, &limits).unwrap();
        let mut twin = session.begin(&id, &limits).unwrap();
        let mut other = session.begin(&Id::from(8), &limits).unwrap();
        session
            .receive(message(&format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{raw}}}}}"#
            )))
            .unwrap();
        assert!(now(meant.cancelled()).is_ready() && now(twin.cancelled()).is_ready(), "{raw}");
        assert!(now(other.cancelled()).is_pending(), "{raw}");
    }
}

#[test]
fn other_notifications_are_taken_and_change_nothing() {
    let session = session();
    let mut under_way = session.begin(&Id::from(1), &Limits::default()).unwrap();
    for text in [
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/of/the/future"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[1]}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"1"}}"#,
    ] {
        assert_eq!(session.receive(message(text)), Ok(()), "{text}");
    }
    assert!(now(under_way.cancelled()).is_pending());
}

#[test]
fn an_answer_is_taken_once_and_only_if_it_was_asked_for() {
    let session = session();
    let limits = Limits::default();
    let answer = |id: &Id| Message::from_result(id, &Fragment::empty());
    let mut asked = session.ask(&limits).unwrap();
    let id = asked.id().clone();
    assert!(id.to_string().starts_with("portcullis-"));
    assert_eq!(session.receive(answer(&Id::from("portcullis-1"))), Err(Unexpected));
    assert!(asked.is_waiting() && now(asked.answer()).is_pending());
    assert_eq!(session.receive(answer(&id)), Ok(()));
    assert_eq!(session.receive(answer(&id)), Err(Unexpected));
    assert!(!asked.is_waiting());
    assert!(matches!(now(asked.answer()), Poll::Ready(message) if message.id() == Some(&id)));

    let dropped = session.ask(&limits).unwrap();
    let late = dropped.id().clone();
    drop(dropped);
    assert_eq!(session.receive(answer(&late)), Err(Unexpected), "nobody waits any more");
    assert_eq!(session.receive(Message::from_error(None, 1, "x", None)), Err(Unexpected));
    assert_eq!(session.receive(Message::from_request(&late, "ping", &Fragment::empty())), Err(Unexpected));
}

#[test]
fn no_two_ids_are_the_same_or_follow_from_each_other() {
    let session = session();
    let ids: std::collections::HashSet<_> = (0..1000).map(|_| session.fresh_id()).collect();
    let random: std::collections::HashSet<_> =
        ids.iter().map(|id| id.to_string().rsplit('-').next().unwrap().to_owned()).collect();
    assert_eq!((ids.len(), random.len()), (1000, 1000));
}

#[test]
fn levels_are_ordered_by_how_severe_they_are() {
    let names = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    let levels: Vec<_> = names.iter().map(|name| Level::parse(name).unwrap()).collect();
    assert!(levels.is_sorted());
    assert_eq!(levels.iter().map(|level| level.as_str()).collect::<Vec<_>>(), names);
    assert_eq!(Level::parse("Info"), None);
}

#[test]
fn is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Session>();
    assert_send_sync::<Limits>();
    assert_send_sync::<Version>();
}

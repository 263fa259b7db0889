//! Clients that lose their connection and come back.

use std::time::Duration;

use http::StatusCode;
use portcullis_mcp_jsonrpc::{Fragment, Message, Reply};
use portcullis_testkit::{Act, Scripted, read};
use tower::Layer;

use super::client::{Client, Events, call};
use super::{connected, front, layer, scripted};

const RESULT: &str = r#"{"resultType":"complete","content":[]}"#;

fn slow() -> Act {
    let second = Duration::from_secs(1);
    let act = Act::stream().notify(r#"{"progress":1}"#).wait(second).notify(r#"{"progress":2}"#);
    act.wait(second).notify(r#"{"progress":3}"#).wait(second).then_result(RESULT)
}

async fn resume(client: &Client, id: &str) -> Events {
    Events::of(client.get(Some(id)).await)
}

#[tokio::test(start_paused = true)]
async fn what_came_in_between_is_replayed_and_the_rest_follows() {
    let client = connected([slow()]).await;
    let mut events = client.stream(call(1)).await;
    let (primed, none) = events.next().await.unwrap();
    assert!(none.is_none());
    let (first, _) = events.next().await.unwrap();
    drop(events);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut again = resume(&client, &first).await;
    let all = again.rest().await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].1.params(), Some(&br#"{"progress":2}"#[..]));
    assert!(all[2].1.is_answer());

    let whole = resume(&client, &primed).await.rest().await;
    assert_eq!(whole.len(), 4);
    assert_eq!(
        whole[1..].iter().map(|(id, _)| id).collect::<Vec<_>>(),
        all.iter().map(|(id, _)| id).collect::<Vec<_>>()
    );
    assert!(resume(&client, &all[2].0).await.rest().await.is_empty(), "nothing comes after the answer");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_comes_back_cancels_the_call_in_the_end() {
    let client = connected([Act::stream().notify("{}").then_hang()]).await;
    let streams = client.front.get_ref().probe();
    let mut events = client.stream(call(1)).await;
    let (id, _) = events.next().await.unwrap();
    drop(events);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(streams.streams().live(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((streams.streams().live(), streams.streams().dropped()), (0, 1));
    assert_eq!(client.get(Some(&id)).await.status(), StatusCode::BAD_REQUEST);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(client.front.sessions(), 0, "nothing is left of it");
}

#[tokio::test(start_paused = true)]
async fn the_last_events_can_be_had_for_a_while_after_the_end() {
    let client = connected([Act::stream().notify("{}").then_result(RESULT)]).await;
    let mut events = client.stream(call(1)).await;
    let (id, _) = events.next().await.unwrap();
    assert_eq!(events.rest().await.len(), 2);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(resume(&client, &id).await.rest().await.len(), 2);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.get(Some(&id)).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_was_never_sent_opens_nothing() {
    let client = connected([slow(), slow()]).await;
    let mut events = client.stream(call(1)).await;
    events.next().await.unwrap();
    let (id, _) = events.next().await.unwrap();
    let (stream, number) = id.rsplit_once('.').unwrap();
    assert_eq!(number, "1");
    let (name, _) = stream.rsplit_once('-').unwrap();
    let forged = [
        format!("{stream}.2"),
        format!("{stream}.18446744073709551615"),
        format!("{stream}.01"),
        format!("{stream}."),
        stream.to_owned(),
        format!("{name}-2.1"),
        format!("{name}-0.1"),
        "1".to_owned(),
        "x".repeat(50_000),
    ];
    for id in forged {
        let (head, answer) = read::message(client.get(Some(&id)).await).await;
        assert_eq!((head.status, answer.error_code()), (StatusCode::BAD_REQUEST, Some(-32600)), "{id}");
    }
    assert_eq!(events.rest().await.len(), 3, "the stream was not disturbed");
}

/// Without the empty event, the id before the first one is an id that nobody was told.
#[tokio::test(start_paused = true)]
async fn an_id_of_a_priming_event_that_was_not_sent_opens_nothing() {
    let client = Client::connect(front([slow()]), "2025-06-18").await;
    let mut events = client.stream(call(1)).await;
    let (id, _) = events.next().await.unwrap();
    let before = id.replace(".1", ".0");
    assert_eq!(client.get(Some(&before)).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn events_of_another_session_cannot_be_had() {
    let client = connected([slow(), super::discover()]).await;
    let mut events = client.stream(call(1)).await;
    let (id, _) = events.next().await.unwrap();
    let other = Client { session: None, version: None, ..client.clone() }.open("2025-11-25").await;
    assert_eq!(other.get(Some(&id)).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(events.rest().await.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_back_takes_over() {
    let client = connected([slow()]).await;
    let mut events = client.stream(call(1)).await;
    events.next().await.unwrap();
    let (id, _) = events.next().await.unwrap();
    let mut again = resume(&client, &id).await;
    assert_eq!(again.rest().await.len(), 3);
    assert!(events.rest().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_floods_an_absent_client_is_held_up() {
    let messages = 10_000;
    let flood = Act::with(move |call| {
        let id = call.id().unwrap().clone();
        let params = Fragment::parse(format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000))).unwrap();
        let note = Message::from_notification("notifications/progress", &params);
        let end = Message::from_result(&id, &Fragment::parse(RESULT).unwrap());
        let all = std::iter::repeat_n(note, messages).chain(std::iter::once(end));
        Ok(Reply::stream(futures_util::stream::iter(all.map(Ok))))
    });
    let front = layer().replay_bytes(100_000).layer(scripted([flood]));
    let client = Client::connect(front, "2025-11-25").await;
    let mut events = client.stream(call(1)).await;
    let (mut last, _) = events.next().await.unwrap();
    drop(events);
    let mut seen = 0;
    // It comes and goes, and misses nothing.
    while seen < messages + 1 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let mut again = resume(&client, &last).await;
        for _ in 0..999 {
            let Some((id, message)) = again.next().await else { break };
            last = id;
            seen += usize::from(message.is_some());
        }
    }
    assert_eq!(seen, messages + 1);
}

#[tokio::test(start_paused = true)]
async fn more_streams_than_can_be_kept_are_served_and_not_kept() {
    let hang = || Act::stream().notify("{}").then_hang();
    let front = layer().replay_streams(1).layer(scripted([hang(), hang()]));
    let client = Client::connect(front, "2025-11-25").await;
    let streams = client.front.get_ref().probe();
    let mut first = client.stream(call(1)).await;
    let mut second = client.stream(call(2)).await;
    first.next().await.unwrap();
    let (id, _) = second.next().await.unwrap();
    drop(second);
    assert_eq!(streams.streams().dropped(), 1, "nobody could come back to it");
    assert_eq!(client.get(Some(&id)).await.status(), StatusCode::BAD_REQUEST);
    drop(first);
    assert_eq!(streams.streams().dropped(), 1);
}

/// Another replica, or this one after a restart.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_held_here_cannot_be_resumed() {
    let mut client = connected([slow()]).await;
    let mut events = client.stream(call(1)).await;
    let (id, _) = events.next().await.unwrap();
    client.front = layer().layer(Scripted::in_order([]));
    assert_eq!(client.get(Some(&id)).await.status(), StatusCode::BAD_REQUEST);
}

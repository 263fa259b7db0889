//! Far too much of everything, and what it leaves.

use std::time::Duration;

use http::StatusCode;
use portcullis_core::{Kind, Principal};
use portcullis_mcp_jsonrpc::{Fragment, Message, Reply};
use portcullis_mcp_legacy::front::Limits;
use portcullis_testkit::{Act, Scripted};
use tower::Layer;

use super::client::{Client, Events, call};
use super::{complete, connected, discover, layer, scripted};

const RESULT: &str = r#"{"resultType":"complete","content":[]}"#;

#[tokio::test(start_paused = true)]
async fn thousands_of_resumptions_are_one_stream() {
    let act = Act::stream().notify("{}").wait(Duration::from_secs(3_000)).then_result(RESULT);
    let client = connected([act]).await;
    let probe = client.front.get_ref().probe();
    let mut events = client.stream(call(1)).await;
    let (primed, _) = events.next().await.unwrap();
    for round in 0..5_000 {
        let mut again = Events::of(client.get(Some(&primed)).await);
        again.next().await.unwrap();
        assert!(again.next().await.unwrap().1.is_some(), "{round}");
        events = again;
        if round % 7 == 0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    assert_eq!(probe.streams().live(), 1);
    let rest = events.rest().await;
    assert!(rest[0].1.result().is_some() && rest.len() == 1);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.front.sessions(), 0);
}

/// All at once, none of them read, and each of them gone at another time.
#[tokio::test(start_paused = true)]
async fn resumptions_that_nobody_reads_do_not_end_the_call() {
    let client = connected([Act::result(RESULT).after(Duration::from_secs(50))]).await.prefers_events();
    let mut events = client.stream(call(1)).await;
    let (primed, _) = events.next().await.unwrap();
    let mut all = Vec::new();
    for _ in 0..500 {
        all.push(client.get(Some(&primed)).await);
    }
    while let Some(one) = all.pop() {
        drop(one);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(50)).await;
    let rest = Events::of(client.get(Some(&primed)).await).rest().await;
    assert!(rest[0].1.result().is_some());
}

fn subscribe(id: u32, uri: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"resources/subscribe","params":{{"uri":"{uri}"}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_subscriptions_is_bounded_and_answered() {
    // A server that never says whether a subscription is in force.
    let client = connected([Act::hang()]).await;
    let mut notifications = Events::of(client.get(None).await);
    notifications.next().await.unwrap();
    let reading = tokio::spawn(async move { notifications.next().await });
    let asks: Vec<_> = (0..3_000)
        .map(|id| {
            let client = client.clone();
            tokio::spawn(async move { client.ask(subscribe(id, &format!("a:{id}"))).await.error_code() })
        })
        .collect();
    let (mut taken, mut full, mut overload) = (0, 0, 0);
    for ask in asks {
        match ask.await.unwrap() {
            None => taken += 1,
            Some(-31429) => full += 1,
            Some(-31503) => overload += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((taken, full + overload), (256, 3_000 - 256));
    assert_eq!(
        client.front.get_ref().probe().calls().len(),
        2,
        "discover, and a stream that is being opened"
    );
    reading.abort();
}

/// Acknowledges a subscription and says nothing more.
fn acknowledged() -> Act {
    Act::with(|call| {
        if call.method() == "server/discover" {
            let result = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}"#;
            return Ok(Reply::result(call.id().unwrap(), &Fragment::parse(result).unwrap()));
        }
        let first =
            Message::from_notification("notifications/subscriptions/acknowledged", &Fragment::empty());
        let rest = futures_util::stream::pending();
        Ok(Reply::stream(futures_util::StreamExt::chain(futures_util::stream::iter([Ok(first)]), rest)))
    })
}

#[tokio::test(start_paused = true)]
async fn a_client_that_keeps_changing_its_mind_holds_one_stream() {
    let client = Client::connect(layer().layer(Scripted::always(acknowledged())), "2025-11-25").await;
    let probe = client.front.get_ref().probe();
    let mut notifications = Events::of(client.get(None).await);
    let reading = tokio::spawn(async move { while notifications.next().await.is_some() {} });
    for id in 0..1_000 {
        let method = if id % 2 == 0 { "resources/subscribe" } else { "resources/unsubscribe" };
        let text = subscribe(id, "a:b").replace("resources/subscribe", method);
        assert!(client.ask(text).await.result().is_some());
        assert!(probe.calls().len() <= id as usize + 3, "one stream for each change, at most");
    }
    assert_eq!(client.delete().await, StatusCode::OK);
    reading.await.unwrap();
}

/// Says whose call it is.
fn whose() -> Act {
    Act::with(|call| {
        let name = call.extensions().get::<Principal>().unwrap().subject().to_owned();
        let result = match call.method() {
            "server/discover" => {
                r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}"#.to_owned()
            }
            _ => format!(r#"{{"resultType":"complete","content":[],"whose":"{name}"}}"#),
        };
        Ok(Reply::result(call.id().unwrap(), &Fragment::parse(result).unwrap()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_many_principals_do_not_mix() {
    let front = layer().layer(Scripted::always(whose()));
    let mut clients = Vec::new();
    for number in 0..40 {
        let principal = Some(Principal::new(Kind::User, format!("user-{number}")));
        clients.push(Client { principal, ..Client::new(front.clone()) }.open("2025-11-25").await);
    }
    let ids: Vec<_> = clients.iter().map(|client| client.session.clone()).collect();
    let attacks = clients.into_iter().enumerate().map(|(own, client)| {
        let ids = ids.clone();
        tokio::spawn(async move {
            for (number, session) in ids.into_iter().enumerate() {
                let client = Client { session, ..client.clone() };
                if number == own {
                    let answer = client.ask(call(7)).await;
                    let whose = format!("\"whose\":\"user-{own}\"");
                    assert!(String::from_utf8_lossy(answer.text()).contains(&whose));
                    continue;
                }
                assert_eq!(client.post(call(7)).await.status(), StatusCode::NOT_FOUND);
                assert_eq!(client.get(None).await.status(), StatusCode::NOT_FOUND);
                assert_eq!(client.delete().await, StatusCode::NOT_FOUND);
            }
        })
    });
    for attack in attacks.collect::<Vec<_>>() {
        attack.await.unwrap();
    }
    assert_eq!(front.get_ref().probe().calls().len(), 80);
}

fn asks(questions: usize) -> Act {
    let requests: Vec<_> = (0..questions)
        .map(|number| {
            format!(
                r#""q{number}":{{"method":"elicitation/create","params":{{"mode":"form","message":"q{number}",
                    "requestedSchema":{{"type":"object","properties":{{}}}}}}}}"#
            )
        })
        .collect();
    Act::result(&format!(r#"{{"resultType":"input_required","inputRequests":{{{}}}}}"#, requests.join(",")))
}

fn accept(asked: &Message, value: &str) -> String {
    let id = asked.id().unwrap().to_json();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"action":"accept","content":{{"a":"{value}"}}}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_ever_is_given_up() {
    let acts = std::iter::repeat_n(asks(1), 100);
    let client = connected(acts).await;
    let mut events = client.stream(call(1)).await;
    let mut asked = 0;
    let end = loop {
        let Some(message) = events.next().await.unwrap().1 else { continue };
        if message.is_answer() {
            break message;
        }
        asked += 1;
        assert_eq!(client.post(accept(&message, "x")).await.status(), StatusCode::ACCEPTED);
    };
    assert_eq!((asked, end.error_code()), (16, Some(-31429)));
    assert_eq!(
        client.front.get_ref().probe().calls().len(),
        18,
        "discover, the call, and once for each answer"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_to_be_asked_again_for_ever_is_given_up() {
    let again = r#"{"resultType":"input_required","requestState":"s"}"#;
    let client = connected(std::iter::repeat_n(Act::result(again), 100)).await.prefers_events();
    let end = client.stream(call(1)).await.rest().await;
    assert_eq!(end.last().unwrap().1.error_code(), Some(-31429));
    assert_eq!(client.front.get_ref().probe().calls().len(), 18);
}

#[tokio::test(start_paused = true)]
async fn answers_may_come_in_any_order_and_count_once() {
    let client = connected([asks(3), complete()]).await;
    let mut events = client.stream(call(1)).await;
    let mut asked = Vec::new();
    while asked.len() < 3 {
        asked.extend(events.next().await.unwrap().1);
    }
    for (order, number) in [2, 0, 1].into_iter().enumerate() {
        assert_eq!(client.post(accept(&asked[number], "first")).await.status(), StatusCode::ACCEPTED);
        if order < 2 {
            assert_eq!(client.post(accept(&asked[number], "second")).await.status(), StatusCode::BAD_REQUEST);
        }
    }
    assert!(events.rest().await[0].1.result().is_some());
    let calls = client.front.get_ref().probe().calls();
    let retry = String::from_utf8_lossy(calls[2].message().text()).into_owned();
    assert!(!retry.contains("second"));
    let places: Vec<_> = (0..3).map(|number| retry.find(&format!("\"q{number}\"")).unwrap()).collect();
    assert!(places.is_sorted() && retry.matches("first").count() == 3, "{retry}");
}

/// One that answers in the place of another client of the same server.
#[tokio::test(start_paused = true)]
async fn nobody_else_answers_what_a_client_was_asked() {
    let client = connected([asks(1), discover(), complete()]).await;
    let mut events = client.stream(call(1)).await;
    events.next().await.unwrap();
    let asked = events.next().await.unwrap().1.unwrap();
    let other = Client { session: None, version: None, ..client.clone() }.open("2025-11-25").await;
    assert_eq!(other.post(accept(&asked, "stolen")).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(client.post(accept(&asked, "own")).await.status(), StatusCode::ACCEPTED);
    assert!(events.rest().await[0].1.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_never_ends_is_not_waited_for_for_ever() {
    let working = r#"{"resultType":"complete","taskId":"t","status":"working","createdAt":"2026-01-01T00:00:00Z",
        "lastUpdatedAt":"2026-01-01T00:00:00Z","ttlMs":null,"pollIntervalMs":0}"#;
    let mut limits = Limits::default();
    limits.task_wait = Duration::from_secs(60);
    let front = layer().limits(limits).layer(scripted(std::iter::repeat_n(Act::result(working), 10_000)));
    let client = Client::connect(front, "2025-11-25").await.prefers_events();
    let result = r#"{"jsonrpc":"2.0","id":1,"method":"tasks/result","params":{"taskId":"t"}}"#;
    let end = client.stream(result).await.rest().await;
    assert_eq!(end.last().unwrap().1.error_code(), Some(-31504));
    let polls = client.front.get_ref().probe().calls().len();
    assert!(polls <= 20 * 60 + 2, "{polls}: not more often than each 50 milliseconds");
}

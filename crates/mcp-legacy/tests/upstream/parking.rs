//! Calls during which the server asks the client something.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use portcullis_mcp_jsonrpc::Message;

use crate::client::{Client, next, part, questions, user};
use crate::server::{Peer, Server, Style, text};

const BOTH: [Style; 2] = [Style::Streams, Style::Duplex];
const FORM: &str = r#"{"message":"Who?","requestedSchema":{"type":"object","properties":{}}}"#;
const CALL: &str = r#""name":"ask","arguments":{"a":1}"#;
const CAN: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}"#;

/// Asks once and says what came back.
async fn asking(peer: Peer) {
    if peer.method() == "logging/setLevel" {
        return peer.answer("{}").await;
    }
    peer.progress(1).await;
    let answer = peer.ask("elicitation/create", FORM).await;
    peer.progress(2).await;
    let said = match answer.result() {
        Some(result) => String::from_utf8(result.to_vec()).unwrap(),
        None => answer.error_code().unwrap().to_string(),
    };
    peer.answer(&format!(r#"{{"said":{said}}}"#)).await;
}

fn retry(state: &str, responses: &str) -> String {
    format!(r#"{CALL},"requestState":{state},"inputResponses":{responses}"#)
}

async fn asked(client: &Client, id: &str) -> (Vec<(String, String)>, String) {
    questions(&client.ask(id, "tools/call", CALL).await)
}

fn said(answer: &Message) -> Option<String> {
    part(answer, &["result", "said"])
}

fn stale(answer: &Message) -> bool {
    answer.error_code() == Some(-32602) && text(answer).contains("make the call again")
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_the_call_and_its_answer_goes_on_with_it() {
    for style in BOTH {
        let server = Server::new(style, asking);
        let client = Client::new(&server.upstream()).can(CAN);
        let first = client.clone().meta(r#""progressToken":"one""#).all("1", "tools/call", CALL).await;
        let (asked, state) = questions(first.last().unwrap());
        assert_eq!(first.len(), 2, "{style:?}");
        assert_eq!(
            asked,
            [("input-1".to_owned(), format!(r#"{{"method":"elicitation/create","params":{FORM}}}"#))]
        );

        let answer = retry(&state, r#"{"input-1":{"action":"accept","content":{"x":1}},"other":{}}"#);
        let second = client.meta(r#""progressToken":2"#).all(r#""two""#, "tools/call", &answer).await;
        assert_eq!(part(&second[0], &["params", "progressToken"]).unwrap(), "2");
        assert_eq!(part(&second[0], &["params", "progress"]).unwrap(), "2");
        assert_eq!(part(&second[1], &["id"]).unwrap(), r#""two""#);
        assert_eq!(said(&second[1]).unwrap(), r#"{"action":"accept","content":{"x":1}}"#);
        assert_eq!(second[1].result_type(), Some("complete"));
        assert_eq!((server.count("tools/call"), server.count("notifications/cancelled")), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn all_questions_that_are_there_are_asked_at_once_and_again_if_missing() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        let first = peer.begin_ask("sampling/createMessage", r#"{"messages":[]}"#).await;
        let second = peer
            .begin_ask(
                "elicitation/create",
                r#"{"mode":"url","url":"https://a.example","elicitationId":"e1","message":"m"}"#,
            )
            .await;
        let third = peer.begin_ask("roots/list", "{}").await;
        for answer in [first, second, third] {
            assert!(answer.await.unwrap().result().is_some());
        }
        peer.answer(r#"{"said":"all"}"#).await;
    });
    let client = Client::new(&server.upstream()).can(CAN);
    let (asked, state) = asked(&client, "1").await;
    let methods: Vec<_> = asked
        .iter()
        .map(|(_, question)| {
            part(
                &crate::server::parse(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{question}}}"#)),
                &["result", "method"],
            )
            .unwrap()
        })
        .collect();
    assert_eq!(methods, [r#""sampling/createMessage""#, r#""elicitation/create""#, r#""roots/list""#]);
    assert!(!asked[1].1.contains("elicitationId"));

    // Two are answered; what is no answer counts as none.
    let responses = r#"{"input-1":{"role":"assistant"},"input-2":7,"input-3":{"roots":[]}}"#;
    let (again, next_state) = questions(&client.ask("2", "tools/call", &retry(&state, responses)).await);
    assert_eq!(again, [asked[1].clone()]);
    let last =
        client.ask("3", "tools/call", &retry(&next_state, r#"{"input-2":{"action":"decline"}}"#)).await;
    assert_eq!(said(&last).unwrap(), r#""all""#);
}

#[tokio::test(start_paused = true)]
async fn state_is_good_once_for_its_own_call_and_principal() {
    let server = Server::new(Style::Streams, asking);
    let client = Client::new(&server.upstream()).can(CAN);
    let (_, state) = asked(&client, "1").await;
    let responses = r#"{"input-1":{"action":"accept"}}"#;
    let good = retry(&state, responses);

    let bob = client.clone().who(Some(user("bob")));
    let nobody = client.clone().who(None);
    assert!(stale(&bob.ask("2", "tools/call", &good).await));
    assert!(stale(&nobody.ask("2", "tools/call", &good).await));
    for (method, members) in [
        ("tools/call", good.replace(r#""a":1"#, r#""a":2"#)),
        ("tools/call", good.replace(r#""ask""#, r#""other""#)),
        ("prompts/get", good.clone()),
        ("tools/call", retry(r#""forged""#, responses)),
        ("tools/call", retry(r#""""#, responses)),
    ] {
        assert!(stale(&client.ask("2", method, &members).await), "{method} {members}");
    }
    // None of these has hurt the call.
    assert_eq!(said(&client.ask("3", "tools/call", &good).await).unwrap(), r#"{"action":"accept"}"#);
    assert!(stale(&client.ask("4", "tools/call", &good).await));
    assert_eq!(server.count("tools/call"), 1);

    // Another process with the same numbers does not take it for its own.
    let other = Client::new(&server.upstream()).can(CAN);
    assert!(stale(&other.ask("5", "tools/call", &good).await));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_client_does_not_come_back_is_given_up() {
    let server = Server::new(Style::Streams, asking);
    let upstream = server.builder().park_timeout(Duration::from_secs(60)).build().unwrap();
    let client = Client::new(&upstream).can(CAN);
    let (_, state) = asked(&client, "1").await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(server.count("notifications/cancelled"), 0);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let cancelled = server.until("notifications/cancelled", 1).await.pop().unwrap();
    let request = server.heard("tools/call").pop().unwrap();
    assert_eq!(part(&cancelled, &["params", "requestId"]), part(&request, &["id"]));
    let error = server.until_answered(&portcullis_mcp_jsonrpc::Id::from(100)).await;
    assert_eq!(error.error_code(), Some(-32603));
    assert!(stale(&client.ask("2", "tools/call", &retry(&state, "{}")).await));
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_wait_than_there_is_room_for() {
    let server = Server::new(Style::Streams, asking);
    let upstream = server.builder().max_parked(2).build().unwrap();
    let client = Client::new(&upstream).can(CAN);
    let (_, first) = asked(&client, "1").await;
    asked(&client, "2").await;
    let third = client.ask("3", "tools/call", CALL).await;
    assert_eq!(said(&third).unwrap(), "-32603");

    client.ask("4", "tools/call", &retry(&first, r#"{"input-1":{}}"#)).await;
    asked(&client, "5").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_client_cannot_do_is_refused_to_the_server() {
    for style in BOTH {
        let server = Server::new(style, asking);
        let client = Client::new(&server.upstream()).can(r#"{"sampling":{},"elicitation":{"url":{}}}"#);
        let answer = client.ask("1", "tools/call", CALL).await;
        assert_eq!(said(&answer).unwrap(), "-32601", "{style:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_methods_cannot_ask() {
    let server = Server::new(Style::Streams, asking);
    let client = Client::new(&server.upstream()).can(CAN);
    let answer = client.ask("1", "completion/complete", "").await;
    assert_eq!(said(&answer).unwrap(), "-32603");
    for method in ["prompts/get", "resources/read"] {
        questions(&client.ask("1", method, r#""name":"a","uri":"a:b""#).await);
    }
}

#[tokio::test(start_paused = true)]
async fn many_calls_wait_at_once_and_each_gets_its_own_answer() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            let number = peer.param(&["arguments", "n"]).unwrap();
            // As a duplex server does not say which call it asks for, its calls ask one after the other.
            let answer = peer.ask("elicitation/create", &format!(r#"{{"message":"{number}"}}"#)).await;
            let said = String::from_utf8(answer.result().unwrap().to_vec()).unwrap();
            peer.answer(&format!(r#"{{"said":[{number},{said}]}}"#)).await;
        });
        let client = Client::new(&server.upstream()).can(CAN);
        let numbers = if style == Style::Streams { 0..50 } else { 0..1 };
        let calls = numbers.map(|number| {
            let client = client.clone();
            async move {
                let call = format!(r#""name":"ask","arguments":{{"n":{number}}}"#);
                let (asked, state) = questions(&client.ask("1", "tools/call", &call).await);
                assert!(asked[0].1.contains(&format!(r#""message":"{number}""#)));
                let again = format!(
                    r#"{call},"requestState":{state},"inputResponses":{{"input-1":{{"n":{number}}}}}"#
                );
                let answer = client.ask("1", "tools/call", &again).await;
                assert_eq!(said(&answer).unwrap(), format!(r#"[{number},{{"n":{number}}}]"#));
            }
        });
        join_all(calls).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_floods_a_waiting_call_is_held_back() {
    let said = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counter = said.clone();
    let server = Server::new(Style::Streams, move |peer: Peer| {
        let counter = counter.clone();
        async move {
            let answer = peer.begin_ask("elicitation/create", FORM).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            tokio::select! {
                _ = async { loop { peer.progress(0).await; counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst); } } => {}
                _ = answer => {}
            }
            peer.answer(r#"{"said":1}"#).await;
        }
    });
    let client = Client::new(&server.upstream()).can(CAN).meta(r#""progressToken":1"#);
    let (_, state) = asked(&client, "1").await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(said.load(std::sync::atomic::Ordering::SeqCst) < 50);
    let last = client.ask("2", "tools/call", &retry(&state, r#"{"input-1":{}}"#)).await;
    assert_eq!(part(&last, &["result", "said"]).unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_question_is_asked_even_while_the_server_floods() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        let _answer = peer.begin_ask("elicitation/create", FORM).await;
        while peer.progress(0).await {}
    });
    let client = Client::new(&server.upstream()).can(CAN).meta(r#""progressToken":1"#);
    let all = client.all("1", "tools/call", CALL).await;
    questions(all.last().unwrap());
    assert!(all.len() < 100);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_retry_cancels_the_call() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        peer.ask("elicitation/create", FORM).await;
        peer.progress(1).await;
        std::future::pending().await
    });
    let client = Client::new(&server.upstream()).can(CAN).meta(r#""progressToken":1"#);
    let (_, state) = asked(&client, "1").await;
    let mut reply = client.send("2", "tools/call", &retry(&state, r#"{"input-1":{}}"#)).await.unwrap();
    next(&mut reply).await;
    drop(reply);
    server.until("notifications/cancelled", 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_withdrawn_is_not_asked() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        let _answer = peer.begin_ask("elicitation/create", FORM).await;
        peer.say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":100}}"#).await;
        peer.answer(r#"{"said":"never mind"}"#).await;
    });
    let client = Client::new(&server.upstream()).can(CAN);
    assert_eq!(said(&client.ask("1", "tools/call", CALL).await).unwrap(), r#""never mind""#);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_too_long_for_its_server_fails() {
    let server = Server::new(Style::Streams, asking);
    let client = Client::new(&server.upstream()).can(CAN);
    let (_, state) = asked(&client, "1").await;
    server.link().forget().await;
    let failed = client.send("2", "tools/call", &retry(&state, r#"{"input-1":{}}"#)).await;
    assert!(failed.is_err());
    // The next call finds a new session.
    asked(&client, "3").await;
    assert_eq!(server.count("initialize"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_while_the_client_thinks() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        let mut answer = peer.begin_ask("elicitation/create", FORM).await;
        // A server that gives up whoever does not answer its pings.
        for round in 0..200 {
            let pong = tokio::time::timeout(Duration::from_secs(5), peer.ask("ping", "{}")).await;
            let unknown = peer.ask("tasks/get", "{}").await;
            assert!(pong.expect("no pong").result().is_some() && unknown.error_code() == Some(-32601));
            if round % 10 == 0 {
                peer.progress(round).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            if answer.try_recv().is_ok() {
                return peer.answer(r#"{"said":"in time"}"#).await;
            }
        }
    });
    let client = Client::new(&server.upstream()).can(CAN).meta(r#""progressToken":1"#);
    let (_, state) = asked(&client, "1").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let all = client.all("2", "tools/call", &retry(&state, r#"{"input-1":{}}"#)).await;
    assert_eq!(said(all.last().unwrap()).unwrap(), r#""in time""#);
    let told: Vec<_> = all.iter().filter_map(|it| part(it, &["params", "progress"])).collect();
    assert!(told.len() >= 6, "what came meanwhile is told: {told:?}");
    assert!(told.is_sorted_by_key(|it| it.parse::<u32>().unwrap()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_question_can_be_withdrawn_while_the_client_thinks() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            let _answer = peer.begin_ask("elicitation/create", FORM).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
            peer.say(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":100}}"#)
                .await;
            tokio::time::sleep(Duration::from_secs(10)).await;
            peer.answer(r#"{"said":"never mind"}"#).await;
        });
        let client = Client::new(&server.upstream()).can(CAN);
        let (_, state) = asked(&client, "1").await;
        tokio::time::sleep(Duration::from_secs(15)).await;
        let answer = client.ask("2", "tools/call", &retry(&state, r#"{"input-1":{}}"#)).await;
        assert_eq!(said(&answer).unwrap(), r#""never mind""#, "{style:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(server.answers(&portcullis_mcp_jsonrpc::Id::from(100)), 0, "{style:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_while_the_client_thought_is_still_there() {
    for style in BOTH {
        let server = Server::new(style, async |peer: Peer| {
            let _answer = peer.begin_ask("elicitation/create", FORM).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
            peer.answer(r#"{"said":"too late"}"#).await;
            // And nonsense after it.
            peer.answer(r#"{"said":"again"}"#).await;
        });
        let client = Client::new(&server.upstream()).can(CAN);
        let (_, state) = asked(&client, "1").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let answer = client.ask("2", "tools/call", &retry(&state, r#"{"input-1":{}}"#)).await;
        assert_eq!(said(&answer).unwrap(), r#""too late""#, "{style:?}");
        assert_eq!(server.count("notifications/cancelled"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn questions_by_the_thousand_wait_at_the_server_while_the_client_thinks() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        for _ in 0..1000 {
            drop(peer.begin_ask("elicitation/create", FORM).await);
        }
        std::future::pending().await
    });
    let client = Client::new(&server.upstream()).can(CAN);
    let (mut questions_asked, mut state) = asked(&client, "1").await;
    for round in 0..3 {
        assert!((1..=32).contains(&questions_asked.len()), "{}", questions_asked.len());
        tokio::time::sleep(Duration::from_secs(30)).await;
        let responses: Vec<_> = questions_asked.iter().map(|(key, _)| format!(r#""{key}":{{}}"#)).collect();
        let again = retry(&state, &format!("{{{}}}", responses.join(",")));
        (questions_asked, state) = questions(&client.ask(&format!("{round}"), "tools/call", &again).await);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_end_with_the_service() {
    let server = Server::new(Style::Streams, asking);
    let upstream = server.upstream();
    asked(&Client::new(&upstream).can(CAN), "1").await;
    drop(upstream);
    server.until("notifications/cancelled", 1).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(server.link().closed.load(std::sync::atomic::Ordering::SeqCst));
    server.until_dropped().await;
}

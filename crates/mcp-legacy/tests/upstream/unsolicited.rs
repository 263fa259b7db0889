//! What the server says without saying what it belongs to.

use std::time::Duration;

use portcullis_mcp_jsonrpc::{Id, Reply};

use crate::client::{Client, is_quiet, next, part, questions, user};
use crate::server::{Peer, Server, Style};

const CAN: &str = r#"{"elicitation":{}}"#;
const CALL: &str = r#""name":"a""#;

/// Never answers, but sets its level.
async fn busy(peer: Peer) {
    if peer.method() == "logging/setLevel" {
        return peer.answer("{}").await;
    }
    std::future::pending().await
}

async fn under_way(client: &Client, id: &str) -> Reply {
    client.send(id, "tools/call", CALL).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_whatever_goes_on() {
    let server = Server::new(Style::Duplex, busy);
    let client = Client::new(&server.upstream());
    let _reply = under_way(&client, "1").await;
    let id = server.link().ask("ping", "{}").await;
    assert_eq!(server.until_answered(&id).await.result(), Some(&b"{}"[..]));
    let id = server.link().ask("server/unheard-of", "{}").await;
    assert_eq!(server.until_answered(&id).await.error_code(), Some(-32601));
}

#[tokio::test(start_paused = true)]
async fn a_ping_during_a_call_is_answered_too() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        let pong = peer.ask("ping", "{}").await;
        let unknown = peer.ask("tasks/get", "{}").await;
        peer.answer(&format!("{{\"said\":[{},{}]}}", pong.result().is_some(), unknown.error_code().unwrap()))
            .await;
    });
    let answer = Client::new(&server.upstream()).tool("1", "a").await;
    assert_eq!(part(&answer, &["result", "said"]).unwrap(), "[true,-32601]");
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_to_the_only_call_that_can_answer() {
    let server = Server::new(Style::Duplex, busy);
    let upstream = server.upstream();
    let client = Client::new(&upstream).can(CAN).who(None);
    let mut call = under_way(&client, "1").await;
    // This one cannot be asked anything.
    let gateway = Client { capabilities: None, ..client.clone() };
    let _list = gateway.send("2", "tools/list", "").await.unwrap();
    let id = server.link().ask("elicitation/create", r#"{"message":"?"}"#).await;
    let (asked, state) = questions(&next(&mut call).await);
    assert_eq!(asked[0].1, r#"{"method":"elicitation/create","params":{"message":"?"}}"#);

    let retry =
        format!(r#"{CALL},"requestState":{state},"inputResponses":{{"input-1":{{"action":"cancel"}}}}"#);
    let _again = client.send("3", "tools/call", &retry).await.unwrap();
    assert_eq!(server.until_answered(&id).await.result(), Some(&br#"{"action":"cancel"}"#[..]));
}

#[tokio::test(start_paused = true)]
async fn of_several_calls_the_latest_of_one_principal_is_asked() {
    let server = Server::new(Style::Duplex, busy);
    let client = Client::new(&server.upstream()).can(CAN);
    let mut first = under_way(&client, "1").await;
    let mut second = under_way(&client, "2").await;
    server.link().ask("elicitation/create", r#"{"message":"?"}"#).await;
    questions(&next(&mut second).await);
    assert!(is_quiet(&mut first).await);
}

#[tokio::test(start_paused = true)]
async fn of_several_strangers_none_is_asked() {
    let server = Server::new(Style::Duplex, busy);
    let client = Client::new(&server.upstream()).can(CAN).who(None);
    let mut first = under_way(&client, "1").await;
    let mut second = under_way(&client, "2").await;
    let id = server.link().ask("elicitation/create", r#"{"message":"?"}"#).await;
    assert_eq!(server.until_answered(&id).await.error_code(), Some(-32603));
    assert!(is_quiet(&mut first).await && is_quiet(&mut second).await);
}

#[tokio::test(start_paused = true)]
async fn with_no_call_under_way_nobody_is_asked() {
    let server = Server::new(Style::Duplex, async |peer: Peer| peer.answer("{}").await);
    let client = Client::new(&server.upstream()).can(CAN);
    client.tool("1", "a").await;
    let id = server.link().ask("elicitation/create", r#"{"message":"?"}"#).await;
    assert_eq!(server.until_answered(&id).await.error_code(), Some(-32603));
    let id = server.link().ask("roots/list", "{}").await;
    assert_eq!(server.until_answered(&id).await.error_code(), Some(-32601));
}

#[tokio::test(start_paused = true)]
async fn questions_never_reach_another_principal() {
    let server = Server::new(Style::Duplex, busy);
    let upstream = server.upstream();
    let alice = Client::new(&upstream).can(CAN);
    let bob = alice.clone().who(Some(user("bob")));
    let mut hers = under_way(&alice, "1").await;
    let mut his = under_way(&bob, "1").await;
    server.links()[0].ask("elicitation/create", r#"{"message":"for alice"}"#).await;
    questions(&next(&mut hers).await);
    assert!(is_quiet(&mut his).await);
}

#[tokio::test(start_paused = true)]
async fn the_log_goes_to_the_call_that_asked_for_it() {
    let server = Server::new(Style::Duplex, busy);
    let client = Client::new(&server.upstream());
    let mut deaf = under_way(&client, "1").await;
    let logging = client.clone().meta(r#""io.modelcontextprotocol/logLevel":"warning""#);
    let mut listening = under_way(&logging, "2").await;
    for level in ["info", "error", "unheard-of"] {
        let line = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","data":1}}}}"#
        );
        server.link().tell(&line).await;
    }
    assert_eq!(part(&next(&mut listening).await, &["params", "level"]).unwrap(), r#""error""#);
    assert!(is_quiet(&mut listening).await && is_quiet(&mut deaf).await);
}

#[tokio::test(start_paused = true)]
async fn progress_finds_its_call_by_the_token_alone() {
    let server = Server::new(Style::Duplex, busy);
    let client = Client::new(&server.upstream()).meta(r#""progressToken":"t""#);
    let mut reply = under_way(&client, "1").await;
    let request = server.until("tools/call", 1).await.pop().unwrap();
    let token = part(&request, &["params", "_meta", "progressToken"]).unwrap();
    for token in [token.as_str(), "4711", "null", "{}"] {
        let told = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
        );
        server.link().tell(&told).await;
    }
    assert_eq!(part(&next(&mut reply).await, &["params", "progressToken"]).unwrap(), r#""t""#);
    assert!(is_quiet(&mut reply).await);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_questions_is_bounded() {
    let server = Server::new(Style::Duplex, busy);
    let client = Client::new(&server.upstream()).can(CAN);
    let reply = under_way(&client, "1").await;
    let mut last = Id::from(0);
    for _ in 0..200 {
        last = server.link().ask("elicitation/create", r#"{"message":"?"}"#).await;
    }
    assert_eq!(server.until_answered(&last).await.error_code(), Some(-32603));
    drop(reply);
    server.until("notifications/cancelled", 1).await;
}

#[tokio::test(start_paused = true)]
async fn the_stream_is_opened_again_when_it_ends() {
    let server = Server::new(Style::Duplex, busy);
    let client = Client::new(&server.upstream());
    let _reply = under_way(&client, "1").await;
    server.link().fail_listen().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let id = server.link().ask("ping", "{}").await;
    assert!(server.until_answered(&id).await.result().is_some());
    assert_eq!(server.count("initialize"), 1);
}

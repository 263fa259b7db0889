//! Sessions, and what is no session's, nobody's question, or somebody else's.

use http::StatusCode;
use serde_json::json;

use crate::Era;
use crate::client::Client;
use crate::gateway::{Gateway, http, keys};
use crate::server::WATCHED;
use crate::web;

const PING: &str = "ping";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_a_restart_with_the_same_keys_and_nothing_else() {
    let server = web::serve(Era::Legacy, "up").await;
    let serve = async |gateway: Gateway| gateway.serve([http("up", server.address)]).await;
    let mut client = Client::connect(serve(Gateway::default()).await, Era::Legacy).await;
    assert_eq!(client.call("echo").await.text(), "{}");

    // Another process with the same keys: to the client nothing has happened.
    client.address = serve(Gateway::default()).await;
    assert_eq!(client.call("form").await.asked.len(), 1, "what it can do is known too");

    let mut answers = Vec::new();
    let elsewhere = [
        Gateway { keys: keys('b'), ..Gateway::default() },
        Gateway { name: "other", ..Gateway::default() },
        Gateway { route: "/other", ..Gateway::default() },
    ];
    for gateway in elsewhere {
        client.address = serve(gateway).await;
        answers.push(client.post(&client.request(json!(1), PING, json!({}))).await);
    }
    client.address = serve(Gateway::default()).await;
    client.user = Some("mallory");
    answers.push(client.post(&client.request(json!(1), PING, json!({}))).await);
    client.user = None;
    client.session = Some("forged".to_owned());
    answers.push(client.post(&client.request(json!(1), PING, json!({}))).await);

    let mut bodies = Vec::new();
    for answer in answers {
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        bodies.push(answer.bytes().await);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_belongs_to_who_opened_it_and_ends_when_they_say() {
    let server = web::serve(Era::Modern, "up").await;
    let gateway = Gateway::default().serve([http("up", server.address)]).await;
    let ann = Client::connect_as(gateway, Era::Legacy, Some("ann")).await;
    let mut bob = Client::connect_as(gateway, Era::Legacy, Some("bob")).await;
    bob.session.clone_from(&ann.session);
    for refused in [
        bob.post(&bob.request(json!(0), PING, json!({}))).await.status,
        bob.get(None).await.status,
        bob.delete().await,
    ] {
        assert_eq!(refused, StatusCode::NOT_FOUND);
    }
    assert_eq!(ann.call("echo").await.text(), "{}");
    assert!(ann.delete().await.is_success());
    assert_eq!(ann.post(&ann.request(json!(0), PING, json!({}))).await.status, StatusCode::NOT_FOUND);
}

/// What only its owner could know is worth nothing to anybody else.
#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_one_principal_opens_nothing_for_another() {
    for era in [Era::Legacy, Era::Modern] {
        let server = web::serve(era, "up").await;
        let gateway = Gateway::default().serve([http("up", server.address)]).await;
        let ann = Client::connect_as(gateway, Era::Modern, Some("ann")).await;
        let bob = Client::connect_as(gateway, Era::Modern, Some("bob")).await;
        let params = json!({ "name": "up_form", "arguments": {} });
        let asked = ann.post(&ann.request(json!(1), "tools/call", params.clone())).await.answer().await;
        assert_eq!(asked["result"]["resultType"], "input_required", "{era:?}: {asked}");

        let mut retry = params;
        retry["requestState"] = asked["result"]["requestState"].clone();
        for key in asked["result"]["inputRequests"].as_object().unwrap().keys() {
            retry["inputResponses"][key] = json!({ "action": "accept", "content": { "name": "Ann" } });
        }
        let stolen = bob.post(&bob.request(json!(1), "tools/call", retry.clone())).await.answer().await;
        assert_eq!(stolen["error"]["code"], -32602, "{era:?}: {stolen}");
        let mut other = retry.clone();
        other["arguments"] = json!({ "amount": 1000 });
        let changed = ann.post(&ann.request(json!(2), "tools/call", other)).await.answer().await;
        assert_eq!(changed["error"]["code"], -32602, "{era:?}: {changed}");
        let answered = ann.post(&ann.request(json!(3), "tools/call", retry)).await.answer().await;
        assert!(
            answered["result"]["content"][0]["text"].as_str().unwrap().contains("Ann"),
            "{era:?}: {answered}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_nothing_second_beginnings_and_foreign_events_are_refused() {
    let server = web::serve(Era::Legacy, "up").await;
    let gateway = Gateway::default().serve([http("up", server.address)]).await;
    let client = Client::connect(gateway, Era::Legacy).await;

    for id in [json!(0), json!("up-0"), json!(77)] {
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": { "action": "accept" } });
        assert_eq!(client.post(&answer).await.status, StatusCode::BAD_REQUEST, "{id}");
    }
    assert_eq!(client.post(&client.initialize("2025-11-25")).await.status, StatusCode::BAD_REQUEST);
    for id in ["0123456789abcdef-1.1", "1", "%", "a.99999999999999999999"] {
        assert_eq!(client.get(Some(id)).await.status, StatusCode::BAD_REQUEST, "{id}");
    }
    // An id that was sent, in another session.
    let other = Client::connect(gateway, Era::Legacy).await;
    let sent = other.get(None).await.is_primed().await;
    assert_eq!(client.get(Some(&sent)).await.status, StatusCode::BAD_REQUEST);
    // Nobody else has noticed.
    assert_eq!(client.call("form").await.asked.len(), 1);
    assert!(
        !server.server.notes().iter().any(|note| note.contains("nothing")),
        "{:?}",
        server.server.notes()
    );
}

/// A question reaches the one client whose call it belongs to, and no one else can answer it.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_of_one_client_is_not_anothers_to_answer() {
    for era in [Era::Legacy, Era::Modern] {
        let server = web::serve(era, "up").await;
        let gateway = Gateway::default().serve([http("up", server.address)]).await;
        let ann = Client::connect_as(gateway, Era::Legacy, Some("ann")).await;
        let bob = Client::connect_as(gateway, Era::Legacy, Some("bob")).await;
        let mut listening = bob.listen(WATCHED).await;
        let params = json!({ "name": "up_form", "arguments": {} });
        let mut exchange = ann.post(&ann.request(json!(1), "tools/call", params)).await;
        let question = exchange.next().await.unwrap();
        assert_eq!(question["method"], "elicitation/create", "{era:?}: {question}");

        let answer = |name: &str| {
            let result = json!({ "action": "accept", "content": { "name": name } });
            json!({ "jsonrpc": "2.0", "id": question["id"], "result": result })
        };
        assert_eq!(bob.post(&answer("Bob")).await.status, StatusCode::BAD_REQUEST, "{era:?}");
        assert_eq!(ann.post(&answer("Ann")).await.status, StatusCode::ACCEPTED, "{era:?}");
        assert!(exchange.next().await.unwrap()["result"].to_string().contains("Ann"), "{era:?}");
        assert_eq!(ann.post(&answer("Ann")).await.status, StatusCode::BAD_REQUEST, "once is enough");
        // The first that Bob hears is of a change.
        bob.call("change").await.result();
        let first = listening.next().await.unwrap();
        assert!(first["method"].as_str().unwrap().starts_with("notifications/"), "{era:?}: {first}");
    }
}

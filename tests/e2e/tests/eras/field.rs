//! What real software was seen to do, where no other test of this suite shows it.

use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use portcullis_core::Body;
use serde_json::json;

use crate::Era;
use crate::client::Client;
use crate::gateway::{Gateway, http, pair};
use crate::server::WATCHED;
use crate::web;

/// rmcp's clients ask for the newest revision in the words of an old one.
#[tokio::test(flavor = "multi_thread")]
async fn an_initialize_that_asks_for_2026_07_28_begins_a_session_of_2025_11_25() {
    for era in [Era::Legacy, Era::Modern] {
        let pair = pair(era, false).await;
        let mut client = Client::connect(pair.gateway, Era::Legacy).await;
        client.session = None;
        let opened = client.post(&client.initialize("2026-07-28")).await;
        assert!(opened.headers.contains_key("mcp-session-id"));
        assert_eq!(opened.answer().await["result"]["protocolVersion"], "2025-11-25", "{era:?}");
    }
}

/// Python's client begins with a call, and asks for the list by itself when it does not know the schema.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_of_all_may_be_a_call() {
    for era in [Era::Legacy, Era::Modern] {
        let pair = pair(era, false).await;
        let client = Client::connect(pair.gateway, Era::Modern).await;
        assert_eq!(client.call("echo").await.text(), "{}", "{era:?}");
        assert_eq!(client.ask("tools/list", json!({})).await.result()["tools"].as_array().unwrap().len(), 10);
    }
}

/// Inspector's one-shot client lists before it calls, and goes without a word: what it leaves behind holds nobody up.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_say_goodbye_are_served_again_and_again() {
    let pair = pair(Era::Legacy, false).await;
    for _ in 0..50 {
        let client = Client::connect(pair.gateway, Era::Legacy).await;
        client.ask("tools/list", json!({})).await.result();
        client.ask("logging/setLevel", json!({ "level": "debug" })).await.result();
        client.call("echo").await.result();
    }
    let server = &pair.server.as_ref().unwrap().server;
    let notes = server.notes();
    let sessions: Vec<_> = notes.iter().filter(|note| note.starts_with("initialize")).collect();
    assert_eq!(sessions.len(), 1, "to the server they are one: {sessions:?}");
}

/// The retry is a request of its own, whoever makes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_the_answers_has_an_id_of_its_own() {
    for era in [Era::Legacy, Era::Modern] {
        let pair = pair(Era::Modern, false).await;
        Client::connect(pair.gateway, era).await.call("form").await.result();
        let notes = pair.server.as_ref().unwrap().server.notes();
        let id = |verb: &str| notes.iter().find_map(|note| note.strip_prefix(verb)).unwrap().to_owned();
        assert_ne!(id("called as "), id("retried as "), "{era:?}: {notes:?}");
    }
}

/// Servers in Python say nothing of their version, and clients in Python say the same of themselves whoever they are.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_needs_a_name_or_a_version() {
    for era in [Era::Legacy, Era::Modern] {
        let pair = pair(era, false).await;
        let mut client = Client::connect(pair.gateway, Era::Legacy).await;
        client.session = None;
        let mut initialize = client.initialize("2025-06-18");
        initialize["params"]["clientInfo"] = json!({ "name": "", "version": "" });
        let opened = client.post(&initialize).await;
        client.session = Some(opened.headers["mcp-session-id"].to_str().unwrap().to_owned());
        let info = opened.answer().await["result"]["serverInfo"].clone();
        assert!(info["name"] == "acme" && info["version"].is_string(), "{era:?}: {info}");
        assert_eq!(client.call("echo").await.text(), "{}", "{era:?}");
    }
}

/// rmcp's clients would rather have a stream, and say so in another order than anybody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_changes_may_be_asked_for_in_any_order_of_types() {
    let pair = pair(Era::Legacy, false).await;
    let mut client = Client::connect(pair.gateway, Era::Legacy).await;
    client.accept = "text/event-stream, application/json";
    let mut stream = client.listen(WATCHED).await;
    client.call("change").await.result();
    assert!(stream.next().await.unwrap()["method"].as_str().unwrap().starts_with("notifications/"));
}

/// A client that starts a login because of this would start it at the wrong server.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_thinks_of_our_credentials_is_not_told_to_clients() {
    for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
        let server = e2e::serve(tower::service_fn(move |_: Request<Incoming>| async move {
            let challenge = r#"Bearer resource_metadata="https://elsewhere.example/""#;
            let response = Response::builder().status(status).header(header::WWW_AUTHENTICATE, challenge);
            Ok(response.body(Body::from("elsewhere")).unwrap())
        }))
        .await;
        let well = web::serve(Era::Legacy, "well").await;
        let gateway = Gateway::default().serve([http("up", server), http("well", well.address)]).await;
        for era in [Era::Legacy, Era::Modern] {
            let client = Client::connect(gateway, era).await;
            let params = json!({ "name": "up_echo", "arguments": {} });
            let mut exchange = client.post(&client.request(json!(0), "tools/call", params)).await;
            assert!(![401, 403].contains(&exchange.status.as_u16()), "{era:?}: {}", exchange.status);
            assert!(!exchange.headers.contains_key(header::WWW_AUTHENTICATE), "{era:?}");
            let answer = exchange.next().await.unwrap();
            assert!(
                answer["error"].is_object() && !answer.to_string().contains("elsewhere"),
                "{era:?}: {answer}"
            );
            // The other server is served all the same.
            let told = client.ask("tools/call", json!({ "name": "well_echo", "arguments": {} })).await;
            assert_eq!(told.text(), "{}", "{era:?}");
        }
    }
}

/// FastMCP's servers have no `subscriptions/listen`.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_to_be_listened_to_is_no_hindrance_to_the_others() {
    let deaf = e2e::serve(tower::service_fn(|request: Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        let message: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let method = head.headers.get("mcp-method").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (status, kind, value) = match method {
            "server/discover" => {
                let capabilities = json!({ "tools": { "listChanged": true } });
                let discovered = json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"],
                    "capabilities": capabilities, "ttlMs": 0, "cacheScope": "private" });
                (200, "result", discovered)
            }
            _ => (404, "error", json!({ "code": -32601, "message": "Method not found" })),
        };
        let answer = json!({ "jsonrpc": "2.0", "id": message["id"], kind: value });
        let response = Response::builder().status(status).header("content-type", "application/json");
        Ok(response.body(Body::from(answer.to_string())).unwrap())
    }))
    .await;
    let well = web::serve(Era::Modern, "well").await;
    let gateway = Gateway::default().serve([http("deaf", deaf), http("well", well.address)]).await;
    for era in [Era::Legacy, Era::Modern] {
        let client = Client::connect(gateway, era).await;
        let mut stream = client.listen(WATCHED).await;
        e2e::until(e2e::PATIENCE, "the other one is listened to", || well.server.listeners() > 0).await;
        well.server.change("notifications/tools/list_changed", &json!({}));
        let told = stream.next().await.unwrap();
        assert_eq!(told["method"], "notifications/tools/list_changed", "{era:?}");
    }
}

//! Sessions: how they begin, who may use them, how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use portcullis_core::{Kind, Principal, Reason, Trail};
use portcullis_mcp_legacy::front::FrontLayer;
use portcullis_testkit::{Act, Scripted, read};
use tower::Layer;

use super::client::{Client, call, initialize};
use super::{complete, connected, discover, front, keys, layer, scripted};

const NOT_FOUND: &str = r#"{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"}}"#;

/// That a client with this session id is told what everybody is told, by each method.
async fn assert_unknown(client: &Client, name: &str) {
    for response in [client.post(call(1)).await, client.get(None).await, client.get(Some("a.1")).await] {
        let (head, body) = read::response(response).await;
        assert_eq!((head.status, &body[..]), (StatusCode::NOT_FOUND, NOT_FOUND.as_bytes()), "{name}");
        assert!(!head.headers.contains_key("mcp-session-id"));
    }
    assert_eq!(client.delete().await, StatusCode::NOT_FOUND, "{name}");
}

#[tokio::test(start_paused = true)]
async fn begins_with_an_id_fit_for_a_header() {
    let response = Client::new(front([])).post(initialize("2025-11-25")).await;
    let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(id.bytes().all(|byte| byte.is_ascii_graphic()) && id.len() < 1024, "{id}");
    let other = Client::new(front([])).post(initialize("2025-11-25")).await;
    assert_ne!(other.headers()["mcp-session-id"], id.as_str());
}

#[tokio::test(start_paused = true)]
async fn an_initialize_that_fails_opens_none() {
    let client = Client::new(layer().layer(Scripted::always(Act::error(-31403, "No."))));
    let response = client.post(initialize("2025-11-25")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key("mcp-session-id"));
    assert_eq!(read::message(response).await.1.error_code(), Some(-31403));
}

#[tokio::test(start_paused = true)]
async fn any_replica_with_the_keys_serves_it() {
    let mut client = connected([]).await;
    client.front = layer().layer(Scripted::in_order([complete()]));
    assert!(client.ask(call(1)).await.result().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_still_opens_and_a_retired_one_does_not() {
    let mut client = connected([]).await;
    client.front =
        FrontLayer::new(Default::default()).keys(keys("ba")).layer(Scripted::in_order([complete()]));
    assert!(client.ask(call(1)).await.result().is_some());
    client.front = FrontLayer::new(Default::default()).keys(keys("bc")).layer(Scripted::in_order([]));
    assert_unknown(&client, "retired key").await;
    client.front = FrontLayer::new(Default::default()).layer(Scripted::in_order([]));
    assert_unknown(&client, "generated key").await;
}

#[tokio::test(start_paused = true)]
async fn nobody_else_can_use_it_and_it_works_nowhere_else() {
    let alice = Principal::new(Kind::User, "alice").with_issuer("https://a.example");
    let mut client =
        Client::new(layer().portal("acme").route("/mcp").layer(scripted([complete(), complete()])));
    client.principal = Some(alice.clone());
    let client = client.open("2025-11-25").await;
    assert!(client.ask(call(1)).await.result().is_some());
    let mut grown = client.clone();
    grown.principal = Some(alice.with_scope("more").with_group("admins"));
    assert!(grown.ask(call(1)).await.result().is_some(), "the same person with another token");

    let others = [
        ("nobody", None),
        ("bob", Some(Principal::new(Kind::User, "bob").with_issuer("https://a.example"))),
        ("another alice", Some(Principal::new(Kind::User, "alice").with_issuer("https://b.example"))),
        (
            "a service called alice",
            Some(Principal::new(Kind::Service, "alice").with_issuer("https://a.example")),
        ),
    ];
    for (name, principal) in others {
        assert_unknown(&Client { principal, ..client.clone() }, name).await;
    }
    let places = [
        ("another portal", layer().portal("other").route("/mcp")),
        ("another route", layer().portal("acme").route("/other")),
        ("none", layer()),
    ];
    for (name, layer) in places {
        let front = layer.layer(Scripted::in_order([]));
        assert_unknown(&Client { front, ..client.clone() }, name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_forged_id_opens_nothing() {
    let client = connected([]).await;
    let id = client.session.clone().unwrap();
    let mut flipped = id.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let forged = [
        ("changed", String::from_utf8(flipped).unwrap()),
        ("cut", id[..id.len() - 1].to_owned()),
        ("longer", format!("{id}A")),
        ("a UUID", "6f1c2a52-8c43-4a55-9a0d-1b2f6a5b0c11".to_owned()),
        ("empty", String::new()),
        ("very long", "A".repeat(60_000)),
        ("not base64", "ä".to_owned()),
    ];
    for (name, id) in forged {
        assert_unknown(&Client { session: Some(id), ..client.clone() }, name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn ends_when_it_is_too_old() {
    let now = Arc::new(AtomicU64::new(1_000));
    let clock = {
        let now = Arc::clone(&now);
        move || SystemTime::UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed))
    };
    let layer = layer().session_lifetime(Duration::from_secs(60)).clock(clock);
    let client = Client::connect(layer.layer(scripted([complete()])), "2025-11-25").await;
    now.store(1_059, Ordering::Relaxed);
    assert!(client.ask(call(1)).await.result().is_some());
    now.store(1_060, Ordering::Relaxed);
    assert_unknown(&client, "too old").await;
}

#[tokio::test(start_paused = true)]
async fn ends_when_it_is_deleted() {
    let client = connected([complete(), Act::hang()]).await;
    client.ask(call(1)).await;
    let mut notifications = super::Events::of(client.get(None).await);
    notifications.next().await.unwrap();
    assert_eq!(client.delete().await, StatusCode::OK);
    assert!(notifications.next().await.is_none(), "its streams end");
    assert_unknown(&client, "deleted").await;
}

/// Of several replicas the one that was asked forgets; nothing was held here to begin with.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_in_memory_can_be_deleted() {
    let mut client = connected([]).await;
    client.front = layer().layer(Scripted::in_order([]));
    assert_eq!(client.delete().await, StatusCode::OK);
    assert_unknown(&client, "deleted").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_session_is_told_how_to_begin() {
    let client = Client::new(front([]));
    for text in [
        call(1),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"initialize","params":{}}"#.to_owned(),
    ] {
        let (head, answer) = read::message(client.post(text).await).await;
        assert_eq!((head.status, answer.error_code()), (StatusCode::BAD_REQUEST, Some(-32600)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_does_not_begin_in_another() {
    let client = connected([complete()]).await;
    assert_eq!(client.post(initialize("2025-11-25")).await.status(), StatusCode::BAD_REQUEST);
    assert!(client.ask(call(1)).await.result().is_some(), "the session goes on");
}

#[tokio::test(start_paused = true)]
async fn what_a_session_holds_outlives_its_idleness_and_the_rest_does_not() {
    let client = Client::connect(layer().layer(scripted([])), "2025-11-25").await;
    let other = Client { session: None, version: None, ..client.clone() };
    let set = r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}"#;
    assert!(client.ask(set).await.result().is_some());
    assert_eq!(client.front.sessions(), 1);
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(client.front.sessions(), 1);
    drop(other);

    let client = connected([complete()]).await;
    client.ask(call(1)).await;
    assert_eq!(client.front.sessions(), 1);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(client.front.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_sessions_in_memory_is_bounded() {
    let layer = layer().max_sessions(100);
    let front = layer.layer(Scripted::always(discover()));
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(Client::connect(front.clone(), "2025-11-25").await);
        assert!(front.sessions() <= 100);
    }
    for client in clients {
        assert!(client.ask(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await.result().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_on_the_trail() {
    let mut client = connected([]).await;
    client.session = Some("forged".to_owned());
    let mut request =
        client.request("POST").header("content-type", "application/json").body(call(1)).unwrap();
    let trail = Trail::enter(request.extensions_mut());
    client.send(request).await;
    assert_eq!(trail.refusal().unwrap().reason(), Reason::Malform);
    assert_eq!(trail.entries()[0].layer(), "mcp-legacy");
}

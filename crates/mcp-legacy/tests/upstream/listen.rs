//! `subscriptions/listen` on a legacy server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use portcullis_mcp_jsonrpc::{FailureKind, Reply};

use crate::client::{Client, is_quiet, next, part, user};
use crate::server::{Peer, Server, Style, text};

const BOTH: [Style; 2] = [Style::Streams, Style::Duplex];

fn server(style: Style) -> Arc<Server> {
    Server::new(style, async |peer: Peer| match peer.param(&["uri"]).as_deref() {
        Some(r#""a:no""#) => peer.refuse(-32602).await,
        _ => peer.answer("{}").await,
    })
}

async fn listen(client: &Client, id: &str, filter: &str) -> Reply {
    client.send(id, "subscriptions/listen", &format!(r#""notifications":{{{filter}}}"#)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_is_acknowledged_and_told() {
    for style in BOTH {
        let server = server(style);
        let client = Client::new(&server.upstream());
        let mut reply = listen(
            &client,
            r#""l:0""#,
            r#""toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["a:1","a:no"]"#,
        )
        .await;
        assert_eq!(
            text(&next(&mut reply).await),
            r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"l:0"},"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:1"]}}}"#
        );
        assert!(server.link().listened.load(Ordering::SeqCst));
        let link = server.link();
        link.change("prompts/list_changed").await;
        link.change("tools/list_changed").await;
        link.tell(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"b:1"}}"#)
            .await;
        link.tell(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1"}}"#)
            .await;
        assert_eq!(
            text(&next(&mut reply).await),
            r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"l:0"}}}"#
        );
        assert_eq!(
            part(&next(&mut reply).await, &["params"]).unwrap(),
            r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"l:0"},"uri":"a:1"}"#
        );
        assert!(is_quiet(&mut reply).await);
    }
}

/// Lets servers watch resources that begin with `a`, and no others.
async fn choosy(peer: Peer) {
    match peer.param(&["uri"]) {
        Some(uri) if peer.method() == "resources/subscribe" && !uri.starts_with("\"a") => {
            peer.refuse(-1).await
        }
        _ => peer.answer("{}").await,
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_has_is_told_of_whatever_it_declares() {
    let server = Server::new(Style::Streams, choosy);
    server.says_hello(
        r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":false},"resources":{"subscribe":false}}}"#,
    );
    let client = Client::new(&server.upstream());
    let filter = r#""toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["a:1","b:1"]"#;
    let mut some = listen(&client, "1", filter).await;
    assert_eq!(
        part(&next(&mut some).await, &["params", "notifications"]).unwrap(),
        r#"{"toolsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["a:1"]}"#
    );
    let link = server.link();
    for list in ["tools", "prompts", "resources"] {
        link.change(&format!("{list}/list_changed")).await;
    }
    link.tell(r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1"}}"#).await;
    for method in ["tools/list_changed", "resources/list_changed", "resources/updated"] {
        assert_eq!(next(&mut some).await.method().unwrap(), format!("notifications/{method}"));
    }
    assert!(is_quiet(&mut some).await);

    // What it says of itself stays what it says.
    let found = client.ask("2", "server/discover", "").await;
    assert_eq!(
        part(&found, &["result", "capabilities"]).unwrap(),
        r#"{"tools":{"listChanged":false},"resources":{"subscribe":false}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_server_does_not_have_is_not_acknowledged() {
    let server = server(Style::Streams);
    server.says_hello(r#"{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}}}"#);
    let client = Client::new(&server.upstream());
    let none = r#""promptsListChanged":true,"resourceSubscriptions":["a:1"]"#;
    let mut none = listen(&client, "2", none).await;
    assert_eq!(part(&next(&mut none).await, &["params", "notifications"]).unwrap(), "{}");
    assert!(is_quiet(&mut none).await);
    assert_eq!(server.count("resources/subscribe"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_opens_no_stream_does_not_hold_up_the_acknowledgement() {
    let server = server(Style::Streams);
    server.deaf.store(true, Ordering::SeqCst);
    let started = tokio::time::Instant::now();
    let mut reply = listen(&Client::new(&server.upstream()), "1", r#""toolsListChanged":true"#).await;
    next(&mut reply).await;
    assert!(started.elapsed() <= Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_watched_as_long_as_anybody_wants_it() {
    let server = server(Style::Streams);
    let client = Client::new(&server.upstream());
    let filter = r#""resourceSubscriptions":["a:1"]"#;
    let mut replies = Vec::new();
    for id in ["1", "2", "3"] {
        let mut reply = listen(&client, id, filter).await;
        next(&mut reply).await;
        replies.push(reply);
    }
    assert_eq!(server.count("resources/subscribe"), 1);
    replies.truncate(1);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(server.count("resources/unsubscribe"), 0);
    replies.clear();
    let undone = server.until("resources/unsubscribe", 1).await.pop().unwrap();
    assert_eq!(part(&undone, &["params"]).unwrap(), r#"{"uri":"a:1"}"#);
    let mut again = listen(&client, "4", filter).await;
    next(&mut again).await;
    assert_eq!(server.count("resources/subscribe"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_listeners_is_not_idle() {
    let server = server(Style::Streams);
    let upstream = server.builder().idle(Duration::from_secs(10)).build().unwrap();
    let client = Client::new(&upstream);
    let reply = listen(&client, "1", r#""toolsListChanged":true"#).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!server.link().closed.load(Ordering::SeqCst));
    drop(reply);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(server.link().closed.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_subscription_outlives_its_session() {
    for style in BOTH {
        let server = server(style);
        let client = Client::new(&server.upstream());
        let mut reply =
            listen(&client, "9", r#""toolsListChanged":true,"resourceSubscriptions":["a:1"]"#).await;
        next(&mut reply).await;
        server.link().break_off().await;
        // What may have been missed is told.
        assert_eq!(next(&mut reply).await.method(), Some("notifications/tools/list_changed"));
        let updated = next(&mut reply).await;
        assert_eq!(
            part(&updated, &["params"]).unwrap(),
            r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":9},"uri":"a:1"}"#
        );
        assert_eq!((server.count("initialize"), server.count("resources/subscribe")), (2, 2));
        server.link().change("tools/list_changed").await;
        next(&mut reply).await;
        assert!(is_quiet(&mut reply).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_when_the_server_is_gone_for_good() {
    let server = server(Style::Streams);
    let client = Client::new(&server.upstream());
    let mut reply = listen(&client, "1", r#""toolsListChanged":true"#).await;
    next(&mut reply).await;
    server.refuse_connections.store(true, Ordering::SeqCst);
    server.link().break_off().await;
    let end = tokio::time::timeout(Duration::from_secs(300), reply.next()).await.unwrap();
    assert_eq!(end.unwrap().unwrap_err().kind(), FailureKind::Unreachable);
    assert!(reply.next().await.is_none());
    assert!(server.count("refused connection") <= 10);
}

#[tokio::test(start_paused = true)]
async fn changes_told_during_a_call_are_for_listeners() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        peer.say(r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#).await;
        peer.answer("{}").await;
    });
    let client = Client::new(&server.upstream());
    let mut reply = listen(&client, "1", r#""toolsListChanged":true"#).await;
    next(&mut reply).await;
    assert_eq!(client.all("2", "tools/call", r#""name":"a""#).await.len(), 1);
    assert_eq!(next(&mut reply).await.method(), Some("notifications/tools/list_changed"));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_does_not_read_loses_what_is_too_much_and_holds_up_nobody() {
    let server = server(Style::Streams);
    let upstream = server.upstream();
    let client = Client::new(&upstream);
    let mut slow = listen(&client, "1", r#""toolsListChanged":true"#).await;
    next(&mut slow).await;
    for _ in 0..1000 {
        server.link().change("tools/list_changed").await;
    }
    let id = server.link().ask("ping", "{}").await;
    server.until_answered(&id).await;
    assert!(client.tool("2", "a").await.result().is_some());
    let mut told = 0;
    while !is_quiet(&mut slow).await {
        told += 1;
    }
    assert!((1..200).contains(&told), "{told}");
}

#[tokio::test(start_paused = true)]
async fn principals_hear_of_their_own_sessions_only() {
    let server = server(Style::Streams);
    let upstream = server.upstream();
    let alice = Client::new(&upstream);
    let bob = alice.clone().who(Some(user("bob")));
    let mut hers = listen(&alice, "1", r#""toolsListChanged":true"#).await;
    let mut his = listen(&bob, "1", r#""toolsListChanged":true"#).await;
    next(&mut hers).await;
    next(&mut his).await;
    server.links()[0].change("tools/list_changed").await;
    next(&mut hers).await;
    assert!(is_quiet(&mut his).await);
}

#[tokio::test(start_paused = true)]
async fn changes_told_in_one_session_are_heard_in_the_principals_others() {
    let server = server(Style::Streams);
    let upstream = server.upstream();
    let client = Client::new(&upstream);
    let able = client.clone().can(r#"{"roots":{}}"#);
    let bob = able.clone().who(Some(user("bob")));
    let filter = r#""toolsListChanged":true,"resourceSubscriptions":["a:1"]"#;
    let mut hers = listen(&client, "1", filter).await;
    let mut his = listen(&bob, "1", filter).await;
    next(&mut hers).await;
    next(&mut his).await;
    able.tool("2", "a").await;
    assert_eq!(server.links().len(), 3);
    server.link().change("tools/list_changed").await;
    let updated = r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:1"}}"#;
    server.link().tell(updated).await;
    assert_eq!(next(&mut hers).await.method(), Some("notifications/tools/list_changed"));
    assert_eq!(next(&mut hers).await.method(), Some("notifications/resources/updated"));
    assert!(is_quiet(&mut his).await);

    // A server that tells all its sessions says it once to whoever has not read it yet.
    for link in server.links() {
        link.tell(updated).await;
    }
    next(&mut hers).await;
    next(&mut his).await;
    assert!(is_quiet(&mut his).await && is_quiet(&mut hers).await);
}

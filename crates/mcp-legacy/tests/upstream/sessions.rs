//! When sessions begin, whom they serve and when they end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use portcullis_mcp_jsonrpc::{FailureKind, OnBehalf};
use portcullis_mcp_legacy::upstream::{BuildError, LegacyUpstream, Sharing};

use crate::client::{Client, part, user};
use crate::server::{Peer, Server, Style, text};

pub(crate) async fn obliging(peer: Peer) {
    match peer.param(&["name"]).as_deref() {
        Some(r#""hang""#) => std::future::pending().await,
        _ => peer.answer(r#"{"content":[]}"#).await,
    }
}

fn server() -> Arc<Server> {
    Server::new(Style::Streams, obliging)
}

#[tokio::test(start_paused = true)]
async fn one_initialize_serves_all_calls() {
    let server = server();
    let client = Client::new(&server.upstream());
    for id in 0..21 {
        client.tool(&id.to_string(), "a").await;
    }
    assert_eq!(server.count("initialize"), 1);
    assert_eq!(server.count("notifications/initialized"), 1);
    assert_eq!(server.count("tools/call"), 21);
    assert_eq!(server.link().negotiated.lock().unwrap().as_deref(), Some("2025-11-25"));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_calls_at_once_wait_for_one_initialize() {
    let server = server();
    let client = Client::new(&server.upstream());
    let calls = (0..100).map(|_| client.tool("0", "a"));
    assert!(join_all(calls).await.iter().all(|answer| answer.result().is_some()));
    assert_eq!(server.count("initialize"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_take_the_session_along() {
    let server = server();
    let client = Client::new(&server.upstream());
    let first = client.tool("0", "a");
    let second = client.tool("1", "a");
    let first = tokio::time::timeout(Duration::ZERO, first);
    let (_, answer) = tokio::join!(first, second);
    assert!(answer.result().is_some());
    assert_eq!(server.count("initialize"), 1);
}

#[tokio::test(start_paused = true)]
async fn each_principal_has_a_session_and_the_nameless_share_one() {
    let server = server();
    let client = Client::new(&server.upstream());
    let bob = client.clone().who(Some(user("bob")));
    let scoped = client.clone().who(Some(user("alice").with_scope("write")));
    let nobody = client.clone().who(None);
    for one in [&client, &bob, &scoped, &nobody, &nobody, &bob, &client] {
        one.tool("0", "a").await;
    }
    assert_eq!(server.visitors(), [Some(user("alice")), bob.principal, scoped.principal, None]);
}

#[tokio::test(start_paused = true)]
async fn a_shared_session_serves_all() {
    let server = server();
    let upstream = server.builder().sharing(Sharing::Shared).build().unwrap();
    for name in ["alice", "bob"] {
        Client::new(&upstream).who(Some(user(name))).tool("0", "a").await;
    }
    assert_eq!(server.visitors(), [None]);
    let list = Client::new(&upstream).ask("0", "tools/list", "").await;
    assert_eq!(part(&list, &["result", "cacheScope"]).unwrap(), r#""public""#);
}

#[tokio::test(start_paused = true)]
async fn the_server_is_told_what_the_client_is_and_can() {
    let server = server();
    let upstream = server.upstream();
    let client = Client::new(&upstream)
        .can(r#"{"roots":{"listChanged":true},"elicitation":{"form":{}}}"#)
        .meta(r#""io.modelcontextprotocol/clientInfo":{"name":"c","version":"9"}"#);
    client.tool("0", "a").await;
    Client::new(&upstream).tool("0", "a").await;
    // The same abilities in another order are the same session.
    client.clone().can(r#"{"elicitation":{"form":{}},"roots":{}}"#).tool("0", "a").await;

    let params: Vec<_> = server.heard("initialize").iter().map(|it| part(it, &["params"]).unwrap()).collect();
    assert_eq!(
        params,
        [
            r#"{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"form":{}},"roots":{}},"clientInfo":{"name":"c","version":"9"}}"#.to_owned(),
            format!(r#"{{"protocolVersion":"2025-11-25","capabilities":{{}},"clientInfo":{{"name":"portcullis","version":"{}"}}}}"#, env!("CARGO_PKG_VERSION")),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_gateway_asks_uses_the_session_that_is_there() {
    let server = server();
    let upstream = server.upstream();
    let client = Client::new(&upstream).can(r#"{"roots":{}}"#);
    let gateway = Client { capabilities: None, ..client.clone() };
    let caused = client.call("0", "tools/list", "");
    let behalf = Client { behalf: OnBehalf::of(&caused), ..gateway.clone() };

    behalf.ask("0", "tools/list", "").await;
    client.tool("0", "a").await;
    // Whatever it says that it can itself: it cannot be asked, but belongs where its client is.
    behalf.clone().can("{}").ask("0", "tools/list", "").await;
    gateway.ask("0", "server/discover", "").await;
    assert_eq!(server.count("initialize"), 1);

    // Where there is none, it opens one that promises nothing.
    gateway.clone().who(Some(user("bob"))).ask("0", "tools/list", "").await;
    let last = server.heard("initialize").pop().unwrap();
    assert_eq!(part(&last, &["params", "capabilities"]).unwrap(), "{}");
}

#[tokio::test(start_paused = true)]
async fn every_old_version_is_spoken_and_no_other() {
    for (version, spoken) in [
        ("2024-11-05", true),
        ("2025-03-26", true),
        ("2025-06-18", true),
        ("2025-11-25", true),
        ("2026-07-28", false),
        ("1", false),
    ] {
        let server = server();
        server.says_hello(&format!(r#"{{"protocolVersion":"{version}","capabilities":{{}}}}"#));
        let reply = Client::new(&server.upstream()).send("0", "tools/call", r#""name":"a""#).await;
        assert_eq!(reply.is_ok(), spoken, "{version}");
        if let Err(failure) = reply {
            assert_eq!(failure.kind(), FailureKind::Garbage);
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(server.link().closed.load(Ordering::SeqCst));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_is_not_hammered() {
    let server = server();
    server.refuse_connections.store(true, Ordering::SeqCst);
    let client = Client::new(&server.upstream());
    let calls = (0..50).map(|_| client.send("0", "tools/call", r#""name":"a""#));
    for reply in join_all(calls).await {
        assert_eq!(reply.unwrap_err().kind(), FailureKind::Unreachable);
    }
    assert_eq!(server.count("refused connection"), 1);

    // And is found again as soon as it is back.
    server.refuse_connections.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(250)).await;
    client.tool("0", "a").await;
    assert_eq!(server.count("initialize"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_initialize_times_out() {
    let server = server();
    server.silent.store(true, Ordering::SeqCst);
    let upstream = server.builder().initialize_timeout(Duration::from_secs(3)).build().unwrap();
    let started = tokio::time::Instant::now();
    let reply = Client::new(&upstream).send("0", "tools/list", "").await;
    assert_eq!(reply.unwrap_err().kind(), FailureKind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(4));
    tokio::task::yield_now().await;
    assert!(server.link().closed.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_is_closed_and_a_busy_one_is_not() {
    let server = server();
    let upstream = server.builder().idle(Duration::from_secs(60)).build().unwrap();
    let client = Client::new(&upstream);
    let hanging = client.send("0", "tools/call", r#""name":"hang""#).await.unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!server.link().closed.load(Ordering::SeqCst));
    drop(hanging);
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert!(server.link().closed.load(Ordering::SeqCst));
    client.tool("0", "a").await;
    assert_eq!(server.count("initialize"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_sessions_is_bounded() {
    let server = server();
    let upstream = server.builder().max_sessions(2).build().unwrap();
    let client = |name| Client::new(&upstream).who(Some(user(name)));
    let first = client("a").send("0", "tools/call", r#""name":"hang""#).await.unwrap();
    client("b").tool("0", "a").await;
    client("c").tool("0", "a").await;
    tokio::task::yield_now().await;
    let closed: Vec<_> = server.links().iter().map(|link| link.closed.load(Ordering::SeqCst)).collect();
    assert_eq!(closed, [false, true, false], "the idle one went");

    let second = client("c").send("0", "tools/call", r#""name":"hang""#).await.unwrap();
    let refused = client("d").send("0", "tools/call", r#""name":"a""#).await;
    assert_eq!(refused.unwrap_err().kind(), FailureKind::Overload);
    drop((first, second));
    client("d").tool("0", "a").await;
}

#[tokio::test(start_paused = true)]
async fn the_number_of_calls_in_a_session_is_bounded() {
    let server = server();
    let upstream = server.builder().max_calls_per_session(1).build().unwrap();
    let client = Client::new(&upstream);
    let hanging = client.send("0", "tools/call", r#""name":"hang""#).await.unwrap();
    let refused = client.send("1", "tools/call", r#""name":"a""#).await;
    assert_eq!(refused.unwrap_err().kind(), FailureKind::Overload);
    drop(hanging);
    client.tool("1", "a").await;
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_session_is_begun_again_once() {
    let server = server();
    let client = Client::new(&server.upstream());
    client.tool("0", "a").await;
    server.link().forget().await;
    let calls = (0..20).map(|id| {
        let client = client.clone();
        async move { client.tool(&id.to_string(), "a").await }
    });
    assert!(join_all(calls).await.iter().all(|answer| answer.result().is_some()));
    assert_eq!(server.count("initialize"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_always_forgets_is_asked_twice() {
    let server = Server::new(Style::Streams, async |peer: Peer| {
        peer.fail(portcullis_mcp_legacy::upstream::ChannelError::Forgotten).await;
    });
    let reply = Client::new(&server.upstream()).send("0", "tools/call", r#""name":"a""#).await;
    let failure = match reply {
        Err(failure) => failure,
        Ok(mut reply) => reply.next().await.unwrap().unwrap_err(),
    };
    assert_eq!(failure.kind(), FailureKind::Close);
    assert_eq!((server.count("initialize"), server.count("tools/call")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_broken_channel_fails_what_is_under_way_and_nothing_else() {
    let server = server();
    let client = Client::new(&server.upstream());
    let mut hanging = client.send("0", "tools/call", r#""name":"hang""#).await.unwrap();
    server.link().break_off().await;
    let failure = hanging.next().await.unwrap().unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Close);
    drop(hanging);
    client.tool("1", "a").await;
    assert_eq!(server.count("initialize"), 2);
    assert!(server.links()[0].closed.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn sessions_end_with_the_service() {
    let server = server();
    let upstream = server.upstream();
    let client = Client::new(&upstream);
    client.tool("0", "a").await;
    drop((upstream, client));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(server.link().closed.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_work_is_not_built() {
    let build = |change: fn(portcullis_mcp_legacy::upstream::LegacyUpstreamBuilder) -> _| -> Result<LegacyUpstream, _> {
        let builder: portcullis_mcp_legacy::upstream::LegacyUpstreamBuilder = change(server().builder());
        builder.build()
    };
    assert!(matches!(build(|it| it.max_sessions(0)), Err(BuildError::Zero("max_sessions"))));
    assert!(matches!(build(|it| it.max_parked(0)), Err(BuildError::Zero("max_parked"))));
    assert!(matches!(build(|it| it.idle(Duration::ZERO)), Err(BuildError::Zero("idle"))));
    assert!(matches!(
        build(|it| it.randomness(|_| Err(portcullis_seal::SealError))),
        Err(BuildError::Random)
    ));
    assert!(build(|it| it.list_ttl(Duration::ZERO)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn too_many_capabilities_are_refused() {
    let server = server();
    let long = format!(r#"{{"x":"{}"}}"#, "x".repeat(20_000));
    let answer = Client::new(&server.upstream()).can(&long).tool("7", "a").await;
    assert_eq!(answer.error_code(), Some(-32602), "{}", text(&answer));
    assert_eq!(server.count("initialize"), 0);
}

#[test]
fn is_send_and_sync() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<LegacyUpstream>();
    assert_send_sync::<portcullis_mcp_legacy::upstream::LegacyUpstreamBuilder>();
    assert_send_sync::<BuildError>();
}

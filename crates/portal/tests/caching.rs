//! Who shares what with whom, and for how long. A mistake here is a breach.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis_core::{Actor, Kind, Principal};
use portcullis_mcp_jsonrpc::{Call, FailureKind};
use portcullis_portal::Portal;
use serde_json::{Value, json};
use support::{Mock, ask, by, list_tools, names, settle, tools};
use tokio::time::{Duration, advance};
use tower::Service;

/// Lists one tool, named after who asks.
fn personal(scope: &'static str, ttl: u64) -> Mock {
    Mock::new().on("tools/list", move |call| {
        let user = call.extensions().get::<Principal>().map_or("nobody", |one| one.subject()).to_owned();
        Ok(json!({ "result": tools(&[&user], ttl, scope) }))
    })
}

fn portal(mock: &Mock) -> Portal {
    Portal::builder("p").server(mock.server("a")).build().unwrap()
}

async fn list(portal: &Portal, call: Call) -> Vec<String> {
    names(&ask(portal, call).await).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_public_list_serves_everyone() {
    let mock = personal("public", 60_000);
    let portal = portal(&mock);
    assert_eq!(list(&portal, by("ann", list_tools())).await, ["a_ann"]);
    assert_eq!(list(&portal, by("bob", list_tools())).await, ["a_ann"]);
    assert_eq!(list(&portal, list_tools()).await, ["a_ann"]);
    assert_eq!(mock.count("tools/list"), 1);
}

#[tokio::test]
async fn a_private_list_serves_its_owner() {
    for scope in ["private", "Public", "", "shared"] {
        let mock = personal(scope, 60_000);
        let portal = portal(&mock);
        for _ in 0..3 {
            assert_eq!(list(&portal, by("ann", list_tools())).await, ["a_ann"]);
            assert_eq!(list(&portal, by("bob", list_tools())).await, ["a_bob"]);
            assert_eq!(list(&portal, list_tools()).await, ["a_nobody"]);
        }
        assert_eq!(mock.count("tools/list"), 3, "{scope}");
    }
}

#[tokio::test]
async fn a_list_without_hints_is_private_and_stale_at_once() {
    let mock = Mock::new().on("tools/list", |call| {
        let user = call.extensions().get::<Principal>().map_or("nobody", |one| one.subject()).to_owned();
        Ok(json!({ "result": { "tools": [{ "name": user }] } }))
    });
    let portal = portal(&mock);
    for user in ["ann", "bob", "ann"] {
        assert_eq!(list(&portal, by(user, list_tools())).await, [format!("a_{user}")]);
    }
    assert_eq!(mock.count("tools/list"), 3);
}

#[tokio::test]
async fn the_operator_may_forbid_to_share() {
    let mock = personal("public", 60_000);
    let server = mock.server("a").per_principal(true);
    let portal = Portal::builder("p").server(server).build().unwrap();
    for user in ["ann", "bob", "ann"] {
        let answer = ask(&portal, by(user, list_tools())).await;
        assert_eq!(names(&answer), [format!("a_{user}")]);
        assert_eq!(answer["result"]["cacheScope"], "private");
    }
    assert_eq!(mock.count("tools/list"), 2);
}

#[tokio::test]
async fn whoever_a_server_could_tell_apart_is_told_apart() {
    let mock = personal("private", 60_000);
    let portal = portal(&mock);
    let ann = || Principal::new(Kind::User, "ann");
    let principals = [
        ann(),
        Principal::new(Kind::Agent, "ann"),
        ann().with_issuer("https://a.example"),
        ann().with_issuer("https://b.example"),
        ann().with_group("staff"),
        ann().with_scope("read"),
        ann().with_attribute("device", "managed"),
        ann().with_attribute("device", "own"),
        ann().acting_through(Actor::new("bot")),
    ];
    for (number, principal) in principals.iter().enumerate() {
        for _ in 0..2 {
            let mut call = list_tools();
            call.extensions_mut().insert(principal.clone());
            ask(&portal, call).await;
            assert_eq!(mock.count("tools/list"), number + 1, "{principal:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_kept_as_long_as_its_server_says() {
    let mock = personal("public", 10_000);
    let portal = portal(&mock);
    let mut last = u64::MAX;
    for _ in 0..9 {
        let ttl = ask(&portal, list_tools()).await["result"]["ttlMs"].as_u64().unwrap();
        assert!(ttl < last && ttl <= 10_000, "{ttl}");
        last = ttl;
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(mock.count("tools/list"), 1);
    advance(Duration::from_secs(1)).await;
    ask(&portal, list_tools()).await;
    assert_eq!(mock.count("tools/list"), 2);
}

#[tokio::test]
async fn odd_times_to_live_count_as_none() {
    for ttl in [json!(0), json!(-5), json!("60000"), json!(null), json!([1])] {
        let mut result = tools(&["x"], 0, "public");
        result["ttlMs"] = ttl.clone();
        let mock = Mock::new().result("tools/list", result);
        let portal = portal(&mock);
        for _ in 0..2 {
            assert_eq!(ask(&portal, list_tools()).await["result"]["ttlMs"], 0, "{ttl}");
        }
        assert_eq!(mock.count("tools/list"), 2, "{ttl}");
    }
}

fn spawn(portal: &Portal, call: Call) -> tokio::task::JoinHandle<Value> {
    let portal = portal.clone();
    tokio::spawn(async move { ask(&portal, call).await })
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_ask_once() {
    let mock = personal("public", 0);
    let gate = mock.hold("tools/list");
    let portal = portal(&mock);
    let waiting: Vec<_> =
        (0..100).map(|user| spawn(&portal, by(&format!("u{user}"), list_tools()))).collect();
    settle().await;
    assert_eq!(mock.count("tools/list"), 1);
    gate.add_permits(1);
    for answer in waiting {
        assert_eq!(names(&answer.await.unwrap()).len(), 1);
    }
    assert_eq!(mock.count("tools/list"), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_what_turns_out_private_asks_again() {
    let mock = personal("private", 60_000);
    let gate = mock.hold("tools/list");
    let portal = portal(&mock);
    let users = ["ann", "bob", "cid", "ann", "bob"];
    let waiting: Vec<_> = users.iter().map(|user| spawn(&portal, by(user, list_tools()))).collect();
    settle().await;
    assert_eq!(mock.count("tools/list"), 1);
    gate.add_permits(100);
    for (user, answer) in users.iter().zip(waiting) {
        assert_eq!(names(&answer.await.unwrap()), [format!("a_{user}")]);
    }
    assert_eq!(mock.count("tools/list"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_public_answer_from_before_a_private_one_stays_with_who_asked() {
    // Ann asks, and her answer hangs. The server turns private and answers Bob. Then Ann's, public, arrives.
    let mock = personal("public", 60_000);
    let portal = portal(&mock);
    assert_eq!(list(&portal, by("eve", list_tools())).await, ["a_eve"]);
    let scope = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&scope);
    mock.set("tools/list", move |call| {
        let user = call.extensions().get::<Principal>().unwrap().subject().to_owned();
        let scope = if count.load(Ordering::SeqCst) == 0 { "private" } else { "public" };
        Ok(json!({ "result": tools(&[&user], 60_000, scope) }))
    });
    advance(Duration::from_secs(61)).await;
    let gate = mock.hold("tools/list");
    // The server was private for Dan first, so that nobody waits for another's answer.
    let dan = spawn(&portal, by("dan", list_tools()));
    settle().await;
    gate.add_permits(1);
    assert_eq!(names(&dan.await.unwrap()), ["a_dan"]);

    let ann = spawn(&portal, by("ann", list_tools()));
    let bob = spawn(&portal, by("bob", list_tools()));
    settle().await;
    assert_eq!(mock.count("tools/list"), 4);
    // Both are asked; the first to be let go is answered in private, the second in public.
    gate.add_permits(1);
    settle().await;
    scope.store(1, Ordering::SeqCst);
    gate.add_permits(1);
    assert_eq!(names(&ann.await.unwrap()), ["a_ann"]);
    assert_eq!(names(&bob.await.unwrap()), ["a_bob"]);

    gate.add_permits(100);
    // The late public answer has become nobody else's.
    assert_eq!(list(&portal, by("cid", list_tools())).await, ["a_cid"]);
    assert_eq!(mock.count("tools/list"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_private_answer_takes_the_public_one_off() {
    let mock = personal("public", 10_000);
    let portal = portal(&mock);
    assert_eq!(list(&portal, by("ann", list_tools())).await, ["a_ann"]);
    advance(Duration::from_secs(11)).await;
    mock.set("tools/list", |call| {
        let user = call.extensions().get::<Principal>().unwrap().subject().to_owned();
        Ok(json!({ "result": tools(&[&user], 60_000, "private") }))
    });
    assert_eq!(list(&portal, by("bob", list_tools())).await, ["a_bob"]);
    // Not even as a stale one.
    mock.set("tools/list", |_| Err(FailureKind::Unreachable));
    assert!(portal.clone().call(by("cid", list_tools())).await.is_err());
    assert_eq!(list(&portal, by("bob", list_tools())).await, ["a_bob"]);
}

#[tokio::test(start_paused = true)]
async fn a_question_outlives_who_asked_it() {
    let mock = personal("public", 60_000);
    let gate = mock.hold("tools/list");
    let portal = portal(&mock);
    let first = spawn(&portal, by("ann", list_tools()));
    settle().await;
    let second = spawn(&portal, by("bob", list_tools()));
    settle().await;
    first.abort();
    settle().await;
    gate.add_permits(1);
    assert_eq!(names(&second.await.unwrap()), ["a_ann"]);
    assert_eq!(mock.count("tools/list"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_ends() {
    let mock = personal("public", 60_000);
    let _gate = mock.hold("tools/list");
    let portal =
        Portal::builder("p").list_timeout(Duration::from_secs(3)).server(mock.server("a")).build().unwrap();
    let begun = tokio::time::Instant::now();
    let failure = portal.clone().call(list_tools()).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout);
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert_eq!(portal.health().servers()[0].in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_panics_hangs_nobody() {
    let mock = Mock::new().on("tools/list", |_| panic!("a bug of the server's"));
    let failure = portal(&mock).call(list_tools()).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Internal);
}

#[tokio::test(start_paused = true)]
async fn anothers_credentials_failing_are_not_everyones_failure() {
    let mock =
        Mock::new().on("tools/list", |call| match call.extensions().get::<Principal>().unwrap().subject() {
            "ann" => Err(FailureKind::Reject),
            user => Ok(json!({ "result": tools(&[user], 60_000, "public") })),
        });
    let gate = mock.hold("tools/list");
    let portal = portal(&mock);
    let ann = tokio::spawn(portal.clone().call(by("ann", list_tools())));
    settle().await;
    let bob = spawn(&portal, by("bob", list_tools()));
    settle().await;
    gate.add_permits(10);
    assert_eq!(ann.await.unwrap().unwrap_err().kind(), FailureKind::Reject);
    assert_eq!(names(&bob.await.unwrap()), ["a_bob"]);
}

#[tokio::test]
async fn private_lists_are_kept_for_so_many_callers() {
    let mock = personal("private", 60_000);
    let portal = Portal::builder("p").max_principals(2).server(mock.server("a")).build().unwrap();
    for (user, count) in [("ann", 1), ("bob", 2), ("ann", 2), ("cid", 3), ("ann", 3), ("bob", 4)] {
        assert_eq!(list(&portal, by(user, list_tools())).await, [format!("a_{user}")]);
        assert_eq!(mock.count("tools/list"), count, "{user}");
    }
}

#[tokio::test]
async fn private_lists_are_kept_in_so_many_bytes() {
    let mock = personal("private", 60_000);
    let portal = Portal::builder("p").max_cached_bytes(200).server(mock.server("a")).build().unwrap();
    for user in ["ann", "bob", "ann", "bob"] {
        assert_eq!(list(&portal, by(user, list_tools())).await, [format!("a_{user}")]);
    }
    assert!(mock.count("tools/list") > 2, "{}", mock.count("tools/list"));
}

fn announcing(scope: &'static str) -> Mock {
    let offer = json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28"],
        "capabilities": { "tools": { "listChanged": true } }, "ttlMs": 60000, "cacheScope": "public",
    });
    personal(scope, 600_000).result("server/discover", offer).listens()
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_announced_ends_the_life_of_a_list() {
    let mock = announcing("public");
    let portal = portal(&mock);
    ask(&portal, list_tools()).await;
    settle().await;
    advance(Duration::from_secs(1)).await;
    settle().await;
    assert_eq!(mock.open(), 1, "the portal watches");
    assert_eq!(mock.params("subscriptions/listen")["notifications"], json!({ "toolsListChanged": true }));

    ask(&portal, list_tools()).await;
    let before = mock.count("tools/list");
    ask(&portal, list_tools()).await;
    assert_eq!(mock.count("tools/list"), before);
    mock.send(json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
    settle().await;
    ask(&portal, list_tools()).await;
    assert_eq!(mock.count("tools/list"), before + 1);

    // A break means that a change may have been missed.
    mock.cut();
    settle().await;
    advance(Duration::from_secs(40)).await;
    settle().await;
    assert_eq!(mock.open(), 1, "the portal watches again");
    ask(&portal, list_tools()).await;
    assert_eq!(mock.count("tools/list"), before + 2);

    drop(portal);
    settle().await;
    assert_eq!(mock.open(), 0, "nobody is left to watch for");
}

#[tokio::test(start_paused = true)]
async fn private_lists_are_not_watched_with_somebodys_credentials() {
    let mock = announcing("private");
    let portal = portal(&mock);
    ask(&portal, by("ann", list_tools())).await;
    settle().await;
    advance(Duration::from_secs(60)).await;
    settle().await;
    assert_eq!((mock.open(), mock.count("server/discover")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_while_a_list_is_on_its_way_makes_it_stale() {
    let mock = announcing("public");
    let portal = portal(&mock);
    ask(&portal, list_tools()).await;
    settle().await;
    advance(Duration::from_secs(1)).await;
    settle().await;

    let gate = mock.hold("tools/list");
    let first = spawn(&portal, list_tools());
    settle().await;
    mock.send(json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
    settle().await;
    let before = mock.count("tools/list");
    let second = spawn(&portal, list_tools());
    settle().await;
    assert_eq!(mock.count("tools/list"), before + 1, "the later caller does not take the earlier answer");
    gate.add_permits(10);
    assert_eq!(first.await.unwrap()["result"]["ttlMs"], 0);
    assert!(second.await.unwrap()["result"]["ttlMs"].as_u64().unwrap() > 0);
}

#[test]
fn public_types_can_be_shared() {
    fn assert_send_sync<T: Send + Sync>() {}
    fn assert_send<T: Send>() {}
    assert_send_sync::<Portal>();
    assert_send_sync::<portcullis_portal::Server>();
    assert_send_sync::<portcullis_portal::Builder>();
    assert_send_sync::<portcullis_portal::BuildError>();
    assert_send_sync::<portcullis_portal::Health>();
    assert_send::<portcullis_portal::ResponseFuture>();
}

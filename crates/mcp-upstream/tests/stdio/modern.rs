//! Many calls on one process, of clients that know nothing of each other.

use futures_util::{StreamExt, future};
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{FailureKind, Id, Message};
use portcullis_mcp_upstream::{Era, Processes};
use tower::ServiceExt;

use crate::child::server;
use crate::support::*;

fn field(message: &Message, path: &[&str]) -> String {
    let range = json::find(message.text(), path).unwrap().unwrap();
    String::from_utf8(message.text()[range].to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_on_eight_processes_are_not_mixed_up() {
    let upstream = server("modern").build().unwrap();
    let calls = (0..1000).map(|n| {
        let arguments = format!(r#"{{"n":{n},"count":125}}"#);
        // The clients all chose the same id and the same token.
        let call = by(&format!("user {}", n % 8), tool(1, "gather", &arguments, r#","progressToken":"t""#));
        let upstream = upstream.clone();
        async move { (n, arguments, make(&upstream, call).await.unwrap()) }
    });
    for (n, arguments, messages) in future::join_all(calls).await {
        assert_eq!(messages.len(), 2, "{n}");
        assert_eq!(field(&messages[0], &["params", "progressToken"]), r#""t""#);
        assert_eq!(field(&messages[0], &["params", "message"]), arguments);
        assert_eq!(messages[1].id(), Some(&Id::from(1)));
        assert_eq!(said(&messages), arguments);
    }
    assert_eq!(upstream.era(), Some(Era::Modern));
}

#[tokio::test]
async fn principals_have_processes_of_their_own_unless_they_share() {
    let own = server("modern").build().unwrap();
    let shared = server("modern").processes(Processes::Shared).build().unwrap();
    let mut pids = Vec::new();
    for upstream in [&own, &shared] {
        for name in ["alice", "bob", "alice"] {
            pids.push(said(&make(upstream, by(name, tool(1, "pid", "{}", ""))).await.unwrap()));
        }
        pids.push(ask(upstream, "pid").await);
    }
    let [alice, bob, again, nobody, rest @ ..] = &pids[..] else { panic!() };
    assert!(alice == again && alice != bob && nobody != alice && nobody != bob);
    assert!(rest.iter().all(|pid| *pid == rest[0]) && !pids[..4].contains(&rest[0]));
}

#[tokio::test]
async fn one_process_too_many_takes_the_place_of_an_idle_one() {
    let few = Processes::PerPrincipal { most: 1, idle: std::time::Duration::from_secs(300) };
    let upstream = server("modern").processes(few).build().unwrap();
    let alice = || by("alice", tool(1, "pid", "{}", ""));
    let first = said(&make(&upstream, alice()).await.unwrap());
    make(&upstream, by("bob", tool(1, "pid", "{}", ""))).await.unwrap();
    let second = said(&make(&upstream, alice()).await.unwrap());
    assert_ne!(first, second);

    let busy = by("alice", tool(1, "never", "{}", r#","progressToken":1"#));
    let busy = soon(upstream.clone().oneshot(busy)).await.unwrap();
    let failure = make(&upstream, by("bob", tool(1, "pid", "{}", ""))).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Overload);
    drop(busy);
}

#[tokio::test]
async fn a_reply_that_is_dropped_cancels_its_call_and_no_other() {
    let upstream = server("modern").era(Era::Modern).build().unwrap();
    let first =
        soon(upstream.clone().oneshot(tool(7, "never", "{}", r#","progressToken":7"#))).await.unwrap();
    let mut second = soon(upstream.clone().oneshot(listen("s"))).await.unwrap();
    assert_eq!(ask(&upstream, "cancelled").await, "[]");
    drop(first);
    assert_eq!(ask(&upstream, "cancelled").await, "[1]");
    let acknowledged = soon(second.next()).await.unwrap().unwrap();
    let id = ["params", "_meta", "io.modelcontextprotocol/subscriptionId"];
    assert_eq!(field(&acknowledged, &id), r#""s""#);
    drop(second);
    assert_eq!(ask(&upstream, "cancelled").await, "[1,2]");
}

#[tokio::test]
async fn a_client_cannot_cancel_by_an_id_that_means_another_call() {
    let upstream = server("modern").era(Era::Modern).build().unwrap();
    let cancelled = Message::parse(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#.into(),
    );
    let messages = make(&upstream, portcullis_mcp_jsonrpc::Call::new(cancelled.unwrap())).await.unwrap();
    assert!(messages.is_empty());
    assert_eq!(ask(&upstream, "cancelled").await, "[]");
}

#[tokio::test]
async fn a_subscription_ends_with_an_answer_under_its_own_id() {
    let upstream = server("modern,brief").build().unwrap();
    let messages = make(&upstream, listen("listen:0")).await.unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[2].id(), Some(&Id::from("listen:0")));
    for (message, part) in messages.iter().zip(["params", "params", "result"]) {
        let path = [part, "_meta", "io.modelcontextprotocol/subscriptionId"];
        assert_eq!(field(message, &path), r#""listen:0""#);
    }
}

#[tokio::test]
async fn log_messages_reach_the_caller_who_asked_for_them() {
    let upstream = server("modern").processes(Processes::Shared).build().unwrap();
    let asks = r#","io.modelcontextprotocol/logLevel":"info""#;
    let heard = make(&upstream, by("alice", tool(1, "log", "{}", asks))).await.unwrap();
    assert_eq!(heard[0].method(), Some("notifications/message"));

    // Nobody asks; nobody else does, whoever it is; one of two does not say who it is.
    assert_eq!(make(&upstream, by("alice", tool(1, "log", "{}", ""))).await.unwrap().len(), 1);
    assert_eq!(make(&upstream, tool(1, "log", "{}", asks)).await.unwrap().len(), 2);
    let params = format!(r#"{asks},"progressToken":1"#);
    let other = soon(upstream.clone().oneshot(tool(1, "never", "{}", &params))).await.unwrap();
    assert_eq!(make(&upstream, tool(1, "log", "{}", asks)).await.unwrap().len(), 1);
    drop(other);

    // Two who must not hear each other.
    let other = soon(upstream.clone().oneshot(by("bob", tool(1, "never", "{}", &params)))).await.unwrap();
    assert_eq!(make(&upstream, by("alice", tool(1, "log", "{}", asks))).await.unwrap().len(), 1);
    drop(other);
}

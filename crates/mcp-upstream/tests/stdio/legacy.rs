//! Sessions on child processes, and finding out that they are needed.

use std::time::Duration;

use futures_util::future;
use portcullis_mcp_jsonrpc::LegacyClient;
use portcullis_mcp_upstream::Era;

use crate::child::server;
use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_in_eight_sessions_are_not_mixed_up() {
    let upstream = server("legacy").era(Era::Legacy).build().unwrap();
    let calls = (0..1000).map(|n| {
        let arguments = format!(r#"{{"n":{n},"count":125}}"#);
        let call = by(&format!("user {}", n % 8), tool(1, "gather", &arguments, ""));
        let upstream = upstream.clone();
        async move { (arguments, make(&upstream, call).await.unwrap()) }
    });
    for (arguments, messages) in future::join_all(calls).await {
        assert_eq!(said(&messages), arguments);
    }
}

#[tokio::test]
async fn a_server_that_knows_no_discovery_is_initialized_on_the_same_process() {
    let upstream = server("legacy").build().unwrap();
    assert_eq!(upstream.era(), None);
    let pid = ask(&upstream, "pid").await;
    assert_eq!(upstream.era(), Some(Era::Legacy));
    assert_eq!(ask(&upstream, "pid").await, pid);
}

#[tokio::test]
async fn a_server_that_is_silent_or_ends_when_asked_is_initialized() {
    for behaviour in ["legacy,silent", "legacy,shy"] {
        let upstream = server(behaviour).probe_timeout(Duration::from_millis(300)).build().unwrap();
        ask(&upstream, "pid").await;
        assert_eq!(upstream.era(), Some(Era::Legacy), "{behaviour}");
    }
}

#[tokio::test]
async fn a_server_of_both_eras_is_modern_for_everybody() {
    let upstream = server("modern,legacy").build().unwrap();
    let pid = ask(&upstream, "pid").await;
    let mut call = tool(1, "pid", "{}", "");
    call.extensions_mut().insert(LegacyClient);
    assert_eq!(said(&make(&upstream, call).await.unwrap()), pid, "one process, and one memory");
    assert_eq!(upstream.era(), Some(Era::Modern));
}

#[tokio::test]
async fn what_was_found_out_is_forgotten_when_no_session_can_be_had() {
    let upstream = server("neither").build().unwrap();
    let outcome = make(&upstream, tool(1, "pid", "{}", "")).await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(upstream.era(), None);
}

#[tokio::test]
async fn a_session_whose_process_died_is_followed_by_another() {
    let upstream = server("legacy").era(Era::Legacy).build().unwrap();
    let before = ask(&upstream, "pid").await;
    assert!(make(&upstream, tool(1, "die", "{}", "")).await.is_err());
    assert_ne!(ask(&upstream, "pid").await, before);
}

//! Sessions on child processes, and finding out that they are needed.

use std::time::Duration;

use futures_util::future;
use portcullis_mcp_jsonrpc::LegacyClient;
use portcullis_mcp_upstream::{Era, StdioUpstream};

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

/// The process that answers a call of a legacy client.
async fn ask_as_legacy(upstream: &StdioUpstream) -> String {
    let mut call = tool(1, "pid", "{}", "");
    call.extensions_mut().insert(LegacyClient);
    said(&make(upstream, call).await.unwrap()).to_owned()
}

#[tokio::test]
async fn a_server_of_both_eras_is_spoken_to_in_its_clients_own() {
    for legacy_first in [false, true] {
        let upstream = server("modern,legacy").build().unwrap();
        let early = if legacy_first { Some(ask_as_legacy(&upstream).await) } else { None };
        let modern = ask(&upstream, "pid").await;
        assert_eq!(upstream.era(), Some(Era::Modern));
        let legacy = ask_as_legacy(&upstream).await;
        assert_ne!(legacy, modern);
        assert!(early.is_none_or(|early| early == legacy), "one session, and one process");
        assert_eq!(ask(&upstream, "pid").await, modern);
        assert_eq!(ask_as_legacy(&upstream).await, legacy);
    }
}

#[tokio::test]
async fn a_server_without_sessions_is_asked_for_one_once() {
    let upstream = server("modern").build().unwrap();
    let pid = ask_as_legacy(&upstream).await;
    assert_eq!(upstream.era(), Some(Era::Modern));
    assert_eq!(ask(&upstream, "pid").await, pid);
    assert_eq!(ask_as_legacy(&upstream).await, pid);
}

#[tokio::test]
async fn a_pinned_era_is_everybodys() {
    for era in [Era::Modern, Era::Legacy] {
        let upstream = server("modern,legacy").era(era).build().unwrap();
        assert_eq!(ask(&upstream, "pid").await, ask_as_legacy(&upstream).await, "{era:?}");
    }
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

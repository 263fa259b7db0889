//! How long a call may take.

use std::time::Duration;

use futures_util::StreamExt;
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{Era, Processes, StdioUpstreamBuilder};
use tower::ServiceExt;

use crate::child::server;
use crate::support::*;

fn hasty(behaviour: &str) -> StdioUpstreamBuilder {
    server(behaviour).processes(Processes::Shared).total_timeout(Duration::from_millis(300))
}

#[tokio::test]
async fn a_call_that_is_never_answered_fails_alone_and_is_cancelled() {
    for (behaviour, era) in [("modern", Era::Modern), ("legacy", Era::Legacy)] {
        let upstream = hasty(behaviour).era(era).build().unwrap();
        let pid = ask(&upstream, "pid").await;
        let failure = make(&upstream, tool(7, "silence", "{}", "")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Timeout, "{era:?}: {failure}");
        assert_eq!(failure.to_string(), "timed out: the call took longer than total_timeout");
        assert_eq!(ask(&upstream, "pid").await, pid, "{era:?}: the process goes on");
        // One call was made before it, and with a legacy server there was a session to begin.
        let cancelled = ask(&upstream, "cancelled").await;
        assert!(cancelled.len() == "[2]".len(), "{era:?}: {cancelled}");
    }
}

#[tokio::test]
async fn progress_without_end_is_no_answer() {
    for (behaviour, era) in [("modern", Era::Modern), ("legacy", Era::Legacy)] {
        let upstream = hasty(behaviour).era(era).build().unwrap();
        let failure = make(&upstream, tool(7, "babble", "{}", r#","progressToken":1"#)).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Timeout, "{era:?}: {failure}");
    }
}

#[tokio::test]
async fn a_subscription_and_an_unlimited_call_take_as_long_as_they_take() {
    let upstream = hasty("modern").build().unwrap();
    let mut stream = soon(upstream.clone().oneshot(listen("l"))).await.unwrap();
    let failure = make(&upstream, tool(7, "silence", "{}", "")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout);
    for _ in 0..2 {
        assert!(soon(stream.next()).await.unwrap().is_ok());
    }
    // Longer than any call may take here.
    let more = tokio::time::timeout(Duration::from_millis(400), stream.next()).await;
    assert!(more.is_err(), "{more:?}");

    let upstream = hasty("modern").unlimited_total_time().build().unwrap();
    let slow = tokio::time::timeout(
        Duration::from_millis(400),
        upstream.clone().oneshot(tool(7, "silence", "{}", "")),
    );
    assert!(slow.await.is_err());
    assert_eq!(ask(&upstream, "cancelled").await, "[1]");
}

#[tokio::test]
async fn the_time_a_client_takes_to_answer_is_not_the_servers() {
    let limit = Duration::from_millis(1000);
    let upstream = hasty("legacy").era(Era::Legacy).total_timeout(limit).build().unwrap();
    ask(&upstream, "pid").await;
    let begun = std::time::Instant::now();
    // The server takes its time to ask, the client to answer, and the server to make use of it.
    let asked = make(&upstream, elicit(7, "")).await.unwrap();
    let result = asked.last().unwrap().result().unwrap();
    let state = &result[portcullis_core::json::find(result, &["requestState"]).unwrap().unwrap()];
    let state = std::str::from_utf8(state).unwrap();
    let thinking = tokio::time::timeout(limit / 10, std::future::pending::<()>());
    assert!(thinking.await.is_err());
    let responses = r#"{"input-1":{"action":"accept","content":{}}}"#;
    let retry = elicit(8, &format!(r#","requestState":{state},"inputResponses":{responses}"#));
    assert_eq!(said(&make(&upstream, retry).await.unwrap()), "true");
    assert!(begun.elapsed() > limit, "{:?}", begun.elapsed());
}

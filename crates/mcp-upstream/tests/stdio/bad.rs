//! Servers that crash, babble, hang and flood.

use std::time::Duration;

use futures_util::StreamExt;
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{Era, Processes, StdioUpstream};
use tower::ServiceExt;

use crate::child::server;
use crate::support::*;

#[tokio::test]
async fn a_process_that_is_killed_takes_only_its_own_calls_along() {
    let upstream = server("modern").build().unwrap();
    let never = |name| by(name, tool(1, "never", "{}", r#","progressToken":1"#));
    let mut alice = soon(upstream.clone().oneshot(never("alice"))).await.unwrap();
    let mut bob = soon(upstream.clone().oneshot(never("bob"))).await.unwrap();
    let before = said(&make(&upstream, by("alice", tool(1, "pid", "{}", ""))).await.unwrap());
    let failure = make(&upstream, by("alice", tool(1, "die", "{}", ""))).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Close);
    assert!(failure.to_string().contains("the process ended: signal: 6"), "{failure}");

    assert!(soon(alice.next()).await.unwrap().is_ok(), "what came before the end");
    assert_eq!(soon(alice.next()).await.unwrap().unwrap_err().kind(), FailureKind::Close);
    assert!(soon(alice.next()).await.is_none());
    let after = said(&make(&upstream, by("alice", tool(1, "pid", "{}", ""))).await.unwrap());
    assert_ne!(before, after);

    make(&upstream, by("bob", tool(1, "echo", "{}", ""))).await.unwrap();
    assert!(soon(bob.next()).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_not_started_in_a_loop() {
    let upstream = StdioUpstream::builder("sh")
        .args(["-c", "echo started >&2; exit 7"])
        .era(Era::Modern)
        .restart(Duration::from_secs(3600), Duration::from_secs(3600))
        .build()
        .unwrap();
    let mut texts = Vec::new();
    for _ in 0..50 {
        texts.push(make(&upstream, tool(1, "echo", "{}", "")).await.unwrap_err());
    }
    let waiting: Vec<_> =
        texts.iter().filter(|failure| failure.to_string().contains("is started again in")).collect();
    assert!(waiting.len() >= 46, "{}", waiting.len());
    assert!(waiting.iter().all(|failure| failure.kind() == FailureKind::Unreachable));
    assert!(waiting[0].to_string().contains("exit status: 7"), "{}", waiting[0]);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_unreachable() {
    for era in [Era::Auto, Era::Modern, Era::Legacy] {
        let upstream = StdioUpstream::builder("/no/such/program").era(era).build().unwrap();
        let failure = make(&upstream, tool(1, "echo", "{}", "")).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreachable, "{failure}");
    }
}

#[tokio::test]
async fn lines_that_are_no_messages_are_skipped() {
    let upstream = server("modern").build().unwrap();
    assert_eq!(ask(&upstream, "noise").await, "true");
    let failure = make(&upstream, tool(1, "twice", "{}", "")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Garbage);
    assert_eq!(ask(&upstream, "noise").await, "true");
}

#[tokio::test]
async fn a_gigabyte_without_a_line_break_is_not_held() {
    let upstream = server("modern").build().unwrap();
    let before = peak();
    let failure = make(&upstream, tool(1, "gigabyte", "{}", "")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Oversize);
    assert!(failure.to_string().contains("16777216"), "{failure}");
    // Twice the limit of 16 MiB while the buffer grows, and what other tests need at the same time.
    assert!(peak() - before < 256 << 10, "{} KiB", peak() - before);
    assert_eq!(ask(&upstream, "noise").await, "true");
}

/// The most memory that this process has had so far, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn half_a_line_is_waited_for_so_long_and_no_longer() {
    let upstream = server("modern").transfer_timeout(Duration::from_millis(200)).build().unwrap();
    let failure = make(&upstream, tool(1, "half", "{}", "")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout);
    assert_eq!(ask(&upstream, "noise").await, "true");
}

#[tokio::test]
async fn a_server_that_does_not_read_does_not_hold_up_everybody_for_ever() {
    let upstream = server("modern")
        .processes(Processes::Shared)
        .transfer_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    assert_eq!(ask(&upstream, "noise").await, "true");
    // More than a pipe holds, and more than may wait to be written.
    let large = format!(r#"{{"large":"{}"}}"#, "x".repeat(100_000));
    let calls = (0..200).map(|_| make(&upstream, tool(1, "deaf", &large, "")));
    for outcome in futures_util::future::join_all(calls).await {
        assert_eq!(outcome.unwrap_err().kind(), FailureKind::Timeout);
    }
    assert_eq!(ask(&upstream, "noise").await, "true");
}

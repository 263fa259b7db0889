//! Servers and surroundings that mean ill, and what they cost.

use std::time::{Duration, Instant};

use portcullis_core::Secret;
use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{Era, ProcessLimits, Processes, StdioUpstream, StdioUpstreamBuilder};

use crate::child::server;
use crate::support::*;

fn shell(script: &str) -> StdioUpstreamBuilder {
    StdioUpstream::builder("sh")
        .args(["-c", script])
        .era(Era::Modern)
        .stop_timeout(Duration::from_millis(200))
}

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[],"structuredContent":{"said":true}}}"#;

#[tokio::test]
async fn a_server_that_closes_its_output_and_lives_is_lost_at_once() {
    let begun = Instant::now();
    let upstream = shell("read -r request; exec 1>&-; while :; do sleep 1000; done").build().unwrap();
    let failure = make(&upstream, tool(1, "x", "{}", "")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Close);
    assert!(failure.to_string().contains("closed its output"), "{failure}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_server_that_becomes_another_program_is_the_same_server() {
    let script = format!("exec sh -c 'read -r request; echo '\\''{ANSWER}'\\''; read -r more'");
    let upstream = shell(&script).build().unwrap();
    assert_eq!(ask(&upstream, "x").await, "true");
}

#[tokio::test]
async fn an_answer_before_the_question_is_not_its_answer() {
    // It guesses the id. What it says before it is asked is dropped; it is asked, says nothing, and is given up.
    let script = format!("echo '{ANSWER}'; echo '{ANSWER}' >&2; while read -r line; do :; done");
    let upstream = shell(&script).total_timeout(Duration::from_millis(300)).build().unwrap();
    // The first call may come before the guess; no later one can.
    let _ = make(&upstream, tool(1, "x", "{}", "")).await;
    let failure = make(&upstream, tool(1, "x", "{}", "")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Timeout, "{failure}");
}

#[tokio::test]
async fn what_a_server_leaves_behind_does_not_speak_for_it() {
    // The parent ends; its child holds the output open and goes on to speak.
    let script = format!("(while :; do echo '{ANSWER}'; sleep 0.01; done) & read -r request; exit 5");
    let upstream = shell(&script).build().unwrap();
    let begun = Instant::now();
    let outcome = make(&upstream, tool(1, "x", "{}", "")).await;
    // The child may have guessed the answer while the parent lived.
    if let Err(failure) = outcome {
        assert_eq!(failure.kind(), FailureKind::Close, "{failure}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_flood_of_lines_is_read_past_and_others_are_served() {
    let flood = shell("read -r request; yes 'no message at all'").build().unwrap();
    let good = server("modern").era(Era::Modern).build().unwrap();
    let flooded = tokio::spawn({
        let flood = shell("read -r request; yes '{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}'");
        let flood = flood.total_timeout(Duration::from_millis(500)).build().unwrap();
        async move { make(&flood, tool(1, "x", "{}", "")).await.unwrap_err().kind() }
    });
    let other = tokio::time::timeout(Duration::from_millis(500), make(&flood, tool(1, "x", "{}", "")));
    let (other, said) = tokio::join!(other, ask(&good, "noise"));
    assert!(other.is_err() && said == "true");
    assert_eq!(flooded.await.unwrap(), FailureKind::Timeout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_servers_start_at_once() {
    let upstream = server("modern").build().unwrap();
    let calls =
        (0..64).map(|n| {
            let upstream = upstream.clone();
            async move {
                said(&make(&upstream, by(&format!("user {n}"), tool(1, "pid", "{}", ""))).await.unwrap())
            }
        });
    let mut pids = futures_util::future::join_all(calls).await;
    pids.sort();
    pids.dedup();
    assert_eq!(pids.len(), 64);
}

#[tokio::test]
async fn a_guard_that_is_killed_takes_its_server_along() {
    let upstream = server("modern").processes(Processes::Shared).build().unwrap();
    let pid = ask(&upstream, "pid").await;
    // The guard leads the group, so its number is the group's.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let group = stat.rsplit(") ").next().unwrap().split(' ').nth(2).unwrap().to_owned();
    assert_ne!(group, pid);
    let killed = std::process::Command::new("kill").args(["-9", &group]).status().unwrap();
    assert!(killed.success());
    let failure = make(&upstream, tool(1, "silence", "{}", "")).await;
    assert!(failure.is_err_and(|failure| failure.to_string().contains("guard")));
    assert_ne!(ask(&upstream, "pid").await, pid);
}

#[tokio::test]
async fn what_cannot_be_started_is_named_and_not_tried_again_at_once() {
    let wait = Duration::from_secs(3600);
    let limits = ProcessLimits::new().open_files(100);
    for (upstream, word) in [
        (StdioUpstream::builder("no-such-program"), "no-such-program"),
        (StdioUpstream::builder("/etc/passwd"), "/etc/passwd"),
        (StdioUpstream::builder("sh").current_dir("/no/such/folder"), "/no/such/folder"),
        // Behind the shell that sets limits, too.
        (StdioUpstream::builder("no-such-program").limits(limits), "no-such-program"),
        (StdioUpstream::builder("/etc/passwd").limits(limits), "/etc/passwd"),
    ] {
        let upstream = upstream.env("KEY", Secret::new("s3cr3t")).restart(wait, wait).build().unwrap();
        let mut texts = Vec::new();
        for _ in 0..3 {
            let failure = make(&upstream, tool(1, "x", "{}", "")).await.unwrap_err();
            let kinds = [FailureKind::Unreachable, FailureKind::Close];
            assert!(kinds.contains(&failure.kind()), "{failure}");
            texts.push(failure.to_string());
        }
        assert!(texts[0].contains(word) && texts[0].contains("cannot be started"), "{}", texts[0]);
        assert!(texts[2].contains("is started again in"), "{}", texts[2]);
        assert!(
            texts.iter().all(|text| text.matches(word).count() == 1 && !text.contains("s3cr3t")),
            "{texts:?}"
        );
    }
}

/// Runs alone in a process of its own, since it counts what the whole process has.
#[test]
fn two_hundred_servers_leave_nothing_open() {
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["attack::count", "--exact", "--ignored", "--test-threads=1"])
        .status();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "another test runs it in a process of its own"]
fn count() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cycle = |times: usize| {
        runtime.block_on(async {
            for n in 0..times {
                let era = if n % 2 == 0 { Era::Modern } else { Era::Auto };
                let script = format!("read -r request; echo '{ANSWER}'; while read -r line; do :; done");
                let upstream = if n % 10 == 0 {
                    StdioUpstream::builder("no-such-program").build().unwrap()
                } else {
                    shell(&script)
                        .era(era)
                        .probe_timeout(Duration::from_millis(1))
                        .start_timeout(Duration::from_millis(50))
                        .build()
                        .unwrap()
                };
                let call = make(&upstream, tool(1, "x", "{}", ""));
                let _ = tokio::time::timeout(Duration::from_millis(100), call).await;
            }
            // Stopping goes on behind our back, for as long as the last process needs.
            let begun = Instant::now();
            while children() > 0 && begun.elapsed() < Duration::from_secs(10) {
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(children(), 0, "no process and no zombie");
        (entries("/proc/self/fd"), entries("/proc/self/task"))
    };
    let before = cycle(5);
    assert_eq!(cycle(200), before, "files and threads");
}

fn entries(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Processes, zombies among them, whose parent we are.
fn children() -> usize {
    let own = std::process::id().to_string();
    let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        (stat.rsplit(") ").next()?.split(' ').nth(1)? == own).then_some(())
    });
    all.count()
}

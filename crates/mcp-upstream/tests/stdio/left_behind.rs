//! Nothing is: however the server behaves, and however we end.
//!
//! A server and its child each hold a named pipe open for writing; whoever reads it comes to its end when both are gone.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use portcullis_core::Secret;
use portcullis_mcp_upstream::{Era, Processes, StdioUpstream};

use crate::support::*;

/// Ignores the end of its input and all signals that can be ignored, answers one request and goes on for ever.
const IMMORTAL: &str = r#"
trap '' HUP INT TERM
exec 9>"$PIPE"
(exec 0</dev/null 1>/dev/null 2>/dev/null; while :; do sleep 1000; done) &
read -r request
echo '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[],"structuredContent":{"said":true}}}'
while :; do sleep 1000; done
"#;

/// Leaves a child behind and ends with its input.
const PARENT: &str = r#"
exec 9>"$PIPE"
(exec 0</dev/null 1>/dev/null 2>/dev/null; while :; do sleep 1000; done) &
read -r request
echo '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[],"structuredContent":{"said":true}}}'
while read -r line; do :; done
"#;

fn build(script: &str, pipe: &Path) -> StdioUpstream {
    StdioUpstream::builder("sh")
        .args(["-c", script])
        .env("PIPE", Secret::new(pipe.to_str().unwrap()))
        .era(Era::Modern)
        .stop_timeout(Duration::from_millis(100))
        .build()
        .unwrap()
}

/// A named pipe, and a thread that reads it to its end.
struct Watch {
    pipe: PathBuf,
    ended: tokio::sync::oneshot::Receiver<()>,
}

fn watch(name: &str) -> Watch {
    let pipe = std::env::temp_dir().join(format!("portcullis-{}-{name}", std::process::id()));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (sender, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn({
        let pipe = pipe.clone();
        move || {
            // Opening waits for a writer.
            let mut pipe = std::fs::File::open(pipe).unwrap();
            pipe.read_to_end(&mut Vec::new()).unwrap();
            let _ = sender.send(());
        }
    });
    Watch { pipe, ended }
}

impl Watch {
    fn is_over(&mut self) -> bool {
        self.ended.try_recv().is_ok()
    }

    async fn over(&mut self) {
        soon(&mut self.ended).await.unwrap();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.pipe);
    }
}

#[tokio::test]
async fn a_server_that_will_not_go_is_killed_with_its_children() {
    for (name, script) in [("immortal", IMMORTAL), ("parent", PARENT)] {
        let mut watch = watch(name);
        let upstream = build(script, &watch.pipe);
        assert_eq!(ask(&upstream, "x").await, "true");
        assert!(!watch.is_over());
        drop(upstream);
        watch.over().await;
    }
}

#[tokio::test]
async fn a_process_that_nobody_uses_is_stopped() {
    let mut watch = watch("idle");
    let upstream = StdioUpstream::builder("sh")
        .args(["-c", PARENT])
        .env("PIPE", Secret::new(watch.pipe.to_str().unwrap()))
        .era(Era::Modern)
        .processes(Processes::PerPrincipal { most: 8, idle: Duration::from_millis(50) })
        .build()
        .unwrap();
    assert_eq!(ask(&upstream, "x").await, "true");
    watch.over().await;
    drop(upstream);
}

#[test]
fn nothing_outlives_the_runtime() {
    let mut watch = watch("runtime");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let upstream = build(IMMORTAL, &watch.pipe);
    assert_eq!(runtime.block_on(ask(&upstream, "x")), "true");
    assert!(!watch.is_over());
    drop(runtime);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(watch.over());
    drop(upstream);
}

#[tokio::test]
async fn nothing_outlives_a_parent_that_is_killed() {
    let mut watch = watch("killed");
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["left_behind::parent", "--exact", "--ignored", "--nocapture"])
        .env("PIPE", &watch.pipe)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = parent.stdout.take().unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"ready") {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        seen.extend_from_slice(&byte);
    }
    assert!(!watch.is_over());
    parent.kill().unwrap();
    parent.wait().unwrap();
    watch.over().await;
}

#[test]
#[ignore = "the parent that another test kills"]
fn parent() {
    let upstream = build(IMMORTAL, Path::new(&std::env::var_os("PIPE").unwrap()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(ask(&upstream, "x")), "true");
    eprintln!("the server is up");
    std::io::Write::write_all(&mut std::io::stdout(), b"ready").unwrap();
    std::io::Write::flush(&mut std::io::stdout()).unwrap();
    loop {
        std::thread::park();
    }
}

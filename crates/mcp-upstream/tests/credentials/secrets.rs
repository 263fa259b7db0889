//! Secrets that are no tokens of OAuth: from files, commands and at hand.

use std::path::PathBuf;
use std::time::Duration;

use portcullis_mcp_jsonrpc::FailureKind;
use portcullis_mcp_upstream::{Credentials, HttpUpstream, SecretSource};

use crate::issuer::{plain, server, upstream};
use crate::support::field::text_of;
use crate::support::{ask, call};

fn file(name: &str, content: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("portcullis-upstream-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

async fn said_to(upstream: &HttpUpstream) -> String {
    text_of(&ask(upstream, call("tools/call")).await.unwrap())
}

#[tokio::test]
async fn at_hand() {
    let server = server(|_| false).await;
    assert_eq!(said_to(&upstream(&server, Credentials::none())).await, "nothing");
    assert_eq!(said_to(&upstream(&server, Credentials::bearer(plain("t0ken")))).await, "Bearer t0ken");
    let credentials = Credentials::secret("Authorization", plain("Token t0ken")).unwrap();
    assert_eq!(said_to(&upstream(&server, credentials)).await, "Token t0ken");
    let credentials = Credentials::secret("x-api-key", plain("t0ken")).unwrap();
    assert_eq!(said_to(&upstream(&server, credentials)).await, "nothing");
    assert_eq!(server.seen().last().unwrap().header("x-api-key"), Some("t0ken"));
    for header in ["mcp-session-id", "host", "content-length", "no header"] {
        assert!(Credentials::secret(header, plain("t0ken")).is_err(), "{header}");
    }
    let spaced = Credentials::bearer(plain("two words"));
    let builder = HttpUpstream::builder("http://127.0.0.1:3000/mcp").unwrap();
    assert!(builder.credentials(spaced).build().is_err());
}

#[tokio::test]
async fn a_file_that_changes_changes_what_is_sent() {
    let path = file("changes", "first\n");
    let server = server(|_| false).await;
    let upstream = upstream(&server, Credentials::bearer(SecretSource::file(&path).unwrap()));
    assert_eq!(said_to(&upstream).await, "Bearer first");
    std::fs::write(&path, "second-one\n").unwrap();
    let changed = async {
        while said_to(&upstream).await != "Bearer second-one" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), changed).await.expect("the new secret is read");
    // What is no secret changes nothing.
    std::fs::write(&path, "").unwrap();
    assert_eq!(said_to(&upstream).await, "Bearer second-one");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_file_whose_secret_is_refused_is_read_at_once() {
    let path = file("refused", "first\n");
    let server = server(|shown| shown == "Bearer first").await;
    let upstream = upstream(&server, Credentials::bearer(SecretSource::file(&path).unwrap()));
    let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Reject);
    assert_eq!(server.count("POST tools/call"), 1, "the same secret is not shown twice");
    std::fs::write(&path, "second-one\n").unwrap();
    assert_eq!(said_to(&upstream).await, "Bearer second-one");
    std::fs::remove_file(path).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_is_run_again_when_its_secret_is_refused() {
    let path = file("command", "");
    let script = format!("echo x >> {0}; echo secret-$(wc -l < {0} | tr -d ' ')", path.display());
    let source = SecretSource::command("/bin/sh", ["-c", &script]).unwrap();
    let server = server(|shown| shown == "Bearer secret-1").await;
    let upstream = upstream(&server, Credentials::bearer(source));
    for _ in 0..3 {
        assert_eq!(said_to(&upstream).await, "Bearer secret-2");
    }
    std::fs::remove_file(path).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_fails_lets_no_call_out() {
    let source = SecretSource::command("/bin/sh", ["-c", "echo s3cr3t; exit 1"]).unwrap();
    let server = server(|_| false).await;
    let upstream = upstream(&server, Credentials::bearer(source));
    let failure = ask(&upstream, call("tools/call")).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Reject);
    assert!(!failure.to_string().contains("s3cr3t"), "{failure}");
    assert_eq!(server.seen().len(), 0);
}

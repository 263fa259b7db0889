//! The caller on standard input, whose token is in the environment.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::PATIENCE;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;

use crate::Setup;
use crate::portal::command;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"up_read","arguments":{}}}"#;

fn start(file: &Path, token: Option<&str>) -> Child {
    let mut command = command(file);
    command.arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(token) = token {
        command.env("PORTCULLIS_TOKEN", token);
    }
    command.spawn().unwrap()
}

/// Says this and reads a line.
async fn say(child: &mut Child, text: &str) -> String {
    let input = child.stdin.as_mut().unwrap();
    input.write_all(format!("{text}\n").as_bytes()).await.unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.as_mut().unwrap());
    tokio::time::timeout(PATIENCE, output.read_line(&mut line)).await.expect("a line in time").unwrap();
    line
}

/// Waits for the end, with standard input open: the exit code, and what was said about it.
async fn end(child: &mut Child) -> (Option<i32>, String) {
    // Waiting would close it.
    let _input = child.stdin.take();
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("an end in time").unwrap();
    let mut said = String::new();
    child.stderr.as_mut().unwrap().read_to_string(&mut said).await.unwrap();
    (status.code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_served_and_no_other_is() {
    let setup = Setup::new().await;
    let file = setup.write(&setup.tables("scopes.tools = { 'up_write' = ['notes:write'] }"));
    let mut child = start(&file, Some(&setup.token("alice")));
    assert!(say(&mut child, INITIALIZE).await.contains(r#""protocolVersion":"2025-11-25""#));
    let answer = say(&mut child, CALL).await;
    assert!(answer.contains("done"), "{answer}");
    let refused = say(&mut child, &CALL.replace("up_read", "up_write")).await;
    assert!(refused.contains(r#""error""#), "{refused}");
    drop(child.stdin.take());
    assert_eq!(end(&mut child).await.0, Some(0));

    let elsewhere = setup.issuer.token("alice", "https://elsewhere.example.com", &serde_json::json!({}));
    for token in [None, Some(""), Some("nonsense"), Some(&*elsewhere)] {
        let mut child = start(&file, token);
        let (code, said) = end(&mut child).await;
        assert_eq!(code, Some(1), "{token:?}: {said}");
        assert!(said.contains("PORTCULLIS_TOKEN") && said.contains("(401"), "{token:?}: {said}");
        assert!(token.is_none_or(|token| token.is_empty() || !said.contains(token)), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conversation_ends_with_the_token() {
    let setup = Setup::new().await;
    let file = setup.write(&setup.tables(""));
    let begun = Instant::now();
    let mut child = start(&file, Some(&setup.short_token("alice")));
    say(&mut child, INITIALIZE).await;
    assert!(say(&mut child, CALL).await.contains("done"));
    let (code, said) = end(&mut child).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("PORTCULLIS_TOKEN"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

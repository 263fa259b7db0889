//! What a call comes to when the server misbehaves; and the next call is served.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::time::Duration;

use portcullis_mcp_jsonrpc::FailureKind::{
    self, Close, Garbage, Overload, Oversize, Reject, Timeout, Unreachable,
};
use portcullis_mcp_upstream::HttpUpstream;
use support::{Play, Scripted, ask, call, json, result, to};

const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
const PROGRESS: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";

/// What the call must come to: an answer, or a failure of a kind.
type Wanted = Result<(), FailureKind>;

fn plain(text: impl Into<String>) -> Vec<u8> {
    text.into().into_bytes()
}

fn status(status: &str, more: &str, body: &str) -> Vec<u8> {
    plain(format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\n\r\n{body}", body.len()))
}

fn sse(events: &str) -> Vec<u8> {
    plain(format!("{SSE}{events}"))
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

fn impatient(server: &Scripted) -> HttpUpstream {
    to(server.address)
        .head_timeout(Duration::from_millis(300))
        .idle_timeout(Duration::from_millis(200))
        .total_timeout(Duration::from_millis(600))
        .max_answer(64 * 1024)
        .max_event(64 * 1024)
        .build()
        .unwrap()
}

async fn check(table: Vec<(&str, Play, Wanted)>) {
    for (name, play, wanted) in table {
        let server = Scripted::new(vec![play]).await;
        let upstream = impatient(&server);
        let outcome = ask(&upstream, call("tools/call")).await;
        match (&outcome, wanted) {
            (Ok(message), Ok(())) => assert!(message.is_answer(), "{name}"),
            (Err(failure), Err(kind)) => assert_eq!(failure.kind(), kind, "{name}: {failure}"),
            _ => panic!("{name}: wanted {wanted:?}, got {outcome:?}"),
        }
        assert_eq!(server.requests(), 1, "{name}: a tools/call that was received is never sent again");
        // A server that does not close keeps playing its part on that connection, so it must not be used again.
        let next = ask(&upstream, call("tools/call")).await;
        assert!(next.is_ok(), "{name}: the next call: {next:?}");
    }
}

#[tokio::test]
async fn that_speaks_no_http() {
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    check(vec![
        ("garbage", Play::Write(plain("SSH-2.0-OpenSSH_9.6\r\n\r\n")), Err(Garbage)),
        ("http/2", Play::Write(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d".to_vec()), Err(Garbage)),
        ("tls", Play::Write(b"\x15\x03\x01\0\x02\x02\x0a".to_vec()), Err(Garbage)),
        ("closes at once", Play::WriteAndClose(vec![]), Err(Close)),
        ("closes within the head", Play::WriteAndClose(plain("HTTP/1.1 200 OK\r\ncontent-ty")), Err(Close)),
        ("never answers", Play::Write(vec![]), Err(Timeout)),
        ("never ends its head", Play::Write(plain("HTTP/1.1 200 OK\r\n")), Err(Timeout)),
        ("endless header", Play::WriteForEver(plain("HTTP/1.1 200 OK\r\nx: "), vec![b'a'; 8192]), Err(Oversize)),
        ("too many headers", Play::Write(plain(format!("HTTP/1.1 200 OK\r\n{many}\r\n"))), Err(Oversize)),
        (
            "two lengths",
            Play::Write(plain("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}")),
            Err(Garbage),
        ),
        (
            "bad chunk",
            Play::Write(plain(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
            )),
            Err(Garbage),
        ),
    ])
    .await;
}

#[tokio::test]
async fn that_answers_in_between() {
    let answer = String::from_utf8(json(&result(1))).unwrap();
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    check(vec![
        ("early hints", Play::WriteAndClose(plain(format!("{hints}{hints}{answer}"))), Ok(())),
        ("continue", Play::WriteAndClose(plain(format!("HTTP/1.1 100 Continue\r\n\r\n{answer}"))), Ok(())),
        ("hints without end", Play::WriteForEver(vec![], plain(hints)), Err(Timeout)),
        (
            "switches",
            Play::Write(plain(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            )),
            Err(Garbage),
        ),
    ])
    .await;
}

#[tokio::test]
async fn that_says_no() {
    let html = "content-type: text/html\r\n";
    let as_json = "content-type: application/json\r\n";
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}"#;
    check(vec![
        (
            "401",
            Play::WriteAndClose(status("401 Unauthorized", "www-authenticate: Bearer\r\n", "")),
            Err(Reject),
        ),
        ("403", Play::WriteAndClose(status("403 Forbidden", as_json, error)), Err(Reject)),
        ("404 page", Play::WriteAndClose(status("404 Not Found", html, "<p>")), Err(Garbage)),
        ("404 answer", Play::WriteAndClose(status("404 Not Found", as_json, error)), Ok(())),
        ("429", Play::WriteAndClose(status("429 Too Many Requests", "", "")), Err(Overload)),
        (
            "429 with a time",
            Play::WriteAndClose(status(
                "429 Too Many Requests",
                &format!("retry-after: 1\r\n{as_json}"),
                error,
            )),
            Err(Overload),
        ),
        ("500 page", Play::WriteAndClose(status("500 Internal Server Error", html, "<p>")), Err(Garbage)),
        ("500 answer", Play::WriteAndClose(status("500 Internal Server Error", as_json, error)), Ok(())),
        ("503", Play::WriteAndClose(status("503 Service Unavailable", "", "")), Err(Unreachable)),
        (
            "503 with a time",
            Play::WriteAndClose(status(
                "503 Service Unavailable",
                &format!("retry-after: 1\r\n{as_json}"),
                error,
            )),
            Err(Unreachable),
        ),
        ("504", Play::WriteAndClose(status("504 Gateway Timeout", html, "")), Err(Timeout)),
        ("202", Play::WriteAndClose(status("202 Accepted", "", "")), Err(Garbage)),
        ("204", Play::WriteAndClose(plain("HTTP/1.1 204 No Content\r\n\r\n")), Err(Garbage)),
    ])
    .await;
}

#[tokio::test]
async fn that_sends_elsewhere() {
    // The place it points to would answer well; nobody must go there.
    let trap = Scripted::new(vec![]).await;
    for code in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("location: http://{}/mcp\r\ncontent-type: application/json\r\n", trap.address);
        check(vec![(code, Play::WriteAndClose(status(code, &location, &result(1))), Err(Garbage))]).await;
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn that_answers_with_bad_json() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    check(vec![
        ("another id", Play::WriteAndClose(json(&result(2))), Err(Garbage)),
        ("twice", Play::WriteAndClose(json(&format!("{}{}", result(1), result(1)))), Err(Garbage)),
        ("a batch", Play::WriteAndClose(json(&format!("[{}]", result(1)))), Err(Garbage)),
        ("a request", Play::WriteAndClose(json(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)), Err(Garbage)),
        (
            "a key twice",
            Play::WriteAndClose(json(r#"{"jsonrpc":"2.0","id":1,"id":1,"result":{}}"#)),
            Err(Garbage),
        ),
        ("nothing", Play::WriteAndClose(json("")), Err(Garbage)),
        ("a page", Play::WriteAndClose(status("200 OK", "content-type: text/html\r\n", "<p>")), Err(Garbage)),
        ("no type", Play::WriteAndClose(status("200 OK", "", &result(1))), Err(Garbage)),
        (
            "stops short",
            Play::WriteAndClose(plain(format!("{head}content-length: 99\r\n\r\n{{}}"))),
            Err(Close),
        ),
        ("stands still", Play::Write(plain(format!("{head}content-length: 99\r\n\r\n{{}}"))), Err(Timeout)),
        (
            "longer than it says",
            Play::WriteAndClose(plain(format!("{head}content-length: 9\r\n\r\n{}", result(1)))),
            Err(Garbage),
        ),
        (
            "more after the answer",
            Play::Write(plain(format!(
                "{}HTTP/1.1 200 OK\r\n",
                String::from_utf8(json(&result(1))).unwrap()
            ))),
            Ok(()),
        ),
        (
            "says it is too long",
            Play::Write(plain(format!("{head}content-length: 99999999\r\n\r\n"))),
            Err(Oversize),
        ),
        (
            "without an end",
            Play::WriteForEver(plain(format!("{head}transfer-encoding: chunked\r\n\r\n")), plain(chunk)),
            Err(Oversize),
        ),
    ])
    .await;
}

#[tokio::test]
async fn that_streams_badly() {
    let answer = event(&result(1));
    check(vec![
        ("well", Play::WriteAndClose(sse(&format!("{PROGRESS}{answer}"))), Ok(())),
        ("twice", Play::WriteAndClose(sse(&format!("{answer}{answer}"))), Ok(())),
        ("and goes on", Play::WriteForEver(sse(&answer), plain(PROGRESS)), Ok(())),
        ("another id", Play::Write(sse(&event(&result(2)))), Err(Garbage)),
        ("no json", Play::Write(sse("data: hello\n\n")), Err(Garbage)),
        ("without an answer", Play::WriteAndClose(sse(PROGRESS)), Err(Close)),
        ("stands still", Play::Write(sse(PROGRESS)), Err(Timeout)),
        ("within an event", Play::WriteAndClose(sse("data: {\"json")), Err(Close)),
        ("endless event", Play::WriteForEver(sse("data: "), vec![b'a'; 8192]), Err(Oversize)),
        ("endless comments", Play::WriteForEver(plain(SSE), plain(":\n")), Err(Timeout)),
        ("endless progress", Play::WriteForEver(plain(SSE), plain(PROGRESS)), Err(Timeout)),
    ])
    .await;
}

#[tokio::test]
async fn that_speaks_without_being_asked() {
    // The second answer comes on a connection that waits in the pool. It must not become the answer to the next call.
    let answer = String::from_utf8(json(&result(1))).unwrap();
    let server = Scripted::new(vec![Play::Write(plain(answer.repeat(2)))]).await;
    let upstream = impatient(&server);
    for _ in 0..3 {
        assert!(ask(&upstream, call("tools/call")).await.is_ok());
    }
    assert_eq!(server.connections(), 2);
}

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

//! What servers of the field answer to messages that they do not take.

use super::*;

const NO_ID: &str = r#"{"jsonrpc":"2.0","error":{"code":CODE,"message":"TEXT"},"id":null}"#;

fn error(code: i64, text: &str) -> String {
    NO_ID.replace("CODE", &code.to_string()).replace("TEXT", text)
}

fn named(status: u16, text: &str, in_session: bool) -> String {
    let refused =
        read(StatusCode::from_u16(status).unwrap(), text.as_bytes(), Some(&Id::from(7)), in_session);
    match refused {
        Refused::Answer(_, message) => {
            assert_eq!(message.id(), Some(&Id::from(7)), "{text}");
            format!("answer {}", message.error_code().unwrap())
        }
        Refused::Status(status) => format!("status {}", status.as_u16()),
        other => format!("{other:?}").to_lowercase(),
    }
}

#[test]
fn a_session_that_is_gone_is_told_in_many_ways() {
    let ours =
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no such method in this session"}}"#;
    let server_error = r#"{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}"#;
    let unsupported = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}"#;
    let older = unsupported.replace("2026-07-28", "2025-11-25");
    let session_not_found = error(-32001, "Session not found");
    let no_session = error(-32000, "Bad Request: No valid session ID provided");
    let not_initialized = error(-32000, "Bad Request: Server not initialized");
    let version = error(-32000, "Bad Request: Unsupported protocol version");
    let mismatch = error(-32020, "Header mismatch");
    let table: [(&str, u16, &str, bool, &str); 19] = [
        ("the specification", 404, "", true, "forgotten"),
        ("TypeScript", 404, &session_not_found, true, "forgotten"),
        ("TypeScript's examples", 400, &no_session, true, "forgotten"),
        ("TypeScript, restarted", 400, &not_initialized, true, "forgotten"),
        ("Python of old", 400, "Bad Request: No valid session ID provided", true, "forgotten"),
        ("Python", 400, server_error, true, "forgotten"),
        ("without a session: the path is wrong", 404, "Not Found", false, "status 404"),
        ("without a session: in words", 404, &session_not_found, false, "answer -32001"),
        ("without a session: Python", 400, server_error, false, "answer -32600"),
        ("about the version", 400, &version, true, "answer -32000"),
        ("about the call", 404, ours, true, "answer -32601"),
        ("a failure in words", 500, &error(-32603, "Internal error"), true, "answer -32603"),
        ("a failure", 500, "oops: session", true, "status 500"),
        ("credentials", 401, &no_session, true, "status 401"),
        ("credentials in modern words", 403, &mismatch, true, "status 403"),
        ("a modern server", 400, &mismatch, true, "modern"),
        ("a modern server on versions", 400, unsupported, false, "modern"),
        ("one that speaks older versions only", 400, &older, false, "answer -32022"),
        ("a result is no refusal", 400, r#"{"jsonrpc":"2.0","id":7,"result":{}}"#, true, "status 400"),
    ];
    for (name, status, text, in_session, wanted) in table {
        assert_eq!(named(status, text, in_session), wanted, "{name}");
    }
}

#[test]
fn what_is_no_request_has_no_answer() {
    let refused = read(StatusCode::BAD_REQUEST, error(-32600, "no").as_bytes(), None, false);
    assert!(matches!(refused, Refused::Status(StatusCode::BAD_REQUEST)));
}

#[test]
fn an_old_transport_is_looked_for_after_three_statuses() {
    for (status, wanted) in [(400, true), (404, true), (405, true), (401, false), (403, false), (500, false)]
    {
        let refused = read(StatusCode::from_u16(status).unwrap(), b"", Some(&Id::from(7)), false);
        assert_eq!(refused.suggests_sse(), wanted, "{status}");
    }
}

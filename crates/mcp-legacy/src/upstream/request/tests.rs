#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;

fn read(text: &str) -> Result<Request, &'static str> {
    let message = Message::parse(text.to_owned().into()).unwrap();
    let id = message.id().cloned().unwrap();
    Request::read(Call::new(message), id)
}

#[test]
fn takes_out_what_a_legacy_server_does_not_know() {
    for (modern, legacy) in [
        (r#"{"jsonrpc":"2.0","id":"a","method":"x"}"#, r#"{"jsonrpc":"2.0","id":7,"method":"x"}"#),
        (
            r#" {"params":{},"id":"a","jsonrpc":"2.0","method":"x","more":1} "#,
            r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":"info"},"name":"t"}}"#,
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{},"name":"t"}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"requestState":"s","name":"t","inputResponses":{"1":{}},"arguments":{"task":1},"task":{},"_meta":{"traceparent":"00","progressToken":"mine","io.modelcontextprotocol/clientCapabilities":{"x":{}}}}}"#,
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{"task":1},"_meta":{"traceparent":"00","progressToken":7}}}"#,
        ),
    ] {
        assert_eq!(read(modern).unwrap().to_legacy(7, false).unwrap().message.text(), legacy);
    }
}

#[test]
fn asks_for_a_task() {
    for (modern, legacy) in [
        (r#"{"jsonrpc":"2.0","id":0,"method":"tools/call"}"#, r#""params":{"task":{}}}"#),
        (r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"task":1}}"#, r#""params":{"task":{}}}"#),
        (
            r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"requestState":"s","name":"t"}}"#,
            r#""params":{"task":{},"name":"t"}}"#,
        ),
    ] {
        let outgoing = read(modern).unwrap().to_legacy(7, true).unwrap();
        let text = String::from_utf8(outgoing.message.text().to_vec()).unwrap();
        assert!(text.ends_with(legacy), "{text}");
    }
}

#[test]
fn keeps_what_it_took_out() {
    let request = read(
        r#"{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"t","requestState":"s","inputResponses":{"1":{"a":1},"2":3},"_meta":{"progressToken":1.5,"io.modelcontextprotocol/clientInfo":{"name":"c"},"io.modelcontextprotocol/logLevel":"error"}}}"#,
    )
    .unwrap();
    assert_eq!(request.state.as_deref(), Some("s"));
    assert_eq!(request.token.as_deref(), Some("1.5"));
    assert_eq!(request.client_info.as_deref(), Some(r#"{"name":"c"}"#));
    assert_eq!(request.level.get(), Level::parse("error"));
    assert_eq!(request.response("1"), Some(&br#"{"a":1}"#[..]));
    assert_eq!((request.response("2"), request.response("3")), (None, None));
}

#[test]
fn refuses_params_that_mean_nothing() {
    for (params, wrong) in [
        (r#"{"requestState":1}"#, "requestState must be a string"),
        (r#"{"_meta":{"progressToken":{}}}"#, "progressToken must be a string or a number"),
        (r#"{"_meta":{"io.modelcontextprotocol/logLevel":"loud"}}"#, "there is no such log level"),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{params}}}"#);
        assert_eq!(read(&text).unwrap_err(), wrong);
    }
}

#[test]
fn state_is_bound_to_the_very_call() {
    let context = |params: &str| {
        let text = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{params}}}"#);
        read(&text).unwrap().context("up")
    };
    let one = context(r#"{"name":"t","arguments":{"a":1}}"#);
    assert_eq!(one, context(r#"{"arguments":{"a":1},"name":"t","requestState":"x"}"#));
    assert_ne!(one, context(r#"{"name":"t","arguments":{"a":2}}"#));
    assert_ne!(one, context(r#"{"name":"u","arguments":{"a":1}}"#));
    assert_ne!(one, context(r#"{"name":"t"}"#));
}

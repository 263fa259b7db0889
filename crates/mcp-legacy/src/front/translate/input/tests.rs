#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;
use crate::front::Version;

fn result(result: &str) -> Message {
    Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#).into()).unwrap()
}

fn input(method: &str, params: &str) -> Input {
    let text = format!(r#"{{"inputRequests":{{"k":{{"method":"{method}","params":{params}}}}}}}"#);
    InputRequired::read(&result(&text)).unwrap().requests.remove(0)
}

fn client(capabilities: &str) -> Client {
    Client::new(Version::LATEST, r#"{"name":"c","version":"1"}"#, capabilities).unwrap()
}

#[test]
fn reads_requests_and_state_as_they_are_spelled() {
    let read = InputRequired::read(&result(
        r#"{"requestState":"\u0061b","inputRequests":{"\u006b":{"method":"roots/list"},"l":{"params":{"a":1},"method":"sampling/createMessage"}}}"#,
    ));
    let read = read.unwrap();
    assert_eq!(read.state.as_deref(), Some(&br#""\u0061b""#[..]));
    let keys: Vec<_> = read.requests.iter().map(|input| (input.key(), input.method())).collect();
    assert_eq!(keys, [(r#""\u006b""#, "roots/list"), (r#""l""#, "sampling/createMessage")]);
    assert_eq!(read.requests[1].params, &br#"{"a":1}"#[..]);
}

#[test]
fn what_breaks_the_rules_is_not_read() {
    for wrong in [
        "{}",
        r#"{"inputRequests":{}}"#,
        r#"{"requestState":1}"#,
        r#"{"inputRequests":[],"requestState":null}"#,
        r#"{"inputRequests":{"a":1}}"#,
        r#"{"inputRequests":{"a":{"method":"ping"}}}"#,
        r#"{"inputRequests":{"a":{"method":"roots/list","params":[]}}}"#,
        r#"{"inputRequests":{"a":{"params":{}}}}"#,
    ] {
        assert!(InputRequired::read(&result(wrong)).is_none(), "{wrong}");
    }
    assert!(InputRequired::read(&result(r#"{"inputRequests":{},"requestState":"a"}"#)).is_some());
}

#[test]
fn only_what_the_client_declared_is_asked_for() {
    let (form, url) = (("elicitation/create", "{}"), ("elicitation/create", r#"{"mode":"url"}"#));
    let (sample, tools) = (("sampling/createMessage", "{}"), ("sampling/createMessage", r#"{"tools":[]}"#));
    let roots = ("roots/list", "{}");
    for ((method, params), capabilities, able) in [
        (form, r#"{"elicitation":{"form":{}}}"#, true),
        (form, r#"{"elicitation":{"url":{}}}"#, false),
        (form, "{}", false),
        (url, r#"{"elicitation":{"form":{}}}"#, false),
        (url, r#"{"elicitation":{"form":{},"url":{}}}"#, true),
        (sample, r#"{"sampling":{}}"#, true),
        (sample, r#"{"roots":{}}"#, false),
        (tools, r#"{"sampling":{}}"#, false),
        (tools, r#"{"sampling":{"tools":{}}}"#, true),
        (roots, r#"{"roots":{}}"#, true),
        (roots, r#"{"sampling":{}}"#, false),
    ] {
        let checked = input(method, params).check(&client(capabilities));
        assert_eq!(checked.is_ok(), able, "{method} {params} {capabilities}");
        if let Err(stuck) = checked {
            let message = stuck.to_message(&Id::from(3));
            assert_eq!(message.error_code(), Some(code::MISSING_CAPABILITY));
            assert!(stuck.data.unwrap().starts_with(r#"{"requiredCapabilities":{"#));
        }
    }
}

#[test]
fn a_request_to_the_client_has_what_its_version_needs() {
    for (method, params, task, wanted) in [
        ("elicitation/create", r#"{"message":"m"}"#, None, r#"{"message":"m"}"#),
        (
            "elicitation/create",
            r#"{"mode":"url","url":"https://a"}"#,
            None,
            r#"{"mode":"url","url":"https://a","elicitationId":"p-1"}"#,
        ),
        (
            "elicitation/create",
            r#"{"mode":"url","elicitationId":"theirs"}"#,
            None,
            r#"{"mode":"url","elicitationId":"theirs"}"#,
        ),
        (
            "sampling/createMessage",
            r#"{"maxTokens":1}"#,
            Some("t\""),
            r#"{"maxTokens":1,"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t\""}}}"#,
        ),
        (
            "roots/list",
            r#"{"_meta":{"a":1}}"#,
            Some("t"),
            r#"{"_meta":{"a":1,"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#,
        ),
        (
            "roots/list",
            r#"{"_meta":{"io.modelcontextprotocol/related-task":1}}"#,
            Some("t"),
            r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#,
        ),
    ] {
        let request = input(method, params).to_request(&Id::from("p-1"), task);
        let wanted = format!(r#"{{"jsonrpc":"2.0","id":"p-1","method":"{method}","params":{wanted}}}"#);
        assert_eq!(request.text(), wanted.as_bytes());
    }
}

#[test]
fn an_error_is_a_cancel_where_the_server_knows_that_word() {
    let error = Message::from_error(Some(&Id::from(1)), -1, "User rejected", None);
    assert_eq!(input("elicitation/create", "{}").response(&error).unwrap(), r#"{"action":"cancel"}"#);
    for method in ["sampling/createMessage", "roots/list"] {
        let stuck = input(method, "{}").response(&error).unwrap_err();
        assert_eq!(stuck.text, format!("The client answered {method} with error -1."));
    }
    let roots = input("roots/list", "{}").response(&result(r#"{"roots":[ ]}"#)).unwrap();
    assert_eq!(roots, r#"{"roots":[ ]}"#);
}

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;

fn parse(text: &str) -> Message {
    Message::parse(text.to_owned().into()).unwrap()
}

const CACHE: &str = r#""ttlMs":5,"cacheScope":"private""#;

#[test]
fn results_become_complete() {
    for (cache, legacy, modern) in [
        (false, "{}", r#"{"resultType":"complete"}"#),
        (false, "{ }", r#"{"resultType":"complete" }"#),
        (false, r#"{"content":[]}"#, r#"{"resultType":"complete","content":[]}"#),
        (false, r#"{"resultType":"complete","a":1}"#, r#"{"resultType":"complete","a":1}"#),
        (false, r#"{"a":1,"resultType":7}"#, r#"{"resultType":"complete","a":1}"#),
        (false, r#"{"resultType":"input_required"}"#, r#"{"resultType":"complete"}"#),
        (true, "{}", r#"{"resultType":"complete","ttlMs":5,"cacheScope":"private"}"#),
        (
            true,
            r#"{"resultType":"complete","ttlMs":9,"a":1}"#,
            r#"{"ttlMs":5,"cacheScope":"private","resultType":"complete","a":1}"#,
        ),
    ] {
        let answer = parse(&format!(r#" {{"id":7,"result":{legacy},"jsonrpc":"2.0"}}"#));
        let form = Form { cache: cache.then_some(CACHE), ..Form::default() };
        let translated = translate(&answer, &Id::from("a"), form).unwrap();
        assert_eq!(translated.text(), &format!(r#"{{"jsonrpc":"2.0","id":"a","result":{modern}}}"#));
    }
}

#[test]
fn nothing_of_tasks_remains() {
    let answer = parse(
        r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"a","execution":{"taskSupport":"required"}},{"execution":{},"name":"b","inputSchema":{"properties":{"execution":{}}}},{"name":"c"}]}}"#,
    );
    let form = Form { executions: true, ..Form::default() };
    assert_eq!(
        translate(&answer, &Id::from(0), form).unwrap().result().unwrap(),
        br#"{"resultType":"complete","tools":[{"name":"a"},{"name":"b","inputSchema":{"properties":{"execution":{}}}},{"name":"c"}]}"#
    );
    let answer = parse(
        r#"{"jsonrpc":"2.0","id":7,"result":{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"1"},"x":1}}}"#,
    );
    let form = Form { task: true, ..Form::default() };
    let translated = translate(&answer, &Id::from(0), form).unwrap();
    assert_eq!(translated.result().unwrap(), br#"{"resultType":"complete","_meta":{"x":1}}"#);
}

#[test]
fn errors_keep_their_code_but_one() {
    for (legacy, modern) in [(-32002, -32602), (-32601, -32601), (-32042, -32042), (-1, -1)] {
        let answer = parse(&format!(
            r#"{{"jsonrpc":"2.0","id":7,"error":{{"message":"m","code":{legacy},"data":{{"code":3}}}}}}"#
        ));
        let translated = translate(&answer, &Id::from(1), Form::default()).unwrap();
        assert_eq!(translated.error_code(), Some(modern));
        assert_eq!(translated.id(), Some(&Id::from(1)));
    }
}

#[test]
fn progress_gets_the_callers_token() {
    let told = parse(
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1,"progressToken":7}}"#,
    );
    assert_eq!(progress_token(&told), Some(7));
    let translated = progress(&told, r#""mine""#).unwrap();
    assert_eq!(translated.params().unwrap(), br#"{"progress":1,"progressToken":"mine"}"#);
    let foreign =
        parse(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{}}}"#);
    assert_eq!(progress_token(&foreign), None);
}

#[test]
fn questions_lose_what_has_no_meaning_any_more() {
    for (legacy, modern) in [
        (r#""method":"roots/list""#, r#"{"method":"roots/list"}"#),
        (
            r#""method":"elicitation/create","params":{"mode":"url","elicitationId":"1","url":"https://a","_meta":{"progressToken":1,"traceparent":"0"}}"#,
            r#"{"method":"elicitation/create","params":{"mode":"url","url":"https://a","_meta":{"traceparent":"0"}}}"#,
        ),
        (
            r#""method":"sampling/createMessage","params":{"task":{},"messages":[]}"#,
            r#"{"method":"sampling/createMessage","params":{"messages":[]}}"#,
        ),
    ] {
        let request = parse(&format!(r#"{{"jsonrpc":"2.0","id":1,{legacy}}}"#));
        assert_eq!(question(&request).unwrap().text(), modern);
    }
}

#[test]
fn stamps_notifications_of_every_shape() {
    for (params, stamped) in [
        ("", r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"l"}}"#),
        (r#","params":{}"#, r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"l"}}"#),
        (r#","params":{"uri":"u"}"#, r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"l"},"uri":"u"}"#),
        (r#","params":{"_meta":null}"#, r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"l"}}"#),
        (
            r#","params":{"_meta":{"a":1,"io.modelcontextprotocol/subscriptionId":2}}"#,
            r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"l","a":1}}"#,
        ),
    ] {
        let notification = parse(&format!(r#"{{"jsonrpc":"2.0","method":"notifications/x"{params}}}"#));
        let message = stamp(&notification, &Id::from("l")).unwrap();
        assert_eq!(message.params().unwrap(), stamped.as_bytes());
    }
}

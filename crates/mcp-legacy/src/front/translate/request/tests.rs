#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use proptest::prelude::*;

use super::*;
use crate::front::Version;

const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"roots":{}}"#;

fn client(version: Version) -> Client {
    Client::new(version, r#"{"name":"c","version":"1"}"#, r#"{"roots":{}}"#).unwrap()
}

fn translate(text: &str, version: Version, retry: &Retry) -> Option<String> {
    let client = client(version);
    let declared = Declared { client: &client, level: None, tasks: false };
    let message = modern(&Message::parse(text.to_owned().into()).unwrap(), &declared, retry)?;
    Some(String::from_utf8(message.into_text().into()).unwrap())
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

#[test]
fn declares_what_the_session_knows() {
    for (name, method, legacy, wanted) in [
        ("empty params", "tools/list", "{ }".to_owned(), format!(r#"{{"_meta":{{{META}}} }}"#)),
        ("params", "tools/list", r#"{"cursor":"a"}"#.into(), format!(r#"{{"_meta":{{{META}}},"cursor":"a"}}"#)),
        ("an empty _meta", "tools/list", r#"{"_meta":{}}"#.into(), format!(r#"{{"_meta":{{{META}}}}}"#)),
        (
            "progress and trace stay",
            "tools/call",
            r#"{"name":"t","_meta":{"progressToken":1, "traceparent":"00-1"}}"#.into(),
            format!(r#"{{"name":"t","_meta":{{{META},"progressToken":1, "traceparent":"00-1"}}}}"#),
        ),
        (
            "the client's own words of these names go",
            "tools/call",
            r#"{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"sampling":{}},"a":1,"io.modelcontextprotocol/logLevel":"debug","io.modelcontextprotocol/protocolVersion":"x"}}"#.into(),
            format!(r#"{{"_meta":{{{META},"a":1}}}}"#),
        ),
        (
            "and all of them",
            "tools/call",
            r#"{"_meta":{"io.modelcontextprotocol/clientInfo":{},"io.modelcontextprotocol/logLevel":"debug"},"name":"t"}"#.into(),
            format!(r#"{{"_meta":{{{META}}},"name":"t"}}"#),
        ),
        (
            "params that only the front may set",
            "tools/call",
            r#"{"requestState":"s","name":"t","inputResponses":{}}"#.into(),
            format!(r#"{{"_meta":{{{META}}},"name":"t"}}"#),
        ),
        (
            "which other methods may have",
            "x/y",
            r#"{"requestState":"s"}"#.into(),
            format!(r#"{{"_meta":{{{META}}},"requestState":"s"}}"#),
        ),
        (
            "nothing else left",
            "prompts/get",
            r#"{"requestState":"s"}"#.into(),
            format!(r#"{{"_meta":{{{META}}}}}"#),
        ),
        (
            "braces in strings",
            "x/y",
            r#"{"a":"}","_meta":{"b":"{"}}"#.into(),
            format!(r#"{{"a":"}}","_meta":{{{META},"b":"{{"}}}}"#),
        ),
    ] {
        let translated = translate(&request(method, &legacy), Version::LATEST, &Retry::default()).unwrap();
        let wanted = request(method, &wanted);
        // The place of a space before a brace is nobody's business.
        assert_eq!(translated.replace(" }", "}"), wanted.replace(" }", "}"), "{name}");
    }
}

#[test]
fn params_are_made_where_there_are_none() {
    let bare = "{\"jsonrpc\":\"2.0\",\"method\":\"tools/list\",\"id\":\"}\" } \n";
    let wanted = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"tools/list\",\"id\":\"}}\" ,\"params\":{{\"_meta\":{{{META}}}}}}} \n"
    );
    assert_eq!(translate(bare, Version::LATEST, &Retry::default()), Some(wanted));
}

#[test]
fn a_meta_that_is_no_object_is_refused() {
    for meta in ["1", "null", "[]", r#""a""#] {
        let text = request("tools/list", &format!(r#"{{"_meta":{meta}}}"#));
        assert_eq!(translate(&text, Version::LATEST, &Retry::default()), None, "{meta}");
    }
}

#[test]
fn a_retry_carries_state_and_responses_as_they_were_given() {
    let retry = Retry {
        responses: Some(r#"{"k":{"a":1.0}}"#.into()),
        state: Some(Bytes::from_static(br#""\u0041\/""#)),
    };
    for (params, wanted) in [
        (
            r#"{"name":"t","requestState":"old","inputResponses":1}"#,
            format!(
                r#"{{"inputResponses":{{"k":{{"a":1.0}}}},"requestState":"\u0041\/","_meta":{{{META}}},"name":"t"}}"#
            ),
        ),
        (
            r#"{"_meta":{"a":1},"name":"t"}"#,
            format!(
                r#"{{"inputResponses":{{"k":{{"a":1.0}}}},"requestState":"\u0041\/","_meta":{{{META},"a":1}},"name":"t"}}"#
            ),
        ),
    ] {
        let translated = translate(&request("tools/call", params), Version::V2025_06_18, &retry);
        assert_eq!(translated, Some(request("tools/call", &wanted)));
    }
}

#[test]
fn the_level_and_tasks_are_declared_where_they_apply() {
    let client = client(Version::LATEST);
    let declared = Declared { client: &client, level: Some(Level::Warning), tasks: true };
    let params = declared
        .params(r#""taskId":"t""#, Some(br#"{"traceparent":"x","io.modelcontextprotocol/logLevel":1}"#));
    let tasks =
        META.replace(r#"{"roots":{}}"#, r#"{"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#);
    let wanted = format!(
        r#"{{"taskId":"t","_meta":{{{tasks},"io.modelcontextprotocol/logLevel":"warning","traceparent":"x"}}}}"#
    );
    assert_eq!(params.unwrap().text(), wanted.as_bytes());
}

#[test]
fn a_call_that_asks_for_a_task_declares_that_it_can_have_one() {
    let tasks =
        META.replace(r#"{"roots":{}}"#, r#"{"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#);
    let text = request("tools/call", r#"{"task":{"ttl":1},"name":"t"}"#);
    let wanted = request("tools/call", &format!(r#"{{"_meta":{{{tasks}}},"name":"t"}}"#));
    assert_eq!(translate(&text, Version::V2025_11_25, &Retry::default()), Some(wanted));
    let older = request("tools/call", &format!(r#"{{"_meta":{{{META}}},"task":{{"ttl":1}},"name":"t"}}"#));
    assert_eq!(translate(&text, Version::V2025_06_18, &Retry::default()), Some(older));
}

#[test]
fn only_a_tool_called_in_2025_11_25_can_be_a_task() {
    let wants = |method: &str, params: &str, version| {
        wants_task(&Message::parse(request(method, params).into()).unwrap(), &client(version))
    };
    assert!(wants("tools/call", r#"{"task":{}}"#, Version::V2025_11_25));
    assert!(!wants("tools/call", r#"{"task":{}}"#, Version::V2025_06_18));
    assert!(!wants("tools/call", r#"{"arguments":{"task":{}}}"#, Version::V2025_11_25));
    assert!(!wants("prompts/get", r#"{"task":{}}"#, Version::V2025_11_25));
}

#[test]
fn what_nests_too_deep_for_a_message_is_not_made() {
    let deep = format!("{}1{}", "[".repeat(124), "]".repeat(124));
    let client = client(Version::LATEST);
    let declared = Declared { client: &client, level: None, tasks: false };
    assert!(declared.params(&format!(r#""inputResponses":{{"k":{deep}}}"#), None).is_some());
    assert!(declared.params(&format!(r#""inputResponses":{{"k":[{deep}]}}"#), None).is_none());
    let retry = Retry { responses: Some(format!(r#"{{"k":[[{deep}]]}}"#)), state: None };
    assert_eq!(translate(&request("tools/call", r#"{"name":"t"}"#), Version::LATEST, &retry), None);
}

proptest! {
    /// Whatever a client puts into `_meta`, the service inside reads what the session knows.
    #[test]
    fn nobody_can_declare_for_the_session(names in proptest::collection::vec(0..6_usize, 0..6)) {
        let all = [DECLARED[0], DECLARED[1], DECLARED[2], DECLARED[3], "progressToken", "x"];
        let mut seen: Vec<usize> = Vec::new();
        for name in names {
            if !seen.contains(&name) {
                seen.push(name);
            }
        }
        let meta: Vec<_> = seen.iter().map(|name| format!(r#""{}" : "evil""#, all[*name])).collect();
        let text = request("tools/call", &format!(r#"{{"name":"t", "_meta":{{ {} }}}}"#, meta.join(" , ")));
        let translated = translate(&text, Version::LATEST, &Retry::default()).unwrap();
        let message = Message::parse(translated.into()).unwrap();
        prop_assert_eq!(message.protocol_version(), Some("2026-07-28"));
        prop_assert_eq!(message.client_capabilities(), Some(&br#"{"roots":{}}"#[..]));
        let kept = seen.iter().filter(|name| **name > 3).count();
        let text = String::from_utf8(message.meta().unwrap().to_vec()).unwrap();
        prop_assert_eq!(text.matches("evil").count(), kept);
    }
}

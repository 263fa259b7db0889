#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use proptest::prelude::*;

use super::*;

fn legacy_of(result: &str, method: &str) -> String {
    let text = format!(r#" {{"jsonrpc":"2.0","x":1,"id":7,"result":{result} }} "#);
    let translated = legacy(Message::parse(text.into()).unwrap(), method);
    let text = std::str::from_utf8(translated.text()).unwrap();
    let start = text.strip_prefix(r#" {"jsonrpc":"2.0","x":1,"id":7,"result":"#).expect("the start stays");
    start.strip_suffix(" } ").expect("the end stays").to_owned()
}

#[test]
fn takes_off_what_only_2026_has_and_nothing_else() {
    for (name, method, modern, wanted) in [
        ("the only member", "ping", r#"{"resultType":"complete"}"#, "{}"),
        ("first", "tools/call", r#"{"resultType":"complete","content":[]}"#, r#"{"content":[]}"#),
        ("last", "tools/call", r#"{"content":[],"resultType":"complete"}"#, r#"{"content":[]}"#),
        (
            "all of them, around others",
            "tools/list",
            r#"{"ttlMs":5,"tools":[],"cacheScope":"public","nextCursor":"a","resultType":"complete"}"#,
            r#"{"tools":[],"nextCursor":"a"}"#,
        ),
        (
            "whitespace and spelling stay",
            "tools/list",
            "{ \"ttlMs\" : 5 , \"a\" : 1.0 ,\n \"resultType\":\"complete\" , \"b\":\"\\u0041\" }",
            "{ \"a\" : 1.0 , \"b\":\"\\u0041\" }",
        ),
        (
            "the server's name, alone in _meta",
            "ping",
            r#"{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"a","version":"1"}},"a":1}"#,
            r#"{"a":1}"#,
        ),
        (
            "the server's name among others",
            "ping",
            r#"{"resultType":"complete","_meta":{"x":1,"io.modelcontextprotocol/serverInfo":{},"y":2},"a":1}"#,
            r#"{"_meta":{"x":1,"y":2},"a":1}"#,
        ),
        ("an empty _meta stays", "ping", r#"{"_meta":{}}"#, r#"{"_meta":{}}"#),
        ("a _meta that is none stays", "ping", r#"{"_meta":[1],"ttlMs":1}"#, r#"{"_meta":[1]}"#),
        (
            "names further in stay",
            "tools/call",
            r#"{"structuredContent":{"resultType":1,"ttlMs":2}}"#,
            r#"{"structuredContent":{"resultType":1,"ttlMs":2}}"#,
        ),
        ("escaped names go", "ping", r#"{"\u0074tlMs":1}"#, "{}"),
        (
            "structured content that is no object",
            "tools/call",
            r#"{"content":[],"structuredContent":[1,[2]],"isError":false}"#,
            r#"{"content":[],"isError":false}"#,
        ),
        ("of tools only", "x/y", r#"{"structuredContent":[1]}"#, r#"{"structuredContent":[1]}"#),
        (
            "schemas of what is no object",
            "tools/list",
            r#"{"tools":[{"name":"a","outputSchema":{"type":"array"}},{"outputSchema":{"$defs":{"type":1},"type":"object"},"name":"b"},7,[{"outputSchema":1}],{"outputSchema":true}],"ttlMs":0}"#,
            r#"{"tools":[{"name":"a"},{"outputSchema":{"$defs":{"type":1},"type":"object"},"name":"b"},7,[{"outputSchema":1}],{}]}"#,
        ),
        (
            "a schema of two types",
            "tools/list",
            r#"{"tools":[{"outputSchema":{"type":["object","null"]},"name":"a"}]}"#,
            r#"{"tools":[{"name":"a"}]}"#,
        ),
        ("tools that are no list", "tools/list", r#"{"tools":{"a":1}}"#, r#"{"tools":{"a":1}}"#),
    ] {
        assert_eq!(legacy_of(modern, method), wanted, "{name}");
    }
}

#[test]
fn an_untouched_message_keeps_its_very_bytes() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"message":"no","data":{"ttlMs":1}}}"#,
    ] {
        let message = Message::parse(text.into()).unwrap();
        let place = message.text().as_ptr();
        assert_eq!(legacy(message, "tools/call").text().as_ptr(), place);
    }
}

proptest! {
    /// Any members, any of them to go: what is left is what stays, in order.
    #[test]
    fn any_choice_of_members_leaves_the_others(members in proptest::collection::vec(0..6_usize, 0..8)) {
        let all = ["\"resultType\":\"complete\"", "\"ttlMs\" :1", "\"cacheScope\":[{}]", "\"a\":{\"ttlMs\":1}", "\"b\": 2", "\"c\":\"x\""];
        let mut seen = Vec::new();
        for member in members {
            if !seen.contains(&member) {
                seen.push(member);
            }
        }
        let text: Vec<_> = seen.iter().map(|member| all[*member]).collect();
        let kept: Vec<_> = seen.iter().filter(|member| **member > 2).map(|member| all[*member]).collect();
        let left = legacy_of(&format!("{{{}}}", text.join(" , ")), "tools/list");
        let read: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(&left).unwrap();
        prop_assert_eq!(read.len(), kept.len());
        prop_assert!(kept.iter().all(|member| left.contains(member)));
    }
}

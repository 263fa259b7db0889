#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;

#[test]
fn a_clients_capabilities_in_modern_words() {
    let all = Version::V2025_11_25;
    for (version, legacy, wanted) in [
        (all, "{}", "{}"),
        (all, r#"{"roots":{"listChanged":true}}"#, r#"{"roots":{}}"#),
        (all, r#"{"sampling":{"tools":{},"context":{}}}"#, r#"{"sampling":{"tools":{},"context":{}}}"#),
        (all, r#"{"elicitation":{}}"#, r#"{"elicitation":{"form":{}}}"#),
        (all, r#"{"elicitation":{"form":{"x":1},"url":{}}}"#, r#"{"elicitation":{"form":{},"url":{}}}"#),
        (all, r#"{"elicitation":{"url":{}}}"#, r#"{"elicitation":{"url":{}}}"#),
        (Version::V2025_06_18, r#"{"elicitation":{"url":{}}}"#, r#"{"elicitation":{"form":{}}}"#),
        (Version::V2025_03_26, r#"{"elicitation":{},"sampling":{}}"#, r#"{"sampling":{}}"#),
        (
            all,
            r#"{"tasks":{"list":{}},"experimental":{"a":{"b":1.0}}}"#,
            r#"{"experimental":{"a":{"b":1.0}}}"#,
        ),
        (
            Version::V2024_11_05,
            r#"{"extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/ui":{"mimeTypes":["a"]}}}"#,
            r#"{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["a"]}}}"#,
        ),
        (all, r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#, "{}"),
        (all, r#"{"roots":true,"sampling":null,"future":{"x":[]}}"#, r#"{"future":{"x":[]}}"#),
    ] {
        assert_eq!(of_client(legacy.as_bytes(), version), wanted, "{version} {legacy}");
    }
}

#[test]
fn a_servers_capabilities_in_legacy_words() {
    let tasks =
        r#"{"tools":{"listChanged":true},"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}"#;
    for (version, modern, wanted) in [
        (
            Version::V2024_11_05,
            r#"{"tools":{},"prompts":{"listChanged":false},"resources":{"subscribe":true},"logging":{},"completions":{}}"#,
            r#"{"tools":{},"prompts":{"listChanged":false},"resources":{"subscribe":true},"logging":{}}"#,
        ),
        (Version::V2025_03_26, r#"{"completions":{}}"#, r#"{"completions":{}}"#),
        (
            Version::V2025_11_25,
            tasks,
            r#"{"tools":{"listChanged":true},"extensions":{"a/b":{}},"tasks":{"cancel":{},"requests":{"tools":{"call":{}}}}}"#,
        ),
        (Version::V2025_06_18, tasks, r#"{"tools":{"listChanged":true},"extensions":{"a/b":{}}}"#),
        (
            Version::V2025_11_25,
            r#"{"tasks":{"list":{}},"experimental":{"x":{}}}"#,
            r#"{"experimental":{"x":{}}}"#,
        ),
        (Version::V2025_11_25, r#"{"tools":true}"#, "{}"),
    ] {
        assert_eq!(of_server(modern.as_bytes(), version), wanted, "{version} {modern}");
    }
}

#[test]
fn tasks_join_the_extensions_that_are_there() {
    for (before, after) in [
        ("{}", r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#),
        (r#"{"roots":{}}"#, r#"{"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#),
        (r#"{"extensions":{"a/b":{}}}"#, r#"{"extensions":{"a/b":{},"io.modelcontextprotocol/tasks":{}}}"#),
    ] {
        assert_eq!(with_tasks(before), after);
    }
}

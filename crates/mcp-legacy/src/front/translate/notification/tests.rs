#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;

fn message(text: &str) -> Message {
    Message::parse(text.to_owned().into()).unwrap()
}

#[test]
fn the_mark_of_the_stream_is_taken_off() {
    for (modern, wanted) in [
        (r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":1},"uri":"a:b"}"#, r#"{"uri":"a:b"}"#),
        (r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}"#, "{}"),
        (
            r#"{"uri":"a:b","_meta":{"x":1,"io.modelcontextprotocol/subscriptionId":"s"}}"#,
            r#"{"uri":"a:b","_meta":{"x":1}}"#,
        ),
        (r#"{"_meta":{"x":1}}"#, r#"{"_meta":{"x":1}}"#),
        (r#"{"uri":"a:b"}"#, r#"{"uri":"a:b"}"#),
    ] {
        let text = |params| format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{params}}}"#);
        assert_eq!(unmarked(message(&text(modern))).text(), text(wanted).as_bytes(), "{modern}");
    }
    let bare = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    assert_eq!(unmarked(message(bare)).text(), bare);
}

#[test]
fn log_messages_pass_from_the_level_on_that_the_client_wants() {
    let log = |level| {
        message(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":{level},"data":1}}}}"#
        ))
    };
    for (level, wanted, passed) in [
        (r#""info""#, Some(Level::Info), true),
        (r#""debug""#, Some(Level::Info), false),
        (r#""emergency""#, Some(Level::Warning), true),
        (r#""emergency""#, None, false),
        (r#""loud""#, Some(Level::Emergency), true),
        ("1", Some(Level::Emergency), true),
        ("1", None, false),
    ] {
        assert_eq!(passes(&log(level), wanted), passed, "{level} {wanted:?}");
    }
    assert!(passes(&message(r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#), None));
}

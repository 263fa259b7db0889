#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use super::*;

fn message(result: &str) -> Message {
    Message::parse(format!(r#"{{"jsonrpc":"2.0","id":"i","result":{result}}}"#).into()).unwrap()
}

const TASK: &str =
    r#""taskId":"t","status":"working","statusMessage":"m","createdAt":"c","lastUpdatedAt":"l""#;

#[test]
fn a_new_task_moves_into_a_member_of_its_own() {
    let modern = format!(
        r#"{{"resultType":"task",{TASK},"ttlMs":60000,"pollIntervalMs":5000,"_meta":{{"a":1,"io.modelcontextprotocol/serverInfo":{{}}}}}}"#
    );
    let legacy = created(&message(&modern), &Id::from(1)).unwrap();
    let wanted = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"task":{{{TASK},"ttl":60000,"pollInterval":5000}},"_meta":{{"a":1}}}}}}"#
    );
    assert_eq!(legacy.text(), wanted.as_bytes());
    assert!(created(&message(r#"{"resultType":"task"}"#), &Id::from(1)).is_none());
}

#[test]
fn the_state_of_a_task_is_told_without_its_result() {
    let modern = format!(
        r#"{{"resultType":"complete",{TASK},"result":{{"content":[]}},"error":{{}},"inputRequests":{{}},"_meta":{{"io.modelcontextprotocol/serverInfo":{{}}}}}}"#
    );
    let legacy = state(&message(&modern), &Id::from(1)).unwrap();
    let wanted = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{TASK},"ttl":null}}}}"#);
    assert_eq!(legacy.text(), wanted.as_bytes());
}

fn read(state: &str) -> Option<Progress> {
    progress(&message(state), &Id::from(1), "t")
}

#[test]
fn a_completed_task_gives_the_result_and_says_which_task_it_was() {
    for (outcome, wanted) in [
        (
            r#"{"resultType":"complete","content":[]}"#,
            r#"{"content":[],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#,
        ),
        (
            r#"{"content":[],"_meta":{"a":1}}"#,
            r#"{"content":[],"_meta":{"a":1,"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#,
        ),
        (
            r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"x"}}}"#,
            r#"{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}"#,
        ),
    ] {
        let Some(Progress::Over(answer)) = read(&format!(r#"{{"status":"completed","result":{outcome}}}"#))
        else {
            panic!("the task is over");
        };
        assert_eq!(answer.text(), format!(r#"{{"jsonrpc":"2.0","id":1,"result":{wanted}}}"#).as_bytes());
    }
}

#[test]
fn a_failed_task_gives_its_error_byte_for_byte() {
    let Some(Progress::Over(answer)) = read(r#"{"status":"failed","error":{"code":-5,"message":"\u0041"}}"#)
    else {
        panic!("the task is over");
    };
    assert_eq!(answer.text(), r#"{"jsonrpc":"2.0","id":1,"error":{"code":-5,"message":"\u0041"}}"#);
}

#[test]
fn a_task_that_goes_on_says_when_to_ask_again() {
    let Some(Progress::Working(pause)) = read(r#"{"status":"working","pollIntervalMs":70}"#) else {
        panic!("the task goes on");
    };
    assert_eq!(pause, Some(Duration::from_millis(70)));
    assert!(matches!(read(r#"{"status":"working","pollIntervalMs":-1}"#), Some(Progress::Working(None))));
    assert!(matches!(read(r#"{"status":"cancelled"}"#), Some(Progress::Cancelled)));
    let waiting = r#"{"status":"input_required","inputRequests":{"a":{"method":"roots/list"}}}"#;
    assert!(matches!(read(waiting), Some(Progress::InputRequired(inputs, None)) if inputs.len() == 1));
}

#[test]
fn what_breaks_the_rules_is_not_read() {
    for wrong in [
        "{}",
        r#"{"status":"lost"}"#,
        r#"{"status":"completed"}"#,
        r#"{"status":"completed","result":[]}"#,
        r#"{"status":"failed","error":{}}"#,
        r#"{"status":"input_required"}"#,
    ] {
        assert!(read(wrong).is_none(), "{wrong}");
    }
}

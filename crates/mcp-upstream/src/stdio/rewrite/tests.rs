#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;

fn message(text: &str) -> Message {
    Message::parse(text.to_owned().into()).unwrap()
}

#[test]
fn a_request_goes_under_another_name_and_its_answer_comes_back_under_its_own() {
    let mut request = message(
        r#"{"jsonrpc":"2.0","id":"a\u0062","method":"tools/call","params":{"name":"x","_meta":{"progressToken": "t\u006f","k":1}}}"#,
    );
    let chosen = rename(&mut request, &Id::from(70)).unwrap();
    assert_eq!(
        request.text(),
        r#"{"jsonrpc":"2.0","id":70,"method":"tools/call","params":{"name":"x","_meta":{"progressToken": 70,"k":1}}}"#
    );
    assert_eq!(request.name(), Some("x"));

    let mut progress = message(
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":70,"progress":1.0}}"#,
    );
    chosen.restore(&mut progress).unwrap();
    assert_eq!(
        progress.text(),
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t\u006f","progress":1.0}}"#
    );

    let mut answer = message(r#"{"jsonrpc":"2.0","id":70,"result":{"progressToken":70}}"#);
    chosen.restore(&mut answer).unwrap();
    assert_eq!(answer.text(), r#"{"jsonrpc":"2.0","id":"ab","result":{"progressToken":70}}"#);
}

#[test]
fn subscriptions_get_their_id_back_in_notifications_and_in_the_answer() {
    let mut request = message(r#"{"jsonrpc":"2.0","id":0,"method":"subscriptions/listen","params":{}}"#);
    let chosen = rename(&mut request, &Id::from(9)).unwrap();
    for (from, to) in [
        (
            r#"{"jsonrpc":"2.0","method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":9}}}"#,
            r#"{"jsonrpc":"2.0","method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":0}}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":9,"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":9}}}"#,
            r#"{"jsonrpc":"2.0","id":0,"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":0}}}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":9,"error":{"code":1,"message":""}}"#,
            r#"{"jsonrpc":"2.0","id":0,"error":{"code":1,"message":""}}"#,
        ),
    ] {
        let mut message = message(from);
        chosen.restore(&mut message).unwrap();
        assert_eq!(message.text(), to.as_bytes());
    }
}

#[test]
fn progress_that_nobody_asked_for_is_not_passed_on() {
    let mut request = message(r#"{"jsonrpc":"2.0","id":0,"method":"tools/list","params":{}}"#);
    let chosen = rename(&mut request, &Id::from(9)).unwrap();
    let mut progress =
        message(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":9}}"#);
    assert!(chosen.restore(&mut progress).is_none());
}

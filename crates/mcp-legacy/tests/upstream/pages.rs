//! Servers that answer a call with pages to visit first (2025-11-25, Elicitation, "URL Elicitation Required").

use std::sync::Arc;

use crate::client::{Client, part};
use crate::server::{Peer, Server, Style, text};

const CAN: &str = r#"{"elicitation":{"url":{}}}"#;
const CALL: &str = r#""name":"a","arguments":{"b":1}"#;

const PAGE: &str = r#"{"mode":"url","elicitationId":"e1","url":"https://x.example/1","message":"Go"}"#;

/// Refuses with this error until it has been called so many times.
fn gated(error: String, calls: usize) -> Arc<Server> {
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    Server::new(Style::Streams, move |peer: Peer| {
        let (count, error) = (count.clone(), error.clone());
        async move {
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= calls {
                return peer.answer(r#"{"content":[]}"#).await;
            }
            let id = peer.id();
            peer.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)).await;
        }
    })
}

fn required(elicitations: &str) -> String {
    format!(r#"{{"code":-32042,"message":"more","data":{{"elicitations":{elicitations}}}}}"#)
}

#[tokio::test(start_paused = true)]
async fn pages_to_visit_become_questions_and_the_retry_is_a_call() {
    let server = gated(required(&format!("[{PAGE},{PAGE}]")), 2);
    let client = Client::new(&server.upstream()).can(CAN);
    let asked = client.ask("1", "tools/call", CALL).await;
    let page = r#"{"method":"elicitation/create","params":{"mode":"url","url":"https://x.example/1","message":"Go"}}"#;
    assert_eq!(
        part(&asked, &["result"]).unwrap(),
        format!(r#"{{"resultType":"input_required","inputRequests":{{"page-1":{page},"page-2":{page}}}}}"#)
    );

    // Not done yet, so they are asked for again; then the call goes through.
    let accepted = format!(
        r#"{CALL},"inputResponses":{{"page-1":{{"action":"accept"}},"page-2":{{"action":"accept"}}}}"#
    );
    let again = client.ask("2", "tools/call", &accepted).await;
    assert_eq!(again.result_type(), Some("input_required"));
    let done = client.ask("3", "tools/call", &accepted).await;
    assert_eq!(done.result_type(), Some("complete"), "{}", text(&done));
    assert_eq!(server.count("tools/call"), 3);
    assert_eq!(part(&server.heard("tools/call")[2], &["params", "inputResponses"]), None);
    assert_eq!(server.count("notifications/cancelled"), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_want_to_visit_gets_the_error() {
    for action in ["decline", "cancel"] {
        let server = gated(required(&format!("[{PAGE}]")), 9);
        let client = Client::new(&server.upstream()).can(CAN);
        let declined = format!(r#"{CALL},"inputResponses":{{"page-1":{{"action":"{action}"}}}}"#);
        assert_eq!(client.ask("1", "tools/call", &declined).await.error_code(), Some(-32042));
    }
}

#[tokio::test(start_paused = true)]
async fn all_else_passes_as_the_error_that_it_is() {
    let form = r#"{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{}}}"#;
    let many = format!("[{}]", vec![PAGE; 33].join(","));
    let page = format!("[{PAGE}]");
    for (error, can, method) in [
        (required(&page), r#"{"elicitation":{"form":{}}}"#, "tools/call"),
        (required(&page), "{}", "tools/call"),
        (required(&page), CAN, "tools/list"),
        (required(&format!("[{PAGE},{form}]")), r#"{"elicitation":{"form":{},"url":{}}}"#, "tools/call"),
        (required("[]"), CAN, "tools/call"),
        (required("{}"), CAN, "tools/call"),
        (required("[1]"), CAN, "tools/call"),
        (required(&many), CAN, "tools/call"),
        (r#"{"code":-32042,"message":"more"}"#.into(), CAN, "tools/call"),
        (r#"{"code":-32042,"message":"more","data":7}"#.into(), CAN, "tools/call"),
        (required(&page).replace("-32042", "-32043"), CAN, "tools/call"),
    ] {
        let client = Client::new(&gated(error.clone(), 9).upstream()).can(can);
        let answer = client.ask("1", method, CALL).await;
        assert!(matches!(answer.error_code(), Some(-32042 | -32043)), "{error} {can}");
        assert_eq!(part(&answer, &["error"]).unwrap(), error);
    }
}

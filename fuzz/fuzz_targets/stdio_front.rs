//! Whatever lines come in, lines of JSON go out, each a message or an array of them, and the end of the input is the end.
#![no_main]

use std::cell::RefCell;

use bytes::Bytes;
use futures_util::stream;
use libfuzzer_sys::fuzz_target;
use portcullis_core::json;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Fragment, Message, Reply};
use portcullis_mcp_legacy::front::Limits;
use portcullis_mcp_legacy::front::stdio::{self, Settings};
use tokio::runtime::Runtime;

/// A server that answers as the name of the tool says.
async fn answer(call: Call) -> Result<Reply, Failure> {
    let Some(id) = call.id() else { return Ok(Reply::accepted()) };
    let fragment = |text: &'static str| Fragment::parse(text).expect("an object");
    let discovered = r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}"#;
    let asks = r#"{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}}"#;
    let end = Message::from_result(id, &fragment("{\"resultType\":\"complete\",\r\n\"content\":[]}"));
    let note = Message::from_notification("notifications/progress", &fragment(r#"{"progressToken":1}"#));
    Ok(match (call.method(), call.name()) {
        ("server/discover", _) => Reply::result(id, &fragment(discovered)),
        ("subscriptions/listen", _) => Reply::stream(stream::pending()),
        (_, Some("stream")) => Reply::stream(stream::iter([Ok(note), Ok(end)])),
        (_, Some("ask")) => Reply::result(id, &fragment(asks)),
        (_, Some("hang")) => Reply::stream(stream::pending()),
        (_, Some("fail")) => return Err(Failure::new(FailureKind::Unreachable)),
        _ => Reply::message(end),
    })
}

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime"),
    );
}

fuzz_target!(|data: &[u8]| {
    let mut limits = Limits::default();
    (limits.rounds, limits.requests) = (2, 4);
    let settings = Settings::new().limits(limits).max_line(1024).max_waiting(8).max_calls(2).max_batch(4);
    let mut said = Vec::new();
    RUNTIME.with_borrow(|runtime| {
        let served = stdio::serve(tower::service_fn(answer), settings, data, &mut said);
        runtime.block_on(served).expect("memory can be read and written");
    });
    if said.is_empty() {
        return;
    }
    assert_eq!(said.last(), Some(&b'\n'), "the last line is whole");
    for line in said.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert!(!line.contains(&b'\r'), "a line end inside a message");
        let line = Bytes::copy_from_slice(line);
        if line.first() == Some(&b'[') {
            for message in json::elements(&line) {
                Message::parse(line.slice(message.expect("JSON").range())).expect("a message");
            }
        } else {
            Message::parse(line).expect("a message");
        }
    }
});

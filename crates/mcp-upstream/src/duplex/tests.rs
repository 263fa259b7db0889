#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;

use super::*;

fn message(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn request(id: i64, method: &str) -> Message {
    Message::from_request(&Id::from(id), method, &Fragment::empty())
}

fn answer(id: i64) -> Message {
    Message::from_result(&Id::from(id), &Fragment::empty())
}

fn progress(id: i64) -> Message {
    message(&format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{id}}}}}"#
    ))
}

fn small() -> Duplex {
    Duplex::new(Limits { exchanges: 3, messages: 2, bytes: 100, total: 150 })
}

fn deliver(duplex: &Duplex, message: Message) {
    assert!(duplex.deliver(message).is_empty(), "nothing to send in return");
}

/// The next item, which must be there already.
fn now<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    match pin!(stream.next()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(item) => item,
        Poll::Pending => panic!("pending"),
    }
}

fn is_pending<S: Stream + Unpin>(stream: &mut S) -> bool {
    pin!(stream.next()).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

fn text<S: Stream<Item = Result<Message, ChannelError>> + Unpin>(stream: &mut S) -> String {
    String::from_utf8(now(stream).unwrap().unwrap().text().to_vec()).unwrap()
}

fn failure<S: Stream<Item = Result<Message, ChannelError>> + Unpin>(stream: &mut S) -> (bool, FailureKind) {
    match now(stream).unwrap().unwrap_err() {
        ChannelError::Failed(failure) => (false, failure.kind()),
        ChannelError::Broken(failure) => (true, failure.kind()),
        other => panic!("{other}"),
    }
}

#[test]
fn answers_and_progress_find_their_request_in_any_order() {
    let duplex = Duplex::new(Limits::default());
    let mut one = duplex.expect(&request(1, "tools/call")).unwrap();
    let mut two = duplex.expect(&request(2, "tools/call")).unwrap();
    for message in [progress(2), answer(2), progress(1), answer(1)] {
        deliver(&duplex, message);
    }
    assert!(text(&mut one).contains(r#""progressToken":1"#));
    assert!(text(&mut one).contains(r#""id":1"#));
    assert!(text(&mut two).contains(r#""progressToken":2"#));
    assert!(text(&mut two).contains(r#""id":2"#));
    assert!(now(&mut one).is_none() && now(&mut two).is_none());
    assert_eq!(duplex.under_way(), 0);
}

#[test]
fn a_number_and_the_same_digits_are_two_ids() {
    let duplex = Duplex::new(Limits::default());
    let mut number = duplex.expect(&request(1, "tools/call")).unwrap();
    deliver(&duplex, Message::from_result(&Id::from("1"), &Fragment::empty()));
    assert!(is_pending(&mut number));
}

#[test]
fn what_belongs_to_no_request_is_kept_for_the_listener() {
    let duplex = Duplex::new(Limits::default());
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#,
    ] {
        deliver(&duplex, message(text));
    }
    // A legacy server may cancel a request of its own whose id is one of ours too.
    let mut call = duplex.expect(&request(7, "tools/call")).unwrap();
    let mut listener = duplex.listen();
    for method in ["roots/list", "notifications/message", "notifications/cancelled", "notifications/x"] {
        assert!(text(&mut listener).contains(method));
    }
    assert!(is_pending(&mut listener) && is_pending(&mut call));
}

#[test]
fn an_answer_to_nobody_is_dropped() {
    let duplex = Duplex::new(Limits::default());
    for message in
        [answer(9), progress(9), message(r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"?"}}"#)]
    {
        deliver(&duplex, message);
    }
    assert!(is_pending(&mut duplex.listen()));
}

#[test]
fn subscriptions_hear_what_names_them_until_they_are_cancelled() {
    let duplex = Duplex::new(Limits::default());
    let mut stream = duplex.expect(&request(4, "subscriptions/listen")).unwrap();
    deliver(
        &duplex,
        message(
            r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":4}}}"#,
        ),
    );
    deliver(
        &duplex,
        message(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}"#),
    );
    assert!(text(&mut stream).contains("list_changed"));
    assert_eq!(failure(&mut stream), (false, FailureKind::Close));
    assert!(now(&mut stream).is_none());
}

#[test]
fn a_slow_reader_loses_progress_first_and_its_request_then() {
    let duplex = small();
    let mut slow = duplex.expect(&request(1, "subscriptions/listen")).unwrap();
    let mut other = duplex.expect(&request(2, "tools/call")).unwrap();
    for _ in 0..1000 {
        deliver(&duplex, progress(1));
    }
    let back = duplex.deliver(answer(1));
    assert_eq!(back.len(), 1);
    assert!(back[0].method() == Some("notifications/cancelled") && back[0].params().is_some());
    deliver(&duplex, answer(2));
    assert!(text(&mut other).contains(r#""id":2"#));
    assert_eq!(failure(&mut slow), (false, FailureKind::Overload));
    assert_eq!(duplex.shared.lock().held, 0);
}

#[test]
fn where_all_hold_too_much_the_one_that_holds_most_gives_way() {
    let duplex = small();
    let padded = |id: i64, bytes: usize| {
        message(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"a":"{}"}}}}"#, "x".repeat(bytes)))
    };
    let mut large = duplex.expect(&request(1, "tools/call")).unwrap();
    let mut less = duplex.expect(&request(2, "tools/call")).unwrap();
    deliver(&duplex, padded(1, 60));
    // The first was answered already, so there is nothing to cancel.
    deliver(&duplex, padded(2, 40));
    assert_eq!(failure(&mut large), (false, FailureKind::Overload));
    assert!(text(&mut less).contains(r#""id":2"#));
    assert_eq!(duplex.shared.lock().held, 0);
}

#[test]
fn an_unread_listener_refuses_requests_and_loses_notifications() {
    let duplex = small();
    for _ in 0..3 {
        deliver(&duplex, message(r#"{"jsonrpc":"2.0","method":"notifications/a"}"#));
    }
    let back = duplex.deliver(message(r#"{"jsonrpc":"2.0","id":"s","method":"ping"}"#));
    assert_eq!(back[0].id(), Some(&Id::from("s")));
    let mut listener = duplex.listen();
    assert!(
        text(&mut listener).contains("notifications/a") && text(&mut listener).contains("notifications/a")
    );
    assert!(is_pending(&mut listener));
}

#[test]
fn requests_are_bounded_and_their_ids_unique() {
    let duplex = small();
    let _open: Vec<_> = (0..2).map(|id| duplex.expect(&request(id, "a")).unwrap()).collect();
    assert!(matches!(duplex.expect(&request(1, "a")), Err(ChannelError::Failed(_))));
    let third = duplex.expect(&request(2, "a")).unwrap();
    let error = duplex.expect(&request(3, "a")).unwrap_err();
    assert!(matches!(error, ChannelError::Failed(failure) if failure.kind() == FailureKind::Overload));
    drop(third);
    assert!(duplex.expect(&request(3, "a")).is_ok());
}

#[test]
fn a_broken_channel_gives_what_it_holds_and_fails_all() {
    let duplex = Duplex::new(Limits::default());
    let mut heard = duplex.expect(&request(1, "a")).unwrap();
    let mut lost = duplex.expect(&request(2, "a")).unwrap();
    let mut listener = duplex.listen();
    deliver(&duplex, progress(1));
    duplex.shut(Cause::new(FailureKind::Close, "the process is gone"));
    duplex.shut(Cause::new(FailureKind::Timeout, "too late to matter"));
    assert!(text(&mut heard).contains("progress"));
    for stream in [&mut heard, &mut lost] {
        assert_eq!(failure(stream), (true, FailureKind::Close));
        assert!(now(stream).is_none());
    }
    assert_eq!(failure(&mut listener), (true, FailureKind::Close));
    assert!(now(&mut listener).is_none());
    assert!(matches!(duplex.expect(&request(3, "a")), Err(ChannelError::Broken(_))));
}

#[tokio::test]
async fn a_waiting_reader_is_woken() {
    let duplex = Duplex::new(Limits::default());
    let mut call = duplex.expect(&request(1, "a")).unwrap();
    let mut listener = duplex.listen();
    let waiting = tokio::spawn(async move { (call.next().await, listener.next().await) });
    tokio::task::yield_now().await;
    deliver(&duplex, answer(1));
    tokio::task::yield_now().await;
    duplex.shut(Cause::new(FailureKind::Close, "over"));
    let (answer, end) = waiting.await.unwrap();
    assert!(answer.unwrap().unwrap().is_answer());
    assert!(end.unwrap().is_err());
}

#[test]
fn what_names_no_request_can_be_given_to_one_before_its_answer() {
    let duplex = Duplex::new(Limits::default());
    deliver(&duplex, message(r#"{"jsonrpc":"2.0","method":"notifications/before"}"#));
    duplex.foster(|message| (message.method() == Some("notifications/message")).then(|| Id::from(1)));
    let mut call = duplex.expect(&request(1, "tools/call")).unwrap();
    for text in [
        r#"{"jsonrpc":"2.0","method":"notifications/message"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/other"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#,
    ] {
        deliver(&duplex, message(text));
    }
    deliver(&duplex, answer(1));
    assert!(text(&mut call).contains("notifications/message"));
    assert!(text(&mut call).contains(r#""id":1"#));
    assert!(is_pending(&mut duplex.listen()));
}

//! What cannot be seen from outside; the rest is in `tests/decode`.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http_body::Body;

use super::events::Events;
use super::rejection::Rejection;
use crate::{Call, Fragment, Id, Message, Reply, code};

fn note() -> Message {
    Message::from_notification("notifications/progress", &Fragment::empty())
}

fn events(first: Option<Message>, messages: Vec<Message>) -> Events {
    let call = Call::new(Message::from_request(&Id::from(1), "tools/call", &Fragment::empty()));
    let reply = Reply::stream(stream::iter(messages.into_iter().map(Ok)));
    Events::new(first, reply, call.reply_to("test"), Duration::from_secs(15))
}

fn poll(events: &mut Events) -> Poll<Option<Bytes>> {
    let polled = Pin::new(events).poll_frame(&mut Context::from_waker(Waker::noop()));
    polled.map(|frame| frame.map(|frame| frame.unwrap().into_data().unwrap()))
}

/// hyper closes a stream without asking again once it says that it has ended, so it must not say so too early.
#[tokio::test(start_paused = true)]
async fn the_end_is_known_with_the_last_frame_and_not_before() {
    let answer = Message::from_result(&Id::from(1), &Fragment::empty());
    let mut small = events(Some(note()), vec![answer]);
    assert!(!small.is_end_stream());
    assert!(poll(&mut small).is_ready());
    assert!(small.is_end_stream());
    assert_eq!(poll(&mut small), Poll::Ready(None));

    let text = format!(r#"{{"text":"{}"}}"#, "x".repeat(100_000));
    let large = Message::from_result(&Id::from(1), &Fragment::parse(text).unwrap());
    let mut large = events(Some(note()), vec![large]);
    for left in (0..4).rev() {
        assert!(!large.is_end_stream());
        assert!(matches!(poll(&mut large), Poll::Ready(Some(_))), "{left} are left");
    }
    assert!(large.is_end_stream());
}

/// A stream without an end has no size, and a wrong one would cut it off.
#[tokio::test(start_paused = true)]
async fn no_size_is_promised() {
    let events = events(None, vec![]);
    assert_eq!((events.size_hint().lower(), events.size_hint().upper()), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_opened_for_its_own_sake_starts_with_a_comment() {
    let mut opened = events(None, vec![note()]);
    let Poll::Ready(Some(frame)) = poll(&mut opened) else { panic!("there is something to write") };
    assert!(frame.starts_with(b":\n\n"), "{frame:?}");
}

#[test]
fn rejections_have_codes_that_fit_their_status() {
    for (status, code) in [
        (StatusCode::FORBIDDEN, code::FORBIDDEN),
        (StatusCode::PAYLOAD_TOO_LARGE, code::OVERSIZE),
        (StatusCode::REQUEST_TIMEOUT, code::TIMED_OUT),
        (StatusCode::NOT_ACCEPTABLE, code::INVALID_REQUEST),
        (StatusCode::METHOD_NOT_ALLOWED, code::INVALID_REQUEST),
    ] {
        let response = Rejection::new(status, "No.").into_response();
        assert_eq!(response.status(), status);
        let Poll::Ready(Some(Ok(frame))) =
            Pin::new(&mut response.into_body()).poll_frame(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("{status} has no body")
        };
        assert_eq!(Message::parse(frame.into_data().unwrap()).unwrap().error_code(), Some(code), "{status}");
    }
}

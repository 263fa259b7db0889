//! Event streams: when something is written, in how many pieces, and what ends them.

use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, header as names};
use http_body::Body as _;
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::{DecodeLayer, FailureKind, Fragment, Id, Message, Reply, code};
use portcullis_testkit::{Act, Ask, Scripted, read};
use tokio::time::Instant;
use tower::Layer;

use super::{decoded, is_pending, send};

const RESULT: &str = r#"{"resultType":"complete"}"#;

async fn body_of(act: Act) -> Body {
    let response = send(&decoded(act), Ask::tool("echo").http()).await;
    assert_eq!(response.headers()[names::CONTENT_TYPE], "text/event-stream");
    response.into_body()
}

/// The next frame, and how long it took.
async fn next(body: &mut Body) -> (Option<Bytes>, Duration) {
    let start = Instant::now();
    let frame = http_body_util::BodyExt::frame(body).await;
    (frame.map(|frame| frame.unwrap().into_data().unwrap()), start.elapsed())
}

/// A stream that goes from message to message without ever being pending.
fn ready(messages: Vec<Message>) -> Act {
    Act::with(move |_| Ok(Reply::stream(futures_util::stream::iter(messages.clone().into_iter().map(Ok)))))
}

fn notification(size: usize) -> Message {
    let params = Fragment::parse(format!(r#"{{"text":"{}"}}"#, "x".repeat(size))).unwrap();
    Message::from_notification("notifications/message", &params)
}

#[tokio::test(start_paused = true)]
async fn notifications_first_make_an_event_stream() {
    let act = Act::stream().notify(r#"{"progress":1}"#).then_result(RESULT);
    let response = send(&decoded(act), Ask::tool("echo").id("x").http()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[names::CONTENT_TYPE], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    assert_eq!(response.headers()[names::CACHE_CONTROL], "no-cache, no-transform");
    assert!(!response.headers().contains_key(names::CONTENT_LENGTH));
    let (_, body) = read::response(response).await;
    let messages = read::events(&body);
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].params(), Some(&br#"{"progress":1}"#[..]));
    assert_eq!(messages[1].id(), Some(&Id::from("x")));
}

#[tokio::test(start_paused = true)]
async fn what_is_there_at_once_leaves_as_one_frame() {
    for (name, act) in [
        ("ready", Act::stream().notify("{}").notify("{}").notify("{}").then_result(RESULT)),
        (
            "a turn apart",
            Act::stream().notify("{}").pending().notify("{}").pending().notify("{}").then_result(RESULT),
        ),
    ] {
        let frames = read::frames(body_of(act).await).await;
        assert_eq!(frames.len(), 1, "{name}");
        assert_eq!(read::events(&frames[0]).len(), 4, "{name}");
    }
}

/// Gathering is a yield, not a delay.
#[tokio::test(start_paused = true)]
async fn a_message_alone_leaves_without_any_time_passing() {
    let mut body = body_of(Act::stream().notify("{}").then_hang()).await;
    let (frame, took) = next(&mut body).await;
    assert_eq!(read::events(&frame.unwrap()).len(), 1);
    assert_eq!(took, Duration::ZERO);
    assert!(read::poll_frame(&mut body).is_pending());
}

/// Two turns without a message are the end of gathering, however many times the reader is woken.
#[tokio::test(start_paused = true)]
async fn gathering_takes_one_turn() {
    let mut body =
        body_of(Act::stream().notify("{}").pending().pending().pending().notify("{}").then_hang()).await;
    assert!(read::poll_frame(&mut body).is_pending(), "one turn to see whether there is more");
    let Poll::Ready(Some(frame)) = read::poll_frame(&mut body) else { panic!("a turn brought nothing") };
    assert_eq!(read::events(&frame).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn gathered_bytes_are_bounded() {
    let messages: Vec<_> = std::iter::repeat_with(|| notification(10_000)).take(100).collect();
    let end = Message::from_result(&Id::from(1), &Fragment::empty());
    let frames = read::frames(body_of(ready([messages, vec![end]].concat())).await).await;
    assert!(frames.iter().all(|frame| frame.len() <= 80 * 1024), "{:?}", frames.iter().map(Bytes::len));
    assert_eq!(read::events(&frames.concat().into()).len(), 101);
}

/// A server that always has more must not keep the first message from leaving.
#[tokio::test(start_paused = true)]
async fn an_endless_stream_is_written_as_it_comes() {
    let act = Act::with(|_| {
        let mut left = 1_000_000_u32;
        Ok(Reply::stream(futures_util::stream::repeat_with(move || {
            left = left.checked_sub(1).expect("the stream is written before it ends");
            Ok(notification(10))
        })))
    });
    let mut body = body_of(act).await;
    for _ in 0..100 {
        let (frame, took) = next(&mut body).await;
        assert!(frame.unwrap().len() <= 80 * 1024);
        assert_eq!(took, Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn large_messages_are_written_without_copying() {
    let large = notification(1 << 20);
    let answer = Message::from_result(
        &Id::from(1),
        &Fragment::parse(format!(r#"{{"x":"{}"}}"#, "y".repeat(1 << 20))).unwrap(),
    );
    let frames =
        read::frames(body_of(ready(vec![notification(3), large.clone(), answer.clone()])).await).await;
    for message in [&large, &answer] {
        let shared =
            |frame: &&Bytes| frame.as_ptr() == message.text().as_ptr() && frame.len() == message.text().len();
        assert_eq!(frames.iter().filter(shared).count(), 1);
    }
    let events = read::events(&frames.concat().into());
    assert_eq!(events.len(), 3, "in order: {:?}", frames.iter().map(Bytes::len).collect::<Vec<_>>());
    assert_eq!(events[1].text(), large.text());

    let lone = send(&decoded(ready(vec![answer.clone()])), Ask::tool("echo").http()).await;
    assert_eq!(read::frames(lone.into_body()).await[0].as_ptr(), answer.text().as_ptr(), "as JSON too");
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_is_kept_alive() {
    let act =
        Act::stream().notify("{}").wait(Duration::from_secs(40)).notify("{}").wait(Duration::from_secs(20));
    let mut body = body_of(act.then_result(RESULT)).await;
    let secs = Duration::from_secs;
    assert_eq!(next(&mut body).await.1, secs(0));
    assert_eq!(next(&mut body).await, (Some(Bytes::from(":\n\n")), secs(15)));
    assert_eq!(next(&mut body).await, (Some(Bytes::from(":\n\n")), secs(15)));
    let (message, took) = next(&mut body).await;
    assert_eq!((read::events(&message.unwrap()).len(), took), (1, secs(10)));
    assert_eq!(
        next(&mut body).await,
        (Some(Bytes::from(":\n\n")), secs(15)),
        "counted from the last message"
    );
    assert_eq!(next(&mut body).await.1, secs(5));
    assert!(body.is_end_stream());
    assert_eq!(next(&mut body).await.0, None);
}

#[tokio::test(start_paused = true)]
async fn the_silence_is_configurable() {
    let inner = Scripted::always(Act::stream().notify("{}").then_hang());
    let service = DecodeLayer::new().keep_alive(Duration::from_secs(2)).layer(inner);
    let mut body = send(&service, Ask::tool("echo").http()).await.into_body();
    next(&mut body).await;
    for _ in 0..1_000 {
        assert_eq!(next(&mut body).await, (Some(Bytes::from(":\n\n")), Duration::from_secs(2)));
    }
}

/// Only an event stream can be kept alive, so a wait that gets long decides for one.
#[tokio::test(start_paused = true)]
async fn a_slow_first_message_commits_to_an_event_stream() {
    let start = Instant::now();
    let mut body = body_of(Act::stream().wait(Duration::from_secs(40)).then_result(RESULT)).await;
    assert_eq!(start.elapsed(), Duration::from_secs(15), "the head is sent");
    assert_eq!(next(&mut body).await, (Some(Bytes::from(":\n\n")), Duration::ZERO));
    assert_eq!(next(&mut body).await.0, Some(Bytes::from(":\n\n")));
    let (frame, _) = next(&mut body).await;
    assert_eq!(read::events(&frame.unwrap())[0].result(), Some(RESULT.as_bytes()));
    assert_eq!(start.elapsed(), Duration::from_secs(40));
    assert_eq!(next(&mut body).await.0, None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_ends_with_an_error_for_the_caller() {
    for (name, act, code) in [
        ("breaks off", Act::stream().notify("{}").pending().then_fail(FailureKind::Close), code::BAD_ANSWER),
        (
            "times out",
            Act::stream().notify("{}").wait(Duration::from_secs(60)).then_fail(FailureKind::Timeout),
            code::TIMED_OUT,
        ),
        ("ends without an answer", Act::stream().notify("{}"), code::BAD_ANSWER),
        (
            "ends late without an answer",
            Act::stream().notify("{}").wait(Duration::from_secs(60)),
            code::BAD_ANSWER,
        ),
        ("has no first message for long", Act::stream().wait(Duration::from_secs(60)), code::BAD_ANSWER),
    ] {
        let response = send(&decoded(act), Ask::tool("echo").id("x").http()).await;
        assert_eq!(response.headers()[names::CONTENT_TYPE], "text/event-stream", "{name}");
        let messages = read::events(&read::response(response).await.1);
        let last = messages.last().unwrap();
        assert_eq!((last.error_code(), last.id()), (Some(code), Some(&Id::from("x"))), "{name}");
        assert_eq!(messages.iter().filter(|message| message.is_answer()).count(), 1, "{name}");
    }
}

/// After the answer there is nothing to wait for, though the server may hold its side open.
#[tokio::test(start_paused = true)]
async fn the_answer_ends_the_stream() {
    let inner = Scripted::always(Act::stream().notify("{}").then_result(RESULT).notify("{}").then_hang());
    let probe = inner.probe();
    let response = send(&DecodeLayer::new().layer(inner), Ask::tool("echo").http()).await;
    let start = Instant::now();
    let messages = read::events(&read::response(response).await.1);
    assert_eq!(messages.len(), 2);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(probe.streams().live(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_response_drops_the_reply() {
    for read_first in [false, true] {
        let inner = Scripted::always(Act::stream().notify("{}").then_hang());
        let probe = inner.probe();
        let response = send(&DecodeLayer::new().layer(inner), Ask::tool("echo").http()).await;
        let mut body = response.into_body();
        if read_first {
            next(&mut body).await;
        }
        assert_eq!(probe.streams().live(), 1);
        drop(body);
        assert_eq!((probe.streams().live(), probe.streams().dropped()), (0, 1));
    }
}

/// Whoever closes the connection before the first message has cancelled too.
#[tokio::test(start_paused = true)]
async fn dropping_the_wait_for_the_first_message_drops_the_reply() {
    let inner = Scripted::always(Act::stream().then_hang());
    let probe = inner.probe();
    let service = DecodeLayer::new().layer(inner);
    let mut future = Box::pin(send(&service, Ask::tool("echo").http()));
    assert!(is_pending(future.as_mut()));
    assert_eq!(probe.streams().live(), 1);
    drop(future);
    assert_eq!(probe.streams().dropped(), 1);
}

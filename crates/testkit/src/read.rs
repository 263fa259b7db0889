//! Reading what came back, to its end or one step at a time.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::StreamExt;
use http::Response;
use http::response::Parts;
use http_body::Body;
use http_body_util::BodyExt;
use portcullis_mcp_jsonrpc::sse::{Decoder, Ending};
use portcullis_mcp_jsonrpc::{Failure, Message, Reply};

/// All messages of a reply that must not fail.
pub async fn reply(reply: Reply) -> Vec<Message> {
    let (messages, failure) = outcome(reply).await;
    assert!(failure.is_none(), "the reply broke off: {failure:?}");
    messages
}

/// All messages of a reply, and the failure it ended with if it did.
pub async fn outcome(mut reply: Reply) -> (Vec<Message>, Option<Failure>) {
    let mut messages = Vec::new();
    while let Some(item) = reply.next().await {
        match item {
            Ok(message) => messages.push(message),
            Err(failure) => return (messages, Some(failure)),
        }
    }
    (messages, None)
}

/// A response, its body read to the end.
pub async fn response<B>(response: Response<B>) -> (Parts, Bytes)
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (head, body) = response.into_parts();
    (head, frames(body).await.concat().into())
}

/// A response whose body is one JSON-RPC message.
pub async fn message<B>(answer: Response<B>) -> (Parts, Message)
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (head, body) = response(answer).await;
    (head, Message::parse(body).expect("the body is a message"))
}

/// The body of an event stream as the messages it carries. Comments carry none.
#[must_use]
pub fn events(body: &Bytes) -> Vec<Message> {
    let mut decoder = Decoder::new();
    decoder.push(body.clone());
    let mut messages = Vec::new();
    while let Some(event) = decoder.next().expect("events are within their limit") {
        messages.push(Message::parse(event.data).expect("each event carries a message"));
    }
    assert_eq!(decoder.finish(), Ending::Clean, "the stream ends after a whole event");
    messages
}

/// How many frames a body may have. One that has more has no end, and a test that hangs tells nothing.
const MAX_FRAMES: usize = 100_000;

/// The frames of a body, as they were written.
pub async fn frames<B>(body: B) -> Vec<Bytes>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let mut body = pin!(body);
    let mut frames = Vec::new();
    while let Some(frame) = body.frame().await {
        frames.extend(frame.expect("the body is whole").into_data());
        assert!(frames.len() < MAX_FRAMES, "the body has no end");
    }
    frames
}

/// What a body has ready at this very moment; pending if it has nothing.
pub fn poll_frame<B>(body: &mut B) -> Poll<Option<Bytes>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Debug,
{
    let polled = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
    polled.map(|frame| frame.map(|frame| frame.expect("the body is whole").into_data().unwrap_or_default()))
}

//! From an HTTP response to a reply.

use std::ops::Range;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::{Response, StatusCode, header as names};
use http_body::Body as HttpBody;
use portcullis_core::{BoxError, Verdict, json};

use super::layer::Settings;
use crate::collect::{Uncollected, collect};
use crate::{Failure, FailureKind, Id, Message, Reply, ReplyTo, header, sse};

pub(super) async fn to_reply<B>(
    response: Response<B>,
    to: ReplyTo,
    settings: &Settings,
) -> Result<Reply, Failure>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (mut head, body) = response.into_parts();
    let content_type = head.headers.get(names::CONTENT_TYPE);
    let mut reply = match head.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(unusable(head.status)),
        status if to.id().is_none() && status.is_success() => Reply::accepted(),
        StatusCode::OK if content_type.is_some_and(header::is_event_stream) => {
            Reply::stream(Events { body: Box::pin(body), decoder: decoder(settings), to, over: false })
        }
        status if content_type.is_some_and(header::is_json) => {
            let text = collect(pin!(body), settings.max_answer).await.map_err(|error| match error {
                Uncollected::Oversize => Failure::new(FailureKind::Oversize),
                Uncollected::Broken(error) => closed(error),
            })?;
            let message = match Message::parse(text) {
                Ok(message) => message,
                // A proxy or a framework on the way may answer an error of HTTP with JSON of its own.
                Err(_) if !status.is_success() => return Err(unusable(status)),
                Err(error) => return Err(garbage(error)),
            };
            let reply = Reply::message(addressed(message, &to)?);
            match status {
                StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => reply.with_status(status),
                _ => reply,
            }
        }
        status => return Err(unusable(status)),
    };
    // A status of the reply is what was decided above, not what a service in the same process may have left.
    head.extensions.remove::<StatusCode>();
    reply.extensions_mut().extend(head.extensions);
    Ok(reply)
}

/// A response that holds no message. Its body is not quoted: it may be anything, of any size.
fn unusable(status: StatusCode) -> Failure {
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FailureKind::Reject,
        StatusCode::TOO_MANY_REQUESTS => FailureKind::Overload,
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => FailureKind::Timeout,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => FailureKind::Unreachable,
        _ => FailureKind::Garbage,
    };
    Failure::new(kind).with_source(format!("HTTP status {status}"))
}

fn garbage(error: impl Into<BoxError>) -> Failure {
    Failure::new(FailureKind::Garbage).with_source(error)
}

/// Lets an answer pass if it answers this call.
fn addressed(message: Message, to: &ReplyTo) -> Result<Message, Failure> {
    match (message.id(), to.id()) {
        (Some(id), Some(wanted)) if id == wanted && message.is_answer() => Ok(message),
        // The server could not read the id, or did not say it; there is only one that it can mean.
        (None, Some(wanted)) if message.is_answer() => with_id(message, wanted),
        (None, None) if message.is_answer() => Ok(message),
        _ => Err(garbage("the message does not answer this call")),
    }
}

fn with_id(message: Message, id: &Id) -> Result<Message, Failure> {
    let text = message.into_text();
    // An `id` of `null` may stand there already.
    let null = json::find(&text, &["id"]).map_err(garbage)?;
    let id = id.to_json();
    let mut splice = json::Splice::new(&text);
    match null {
        Some(range) => splice.replace(range, &id),
        None => splice.insert_member(object(&text), "id", &id),
    };
    let text = splice.finish().map_err(garbage)?;
    Message::parse(text).map_err(garbage)
}

/// Where the message is, without the whitespace around it.
fn object(text: &[u8]) -> Range<usize> {
    let start = text.len() - text.trim_ascii_start().len();
    start..start + text.trim_ascii().len()
}

fn decoder(settings: &Settings) -> sse::Decoder {
    sse::Decoder::new().max_event(settings.max_event)
}

/// The messages of an event stream, up to the answer.
struct Events<B> {
    body: Pin<Box<B>>,
    decoder: sse::Decoder,
    to: ReplyTo,
    over: bool,
}

impl<B> Events<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Failure>> {
        loop {
            while let Some(event) = self.decoder.next().map_err(oversize)? {
                // Servers of earlier revisions open a stream with an empty event to hand out its id.
                if event.data.is_empty() {
                    continue;
                }
                let message = Message::parse(event.data).map_err(garbage)?;
                match message.kind() {
                    crate::Kind::Notification => return Poll::Ready(Ok(message)),
                    crate::Kind::Result | crate::Kind::Error => {
                        return Poll::Ready(addressed(message, &self.to));
                    }
                    // Streamable HTTP, "Receiving Messages": a server must not send requests here. Nobody could
                    // answer it, so nobody gets to see it.
                    crate::Kind::Request => {
                        self.to.record(Verdict::Note("a request from the server was left out".into()));
                    }
                }
            }
            match ready!(self.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.decoder.push(data);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(closed(error.into()))),
                None => return Poll::Ready(Err(closed("the stream ended without an answer".into()))),
            }
        }
    }
}

fn oversize(error: sse::SseError) -> Failure {
    Failure::new(FailureKind::Oversize).with_source(error)
}

/// A body that broke off. One that knows a better word than that for what happened has said so with a failure.
fn closed(error: BoxError) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) => *failure,
        Err(error) => Failure::new(FailureKind::Close).with_source(error),
    }
}

impl<B> Stream for Events<B>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Item = Result<Message, Failure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let item = ready!(this.poll_message(cx));
        this.over = !matches!(&item, Ok(message) if !message.is_answer());
        Poll::Ready(Some(item))
    }
}

//! From a reply to an HTTP response: JSON where there is one message, an event stream where there are more.

use std::future::poll_fn;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use portcullis_core::Body;

use super::events::Events;
use crate::{Failure, FailureKind, Message, Reply, ReplyTo, code};

/// Waits for the first message, because it decides on the form. A wait that gets long decides for an event stream: only
/// that one can be kept alive.
pub(super) async fn respond(mut reply: Reply, to: ReplyTo, keep_alive: Duration) -> Response<Body> {
    let extensions = std::mem::take(reply.extensions_mut());
    let status = extensions.get::<StatusCode>().copied();
    let first = match reply.is_empty() {
        true => Ok(None),
        false => tokio::time::timeout(keep_alive, poll_fn(|cx| reply.poll_message(cx))).await,
    };
    let mut response = match first {
        Ok(Some(Ok(message))) if message.is_answer() => json(&message, status),
        Ok(Some(Ok(message))) => event_stream(Events::new(Some(message), reply, to, keep_alive)),
        Ok(Some(Err(failure))) => json(&to.failure(&failure), status),
        Ok(None) if to.id().is_none() => accepted(),
        Ok(None) => json(&to.failure(&Failure::new(FailureKind::Close)), status),
        Err(_) => event_stream(Events::new(None, reply, to, keep_alive)),
    };
    if let Some(more) = extensions.get::<HeaderMap>() {
        response.headers_mut().extend(more.clone());
    }
    *response.extensions_mut() = extensions;
    response
}

/// One message. An error leaves with the status that its code demands, or with the given one.
pub(super) fn json(message: &Message, status: Option<StatusCode>) -> Response<Body> {
    let status = match message.error_code() {
        None => StatusCode::OK,
        Some(code) => match status.unwrap_or_else(|| code::status(code)) {
            // Without an id nobody can match the error to a request, so the status has to say it
            // (Streamable HTTP, "Sending Messages", 5).
            success if success.is_success() && message.id().is_none() => StatusCode::BAD_REQUEST,
            status => status,
        },
    };
    let mut response = Response::new(Body::from(message.text().clone()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn event_stream(events: Events) -> Response<Body> {
    let mut response = Response::new(Body::new(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

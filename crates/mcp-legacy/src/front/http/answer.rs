//! How requests are answered: with JSON, or with an event stream.

use std::future::poll_fn;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, Response, StatusCode, header};
use portcullis_core::{Body, Reason, Refusal};
use portcullis_mcp_jsonrpc::Message;
use tokio::time::timeout;

use super::connection::Connection;
use super::entry::Entry;
use super::shared::Shared;
use super::source::Source;

/// How many times longer than a silent stream a silent server is waited for. A large answer is best given as JSON, since
/// some clients bound the size of an event; but proxies commonly cut a connection that is silent for a minute, and then
/// there is no answer at all.
const PATIENCE: u32 = 3;

/// Answers requests. A client that prefers events gets a stream at once, which it can come back to from the first moment
/// on; any other gets JSON, which `write` makes of the answers, unless something is to be said before them or the
/// connection must be kept from falling silent.
pub(super) async fn answer(
    shared: &Shared,
    entry: &Entry,
    mut source: Source,
    prefers_events: bool,
    write: impl FnOnce(Vec<Message>) -> Bytes,
) -> Response<Body> {
    let keep_alive = shared.decode.keep_alive_after();
    let replies = if prefers_events {
        // The head leaves before there is a reply, so nothing that comes attached to the reply can be part of it. But a
        // refusal that no server was asked about is there at once.
        match source.is_one() {
            true => poll_fn(|cx| Poll::Ready(source.poll_replies(cx))).await,
            false => Poll::Pending,
        }
        .map(|extensions| wants_scope(&extensions).then_some(extensions))
    } else {
        let replies = timeout(PATIENCE * keep_alive, poll_fn(|cx| source.poll_replies(cx))).await;
        Poll::Ready(replies.ok())
    };
    let Poll::Ready(Some(extensions)) = replies else { return stream(shared, entry, Vec::new(), source) };
    let mut response = match first(&mut source, keep_alive).await {
        First::Answers(answers) => {
            let status = status(&answers, &extensions);
            let mut response = json(write(answers));
            *response.status_mut() = status;
            response
        }
        First::Stream(messages) => stream(shared, entry, messages, source),
    };
    attach(&mut response, extensions);
    response
}

/// Gives an answer that is there already.
pub(super) fn alone(answer: Message, extensions: Extensions) -> Response<Body> {
    let status = status(std::slice::from_ref(&answer), &extensions);
    let mut response = json(answer.into_text());
    *response.status_mut() = status;
    attach(&mut response, extensions);
    response
}

/// Hands on what came attached to a reply.
fn attach(response: &mut Response<Body>, extensions: Extensions) {
    if let Some(more) = extensions.get::<HeaderMap>() {
        response.headers_mut().extend(more.clone());
    }
    response.extensions_mut().extend(extensions);
}

/// What a source begins with.
enum First {
    /// Answers, and nothing after them.
    Answers(Vec<Message>),
    /// Something else than answers, or nothing for so long that only an event stream keeps the connection open.
    Stream(Vec<Message>),
}

async fn first(source: &mut Source, patience: Duration) -> First {
    let mut said = Vec::new();
    let reading = poll_fn(|cx| {
        while let Some(message) = ready!(source.poll_message(cx)) {
            let is_answer = message.is_answer();
            said.push(message);
            if !is_answer {
                return Poll::Ready(false);
            }
        }
        Poll::Ready(true)
    });
    match timeout(patience, reading).await {
        Ok(true) => First::Answers(said),
        Ok(false) | Err(_) => First::Stream(said),
    }
}

fn stream(shared: &Shared, entry: &Entry, messages: Vec<Message>, source: Source) -> Response<Body> {
    let manners = shared.manners(entry.session.client().version);
    // Whoever waited too long for a first message gets a comment now.
    let comment = messages.is_empty();
    let stream = entry.open(messages, source, manners, &shared.keeping);
    Connection::open(stream.hold(), comment)
}

/// Errors too leave with 200: the SDKs of the time report any other status as a broken connection. Except for the one that
/// they act on, by getting another token (2025-11-25, Authorization, "Runtime Insufficient Scope Errors"). Of a batch some
/// requests have been served, so it must not look as if it could be sent again.
fn status(answers: &[Message], extensions: &Extensions) -> StatusCode {
    match answers {
        [answer] if answer.error_code().is_some() && wants_scope(extensions) => StatusCode::FORBIDDEN,
        _ => StatusCode::OK,
    }
}

fn wants_scope(extensions: &Extensions) -> bool {
    extensions.get::<Refusal>().is_some_and(|refusal| refusal.reason() == Reason::WantScope)
}

pub(super) fn json(text: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

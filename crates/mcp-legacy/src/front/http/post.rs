//! What a legacy client posts: requests, notifications, answers.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use portcullis_core::{Body, BoxError, Principal, Trail, Verdict};
use portcullis_mcp_jsonrpc::{
    Call, Decode, Kind, Message, Rejection, Reply, ReplyTo, code,
    header::{self, MCP_SESSION_ID},
};
use tower_service::Service;

use super::answer::{alone, answer, json};
use super::batch::{self, Sent};
use super::entry::Entry;
use super::refuse;
use super::service::LAYER;
use super::shared::Shared;
use super::source::{Source, Start};
use crate::front::{Version, exchange, initialize};

/// Serves a POST that is legacy by its head.
pub(super) async fn post<S, B>(
    shared: &Arc<Shared>,
    mut decode: Decode<S>,
    head: Parts,
    body: B,
) -> Result<Response<Body>, Rejection>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    shared.decode.check_post(&head)?;
    let text = shared.decode.read_body(body).await?;
    match batch::read(text, shared.max_batch)? {
        Sent::One(message) if is_modern(&message) => {
            let request = Request::from_parts(head, Body::from(message.into_text()));
            let Ok(response) = decode.call(request).await;
            Ok(response)
        }
        Sent::One(message) if opens_session(&message) => {
            if head.headers.contains_key(MCP_SESSION_ID) {
                return Err(refuse::initialize_in_session());
            }
            Ok(open(shared, decode.into_inner(), message, head).await)
        }
        Sent::One(message) => {
            let entry = shared.enter(&head)?;
            if message.kind() == Kind::Request {
                return Ok(one(shared, &entry, decode.into_inner(), message, head).await);
            }
            take(&entry, message)?;
            Ok(accepted())
        }
        Sent::Batch(messages) => many(shared, decode.into_inner(), messages, head).await,
    }
}

/// Whether a request is modern although its headers do not say so. The decoder knows what to tell its sender.
pub(crate) fn is_modern(message: &Message) -> bool {
    let version = message.protocol_version();
    message.kind() == Kind::Request && version.is_some_and(|version| Version::parse(version).is_none())
}

fn opens_session(message: &Message) -> bool {
    message.kind() == Kind::Request && message.method() == Some("initialize")
}

fn take(entry: &Entry, message: Message) -> Result<(), Rejection> {
    entry.session.receive(message).map_err(|_| refuse::answer_to_nothing())
}

/// Opens a session. Nothing of it is kept here: the client gets it all, sealed.
async fn open<S>(shared: &Shared, service: S, message: Message, mut head: Parts) -> Response<Body>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let trail = Trail::enter(&mut head.extensions);
    let principal = head.extensions.get::<Principal>().cloned();
    let (client, welcome) = match initialize(service, &message, head).await {
        Ok(opened) => opened,
        Err(unopened) => return alone(unopened.answer, unopened.extensions),
    };
    let token = shared.tokens.seal(principal.as_ref(), &client.to_bytes(), shared.now());
    match token.ok().and_then(|token| HeaderValue::try_from(token).ok()) {
        Some(token) => {
            let mut response = json(welcome.into_text());
            response.headers_mut().insert(MCP_SESSION_ID, token);
            response
        }
        None => {
            trail.record(LAYER, Verdict::Fail("no session id could be sealed".into()));
            let text = "No session could be opened.";
            json(Message::from_error(message.id(), code::INTERNAL_ERROR, text, None).into_text())
        }
    }
}

async fn one<S>(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    service: S,
    message: Message,
    head: Parts,
) -> Response<Body>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let prefers_events = header::accepts(&head.headers).prefers_event_stream;
    let source = Source::calls([call(shared, entry, service, message, head)]);
    let alone =
        |answers: Vec<Message>| answers.into_iter().next().map(Message::into_text).unwrap_or_default();
    answer(shared, entry, source, prefers_events, alone).await
}

async fn many<S>(
    shared: &Arc<Shared>,
    service: S,
    messages: Vec<Message>,
    head: Parts,
) -> Result<Response<Body>, Rejection>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    if messages.iter().any(opens_session) {
        return Err(refuse::initialize_in_batch());
    }
    if messages.iter().any(is_modern) {
        return Err(refuse::modern_in_batch());
    }
    let entry = shared.enter(&head)?;
    if !entry.session.client().version.takes_batches() {
        return Err(refuse::no_batches());
    }
    let (requests, others): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message.kind() == Kind::Request);
    for message in others {
        take(&entry, message)?;
    }
    if requests.is_empty() {
        return Ok(accepted());
    }
    let prefers_events = header::accepts(&head.headers).prefers_event_stream;
    let calls =
        requests.into_iter().map(|message| call(shared, &entry, service.clone(), message, head.clone()));
    let source = Source::calls(calls);
    Ok(answer(shared, &entry, source, prefers_events, |answers| batch::write(&answers)).await)
}

/// A request of the session, ready to be asked.
fn call<S>(shared: &Arc<Shared>, entry: &Entry, service: S, message: Message, head: Parts) -> (Start, ReplyTo)
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let (message, head, to) = addressed(message, head);
    let (shared, session) = (Arc::clone(shared), Arc::clone(&entry.session));
    let start = async move { exchange(service, session, message, head, &shared.limits).await };
    (Box::pin(start), to)
}

/// The message, the head, and the address of the answer.
pub(crate) fn addressed(message: Message, head: Parts) -> (Message, Parts, ReplyTo) {
    let call = Call::from_parts(message, head);
    let to = call.reply_to(LAYER);
    let (message, head) = call.into_parts();
    (message, head, to)
}

fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

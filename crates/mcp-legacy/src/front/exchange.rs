//! One request of a legacy client, from its arrival to its answer.

mod gather;
mod local;
mod rounds;
mod tasks;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use http::request::Parts;
use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Failure, FailureKind, Id, Kind, Message, Reply, code};
use tower_service::Service;

use self::rounds::Rounds;
use super::flow::{Out, flow};
use super::inner::Inner;
use super::session::UnderWay;
use super::translate::{request, result, task};
use super::{Limits, Session};

/// What a call is answered with that the client has cancelled: what HTTP servers call 499.
pub(crate) const CANCELLED: i64 = -31499;

/// Answers one request of a legacy client with messages that it understands.
///
/// What 2026-07-28 does not have is answered here. Everything else is declared for, passed on, and translated back. A
/// reply that is known to be one message stays one, so that it can leave as JSON.
///
/// # Errors
///
/// What broke inside, and [`FailureKind::Overload`] if too many requests of the session are under way.
pub(crate) async fn exchange<S>(
    service: S,
    session: Arc<Session>,
    message: Message,
    head: Parts,
    limits: &Limits,
) -> Result<Reply, Failure>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let Some(id) = message.id().filter(|_| message.kind() == Kind::Request).cloned() else {
        return Ok(Reply::accepted());
    };
    if let Some(answer) = local::answer(&session, &message, &id) {
        return Ok(Reply::message(answer));
    }
    let Ok(mut under_way) = session.begin(&id, limits) else {
        let text = "too many requests of one session are under way";
        return Err(Failure::new(FailureKind::Overload).with_source(text));
    };
    let inner = Inner::new(service, session, head, limits);
    match message.method() {
        Some("resources/subscribe") => {
            return Ok(told(under_way, id.clone(), |_| async move {
                Ok(local::subscribe(&inner.session, &message, &id, &inner.limits).await)
            }));
        }
        Some("tasks/cancel") => {
            return Ok(told(under_way, id.clone(), |out| tasks::cancel(inner, out, message, id)));
        }
        Some("tasks/result") => {
            return Ok(told(under_way, id.clone(), |out| tasks::result(inner, out, message, id)));
        }
        _ => {}
    }

    let tasks = message.method() == Some("tasks/get");
    let Some(modern) = request::modern(&message, &inner.declared(tasks), &request::Retry::default()) else {
        return Ok(Reply::message(bad_meta(&id)));
    };
    let called = inner.call(modern);
    let mut reply = match select(pin!(under_way.cancelled()), pin!(called)).await {
        Either::Left(((), _)) => return Ok(Reply::message(cancelled(&id))),
        Either::Right((reply, _)) => reply?,
    };
    let extensions = std::mem::take(reply.extensions_mut());
    let mut legacy = match reply.as_single().filter(|answer| is_final(answer)) {
        Some(answer) => Reply::message(finish(answer.clone(), &message, &id)?),
        None => {
            let rounds = Rounds { inner, message, id: id.clone() };
            told(under_way, id, |out| rounds.run(out, reply))
        }
    };
    *legacy.extensions_mut() = extensions;
    Ok(legacy)
}

/// A reply that ends early if the client cancels the request.
fn told<F>(mut under_way: UnderWay, id: Id, story: impl FnOnce(Out) -> F) -> Reply
where
    F: Future<Output = Result<Message, Failure>> + Send + 'static,
{
    flow(|out| {
        let story = story(out);
        async move {
            // What the story holds goes with it: the calls inside, and the requests that wait for the client.
            match select(pin!(under_way.cancelled()), pin!(story)).await {
                Either::Left(((), _)) => Some(Ok(cancelled(&id))),
                Either::Right((last, _)) => Some(last),
            }
        }
    })
}

/// Whether an answer ends the request, and does not just ask for something or promise a result.
fn is_final(answer: &Message) -> bool {
    match answer.kind() {
        Kind::Error => true,
        Kind::Result => !matches!(answer.result_type(), Some("input_required" | "task")),
        Kind::Request | Kind::Notification => false,
    }
}

/// The legacy form of the final answer to the client's request `message`.
fn finish(answer: Message, message: &Message, id: &Id) -> Result<Message, Failure> {
    if answer.kind() == Kind::Result && answer.result_type().is_some_and(|kind| kind != "complete") {
        return Err(garbage("a result is of a type that nobody asked for"));
    }
    let method = message.method().unwrap_or_default();
    let mut answer = match method {
        "tasks/get" if answer.kind() == Kind::Result => {
            return task::state(&answer, id).ok_or_else(|| garbage("the answer to tasks/get is no task"));
        }
        _ => result::legacy(answer, method),
    };
    if answer.id() != Some(id) {
        answer.set_id(id);
    }
    Ok(answer)
}

fn cancelled(id: &Id) -> Message {
    Message::from_error(Some(id), CANCELLED, "The request was cancelled.", None)
}

fn bad_meta(id: &Id) -> Message {
    Message::from_error(Some(id), code::INVALID_PARAMS, "Invalid params: _meta must be an object", None)
}

fn garbage(text: &'static str) -> Failure {
    Failure::new(FailureKind::Garbage).with_source(text)
}

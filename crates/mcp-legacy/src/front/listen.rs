//! The stream of what changes on the server.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};
use http::request::Parts;
use portcullis_core::{BoxError, json};
use portcullis_mcp_jsonrpc::{Call, Failure, Fragment, Message, Reply, code};
use tokio::time::{Instant, sleep};
use tower_service::Service;

use super::flow::{Out, flow};
use super::inner::Inner;
use super::session::Subscriptions;
use super::translate::notification;
use super::translate::request::Declared;
use super::{Limits, Session};

/// The first pause before a stream that broke is opened again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How many messages of an old stream are read once the new one has taken over.
const LEFTOVERS: usize = 256;

/// Changes of lists and of subscribed resources, as long as the client listens.
///
/// The stream has no answer and no end of its own. While the service inside is away or knows no subscriptions, it is
/// silent: a client whose stream ends comes back at once, and would come back for ever.
pub(crate) fn listen<S>(service: S, session: Arc<Session>, head: Parts, limits: &Limits) -> Reply
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let inner = Inner::new(service, session, head, limits);
    flow(|out| async move {
        follow(inner, out).await;
        None
    })
}

/// Why a stream could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    /// There is no such stream, for these subscriptions at least.
    Refused,
    /// Nobody knows; it may work the next time.
    Broken,
}

/// Keeps a stream open that has the subscriptions of the moment.
async fn follow<S>(inner: Inner<S>, out: Out)
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let session = Arc::clone(&inner.session);
    let longest_pause = inner.limits.longest_pause;
    let listener = session.listener();
    let mut current = Reply::accepted();
    let mut pause = FIRST_PAUSE;
    loop {
        let wanted = session.subscriptions();
        let opened = {
            let mut opening = pin!(open(inner.call(request(&inner, &wanted))));
            // The old stream is read until the new one is in force, so nothing falls between the two.
            loop {
                match select(opening.as_mut(), pin!(next(&mut current))).await {
                    Either::Left((opened, _)) => break opened,
                    Either::Right((message, _)) => out.send(notification::unmarked(message)).await,
                }
            }
        };
        let refused = matches!(opened, Err(Closed::Refused));
        let old = std::mem::replace(&mut current, opened.unwrap_or_else(|_| Reply::accepted()));
        // If it could not be opened, no more than this can be in force, and nobody should wait for it.
        listener.in_force(&wanted);
        leftovers(old, &out).await;
        let since = Instant::now();
        // Until the subscriptions change, or the stream breaks and it is time for another.
        let mut changed = pin!(session.changed(&wanted));
        loop {
            if current.is_empty() {
                if since.elapsed() >= longest_pause {
                    pause = FIRST_PAUSE;
                }
                if refused {
                    changed.await;
                } else if let Either::Right(_) = select(changed.as_mut(), pin!(sleep(pause))).await {
                    pause = (2 * pause).min(longest_pause);
                }
                break;
            }
            match select(changed.as_mut(), pin!(step(&mut current))).await {
                Either::Left(_) => break,
                Either::Right((Some(message), _)) => out.send(notification::unmarked(message)).await,
                Either::Right((None, _)) => {}
            }
        }
    }
}

/// The next change; none if the stream has ended.
async fn step(reply: &mut Reply) -> Option<Message> {
    let message = poll_fn(|cx| reply.poll_message(cx)).await?.ok();
    match message {
        Some(message) if !message.is_answer() => Some(message),
        _ => {
            *reply = Reply::accepted();
            None
        }
    }
}

/// The next change; waits for ever if the stream has ended.
async fn next(reply: &mut Reply) -> Message {
    while !reply.is_empty() {
        if let Some(message) = step(reply).await {
            return message;
        }
    }
    std::future::pending().await
}

/// What had already come on a stream that another one takes over from.
async fn leftovers(mut old: Reply, out: &Out) {
    for _ in 0..LEFTOVERS {
        let ready = old.poll_message(&mut Context::from_waker(Waker::noop()));
        match ready {
            Poll::Ready(Some(Ok(message))) if !message.is_answer() => {
                out.send(notification::unmarked(message)).await;
            }
            _ => return,
        }
    }
}

/// Opens a stream and waits until the server says which changes it will tell of.
async fn open(call: impl Future<Output = Result<Reply, Failure>>) -> Result<Reply, Closed> {
    let Ok(mut reply) = call.await else { return Err(Closed::Broken) };
    match poll_fn(|cx| reply.poll_message(cx)).await {
        // The acknowledgement comes before everything else (2026-07-28, Subscriptions).
        Some(Ok(message)) if message.method() == Some("notifications/subscriptions/acknowledged") => {
            Ok(reply)
        }
        Some(Ok(answer)) if answer.error_code().is_some_and(is_lasting) => Err(Closed::Refused),
        _ => Err(Closed::Broken),
    }
}

/// Whether the same request will be answered with the same error.
fn is_lasting(error: i64) -> bool {
    matches!(
        error,
        code::METHOD_NOT_FOUND
            | code::INVALID_REQUEST
            | code::INVALID_PARAMS
            | code::MISSING_CAPABILITY
            | code::UNSUPPORTED_VERSION
            | code::FORBIDDEN
    )
}

fn request<S>(inner: &Inner<S>, subscriptions: &Subscriptions) -> Message
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let mut filter =
        r#"{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true"#.to_owned();
    if !subscriptions.uris.is_empty() {
        let uris: Vec<_> = subscriptions.uris.iter().map(|uri| json::quote(uri)).collect();
        filter.push_str(&format!(r#","resourceSubscriptions":[{}]"#, uris.join(",")));
    }
    filter.push('}');
    // Log messages belong to requests and never come on a stream of changes.
    let declared = Declared { client: inner.session.client(), level: None, tasks: false };
    let params = declared.params(&format!(r#""notifications":{filter}"#), None);
    // Capabilities that nested too deep were refused when the session was opened.
    let params = params.unwrap_or_else(Fragment::empty);
    Message::from_request(&inner.session.fresh_id(), "subscriptions/listen", &params)
}

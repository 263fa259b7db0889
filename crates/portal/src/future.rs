use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use portcullis_core::{Trail, Verdict};
use portcullis_mcp_jsonrpc::{Failure, Message, Reply};

use crate::backend::Backend;
use crate::limit::Permit;
use crate::route::Sending;

/// The answer of a [`Portal`](crate::Portal) to come.
///
/// A call whose server is known and has room is sent without a box or a task of the portal's own.
#[must_use]
pub struct ResponseFuture {
    state: State,
}

enum State {
    Ready(Option<Box<Reply>>),
    Forward(Forward),
    Work(Sending),
}

impl ResponseFuture {
    pub(crate) fn ready(reply: Reply) -> Self {
        Self { state: State::Ready(Some(Box::new(reply))) }
    }

    pub(crate) fn forward(forward: Forward) -> Self {
        Self { state: State::Forward(forward) }
    }

    pub(crate) fn work(work: impl Future<Output = Result<Reply, Failure>> + Send + 'static) -> Self {
        Self { state: State::Work(Box::pin(work)) }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            // Polled again after it was ready, a future may do as it likes.
            State::Ready(reply) => reply.take().map_or(Poll::Pending, |reply| Poll::Ready(Ok(*reply))),
            State::Forward(forward) => Pin::new(forward).poll(cx),
            State::Work(work) => work.as_mut().poll(cx),
        }
    }
}

impl std::fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// A call that was sent to a server, with the permit it was sent under.
pub(crate) struct Forward {
    sending: Sending,
    backend: Arc<Backend>,
    trail: Option<Trail>,
    permit: Option<Permit>,
}

impl Forward {
    pub(crate) fn new(sending: Sending, backend: Arc<Backend>, trail: Option<Trail>, permit: Permit) -> Self {
        Self { sending, backend, trail, permit: Some(permit) }
    }
}

impl Future for Forward {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(self.sending.as_mut().poll(cx));
        let permit = self.permit.take();
        Poll::Ready(match answered {
            Ok(reply) => Ok(hold(reply, Arc::clone(&self.backend), permit)),
            Err(failure) => {
                self.backend.failed(&failure);
                if let Some(trail) = &self.trail {
                    trail.record("portal", Verdict::Fail(format!("{}: {failure}", self.backend.id()).into()));
                }
                Err(failure)
            }
        })
    }
}

/// Keeps the permit until the reply ends. A reply that is there already has ended.
fn hold(mut reply: Reply, backend: Arc<Backend>, permit: Option<Permit>) -> Reply {
    if reply.as_single().is_some() || reply.is_empty() {
        backend.answered();
        return reply;
    }
    let extensions = std::mem::take(reply.extensions_mut());
    let mut held = Reply::stream(Held { reply, backend, permit });
    *held.extensions_mut() = extensions;
    held
}

struct Held {
    reply: Reply,
    backend: Arc<Backend>,
    permit: Option<Permit>,
}

impl Stream for Held {
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.reply.poll_message(cx));
        match &item {
            Some(Ok(message)) if !message.is_answer() => return Poll::Ready(item),
            Some(Err(failure)) => self.backend.failed(failure),
            Some(Ok(_)) | None => self.backend.answered(),
        }
        self.permit = None;
        Poll::Ready(item)
    }
}

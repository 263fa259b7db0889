use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::{FutureExt, StreamExt};
use portcullis_core::{Trail, Verdict};
use portcullis_mcp_jsonrpc::{Failure, Message, Reply};

use crate::asked::Asked;
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
    /// Gone once the answer has begun.
    asked: Option<Asked>,
    backend: Arc<Backend>,
    trail: Option<Trail>,
    permit: Option<Permit>,
}

impl Forward {
    pub(crate) fn new(
        sending: Sending,
        backend: Arc<Backend>,
        asked: Asked,
        trail: Option<Trail>,
        permit: Permit,
    ) -> Self {
        Self { sending, backend, asked: Some(asked), trail, permit: Some(permit) }
    }
}

impl Future for Forward {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(self.sending.as_mut().poll(cx));
        let this = &mut *self;
        let (Some(asked), permit) = (this.asked.take(), this.permit.take()) else { return Poll::Pending };
        let answered = answered.and_then(|reply| match reply.as_single().is_some() || reply.is_empty() {
            true => whole(reply, &this.backend, &asked, this.trail.as_ref()),
            false => {
                let (backend, trail) = (Arc::clone(&this.backend), this.trail.take());
                Ok(held(reply, |reply| Held { reply, backend, asked, trail, permit }))
            }
        });
        Poll::Ready(answered.inspect_err(|failure| {
            this.backend.failed(failure);
            if let Some(trail) = &this.trail {
                trail.record("portal", Verdict::Fail(format!("{}: {failure}", this.backend.id()).into()));
            }
        }))
    }
}

/// A reply that is there already, and so has ended.
fn whole(
    mut reply: Reply,
    backend: &Backend,
    asked: &Asked,
    trail: Option<&Trail>,
) -> Result<Reply, Failure> {
    if reply.as_single().is_none_or(|message| asked.leaves(message)) {
        backend.answered();
        return Ok(reply);
    }
    let extensions = std::mem::take(reply.extensions_mut());
    let Some(Ok(message)) = reply.next().now_or_never().flatten() else { return Ok(reply) };
    let mut changed = Reply::message(asked.answered(backend, trail, message)?);
    backend.answered();
    *changed.extensions_mut() = extensions;
    Ok(changed)
}

/// A reply that comes in pieces, whose permit is kept until it ends.
fn held(mut reply: Reply, hold: impl FnOnce(Reply) -> Held) -> Reply {
    let extensions = std::mem::take(reply.extensions_mut());
    let mut held = Reply::stream(hold(reply));
    *held.extensions_mut() = extensions;
    held
}

struct Held {
    reply: Reply,
    backend: Arc<Backend>,
    asked: Asked,
    trail: Option<Trail>,
    permit: Option<Permit>,
}

impl Stream for Held {
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = match ready!(self.reply.poll_message(cx)) {
            Some(Ok(message)) if !message.is_answer() => return Poll::Ready(Some(Ok(message))),
            Some(Ok(message)) => Some(self.asked.answered(&self.backend, self.trail.as_ref(), message)),
            end => end,
        };
        match &item {
            Some(Err(failure)) => self.backend.failed(failure),
            Some(Ok(_)) | None => self.backend.answered(),
        }
        self.permit = None;
        Poll::Ready(item)
    }
}

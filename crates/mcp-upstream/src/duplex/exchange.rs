//! The two kinds of streams that a [`Duplex`](super::Duplex) gives.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use portcullis_mcp_jsonrpc::{Id, Message};
use portcullis_mcp_legacy::upstream::ChannelError;

use super::queue::End;
use super::{Shared, State, failed};

/// What belongs to one request, its answer last. Dropping it forgets the request, and tells the server nothing.
#[derive(Debug)]
pub(crate) struct Exchange {
    open: Option<(Arc<Shared>, Id)>,
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>, id: Id) -> Self {
        Self { open: Some((shared, id)) }
    }

    /// Of no request; nothing comes.
    pub(crate) fn empty() -> Self {
        Self { open: None }
    }
}

type Item = Option<Result<Message, ChannelError>>;

impl Stream for Exchange {
    type Item = Result<Message, ChannelError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Item> {
        let Some((shared, id)) = &self.open else { return Poll::Ready(None) };
        let polled = shared.lock().poll_exchange(id, cx);
        if matches!(&polled, Poll::Ready(Some(Ok(message))) if !message.is_answer()) || polled.is_pending() {
            return polled;
        }
        forget(&mut self.open);
        polled
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        forget(&mut self.open);
    }
}

fn forget(open: &mut Option<(Arc<Shared>, Id)>) {
    let Some((shared, id)) = open.take() else { return };
    let mut state = shared.lock();
    if let Some(mut queue) = state.exchanges.remove(&id) {
        state.held -= queue.clear();
    }
}

impl State {
    fn poll_exchange(&mut self, id: &Id, cx: &Context<'_>) -> Poll<Item> {
        let Some(queue) = self.exchanges.get_mut(id) else { return Poll::Ready(None) };
        if let Some(message) = queue.pop() {
            self.held -= message.text().len();
            return Poll::Ready(Some(Ok(message)));
        }
        if let Some(End::Fail(kind, text)) = queue.ended() {
            return Poll::Ready(Some(Err(failed(kind, text))));
        }
        if let Some(cause) = &self.broken {
            return Poll::Ready(Some(Err(ChannelError::Broken(cause.failure()))));
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// What belongs to no request. It fails once when the channel breaks, and is over then.
#[derive(Debug)]
pub(crate) struct Listener {
    shared: Option<Arc<Shared>>,
}

impl Listener {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared) }
    }
}

impl Stream for Listener {
    type Item = Result<Message, ChannelError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Item> {
        let Some(shared) = &self.shared else { return Poll::Ready(None) };
        let mut state = shared.lock();
        if let Some(message) = state.listen.pop() {
            return Poll::Ready(Some(Ok(message)));
        }
        let Some(cause) = &state.broken else {
            state.listen.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let failure = cause.failure();
        drop(state);
        self.shared = None;
        Poll::Ready(Some(Err(ChannelError::Broken(failure))))
    }
}

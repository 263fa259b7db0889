//! Replies that are written as a story: a future that sends messages on its way and ends with the last one.

#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use portcullis_mcp_jsonrpc::{Failure, Message, Reply};

/// Where a story puts the messages that come before its end.
///
/// There is room for one: whoever sends waits until it was read, so a client that does not read holds up the server and
/// not the gateway's memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Out {
    slot: Arc<Mutex<Option<Message>>>,
}

impl Out {
    /// Sends a message, and waits until it was read.
    ///
    /// Nobody wakes the sender: it runs when the reply is read, and only then.
    pub(super) async fn send(&self, message: Message) {
        *self.slot() = Some(message);
        std::future::poll_fn(|_| match self.slot().is_none() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Message>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reply made of what `story` sends and, last, what it returns. Dropping the reply drops the story where it stands.
pub(super) fn flow<F>(story: impl FnOnce(Out) -> F) -> Reply
where
    F: Future<Output = Option<Result<Message, Failure>>> + Send + 'static,
{
    let out = Out::default();
    Reply::stream(Flow { story: Some(Box::pin(story(out.clone()))), out })
}

struct Flow<F> {
    story: Option<Pin<Box<F>>>,
    out: Out,
}

impl<F> Stream for Flow<F>
where
    F: Future<Output = Option<Result<Message, Failure>>>,
{
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(story) = &mut self.story else { return Poll::Ready(None) };
        match story.as_mut().poll(cx) {
            Poll::Ready(last) => {
                self.story = None;
                Poll::Ready(last)
            }
            Poll::Pending => match self.out.slot().take() {
                Some(message) => Poll::Ready(Some(Ok(message))),
                None => Poll::Pending,
            },
        }
    }
}

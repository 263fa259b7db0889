//! Something that is held as long as a reply goes on.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use portcullis_mcp_jsonrpc::{Failure, Message, Reply};

/// The same reply, with something that is held as long as it goes on.
pub(super) fn hold<T: Send + 'static>(mut reply: Reply, held: T) -> Reply {
    if reply.as_single().is_some() || reply.is_empty() {
        return reply;
    }
    let extensions = std::mem::take(reply.extensions_mut());
    let mut held_reply = Reply::stream(Held { reply, _held: held });
    *held_reply.extensions_mut() = extensions;
    held_reply
}

struct Held<T> {
    reply: Reply,
    _held: T,
}

impl<T> Unpin for Held<T> {}

impl<T> Stream for Held<T> {
    type Item = Result<Message, Failure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().reply.poll_message(cx)
    }
}

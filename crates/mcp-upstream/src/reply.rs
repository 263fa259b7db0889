//! The failure of a body, as what it was.
//!
//! The codec knows that a body broke off, and keeps as the source what the body said. If that was a [`Failure`] of this
//! crate - a timeout, say - the caller should be told that instead.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use portcullis_mcp_jsonrpc::{Failure, Message, Reply};

pub(crate) fn restore(answered: Result<Reply, Failure>) -> Result<Reply, Failure> {
    let mut reply = answered.map_err(restore_failure)?;
    if reply.is_empty() || reply.as_single().is_some() {
        return Ok(reply);
    }
    let extensions = std::mem::take(reply.extensions_mut());
    let mut restored = Reply::stream(Restored { reply });
    *restored.extensions_mut() = extensions;
    Ok(restored)
}

struct Restored {
    reply: Reply,
}

impl Stream for Restored {
    type Item = Result<Message, Failure>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.get_mut().reply.poll_message(cx);
        polled.map(|item| item.map(|message| message.map_err(restore_failure)))
    }
}

fn restore_failure(failure: Failure) -> Failure {
    let Some(inner) = failure.source().and_then(|source| source.downcast_ref::<Failure>()) else {
        return failure;
    };
    let restored = Failure::new(inner.kind());
    match inner.source() {
        Some(source) => restored.with_source(source.to_string()),
        None => restored,
    }
}

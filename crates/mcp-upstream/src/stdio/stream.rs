//! Streams of messages, read one by one.

use std::pin::Pin;

use futures_core::Stream;
use portcullis_mcp_jsonrpc::{Failure, FailureKind};
use portcullis_mcp_legacy::upstream::ChannelError;

/// The next item.
pub(super) async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

pub(super) fn into_failure(error: ChannelError) -> Failure {
    match error {
        ChannelError::Failed(failure) | ChannelError::Broken(failure) => failure,
        other => Failure::new(FailureKind::Close).with_source(other.to_string()),
    }
}

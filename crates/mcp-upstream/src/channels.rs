//! What the channels of all transports need.

use futures_core::Stream;
use futures_util::StreamExt;
use portcullis_mcp_jsonrpc::Message;
use portcullis_mcp_legacy::upstream::ChannelError;

/// The answer among what comes, or why there is none. What comes before it is passed over.
pub(crate) async fn answer<S>(incoming: &mut S) -> Option<Result<Message, ChannelError>>
where
    S: Stream<Item = Result<Message, ChannelError>> + Unpin,
{
    loop {
        let next = incoming.next().await;
        match &next {
            Some(Ok(aside)) if !aside.is_answer() => {}
            _ => return next,
        }
    }
}

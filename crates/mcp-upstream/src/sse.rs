//! HTTP+SSE: MCP of 2024-11-05, as a transport for
//! [`LegacyUpstream`](portcullis_mcp_legacy::upstream::LegacyUpstream).
//!
//! A GET opens the one event stream on which everything comes. Its first event, `endpoint`, says where to POST messages;
//! a POST is answered with 202 and nothing else. What belongs to which request is for the
//! [demultiplexer](crate::duplex) to say. The session is the stream: when it ends, so does the session.

mod address;
mod channel;
mod open;

use std::sync::Arc;

use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::Failure;
use portcullis_mcp_legacy::upstream::{BoxFuture, Channel, Connect};

pub(crate) use self::channel::SseChannel;
pub(crate) use self::open::{NotSse, open};
use crate::endpoint::Endpoint;

/// Opens channels to a server of which it is known that it speaks HTTP+SSE.
pub(crate) struct SseConnect(pub(crate) Endpoint);

impl Connect for SseConnect {
    fn connect<'a>(
        &'a self,
        principal: Option<&'a Principal>,
    ) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>> {
        Box::pin(async move {
            let endpoint = self.0.owned_by(principal)?;
            let channel: Arc<dyn Channel> = Arc::new(open(&endpoint).await.map_err(NotSse::into_failure)?);
            Ok(channel)
        })
    }
}

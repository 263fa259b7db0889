//! Streamable HTTP with sessions: MCP of 2025-03-26 to 2025-11-25, as a transport for
//! [`LegacyUpstream`](portcullis_mcp_legacy::upstream::LegacyUpstream).
//!
//! Every message is a POST. What answers a request is JSON or an event stream; a stream may end early and be taken up by
//! a GET that names the last event (SEP-1699). What concerns no request comes on the stream of a GET. What is known of
//! servers in the field and is not in the specification:
//!
//! * a session that is gone is told with 404, but also with 400 and a word about sessions or initialization;
//! * an error's id may be missing, or be one that was never sent (`"server-error"`);
//! * a request may be taken with 202, and its answer come on the stream of the GET.

mod answers;
mod channel;
mod listening;
mod refused;
mod resume;
mod session;

use std::sync::Arc;

use portcullis_core::Principal;
use portcullis_mcp_jsonrpc::Failure;
use portcullis_mcp_legacy::upstream::{BoxFuture, Channel, Connect};

pub(crate) use self::channel::{Streamable, or_answer};
pub(crate) use self::refused::{Refused, forgets};
use crate::endpoint::Endpoint;

/// Opens channels to a server of which it is known that it speaks Streamable HTTP.
pub(crate) struct StreamableConnect(pub(crate) Endpoint);

impl Connect for StreamableConnect {
    fn connect<'a>(
        &'a self,
        principal: Option<&'a Principal>,
    ) -> BoxFuture<'a, Result<Arc<dyn Channel>, Failure>> {
        let opened = self.0.owned_by(principal);
        let channel = opened.map(|endpoint| -> Arc<dyn Channel> { Arc::new(Streamable::new(endpoint)) });
        Box::pin(std::future::ready(channel))
    }
}

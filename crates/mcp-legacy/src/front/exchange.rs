//! One request of a legacy client, from its arrival to its answer.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Failure, Message, Reply, code};
use tower_service::Service;

use super::{Limits, Session};

/// What a call is answered with that the client has cancelled: what HTTP servers call 499.
pub(crate) const CANCELLED: i64 = -31499;

/// Answers one request of a legacy client with messages that it understands.
pub(crate) async fn exchange<S>(
    service: S,
    session: Arc<Session>,
    message: Message,
    head: Parts,
    limits: &Limits,
) -> Result<Reply, Failure>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let _ = (service, session, head, limits);
    Ok(Reply::message(Message::from_error(message.id(), code::METHOD_NOT_FOUND, "Method not found", None)))
}

//! The stream of what changes on the server.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Reply};
use tower_service::Service;

use super::{Limits, Session};

/// Changes of lists and of subscribed resources, as long as the client listens.
pub(crate) fn listen<S>(service: S, session: Arc<Session>, head: Parts, limits: &Limits) -> Reply
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let _ = (service, session, head, limits);
    Reply::stream(futures_util::stream::pending())
}

//! The first request of a session.

use http::request::Parts;
use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Message, Reply, code};
use tower_service::Service;

use super::Client;

/// Opens a session: reads what the client says of itself and asks the service inside who it is.
///
/// # Errors
///
/// The answer to send instead: the params are wrong, or the service inside said no.
pub(crate) async fn initialize<S>(
    service: S,
    message: &Message,
    head: Parts,
) -> Result<(Client, Message), Message>
where
    S: Service<Call, Response = Reply> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let _ = (service, head);
    Err(Message::from_error(message.id(), code::INVALID_PARAMS, "Invalid params", None))
}

use std::sync::Arc;

use http::Uri;
use tower_layer::Layer;

use super::Encode;
use crate::sse;

/// Turns an HTTP service that speaks MCP into a message-level one: the client side of Streamable HTTP, 2026-07-28.
///
/// The service may be anything that answers HTTP: an axum router, a hyper client, an rmcp server.
///
/// * The message's bytes are the request's body; the protocol's headers are made from the message, so they are true
///   whatever a layer has changed.
/// * `Mcp-Param-*` headers go on as the client sent them, or are made anew from the arguments when a layer has put the
///   tool's [`HeaderParams`](crate::header::HeaderParams) into the call's extensions.
/// * The answer may be JSON or an event stream, and must be an answer to *this* call: another id, a second answer, or
///   anything that is no message ends the reply with a [`Failure`](crate::Failure).
/// * `401` and `403` concern the gateway and the server, never the client. They become a failure, so that no client
///   starts a login at the wrong place.
///
/// # What of the client's request goes on
///
/// [`new`](Self::new) is for a service in the same process: it sees the client's URI and headers, as if no layer stood
/// before it. [`to`](Self::to) is for a server elsewhere: it sees the protocol's headers and nothing that the client sent,
/// so no `Authorization` and no cookie can leak. Extensions stay with the request either way.
///
/// # Example
///
/// ```
/// use http::{Request, Response};
/// use portcullis_core::Body;
/// use portcullis_mcp_jsonrpc::{Call, EncodeLayer, Fragment, Id, Message};
/// use tower::{Layer, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = tower::service_fn(async |request: Request<Body>| {
///     assert_eq!(request.headers()["mcp-method"], "tools/list");
///     let response = Response::builder().header("content-type", "application/json");
///     response.body(Body::from(r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[]}}"#))
/// });
/// let messages = EncodeLayer::new().layer(server);
///
/// let call = Call::new(Message::from_request(&Id::from(7), "tools/list", &Fragment::empty()));
/// let reply = messages.clone().oneshot(call).await?;
/// assert_eq!(reply.as_single().and_then(Message::result), Some(&br#"{"tools":[]}"#[..]));
///
/// // An answer to another call is not passed off as the answer to this one.
/// let call = Call::new(Message::from_request(&Id::from(8), "tools/list", &Fragment::empty()));
/// assert!(messages.oneshot(call).await.is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct EncodeLayer {
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Where requests go; none to go where the client's went.
    pub(super) target: Option<Arc<Uri>>,
    pub(super) max_answer: usize,
    pub(super) max_event: usize,
}

impl EncodeLayer {
    /// How large a JSON answer may be, unless [`max_answer`](Self::max_answer) says otherwise: 16 MiB.
    pub const DEFAULT_MAX_ANSWER: usize = 16 * 1024 * 1024;

    /// For a service in the same process: the client's URI and headers go on.
    pub fn new() -> Self {
        Self {
            settings: Settings {
                target: None,
                max_answer: Self::DEFAULT_MAX_ANSWER,
                max_event: sse::DEFAULT_MAX_EVENT,
            },
        }
    }

    /// For a server elsewhere: nothing but the protocol's own headers goes on.
    pub fn to(uri: Uri) -> Self {
        let mut layer = Self::new();
        layer.settings.target = Some(Arc::new(uri));
        layer
    }

    /// The most bytes a JSON answer may have.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.settings.max_answer = bytes;
        self
    }

    /// The most bytes one event of an event stream may have.
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.settings.max_event = bytes;
        self
    }
}

impl Default for EncodeLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for EncodeLayer {
    type Service = Encode<S>;

    fn layer(&self, inner: S) -> Encode<S> {
        Encode::new(inner, self.settings.clone())
    }
}

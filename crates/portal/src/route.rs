//! The one place where the type of a server's service is forgotten.

use std::future::poll_fn;
use std::pin::Pin;

use portcullis_core::BoxError;
use portcullis_mcp_jsonrpc::{Call, Failure, Reply};
use tower_service::Service;

/// A call on its way to a server.
pub(crate) type Sending = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

/// Where the calls of one server go.
pub(crate) trait Route: Send + Sync {
    /// Readies a copy of the service and sends the call.
    fn send(&self, call: Call) -> Sending;
}

/// A route made of any service. A box of our own, because tower's would box the clone of the service as well.
pub(crate) struct Upstream<S>(pub(crate) S);

impl<S> Route for Upstream<S>
where
    S: Service<Call, Response = Reply> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn send(&self, call: Call) -> Sending {
        let mut service = self.0.clone();
        Box::pin(async move {
            let failure = |error: S::Error| Failure::from_error(error.into());
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(failure)?;
            service.call(call).await.map_err(failure)
        })
    }
}

//! The HTTP service under the codec: it sends what the codec has written, and adds the injected headers.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use portcullis_core::Body;
use portcullis_mcp_jsonrpc::Failure;
use tower_service::Service;

use crate::body::Watched;
use crate::circuit::Breaker;
use crate::client::Client;
use crate::exchange::Exchange;
use crate::retry::Budget;
use crate::timeout::Limits;

/// What every call to one server shares.
pub(crate) struct Core {
    pub(crate) client: Client,
    pub(crate) headers: HeaderMap,
    pub(crate) limits: Limits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) breaker: Arc<Breaker>,
}

/// What the HTTP service must know of a call; it travels in the request's extensions.
#[derive(Clone, Debug, Default)]
pub(crate) enum Nature {
    /// It may have an effect.
    #[default]
    Act,
    /// It may be asked twice, in these words.
    Read(Bytes),
    /// Its answer is a stream without an end.
    Listen,
}

#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) core: Arc<Core>,
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Watched>;
    type Error = Failure;
    type Future = Exchange;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Exchange {
        let nature = request.extensions_mut().remove().unwrap_or_default();
        // They are the client's. Nothing in them is for the server, and an HTTP library may act on what it finds there.
        request.extensions_mut().clear();
        let headers = request.headers_mut();
        headers.reserve(self.core.headers.len());
        for (name, value) in &self.core.headers {
            headers.insert(name.clone(), value.clone());
        }
        Exchange::start(Arc::clone(&self.core), request, nature)
    }
}

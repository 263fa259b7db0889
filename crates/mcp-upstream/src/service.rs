use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use portcullis_mcp_jsonrpc::{Call, Encode, EncodeFuture, Failure, Reply};
use tower_service::Service;

use crate::retry::{Effect, effect};
use crate::transport::{Core, Nature, Transport};
use crate::{BuildError, Health, HttpUpstreamBuilder};

/// One MCP server behind HTTP, as a service.
///
/// Clones share the connections, the circuit and the retry budget, and are cheap. The service is always ready: how many
/// calls run at once is for a layer outside to limit, such as tower's `ConcurrencyLimit`.
///
/// Dropping the future, or the [`Reply`] it gave, cancels the call: the connection is closed or the stream reset, which
/// is how a 2026-07-28 server learns of it.
///
/// See the [crate documentation](crate) for an example.
#[derive(Clone)]
pub struct HttpUpstream {
    inner: Encode<Transport>,
    uri: Arc<Uri>,
}

impl HttpUpstream {
    /// Starts with the URL of the server's MCP endpoint.
    ///
    /// # Errors
    ///
    /// A URL that is not absolute, is not of `http` or `https`, or holds credentials or a fragment.
    pub fn builder(url: &str) -> Result<HttpUpstreamBuilder, BuildError> {
        HttpUpstreamBuilder::new(url)
    }

    pub(crate) fn new(inner: Encode<Transport>, uri: Uri) -> Self {
        Self { inner, uri: Arc::new(uri) }
    }

    /// How the server is doing, as far as the calls made so far can tell.
    #[must_use]
    pub fn health(&self) -> Health {
        self.core().breaker.health()
    }

    fn core(&self) -> &Core {
        &self.inner.get_ref().core
    }
}

impl Service<Call> for HttpUpstream {
    type Response = Reply;
    type Error = Failure;
    type Future = UpstreamFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: Call) -> UpstreamFuture {
        let nature = match (call.method(), effect(call.method())) {
            ("subscriptions/listen", _) => Some(Nature::Listen),
            (_, Effect::Read) => Some(Nature::Read(call.message().text().clone())),
            (_, Effect::Any) => None,
        };
        match nature {
            Some(nature) => drop(call.extensions_mut().insert(nature)),
            None => drop(call.extensions_mut().remove::<Nature>()),
        }
        UpstreamFuture { inner: self.inner.call(call) }
    }
}

/// Shows where calls go and which headers go with them; no value, no query.
impl std::fmt::Debug for HttpUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpUpstream")
            .field("scheme", &self.uri.scheme_str())
            .field("authority", &self.uri.authority().map(http::uri::Authority::as_str))
            .field("path", &self.uri.path())
            .field("headers", &self.core().headers.keys().collect::<Vec<_>>())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// Waits for the head of the answer, and for its body too where it is JSON.
#[must_use = "futures do nothing unless polled"]
pub struct UpstreamFuture {
    inner: EncodeFuture,
}

impl Future for UpstreamFuture {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

impl std::fmt::Debug for UpstreamFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamFuture").finish_non_exhaustive()
    }
}

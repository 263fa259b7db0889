use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use portcullis_core::{Body, BoxError, Trail, Verdict};
use portcullis_mcp_jsonrpc::{Call, Decode, DecodeFuture, Reply};
use tower_service::Service;

use super::get::get;
use super::post::post;
use super::route::{Route, route};
use super::shared::Shared;

/// The name under which refusals and failures go on the trail.
pub(crate) const LAYER: &str = "mcp-legacy";

/// A message-level service as an HTTP service for clients of both eras; see [`FrontLayer`](super::FrontLayer).
#[derive(Debug)]
pub struct Front<S> {
    decode: Decode<S>,
    shared: Arc<Shared>,
}

impl<S> Front<S> {
    pub(super) fn new(decode: Decode<S>, shared: Shared) -> Self {
        Self { decode, shared: Arc::new(shared) }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        self.decode.get_ref()
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        self.decode.get_mut()
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.decode.into_inner()
    }

    /// How many sessions are held in memory now: those of which something would be lost, and those that were used a
    /// moment ago. All others live in their ids alone.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.table.len()
    }
}

/// A clone is not ready, whatever the original is. It serves the same sessions.
impl<S: Clone> Clone for Front<S> {
    fn clone(&self) -> Self {
        Self { decode: self.decode.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S, B> Service<Request<B>> for Front<S>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = FrontFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<B>>::poll_ready(&mut self.decode, cx)
    }

    fn call(&mut self, request: Request<B>) -> FrontFuture {
        let route = route(request.method(), request.headers());
        if route == Route::Decode {
            return FrontFuture { inner: Inner::Decode(self.decode.call(request)) };
        }
        let clone = self.decode.clone();
        let ready = std::mem::replace(&mut self.decode, clone);
        let shared = Arc::clone(&self.shared);
        FrontFuture { inner: Inner::Serve(Box::pin(serve(shared, ready, route, request))) }
    }
}

async fn serve<S, B>(
    shared: Arc<Shared>,
    decode: Decode<S>,
    route: Route,
    request: Request<B>,
) -> Response<Body>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (mut head, body) = request.into_parts();
    let trail = Trail::enter(&mut head.extensions);
    let served = match route {
        Route::Get => get(&shared, decode.into_inner(), head),
        Route::Delete => {
            let host = shared.decode.check_host(&head);
            host.and_then(|()| shared.delete(&head)).map(|()| Response::new(Body::empty()))
        }
        Route::Post | Route::Decode => post(&shared, decode, head, body).await,
    };
    served.unwrap_or_else(|rejection| {
        trail.record(LAYER, Verdict::Refuse(rejection.to_refusal()));
        rejection.into_response()
    })
}

/// Waits for the head of the response. The reply streams on in the response's body.
pub struct FrontFuture {
    inner: Inner,
}

enum Inner {
    Decode(DecodeFuture),
    Serve(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Future for FrontFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().inner {
            Inner::Decode(future) => Pin::new(future).poll(cx),
            Inner::Serve(future) => future.as_mut().poll(cx).map(Ok),
        }
    }
}

impl std::fmt::Debug for FrontFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrontFuture").finish_non_exhaustive()
    }
}

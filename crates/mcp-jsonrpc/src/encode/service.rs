use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use portcullis_core::{Body, BoxError};
use tower_service::Service;

use super::layer::Settings;
use super::{request, response};
use crate::{Call, Failure, Reply};

/// An HTTP service as a message-level service; see [`EncodeLayer`](super::EncodeLayer).
#[derive(Clone, Debug)]
pub struct Encode<S> {
    inner: S,
    settings: Settings,
}

impl<S> Encode<S> {
    pub(super) fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Call> for Encode<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Reply;
    type Error = Failure;
    type Future = EncodeFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(|error| Failure::from_error(error.into()))
    }

    fn call(&mut self, call: Call) -> EncodeFuture {
        let settings = self.settings.clone();
        let to = call.reply_to("mcp-jsonrpc");
        let sent =
            request::from_call(call, settings.target.as_deref()).map(|request| self.inner.call(request));
        EncodeFuture {
            inner: Box::pin(async move {
                let response = sent?.await.map_err(|error| Failure::from_error(error.into()))?;
                response::to_reply(response, to, &settings).await
            }),
        }
    }
}

/// Waits for the head of the response, and for the body too where it is JSON.
pub struct EncodeFuture {
    inner: Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>,
}

impl Future for EncodeFuture {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for EncodeFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncodeFuture").finish_non_exhaustive()
    }
}

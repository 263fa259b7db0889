use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::body::ResponseBody;
use crate::future::ResponseFuture;
use crate::gate::{Gate, Met};

/// Lets only requests of verified callers through. Made by [`AuthnLayer`](crate::AuthnLayer).
///
/// Readiness is that of the inner service. A request that is refused gives the permit that readiness stood for back
/// when the instance is dropped or called again, as tower asks of those who do not call.
#[derive(Clone, Debug)]
pub struct Authn<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> Authn<S> {
    pub(crate) fn new(inner: S, gate: Arc<Gate>) -> Self {
        Self { inner, gate }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the service out.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Authn<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, Request<B>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.gate.meet(&request) {
            Met::Answer(response) => ResponseFuture::answer(response),
            Met::Know(admission) => {
                let watch = self.gate.admit(&mut request, admission);
                ResponseFuture::inner(self.inner.call(request), Arc::clone(&self.gate), watch)
            }
            Met::Ask(question) => {
                // The instance that is ready goes along with the request; the next one has to become ready again.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                let verdict = Box::pin(Arc::clone(&self.gate).ask(question));
                ResponseFuture::ask(verdict, request, ready, Arc::clone(&self.gate))
            }
        }
    }
}

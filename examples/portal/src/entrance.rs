//! Who may come in: callers that an issuer vouches for, or everybody where no issuer is configured.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use portcullis_authn::{Authn, AuthnLayer};
use portcullis_core::Body;
use tower_layer::Layer;
use tower_service::Service;

/// Puts authentication in front of a service, if there is any.
#[derive(Clone, Debug)]
pub(crate) struct EntranceLayer {
    authn: Option<AuthnLayer>,
}

impl EntranceLayer {
    pub(crate) fn new(authn: Option<AuthnLayer>) -> Self {
        Self { authn }
    }
}

impl<S> Layer<S> for EntranceLayer {
    type Service = Entrance<S>;

    fn layer(&self, inner: S) -> Entrance<S> {
        match &self.authn {
            Some(authn) => Entrance::Guarded(authn.layer(inner)),
            None => Entrance::Open(inner),
        }
    }
}

/// See [`EntranceLayer`]. Readiness is that of the inner service.
#[derive(Clone, Debug)]
pub(crate) enum Entrance<S> {
    Open(S),
    Guarded(Authn<S>),
}

impl<S> Entrance<S> {
    /// What callers reach once they are in.
    pub(crate) fn get_ref(&self) -> &S {
        match self {
            Self::Open(inner) => inner,
            Self::Guarded(authn) => authn.get_ref(),
        }
    }
}

impl<S, B> Service<Request<B>> for Entrance<S>
where
    S: Service<Request<B>, Response = Response<Body>> + Clone,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, <Authn<S> as Service<Request<B>>>::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        match self {
            Self::Open(inner) => inner.poll_ready(cx),
            Self::Guarded(authn) => authn.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self {
            Self::Open(inner) => ResponseFuture::Open { future: inner.call(request) },
            Self::Guarded(authn) => ResponseFuture::Guarded { future: authn.call(request) },
        }
    }
}

pin_project! {
    /// The response, in one type of body.
    #[project = Projected]
    #[derive(Debug)]
    pub(crate) enum ResponseFuture<F, G> {
        Open { #[pin] future: F },
        Guarded { #[pin] future: G },
    }
}

impl<F, G, B, E> Future for ResponseFuture<F, G>
where
    F: Future<Output = Result<Response<Body>, E>>,
    G: Future<Output = Result<Response<B>, E>>,
    B: Into<Body>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Open { future } => future.poll(cx),
            Projected::Guarded { future } => {
                Poll::Ready(ready!(future.poll(cx)).map(|response| response.map(Into::into)))
            }
        }
    }
}

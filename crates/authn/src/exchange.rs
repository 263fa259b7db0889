//! The endpoint where callers exchange their token for a Biscuit, as a layer behind [`AuthnLayer`](crate::AuthnLayer).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use pin_project_lite::pin_project;
use portcullis_core::BoxError;
use tower_layer::Layer;
use tower_service::Service;

use crate::biscuit::{Exchange, Subject};
use crate::gate::Gate;
use crate::verdicts::Admission;
use crate::{AuthnLayer, BoxFuture, ConfigError};

impl AuthnLayer {
    /// A layer that answers at the exchange's path, for the callers that this one lets in. It must stand inside of this
    /// one; everything else goes through it unchanged.
    ///
    /// # Errors
    ///
    /// If tokens are not [handed on](crate::AuthnBuilder::hand_on_tokens): the exchange has to see them.
    pub fn exchange(&self, exchange: Exchange) -> Result<ExchangeLayer, ConfigError> {
        match self.gate().hand_on_tokens {
            true => Ok(ExchangeLayer { desk: Arc::new(exchange), gate: Arc::clone(self.gate()) }),
            false => Err(ConfigError::new("exchange", "", "needs tokens that are handed on")),
        }
    }
}

/// Answers where tokens are exchanged. Made by [`AuthnLayer::exchange`].
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct ExchangeLayer {
    desk: Arc<Exchange>,
    gate: Arc<Gate>,
}

impl<S> Layer<S> for ExchangeLayer {
    type Service = ExchangeService<S>;

    fn layer(&self, inner: S) -> ExchangeService<S> {
        ExchangeService { inner, layer: self.clone() }
    }
}

/// See [`ExchangeLayer`]. Readiness is that of the inner service.
#[derive(Clone, Debug)]
pub struct ExchangeService<S> {
    inner: S,
    layer: ExchangeLayer,
}

impl<S> ExchangeService<S> {
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

impl<S, B, R> Service<Request<B>> for ExchangeService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ExchangeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.layer.desk.serves(request.uri().path()) {
            false => ExchangeFuture::Inner { future: self.inner.call(request) },
            true => ExchangeFuture::Desk { answer: Box::pin(self.layer.clone().answer(request)) },
        }
    }
}

impl ExchangeLayer {
    async fn answer<B>(self, request: Request<B>) -> Response<Bytes>
    where
        B: Body<Error: Into<BoxError>> + Send,
        B::Data: Send,
    {
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
            return response;
        }
        let Some(admission) = head.extensions.get::<Arc<Admission>>() else {
            return status(StatusCode::UNAUTHORIZED);
        };
        let Some(token) = &admission.subject else { return status(StatusCode::FORBIDDEN) };
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        let body = Limited::new(body, Exchange::MAX_BODY).collect();
        let form = match tokio::time::timeout(self.gate.verify_timeout, body).await {
            Ok(Ok(form)) => form.to_bytes(),
            Ok(Err(_)) => return status(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => return status(StatusCode::REQUEST_TIMEOUT),
        };
        let subject = Subject::new(&admission.principal, token.secret().expose(), admission.end)
            .bound(admission.binding.is_some())
            .limited(admission.allowance.is_some());
        self.desk.answer(&subject, &self.gate.audience, &form, (self.gate.clock)())
    }
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

pin_project! {
    /// The answer of the exchange, or of the service inside.
    #[project = Projected]
    #[must_use = "futures do nothing unless polled"]
    pub enum ExchangeFuture<F> {
        /// Somebody exchanges a token.
        #[doc(hidden)]
        Desk { answer: BoxFuture<'static, Response<Bytes>> },
        /// The request is for somebody else.
        #[doc(hidden)]
        Inner { #[pin] future: F },
    }
}

impl<F, R, E> Future for ExchangeFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Desk { answer } => answer.as_mut().poll(cx).map(|answer| Ok(answer.map(R::from))),
            Projected::Inner { future } => future.poll(cx),
        }
    }
}

impl<F> std::fmt::Debug for ExchangeFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangeFuture").finish_non_exhaustive()
    }
}

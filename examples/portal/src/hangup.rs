//! Ends the streams on which clients of 2025 wait for changes, when this process or this set-up is about to go.
//!
//! Such a client holds a GET open that has no end of its own. Inside it is a `subscriptions/listen`, and what
//! [`farewell`](crate::farewell) says when it ends that stays inside, because past revisions have no word for it. A drain
//! would wait for the GET in vain, and after a reload the client would listen to servers that nobody offers any more. So
//! the stream just ends, which those revisions allow at any time (2025-11-25, Transports, "Listening for Messages from
//! the Server"): clients come back, to whoever then serves the address, in the same session.
//!
//! A GET may also go on with the stream of a call. That one is left alone: it ends with its answer. The front tells the
//! two apart.

#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use portcullis_core::{Body, BoxError};
use portcullis_mcp_legacy::front::ChangeStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tower_layer::Layer;
use tower_service::Service;

/// Ends streams of changes when `end` is cancelled.
#[derive(Clone, Debug)]
pub(crate) struct HangUpLayer {
    end: CancellationToken,
}

impl HangUpLayer {
    pub(crate) fn new(end: CancellationToken) -> Self {
        Self { end }
    }
}

impl<S> Layer<S> for HangUpLayer {
    type Service = HangUp<S>;

    fn layer(&self, inner: S) -> HangUp<S> {
        HangUp { inner, end: self.end.clone() }
    }
}

/// See [`HangUpLayer`]. Readiness is that of the inner service.
#[derive(Clone, Debug)]
pub(crate) struct HangUp<S> {
    inner: S,
    end: CancellationToken,
}

impl<S> HangUp<S> {
    pub(crate) fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B> Service<Request<B>> for HangUp<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ResponseFuture { end: self.end.clone(), inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The response, whose body ends early if it is a stream of changes.
    #[derive(Debug)]
    pub(crate) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        end: CancellationToken,
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(match response.extensions().get::<ChangeStream>() {
            Some(ChangeStream) => {
                let end = Box::pin(this.end.clone().cancelled_owned());
                response.map(|body| Body::new(Ending { body, end }))
            }
            None => response,
        }))
    }
}

pin_project! {
    /// A body that is over as soon as the end is near and it has nothing more to say at the moment.
    struct Ending {
        #[pin]
        body: Body,
        end: Pin<Box<WaitForCancellationFutureOwned>>,
    }
}

impl HttpBody for Ending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        match this.body.poll_frame(cx) {
            Poll::Pending => this.end.as_mut().poll(cx).map(|()| None),
            frame @ Poll::Ready(_) => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // How much comes depends on when the end does.
        SizeHint::default()
    }
}

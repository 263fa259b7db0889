//! The front door: from a request on any connection to the portal it is for, or to a health page.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use portcullis_core::Body;
use tower::ServiceExt;
use tower::util::Oneshot;

use crate::gateway::Live;
use crate::health;
use crate::stack::Stack;
use crate::unread::ReadToEnd;

/// Answers the requests of all connections of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    live: Arc<Live>,
    portals: bool,
    health: bool,
}

impl Front {
    /// Serves the portals, and health if nobody else does.
    pub(crate) fn portals(live: Arc<Live>, health: bool) -> Self {
        Self { live, portals: true, health }
    }

    /// Serves health and nothing else.
    pub(crate) fn health(live: Arc<Live>) -> Self {
        Self { live, portals: false, health: true }
    }

    fn health_page(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let page = match request.uri().path() {
            "/healthz" if self.health => health::alive(),
            "/readyz" if self.health => health::ready(&self.live),
            _ => return None,
        };
        Some(match *request.method() {
            Method::GET | Method::HEAD => page,
            _ => text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.\n"),
        })
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, request: Request<Incoming>) -> ResponseFuture {
        if let Some(page) = self.health_page(&request) {
            return ResponseFuture::Done { response: Some(page) };
        }
        if self.portals
            && let Some(running) = self.live.gateway().routes.find(request.uri(), request.headers())
        {
            let request = request.map(ReadToEnd::new);
            return ResponseFuture::Stack { inner: running.stack.clone().oneshot(request) };
        }
        ResponseFuture::Done { response: Some(text(StatusCode::NOT_FOUND, "No portal is served here.\n")) }
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

pin_project! {
    /// Waits for the portal, if one was found.
    #[project = Projected]
    #[derive(Debug)]
    pub(crate) enum ResponseFuture {
        Stack { #[pin] inner: Oneshot<Stack, Request<ReadToEnd>> },
        Done { response: Option<Response<Body>> },
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Stack { inner } => inner.poll(cx),
            // hyper never polls again what has answered.
            Projected::Done { response } => {
                response.take().map_or(Poll::Pending, |done| Poll::Ready(Ok(done)))
            }
        }
    }
}
